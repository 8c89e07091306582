package storage

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"tallyd/metrics"
)

// ErrStored is wrapped by an error that PutSealed met after the records were
// stored, while it forced them to the disk: putting them again would count them
// twice. Sync tries the rest again.
var ErrStored = errors.New("stored, but not yet safe on the disk")

// change is one key to set, or to delete where value is nil.
type change struct{ key, value []byte }

// PutSealed stores an interval's rollups and contacts: all of it, on the disk,
// or nothing. Whatever was put before for the interval and switch stays: a
// correction, or what a restarted daemon saw of the same interval, gets the
// next revision, and reading adds the revisions up. A contact that is known
// already (the same switch, visit and moment of joining) is replaced. What has a
// number that is not above the switch's last one is stored already, and left out.
func (s *Store) PutSealed(sealed *metrics.Sealed) error {
	if err := s.writable(); err != nil {
		return err
	}
	defer s.write.Unlock()
	if err := s.put(sealed); err != nil {
		return fmt.Errorf("switch %q, interval %s: %w", sealed.Switch, sealed.Interval.Start().Time().Format("2006-01-02T15:04Z"), err)
	}
	return nil
}

func (s *Store) put(sealed *metrics.Sealed) error {
	if err := s.unstaged(); err != nil {
		return err
	}
	changes, err := s.changes(sealed)
	if err != nil || len(changes) == 0 {
		return err
	}
	err = s.commit(changes)
	if errors.Is(err, badger.ErrTxnTooBig) {
		return s.stage(changes)
	}
	if err != nil {
		return err
	}
	return stored(s.db.Sync())
}

// unstaged finishes an oversized PutSealed that an error interrupted: what comes later
// may not be stored before it.
func (s *Store) unstaged() error {
	if !s.staged {
		return nil
	}
	if err := s.unpackLocked(); err != nil {
		return fmt.Errorf("an earlier write cannot be finished: %w", err)
	}
	return nil
}

func stored(err error) error {
	if err != nil {
		return fmt.Errorf("%w: %w", ErrStored, err)
	}
	return nil
}

// commit applies changes in one transaction.
func (s *Store) commit(changes []change) error {
	txn := s.db.NewTransaction(true)
	defer txn.Discard()
	for _, c := range changes {
		var err error
		if c.value == nil {
			err = txn.Delete(diskKey(c.key))
		} else {
			err = txn.Set(diskKey(c.key), c.value)
		}
		if err != nil {
			return err
		}
	}
	return txn.Commit()
}

// Sync forces what was stored to the disk. PutSealed does so itself; it is for
// trying again after ErrStored.
func (s *Store) Sync() error {
	if err := s.writable(); err != nil {
		return err
	}
	defer s.write.Unlock()
	if s.staged {
		if err := s.unpackLocked(); err != nil {
			return stored(err)
		}
	}
	return stored(s.db.Sync())
}

// changes lists what storing the interval changes.
func (s *Store) changes(sealed *metrics.Sealed) ([]change, error) {
	txn := s.db.NewTransaction(false)
	defer txn.Discard()
	if stored, err := readHanded(txn, sealed.Switch); err != nil || sealed.Number != 0 && sealed.Number <= stored {
		return nil, err
	}
	revision, err := nextRevision(txn, sealed.Interval, sealed.Switch)
	if err != nil {
		return nil, err
	}
	var list []change
	seal := Seal{Correction: sealed.Correction, Evidence: sealed.Number != 0, Contacts: len(sealed.Contacts)}
	if list, seal.Rollups, err = rollupChanges(list, sealed, revision); err != nil {
		return nil, err
	}
	if list, err = contactChanges(list, txn, sealed.Contacts); err != nil {
		return nil, err
	}
	if list, err = evidenceChanges(list, sealed, revision); err != nil {
		return nil, err
	}
	if list, err = outboxChanges(list, txn, sealed, revision); err != nil {
		return nil, err
	}
	return append(list, change{sealRecord(sealed.Interval, sealed.Switch, revision), seal.appendBinary()}), nil
}

func rollupChanges(list []change, sealed *metrics.Sealed, revision uint32) ([]change, int, error) {
	rows := make(map[string]*metrics.Rollup, len(sealed.Rollups))
	keys := make([]string, 0, len(sealed.Rollups))
	for i := range sealed.Rollups {
		r := sealed.Rollups[i]
		r.Interval, r.Switch = sealed.Interval, sealed.Switch
		key := string(rollupRecord(&r, revision))
		if same := rows[key]; same != nil {
			// Two rows of one name: an agent called "(other)", and the row that all
			// names past the limit share.
			merged := *same
			for k := range merged.Histograms {
				merged.Histograms[k] = append(metrics.Histogram(nil), same.Histograms[k]...)
			}
			merged.Merge(&r)
			rows[key] = &merged
			continue
		}
		rows[key] = &r
		keys = append(keys, key)
	}
	for _, key := range keys {
		value, err := rows[key].AppendBinary(nil)
		if err != nil {
			return nil, 0, err
		}
		list = append(list, change{[]byte(key), value})
	}
	return list, len(keys), nil
}

func contactChanges(list []change, txn *badger.Txn, contacts []metrics.Contact) ([]change, error) {
	places := make(map[string]place, len(contacts))
	for i := range contacts {
		c := &contacts[i]
		id := identityRecord(c)
		tail := id[1:]
		old, known := places[string(id)]
		if !known {
			var err error
			if old, known, err = readPlace(txn, id, c.Switch); err != nil {
				return nil, err
			}
		}
		now := placeOf(c)
		if known && old != now {
			for _, k := range old.keys(tail) {
				list = append(list, change{key: k})
			}
		}
		records, err := contactRecords(c)
		if err != nil {
			return nil, err
		}
		list = append(list, records...)
		places[string(id)] = now
	}
	return list, nil
}

// contactRecords are all records of a contact.
func contactRecords(c *metrics.Contact) ([]change, error) {
	value, err := c.AppendBinary(nil)
	if err != nil {
		return nil, err
	}
	id, p := identityRecord(c), placeOf(c)
	list := []change{{id, p.appendBinary(nil)}}
	for _, k := range p.keys(id[1:]) {
		switch k[0] {
		case contactKey:
			list = append(list, change{k, value})
		case byLegKey:
			list = append(list, change{k, []byte(c.Queue)})
		case staysKey:
			list = append(list, change{k, appendStay(nil, c)})
		default:
			list = append(list, change{k, []byte{}})
		}
	}
	return list, nil
}

func readPlace(txn *badger.Txn, id []byte, sw string) (p place, known bool, err error) {
	item, err := get(txn, id)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return p, false, nil
	}
	if err != nil {
		return p, false, err
	}
	err = item.Value(func(b []byte) error {
		p, err = parsePlace(b, sw)
		return err
	})
	return p, err == nil, err
}

func nextRevision(txn *badger.Txn, i metrics.Interval, sw string) (uint32, error) {
	next := uint32(0)
	err := scan(txn, sealPrefix(i, sw), func(item *record) error {
		k := item.Key()
		next = binary.BigEndian.Uint32(k[len(k)-4:]) + 1
		return nil
	})
	return next, err
}

// scan calls f with every key under a prefix, in order.
func scan(txn *badger.Txn, prefix []byte, f func(*record) error) error {
	it := iterate(txn, prefix)
	defer it.Close()
	for it.Seek(prefix); it.ValidForPrefix(prefix); it.Next() {
		if err := f(it.Item()); err != nil {
			return err
		}
	}
	return nil
}

func (s Seal) appendBinary() []byte {
	flag := byte(0)
	if s.Correction {
		flag |= sealCorrection
	}
	if s.Evidence {
		flag |= sealEvidence
	}
	b := binary.AppendUvarint([]byte{flag}, uint64(s.Rollups))
	return binary.AppendUvarint(b, uint64(s.Contacts))
}
