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
	attempts          []attempt
	heldSpans         []Stretch // that were counted and are over
	consulted         []Millis
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
	// answerUnseen: it was answered while the switch was out of sight.
	answerUnseen bool
	acrossGap    bool // nothing was heard of it since the switch was lost
	goesOn       bool // the queue's call goes on without the agent
	short        bool // counted as a short abandon
	amended      bool // something became known of it after its contact was handed over
	media        Media

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
	joined := t.told(e.Joined, at)
	v := t.newVisit(e, joined)
	if v == nil {
		return
	}
	v.partial = e.Known
	v.older = old
	t.row(v.joined, QueueRow, uint32(v.queue.id)).Add(Offered, 1)
	v.queue.enter(v)
	t.showQueue(v.queue)
}

// told is an earlier moment that a later event repeats, at itself where it
// repeats none.
func (t *Tracker) told(earlier, at Millis) Millis {
	if earlier > 0 && earlier < at {
		return max(earlier, min(t.setAt, at))
	}
	return at
}

// newVisit makes a visit and hangs it on its caller's leg.
func (t *Tracker) newVisit(e *Event, joined Millis) *visit {
	if len(t.visits) >= maxOpenVisits {
		t.Faults.Dropped++
		return nil
	}
	if old := t.visits[e.Visit]; old != nil && joined <= old.joined {
		joined = old.joined + 1 // stays under one id are told apart by it
	}
	var v *visit
	if n := len(t.freeVisits); n > 0 {
		v, t.freeVisits = t.freeVisits[n-1], t.freeVisits[:n-1]
	} else {
		v = &visit{}
	}
	*v = visit{id: e.Visit, leg: e.Leg, queue: t.queueOf(e.Queue), caller: e.Caller, joined: joined,
		offers: v.offers[:0], attempts: v.attempts[:0], heldSpans: v.heldSpans[:0], consulted: v.consulted[:0], gen: v.gen + 1, seen: t.generation, offset: e.Offset}
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
	joined := t.told(e.Joined, at)
	v := t.newVisit(e, joined)
	if v == nil {
		return nil
	}
	v.partial = true
	t.row(v.joined, QueueRow, uint32(v.queue.id)).Add(Offered, 1)
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
	if e.Kind != OfferEnded { // which comes late: the caller can be gone before
		v.acrossGap, v.seen = false, t.generation
	}
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
		if e.Known && e.Answered == 0 && v.state == talking && v.answered == at {
			v.answerUnseen = true
		}
	}
}
