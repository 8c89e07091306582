package metrics

// Blind is not zero: from switchLost to switchUp no state's time is counted,
// and the stretch is marked unobserved on every row that could have counted.

func (t *Tracker) switchLost(at Millis) {
	if t.blind {
		return
	}
	at = max(at, t.now)
	for _, a := range t.agents {
		if a != nil {
			t.countState(a, at)
		}
	}
	t.countPauses(at)
	t.blind, t.blindSince, t.marked = true, at, at
	t.Live.blind.Store(true)
}

func (t *Tracker) switchUp(e *Event, at Millis) {
	if e.Restarted {
		t.switchLost(t.now) // where the loss itself was not noticed
	}
	if t.blind {
		at = max(at, t.blindSince)
		t.markUnobserved(at)
		t.blind = false
		t.unobserved += at - t.blindSince
		t.Live.unobserved.Store(int64(t.unobserved))
		t.Live.gaps.Add(1)
		t.Live.blind.Store(false)
	}
	for _, a := range t.agents {
		if a != nil {
			a.since = max(a.since, at)
			a.idleSince = a.since
			if a.state == Available {
				t.idleAnew(a, a.since)
			}
			t.Live.agents.at(a.row).counted.Store(int64(a.since))
		}
	}
	for i := range t.serving {
		t.serving[i].since = max(t.serving[i].since, at)
	}
	for v := t.open; v != nil; v = v.next {
		v.acrossGap = v.state != gone
	}
	if e.Restarted {
		t.closeAll(t.blindSince)
		t.agentsUnknown(at)
		t.dropCalls(at)
	}
	t.down = false
}

// markUnobserved marks a gap up to a moment. A long one is marked as its
// intervals are sealed, one by one, so that it takes no more memory than a short
// one.
func (t *Tracker) markUnobserved(to Millis) {
	from := t.marked
	if to <= from {
		return
	}
	t.marked = to
	t.span(SiteRow, 0, UnobservedTime, from, to)
	t.addSpan(stretch{state: Unknown}, from, to)
	for _, q := range t.queues {
		if q != nil {
			t.span(QueueRow, uint32(q.id), UnobservedTime, from, to)
			t.addSpan(stretch{queue: uint16(q.id), state: Unknown}, from, to)
		}
	}
	for _, a := range t.agents {
		if a == nil || a.state == Offline {
			continue
		}
		t.keepSpan(a, Unknown, from, to)
		if !a.shared {
			t.span(AgentRow, a.row, UnobservedTime, from, to)
		}
	}
}

// clockSet ends what is open when the switch's clock is set: between moments of
// two clocks lies no duration. What exists by the new clock begins anew with the
// snapshot; agents are in the states that they were in.
func (t *Tracker) clockSet(at Millis) {
	step := at - t.now
	if step < 0 && step > -maxGap {
		t.livedTo = max(t.livedTo, t.now)
	} else if step < 0 {
		t.livedTo = 0 // whatever it was counted for, it was not this
	}
	if step < 0 || step > maxGap {
		t.skip(at)
	} else {
		t.switchLost(t.now)
		t.breakOff(t.blindSince)
	}
	t.setAt = at
	for _, a := range t.agents {
		if a != nil {
			a.since, a.idleSince = at, at
			a.entered += step
			t.Live.agents.at(a.row).counted.Store(int64(at))
			t.showAgent(a)
		}
	}
	for i := range t.serving {
		t.serving[i].since = at
	}
}

// again tells whether the switch's clock has shown a moment before.
func (t *Tracker) again(at Millis) bool { return at <= t.livedTo }

// skip moves event time back, or over a gap that is too long to be marked: what
// is open is handed on, and observation begins anew.
func (t *Tracker) skip(at Millis) {
	t.switchLost(t.now)
	t.breakOff(t.blindSince)
	t.Finish()
	t.unobserved += max(0, at-t.blindSince)
	t.now, t.started, t.blindSince, t.marked = at, at, at, at
	t.sealed = IntervalOf(at) - 1
}

// breakOff concludes everything that is open as unobserved from a moment on, and
// expects nothing more of it.
func (t *Tracker) breakOff(at Millis) {
	for t.open != nil {
		if v := t.open; v.state != gone {
			t.endUnseen(v, max(at, v.joined))
		}
		t.forget(t.open)
	}
	t.dropCalls(at)
	t.timers.list = t.timers.list[:0]
	for _, a := range t.agents {
		if a != nil && a.wrapUntil != 0 {
			a.wrapUntil = 0
			t.restate(a, at)
		}
	}
}

// dropCalls lets go of every leg; what became of it was not seen.
func (t *Tracker) dropCalls(at Millis) {
	for _, l := range t.sortedLegs() {
		t.dropCall(l, at)
	}
}

func (t *Tracker) dropCall(l *leg, at Millis) {
	t.callUnseen(l)
	t.notOther(l, at, false)
	t.dropLeg(l)
}

// queuesGone ends everything when the queues stop in a switch that goes on. What
// was not heard of since it was last out of sight may have ended then: the
// snapshot that would tell had no time to.
func (t *Tracker) queuesGone(at Millis) {
	for v := t.open; v != nil; {
		next := v.next
		if v.state != gone && v.acrossGap && v.seen != t.generation {
			t.endUnseen(v, v.lastSeen(t))
		}
		v = next
	}
	t.closeAll(at)
	t.agentsUnknown(at)
}

// closeAll ends everything that was open when the switch's queues went away: who
// waited is lost to that, who talked was cut off.
func (t *Tracker) closeAll(at Millis) {
	for v := t.open; v != nil; {
		next := v.next
		t.endOffers(v, Unseen, at)
		switch v.state {
		case waiting, picked:
			if v.outcome != InProgress {
				t.leave(v, v.outcome, v.left)
			} else {
				t.leave(v, SwitchFailed, at)
			}
		case talking:
			t.endTalk(v, at)
			v.agentBy, v.callerBy, v.callerGone = Switch, Switch, v.ended
			t.finish(v)
		case ending:
			t.finish(v)
		}
		v = next
	}
}

// snapshotEnd closes what the switch did not name: it ended while nobody saw.
func (t *Tracker) snapshotEnd(at Millis) {
	for v := t.open; v != nil; {
		next := v.next
		if v.state != gone && v.seen != t.generation {
			t.endUnseen(v, v.lastSeen(t))
		}
		v = next
	}
	for _, l := range t.sortedLegs() {
		if l.seen != t.generation && len(l.visits) == 0 && l.rung == nil {
			t.dropCall(l, at)
		}
	}
	for _, a := range t.agents {
		if a != nil && a.seen != t.generation {
			a.status, a.reason, a.idle, a.wrapUntil = UnknownStatus, 0, false, 0
			t.restate(a, at)
		}
	}
}

// Close ends all that is open because the observer stops, and seals it.
func (t *Tracker) Close() {
	for v := t.open; v != nil; {
		next := v.next
		if v.state != gone {
			t.endUnseen(v, t.now)
		}
		v = next
	}
	for _, l := range t.sortedLegs() {
		t.callUnseen(l)
	}
	t.Finish()
}
