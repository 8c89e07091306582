package storage

import (
	"bytes"
	"context"
	"fmt"
	"math"

	"github.com/dgraph-io/badger/v4"

	"tallyd/metrics"
)

// The list by caller answers who called again: all visits of a caller side by
// side, in the order of joining. An entry holds what that takes, so that the
// contacts themselves need not be read.

// callersFormat is the format from which on there is the list.
const callersFormat = 3

// callerID is the hash of a caller's number.
type callerID = [16]byte

// callerRecord is the list's key of a contact whose identity is tail: joined, its
// last eight bytes, comes first here.
func callerRecord(caller callerID, tail []byte) []byte {
	joined := len(tail) - 8
	b := make([]byte, 0, 1+len(caller)+len(tail))
	b = append(append(b, staysKey), caller[:]...)
	return append(append(b, tail[joined:]...), tail[:joined]...)
}

// staysPrefix is what a caller's keys begin with.
func staysPrefix(caller callerID) []byte { return append([]byte{staysKey}, caller[:]...) }

// appendStay is an entry's value.
func appendStay(b []byte, c *metrics.Contact) []byte {
	b = appendNumber(append(b, byte(c.Outcome)), int64(c.Ended))
	call := c.Leg
	if call == c.Visit {
		call = "" // as Asterisk has it
	}
	return appendText(appendText(appendText(b, call), c.Queue), c.Agent)
}

func parseStay(key, value []byte) (s metrics.Stay, err error) {
	k := keyReader{b: key, at: 1}
	copy(s.Caller[:], k.take(len(s.Caller)))
	s.Joined, s.Switch, s.Visit = metrics.Millis(k.number()), k.text(), k.text()
	if err := k.done(); err != nil {
		return s, err
	}
	v := keyReader{b: value}
	s.Outcome, s.Ended = metrics.Outcome(v.byte()), metrics.Millis(v.number())
	s.Call, s.Queue, s.Agent = v.text(), v.text(), v.text()
	if s.Call == "" {
		s.Call = s.Visit
	}
	if v.done() != nil {
		return s, fmt.Errorf("the value %q of key %q is not of format %d", value, key, formatNumber)
	}
	return s, nil
}

// Callers reads by caller. It must be closed, before its snapshot is.
type Callers struct {
	v  *Snapshot
	it *records
}

// Callers begins to read by caller.
func (v *Snapshot) Callers() (*Callers, error) {
	format, _, err := readNumber(v.txn, metaFormat)
	if err != nil {
		return nil, err
	}
	if _, unlisted, err := readNumber(v.txn, metaUnlisted); err != nil {
		return nil, err
	} else if unlisted || format < callersFormat {
		return nil, fmt.Errorf("folder %q has no list of callers yet: open it once for writing", v.store.cfg.Dir)
	}
	return &Callers{v, iterate(v.txn, []byte{staysKey})}, nil
}

// Close ends the reading.
func (c *Callers) Close() { c.it.Close() }

// AppendStays appends a caller's stays in queues that began from a moment (inclusive) to
// another (exclusive), in the order of joining, switch and visit. It is fastest where
// callers are asked for in the order of their hashes.
func (c *Callers) AppendStays(list []metrics.Stay, caller [16]byte, from, to metrics.Millis) ([]metrics.Stay, error) {
	prefix := staysPrefix(caller)
	if err := c.v.store.whole(prefix, math.MinInt64, math.MaxInt64, nil); err != nil {
		return list, err
	}
	for c.it.Seek(appendNumber(staysPrefix(caller), int64(from))); c.it.ValidForPrefix(prefix); c.it.Next() {
		item, past := c.it.Item(), false
		err := item.Value(func(value []byte) error {
			s, err := parseStay(item.Key(), value)
			if past = err == nil && s.Joined >= to; past {
				return nil
			}
			if err == nil && s.Ended >= c.v.contactsFrom {
				list = append(list, s)
			}
			return err
		})
		if err != nil {
			return list, err
		}
		if past {
			break
		}
	}
	return list, nil
}

// listCallers lists the contacts that an earlier version stored, once: some
// seconds for a million. Interrupted, it begins again.
func (s *Store) listCallers(ctx context.Context) error {
	if _, unlisted, err := s.number(metaUnlisted); !unlisted || err != nil {
		return err
	}
	for at := []byte{contactKey}; at != nil; {
		if err := ctx.Err(); err != nil {
			return err
		}
		list, next, err := s.unlisted(at)
		if err != nil {
			return err
		}
		if err := s.commitParts(list); err != nil {
			return err
		}
		at = next
	}
	return s.commitParts([]change{{key: metadata(metaUnlisted)}})
}

// unlisted are the entries of some contacts from a key on, and where to go on; nil
// at the end.
func (s *Store) unlisted(at []byte) (list []change, next []byte, err error) {
	err = s.db.View(func(txn *badger.Txn) error {
		it := iterate(txn, []byte{contactKey})
		defer it.Close()
		for it.Seek(at); it.Valid(); it.Next() {
			item := it.Item()
			if len(list) >= 4*retainBatch {
				next = bytes.Clone(item.Key())
				return nil
			}
			var c metrics.Contact
			if err := item.Value(c.UnmarshalBinary); err != nil {
				return fmt.Errorf("contact %q: %w", item.Key(), err)
			}
			records, err := contactRecords(&c)
			if err != nil {
				return err
			}
			for _, r := range records {
				if r.key[0] != contactKey {
					list = append(list, r)
				}
			}
		}
		return nil
	})
	return list, next, err
}
