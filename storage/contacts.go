package storage

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"tallyd/metrics"
)

// ContactQuery chooses contacts by when they ended: from From (inclusive) to To
// (exclusive; 0 for no end). The zero value of Kind chooses visits, that of the
// other fields chooses all.
type ContactQuery struct {
	From, To metrics.Millis
	Kind     metrics.ContactKind
	Queues   []string
	Agent    string
	Rung     string          // who was rung, whoever answered
	Of       map[string]bool // contacts of these agents, or of nobody; nil for all
	Switch   string
	Outcomes []metrics.Outcome
	Caller   [16]byte // the keyed hash of the number
	MOSBelow int      // those whose audio was below it, in hundredths; 0 for all
	Limit    int
	Newest   bool // the latest first; To must be given then
	// After leaves out what comes before a contact in the query's order, and that
	// contact: the last one of the page before. Ended, Switch, Visit and Joined
	// of it are looked at; nil for none.
	After *metrics.Contact
}

// Compare is the order of contacts of one kind: by when they ended.
func Compare(a, b *metrics.Contact) int {
	return cmp.Or(cmp.Compare(a.Ended, b.Ended), cmp.Compare(a.Switch, b.Switch), cmp.Compare(a.Visit, b.Visit), cmp.Compare(a.Joined, b.Joined))
}

// Order is the order of the query's answer.
func (q *ContactQuery) Order(a, b *metrics.Contact) int {
	if q.Newest {
		a, b = b, a
	}
	return Compare(a, b)
}

// Match tells whether a contact is chosen.
func (q *ContactQuery) Match(c *metrics.Contact) bool {
	return c.Ended >= q.From && (q.To == 0 || c.Ended < q.To) && c.Kind == q.Kind &&
		(len(q.Queues) == 0 || slices.Contains(q.Queues, c.Queue)) &&
		(q.Agent == "" || c.Agent == q.Agent) &&
		(q.Rung == "" || slices.ContainsFunc(c.Attempts, func(a metrics.Attempt) bool { return a.Agent == q.Rung })) &&
		(q.Of == nil || c.Agent == "" || q.Of[c.Agent]) &&
		(q.Switch == "" || c.Switch == q.Switch) &&
		(q.Caller == [16]byte{} || c.Hash == q.Caller) &&
		(q.MOSBelow == 0 || c.Media.Bad(q.MOSBelow)) &&
		(len(q.Outcomes) == 0 || slices.Contains(q.Outcomes, c.Outcome)) &&
		(q.After == nil || q.Order(c, q.After) > 0)
}

// prefix is the most selective list of contacts that holds all chosen ones: a
// caller has fewer than an agent, an agent fewer than a queue. Of several queues
// there is none but that of all contacts.
func (q *ContactQuery) prefix() []byte {
	switch {
	case q.Caller != [16]byte{}:
		return callerPrefix(q.Caller)
	case q.Agent != "":
		return appendText([]byte{byAgentKey}, q.Agent)
	case len(q.Queues) == 1 && q.Queues[0] != "":
		return appendText([]byte{byQueueKey}, q.Queues[0])
	}
	return []byte{contactKey}
}

// first is the key under a prefix at which to begin, the oldest first.
func (q *ContactQuery) first(prefix []byte, kept metrics.Millis) []byte {
	from := max(q.From, kept)
	if q.After != nil && !q.Newest && q.After.Ended >= from {
		return appendIdentity(appendNumber(prefix, int64(q.After.Ended)), q.After)
	}
	return appendNumber(prefix, int64(from))
}

// Contacts reads the chosen contacts in the query's order.
func (v *Snapshot) Contacts(ctx context.Context, q ContactQuery) iter.Seq2[metrics.Contact, error] {
	if q.Newest {
		return v.newest(ctx, q)
	}
	return v.oldest(ctx, q)
}

// oldest reads the chosen contacts in the order of Compare.
func (v *Snapshot) oldest(ctx context.Context, q ContactQuery) iter.Seq2[metrics.Contact, error] {
	return func(yield func(metrics.Contact, error) bool) {
		prefix := q.prefix()
		from, to := int64(max(q.From, v.contactsFrom)), int64(math.MaxInt64)
		if q.To != 0 {
			to = int64(q.To)
		}
		if err := v.store.whole(prefix, from, to, nil); err != nil {
			yield(metrics.Contact{}, err)
			return
		}
		it := iterate(v.txn, prefix)
		defer it.Close()
		it.until(to)
		left := q.Limit
		for it.Seek(q.first(slices.Clone(prefix), v.contactsFrom)); it.Valid(); it.Next() {
			key := it.Item().Key()
			k := keyReader{b: key, at: len(prefix)}
			if ended := metrics.Millis(k.number()); q.To != 0 && ended >= q.To {
				return
			}
			if err := ctx.Err(); err != nil {
				yield(metrics.Contact{}, err)
				return
			}
			if isCall(key) != (q.Kind == metrics.CallContact) {
				continue // told by the key: the other kind is not read
			}
			c, err := v.contact(it.Item(), len(prefix))
			if err != nil {
				yield(metrics.Contact{}, err)
				return
			}
			if !q.Match(&c) {
				continue
			}
			if !yield(c, nil) {
				return
			}
			if left--; left == 0 {
				return
			}
		}
	}
}

// wholeRecord is an error where the record of a key, which begins with a moment, may
// be in a damaged part.
func (s *Store) wholeRecord(own []byte) error {
	k := keyReader{b: own, at: 1}
	at := k.number()
	return s.whole(own[:1], at, at+1, func(key []byte) []byte {
		if bytes.Compare(key, own) > 0 {
			return nil
		}
		return own
	})
}

// Contact finds a contact by what tells it from others.
func (v *Snapshot) Contact(kind metrics.ContactKind, sw, visit string, joined metrics.Millis) (c metrics.Contact, there bool, err error) {
	id := identityRecord(&metrics.Contact{Kind: kind, Switch: sw, Visit: visit, Joined: joined})
	p, known, err := readPlace(v.txn, id, sw)
	if err != nil || !known || p.ended < v.contactsFrom {
		return c, false, err
	}
	return v.contactAt(p.keys(id[1:])[0])
}

// Visits finds the stays with an id of a switch's, in the order of joining: an id can
// come back.
func (v *Snapshot) Visits(sw, visit string) (list []metrics.Contact, err error) {
	prefix := appendText(appendText([]byte{identityKey}, sw), visit)
	err = scan(v.txn, prefix, func(item *record) error {
		k := keyReader{b: item.Key(), at: len(prefix)}
		joined := metrics.Millis(k.number())
		if k.done() != nil {
			return nil // a call's, which has a mark behind it
		}
		c, there, err := v.Contact(metrics.VisitContact, sw, visit, joined)
		if there {
			list = append(list, c)
		}
		return err
	})
	return list, err
}

// contactAt reads the contact of a key, if there is one.
func (v *Snapshot) contactAt(own []byte) (c metrics.Contact, there bool, err error) {
	if err := v.store.wholeRecord(own); err != nil {
		return c, false, err
	}
	item, err := get(v.txn, own)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return c, false, nil
	}
	if err != nil {
		return c, false, err
	}
	c, err = v.contact(item, 1)
	return c, err == nil, err
}

// isCall tells a call's key from a visit's: before the eight bytes of the moment
// of joining a text ends, in 00 01, and a call's mark moves both by one.
func isCall(key []byte) bool {
	n := len(key)
	return n > 11 && key[n-11] == 0 && key[n-10] == 1
}

// Step is one of the visits that a caller's leg made.
type Step struct {
	Queue         string
	Joined, Ended metrics.Millis
}

// Paths finds the ways of callers from queue to queue. It must be closed, before
// the snapshot is.
type Paths struct {
	store *Store
	it    *records
	from  metrics.Millis
}

// Paths begins a search.
func (v *Snapshot) Paths() *Paths {
	return &Paths{v.store, iterate(v.txn, []byte{byLegKey}), v.contactsFrom}
}

// Close ends the search.
func (p *Paths) Close() { p.it.Close() }

// Of lists the stored visits of one leg of a switch, in no particular order: as a
// rule there is one.
func (p *Paths) Of(sw, leg string) (steps []Step, err error) {
	prefix := legPrefix(sw, leg)
	if err := p.store.whole(prefix, int64(p.from), math.MaxInt64, nil); err != nil {
		return nil, err
	}
	for p.it.Seek(appendNumber(slices.Clone(prefix), int64(p.from))); p.it.ValidForPrefix(prefix); p.it.Next() {
		item := p.it.Item()
		k := keyReader{b: item.Key(), at: len(prefix)}
		s := Step{Ended: metrics.Millis(k.number())}
		k.skipText()
		k.skipText()
		s.Joined = metrics.Millis(k.number())
		if err := k.done(); err != nil {
			return nil, err
		}
		if err := item.Value(func(b []byte) error { s.Queue = string(b); return nil }); err != nil {
			return nil, err
		}
		steps = append(steps, s)
	}
	return steps, nil
}

// contact reads the contact that an entry is, or that an index entry names: what
// follows the first n bytes of its key is the rest of the contact's own key.
func (v *Snapshot) contact(item *record, n int) (c metrics.Contact, err error) {
	key := item.Key()
	if key[0] != contactKey {
		own := append([]byte{contactKey}, key[n:]...)
		if err := v.store.wholeRecord(own); err != nil {
			return c, err
		}
		if item, err = get(v.txn, own); err != nil {
			return c, fmt.Errorf("contact %q, listed in %q: %w", own, key, err)
		}
	}
	if err = item.Value(c.UnmarshalBinary); err != nil {
		return c, fmt.Errorf("contact %q: %w", item.Key(), err)
	}
	return c, nil
}
