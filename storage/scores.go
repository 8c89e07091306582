package storage

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"tallyd/metrics"
)

// Sealed scores are kept for ever, and never changed: whoever seals a cycle again
// adds a revision beside what was there. What they say is the appraisal's, and only
// bytes here.

// Sealing is one revision of a cycle's scores.
type Sealing struct {
	Cycle    string         `json:"-"`
	Revision uint32         `json:"-"` // from 0
	At       metrics.Millis `json:"-"`
	By       string         `json:"by"` // who sealed it
	Scheme   string         `json:"scheme"`
	Cards    int            `json:"cards"`
	// Head is what the cards have in common.
	Head json.RawMessage `json:"head"`
}

// SealedCard is what an agent's card in a role says.
type SealedCard struct {
	Agent, Role string
	Body        []byte
}

// schemePart is how much of a scheme's text is in a record.
const schemePart = 3 << 10

func sealingRecord(x *Sealing) []byte {
	return binary.BigEndian.AppendUint32(appendText(appendNumber([]byte{sealingKey}, int64(x.At)), x.Cycle), x.Revision)
}

func cardsOfCycle(cycle string) []byte { return appendText([]byte{cardKey}, cycle) }

func cardsOf(cycle string, revision uint32) []byte {
	return appendNumber(cardsOfCycle(cycle), int64(revision))
}

// SealScores stores the cards of a cycle as its next revision, which it sets, with the
// text of the scheme and what they were made of; nil where nobody knows. It is there
// when all of it is on the disk, or not at all.
func (s *Store) SealScores(ctx context.Context, x *Sealing, scheme []byte, cards []SealedCard, made *Inputs) error {
	s.sealing.Lock()
	defer s.sealing.Unlock()
	if x.Cycle == "" || len(x.Cycle) > maxText || len(x.Scheme) > maxText {
		return fmt.Errorf("cycle %q of scheme %q has no such name", x.Cycle, x.Scheme)
	}
	earlier, err := s.sealings(ctx, x.Cycle)
	if err != nil {
		return err
	}
	x.Revision, x.Cards = 0, len(cards)
	if n := len(earlier); n > 0 {
		x.Revision = earlier[n-1].Revision + 1
	}
	// What an interrupted sealing left has the same keys.
	gone := func(r *record) ([]change, error) { return []change{{key: r.KeyCopy()}}, nil }
	for _, prefix := range [...][]byte{cardsOf(x.Cycle, x.Revision), inputsOf(x.Cycle, x.Revision)} {
		if err := s.inSteps(ctx, prefix, s.writable, gone, s.commitParts); err != nil {
			return err
		}
	}
	list := schemeRecords(x.Scheme, scheme)
	if made != nil {
		inputs, err := made.records(x.Cycle, x.Revision)
		if err != nil {
			return err
		}
		list = append(list, inputs...)
	}
	prefix := cardsOf(x.Cycle, x.Revision)
	for i := range cards {
		list = append(list, change{appendText(appendText(slices.Clone(prefix), cards[i].Agent), cards[i].Role), cards[i].Body})
	}
	for part := range slices.Chunk(list, cardsInStep) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.step(part); err != nil {
			return err
		}
	}
	head, err := json.Marshal(x)
	if err != nil {
		return err
	}
	if err := s.writable(); err != nil {
		return err
	}
	defer s.write.Unlock()
	if err := s.unstaged(); err != nil {
		return err
	}
	var last uint64
	if err := s.db.View(func(txn *badger.Txn) (err error) { last, err = lastItem(txn); return err }); err != nil {
		return err
	}
	if err := s.commit([]change{{sealingRecord(x), head}, scoresItem(last+1, x)}); err != nil {
		return err
	}
	return stored(s.db.Sync())
}

// cardsInStep is how many cards are stored before PutSealed gets its turn.
const cardsInStep = 200

// step makes some changes, on the disk when it returns.
func (s *Store) step(list []change) error {
	if err := s.writable(); err != nil {
		return err
	}
	defer s.write.Unlock()
	if err := s.unstaged(); err != nil {
		return err
	}
	return s.commitParts(list)
}

func schemeRecords(sum string, text []byte) (list []change) {
	key := appendText([]byte{schemeKey}, sum)
	part := 0
	for piece := range slices.Chunk(text, schemePart) {
		list = append(list, change{appendPart(slices.Clone(key), part), piece})
		part++
	}
	return list
}

// scoresItem tells others that a cycle was sealed.
func scoresItem(number uint64, x *Sealing) change {
	value := append(appendText(binary.AppendVarint(nil, 0), x.Cycle), sealScores)
	return change{outboxRecord(number), binary.AppendUvarint(value, uint64(x.Revision))}
}

// Scores tells whether the item is a sealing of scores, and of which cycle; Revision is
// its revision.
func (it *Item) Scores() (cycle string, is bool) { return it.Switch, it.scores }

func (s *Store) sealings(ctx context.Context, cycle string) ([]Sealing, error) {
	v, err := s.Snapshot()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	return v.Sealings(ctx, cycle)
}

// Sealings lists what was sealed of a cycle, or of all ("") in the order in which it was.
func (v *Snapshot) Sealings(ctx context.Context, cycle string) (list []Sealing, err error) {
	prefix := []byte{sealingKey}
	if err := v.store.whole(prefix, 0, int64(1)<<62, nil); err != nil {
		return nil, err
	}
	err = scan(v.txn, prefix, func(r *record) error {
		x, err := parseSealing(r)
		if err != nil {
			return err
		}
		if cycle == "" || x.Cycle == cycle {
			list = append(list, x)
		}
		return ctx.Err()
	})
	slices.SortStableFunc(list, func(a, b Sealing) int { // a clock may have been set back
		if a.Cycle == b.Cycle {
			return int(a.Revision) - int(b.Revision)
		}
		return 0
	})
	return list, err
}

func parseSealing(r *record) (x Sealing, err error) {
	k := keyReader{b: r.Key(), at: 1}
	x.At, x.Cycle, x.Revision = metrics.Millis(k.number()), k.text(), k.revision()
	if err = k.done(); err == nil {
		err = r.Value(func(b []byte) error { return json.Unmarshal(b, &x) })
	}
	if err != nil {
		err = fmt.Errorf("sealing %q: %w", r.Key(), err)
	}
	return x, err
}

// Cards reads the cards of a revision, of one agent or of all (""), by agent and role.
func (v *Snapshot) Cards(ctx context.Context, cycle string, revision uint32, agent string) iter.Seq2[SealedCard, error] {
	return func(yield func(SealedCard, error) bool) {
		if err := v.store.whole(cardsOfCycle(cycle), int64(revision), int64(revision)+1, nil); err != nil {
			yield(SealedCard{}, err)
			return
		}
		prefix := cardsOf(cycle, revision)
		from := len(prefix)
		if agent != "" {
			prefix = appendText(prefix, agent)
		}
		err := scan(v.txn, prefix, func(r *record) error {
			k := keyReader{b: r.Key(), at: from}
			c := SealedCard{Agent: k.text(), Role: k.text()}
			err := errors.Join(k.done(), ctx.Err())
			if err == nil {
				c.Body, err = r.ValueCopy()
			}
			if err == nil && !yield(c, nil) {
				return errStop
			}
			return err
		})
		if err != nil && !errors.Is(err, errStop) {
			yield(SealedCard{}, err)
		}
	}
}

// Scheme is the text of a scheme that something was sealed by.
func (v *Snapshot) Scheme(sum string) (text []byte, there bool, err error) {
	var b bytes.Buffer
	err = scan(v.txn, appendText([]byte{schemeKey}, sum), func(r *record) error {
		return r.Value(func(part []byte) error { b.Write(part); return nil })
	})
	return b.Bytes(), b.Len() > 0, err
}

// forgetCards deletes an agent's cards.
func (s *Store) forgetCards(ctx context.Context, f *Forgetting) error {
	return s.steps(ctx, f, []byte{cardKey}, func(r *record) ([]change, error) {
		k := keyReader{b: r.Key(), at: 1}
		k.skipText()
		k.number()
		agent := k.text()
		if k.bad || agent != f.Agent {
			return nil, nil
		}
		f.Cards++
		return []change{{key: r.KeyCopy()}}, nil
	})
}
