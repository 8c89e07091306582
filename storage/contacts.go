package storage

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"tallyd/metrics"
)

// ContactQuery chooses contacts by when they ended: from From (inclusive) to To
// (exclusive; 0 for no end). The zero value of the other fields chooses all.
type ContactQuery struct {
	From, To metrics.Millis
	Queue    string
	Agent    string
	Switch   string
	Outcomes []metrics.Outcome
	Limit    int
}

// Match tells whether a contact is chosen.
func (q *ContactQuery) Match(c *metrics.Contact) bool {
	return c.Ended >= q.From && (q.To == 0 || c.Ended < q.To) &&
		(q.Queue == "" || c.Queue == q.Queue) &&
		(q.Agent == "" || c.Agent == q.Agent) &&
		(q.Switch == "" || c.Switch == q.Switch) &&
		(len(q.Outcomes) == 0 || slices.Contains(q.Outcomes, c.Outcome))
}

// prefix is the most selective list of contacts that holds all chosen ones:
// an agent has fewer than a queue.
func (q *ContactQuery) prefix() []byte {
	switch {
	case q.Agent != "":
		return appendText([]byte{byAgentKey}, q.Agent)
	case q.Queue != "":
		return appendText([]byte{byQueueKey}, q.Queue)
	}
	return []byte{contactKey}
}

// Contacts reads the chosen contacts in the order in which they ended.
func (v *Snapshot) Contacts(ctx context.Context, q ContactQuery) iter.Seq2[metrics.Contact, error] {
	return func(yield func(metrics.Contact, error) bool) {
		prefix := q.prefix()
		it := v.txn.NewIterator(badger.IteratorOptions{Prefix: prefix})
		defer it.Close()
		left := q.Limit
		for it.Seek(appendNumber(slices.Clone(prefix), int64(max(q.From, v.contactsFrom)))); it.Valid(); it.Next() {
			k := keyReader{b: it.Item().Key(), at: len(prefix)}
			if ended := metrics.Millis(k.number()); q.To != 0 && ended >= q.To {
				return
			}
			c, err := v.contact(it.Item(), len(prefix))
			if err == nil {
				err = ctx.Err()
			}
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

// contact reads the contact that an entry is, or that an index entry names: what
// follows the first n bytes of its key is the rest of the contact's own key.
func (v *Snapshot) contact(item *badger.Item, n int) (c metrics.Contact, err error) {
	key := item.Key()
	if key[0] != contactKey {
		own := append([]byte{contactKey}, key[n:]...)
		if item, err = v.txn.Get(own); err != nil {
			return c, fmt.Errorf("contact %q, listed in %q: %w", own, key, err)
		}
	}
	if err = item.Value(c.UnmarshalBinary); err != nil {
		return c, fmt.Errorf("contact %q: %w", item.Key(), err)
	}
	return c, nil
}
