package storage

import (
	"bytes"
	"errors"

	"github.com/dgraph-io/badger/v4"
)

// Up to format 6 an oversized PutSealed was staged under keys: every change under its
// key with the prefix 'p', then the metadata "staged". Once that was there, the
// interval was stored.

const (
	stagedDelete = iota
	stagedSet
)

// unpackKeys finishes what an older program staged, or takes it back.
func (s *Store) unpackKeys() error {
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
		return s.commitParts([]change{{key: metadata(metaStaged)}})
	}
	return nil
}
