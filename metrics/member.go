package metrics

// serving is an agent's part in one queue. Pausing in some queues only is no
// state of the agent's, so that it is kept for the pair.
type serving struct {
	paused bool
	since  Millis // the pause is counted up to here
}

func (t *Tracker) member(e *Event, at Millis) {
	if e.Agent == 0 || e.Queue == 0 {
		return
	}
	id := t.pairs.ID(uint32(e.Agent), uint32(e.Queue))
	for int(id) >= len(t.serving) {
		t.serving = append(t.serving, serving{})
	}
	s := &t.serving[id]
	at = max(at, s.since, t.started)
	if !t.blind {
		t.countPause(id, at)
	}
	paused := e.Kind == MemberPaused && e.Status == Paused
	if paused {
		t.row(at, PairRow, id).Add(Pauses, 1)
		t.markAt(at, t.inQueue(id, PauseBegun))
	}
	s.paused, s.since = paused, at
}

// countPause adds the pair's pause up to a moment.
func (t *Tracker) countPause(id uint32, to Millis) {
	s := &t.serving[id]
	if s.paused && to > s.since {
		t.span(PairRow, id, PausedTime, s.since, to)
		t.addSpan(t.inQueue(id, 0), s.since, to)
	}
	s.since = max(s.since, to)
}

// inQueue is a span of an agent's pause in one queue.
func (t *Tracker) inQueue(pair uint32, m Mark) stretch {
	p := t.pairs.List()[pair]
	return stretch{agent: uint16(p.A), queue: uint16(p.B), state: PausedState, mark: InQueue | m}
}

// countPauses adds all pairs' pauses up to a moment.
func (t *Tracker) countPauses(to Millis) {
	for id := range t.serving {
		t.countPause(uint32(id), to)
	}
}
