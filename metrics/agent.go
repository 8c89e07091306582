package metrics

import "slices"

// agent is what is known of an agent. Its state is derived from these facts
// alone, so that no order of events can leave it between two.
type agent struct {
	id     AgentID
	row    uint32
	shared bool // has logins at other switches too
	status Status
	reason ReasonID
	// idle: the switch holds calls back until the agent says that it is ready.
	idle      bool
	ringing   int      // open offers
	rungFor   *visit   // the latest of these
	picked    *visit   // picked up, not yet connected
	visits    []*visit // talks on: two at once where the queues ring who is in a call
	otherLegs int      // own calls outside the queues
	queue     QueueID

	wrapUp      Millis // the agent's wrap-up time, where the switch tells it
	wrapUpKnown bool
	wrapUntil   Millis
	gen         uint32 // of the wrap-up timer

	state       State
	stateReason ReasonID
	since       Millis // state time is counted up to here
	entered     Millis // when the state was entered
	idleSince   Millis // since when available without a break or a gap
	seen        uint32
}

func (a *agent) nextGen() uint32 {
	a.gen++
	return a.gen
}

// leave takes a visit off the agent, and tells whether the agent talked on it.
func (a *agent) leave(v *visit) bool {
	i := slices.Index(a.visits, v)
	if i >= 0 {
		a.visits = slices.Delete(a.visits, i, i+1)
	}
	return i >= 0
}

// endAcrossGap ends what the agent is seen to talk on no longer, now that the
// switch calls the agent free: visits of which nothing was heard since it was out
// of sight.
func (t *Tracker) endAcrossGap(a *agent) {
	for i := len(a.visits) - 1; i >= 0; i-- {
		if v := a.visits[i]; v.acrossGap {
			t.endUnseen(v, v.lastSeen(t))
		}
	}
}

// derive tells what the agent is doing. Talking goes before everything; a call
// outside the queues counts only for who is logged in.
func (a *agent) derive() (State, ReasonID) {
	for _, v := range a.visits {
		if v.held == 0 {
			return Talking, 0
		}
	}
	switch {
	case len(a.visits) > 0:
		return Holding, 0
	case a.ringing > 0:
		return RingingState, 0
	case a.status == UnknownStatus:
		return Unknown, 0
	case a.wrapUntil != 0:
		return WrappingUp, 0
	case a.status == LoggedOut:
		return Offline, 0
	case a.otherLegs > 0:
		return OnOtherCall, 0
	case a.status == Paused:
		return PausedState, a.reason
	case a.idle:
		return WrappingUp, 0
	}
	return Available, 0
}

// restate brings the agent's state up to its facts, as of a moment. A stamp
// before the last change counts from that change.
func (t *Tracker) restate(a *agent, at Millis) {
	if a == nil {
		return
	}
	state, reason := a.derive()
	if state == a.state && reason == a.stateReason {
		t.showAgent(a)
		return
	}
	at = max(at, a.since, t.started)
	if !t.blind {
		t.countState(a, at)
	}
	r := t.row(at, AgentRow, a.row)
	a.idleSince = at
	if state == PausedState && !a.shared {
		r.Add(Pauses, 1)
		t.row(at, PauseRow, t.pauses.ID(uint32(a.id), uint32(reason))).Add(Pauses, 1)
		t.markAt(at, stretch{agent: uint16(a.id), state: PausedState, reason: uint16(reason), mark: PauseBegun})
	}
	if a.state == Offline && state.LoggedIn() && !a.shared {
		r.Add(Logins, 1)
		t.markAt(at, stretch{agent: uint16(a.id), mark: LoginMark})
	}
	if state == Available {
		t.idleAnew(a, at)
	}
	a.state, a.stateReason, a.since, a.entered = state, reason, at, at
	t.Live.agents.at(a.row).counted.Store(int64(at))
	t.showAgent(a)
}

func (t *Tracker) showAgent(a *agent) {
	t.Live.agents.at(a.row).write([liveCells]uint64{uint64(a.state), uint64(a.stateReason), uint64(a.queue), uint64(a.entered)})
}

// idleAnew keeps that an agent's idleness begins at a moment, whatever was before.
func (t *Tracker) idleAnew(a *agent, at Millis) {
	if !t.again(at) {
		t.markAt(at, stretch{agent: uint16(a.id), mark: IdleAnew})
	}
}

// countIdle raises the longest idle stretch of each interval by the present one,
// up to a moment.
func (t *Tracker) countIdle(a *agent, to Millis) {
	if t.again(a.since) {
		a.idleSince = to
		return
	}
	for in := IntervalOf(max(a.since, t.started)); in.Start() < to; in++ {
		end := min(in.End(), to)
		t.row(end-1, AgentRow, a.row).Raise(LongestIdle, int64(end-a.idleSince))
	}
}

// countState adds the state's time up to a moment.
func (t *Tracker) countState(a *agent, to Millis) {
	switch {
	case to <= a.since:
	case a.shared:
		if a.state != Unknown {
			t.keepSpan(a, a.state, a.since, to)
		}
	case a.state.LoggedIn():
		t.keepSpan(a, a.state, a.since, to)
		t.span(AgentRow, a.row, stateCounter[a.state], a.since, to)
		t.span(AgentRow, a.row, LoggedInTime, a.since, to)
		if a.state == WrappingUp && a.queue != 0 {
			t.span(QueueRow, uint32(a.queue), WrappingUpTime, a.since, to)
			t.span(PairRow, t.pairs.ID(uint32(a.id), uint32(a.queue)), WrappingUpTime, a.since, to)
		}
		if a.state == PausedState {
			t.span(PauseRow, t.pauses.ID(uint32(a.id), uint32(a.stateReason)), PausedTime, a.since, to)
		}
		if a.state == Available {
			t.countIdle(a, to)
		}
	}
	a.since = max(a.since, to)
	t.Live.agents.at(a.row).counted.Store(int64(a.since))
}

func (t *Tracker) agentStatus(e *Event, at Millis) {
	a := t.agentOf(e.Agent)
	if a == nil {
		return
	}
	a.seen = t.generation
	if a.status != e.Status || a.reason != e.Reason {
		if a.status != UnknownStatus {
			a.wrapUntil = 0 // a change of status ends the wrap-up
		}
		a.status, a.reason = e.Status, e.Reason
		if e.Status == LoggedOut {
			a.idle = false
		}
	}
	t.restate(a, at)
}

func (t *Tracker) agentFree(e *Event, at Millis) {
	a := t.agentOf(e.Agent)
	if a == nil {
		return
	}
	a.idle = e.Kind == AgentBusy
	if v := a.rungFor; v != nil && e.Known && a.picked != v {
		t.closeOffer(v, v.offer(a.id), Unseen, at)
	} else if v != nil && a.picked != v {
		t.timers.push(timer{at: at + overdueOffer, kind: offerOverdue, visit: v, agent: a.id, gen: v.gen})
	}
	t.endAcrossGap(a)
	t.restate(a, at)
}

// agentsUnknown forgets what was known of the agents' statuses.
func (t *Tracker) agentsUnknown(at Millis) {
	for _, a := range t.agents {
		if a != nil {
			a.status, a.reason, a.idle, a.wrapUntil = UnknownStatus, 0, false, 0
			t.restate(a, at)
		}
	}
	for i := range t.serving {
		t.serving[i].paused = false
	}
}
