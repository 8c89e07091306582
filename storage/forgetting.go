package storage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"tallyd/metrics"
)

// Every kind of record that names an agent, or tells who called, is gone through
// here. Who adds one adds it here too: TestForgetAgent looks for the name in all
// files.

// forgetBatch bounds how many records are looked at, and how many are changed, in
// one step; between two steps PutSealed gets its turn.
const (
	lookBatch   = 20_000
	forgetBatch = 500
)

// forgetCaller goes through all contacts once, and through the list by caller for
// what is left in it of contacts that a damaged file had.
func (s *Store) forgetCaller(ctx context.Context, f *Forgetting) error {
	err := s.steps(ctx, f, []byte{contactKey}, func(item *record) ([]change, error) {
		var c metrics.Contact
		if err := item.Value(c.UnmarshalBinary); err != nil {
			return nil, fmt.Errorf("contact %q: %w", item.Key(), err)
		}
		if !slices.Contains(f.Hashes, c.Hash) {
			return nil, nil
		}
		var list []change
		for _, k := range placeOf(&c).keys(identityRecord(&c)[1:]) { // two of the lists name the caller
			list = append(list, change{key: k})
		}
		ForgetContact(&c)
		changed, err := contactRecords(&c)
		f.Contacts++
		return append(list, changed...), err
	})
	if err != nil {
		return err
	}
	for _, h := range f.Hashes {
		err := s.steps(ctx, f, callerPrefix(h), func(item *record) ([]change, error) {
			return []change{{key: item.KeyCopy()}}, nil
		})
		if err != nil {
			return err
		}
	}
	return s.forgetOpen(ctx, f, func(c *metrics.Contact) bool {
		if !slices.Contains(f.Hashes, c.Hash) {
			return false
		}
		ForgetContact(c)
		return true
	})
}

// forgetEvidence takes the agent's name out of what the rollups rest on: contacts
// of others whom the agent was rung for, open visits, and spans of states.
func (s *Store) forgetEvidence(ctx context.Context, f *Forgetting) error {
	err := s.steps(ctx, f, []byte{contactKey}, func(item *record) ([]change, error) {
		var c metrics.Contact
		if err := item.Value(c.UnmarshalBinary); err != nil {
			return nil, fmt.Errorf("contact %q: %w", item.Key(), err)
		}
		answered := c.Agent
		if !c.Rename(f.Agent, f.Name) || c.Agent != answered {
			return nil, nil // the agent's own were renamed with their index
		}
		b, err := c.AppendBinary(nil)
		return []change{{item.KeyCopy(), b}}, err
	})
	if err != nil {
		return err
	}
	err = s.steps(ctx, f, []byte{spansKey}, func(item *record) ([]change, error) {
		x, err := parseSpans(item)
		if err != nil {
			return nil, err
		}
		if x.Switch == metrics.AllSwitches {
			b, err := item.ValueCopy()
			if err != nil {
				return nil, err
			}
			b, changed, err := metrics.RenameStanding(b, f.Agent, f.Name)
			if err != nil || !changed {
				return nil, err
			}
			return []change{{item.KeyCopy(), b}}, nil
		}
		if !metrics.RenameSpans(x.Spans, f.Agent, f.Name) {
			return nil, nil
		}
		return []change{{item.KeyCopy(), metrics.AppendSpans(nil, x.Interval, x.Spans)}}, nil
	})
	if err != nil {
		return err
	}
	return s.forgetOpen(ctx, f, func(c *metrics.Contact) bool { return c.Rename(f.Agent, f.Name) })
}

// forgetOpen changes open visits.
func (s *Store) forgetOpen(ctx context.Context, f *Forgetting, forget func(*metrics.Contact) bool) error {
	return s.steps(ctx, f, []byte{openKey}, func(item *record) ([]change, error) {
		list, err := parseOpen(item)
		if err != nil {
			return nil, err
		}
		changed := false
		for i := range list {
			changed = forget(&list[i]) || changed
		}
		if !changed {
			return nil, nil
		}
		b, err := appendOpen(list)
		return []change{{item.KeyCopy(), b}}, err
	})
}

// ForgetContact takes out of a contact what tells who called. The visit keeps
// its id, by which it is told from others.
func ForgetContact(c *metrics.Contact) {
	c.Caller, c.Hash, c.Leg = "", [16]byte{}, ""
}

// forgetAgent goes through the agent's contacts, which its index lists, and its
// rollups.
func (s *Store) forgetAgent(ctx context.Context, f *Forgetting) error {
	index := appendText([]byte{byAgentKey}, f.Agent)
	err := s.steps(ctx, f, index, func(item *record) ([]change, error) {
		own := append([]byte{contactKey}, item.Key()[len(index):]...)
		var c metrics.Contact
		err := s.db.View(func(txn *badger.Txn) error {
			contact, err := get(txn, own)
			if err != nil {
				return err
			}
			return contact.Value(c.UnmarshalBinary)
		})
		if errors.Is(err, badger.ErrKeyNotFound) { // lost in a damaged file
			const moment = 8
			id := append([]byte{identityKey}, item.Key()[len(index)+moment:]...)
			return s.listedChanges([]change{{key: item.KeyCopy()}, {key: id}}, id)
		}
		if err != nil {
			return nil, fmt.Errorf("contact %q: %w", own, err)
		}
		var list []change
		tail := identityRecord(&c)[1:]
		for _, k := range placeOf(&c).keys(tail) {
			list = append(list, change{key: k})
		}
		c.Agent = f.Name
		changed, err := contactRecords(&c)
		f.Contacts++
		return append(list, changed...), err
	})
	if err != nil {
		return err
	}
	if err := s.forgetRollups(ctx, f); err != nil {
		return err
	}
	if err := s.forgetFacts(ctx, f); err != nil {
		return err
	}
	if err := s.forgetCards(ctx, f); err != nil {
		return err
	}
	if err := s.forgetInputs(ctx, f); err != nil {
		return err
	}
	return s.forgetEvidence(ctx, f)
}

// listedChanges adds that the lists lose a contact, of which only its place is
// known.
func (s *Store) listedChanges(list []change, id []byte) ([]change, error) {
	err := s.db.View(func(txn *badger.Txn) error {
		k := keyReader{b: id, at: 1}
		p, known, err := readPlace(txn, id, k.text())
		if known {
			for _, key := range p.keys(id[1:]) {
				list = append(list, change{key: key})
			}
		}
		return err
	})
	return list, err
}

func (s *Store) forgetRollups(ctx context.Context, f *Forgetting) error {
	q := Query{Kinds: []metrics.RowKind{metrics.AgentRow, metrics.PairRow, metrics.PauseRow}, Names: []string{f.Agent}}
	wanted := q.prefixes()
	at := metrics.Interval(math.MinInt64)
	for more := true; more; {
		if err := s.clearable(); err != nil {
			return err
		}
		var list []change
		more = false
		err := s.db.View(func(txn *badger.Txn) error {
			return eachPart(ctx, txn, at, math.MaxInt64, wanted, func(item *record, _ []byte) error {
				k := keyReader{b: item.Key(), at: 1}
				if at = metrics.Interval(k.number()); len(list) >= 2*forgetBatch {
					more = true
					return errStop
				}
				var r metrics.Rollup
				if err := item.Value(r.UnmarshalBinary); err != nil {
					return fmt.Errorf("rollup %q: %w", item.Key(), err)
				}
				r.Name = f.Name
				b, err := r.AppendBinary(nil)
				tail := keyReader{b: item.Key(), at: len(item.Key()) - 4}
				list = append(list, change{key: item.KeyCopy()}, change{rollupRecord(&r, tail.revision()), b})
				f.Rollups++
				return err
			})
		})
		if err == nil || errors.Is(err, errStop) {
			err = s.applyLocked(list, f)
		}
		s.write.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// forgetFacts deletes an agent's facts, and takes the agent's name out of the forms
// in which it stands as the rater of others.
func (s *Store) forgetFacts(ctx context.Context, f *Forgetting) error {
	index := factsOfAgent(f.Agent)
	err := s.steps(ctx, f, index, func(item *record) ([]change, error) {
		p, err := parseFactPlace(item.Key(), len(index))
		if err != nil {
			return nil, err
		}
		list := []change{{key: item.KeyCopy()}}
		err = s.db.View(func(txn *badger.Txn) error {
			fact, there, err := readFact(txn, factRecord(p))
			if there && fact.Agent == f.Agent {
				f.Facts++
				for _, k := range factKeys(&fact) {
					list = append(list, change{key: k})
				}
			}
			return err
		})
		return list, err
	})
	if err != nil {
		return err
	}
	return s.steps(ctx, f, []byte{factKey}, func(item *record) ([]change, error) {
		var fact metrics.Fact
		if err := item.Value(fact.UnmarshalBinary); err != nil {
			return nil, fmt.Errorf("fact %q: %w", item.Key(), err)
		}
		if fact.Kind != metrics.FormFact || fact.Form.Rater != f.Agent {
			return nil, nil
		}
		f.Facts++
		fact.Form.Rater = f.Name
		b, err := fact.AppendBinary(nil)
		return []change{{item.KeyCopy(), b}}, err
	})
}

// steps calls f for every record with a prefix and makes the changes that it
// returns, some at a time.
func (s *Store) steps(ctx context.Context, f *Forgetting, prefix []byte, changesOf func(*record) ([]change, error)) error {
	return s.inSteps(ctx, prefix, s.clearable, changesOf, func(list []change) error { return s.applyLocked(list, f) })
}

// inSteps calls changesOf for every record with a prefix, and apply with the changes
// of some at a time, under the lock that lock takes.
func (s *Store) inSteps(ctx context.Context, prefix []byte, lock func() error, changesOf func(*record) ([]change, error), apply func([]change) error) error {
	for at := prefix; at != nil; {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := lock(); err != nil {
			return err
		}
		next, list, err := s.collect(prefix, at, changesOf)
		if err == nil {
			err = apply(list)
		}
		s.write.Unlock()
		if err != nil {
			return err
		}
		at = next
	}
	return nil
}

// collect gathers the changes of some records from a key on, and tells where to
// go on; nil at the end.
func (s *Store) collect(prefix, at []byte, changesOf func(*record) ([]change, error)) (next []byte, list []change, err error) {
	err = s.db.View(func(txn *badger.Txn) error {
		it := iterate(txn, prefix)
		defer it.Close()
		looked, size := 0, 0
		for it.Seek(at); it.Valid(); it.Next() {
			if looked == lookBatch || len(list) >= forgetBatch || size > partBytes/2 {
				next = bytes.Clone(it.Item().Key())
				return nil
			}
			looked++
			changes, err := changesOf(it.Item())
			if err != nil {
				return err
			}
			for _, c := range changes {
				size += len(c.key) + len(c.value)
			}
			list = append(list, changes...)
		}
		return nil
	})
	return next, list, err
}

// applyLocked makes the changes of a step, with the count of what was changed.
func (s *Store) applyLocked(list []change, f *Forgetting) error {
	if len(list) == 0 {
		return nil
	}
	b, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return s.stepLocked(append(list, change{metadata(metaForgetting), b}))
}
