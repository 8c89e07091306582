package metrics

import (
	"cmp"
	"slices"
	"sort"
)

// First-call resolution: a caller who was helped does not call again.
//
// A contact here is all that one call (a leg of one switch) did in one group of
// queues: a caller whom an agent passes on to another queue of the group has not
// called again. It counts if an agent and the caller talked in it, for the first
// such agent and the queue that it was in. An abandoned or lost call resolved
// nothing, so it is no contact that could have; but it is a further contact, for
// whoever calls once more has not been helped, whether or not somebody answers
// this time.
//
// Further is what began when the contact was over or up to the window later, both
// moments included. What began before the end is no consequence of it: two
// people behind one number. A call that is in progress is a further contact already,
// and is judged when it is over.

// QueueGroup is queues for the same concerns: a caller who was not helped in one
// of them comes back to any.
type QueueGroup struct {
	// Name is the group's; "" is the queue alone.
	Name string
	// Window is how long after a contact another one counts.
	Window Millis
}

// DefaultQueueGroup is used for a queue that is in no group: one of its own, and a
// week.
func DefaultQueueGroup() QueueGroup { return QueueGroup{Window: 7 * 24 * 3600 * 1000} }

// Stay is what a contact tells of a caller who may call again.
type Stay struct {
	Caller [16]byte
	Switch string
	Call   string // the caller's leg; the visit where the leg is not known
	Visit  string
	Queue  string
	Agent  string
	// Joined to Ended is the stay, or the agent's part of it.
	Joined, Ended Millis
	Outcome       Outcome
}

// StayOf is the stay that a contact is the evidence of.
func StayOf(c *Contact) Stay {
	return Stay{Caller: c.Hash, Switch: c.Switch, Call: cmp.Or(c.Leg, c.Visit), Visit: c.Visit, Queue: c.Queue, Agent: c.Agent,
		Joined: c.Joined, Ended: c.Ended, Outcome: c.Outcome}
}

// Resolved is a contact in which an agent and the caller talked.
type Resolved struct {
	// Queue and Agent are those of the first agent, At is when that agent's part
	// was over.
	Queue, Agent string
	At           Millis
	// Censored: a further contact can still come, or become known. What is known
	// of it by now does not count, or fresh contacts would count only if they fail.
	Censored bool
	// Repeat: there was a further contact.
	Repeat bool
}

// Resolver judges contacts. The zero value of Group is DefaultQueueGroup for all.
type Resolver struct {
	// Group gives the group that a queue is in.
	Group func(queue string) QueueGroup
	// Known is up to when (exclusive) every stay that has begun is told of.
	Known Millis

	parts []callPart
}

// GroupOf is the group that a queue is in.
func (r *Resolver) GroupOf(queue string) QueueGroup {
	if r.Group == nil {
		return DefaultQueueGroup()
	}
	return r.Group(queue)
}

// callPart is what a call did in a group; at first, a single stay.
type callPart struct {
	group, queue  string // queue only without a group
	window        Millis
	sw, call      string
	joined, ended Millis
	first         *Stay // in which an agent and the caller talked; nil for none
	visit         string
	open          bool
}

// Caller judges one caller's contacts, whose stays may come in any order, and calls
// f with each in the order of group and joining.
func (r *Resolver) Caller(stays []Stay, f func(Resolved)) {
	r.parts = r.parts[:0]
	for i := range stays {
		s := &stays[i]
		if s.Queue == "" {
			continue
		}
		g := r.GroupOf(s.Queue)
		p := callPart{group: g.Name, window: g.Window, sw: s.Switch, call: s.Call, joined: s.Joined, ended: s.Ended, visit: s.Visit, open: s.Outcome == InProgress}
		if g.Name == "" {
			p.queue = s.Queue
		}
		if s.Outcome == Answered {
			p.first = s
		}
		r.parts = append(r.parts, p)
	}
	calls := r.merge()
	begin := 0 // of the group
	for i := range calls {
		c := &calls[i]
		if !c.sameGroup(&calls[begin]) {
			begin = i
		}
		if c.first == nil || c.open {
			continue
		}
		n := begin + sort.Search(len(calls)-begin, func(k int) bool { return !c.sameGroup(&calls[begin+k]) || calls[begin+k].joined >= c.ended })
		if n == i {
			n++ // it began and ended in the same moment
		}
		again := n < len(calls) && c.sameGroup(&calls[n]) && calls[n].joined <= c.ended+c.window
		out := Resolved{Queue: c.first.Queue, Agent: c.first.Agent, At: c.first.Ended, Censored: c.ended+c.window >= r.Known}
		out.Repeat = again && !out.Censored
		f(out)
	}
}

func (c *callPart) sameGroup(o *callPart) bool { return c.group == o.group && c.queue == o.queue }

// merge makes one part of the stays of one call in one group, and sorts by group
// and joining.
func (r *Resolver) merge() []callPart {
	byGroup := func(a, b *callPart) int { return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.queue, b.queue)) }
	byCall := func(a, b *callPart) int { return cmp.Or(cmp.Compare(a.sw, b.sw), cmp.Compare(a.call, b.call)) }
	byTime := func(a, b *callPart) int {
		return cmp.Or(cmp.Compare(a.joined, b.joined), cmp.Compare(a.ended, b.ended))
	}
	slices.SortFunc(r.parts, func(a, b callPart) int {
		return cmp.Or(byGroup(&a, &b), byCall(&a, &b), byTime(&a, &b), cmp.Compare(a.visit, b.visit))
	})
	n := 0
	for i := range r.parts {
		p := &r.parts[i]
		if n == 0 || !p.sameGroup(&r.parts[n-1]) || byCall(p, &r.parts[n-1]) != 0 {
			r.parts[n] = *p
			n++
			continue
		}
		call := &r.parts[n-1]
		call.ended = max(call.ended, p.ended)
		call.open = call.open || p.open
		if call.first == nil {
			call.first = p.first
		}
	}
	calls := r.parts[:n]
	slices.SortFunc(calls, func(a, b callPart) int { return cmp.Or(byGroup(&a, &b), byTime(&a, &b), byCall(&a, &b)) })
	return calls
}
