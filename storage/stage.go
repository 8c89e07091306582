package storage

import (
	"bytes"
	"context"
	"errors"

	"github.com/dgraph-io/badger/v4"
)

// A PutSealed past Badger's transaction limit (some 1,200 rollups) is stored in
// two steps that a crash cannot tear:
//
//  1. Every change is written under its key with the prefix 'p', in as many
//     transactions as it takes, then the metadata "staged", each synced.
//  2. The changes are applied to their own keys, 'p' is emptied, "staged" goes.
//
// Until "staged" is there, nothing happened: Open empties 'p'. Once it is there,
// the interval is stored: Open, or the next write, does step 2 again from the
// start, which is harmless, for every change says what a key holds afterwards,
// not what is added to it, and no other write comes in between. While step 2
// runs no snapshot is taken, so readers see none of it or all of it.

// partBytes keeps a part well below the limit of 150 kB.
const partBytes = 64 << 10

// partKeys keeps a part well below the limit of some 1,600 keys.
const partKeys = 1024

const (
	stagedDelete = iota
	stagedSet
)

func (s *Store) stage(changes []change) error {
	s.staged = true
	staged := make([]change, len(changes))
	for i, c := range changes {
		value := []byte{stagedDelete}
		if c.value != nil {
			value = append([]byte{stagedSet}, c.value...)
		}
		// Two changes of one key: the later one overwrites the earlier one here,
		// as it would in one transaction.
		staged[i] = change{append([]byte{stagedKey}, c.key...), value}
	}
	if err := s.commitParts(staged); err != nil {
		return errors.Join(err, s.unpackLocked())
	}
	if err := s.setNumber(metaStaged, 1); err != nil {
		// Whether it was set is open: the folder will tell, here or at the next
		// write.
		if _, complete, found := s.number(metaStaged); found == nil && !complete {
			return errors.Join(err, s.unpackLocked())
		}
		return stored(err)
	}
	return stored(s.unpackLocked())
}

// commitParts applies changes in several transactions. Each is synced before
// the next: Badger syncs only its newest memtable, and the next may begin one.
func (s *Store) commitParts(changes []change) error {
	for len(changes) > 0 {
		n, size := 0, 0
		for n < len(changes) && n < partKeys && (n == 0 || size < partBytes) {
			size += len(changes[n].key) + len(changes[n].value)
			n++
		}
		if err := s.commit(changes[:n]); err != nil {
			return err
		}
		if err := s.db.Sync(); err != nil {
			return err
		}
		changes = changes[n:]
	}
	return nil
}

// unpack finishes or takes back an oversized PutSealed.
func (s *Store) unpack(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.write.Lock()
	defer s.write.Unlock()
	return s.unpackLocked()
}

func (s *Store) unpackLocked() error {
	s.view.Lock()
	defer s.view.Unlock()
	_, complete, err := s.number(metaStaged)
	if err != nil {
		return err
	}
	var apply, empty []change
	err = s.db.View(func(txn *badger.Txn) error {
		return scan(txn, []byte{stagedKey}, func(item *record) error {
			key := item.KeyCopy()
			empty = append(empty, change{key: key})
			if !complete {
				return nil
			}
			value, err := item.ValueCopy()
			if err != nil {
				return err
			}
			if len(value) == 0 {
				return errors.New("a staged change is empty")
			}
			c := change{key: bytes.Clone(key[1:])}
			if value[0] == stagedSet {
				c.value = value[1:]
			}
			apply = append(apply, c)
			return nil
		})
	})
	if err != nil {
		return err
	}
	if err := s.commitParts(apply); err != nil {
		return err
	}
	if err := s.commitParts(empty); err != nil {
		return err
	}
	if complete {
		if err := s.commitParts([]change{{key: metadata(metaStaged)}}); err != nil {
			return err
		}
	}
	s.staged = false
	return nil
}
