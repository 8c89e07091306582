package storage

import (
	"bytes"
	"context"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// layoutFormat is the format from which on records lie as layout.go says. What an
// older program stored lies under its keys, and is moved there once.
const layoutFormat = 6

// layOut moves what an older program stored: some 8 s for 100,000 contacts, with all
// that belongs to them.
// Interrupted, it goes on when the folder is opened again.
func (s *Store) layOut(ctx context.Context) error {
	if _, done, err := s.number(metaLayout); err != nil {
		return err
	} else if done {
		return s.noteLayout()
	}
	moved, told := 0, time.Now()
	for _, kind := range append(bytes.Clone(timeKinds), identityKey, byLegKey) {
		for at := []byte{kind}; at != nil; {
			if err := ctx.Err(); err != nil {
				return err
			}
			n, next, err := s.move(kind, at)
			if err != nil {
				return err
			}
			at = next
			if moved += n; time.Since(told) > 5*time.Second {
				s.cfg.Logger.Info("records of an earlier format are being moved", "folder", s.cfg.Dir, "moved", moved)
				told = time.Now()
			}
		}
	}
	return s.setNumber(metaLayout, layoutFormat)
}

// move moves some records of a kind from a key on, and tells where to go on; nil at
// the end. A record is at its old place or at its new one, never at both.
func (s *Store) move(kind byte, at []byte) (n int, next []byte, err error) {
	s.write.Lock()
	defer s.write.Unlock()
	txn := s.db.NewTransaction(true)
	defer txn.Discard()
	it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{kind}})
	defer it.Close()
	size := 0
	for it.Seek(at); it.Valid(); it.Next() {
		key := it.Item().KeyCopy(nil)
		if size > partBytes/2 || 2*n >= partKeys {
			next = key
			break
		}
		value, err := it.Item().ValueCopy(nil)
		if err == nil {
			err = txn.Delete(key)
		}
		if err == nil {
			err = txn.Set(diskKey(key), value)
		}
		if err != nil {
			return 0, nil, err
		}
		size += 2*len(key) + len(value)
		n++
	}
	it.Close()
	if n == 0 {
		return 0, nil, nil
	}
	if err := txn.Commit(); err != nil {
		return 0, nil, err
	}
	return n, next, s.db.Sync()
}

// noteLayout tells the notes of what was found damaged now how the records lie: that
// was not known before the folder was open.
func (s *Store) noteLayout() error {
	for i := range s.damages {
		if d := &s.damages[i]; d.found && !d.LaidOut && len(d.Lost) > 0 {
			d.LaidOut = true
			if err := d.write(); err != nil {
				return err
			}
		}
	}
	return nil
}
