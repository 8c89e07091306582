package storage

import (
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"
)

// Usage is what the folder takes on the disk, in bytes, by what it is for. It is
// exact in sum and to a block of 4 KB in its parts, and counts what was deleted
// or replaced until Badger rewrites the table that has it.
type Usage struct {
	Rollups  int64 // with their seals
	Contacts int64 // with their indexes
	Other    int64 // damaged files, lists, facts
	Log      int64 // what is in no table yet
}

// Total is all of it.
func (u Usage) Total() int64 { return u.Rollups + u.Contacts + u.Other + u.Log }

// Usage looks at the files.
func (s *Store) Usage() (u Usage, err error) {
	if err := s.reading(); err != nil {
		return u, err
	}
	defer s.readers.Done()
	s.sharing.Lock()
	defer s.sharing.Unlock()
	before := s.shares
	s.shares = map[string]Usage{}
	err = filepath.WalkDir(s.cfg.Dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return gone(err)
		}
		info, err := e.Info()
		if err != nil {
			return gone(err)
		}
		size := sizeOnDisk(info)
		switch filepath.Ext(path) {
		case ".mem", ".vlog":
			u.Log += size
			return nil
		case ".sst":
			if filepath.Dir(path) != s.cfg.Dir {
				break
			}
			share, known := before[e.Name()]
			if !known {
				share = shareOf(path)
			}
			if share != (Usage{}) {
				s.shares[e.Name()] = share
				u.add(share, size)
				return nil
			}
		}
		u.Other += size
		return nil
	})
	return u, err
}

// gone is no error where a file was compacted away meanwhile.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// sizeOnDisk is what a file takes: the logs are made longer than they are full.
func sizeOnDisk(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512
	}
	return info.Size()
}

// add adds a table of a size, by the share of its blocks.
func (u *Usage) add(share Usage, size int64) {
	rollups := size * share.Rollups / share.Total()
	contacts := size * share.Contacts / share.Total()
	u.Rollups += rollups
	u.Contacts += contacts
	u.Other += size - rollups - contacts
}

// shareOf tells what a table's blocks are for, nothing where that cannot be
// read.
func shareOf(path string) (u Usage) {
	t, err := readIndex(path)
	if err != nil {
		return u
	}
	for _, b := range t.blocks {
		switch keyAt(b.first)[0] {
		case rollupKey, sealKey:
			u.Rollups += b.length
		case contactKey, byAgentKey, byQueueKey, byLegKey, byCallerKey, staysKey, identityKey, spansKey, openKey:
			u.Contacts += b.length
		default:
			u.Other += b.length
		}
	}
	return u
}
