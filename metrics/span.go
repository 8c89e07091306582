package metrics

import (
	"cmp"
	"slices"
	"sync/atomic"
)

// Besides counting, a tracker keeps what the counts of states rest on: the
// stretches that agents spent in each state, and the moments at which something
// was counted. They are the evidence of the rollups (recount.go). Of an agent with
// logins at several switches, who is one person with one state at a time, no
// tracker alone can tell which state that is: such stretches are not counted here,
// and People counts what they come to together.

// Mark says what was counted at the moment of a span without length.
type Mark uint8

const (
	PauseBegun   Mark = 1 << iota // a pause of the agent, for Reason
	LoginMark                     // a login of the agent
	IdleAnew                      // an unbroken stretch of available begins, whatever was before
	OtherBegun                    // a call outside the queues
	OtherMistook                  // one less: it was the queue's
	InQueue                       // it is about the agent's pause in Queue alone
	marks
)

// stretch is a NamedSpan as a window keeps it: moments count from the interval's
// beginning.
type stretch struct {
	agent, reason, queue uint16
	state                State
	mark                 Mark
	again                bool
	from, to             uint32
}

var _ = [1]struct{}{}[(MaxNames-1)>>16] // numbers of names fit

// NamedSpan is a stretch within one interval that an agent spent in a state at one
// switch, or a mark. In a span of the state Unknown the switch could not be seen;
// with neither agent nor queue that is the whole site's.
type NamedSpan struct {
	Agent         string
	State         State
	Mark          Mark
	Reason, Queue string // of a pause; of the call that is wrapped up
	From, To      Millis
	// Shared: the agent has logins at other switches too.
	Shared bool
	// Again: the switch's clock had been set back, and was lived through these
	// moments before. How long an agent was idle is not counted then.
	Again bool
}

const spanChunk = 128

// spanList grows by chunks that never move: one goroutine adds, any number reads.
type spanList struct {
	chunks atomic.Pointer[[]*[spanChunk]stretch]
	n      atomic.Int64
}

func (l *spanList) add(s stretch) {
	n := int(l.n.Load())
	var chunks []*[spanChunk]stretch
	if p := l.chunks.Load(); p != nil {
		chunks = *p
	}
	if n == len(chunks)*spanChunk {
		chunks = append(chunks, new([spanChunk]stretch)) // readers hold shorter slices
		l.chunks.Store(&chunks)
	}
	chunks[n/spanChunk][n%spanChunk] = s
	l.n.Store(int64(n + 1))
}

func (l *spanList) list() []stretch {
	n := int(l.n.Load())
	if n == 0 {
		return nil
	}
	out := make([]stretch, 0, n)
	for _, c := range *l.chunks.Load() {
		out = append(out, c[:min(spanChunk, n-len(out))]...)
		if len(out) == n {
			break
		}
	}
	return out
}

// keepSpan keeps a stretch of an agent's, cut at the borders of intervals.
func (t *Tracker) keepSpan(a *agent, state State, from, to Millis) {
	s := stretch{agent: uint16(a.id), state: state, again: t.again(from)}
	switch state {
	case PausedState:
		s.reason = uint16(a.stateReason)
	case WrappingUp:
		s.queue = uint16(a.queue)
	}
	t.addSpan(s, from, to)
}

func (t *Tracker) addSpan(s stretch, from, to Millis) {
	if t.opt.Sealed == nil {
		return
	}
	from = max(from, t.started)
	for from < to {
		in := IntervalOf(from)
		end := min(in.End(), to)
		s.from, s.to = uint32(from-in.Start()), uint32(end-in.Start())
		t.window(in).spans.add(s)
		from = end
	}
}

// markAt keeps that something was counted at a moment.
func (t *Tracker) markAt(at Millis, s stretch) {
	if t.opt.Sealed == nil {
		return
	}
	at = max(at, t.started)
	in := IntervalOf(at)
	s.from = uint32(at - in.Start())
	s.to = s.from
	t.window(in).spans.add(s)
}

// Spans lists a window's stretches and marks, by agent and time. Any goroutine may
// call it.
func (t *Tracker) Spans(w *Window) []NamedSpan { return t.spansOf(w, false) }

// SharedSpans lists those stretches that are the agents' with logins at several
// switches.
func (t *Tracker) SharedSpans(w *Window) []NamedSpan { return t.spansOf(w, true) }

func (t *Tracker) spansOf(w *Window, sharedOnly bool) []NamedSpan {
	list := w.spans.list()
	if len(list) == 0 || sharedOnly && t.opt.Shared == nil {
		return nil
	}
	order, shared := t.agentOrder(list)
	if sharedOnly {
		list = slices.DeleteFunc(list, func(s stretch) bool { return !shared[s.agent] || s.mark != 0 })
	}
	slices.SortStableFunc(list, func(a, b stretch) int {
		return cmp.Or(order[a.agent]-order[b.agent], cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
	})
	out := make([]NamedSpan, 0, len(list))
	for _, s := range list {
		n := t.named(s, w.Interval.Start())
		n.Shared = shared[s.agent]
		out = append(out, n)
	}
	return out
}

// agentOrder ranks the agents of a list by their names, and tells which of them
// are at other switches too.
func (t *Tracker) agentOrder(list []stretch) (order map[uint16]int, shared map[uint16]bool) {
	order, shared = map[uint16]int{}, map[uint16]bool{}
	for _, s := range list {
		order[s.agent] = 0
	}
	ids := make([]uint16, 0, len(order))
	for id := range order {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b uint16) int {
		return cmp.Compare(t.agentName(a), t.agentName(b))
	})
	for i, id := range ids {
		order[id] = i
		shared[id] = id != 0 && t.opt.Shared != nil && t.opt.Shared(t.agentName(id))
	}
	return order, shared
}

func (t *Tracker) agentName(id uint16) string {
	if id == 0 {
		return ""
	}
	return t.names.Name(AgentName, uint32(id))
}

func (t *Tracker) named(s stretch, start Millis) NamedSpan {
	n := NamedSpan{Agent: t.agentName(s.agent), State: s.state, Mark: s.mark, Again: s.again, From: start + Millis(s.from), To: start + Millis(s.to)}
	if s.state == PausedState && s.mark&InQueue == 0 {
		n.Reason = t.names.Name(ReasonName, uint32(s.reason))
	}
	if s.queue != 0 {
		n.Queue = t.names.Name(QueueName, uint32(s.queue))
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
	n := t.named(stretch{agent: uint16(id), state: now.State, reason: uint16(now.Reason), queue: uint16(now.Queue)}, 0)
	n.From, n.To, n.Shared = now.Counted, to, true
	return n, true
}

// SortSpans brings the spans of one interval into the order of Tracker.Spans.
func SortSpans(list []NamedSpan) { slices.SortStableFunc(list, compareSpans) }

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
