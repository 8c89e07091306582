package storage

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"tallyd/metrics"
)

// The outbox lists what was stored, in the order in which it was, for those who
// tell others: each PutSealed and each SealScores adds one Item, in the transaction
// that stores what it brought, and Delivered takes items away. The newest item stays, so that
// numbers go on.
//
// What an item brought is not kept twice: it names rollups by their interval,
// switch and revision, and contacts by their keys. A contact that was told again
// since then is another item's.

// Item is what one PutSealed brought, or one SealScores.
type Item struct {
	Number     uint64 // grows by one with each
	Interval   metrics.Interval
	Switch     string
	Revision   uint32
	Correction bool
	contacts   [][]byte // keys, without their kind
	scores     bool     // a cycle's, named by Switch, were sealed
}

// Contacts is how many contacts the item brought.
func (it *Item) Contacts() int { return len(it.contacts) }

// contactsInPart is how many keys of contacts are some 3 kB.
const contactsInPart = 40

func outboxRecord(number uint64) []byte {
	return appendNumber([]byte{outboxKey}, int64(number))
}

// outboxChanges list an item behind the newest one.
func outboxChanges(list []change, txn *badger.Txn, sealed *metrics.Sealed, revision uint32) ([]change, error) {
	last, err := lastItem(txn)
	if err != nil {
		return nil, err
	}
	flag := byte(0)
	if sealed.Correction {
		flag = sealCorrection
	}
	value := append(appendText(binary.AppendVarint(nil, int64(sealed.Interval)), sealed.Switch), flag)
	value = binary.AppendUvarint(value, uint64(revision))
	list = append(list, change{outboxRecord(last + 1), value})
	each := max(contactsInPart, (len(sealed.Contacts)+math.MaxUint16-1)/math.MaxUint16)
	part := 0
	for contacts := range slices.Chunk(sealed.Contacts, each) {
		part++
		var keys []byte
		for i := range contacts {
			key := appendIdentity(appendNumber(nil, int64(contacts[i].Ended)), &contacts[i])
			keys = append(binary.AppendUvarint(keys, uint64(len(key))), key...)
		}
		list = append(list, change{appendPart(outboxRecord(last+1), part), keys})
	}
	return list, nil
}

// lastItem is the number of the newest item, 0 before the first.
func lastItem(txn *badger.Txn) (uint64, error) {
	it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{outboxKey}, Reverse: true})
	defer it.Close()
	it.Seek(outboxRecord(math.MaxInt64))
	if !it.Valid() {
		return 0, nil
	}
	n, _, err := itemPart(it.Item().Key())
	return n, err
}

// itemPart tells which item a key is of, and which part of it.
func itemPart(key []byte) (number uint64, part uint16, err error) {
	k := keyReader{b: key, at: 1}
	number, part = uint64(k.number()), k.part()
	return number, part, k.done()
}

// parse takes the first part of an item.
func (it *Item) parse(b []byte) error {
	interval, n := binary.Varint(b)
	k := keyReader{b: b, at: max(n, 0), bad: n <= 0}
	it.Interval, it.Switch = metrics.Interval(interval), k.text()
	flags := k.byte()
	it.Correction, it.scores = flags&sealCorrection != 0, flags&sealScores != 0
	revision, n := binary.Uvarint(b[k.at:])
	if it.Revision = uint32(revision); k.bad || n <= 0 || k.at+n != len(b) {
		return fmt.Errorf("item %d of the outbox is damaged", it.Number)
	}
	return nil
}

// add takes another part of an item.
func (it *Item) add(b []byte) error {
	for len(b) > 0 {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return fmt.Errorf("item %d of the outbox is damaged", it.Number)
		}
		it.contacts = append(it.contacts, bytes.Clone(b[n:n+int(size)]))
		b = b[n+int(size):]
	}
	return nil
}

// Outbox lists the items whose numbers are above one.
func (v *Snapshot) Outbox(ctx context.Context, above uint64) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		if err := v.store.whole([]byte{outboxKey}, int64(above+1), math.MaxInt64, nil); err != nil {
			yield(Item{}, err)
			return
		}
		it := iterate(v.txn, []byte{outboxKey})
		defer it.Close()
		var item Item // as far as it was read
		for it.Seek(outboxRecord(above + 1)); it.Valid(); it.Next() {
			number, part, err := itemPart(it.Item().Key())
			if err == nil {
				err = ctx.Err()
			}
			switch {
			case err != nil:
			case part == 0:
				if item.Number != 0 && !yield(item, nil) {
					return
				}
				item = Item{Number: number}
				err = it.Item().Value(item.parse)
			case number != item.Number:
				err = fmt.Errorf("item %d of the outbox has no beginning", number)
			default:
				err = it.Item().Value(item.add)
			}
			if err != nil {
				yield(Item{}, err)
				return
			}
		}
		if item.Number != 0 {
			yield(item, nil)
		}
	}
}

// ItemRollups reads the rollups that an item brought, in the order of kind, name
// and second name. What retention or a forgetting has taken since then is not
// among them.
func (v *Snapshot) ItemRollups(ctx context.Context, item *Item) iter.Seq2[metrics.Rollup, error] {
	return func(yield func(metrics.Rollup, error) bool) {
		if item.Interval < v.rollupsFrom || item.scores {
			return
		}
		if err := v.store.whole([]byte{rollupKey}, int64(item.Interval), int64(item.Interval)+1, nil); err != nil {
			yield(metrics.Rollup{}, err)
			return
		}
		prefix := intervalPrefix(rollupKey, item.Interval)
		tail := binary.BigEndian.AppendUint32(appendText(nil, item.Switch), item.Revision)
		err := scan(v.txn, prefix, func(i *record) error {
			k := keyReader{b: i.Key(), at: len(prefix)}
			k.byte()
			k.skipText()
			k.skipText()
			if k.bad || !bytes.Equal(k.b[k.at:], tail) {
				return nil // another switch's or revision's
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			var r metrics.Rollup
			if err := i.Value(r.UnmarshalBinary); err != nil {
				return fmt.Errorf("rollup %q: %w", i.Key(), err)
			}
			if !yield(r, nil) {
				return errStop
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStop) {
			yield(metrics.Rollup{}, err)
		}
	}
}

// ItemContact reads one of the contacts that an item brought, from 0. It is not
// there any more where it was told again since then, in another item, or taken by
// retention or a forgetting.
func (v *Snapshot) ItemContact(item *Item, n int) (c metrics.Contact, there bool, err error) {
	key := append([]byte{contactKey}, item.contacts[n]...)
	k := keyReader{b: key, at: 1}
	if metrics.Millis(k.number()) < v.contactsFrom {
		return c, false, nil
	}
	return v.contactAt(key)
}

// Delivered takes the items up to a number out of the outbox.
func (s *Store) Delivered(until uint64) error {
	if err := s.clearable(); err != nil {
		return err
	}
	defer s.write.Unlock()
	var list []change
	err := s.db.View(func(txn *badger.Txn) error {
		last, err := lastItem(txn)
		if err != nil {
			return err
		}
		return scan(txn, []byte{outboxKey}, func(i *record) error {
			n, _, err := itemPart(i.Key())
			if err != nil {
				return err
			}
			if n > until || n == last {
				return errStop
			}
			list = append(list, change{key: i.KeyCopy()})
			return nil
		})
	})
	if err != nil && !errors.Is(err, errStop) {
		return err
	}
	return s.commitParts(list)
}

// Lineage tells this folder's numbers from those of another that began as a copy:
// a restored backup counts on from where the backup was made.
func (s *Store) Lineage() (string, error) {
	n, found, err := s.number(metaLineage)
	if err == nil && !found {
		err = errors.New("the folder has no lineage")
	}
	return fmt.Sprintf("%08x", uint32(n)), err
}

// newLineage begins a lineage.
func (s *Store) newLineage() error {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return s.setNumber(metaLineage, int64(binary.BigEndian.Uint32(b[:])))
}
