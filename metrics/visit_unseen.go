package metrics

// later arranges that the visit is looked at again.
func (t *Tracker) later(v *visit, at Millis) {
	t.timers.push(timer{at: at, kind: visitOverdue, visit: v, gen: v.gen})
}

// overdue concludes a visit whose end did not come.
func (t *Tracker) overdue(v *visit, at Millis) {
	switch v.state {
	case waiting:
		if v.callerGone != 0 {
			t.callerLeft(v)
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
		if at >= v.ended+overdueEnd && !v.goesOn {
			t.finish(v)
		}
	}
}

// callerLeft concludes a visit whose caller is gone, though the queue did not say how it
// ended. It may have said so out of sight, where nothing of it was heard since.
func (t *Tracker) callerLeft(v *visit) {
	if v.acrossGap {
		t.endUnseen(v, v.lastSeen(t))
		return
	}
	t.leave(v, Abandoned, v.callerGone)
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
	t.amend(v)
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
