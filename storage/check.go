package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/badger/v4/y"

	"tallyd/metrics"
)

// checkRate bounds, in bytes a second, how fast Check reads: the disk is the
// switch's too.
const checkRate = 50 << 20

// Check reads every table file through, and takes down what damaged ones held:
// reading that is an error from then on, and the next Open replaces the file.
// The error names the files that were found damaged now.
func (s *Store) Check(ctx context.Context) error { return s.checkAll(ctx, checkRate) }

func (s *Store) checkAll(ctx context.Context, rate int64) error {
	if err := s.reading(); err != nil {
		return err
	}
	defer s.readers.Done()
	var errs []error
	for _, info := range s.db.Tables() {
		pause := time.NewTimer(time.Duration(float64(info.OnDiskSize) / float64(rate) * float64(time.Second)))
		if err := s.checkTable(info, true); err != nil {
			errs = append(errs, err)
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return errors.Join(append(errs, ctx.Err())...)
		}
	}
	s.lostMu.Lock()
	clear(s.unchecked) // what is left was compacted away
	s.lostMu.Unlock()
	return errors.Join(errs...)
}

// checkLazily checks the tables that were not checked yet and may hold keys
// between from (inclusive) and to (exclusive).
func (s *Store) checkLazily(from, to []byte) error {
	s.lostMu.RLock()
	all := len(s.unchecked) == 0
	s.lostMu.RUnlock()
	if all {
		return nil
	}
	for _, info := range s.db.Tables() {
		if bytes.Compare(y.ParseKey(info.Left), to) >= 0 || bytes.Compare(y.ParseKey(info.Right), from) < 0 {
			continue
		}
		if err := s.checkTable(info, false); err != nil && !errors.Is(err, ErrDamaged) {
			return err
		}
	}
	return nil
}

// checkTable checks one table, the first time or again. The error wraps
// ErrDamaged where it is found damaged now.
func (s *Store) checkTable(info badger.TableInfo, again bool) error {
	s.checking.Lock()
	defer s.checking.Unlock()
	name := table.IDToFilename(info.ID)
	s.lostMu.RLock()
	waits := s.unchecked[name]
	noted := slices.ContainsFunc(s.damages, func(d damage) bool { return d.File == name && d.Kept == "" })
	s.lostMu.RUnlock()
	if noted || !waits && !again {
		return nil
	}
	lost, written, err := lostIn(s.cfg.Dir, name, info)
	if (err != nil || len(lost) > 0) && !s.inUse(info.ID) {
		lost, err = nil, nil // compacted away meanwhile; its file is cut off before it goes
	}
	if err == nil && len(lost) > 0 {
		if err = s.noteLost(name, lost, written); err == nil {
			err = fmt.Errorf("%w: %s", ErrDamaged, filepath.Join(s.cfg.Dir, name))
		}
	}
	if err == nil || errors.Is(err, ErrDamaged) {
		s.lostMu.Lock()
		delete(s.unchecked, name)
		s.lostMu.Unlock()
		return err
	}
	return fmt.Errorf("table file %q cannot be checked: %w", filepath.Join(s.cfg.Dir, name), reason(err))
}

// inUse tells whether records are read from a table. Badger deletes files of none but
// those that are not.
func (s *Store) inUse(id uint64) bool {
	return slices.ContainsFunc(s.db.Tables(), func(t badger.TableInfo) bool { return t.ID == id })
}

// lostIn tells what the damaged blocks of a table that is in use held, and when
// it was written.
func lostIn(dir, name string, info badger.TableInfo) ([]lostSpan, metrics.Millis, error) {
	t, err := readIndex(filepath.Join(dir, name))
	if errors.Is(err, errDamaged) { // all that it may hold, whenever
		return []lostSpan{{y.ParseKey(info.Left), append(slices.Clone(y.ParseKey(info.Right)), 0)}}, math.MaxInt64 - clockSlack, nil
	}
	if err != nil {
		return nil, 0, err
	}
	lost, err := t.lost(dir, info.Right)
	return lost, t.written, err
}
