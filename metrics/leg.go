package metrics

// leg is one channel of the switch, as far as it matters: a caller's in a
// queue, an agent's in a visit, or an agent's own.
type leg struct {
	id ID
	// visits are the stays of the caller on this leg that are not over. There
	// are two for a moment when an agent sends the caller on to another queue:
	// the new stay begins before the old one ends.
	visits []*visit
	// rung is the visit that this leg was rung for, if any. The visit may be
	// forgotten before the leg ends, and its memory be another's: then its
	// generation is no longer rungGen.
	rung    *visit
	rungGen uint32
	// agent is whose device it is, where known.
	agent     AgentID
	direction Direction
	// other tells that it counts as the agent's call outside the queues.
	other bool
	seen  uint32
	call  call
}

func (t *Tracker) leg(id ID) *leg {
	if id.IsZero() {
		return nil
	}
	l := t.legs[id]
	if l != nil {
		return l
	}
	if len(t.legs) >= maxOpenLegs {
		t.Faults.Dropped++
		return nil
	}
	if n := len(t.freeLegs); n > 0 {
		l, t.freeLegs = t.freeLegs[n-1], t.freeLegs[:n-1]
	} else {
		l = &leg{}
	}
	*l = leg{id: id, visits: l.visits[:0], seen: t.generation}
	t.legs[id] = l
	return l
}

// dropLeg lets a leg go, once: concluding its last visit may have done so.
func (t *Tracker) dropLeg(l *leg) {
	if t.legs[l.id] != l {
		return
	}
	delete(t.legs, l.id)
	clear(l.visits)
	l.rung = nil
	if len(t.freeLegs) < 4096 {
		t.freeLegs = append(t.freeLegs, l)
	}
}

// rings notes that the leg was rung for a visit.
func (l *leg) rings(v *visit) {
	l.rung, l.rungGen = v, 0
	if v != nil {
		l.rungGen = v.gen
	}
}

// part is the visit that the leg is the agent's part of, nil where there is none.
func (l *leg) part() *visit {
	if v := l.rung; v != nil && v.gen == l.rungGen && v.agentLeg == l.id {
		return v
	}
	return nil
}

func (t *Tracker) legStarted(e *Event, at Millis) {
	if e.Agent == 0 && e.Visit.IsZero() && !e.Known {
		return // nobody's that we count: a caller's leg matters once it joins a queue
	}
	l := t.leg(e.Leg)
	if l == nil {
		return
	}
	l.direction, l.seen = e.Direction, t.generation
	if !l.other {
		l.agent = e.Agent
	}
	l.call.begin(e, at)
	if !e.Visit.IsZero() {
		l.rings(t.visits[e.Visit])
		return
	}
	if e.Direction == Inbound { // the agent's own phone calls out
		t.otherCall(l, at)
	}
}

func (t *Tracker) legAnswered(e *Event, at Millis) {
	l := t.legs[e.Leg]
	if l == nil {
		return
	}
	l.call.answer(at)
	if l.rung == nil && len(l.visits) == 0 {
		t.otherCall(l, at)
	}
}

// otherCall begins a call of an agent that is not from a queue.
func (t *Tracker) otherCall(l *leg, at Millis) {
	a := t.agentOf(l.agent)
	if a == nil || l.other {
		return
	}
	l.other = true
	a.otherLegs++
	t.row(at, AgentRow, a.row).Add(OtherCalls, 1)
	t.markAt(at, stretch{agent: uint16(a.id), mark: OtherBegun})
	t.restate(a, at)
}

// notOther takes back that a leg was a call outside the queues: the device of
// an agent behind a loopback contact answers before the queue says whose it is.
func (t *Tracker) notOther(l *leg, at Millis, mistaken bool) {
	if !l.other {
		return
	}
	l.other = false
	a := t.agents[l.agent]
	a.otherLegs--
	if mistaken {
		t.row(at, AgentRow, a.row).Add(OtherCalls, -1)
		t.markAt(at, stretch{agent: uint16(a.id), mark: OtherMistook})
	}
	t.restate(a, at)
}

func (t *Tracker) legBridged(e *Event, at Millis) {
	for _, id := range [2]ID{e.Leg, e.Peer} {
		if l := t.legs[id]; l != nil {
			for _, v := range l.visits {
				v.moved(e, at)
			}
		}
	}
}

func (t *Tracker) legUnbridged(e *Event, at Millis) {
	for _, id := range [2]ID{e.Leg, e.Peer} {
		if l := t.legs[id]; l != nil {
			for _, v := range l.visits {
				if v.state == talking && (v.agentLeg == e.Leg || v.agentLeg == e.Peer) {
					v.unbridged = at
					if v.released {
						t.endTalk(v, at)
						t.finishIfClear(v)
						break
					}
				}
			}
		}
	}
}

func (t *Tracker) legHeld(e *Event, at Millis) {
	l := t.legs[e.Leg]
	if l == nil {
		return
	}
	if l.other {
		l.call.hold(e.Kind == LegHeld, at)
	}
	if v := l.part(); v != nil {
		t.step(v, e, at)
		return
	}
	for _, v := range l.visits {
		t.step(v, e, at)
	}
}

func (t *Tracker) legEnded(e *Event, at Millis) {
	l := t.legs[e.Leg]
	if l == nil {
		return
	}
	if v := l.part(); v != nil {
		t.step(v, e, at)
	}
	for i := len(l.visits) - 1; i >= 0; i-- {
		t.step(l.visits[i], e, at)
	}
	if l.other {
		t.concludeCall(l, at, l.call.endedBy(e))
	}
	t.notOther(l, at, false)
	t.dropLeg(l)
}
