package storage

import (
	"errors"
	"fmt"
	"syscall"
)

// Badger writes through memory maps of files that it makes longer than they are
// full: where the disk has no room for a page, the system kills the process.
// So nothing is written unless there is room for all that it may lead to: a new
// memtable, a flushed one, and a compaction's copies of some tables.
const (
	// Reserve is how much of the disk, in bytes, must be free for records to be
	// stored.
	Reserve = 256_000_000
	// clearingReserve is how much must be free to delete, which makes room in the
	// end, and to open a folder.
	clearingReserve = Reserve / 4
)

// ErrFull is wrapped by writes that were not tried, because the disk is full.
var ErrFull = errors.New("the disk is full")

// space is how much room a filesystem has, in bytes.
type space struct {
	free, total int64
	readOnly    bool
}

func spaceOf(dir string) (space, error) {
	var f syscall.Statfs_t
	if err := syscall.Statfs(dir, &f); err != nil {
		return space{}, err
	}
	const stReadOnly = 1 // ST_RDONLY
	return space{int64(f.Bavail) * int64(f.Bsize), int64(f.Blocks) * int64(f.Bsize), f.Flags&stReadOnly != 0}, nil
}

// room is an error where a write must not be tried.
func (c *Config) room(needed int64) error {
	look := c.space
	if look == nil {
		look = spaceOf
	}
	sp, err := look(c.Dir)
	switch {
	case err != nil:
		return fmt.Errorf("folder %q cannot be looked at: %w", c.Dir, reason(err))
	case sp.readOnly:
		return fmt.Errorf("folder %q is not writable: %w", c.Dir, syscall.EROFS)
	case sp.free < needed:
		return fmt.Errorf("folder %q: %w: less than %d MB are free", c.Dir, ErrFull, needed/1_000_000)
	}
	return nil
}

// Space tells how many bytes of the folder's filesystem are free, for whoever
// may use it up, and how many it has.
func (s *Store) Space() (free, total int64, err error) {
	look := s.cfg.space
	if look == nil {
		look = spaceOf
	}
	sp, err := look(s.cfg.Dir)
	if err != nil {
		return 0, 0, fmt.Errorf("folder %q cannot be looked at: %w", s.cfg.Dir, reason(err))
	}
	return sp.free, sp.total, nil
}
