package metrics

// visitState is where a stay in a queue stands.
type visitState uint8

const (
	// waiting: no agent has picked up.
	waiting visitState = iota
	// picked: an agent picked up; whether the two will talk is open. FreeSWITCH
	// may still report that the caller had gone, up to four seconds later.
	picked
	// talking: the agent and the caller are connected.
	talking
	// ending: the agent's part is over; what the caller's leg shows is awaited.
	ending
	// gone: counted. Late events of its other offers may still come.
	gone
)

// visit is one stay of one caller in one queue.
type visit struct {
	id, leg, agentLeg ID
	queue             *queue
	caller            Caller
	state             visitState
	offers            []offer // those that have not ended
	offered           int     // offers in all
	agent             AgentID

	joined, answered, ended Millis
	talkFrom                Millis // talk is counted up to here
	held, holdFrom          Millis // on hold since; counted up to
	holdSum                 Millis
	holds                   int

	outcome    Outcome // pending while picked, final when gone
	left       Millis  // when the outcome came
	callerGone Millis  // when the caller's leg ended
	unbridged  Millis  // when media between the two stopped
	callerBy   Party
	agentBy    Party
	callerMove Move
	agentMove  Move
	endedBy    EndedBy

	agentGone bool // the agent's leg ended
	released  bool // the queue has let the caller go
	partial   bool // its beginning was not seen
	unseen    bool // its end was not seen
	acrossGap bool // nothing was heard of it since the switch was lost

	ahead, behind *visit // in the queue's line
	inLine        bool
	older         *visit // an earlier stay under the same id, not yet forgotten
	prev, next    *visit // among all
	gen           uint32
	seen          uint32
	offset        int64
}

func (t *Tracker) visitJoined(e *Event, at Millis) {
	if e.Queue == 0 {
		return
	}
	old := t.visits[e.Visit]
	if old != nil && old.state != gone {
		if e.Known || old.partial || old.queue.id == e.Queue && old.leg == e.Leg {
			old.seen = t.generation // the same stay, told again
			return
		}
		// A stay whose end was lost: the switch uses its id for a new one.
		t.endUnseen(old, at)
	}
	joined := at
	if e.Joined > 0 && e.Joined < at {
		joined = e.Joined
	}
	v := t.newVisit(e, joined)
	if v == nil {
		return
	}
	v.partial = e.Known
	v.older = old
	t.row(joined, QueueRow, uint32(v.queue.id)).Add(Offered, 1)
	v.queue.enter(v)
	t.showQueue(v.queue)
}

// newVisit makes a visit and hangs it on its caller's leg.
func (t *Tracker) newVisit(e *Event, joined Millis) *visit {
	if len(t.visits) >= maxOpenVisits {
		t.Faults.Dropped++
		return nil
	}
	var v *visit
	if n := len(t.freeVisits); n > 0 {
		v, t.freeVisits = t.freeVisits[n-1], t.freeVisits[:n-1]
	} else {
		v = &visit{}
	}
	*v = visit{id: e.Visit, leg: e.Leg, queue: t.queueOf(e.Queue), caller: e.Caller, joined: joined,
		offers: v.offers[:0], gen: v.gen + 1, seen: t.generation, offset: e.Offset}
	t.visits[v.id] = v
	if l := t.leg(v.leg); l != nil {
		l.visits = append(l.visits, v)
	}
	if t.newest == nil {
		t.open = v
	} else {
		t.newest.next, v.prev = v, t.newest
	}
	t.newest = v
	return v
}

// rebuild makes a visit whose beginning was not seen from what a later event
// repeats of it.
func (t *Tracker) rebuild(e *Event, at Millis) *visit {
	if e.Queue == 0 || e.Visit.IsZero() || e.Kind == OfferEnded && e.Cause != NotConnected {
		return nil
	}
	joined := at
	if e.Joined > 0 && e.Joined < at {
		joined = e.Joined
	}
	v := t.newVisit(e, joined)
	if v == nil {
		return nil
	}
	v.partial = true
	t.row(joined, QueueRow, uint32(v.queue.id)).Add(Offered, 1)
	v.queue.enter(v)
	t.showQueue(v.queue)
	return v
}

// visitEvent finds the stay that an event is about. An id can name two: a
// caller who comes back takes the ended stay's id up again, while the earlier
// stay's offers are still being called off.
func (t *Tracker) visitEvent(e *Event, at Millis) {
	v := t.visits[e.Visit]
	if v == nil {
		if v = t.rebuild(e, at); v == nil {
			return
		}
	}
	if e.Kind == OfferEnded || e.Kind == Disconnected {
		for o := v; o != nil; o = o.older {
			if o.offer(e.Agent) >= 0 || o.agent == e.Agent && o.state != gone {
				v = o
				break
			}
		}
	}
	v.acrossGap, v.seen = false, t.generation
	t.step(v, e, at)
}

// connected finds the stay that an agent picked up, where the switch does not
// name it.
func (t *Tracker) connected(e *Event, at Millis) {
	v := t.visits[e.Visit]
	if v == nil && e.Visit.IsZero() {
		if a := t.agentOf(e.Agent); a != nil && a.picked != nil && a.picked.state == picked && a.picked.agent == e.Agent {
			v = a.picked
		}
	}
	if v != nil {
		v.acrossGap, v.seen = false, t.generation
		t.step(v, e, at)
	}
}

func (t *Tracker) step(v *visit, e *Event, at Millis) {
	switch v.state {
	case waiting:
		t.whileWaiting(v, e, at)
	case picked:
		t.whilePicked(v, e, at)
	case talking:
		t.whileTalking(v, e, at)
	case ending:
		t.whileEnding(v, e, at)
	case gone:
		t.whenGone(v, e, at)
	}
}

func (t *Tracker) whileWaiting(v *visit, e *Event, at Millis) {
	switch e.Kind {
	case OfferStarted:
		t.addOffer(v, e.Agent, at)
	case OfferEnded:
		t.endOffer(v, e.Agent, e.Cause, at)
		if e.Cause == NotConnected && v.callerGone != 0 {
			t.leave(v, Abandoned, v.callerGone)
		}
	case OfferAnswered:
		t.pick(v, e, at)
	case Connected:
		t.pick(v, e, at)
		t.connect(v, at)
	case Disconnected:
		t.pick(v, e, at)
		t.connect(v, at)
		t.agentsPart(v, e, at)
	case VisitLeft:
		if e.Outcome != Answered {
			t.leave(v, e.Outcome, at)
			return
		}
		t.pick(v, e, at)
		t.connect(v, at)
		t.callersPart(v, e, at)
	case LegEnded:
		if e.Leg == v.leg {
			// The queue says so itself, before this; if it did not, it may still
			// find an agent who picks up for nobody.
			v.callerGone, v.callerBy = at, e.By
			v.queue.leave(v)
			t.showQueue(v.queue)
			t.later(v, at+overdueCaller)
		}
	}
}

func (t *Tracker) whilePicked(v *visit, e *Event, at Millis) {
	switch e.Kind {
	case OfferStarted:
		t.addOffer(v, e.Agent, at)
	case OfferAnswered:
		t.pick(v, e, at)
	case OfferEnded:
		mine := e.Agent == v.agent
		t.endOffer(v, e.Agent, e.Cause, at)
		if mine {
			t.unpick(v)
		}
	case Connected:
		if e.Agent == v.agent {
			t.connect(v, v.answered)
		}
	case Disconnected:
		if e.Agent == v.agent {
			t.connect(v, v.answered)
			t.agentsPart(v, e, at)
		}
	case VisitLeft:
		if e.Outcome == Answered {
			t.connect(v, v.answered)
			t.callersPart(v, e, at)
			return
		}
		// FreeSWITCH ends the stay of a caller who hangs up while the agent picks
		// up, and tells only seconds later whether they talked.
		v.outcome, v.left = e.Outcome, at
		v.queue.leave(v)
		t.showQueue(v.queue)
		t.later(v, at+overdueEnd)
	case LegEnded:
		if e.Leg == v.leg {
			v.callerGone, v.callerBy = at, e.By
			t.later(v, at+overdueEnd)
		}
	}
}

func (t *Tracker) whileTalking(v *visit, e *Event, at Millis) {
	switch e.Kind {
	case OfferStarted:
		t.addOffer(v, e.Agent, at)
	case OfferEnded:
		t.endOffer(v, e.Agent, e.Cause, at)
	case LegHeld:
		if v.held == 0 {
			v.held, v.holdFrom = at, max(at, v.answered)
			v.holds++
			t.restate(t.agentOf(v.agent), at)
		}
	case LegResumed:
		t.resume(v, at)
		t.restate(t.agentOf(v.agent), at)
	case Disconnected:
		if e.Agent == v.agent {
			t.agentsPart(v, e, at)
		}
	case VisitLeft:
		if e.Outcome == Answered {
			t.callersPart(v, e, at)
			return
		}
		t.later(v, at+overdueEnd)
	case LegEnded:
		if e.Leg == v.agentLeg {
			v.takeAgents(e)
			v.agentGone = true
			t.endTalk(v, at)
			if v.released {
				t.finishIfClear(v)
			}
		} else if e.Leg == v.leg {
			v.callerGone, v.callerBy = at, e.By
			t.later(v, at+overdueEnd)
		}
	}
}

func (t *Tracker) whileEnding(v *visit, e *Event, at Millis) {
	switch e.Kind {
	case OfferStarted:
		t.addOffer(v, e.Agent, at)
	case OfferEnded:
		t.endOffer(v, e.Agent, e.Cause, at)
	case Disconnected:
		if e.Agent == v.agent {
			v.takeAgents(e)
		}
	case VisitLeft:
		t.callersPart(v, e, at)
	case LegEnded:
		if e.Leg == v.agentLeg {
			v.takeAgents(e)
			v.agentGone = true
		} else if e.Leg == v.leg {
			if v.callerGone == 0 {
				v.callerGone = at
			}
			if v.callerBy == Nobody {
				v.callerBy = e.By
			}
		}
		if v.released {
			t.finishIfClear(v)
		}
	}
}

func (t *Tracker) whenGone(v *visit, e *Event, at Millis) {
	switch e.Kind {
	case OfferStarted:
		// The thread that rings the agent can be a moment behind the one that
		// ended the stay.
		t.addOffer(v, e.Agent, at)
	case OfferAnswered:
		if i := v.offer(e.Agent); i >= 0 {
			v.offers[i].picked = true
		}
	case OfferEnded:
		t.endOffer(v, e.Agent, e.Cause, at)
	case Disconnected:
		t.endOffer(v, e.Agent, NotConnected, at)
	}
}

// pick notes that an agent picked up.
func (t *Tracker) pick(v *visit, e *Event, at Millis) {
	a := t.agentOf(e.Agent)
	if a == nil {
		v.partial = true
	}
	answered := at
	if e.Kind == VisitLeft || e.Kind == Disconnected {
		answered = v.joined // not seen: the best that is known is what the event repeats
	}
	i := v.offer(e.Agent)
	if a != nil && i < 0 {
		t.addOffer(v, e.Agent, min(at, max(v.joined, e.Answered)))
		i = v.offer(e.Agent)
	}
	if e.Answered > 0 && e.Answered <= at && (i < 0 || e.Answered >= v.offers[i].started-missedAfter) {
		// An agent on standby answered its phone long before this call.
		answered = e.Answered
	}
	if i >= 0 {
		v.offers[i].picked = true
		answered = max(answered, v.offers[i].started)
	}
	v.state, v.agent, v.agentLeg = picked, e.Agent, e.Peer
	v.answered = max(answered, v.joined)
	if a != nil {
		a.picked = v
	}
	if l := t.leg(e.Peer); l != nil {
		l.rung = v
		t.notOther(l, at, true)
	}
}

// unpick takes back a pick-up that came to nothing.
func (t *Tracker) unpick(v *visit) {
	v.agentLeg = ID{}
	switch {
	case v.outcome != InProgress:
		t.leave(v, v.outcome, v.left)
	case v.callerGone != 0:
		// Nobody talked, though FreeSWITCH's own records call it answered.
		t.leave(v, Abandoned, v.callerGone)
	default:
		v.state, v.agent, v.answered = waiting, 0, 0
	}
}

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
		t.dropOffer(v, i)
	}
	if a.visit != nil && a.visit != v && a.visit.acrossGap {
		t.endUnseen(a.visit, a.visit.lastSeen(t))
	}
	a.visit, a.picked, a.queue = v, nil, v.queue.id
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
	v.held = 0
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
	if a := t.agentOf(v.agent); a != nil && a.visit == v {
		a.visit = nil
		wrap := a.wrapUp
		if !a.wrapUpKnown {
			wrap = v.queue.settings.WrapUp
		}
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
	v.released = true
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

// whoEnded weighs what the two legs show. A transfer that the agent's phone
// asked for shows on the agent's leg; one that a program made only in that the
// caller goes on though the switch hung the agent's leg up.
func (v *visit) whoEnded(down bool) EndedBy {
	switch {
	case v.unseen:
		return EndUnknown
	case v.agentMove == Blind:
		return ByBlindTransfer
	case v.agentMove == Attended:
		return ByAttendedTransfer
	case v.agentBy == Self && (v.callerBy != Self || v.callerGone >= v.ended):
		return ByAgent
	case down:
		return BySwitch
	case v.callerBy == Self && v.callerGone != 0:
		return ByCaller
	case v.callerGone == 0 && v.callerMove == Blind:
		return ByBlindTransfer
	case v.callerMove == Attended:
		return ByAttendedTransfer
	case v.callerGone == 0:
		return ByAgent
	case v.agentBy == Switch && v.callerBy == Switch:
		return BySwitch
	case v.agentBy == Switch:
		return ByCaller
	case v.callerBy == Switch:
		return ByAgent
	case v.callerGone <= v.ended:
		return ByCaller
	}
	return ByAgent
}

var enderCounter = [enders]Counter{EndUnknown: EndedUnknown, ByCaller: EndedByCaller, ByAgent: EndedByAgent,
	ByBlindTransfer: TransferredBlind, ByAttendedTransfer: TransferredAttended, BySwitch: EndedBySwitch}

// finish counts the end of an answered visit.
func (t *Tracker) finish(v *visit) {
	v.endedBy = v.whoEnded(t.down)
	talk := v.ended - v.answered
	handle := int64((talk + 500) / 1000)
	t.row(v.ended, QueueRow, uint32(v.queue.id)).Observe(HandleTimes, talk, 1)
	rows := [3]*Row{t.row(v.ended, QueueRow, uint32(v.queue.id))}
	if v.agent != 0 {
		rows[1] = t.row(v.ended, AgentRow, uint32(v.agent))
		rows[2] = t.row(v.ended, PairRow, t.pairs.ID(uint32(v.agent), uint32(v.queue.id)))
	}
	for _, r := range rows {
		if r == nil {
			continue
		}
		r.begin()
		r.Add(enderCounter[v.endedBy], 1)
		r.Add(Holds, int64(v.holds))
		r.Add(HandleSquared, handle*handle)
		if talk < shortCallLimit {
			r.Add(ShortCalls, 1)
		}
		r.end()
	}
	t.conclude(v)
}

// leave counts the end of a visit that was not answered.
func (t *Tracker) leave(v *visit, o Outcome, at Millis) {
	if t.down && o != JoinRefused {
		o = SwitchFailed // FreeSWITCH lets every waiting caller 'abandon' when it stops
	}
	if o == InProgress || o == Answered || o >= outcomes {
		o = Unobserved
	}
	v.outcome, v.left = o, max(at, v.joined)
	wait := v.left - v.joined
	q := t.row(v.left, QueueRow, uint32(v.queue.id))
	q.begin()
	q.Add(outcomeCounter[o], 1)
	if w := waitCounter[o]; w != 0 {
		q.Add(w, int64(wait))
		q.Raise(MaxWait, int64(wait))
	}
	if o == Abandoned {
		q.Raise(MaxWaitAbandoned, int64(wait))
		if wait < v.queue.settings.ShortAbandon {
			q.Add(ShortAbandoned, 1)
		}
	}
	q.end()
	cohort := t.row(v.joined, QueueRow, uint32(v.queue.id))
	if o == Abandoned {
		cohort.Observe(AbandonedWaits, wait, 1)
	} else {
		cohort.Observe(LeftWaits, wait, 1)
	}
	v.queue.leave(v)
	t.showQueue(v.queue)
	v.agent = 0
	t.conclude(v)
}

var outcomeCounter = [outcomes]Counter{Abandoned: AbandonedCount, TimedOut: TimedOutCount, LeftEmpty: LeftEmptyCount,
	ExitedByKey: ExitedByKeyCount, Withdrawn: WithdrawnCount, JoinRefused: JoinRefusedCount,
	SwitchFailed: SwitchFailedCount, Unobserved: UnobservedCount}

// waitCounter is the sum that a wait adds to; 0 (no such sum) for outcomes
// whose waits say nothing of the service.
var waitCounter = [outcomes]Counter{Abandoned: WaitAbandoned, TimedOut: WaitTimedOut, LeftEmpty: WaitLeftEmpty,
	ExitedByKey: WaitExitedByKey, Withdrawn: WaitWithdrawn}

// conclude writes the contact and lets go of the caller's leg.
func (t *Tracker) conclude(v *visit) {
	v.state = gone
	if l := t.legs[v.leg]; l != nil {
		for i, o := range l.visits {
			if o == v {
				l.visits = append(l.visits[:i], l.visits[i+1:]...)
				break
			}
		}
		if len(l.visits) == 0 && l.agent == 0 && l.rung == nil {
			t.dropLeg(l)
		}
	}
	if t.opt.Visit != nil || t.opt.Sealed != nil {
		t.keep(t.contact(v))
	}
	t.timers.push(timer{at: t.now + forgetAfter, kind: visitForgotten, visit: v, gen: v.gen})
}

// keep hands a contact to whoever asked for it.
func (t *Tracker) keep(c Contact) {
	if t.opt.Visit != nil {
		t.opt.Visit(&c)
	}
	if t.opt.Sealed != nil {
		t.done = append(t.done, c)
	}
}

// later arranges that the visit is looked at again.
func (t *Tracker) later(v *visit, at Millis) {
	t.timers.push(timer{at: at, kind: visitOverdue, visit: v, gen: v.gen})
}

// overdue concludes a visit whose end did not come.
func (t *Tracker) overdue(v *visit, at Millis) {
	switch v.state {
	case waiting:
		if v.callerGone != 0 {
			t.leave(v, Abandoned, v.callerGone)
		}
	case picked:
		if v.outcome != InProgress || v.callerGone != 0 {
			if i := v.offer(v.agent); i >= 0 {
				t.endOffer(v, v.agent, NotConnected, at)
			}
			t.unpick(v)
		}
	case talking:
		if v.callerGone != 0 && at >= v.callerGone+overdueEnd {
			// The caller is gone, the agent's leg was not heard of again.
			end := v.callerGone
			if v.unbridged != 0 {
				end = v.unbridged
			}
			t.endTalk(v, end)
			t.finish(v)
		}
	case ending:
		if at >= v.ended+overdueEnd {
			t.finish(v)
		}
	}
}

// lastSeen is the last moment at which the visit was observed before a gap.
func (v *visit) lastSeen(t *Tracker) Millis {
	if t.blindSince != 0 {
		return max(t.blindSince, v.joined)
	}
	return t.now
}

// endUnseen concludes a visit that ended while the switch was not seen.
func (t *Tracker) endUnseen(v *visit, at Millis) {
	t.endOffers(v, Unseen, at)
	switch v.state {
	case waiting:
		v.unseen = true
		t.leave(v, Unobserved, at)
	case picked:
		v.unseen = true
		if v.outcome == InProgress {
			v.outcome, v.left = Unobserved, at
		}
		t.leave(v, v.outcome, v.left)
	case talking:
		v.unseen = true
		t.endTalk(v, at)
		t.finish(v)
	case ending:
		t.finish(v)
	}
}

// forget lets a concluded visit go; its late events are no longer expected.
func (t *Tracker) forget(v *visit) {
	t.endOffers(v, Unseen, t.now)
	if t.visits[v.id] == v {
		delete(t.visits, v.id)
	} else {
		for o := t.visits[v.id]; o != nil; o = o.older {
			if o.older == v {
				o.older = v.older
			}
		}
	}
	if l := t.legs[v.agentLeg]; l != nil && l.rung == v {
		l.rung = nil
	}
	if v.prev == nil {
		t.open = v.next
	} else {
		v.prev.next = v.next
	}
	if v.next == nil {
		t.newest = v.prev
	} else {
		v.next.prev = v.prev
	}
	v.prev, v.next, v.older = nil, nil, nil
	v.gen++
	if len(t.freeVisits) < 4096 {
		t.freeVisits = append(t.freeVisits, v)
	}
}
