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
			t.countIdle(a, at)
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
		t.closeAll(t.blindSince, SwitchFailed)
		t.agentsUnknown(at)
		for _, l := range t.sortedLegs() {
			t.notOther(l, at, false)
			t.dropLeg(l)
		}
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
	for _, q := range t.queues {
		if q != nil {
			t.span(QueueRow, uint32(q.id), UnobservedTime, from, to)
		}
	}
	for _, a := range t.agents {
		switch {
		case a == nil || a.state == Offline:
		case a.shared:
			t.keepSpan(a, Unknown, from, to)
		default:
			t.span(AgentRow, a.row, UnobservedTime, from, to)
		}
	}
}

// skip moves event time over a gap that is too long to be marked: what is open
// is handed on, and observation begins anew.
func (t *Tracker) skip(at Millis) {
	t.switchLost(t.now)
	t.Finish()
	t.unobserved += at - t.blindSince
	t.closeAll(t.blindSince, Unobserved)
	t.Finish()
	t.now, t.started, t.blindSince, t.marked = at, at, at, at
	t.sealed = IntervalOf(at) - 1
}

// closeAll ends everything that was open when the switch's queues went away.
// Who waited is lost for the reason given; who talked was cut off.
func (t *Tracker) closeAll(at Millis, o Outcome) {
	for v := t.open; v != nil; {
		next := v.next
		t.endOffers(v, Unseen, at)
		switch v.state {
		case waiting, picked:
			if v.outcome != InProgress {
				t.leave(v, v.outcome, v.left)
			} else {
				t.leave(v, o, at)
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
			t.notOther(l, at, false)
			t.dropLeg(l)
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
	t.Finish()
}
