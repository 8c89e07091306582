package metrics

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
)

// The state of a tracker is everything that decides what later events come to:
// what is open, what the open intervals count, and the names that the numbers
// stand for. A tracker that was given the state of another goes on exactly as
// that one would have; a journal keeps it (storage/journal).

// stateVersion numbers the form of the state. Version 2 has what is known of calls
// outside the queues, version 3 when the switch's clock was set and answers that
// were not seen, version 4 how the audio went.
const stateVersion = 4

// AppendState appends the tracker's state to b, its names included. Only the
// goroutine that feeds the tracker may call it.
func (t *Tracker) AppendState(b []byte) []byte {
	c := Encoder(b)
	t.code(c)
	return c.Written()
}

// RestoreState makes a new tracker, and its new table of names, go on from a
// state. After an error neither may be used.
func (t *Tracker) RestoreState(b []byte) error {
	if t.now != 0 || len(t.visits) > 0 {
		return fmt.Errorf("a tracker that has counted already cannot take a state")
	}
	c := Decoder(b)
	t.code(c)
	if err := c.Done(); err != nil {
		return fmt.Errorf("the tracker's state: %w", err)
	}
	return nil
}

func (t *Tracker) code(c *Coder) {
	version := c.Version("state", stateVersion)
	t.names.code(c)
	t.pairs.code(c)
	t.pauses.code(c)
	CodeUint(c, &t.handed)
	for _, m := range [...]*Millis{&t.now, &t.started, &t.jumpTo, &t.blindSince, &t.marked, &t.unobserved} {
		CodeInt(c, m)
	}
	if version >= 3 {
		CodeInt(c, &t.setAt)
		CodeInt(c, &t.livedTo)
	}
	CodeInt(c, &t.jumps)
	c.Bool(&t.down)
	c.Bool(&t.blind)
	CodeUint(c, &t.generation)
	CodeInt(c, &t.sealed)
	CodeInt(c, &t.Faults.Clock)
	CodeInt(c, &t.Faults.Dropped)
	gaps := t.Live.gaps.Load()
	CodeInt(c, &gaps)

	visits := t.codeVisits(c, version)
	t.codeAgents(c, visits)
	t.codeServing(c)
	t.codeLines(c, visits)
	t.codeLegs(c, visits, version)
	t.codeTimers(c, visits)
	t.codeCells(c)
	t.codeDone(c)
	if c.Reading() && c.Err() == nil {
		t.showAll(gaps)
	}
}

// showAll shows a state that was read to whoever looks.
func (t *Tracker) showAll(gaps int64) {
	t.Live.at.Store(int64(t.now))
	t.Live.blind.Store(t.blind)
	t.Live.unobserved.Store(int64(t.unobserved))
	t.Live.gaps.Store(gaps)
	for _, a := range t.agents {
		if a != nil {
			t.Live.agents.at(a.row).counted.Store(int64(a.since))
			t.showAgent(a)
		}
	}
	for _, q := range t.queues {
		if q != nil {
			t.showQueue(q)
		}
	}
}

// refs numbers the visits of a state, from 1: 0 is none. One that was forgotten,
// but is still pointed at, has the number past the last.
type refs struct {
	list   []*visit
	number map[*visit]uint32
	lost   *visit
}

func (r *refs) code(c *Coder, p **visit) {
	var n uint32
	if !c.Reading() && *p != nil {
		var ok bool
		if n, ok = r.number[*p]; !ok {
			n = uint32(len(r.list)) + 1
		}
	}
	CodeUint(c, &n)
	if !c.Reading() {
		return
	}
	switch {
	case n == 0:
		*p = nil
	case int(n) <= len(r.list):
		*p = r.list[n-1]
	case int(n) == len(r.list)+1:
		*p = r.lost
	default:
		c.Fail("visit")
	}
}

func (r *refs) codeList(c *Coder, list *[]*visit) {
	n := c.Len(len(*list))
	if c.Reading() {
		*list = make([]*visit, n)
	}
	for i := range *list {
		r.code(c, &(*list)[i])
	}
}

// codeVisits codes every visit that is not forgotten, oldest first.
func (t *Tracker) codeVisits(c *Coder, version byte) *refs {
	r := &refs{number: map[*visit]uint32{}, lost: &visit{state: gone}}
	for v := t.open; v != nil; v = v.next {
		r.list = append(r.list, v)
		r.number[v] = uint32(len(r.list))
	}
	n := c.Len(len(r.list))
	if c.Reading() {
		for range n {
			v := &visit{prev: t.newest}
			if t.newest == nil {
				t.open = v
			} else {
				t.newest.next = v
			}
			t.newest = v
			r.list = append(r.list, v)
		}
	}
	for _, v := range r.list {
		t.codeVisit(c, r, v, version)
		if c.Err() != nil {
			break
		}
	}
	return r
}

func (t *Tracker) codeVisit(c *Coder, r *refs, v *visit, version byte) {
	for _, id := range [...]*ID{&v.id, &v.leg, &v.agentLeg} {
		c.ID(id)
	}
	var q QueueID
	if v.queue != nil {
		q = v.queue.id
	}
	codeName(c, &q)
	if c.Reading() {
		v.queue = t.queueOf(q)
	}
	c.Caller(&v.caller)
	CodeUint(c, &v.state)
	n := c.Len(len(v.offers))
	if c.Reading() {
		v.offers = make([]offer, n)
	}
	for i := range v.offers {
		o := &v.offers[i]
		codeName(c, &o.agent)
		CodeInt(c, &o.started)
		c.Bool(&o.picked)
		if c.Reading() && t.agentOf(o.agent) == nil {
			c.Fail("offer")
		}
	}
	CodeInt(c, &v.offered)
	t.codeEvidence(c, v)
	codeName(c, &v.agent)
	for _, m := range [...]*Millis{&v.joined, &v.answered, &v.ended, &v.talkFrom, &v.held, &v.holdFrom, &v.holdSum, &v.left, &v.callerGone, &v.unbridged} {
		CodeInt(c, m)
	}
	CodeInt(c, &v.holds)
	CodeUint(c, &v.outcome)
	CodeUint(c, &v.callerBy)
	CodeUint(c, &v.agentBy)
	CodeUint(c, &v.callerMove)
	CodeUint(c, &v.agentMove)
	CodeUint(c, &v.endedBy)
	for _, b := range [...]*bool{&v.agentGone, &v.released, &v.partial, &v.unseen, &v.acrossGap, &v.goesOn, &v.short, &v.amended} {
		c.Bool(b)
	}
	if version >= 3 {
		c.Bool(&v.answerUnseen)
	}
	if version >= 4 {
		v.media.code(c)
	}
	r.code(c, &v.older)
	CodeUint(c, &v.seen)
	CodeInt(c, &v.offset)
	named := t.visits[v.id] == v
	c.Bool(&named)
	if !c.Reading() {
		return
	}
	if v.state > gone || v.endedBy >= enders {
		c.Fail("visit")
	}
	if named {
		t.visits[v.id] = v
	}
}

func (t *Tracker) codeEvidence(c *Coder, v *visit) {
	n := c.Len(len(v.attempts))
	if c.Reading() {
		v.attempts = make([]attempt, n)
	}
	for i := range v.attempts {
		x := &v.attempts[i]
		codeName(c, &x.agent)
		CodeInt(c, &x.started)
		CodeInt(c, &x.ended)
		CodeUint(c, &x.result)
	}
	codeStretches(c, &v.heldSpans)
	codeMoments(c, &v.consulted)
}

func codeStretches(c *Coder, list *[]Stretch) {
	n := c.Len(len(*list))
	if c.Reading() {
		*list = nilOr(make([]Stretch, n))
	}
	for i := range *list {
		CodeInt(c, &(*list)[i].From)
		CodeInt(c, &(*list)[i].To)
	}
}

// nilOr is nil for an empty list.
func nilOr[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}

func codeMoments(c *Coder, list *[]Millis) {
	n := c.Len(len(*list))
	if c.Reading() {
		*list = nilOr(make([]Millis, n))
	}
	for i := range *list {
		CodeInt(c, &(*list)[i])
	}
}

// codeName codes an agent's, queue's or reason's number, which must be one that
// a table of names can give.
func codeName[T ~uint32](c *Coder, id *T) {
	CodeUint(c, id)
	if c.Reading() && uint32(*id) >= MaxNames {
		c.Fail("name")
		*id = 0
	}
}

func (t *Tracker) codeAgents(c *Coder, r *refs) {
	var list []*agent
	for _, a := range t.agents {
		if a != nil {
			list = append(list, a)
		}
	}
	n := c.Len(len(list))
	for i := range n {
		var id AgentID
		if !c.Reading() {
			id = list[i].id
		}
		codeName(c, &id)
		a := t.agentOf(id)
		if a == nil {
			c.Fail("agent")
			return
		}
		CodeUint(c, &a.status)
		codeName(c, &a.reason)
		c.Bool(&a.idle)
		CodeInt(c, &a.ringing)
		r.code(c, &a.rungFor)
		r.code(c, &a.picked)
		r.codeList(c, &a.visits)
		CodeInt(c, &a.otherLegs)
		codeName(c, &a.queue)
		c.Bool(&a.wrapUpKnown)
		for _, m := range [...]*Millis{&a.wrapUp, &a.wrapUntil, &a.since, &a.entered, &a.idleSince} {
			CodeInt(c, m)
		}
		CodeUint(c, &a.gen)
		CodeUint(c, &a.state)
		codeName(c, &a.stateReason)
		CodeUint(c, &a.seen)
		if a.state >= states {
			c.Fail("agent's state")
			a.state = Unknown
		}
		if c.Err() != nil {
			return
		}
	}
}

func (t *Tracker) codeServing(c *Coder) {
	n := c.Len(len(t.serving))
	if c.Reading() {
		t.serving = make([]serving, n)
	}
	if n > len(t.pairs.List()) {
		c.Fail("pauses of pairs")
		return
	}
	for i := range t.serving {
		c.Bool(&t.serving[i].paused)
		CodeInt(c, &t.serving[i].since)
	}
}

// codeLines codes the queues: who waits, in order, and how many talk.
func (t *Tracker) codeLines(c *Coder, r *refs) {
	var list []*queue
	for _, q := range t.queues {
		if q != nil {
			list = append(list, q)
		}
	}
	n := c.Len(len(list))
	for i := range n {
		var id QueueID
		var line []*visit
		if !c.Reading() {
			id = list[i].id
			for v := list[i].first; v != nil; v = v.behind {
				line = append(line, v)
			}
		}
		codeName(c, &id)
		if c.Err() != nil {
			return
		}
		q := t.queueOf(id)
		CodeInt(c, &q.busy)
		r.codeList(c, &line)
		if !c.Reading() {
			continue
		}
		for _, v := range line {
			if v == nil || v == r.lost || v.inLine || v.queue != q {
				c.Fail("line")
				return
			}
			v.ahead, v.inLine = q.last, true
			if q.last == nil {
				q.first = v
			} else {
				q.last.behind = v
			}
			q.last = v
			q.waiting++
		}
	}
}

func (t *Tracker) codeLegs(c *Coder, r *refs, version byte) {
	var list []*leg
	if !c.Reading() {
		list = t.sortedLegs()
	}
	n := c.Len(len(list))
	for i := range n {
		l := &leg{}
		if !c.Reading() {
			l = list[i]
		}
		c.ID(&l.id)
		r.codeList(c, &l.visits)
		rung := l.rung
		if rung != nil && rung.gen != l.rungGen {
			rung = r.lost
		}
		r.code(c, &rung)
		codeName(c, &l.agent)
		CodeUint(c, &l.direction)
		c.Bool(&l.other)
		CodeUint(c, &l.seen)
		if version >= 2 {
			l.call.code(c, version)
		} else if l.other {
			l.call.started, l.call.partial = t.now, true
		}
		if c.Err() != nil || l.other && t.agentOf(l.agent) == nil || slices.Contains(l.visits, nil) {
			c.Fail("leg")
			return
		}
		if c.Reading() {
			l.rings(rung)
			t.legs[l.id] = l
		}
	}
}

// codeTimers codes what is still to come; timers whose subject moved on would do
// nothing. How often a visit's memory was used before is no part of the state.
func (t *Tracker) codeTimers(c *Coder, r *refs) {
	var list []timer
	for _, x := range t.timers.list {
		if x.visit == nil && t.agents[x.agent].gen == x.gen || x.visit != nil && x.visit.gen == x.gen {
			list = append(list, x)
		}
	}
	slices.SortFunc(list, func(a, b timer) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.seq, b.seq)) })
	CodeUint(c, &t.timers.seq)
	n := c.Len(len(list))
	for i := range n {
		var x timer
		if !c.Reading() {
			x = list[i]
		}
		CodeInt(c, &x.at)
		CodeUint(c, &x.seq)
		CodeUint(c, &x.kind)
		codeName(c, &x.agent)
		r.code(c, &x.visit)
		if x.visit == nil {
			CodeUint(c, &x.gen)
		}
		if x.kind > visitForgotten || (x.kind == wrapUpOver) != (x.visit == nil) ||
			x.kind == wrapUpOver && (int(x.agent) >= len(t.agents) || t.agents[x.agent] == nil) {
			c.Fail("timer")
		}
		if c.Err() != nil {
			return
		}
		if c.Reading() {
			t.timers.list = append(t.timers.list, x) // sorted, and so a heap
		}
	}
}

func (t *Tracker) codeDone(c *Coder) {
	n := c.Len(len(t.done))
	if c.Reading() {
		t.setDone(make([]Contact, n))
	}
	for i := range t.done {
		var b []byte
		if !c.Reading() {
			b, _ = t.done[i].AppendBinary(nil) // it has no error to return
		}
		c.Bytes(&b)
		if c.Reading() && c.Err() == nil {
			if err := t.done[i].UnmarshalBinary(bytes.Clone(b)); err != nil {
				c.Fail("contact")
			}
		}
	}
}
