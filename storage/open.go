package storage

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"

	"github.com/dgraph-io/badger/v4"
)

// Open opens the folder, and finishes or takes back what was under way when it
// was last left.
func Open(ctx context.Context, c Config) (*Store, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	damages, unchecked, err := check(ctx, &c)
	if err != nil {
		return nil, err
	}
	if err := c.markOpen(); err != nil {
		return nil, fmt.Errorf("folder %q is not writable: %w", c.Dir, reason(err))
	}
	db, err := badger.Open(badgerOptions(&c))
	if err != nil {
		return nil, fmt.Errorf("folder %q cannot be opened: %w", c.Dir, reason(err))
	}
	s := &Store{cfg: c, db: db, damages: damages, unchecked: unchecked}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, s.closeFolder())
	}
	return s, nil
}

// unclosedFile is in a folder from when it is opened for writing until it is closed in
// order. Badger's own traces of a crash go a moment before its last compaction ends.
const unclosedFile = "unclosed"

func (c *Config) markOpen() error {
	if c.ReadOnly {
		return nil
	}
	return WriteFile(filepath.Join(c.Dir, unclosedFile), nil)
}

// closeFolder closes Badger, and notes that it was.
func (s *Store) closeFolder() error {
	if err := s.db.Close(); err != nil || s.cfg.ReadOnly {
		return err
	}
	if err := os.Remove(filepath.Join(s.cfg.Dir, unclosedFile)); err != nil {
		return reason(err)
	}
	return syncFolder(s.cfg.Dir)
}

// check looks at the folder's files before Badger does.
func check(ctx context.Context, c *Config) (damages []damage, unchecked map[string]bool, err error) {
	unlock, err := checkFolder(c)
	if err != nil {
		return nil, nil, err
	}
	defer unlock() // Badger takes its own lock
	list, err := readManifest(c)
	if err != nil {
		return nil, nil, err
	}
	if err := checkLogs(c); err != nil {
		return nil, nil, err
	}
	return checkTables(ctx, c, list)
}

func (s *Store) prepare(ctx context.Context) error {
	version, found, err := s.number(metaFormat)
	switch {
	case err != nil:
		return fmt.Errorf("folder %q: %w", s.cfg.Dir, err)
	case found && version > formatNumber:
		return fmt.Errorf("folder %q has format %d, this program reads up to %d", s.cfg.Dir, version, formatNumber)
	case !found && s.cfg.ReadOnly:
		return fmt.Errorf("folder %q has no records", s.cfg.Dir)
	case s.cfg.ReadOnly:
		if _, laidOut, err := s.number(metaLayout); err == nil && !laidOut {
			return fmt.Errorf("folder %q is of format %d, or was left while it was brought up to date: open it once for writing", s.cfg.Dir, version)
		}
		staged, err := s.interrupted()
		forgetting, err2 := s.underWay()
		if staged || forgetting != nil || err != nil || err2 != nil {
			return fmt.Errorf("folder %q was left in the middle of a write: open it once for writing", s.cfg.Dir)
		}
		return nil
	case found && version < callersFormat:
		if err := s.commitParts([]change{{metadata(metaFormat), binary.AppendVarint(nil, formatNumber)}, {metadata(metaUnlisted), binary.AppendVarint(nil, 1)}}); err != nil {
			return fmt.Errorf("folder %q is not writable: %w", s.cfg.Dir, err)
		}
	case !found || version < formatNumber:
		if err := s.setNumber(metaFormat, formatNumber); err != nil {
			return fmt.Errorf("folder %q is not writable: %w", s.cfg.Dir, err)
		}
	}
	if _, found, err := s.number(metaLineage); err != nil {
		return fmt.Errorf("folder %q: %w", s.cfg.Dir, err)
	} else if !found {
		if err := s.newLineage(); err != nil {
			return fmt.Errorf("folder %q is not writable: %w", s.cfg.Dir, err)
		}
	}
	if err := s.layOut(ctx); err != nil {
		return fmt.Errorf("folder %q cannot be brought to format %d: %w", s.cfg.Dir, formatNumber, err)
	}
	if err := s.unpack(ctx); err != nil {
		return fmt.Errorf("folder %q: an interrupted write cannot be finished: %w", s.cfg.Dir, err)
	}
	if err := s.listCallers(ctx); err != nil {
		return fmt.Errorf("folder %q: the contacts cannot be listed by caller: %w", s.cfg.Dir, err)
	}
	if err := s.finishForgetting(ctx); err != nil {
		return fmt.Errorf("folder %q: a forgetting cannot be finished: %w", s.cfg.Dir, err)
	}
	for i := range s.damages {
		d := &s.damages[i]
		if d.Again {
			if err := s.storeAgain(ctx, d); err != nil {
				return fmt.Errorf("folder %q: what is whole of %s cannot be stored again: %w", s.cfg.Dir, d.Kept, err)
			}
		}
		s.cfg.Logger.Error("a file of the store is damaged", "file", filepath.Join(s.cfg.Dir, d.File), "lost", d.What, "note", d.note)
	}
	return nil
}

// checkFolder finds the faults that people can mend, before Badger words them.
// The folder is then locked until the caller lets it go.
func checkFolder(c *Config) (unlock func() error, err error) {
	if !c.ReadOnly {
		if err := os.MkdirAll(c.Dir, 0o700); err != nil {
			return nil, fmt.Errorf("folder %q cannot be made: %w", c.Dir, reason(err))
		}
	}
	dir, err := os.Open(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("folder %q cannot be read: %w", c.Dir, reason(err))
	}
	defer func() {
		if err != nil {
			dir.Close()
		}
	}()
	how := syscall.LOCK_EX
	if c.ReadOnly {
		how = syscall.LOCK_SH
	}
	if err := syscall.Flock(int(dir.Fd()), how|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("folder %q is in use by another process", c.Dir)
	}
	if c.ReadOnly {
		return dir.Close, nil
	}
	if err := c.room(clearingReserve); err != nil {
		return nil, err
	}
	if err := removeUnfinished(c.Dir); err != nil {
		return nil, fmt.Errorf("folder %q: what a crash left cannot be removed: %w", c.Dir, reason(err))
	}
	probe, err := os.CreateTemp(c.Dir, "probe-*")
	if err != nil {
		return nil, fmt.Errorf("folder %q is not writable: %w", c.Dir, reason(err))
	}
	return dir.Close, errors.Join(probe.Close(), os.Remove(probe.Name()))
}
