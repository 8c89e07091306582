package storage

import (
	"context"
	"encoding/binary"
	"iter"
	"math"

	"github.com/dgraph-io/badger/v4"

	"tallyd/metrics"
)

// Snapshot is the store as it was at one moment. It must be closed.
type Snapshot struct {
	store *Store
	txn   *badger.Txn
	// What is older than these is being deleted, and not shown.
	rollupsFrom  metrics.Interval
	contactsFrom metrics.Millis
}

// reading makes Close wait; the caller calls readers.Done.
func (s *Store) reading() error {
	s.view.RLock()
	defer s.view.RUnlock()
	if s.closed {
		return ErrClosed
	}
	s.readers.Add(1)
	return nil
}

// Snapshot holds the present moment.
func (s *Store) Snapshot() (*Snapshot, error) {
	s.view.RLock()
	defer s.view.RUnlock()
	if s.closed {
		return nil, ErrClosed
	}
	v := &Snapshot{store: s, txn: s.db.NewTransaction(false), rollupsFrom: math.MinInt64, contactsFrom: math.MinInt64}
	if n, found, err := readNumber(v.txn, metaRollupsFrom); err != nil {
		v.txn.Discard()
		return nil, err
	} else if found {
		v.rollupsFrom = metrics.Interval(n)
	}
	if n, found, err := readNumber(v.txn, metaContactsFrom); err != nil {
		v.txn.Discard()
		return nil, err
	} else if found {
		v.contactsFrom = metrics.Millis(n)
	}
	s.readers.Add(1)
	return v, nil
}

// Close lets the moment go.
func (v *Snapshot) Close() {
	v.txn.Discard()
	v.store.readers.Done()
}

// Seals tells what was put for the intervals from (inclusive) to (exclusive),
// in the order of interval, switch and revision. An interval that no switch
// sealed was not observed: it is unknown, not zero.
func (v *Snapshot) Seals(ctx context.Context, from, to metrics.Interval) iter.Seq2[Seal, error] {
	return func(yield func(Seal, error) bool) {
		from = max(from, v.rollupsFrom)
		if from >= to {
			return
		}
		if err := v.store.whole([]byte{sealKey}, int64(from), int64(to), nil); err != nil {
			yield(Seal{}, err)
			return
		}
		it := iterate(v.txn, spanPrefix(sealKey, from, to))
		defer it.Close()
		for it.Seek(intervalPrefix(sealKey, from)); it.Valid(); it.Next() {
			seal, err := parseSeal(it.Item())
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(Seal{}, err)
				return
			}
			if seal.Interval >= to || !yield(seal, nil) {
				return
			}
		}
	}
}

func parseSeal(item *record) (s Seal, err error) {
	k := keyReader{b: item.Key(), at: 1}
	s = Seal{Interval: metrics.Interval(k.number()), Switch: k.text(), Revision: k.revision()}
	if err := k.done(); err != nil {
		return s, err
	}
	err = item.Value(func(b []byte) error {
		if len(b) == 0 {
			return k.done()
		}
		s.Correction, s.Evidence = b[0]&sealCorrection != 0, b[0]&sealEvidence != 0
		rollups, n := binary.Uvarint(b[1:])
		contacts, _ := binary.Uvarint(b[1+max(n, 0):])
		s.Rollups, s.Contacts = int(rollups), int(contacts)
		return nil
	})
	return s, err
}

// spanPrefix is what the keys of the intervals have in common: Badger leaves
// tables out that cannot hold it.
func spanPrefix(kind byte, from, to metrics.Interval) []byte {
	a, b := intervalPrefix(kind, from), intervalPrefix(kind, to-1)
	n := 0
	for n < len(a) && a[n] == b[n] {
		n++
	}
	return a[:n]
}

// Rollups is Snapshot.Rollups of the moment at which the reading begins.
func (s *Store) Rollups(ctx context.Context, q Query) iter.Seq2[metrics.Rollup, error] {
	return each(s, func(v *Snapshot) iter.Seq2[metrics.Rollup, error] { return v.Rollups(ctx, q) })
}

// Contacts is Snapshot.Contacts of the moment at which the reading begins.
func (s *Store) Contacts(ctx context.Context, q ContactQuery) iter.Seq2[metrics.Contact, error] {
	return each(s, func(v *Snapshot) iter.Seq2[metrics.Contact, error] { return v.Contacts(ctx, q) })
}

// Facts is Snapshot.Facts of the moment at which the reading begins.
func (s *Store) Facts(ctx context.Context, q FactQuery) iter.Seq2[metrics.Fact, error] {
	return each(s, func(v *Snapshot) iter.Seq2[metrics.Fact, error] { return v.Facts(ctx, q) })
}

// Seals is Snapshot.Seals of the moment at which the reading begins.
func (s *Store) Seals(ctx context.Context, from, to metrics.Interval) iter.Seq2[Seal, error] {
	return each(s, func(v *Snapshot) iter.Seq2[Seal, error] { return v.Seals(ctx, from, to) })
}

// Sum is Snapshot.Sum of this moment.
func (s *Store) Sum(ctx context.Context, q Query) ([]metrics.Rollup, error) {
	v, err := s.Snapshot()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	return v.Sum(ctx, q)
}

func each[T any](s *Store, read func(*Snapshot) iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		v, err := s.Snapshot()
		if err != nil {
			var none T
			yield(none, err)
			return
		}
		defer v.Close()
		read(v)(yield)
	}
}
