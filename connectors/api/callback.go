package api

import (
	"cmp"
	"context"
	"slices"
	"time"

	"tallyd/metrics"
	"tallyd/storage"
)

// Whom nobody answered should be called back, unless they called again and were
// answered. Both can be told from the keyed hashes of numbers, without the numbers.

// What can be asked about lost callers.
const (
	CallBackTold = "told"
	CallBackDue  = "due"
)

// What came of a lost caller, within 30 days.
const (
	CallBackOpen  = "open"           // nobody has talked to them
	CallBackTried = "tried"          // called back, and they did not answer
	CalledBack    = "called_back"    // called back, and they answered
	CalledAgain   = "called_again"   // they called again, and somebody answered
	AnsweredLater = "answered_later" // in another queue of the same call
	CallBackBlind = "no_number"      // the caller sent no number
)

// CallBack is what came of a caller who was lost, up to now.
type CallBack struct {
	State string `json:"state" enum:"open,tried,called_back,called_again,answered_later,no_number"`
	// At is when the call began that State tells of, Agent whose it was, and ID its id.
	At    metrics.Millis `json:"at_ms,omitempty"`
	Agent string         `json:"agent,omitempty"`
	ID    string         `json:"id,omitempty"`
}

// Reached tells whether somebody has talked to the caller, or nobody can.
func (c *CallBack) Reached() bool { return c.State != CallBackOpen && c.State != CallBackTried }

var lostOutcomes = []metrics.Outcome{metrics.Abandoned, metrics.TimedOut, metrics.LeftEmpty, metrics.ExitedByKey, metrics.JoinRefused, metrics.SwitchFailed}

// lost tells whether a contact is of a caller who wanted somebody, and got nobody.
func lost(c *metrics.Contact) bool {
	return c.Kind == metrics.VisitContact && slices.Contains(lostOutcomes, c.Outcome)
}

// callBackWithin is how long after a caller was lost a talk still counts as theirs.
const callBackWithin = metrics.Millis(30 * 24 * time.Hour / time.Millisecond)

// later is a call of somebody who was lost before, to them or by them.
type later struct {
	kind       metrics.ContactKind
	way        metrics.Way
	joined     metrics.Millis
	sw, id     string
	leg, agent string
}

// callBacks is what came of the lost callers of a list: of each caller what was
// talked and what was tried, in the order in which it began. Stored contacts of a
// caller lie side by side, and are read once, whoever called a thousand times.
type callBacks struct {
	talks, tries map[[16]byte][]later
}

// tellCallBacks says of the lost callers among contacts what came of them; out are
// these contacts as published.
func tellCallBacks(ctx context.Context, stored *storage.Snapshot, unstored, list []metrics.Contact, out []Contact) error {
	type span struct{ from, to metrics.Millis }
	lived := map[[16]byte]span{}
	for i := range list {
		c := &list[i]
		if !lost(c) || c.Hash == ([16]byte{}) {
			continue
		}
		s, known := lived[c.Hash]
		if !known || c.Ended < s.from {
			s.from = c.Ended
		}
		s.to = max(s.to, c.Ended+callBackWithin)
		lived[c.Hash] = s
	}
	b := &callBacks{map[[16]byte][]later{}, map[[16]byte][]later{}}
	for hash, s := range lived {
		if stored == nil {
			break
		}
		for _, q := range []storage.ContactQuery{{Kind: metrics.VisitContact, Outcomes: []metrics.Outcome{metrics.Answered}}, {Kind: metrics.CallContact}} {
			q.Caller, q.From, q.To = hash, s.from, s.to
			for c, err := range stored.Contacts(ctx, q) {
				if err != nil {
					return err
				}
				b.add(&c)
			}
		}
	}
	for i := range unstored {
		if _, asked := lived[unstored[i].Hash]; asked {
			b.add(&unstored[i])
		}
	}
	for _, of := range []map[[16]byte][]later{b.talks, b.tries} {
		for _, l := range of {
			slices.SortFunc(l, func(a, b later) int { return cmp.Compare(a.joined, b.joined) })
		}
	}
	for i := range list {
		if lost(&list[i]) {
			out[i].CallBack = b.of(&list[i])
		}
	}
	return nil
}

func (b *callBacks) add(c *metrics.Contact) {
	to := b.tries
	switch {
	case c.Outcome == metrics.Answered:
		to = b.talks
	case c.Kind != metrics.CallContact || c.Way != metrics.Outgoing:
		return
	}
	to[c.Hash] = append(to[c.Hash], later{c.Kind, c.Way, c.Joined, c.Switch, c.Visit, c.Leg, c.Agent})
}

// of is what came of a lost caller: the first talk since, or else the latest try.
func (b *callBacks) of(c *metrics.Contact) *CallBack {
	if c.Hash == ([16]byte{}) {
		return &CallBack{State: CallBackBlind}
	}
	// Others of the list may have had later calls read than are this one's.
	since := func(list []later) []later {
		first := func(at metrics.Millis) int {
			i, _ := slices.BinarySearchFunc(list, at, func(l later, at metrics.Millis) int { return cmp.Compare(l.joined, at) })
			return i
		}
		return list[first(c.Ended):first(c.Ended+callBackWithin)]
	}
	if talks := since(b.talks[c.Hash]); len(talks) > 0 {
		t := &talks[0]
		switch {
		case t.kind == metrics.CallContact && t.way == metrics.Outgoing:
			return callBackOf(CalledBack, t)
		case t.kind == metrics.VisitContact && t.sw == c.Switch && t.leg == c.Leg:
			return callBackOf(AnsweredLater, t)
		}
		return callBackOf(CalledAgain, t)
	}
	if tries := since(b.tries[c.Hash]); len(tries) > 0 {
		return callBackOf(CallBackTried, &tries[len(tries)-1])
	}
	return &CallBack{State: CallBackOpen}
}

func callBackOf(state string, l *later) *CallBack {
	return &CallBack{State: state, At: l.joined, Agent: l.agent, ID: l.id}
}
