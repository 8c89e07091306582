package storage

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/dgraph-io/badger/v4/y"
)

// What was stored since the last table was written is in a log, NNNNN.mem, one
// commit after the other: entries with a checksum each, the last one marking the
// commit's end, then zeros. When the folder was not closed in order, Badger
// reads the log up to the first entry that is wrong, and cuts it there.
//
// That is right for the last commit, which a crash may have torn: it was not
// acknowledged. It is wrong for damage before that: every commit is synced
// before the next one begins, so a commit that is followed by another was
// acknowledged, and so were those that follow. The latter are kept here.

const (
	logHeader     = 20 // of the file: key number and nonce, both unused
	entryDeleted  = 1 << 0
	entryInCommit = 1 << 6
	entryEnds     = 1 << 7 // a commit
)

var commitMark = []byte("!badger!txn")

// logContent is what a log holds.
type logContent struct {
	end   int            // of the last commit before anything wrong
	lost  int            // commits that were acknowledged and cannot be read
	after []loggedCommit // whole commits behind the first lost one
}

type loggedCommit []change

// readLog reads a log's content.
func readLog(b []byte) *logContent {
	l := &logContent{end: min(logHeader, len(b))}
	var commit loggedCommit
	for at := l.end; ; {
		e, n := readEntry(b[at:])
		if n == 0 {
			next := nextMark(b, at)
			if next == 0 {
				return l
			}
			l.lost++
			at, commit = next, nil
			continue
		}
		at += n
		if e.meta&entryEnds == 0 {
			c := change{key: keyAt(e.key)}
			if e.meta&entryDeleted == 0 {
				c.value = append([]byte{}, e.value...) // not nil where it is empty
			}
			commit = append(commit, c)
		}
		if e.meta&entryInCommit != 0 {
			continue
		}
		if l.lost > 0 {
			l.after = append(l.after, commit)
		} else {
			l.end = at
		}
		commit = nil
	}
}

type logEntry struct {
	meta       byte
	key, value []byte // the key without its version
}

// readEntry reads the entry that b begins with and tells its length, 0 where
// there is none or it is wrong.
func readEntry(b []byte) (e logEntry, length int) {
	if len(b) < 5 {
		return e, 0
	}
	e.meta = b[0]
	at := 2
	var sizes [3]uint64 // of the key, of the value, and the time to live
	for i := range sizes {
		v, n := binary.Uvarint(b[at:])
		if n <= 0 {
			return e, 0
		}
		sizes[i], at = v, at+n
	}
	left := uint64(len(b) - at)
	if sizes[0] < 8 || sizes[0] > left || sizes[1] > left-sizes[0] || left-sizes[0]-sizes[1] < 4 {
		return e, 0
	}
	key := b[at : at+int(sizes[0])]
	at += len(key)
	e.key, e.value = y.ParseKey(key), b[at:at+int(sizes[1])]
	at += len(e.value)
	if binary.BigEndian.Uint32(b[at:]) != crc32.Checksum(b[:at], castagnoli) {
		return e, 0
	}
	if e.meta&entryEnds != 0 && string(e.value) != strconv.FormatUint(y.ParseTs(key), 10) {
		return e, 0
	}
	return e, at + 4
}

// nextMark finds the end of the next commit's end at or behind a place, 0 if
// there is none.
func nextMark(b []byte, at int) int {
	const before = 5 // the header of a mark: its key and value are short
	for at < len(b) {
		i := bytes.Index(b[at:], commitMark)
		if i < 0 {
			return 0
		}
		if begin := at + i - before; begin >= logHeader {
			if e, n := readEntry(b[begin:]); n > 0 && e.meta&entryEnds != 0 {
				return begin + n
			}
		}
		at += i + len(commitMark)
	}
	return 0
}

// checkLogs reads the logs of a folder that was not closed in order, before
// Badger cuts them, and keeps those from which more is missing than the last
// commit.
func checkLogs(c *Config) error {
	logs, err := wholeLogs(c)
	if err != nil {
		return err
	}
	if c.ReadOnly && len(logs) > 0 {
		return fmt.Errorf("folder %q was not closed in order: open it once for writing", c.Dir)
	}
	for i, file := range logs {
		b, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("file %q cannot be read: %w", file, reason(err))
		}
		l := readLog(b)
		if l.lost == 0 {
			// Badger cuts it there too, but a torn length can end the process before.
			if err := os.Truncate(file, int64(l.end)); err != nil {
				return fmt.Errorf("file %q cannot be cut: %w", file, reason(err))
			}
			continue
		}
		d := damage{File: filepath.Base(file), What: []string{fmt.Sprintf("%d writes shortly before the folder was last left", l.lost)}}
		// What follows it in another log may have changed the same records.
		d.Again = i == len(logs)-1 && len(l.after) > 0
		if err := d.keepLog(c.Dir, file, bytes.TrimRight(b, "\x00"), l.end); err != nil {
			return fmt.Errorf("file %q is damaged, and cannot be set aside: %w", file, reason(err))
		}
	}
	return nil
}

// wholeLogs lists the logs in order. Those, and value logs, that a crash left
// without even a head are removed: Badger would not open the folder.
func wholeLogs(c *Config) (logs []string, err error) {
	files, err := os.ReadDir(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("folder %q cannot be read: %w", c.Dir, reason(err))
	}
	for _, f := range files {
		ext := filepath.Ext(f.Name())
		if ext != ".mem" && ext != ".vlog" {
			continue
		}
		name := filepath.Join(c.Dir, f.Name())
		info, err := f.Info()
		if err == nil && info.Size() < logHeader && !c.ReadOnly {
			err = os.Remove(name)
		} else if ext == ".mem" {
			logs = append(logs, name)
		}
		if err != nil {
			return nil, fmt.Errorf("file %q is empty, and cannot be removed: %w", name, reason(err))
		}
	}
	return logs, nil
}

// keepLog sets a log's content aside, and cuts the log where Badger would.
func (d *damage) keepLog(dir, file string, content []byte, end int) error {
	if err := d.keep(dir, file, content); err != nil {
		return err
	}
	return os.Truncate(file, int64(end))
}

// keep sets a file's content aside, and writes the note.
func (d *damage) keep(dir, file string, content []byte) error {
	aside := filepath.Join(dir, damagedFolder)
	if err := os.MkdirAll(aside, 0o700); err != nil {
		return err
	}
	d.note = freeName(aside, strings.TrimSuffix(d.File, filepath.Ext(d.File)))
	d.Kept = strings.TrimSuffix(filepath.Base(d.note), noteSuffix) + filepath.Ext(file)
	if err := WriteFile(filepath.Join(aside, d.Kept), content); err != nil {
		return err
	}
	return d.write()
}

// storeAgain stores the commits that followed the lost ones of a log.
func (s *Store) storeAgain(ctx context.Context, d *damage) error {
	b, err := os.ReadFile(filepath.Join(filepath.Dir(d.note), d.Kept))
	if err != nil {
		return err
	}
	s.write.Lock()
	defer s.write.Unlock()
	for _, commit := range readLog(b).after {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.commitParts(commit); err != nil {
			return err
		}
	}
	d.Again = false
	return d.write()
}
