package metrics

// connect counts the visit as answered.
func (t *Tracker) connect(v *visit, at Millis) {
	v.state, v.outcome = talking, Answered
	if v.answered == 0 {
		v.answered = max(at, v.joined)
	}
	v.talkFrom = v.answered
	wait := v.answered - v.joined
	q := t.row(v.answered, QueueRow, uint32(v.queue.id))
	q.begin()
	q.Add(AnsweredCount, 1)
	q.Add(WaitAnswered, int64(wait))
	q.Raise(MaxWaitAnswered, int64(wait))
	q.Raise(MaxWait, int64(wait))
	q.end()
	t.row(v.joined, QueueRow, uint32(v.queue.id)).Observe(AnsweredWaits, wait, 1)
	v.queue.leave(v)
	v.queue.busy++
	t.showQueue(v.queue)
	a := t.agentOf(v.agent)
	if a == nil {
		return
	}
	t.row(v.answered, AgentRow, a.row).Add(AnsweredCount, 1)
	t.row(v.answered, PairRow, t.pairs.ID(uint32(a.id), uint32(v.queue.id))).Add(AnsweredCount, 1)
	if i := v.offer(v.agent); i >= 0 {
		v.tried(v.agent, Accepted, v.answered)
		t.dropOffer(v, i)
	} else {
		// The offer was given up (a snapshot called the agent free), and yet they
		// talk: there was another one.
		v.offered++
		v.attempts = append(v.attempts, attempt{v.agent, v.answered, v.answered, Accepted})
		t.countOffer(v, a, Offers, v.answered)
	}
	a.visits, a.picked, a.queue = append(a.visits, v), nil, v.queue.id
	a.wrapUntil, a.idle = 0, false
	t.restate(a, v.answered)
}

// resume ends a hold.
func (t *Tracker) resume(v *visit, at Millis) {
	if v.held == 0 {
		return
	}
	t.countHold(v, at)
	v.holdSum += max(0, at-v.held)
	v.holdOver()
}

// holdOver ends a hold, of which everything is counted.
func (v *visit) holdOver() {
	if v.holdFrom > v.held {
		v.heldSpans = append(v.heldSpans, Stretch{v.held, v.holdFrom})
	}
	v.held = 0
}

// consulted takes back the hold that was made in order to consult: the agent
// talks, and with whom is not the queue's matter. What an interval's end has
// counted of it stays.
func (t *Tracker) consulted(v *visit, at Millis) {
	if v.held != 0 {
		v.holdSum += v.holdFrom - v.held
		v.holds--
		v.holdOver()
	}
	t.countOffer(v, t.agentOf(v.agent), Consults, at)
	v.consulted = append(v.consulted, at)
	t.restate(t.agentOf(v.agent), at)
}

// countTalk adds talk up to a moment to the counters.
func (t *Tracker) countTalk(v *visit, to Millis) {
	if to <= v.talkFrom {
		return
	}
	t.visitSpan(v, Talk, v.talkFrom, to)
	v.talkFrom = to
}

func (t *Tracker) countHold(v *visit, to Millis) {
	if v.held == 0 || to <= v.holdFrom {
		return
	}
	t.visitSpan(v, Hold, v.holdFrom, to)
	v.holdFrom = to
}

func (t *Tracker) visitSpan(v *visit, c Counter, from, to Millis) {
	t.span(QueueRow, uint32(v.queue.id), c, from, to)
	if v.agent != 0 {
		t.span(AgentRow, uint32(v.agent), c, from, to)
		t.span(PairRow, t.pairs.ID(uint32(v.agent), uint32(v.queue.id)), c, from, to)
	}
}

// agentsPart takes what the agent's leg shows and ends the agent's part, unless
// the two still talk: an agent whom callcenter_break released from the queue
// stays with the caller, and an agent on standby keeps its leg for the next
// call, and is parted from the caller up to 0.1 s before the report.
func (t *Tracker) agentsPart(v *visit, e *Event, at Millis) {
	v.takeAgents(e)
	v.goesOn = e.GoesOn
	switch {
	case e.LegGone || v.agentGone:
		t.endTalk(v, at)
	case v.unbridged != 0:
		t.endTalk(v, min(at, v.unbridged))
	case t.legs[v.agentLeg] == nil:
		t.endTalk(v, at)
	}
}

func (v *visit) takeAgents(e *Event) {
	if e.By != Nobody {
		v.agentBy = e.By
	}
	if e.Moved != NoMove {
		v.agentMove = e.Moved
	}
}

// endTalk ends the agent's part of an answered visit.
func (t *Tracker) endTalk(v *visit, at Millis) {
	v.ended = max(at, v.answered, v.talkFrom, v.holdFrom) // what was counted stays counted
	t.resume(v, v.ended)
	t.countTalk(v, v.ended)
	v.queue.busy--
	t.showQueue(v.queue)
	v.state = ending
	if a := t.agentOf(v.agent); a != nil && a.leave(v) {
		wrap := a.wrapUp
		if !a.wrapUpKnown {
			wrap = v.queue.settings.WrapUp
		}
		a.queue = v.queue.id
		if wrap > 0 && a.status != LoggedOut {
			a.wrapUntil = v.ended + wrap
			t.timers.push(timer{at: a.wrapUntil, kind: wrapUpOver, agent: a.id, gen: a.nextGen()})
		}
		t.restate(a, v.ended)
	}
	t.later(v, v.ended+overdueEnd)
}

// callersPart takes what the caller's leg shows and counts the visit's end.
func (t *Tracker) callersPart(v *visit, e *Event, at Millis) {
	if v.callerBy == Nobody {
		v.callerBy = e.By
	}
	if v.callerMove == NoMove {
		v.callerMove = e.Moved
	}
	if e.LegGone && v.callerGone == 0 {
		v.callerGone = at
	}
	v.released, v.goesOn = true, false
	if v.state == talking && (e.LegGone || v.unbridged != 0 || t.legs[v.agentLeg] == nil) {
		if v.unbridged != 0 {
			at = min(at, v.unbridged)
		}
		t.endTalk(v, at)
	}
	if v.state == ending {
		t.finishIfClear(v)
	}
}

// finishIfClear counts the visit's end once it is clear who ended it. In 1 of
// 100 calls FreeSWITCH lets the caller go some 0.1 s before either leg shows
// who hung up (runA, visit bee2f61c).
func (t *Tracker) finishIfClear(v *visit) {
	if v.agentBy != Nobody || v.agentMove != NoMove || v.callerBy == Self || v.agentGone || t.legs[v.agentLeg] == nil {
		t.finish(v)
	}
}

// moved notes that the caller was joined to somebody else than the agent.
func (v *visit) moved(e *Event, at Millis) {
	if v.state != ending && v.state != talking || v.callerMove != NoMove {
		return
	}
	if e.Leg != v.agentLeg && e.Peer != v.agentLeg {
		v.callerMove = Attended
	}
}
