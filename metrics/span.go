package metrics

import "slices"

// An agent with logins at several switches is one person with one state at a
// time. No tracker alone can tell which, so for such agents a tracker keeps the
// stretches of each state instead of counting them, and People counts what they
// come to together.

// Span is a stretch within one interval that an agent spent in a state at one
// switch.
type Span struct {
	Agent    AgentID
	State    State // Unknown: the switch could not be seen
	Reason   ReasonID
	Queue    QueueID // of the call that is wrapped up
	From, To Millis
}

// NamedSpan is a Span that can leave its tracker.
type NamedSpan struct {
	Agent         string
	State         State
	Reason, Queue string
	From, To      Millis
}

// keepSpan keeps a stretch, cut at the borders of intervals.
func (t *Tracker) keepSpan(a *agent, state State, from, to Millis) {
	from = max(from, t.started)
	for from < to {
		in := IntervalOf(from)
		end := min(in.End(), to)
		s := Span{Agent: a.id, State: state, From: from, To: end}
		switch state {
		case PausedState:
			s.Reason = a.stateReason
		case WrappingUp:
			s.Queue = a.queue
		}
		t.window(in).addSpan(s)
		from = end
	}
}

// addSpan appends a span; readers hold shorter slices. One that goes on where
// the last of its agent ended stays apart: a slice that readers hold does not
// change.
func (w *Window) addSpan(s Span) {
	var list []Span
	if l := w.spans.Load(); l != nil {
		list = *l
	}
	list = append(list, s)
	w.spans.Store(&list)
}

// Spans lists a window's stretches, by agent and time. Any goroutine may call it.
func (t *Tracker) Spans(w *Window) []NamedSpan {
	l := w.spans.Load()
	if l == nil {
		return nil
	}
	out := make([]NamedSpan, 0, len(*l))
	for _, s := range *l {
		out = append(out, t.named(s))
	}
	slices.SortStableFunc(out, compareSpans)
	return out
}

func (t *Tracker) named(s Span) NamedSpan {
	n := NamedSpan{Agent: t.names.Name(AgentName, uint32(s.Agent)), State: s.State, From: s.From, To: s.To}
	if s.State == PausedState {
		n.Reason = t.names.Name(ReasonName, uint32(s.Reason))
	}
	if s.Queue != 0 {
		n.Queue = t.names.Name(QueueName, uint32(s.Queue))
	}
	return n
}

// Underway is the stretch that an agent's present state has lasted and that no
// window has yet; false for an agent who is at this switch alone, or not there.
// Any goroutine may call it.
func (t *Tracker) Underway(id AgentID) (NamedSpan, bool) {
	now := t.Live.Agent(id)
	to := t.Live.Now()
	name := t.names.Name(AgentName, uint32(id))
	if now.Counted == 0 || now.Counted >= to || now.State == Unknown || t.Live.Blind() || t.opt.Shared == nil || !t.opt.Shared(name) {
		return NamedSpan{}, false
	}
	return t.named(Span{Agent: id, State: now.State, Reason: now.Reason, Queue: now.Queue, From: now.Counted, To: to}), true
}

func compareSpans(a, b NamedSpan) int {
	switch {
	case a.Agent < b.Agent:
		return -1
	case a.Agent > b.Agent:
		return 1
	case a.From != b.From:
		return int(a.From - b.From)
	}
	return int(a.To - b.To)
}
