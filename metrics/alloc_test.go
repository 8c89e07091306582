package metrics

import (
	"fmt"
	"runtime"
	"testing"
)

// calls plays whole calls, one after another, all within one interval.
type calls struct {
	t     *Tracker
	at    Millis
	ids   [512][3]ID // visit, caller's leg, agent's leg: used again once forgotten
	agent [4]AgentID
	queue QueueID
	n     int
	by    Caller
}

func newCalls(opt Options) *calls {
	n := NewNames()
	c := &calls{t: NewTracker(n, opt), at: IntervalOf(1795449167837).Start(), by: MakeCaller([]byte("+3197010042"))}
	for i := range c.ids {
		for k := range c.ids[i] {
			c.ids[i][k] = IDString(fmt.Sprintf("%08d-%d-4f2b-9d3a-0123456789ab", i, k))
		}
	}
	c.queue = QueueID(n.InternString(QueueName, "support@default"))
	for i := range c.agent {
		c.agent[i] = AgentID(n.InternString(AgentName, fmt.Sprintf("%d@default", 1001+i)))
		c.apply(Event{Kind: AgentStatus, Agent: c.agent[i], Status: Ready})
		c.apply(Event{Kind: AgentWrapUp, Agent: c.agent[i], Value: 300})
	}
	return c
}

func (c *calls) apply(e Event) {
	e.At = c.at
	c.t.Apply(&e)
}

// eventsOfCall is how many facts one call is.
const eventsOfCall = 14

// call is one call, but for the facts that conclude it; with them it takes 0.7 s.
func (c *calls) call() {
	id, a := &c.ids[c.n%len(c.ids)], c.agent[c.n%len(c.agent)]
	c.n++
	c.apply(Event{Kind: VisitJoined, Visit: id[0], Leg: id[1], Queue: c.queue, Caller: c.by})
	c.at += 100
	c.apply(Event{Kind: OfferStarted, Visit: id[0], Leg: id[1], Queue: c.queue, Agent: a})
	c.apply(Event{Kind: LegStarted, Leg: id[2], Peer: id[1], Visit: id[0], Agent: a, Direction: Outbound})
	c.at += 100
	c.apply(Event{Kind: LegAnswered, Leg: id[2]})
	c.apply(Event{Kind: OfferAnswered, Visit: id[0], Leg: id[1], Peer: id[2], Queue: c.queue, Agent: a})
	c.apply(Event{Kind: LegBridged, Leg: id[1], Peer: id[2]})
	c.apply(Event{Kind: Connected, Agent: a})
	c.at += 100
	c.apply(Event{Kind: LegHeld, Leg: id[2]})
	c.at += 100
	c.apply(Event{Kind: LegResumed, Leg: id[2]})
	c.at += 100
	c.apply(Event{Kind: LegUnbridged, Leg: id[1], Peer: id[2]})
	c.apply(Event{Kind: LegEnded, Leg: id[2], By: Self})
	c.apply(Event{Kind: Disconnected, Visit: id[0], Leg: id[1], Peer: id[2], Queue: c.queue, Agent: a, By: Self, LegGone: true})
	c.at += 100
}

// hangUp concludes the call.
func (c *calls) hangUp() {
	id, a := &c.ids[(c.n-1)%len(c.ids)], c.agent[(c.n-1)%len(c.agent)]
	c.apply(Event{Kind: VisitLeft, Visit: id[0], Leg: id[1], Peer: id[2], Queue: c.queue, Agent: a, Outcome: Answered, By: Switch, LegGone: true})
	c.at += 100
	c.apply(Event{Kind: AgentFree, Agent: a})
}

// warm runs until visits, legs and timers are used again and the maps have
// their size: late events of a visit are expected for two minutes.
func (c *calls) warm() {
	for range 600 {
		c.call()
		c.hangUp()
	}
}

// TestApplyAllocs: in the steady state a call's facts, up to its end, take no
// memory; none of them waits for the collector.
func TestApplyAllocs(t *testing.T) {
	if raceEnabled {
		return // the race detector allocates: make unraced runs this
	}
	c := newCalls(Options{})
	c.warm()
	first := IntervalOf(c.at)
	if n := testing.AllocsPerRun(200, func() { c.call(); c.hangUp() }); n != 0 {
		t.Errorf("%v allocations in a whole call of %d facts, want none while nobody asks for contacts", n, eventsOfCall)
	}
	if IntervalOf(c.at) != first {
		t.Fatal("the test measures the sealing of an interval")
	}
	row := c.t.row(c.at, QueueRow, uint32(c.queue))
	if got := row.Get(AnsweredCount); got != int64(c.n) || row.Get(EndedByAgent) != got || row.Get(Hold) == 0 || row.Get(UnobservedCount) != 0 {
		t.Errorf("%d calls, %d answered, %d ended by the agent", c.n, got, row.Get(EndedByAgent))
	}
	if n := len(c.t.visits); n > 200 {
		t.Errorf("%d visits are remembered", n)
	}
}

// TestApplyAllocsUntilTheEnd: what a call allocates, it does at its end, and
// that is the contact record.
func TestApplyAllocsUntilTheEnd(t *testing.T) {
	if raceEnabled {
		return // as above
	}
	c := newCalls(Options{Visit: func(*Contact) {}})
	c.warm()
	mallocs := func(f func()) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		return after.Mallocs - before.Mallocs
	}
	var inCall, atEnd uint64
	const n = 200
	for range n {
		inCall += mallocs(c.call)
		atEnd += mallocs(c.hangUp)
	}
	t.Logf("in %d calls %d allocations before their end, %d at it", n, inCall, atEnd)
	if inCall > n/10 { // a map is put in order now and then
		t.Errorf("%d allocations in %d calls before their end", inCall, n)
	}
	if atEnd > 8*n {
		t.Errorf("%d allocations at the end of %d calls: a contact has five texts, attempts and holds", atEnd, n)
	}
}
