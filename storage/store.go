package storage

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"

	"tallyd/metrics"
)

var (
	// ErrClosed is returned by every call on a store that was closed.
	ErrClosed = errors.New("the store is closed")
	// ErrReadOnly is returned by writes to a store that was opened for reading.
	ErrReadOnly = errors.New("the store is open for reading only")
)

// Config says where the records are.
type Config struct {
	// Dir is the folder; it is made if it does not exist.
	Dir string
	// Logger receives what Badger reports; nil for nowhere.
	Logger *slog.Logger
	// ReadOnly opens an existing folder without changing anything in it. It must
	// have been closed in order, and any number of readers may share it.
	ReadOnly bool

	space func(dir string) (space, error) // nil for the filesystem's own
}

// Store is the folder, open. Any goroutine may call its methods; writes queue.
type Store struct {
	cfg Config
	db  *badger.DB

	// write is held by whoever changes something, from the first key to the
	// sync: Badger syncs only its newest memtable, so nothing may be written
	// between a transaction and its sync.
	write      sync.Mutex
	lastWrites atomic.Bool // UseReserve was called
	staged     bool        // an oversized PutSealed was interrupted by an error

	// view is held for reading while a snapshot is taken, and for writing while
	// an oversized PutSealed is unpacked: no snapshot sees a part of it.
	view    sync.RWMutex
	closed  bool
	readers sync.WaitGroup

	checking sync.Mutex // held while a table is read through
	// lostMu guards what is known of damaged tables.
	lostMu    sync.RWMutex
	damages   []damage
	unchecked map[string]bool // tables that were not read through yet

	forgetting sync.Mutex // held by the one forgetting that there may be
	sealing    sync.Mutex // held by the one sealing of scores that there may be
	compacting sync.Mutex // held by Compact

	sharing sync.Mutex
	shares  map[string]Usage // of tables, by their name; they never change
}

// reason strips the path, which the caller's error names already.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// number reads a metadata number.
func (s *Store) number(name string) (n int64, found bool, err error) {
	err = s.db.View(func(txn *badger.Txn) error {
		n, found, err = readNumber(txn, name)
		return err
	})
	return n, found, err
}

func readNumber(txn *badger.Txn, name string) (int64, bool, error) {
	item, err := get(txn, metadata(name))
	if errors.Is(err, badger.ErrKeyNotFound) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	var n int64
	err = item.Value(func(b []byte) error {
		v, read := binary.Varint(b)
		if read != len(b) {
			return fmt.Errorf("metadata %q is %q, not a number", name, b)
		}
		n = v
		return nil
	})
	return n, err == nil, err
}

// setNumber writes a metadata number through to the disk.
func (s *Store) setNumber(name string, n int64) error {
	err := s.db.Update(func(txn *badger.Txn) error {
		return txn.Set(metadata(name), binary.AppendVarint(nil, n))
	})
	if err != nil {
		return err
	}
	return s.db.Sync()
}

// writable takes the writer's place, to store something; the caller gives it
// back.
func (s *Store) writable() error {
	if s.lastWrites.Load() {
		return s.writableWith(clearingReserve)
	}
	return s.writableWith(Reserve)
}

// UseReserve lets what is stored from now on use most of what is kept free of
// the disk: the caller has little left to store, and will close the store.
func (s *Store) UseReserve() { s.lastWrites.Store(true) }

// clearable takes the writer's place, to delete something or to make room.
func (s *Store) clearable() error { return s.writableWith(clearingReserve) }

func (s *Store) writableWith(free int64) error {
	if s.cfg.ReadOnly {
		return ErrReadOnly
	}
	if err := s.cfg.room(free); err != nil {
		return err
	}
	s.write.Lock()
	s.view.RLock()
	defer s.view.RUnlock()
	if s.closed {
		s.write.Unlock()
		return ErrClosed
	}
	return nil
}

// Size is what the store takes on the disk, in bytes: the sorted tables with
// their write-ahead logs, and the value log. (Badger's own figure needs its
// metrics, which are off: they are global to the process.)
func (s *Store) Size() (lsm, vlog int64) {
	files, err := os.ReadDir(s.cfg.Dir)
	if err != nil {
		return 0, 0
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			continue // compacted away meanwhile
		}
		size := sizeOnDisk(info)
		switch filepath.Ext(f.Name()) {
		case ".sst", ".mem":
			lsm += size
		case ".vlog":
			vlog += size
		}
	}
	return lsm, vlog
}

// maxRewrites bounds what one GC call rewrites: 32 MB each.
const maxRewrites = 8

// GC gives back the space of value-log files that are mostly garbage. Records
// below one megabyte live in the tables, so there is seldom anything to do.
func (s *Store) GC(ctx context.Context) error {
	for range maxRewrites {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.clearable(); err != nil {
			return err
		}
		err := s.db.RunValueLogGC(0.5)
		s.write.Unlock()
		if errors.Is(err, badger.ErrNoRewrite) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the value log cannot be compacted: %w", err)
		}
	}
	return nil
}

// Close waits for open reads and closes the folder.
func (s *Store) Close() error {
	s.write.Lock()
	defer s.write.Unlock()
	s.view.Lock()
	if s.closed {
		s.view.Unlock()
		return nil
	}
	s.closed = true
	s.view.Unlock()
	s.readers.Wait()
	if err := s.closeFolder(); err != nil {
		return fmt.Errorf("folder %q cannot be closed: %w", s.cfg.Dir, err)
	}
	return nil
}

// Seal tells of one PutSealed that is stored.
type Seal struct {
	Interval   metrics.Interval
	Switch     string
	Revision   uint32 // counts what was put for this interval and switch, from 0
	Correction bool
	Evidence   bool // spans of states and open visits were put, too
	Rollups    int
	Contacts   int
}

const (
	sealCorrection = 1 << iota
	sealEvidence
	sealScores
)
