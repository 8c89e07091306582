package storage

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/dgraph-io/badger/v4"
	"github.com/klauspost/compress/zstd"

	"tallyd/metrics"
)

// A backup is one stream:
//
//	tallyd backup 1\n                       what it is, and its format
//	{"site":…,"at":…,"store_format":1}\n    Head
//	zstd frame                              files, then records, then Counts
//	sha256 HEX\n                            of everything before this line
//
// so that head -n 2 shows what it is, and head -c -72 FILE | sha256sum proves it
// whole. In the frame a file or record is the length of its name or key, that,
// the length of its content, that (lengths as uvarints); a file's name is led by
// a zero byte, which no key begins with; an empty name ends them, and its content
// is Counts as JSON. Records are in the order in which they lie in the
// store (layout.go), under their keys.
const (
	backupMagic  = "tallyd backup "
	backupFormat = 1
	sumPrefix    = "sha256 "
	sumLine      = len(sumPrefix) + 2*sha256.Size + 1
	fileMark     = 0
)

// Head tells what a backup is of.
type Head struct {
	Site        string         `json:"site"`
	At          metrics.Millis `json:"at_ms"` // when it was begun
	StoreFormat int            `json:"store_format"`
}

// Counts are how many records of each kind a backup has.
type Counts struct {
	Rollups  int64 `json:"rollups"`
	Contacts int64 `json:"contacts"`
	Seals    int64 `json:"seals"`
	Facts    int64 `json:"facts"`
	Other    int64 `json:"other"` // indexes, metadata, what was forgotten
	Files    int64 `json:"files"`
}

func (c *Counts) add(key []byte) {
	switch key[0] {
	case rollupKey:
		c.Rollups++
	case contactKey:
		c.Contacts++
	case sealKey:
		c.Seals++
	case factKey:
		c.Facts++
	case fileMark:
		c.Files++
	default:
		c.Other++
	}
}

// backupWriter writes a backup.
type backupWriter struct {
	sum    hash.Hash
	zip    *zstd.Encoder
	out    io.Writer // to both of the destination and sum
	to     io.Writer
	buf    *bufio.Writer
	counts Counts
	head   [2 * binary.MaxVarintLen64]byte
}

// Backup writes the whole store, as it is at one moment, and some files beside
// it, by name. Storing goes on meanwhile. It takes some megabytes of memory,
// however large the store is.
func (s *Store) Backup(ctx context.Context, to io.Writer, h Head, files map[string][]byte) (Counts, error) {
	notes, err := s.sound(ctx)
	if err != nil {
		return Counts{}, err
	}
	v, err := s.settled()
	if err != nil {
		return Counts{}, err
	}
	defer v.Close()
	h.StoreFormat = formatNumber
	w, err := newBackupWriter(to, h)
	if err != nil {
		return Counts{}, err
	}
	for _, list := range []map[string][]byte{files, notes} {
		for _, name := range slices.Sorted(maps.Keys(list)) {
			if err := w.put(append([]byte{fileMark}, name...), list[name]); err != nil {
				return Counts{}, err
			}
		}
	}
	it := v.txn.NewIterator(badger.IteratorOptions{PrefetchValues: true, PrefetchSize: 64})
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		if err := ctx.Err(); err != nil {
			return Counts{}, err
		}
		item := it.Item()
		key := keyAt(item.Key())
		if ofFolder(key) {
			continue
		}
		if err := item.Value(func(value []byte) error { return w.put(key, value) }); err != nil {
			return Counts{}, err
		}
	}
	return w.counts, w.close()
}

// ofFolder tells whether a record is the folder's and not of what is stored.
func ofFolder(key []byte) bool {
	return key[0] == fileMark || bytes.Equal(key, metadata(metaLineage)) || bytes.Equal(key, metadata(metaLayout)) // the first is flushKey
}

// settled is a snapshot of a moment at which nothing is half stored.
func (s *Store) settled() (*Snapshot, error) {
	s.write.Lock()
	defer s.write.Unlock()
	return s.Snapshot()
}

// sound reads every table through, for reading over a damaged block would leave
// out what follows it, and returns the notes of what was lost before: a backup
// keeps them.
func (s *Store) sound(ctx context.Context) (notes map[string][]byte, err error) {
	if err := s.checkAll(ctx, math.MaxInt64); err != nil && !errors.Is(err, ErrDamaged) {
		return nil, err
	}
	s.lostMu.RLock()
	defer s.lostMu.RUnlock()
	notes = map[string][]byte{}
	for _, d := range s.damages {
		if d.Kept == "" {
			return nil, fmt.Errorf("%w: %s; it is replaced when the folder is opened again", ErrDamaged, filepath.Join(s.cfg.Dir, d.File))
		}
		b, err := os.ReadFile(d.note)
		if err != nil {
			return nil, fmt.Errorf("file %q cannot be read: %w", d.note, reason(err))
		}
		notes[damagedFolder+"/"+filepath.Base(d.note)] = b
	}
	return notes, nil
}

func newBackupWriter(to io.Writer, h Head) (*backupWriter, error) {
	head, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	w := &backupWriter{sum: sha256.New(), to: to}
	w.out = io.MultiWriter(to, w.sum)
	if _, err := fmt.Fprintf(w.out, "%s%d\n%s\n", backupMagic, backupFormat, head); err != nil {
		return nil, err
	}
	// One block after the other, so that the same records give the same bytes.
	w.zip, err = zstd.NewWriter(w.out, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
	w.buf = bufio.NewWriterSize(w.zip, 64<<10)
	return w, err
}

func (w *backupWriter) put(key, value []byte) error {
	w.counts.add(key)
	return w.raw(key, value)
}

func (w *backupWriter) raw(key, value []byte) error {
	for _, part := range [][]byte{key, value} {
		n := binary.PutUvarint(w.head[:], uint64(len(part)))
		if _, err := w.buf.Write(w.head[:n]); err != nil {
			return err
		}
		if _, err := w.buf.Write(part); err != nil {
			return err
		}
	}
	return nil
}

func (w *backupWriter) close() error {
	counts, err := json.Marshal(w.counts)
	if err != nil {
		return err
	}
	if err := w.raw(nil, counts); err != nil {
		return err
	}
	if err := w.buf.Flush(); err != nil {
		return err
	}
	if err := w.zip.Close(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w.to, "%s%s\n", sumPrefix, hex.EncodeToString(w.sum.Sum(nil)))
	return err
}
