package storage

import (
	"bytes"
	"context"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"tallyd/metrics"
)

// retainBatch is how many records are deleted at a time; between two batches
// PutSealed gets its turn.
const retainBatch = 2048

// Retain deletes the rollups of intervals before rollupsBefore, with the facts of
// then, and the contacts that ended before contactsBefore, and tells how many. The
// limits are written down first: from then on nothing older is shown, so that an
// interval disappears as a whole however long its deletion takes, and whatever
// interrupts it. The next call deletes what is left.
func (s *Store) Retain(ctx context.Context, rollupsBefore metrics.Interval, contactsBefore metrics.Millis) (deleted int, err error) {
	if err := s.raise(metaRollupsFrom, int64(rollupsBefore)); err != nil {
		return 0, fmt.Errorf("the limit of retention cannot be stored: %w", err)
	}
	if err := s.raise(metaContactsFrom, int64(contactsBefore)); err != nil {
		return 0, fmt.Errorf("the limit of retention cannot be stored: %w", err)
	}
	for _, span := range []struct {
		kind  byte
		until []byte
		count int
	}{
		{rollupKey, intervalPrefix(rollupKey, rollupsBefore), 1},
		{sealKey, intervalPrefix(sealKey, rollupsBefore), 0},
		{spansKey, intervalPrefix(spansKey, metrics.IntervalOf(contactsBefore)), 0},
		{contactKey, appendNumber([]byte{contactKey}, int64(contactsBefore)), 1},
		{factKey, appendNumber([]byte{factKey}, int64(rollupsBefore.Start())), 1},
	} {
		n, err := s.deleteUntil(ctx, span.kind, span.until)
		deleted += n * span.count
		if err != nil {
			return deleted, fmt.Errorf("retention: %w", err)
		}
	}
	return deleted, nil
}

// Limits tells the latest limits of retention: what is older is not shown. They
// are the least possible ones where there were none.
func (s *Store) Limits() (rollups metrics.Interval, contacts metrics.Millis, err error) {
	v, err := s.Snapshot()
	if err != nil {
		return 0, 0, err
	}
	defer v.Close()
	return v.rollupsFrom, v.contactsFrom, nil
}

// raise lifts a metadata number; it never lowers one.
func (s *Store) raise(name string, n int64) error {
	if err := s.clearable(); err != nil {
		return err
	}
	defer s.write.Unlock()
	old, found, err := s.number(name)
	if err != nil || found && old >= n {
		return err
	}
	return s.setNumber(name, n)
}

// deleteUntil deletes the records of a kind whose keys are below a key.
func (s *Store) deleteUntil(ctx context.Context, kind byte, until []byte) (int, error) {
	deleted, at := 0, []byte{kind}
	for {
		if err := ctx.Err(); err != nil {
			return deleted, err
		}
		n, next, err := s.deleteBatch(kind, at, until)
		deleted += n
		if err != nil || next == nil {
			return deleted, err
		}
		at = next
	}
}

// deleteBatch deletes some of the records from a key on, and tells where to go
// on; nil at the end.
func (s *Store) deleteBatch(kind byte, at, until []byte) (n int, next []byte, err error) {
	if err := s.clearable(); err != nil {
		return 0, nil, err
	}
	defer s.write.Unlock()
	var list []change
	size := 0
	err = s.db.View(func(txn *badger.Txn) error {
		it := iterate(txn, []byte{kind})
		defer it.Close()
		for it.Seek(at); it.Valid(); it.Next() {
			key := it.Item().Key()
			if bytes.Compare(key, until) >= 0 {
				return nil
			}
			if n == retainBatch || size > partBytes || len(list) >= partKeys {
				next = bytes.Clone(key)
				return nil
			}
			n++
			keys, err := allKeys(it.Item())
			if err != nil {
				return err
			}
			for _, k := range keys {
				list = append(list, change{key: k})
				size += len(k)
			}
		}
		return nil
	})
	if err != nil || len(list) == 0 {
		return 0, nil, err
	}
	if err := s.commit(list); err != nil {
		return 0, nil, err
	}
	return n, next, nil
}

// allKeys are all keys of a stored record, which go in one transaction.
func allKeys(item *record) ([][]byte, error) {
	switch item.Key()[0] {
	case contactKey:
		var c metrics.Contact
		if err := item.Value(c.UnmarshalBinary); err != nil {
			return nil, fmt.Errorf("contact %q: %w", item.Key(), err)
		}
		id := identityRecord(&c)
		return append(placeOf(&c).keys(id[1:]), id), nil
	case factKey:
		var f metrics.Fact
		if err := item.Value(f.UnmarshalBinary); err != nil {
			return nil, fmt.Errorf("fact %q: %w", item.Key(), err)
		}
		return factKeys(&f), nil
	}
	return [][]byte{item.KeyCopy()}, nil
}
