package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"tallyd/metrics"
)

// Facts are what others tell of agents' work. They are kept as long as rollups:
// an appraisal rests on both.

var (
	// ErrFactDiffers is wrapped where another fact of the kind has the id already.
	ErrFactDiffers = errors.New("is stored already, and differs")
	// ErrPast is wrapped where retention would have deleted what is to be stored.
	ErrPast = errors.New("before the records that are kept")
)

// FactPlace is a fact's place in the order of facts: by when they happened, by kind
// and by id.
type FactPlace struct {
	At   metrics.Millis
	Kind metrics.FactKind
	ID   string
}

// FactPlaceOf is where a fact is.
func FactPlaceOf(f *metrics.Fact) FactPlace { return FactPlace{f.At, f.Kind, f.ID} }

// PutFact stores a fact, on the disk when it returns. One that is stored already, as
// it is told now, is left as it is, and said to be a duplicate; one with another
// content is an error that wraps ErrFactDiffers.
func (s *Store) PutFact(f *metrics.Fact) (duplicate bool, err error) {
	if err := f.Check(); err != nil {
		return false, err
	}
	if f.Agent == "" {
		return false, fmt.Errorf("%s %q is of nobody", f.Kind, f.ID)
	}
	value, err := f.AppendBinary(nil)
	if err != nil {
		return false, err
	}
	if err := s.writable(); err != nil {
		return false, err
	}
	defer s.write.Unlock()
	if err := s.unstaged(); err != nil {
		return false, err
	}
	if duplicate, err = s.factIsThere(f, value); err != nil {
		return false, err
	}
	if !duplicate {
		if err := s.commit(factRecords(f, value)); err != nil {
			return false, err
		}
	}
	return duplicate, stored(s.db.Sync()) // of a duplicate too: its own sync may have failed
}

// factIsThere tells whether a fact is stored, as value has it.
func (s *Store) factIsThere(f *metrics.Fact, value []byte) (there bool, err error) {
	v, err := s.Snapshot()
	if err != nil {
		return false, err
	}
	defer v.Close()
	if kept := v.factsFrom(); f.At < kept {
		return false, fmt.Errorf("%s %q of %s is %w, from %s on", f.Kind, f.ID, moment(f.At), ErrPast, moment(kept))
	}
	p, known, err := v.factPlace(f.Kind, f.ID)
	if err != nil {
		return false, err
	}
	if !known { // or its entry was lost
		p = FactPlaceOf(f)
	}
	old, there, err := readFact(v.txn, factRecord(p))
	if err != nil || !there { // what a damaged file lost can be stored again
		return false, err
	}
	b, err := old.AppendBinary(nil)
	if err == nil && !bytes.Equal(b, value) {
		err = fmt.Errorf("%s %q %w", f.Kind, f.ID, ErrFactDiffers)
	}
	return err == nil, err
}

func moment(m metrics.Millis) string { return m.Time().Format("2006-01-02T15:04:05Z") }

// factRecords are all records of a fact.
func factRecords(f *metrics.Fact, value []byte) []change {
	keys := factKeys(f)
	return []change{{keys[0], value}, {keys[1], []byte{}}, {keys[2], appendNumber(nil, int64(f.At))}}
}

// factKeys are all keys of a fact: its own, the agent's, and the one that finds it
// by its id.
func factKeys(f *metrics.Fact) [][]byte {
	own := factRecord(FactPlaceOf(f))
	return [][]byte{own, append(factsOfAgent(f.Agent), own[1:]...), factIdentity(f.Kind, f.ID)}
}

func factRecord(p FactPlace) []byte { return appendFactPlace([]byte{factKey}, p) }

func factsOfAgent(agent string) []byte { return appendText([]byte{factByAgentKey}, agent) }

func factIdentity(k metrics.FactKind, id string) []byte {
	return appendText([]byte{factIdentityKey, byte(k)}, id)
}

// appendFactPlace is what a fact's own key has behind its first byte, and the
// agent's behind the agent.
func appendFactPlace(b []byte, p FactPlace) []byte {
	return appendText(append(appendNumber(b, int64(p.At)), byte(p.Kind)), p.ID)
}

// parseFactPlace reads the rest of a key, from a byte on.
func parseFactPlace(key []byte, from int) (FactPlace, error) {
	k := keyReader{b: key, at: from}
	p := FactPlace{metrics.Millis(k.number()), metrics.FactKind(k.byte()), k.text()}
	return p, k.done()
}

// FactQuery chooses facts by when they happened: from From (inclusive) to To
// (exclusive; 0 for no end). The zero value of the other fields chooses all.
type FactQuery struct {
	From, To metrics.Millis
	Kind     metrics.FactKind
	Agent    string
	Of       map[string]bool // of these agents; nil: of all
	Limit    int
	// After leaves out what comes before a place, and what is there: the last one of
	// the page before.
	After *FactPlace
}

// prefix is the list of facts that holds all chosen ones.
func (q *FactQuery) prefix() []byte {
	if q.Agent != "" {
		return factsOfAgent(q.Agent)
	}
	return []byte{factKey}
}

// wants tells whether the fact at a place, which is before To, is chosen.
func (q *FactQuery) wants(p FactPlace) bool {
	return (q.Kind == 0 || p.Kind == q.Kind) && (q.After == nil || p != *q.After)
}

// first is the key under a prefix at which to begin.
func (q *FactQuery) first(prefix []byte, from metrics.Millis) []byte {
	if q.After != nil && q.After.At >= from {
		return appendFactPlace(slices.Clone(prefix), *q.After)
	}
	return appendNumber(slices.Clone(prefix), int64(from))
}

// factsFrom is the moment before which facts are being deleted, and not shown.
func (v *Snapshot) factsFrom() metrics.Millis {
	if v.rollupsFrom == math.MinInt64 {
		return math.MinInt64
	}
	return v.rollupsFrom.Start()
}

// Facts reads the chosen facts in the order of their places.
func (v *Snapshot) Facts(ctx context.Context, q FactQuery) iter.Seq2[metrics.Fact, error] {
	return func(yield func(metrics.Fact, error) bool) {
		err := v.eachFact(ctx, &q, func(f *metrics.Fact) error {
			if !yield(*f, nil) {
				return errStop
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStop) {
			yield(metrics.Fact{}, err)
		}
	}
}

func (v *Snapshot) eachFact(ctx context.Context, q *FactQuery, f func(*metrics.Fact) error) error {
	prefix := q.prefix()
	from, to := max(q.From, v.factsFrom()), metrics.Millis(math.MaxInt64)
	if q.To != 0 {
		to = q.To
	}
	if err := v.store.whole(prefix, int64(from), int64(to), nil); err != nil {
		return err
	}
	it := iterate(v.txn, prefix)
	defer it.Close()
	it.until(int64(to))
	left := q.Limit
	for it.Seek(q.first(prefix, from)); it.Valid(); it.Next() {
		p, err := parseFactPlace(it.Item().Key(), len(prefix))
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || p.At >= to {
			return err
		}
		if !q.wants(p) {
			continue
		}
		fact, there, err := v.factAt(p)
		if err != nil {
			return err
		}
		if !there || q.Agent != "" && fact.Agent != q.Agent { // the list has an entry too many
			continue
		}
		if q.Of != nil && !q.Of[fact.Agent] {
			continue
		}
		if err := f(&fact); err != nil {
			return err
		}
		if left--; left == 0 {
			return nil
		}
	}
	return nil
}

// Fact finds a fact by what tells it from others.
func (v *Snapshot) Fact(k metrics.FactKind, id string) (f metrics.Fact, there bool, err error) {
	p, known, err := v.factPlace(k, id)
	if err != nil || !known || p.At < v.factsFrom() {
		return f, false, err
	}
	return v.factAt(p)
}

// factPlace finds where a fact is, also one that is being deleted.
func (v *Snapshot) factPlace(k metrics.FactKind, id string) (p FactPlace, known bool, err error) {
	item, err := get(v.txn, factIdentity(k, id))
	if errors.Is(err, badger.ErrKeyNotFound) {
		return p, false, nil
	}
	if err != nil {
		return p, false, err
	}
	err = item.Value(func(b []byte) error {
		at := keyReader{b: b}
		p = FactPlace{metrics.Millis(at.number()), k, id}
		return at.done()
	})
	return p, err == nil, err
}

// factAt reads the fact at a place, if there is one.
func (v *Snapshot) factAt(p FactPlace) (f metrics.Fact, there bool, err error) {
	own := factRecord(p)
	if err := v.store.wholeRecord(own); err != nil {
		return f, false, err
	}
	return readFact(v.txn, own)
}

func readFact(txn *badger.Txn, own []byte) (f metrics.Fact, there bool, err error) {
	item, err := get(txn, own)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return f, false, nil
	}
	if err == nil {
		err = item.Value(f.UnmarshalBinary)
	}
	if err != nil {
		return f, false, fmt.Errorf("fact %q: %w", own, err)
	}
	return f, true, nil
}
