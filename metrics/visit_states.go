package metrics

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
			t.callerLeft(v)
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
			v.held = max(at, v.answered, v.holdFrom) // no moment is held twice
			v.holdFrom = v.held
			v.holds++
			t.restate(t.agentOf(v.agent), at)
		}
	case LegResumed:
		t.resume(v, at)
		t.restate(t.agentOf(v.agent), at)
	case Consulted:
		if e.Agent == v.agent {
			t.consulted(v, at)
		}
	case Disconnected:
		if e.Agent == v.agent {
			t.agentsPart(v, e, at)
		}
	case VisitLeft:
		if e.Outcome == Unobserved { // how and when is not known
			t.endUnseen(v, v.lastSeen(t))
			return
		}
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
		l.rings(v)
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
		t.callerLeft(v)
	default:
		v.state, v.agent, v.answered = waiting, 0, 0
	}
}
