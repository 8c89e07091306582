package metrics

// whoEnded weighs what the two legs show. A transfer that the agent's phone
// asked for shows on the agent's leg; one that a program made only in that the
// caller goes on though the switch hung the agent's leg up.
func (v *visit) whoEnded(down, blind bool) EndedBy {
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
	case (v.acrossGap || blind) && v.callerGone == 0:
		return EndUnknown // what the caller's leg would have shown was out of sight
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
	v.endedBy = v.whoEnded(t.down, t.blind)
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
	if o == InProgress || o == Answered || o >= Unanswered {
		o = Unobserved
	}
	v.outcome, v.left = o, max(at, v.joined)
	v.unseen = v.unseen || o == Unobserved
	if o == JoinRefused {
		t.refused(v)
		return
	}
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
			v.short = true
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

// refused takes a joining back: Asterisk tells only a moment after that the
// queue did not let the caller in.
func (t *Tracker) refused(v *visit) {
	t.row(v.joined, QueueRow, uint32(v.queue.id)).Add(Offered, -1)
	t.row(v.left, QueueRow, uint32(v.queue.id)).Add(JoinRefusedCount, 1)
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
		t.setDone(append(t.done, c))
	}
}
