package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tallyd/metrics"
)

// What an agent did one moment after another, as the states were counted.

// TimelineQuery asks for an agent's states in a span of up to MaxTimeline.
type TimelineQuery struct {
	Agent string
	// From and To are local midnight and now where they are zero.
	From, To time.Time
}

// MaxTimeline bounds a timeline: the states of all agents are read for it.
const MaxTimeline = 8 * 24 * time.Hour

// maxTimelineSpans bounds what an answer has; a busy agent's day has some hundred.
const maxTimelineSpans = 20_000

// Timeline is an answer: the states in the order in which they began, without the
// times of being logged out.
type Timeline struct {
	Agent string         `json:"agent"`
	From  metrics.Millis `json:"from_ms"`
	To    metrics.Millis `json:"to_ms"`
	Spans []StateSpan    `json:"spans"`
	// Unseen is when switches could not be seen: there is no state then.
	Unseen []Gap `json:"unseen,omitempty"`
	// More tells that the later spans are left out, for there are too many.
	More bool `json:"more,omitempty"`
}

// StateSpan is a state at a switch, from a moment (inclusive) to another (exclusive).
type StateSpan struct {
	Switch string         `json:"switch"`
	State  string         `json:"state"`
	Reason string         `json:"reason,omitempty"` // of a pause
	Queue  string         `json:"queue,omitempty"`  // whose call is wrapped up
	From   metrics.Millis `json:"from_ms"`
	To     metrics.Millis `json:"to_ms"`
}

// Timeline tells what an agent did in a span.
func (s *Service) Timeline(ctx context.Context, q TimelineQuery) (*Timeline, error) {
	if q.To.IsZero() {
		q.To = s.Now()
	}
	if q.From.IsZero() {
		q.From = midnight(q.To, s.cfg.Zone)
	}
	switch {
	case q.Agent == "":
		return nil, &BadQuestion{errors.New("agent is missing")}
	case !q.From.Before(q.To):
		return nil, &BadQuestion{fmt.Errorf("the span from %s to %s is empty", q.From.Format(time.RFC3339), q.To.Format(time.RFC3339))}
	case q.To.Sub(q.From) > MaxTimeline:
		return nil, &BadQuestion{fmt.Errorf("the span from %s to %s is longer than %s", q.From.Format(time.RFC3339), q.To.Format(time.RFC3339), MaxTimeline)}
	}
	x := timeline{agent: q.Agent, from: metrics.MillisOf(q.From), to: min(metrics.MillisOf(q.To), metrics.MillisOf(s.Now()))}
	if err := x.gather(ctx, s); err != nil {
		return nil, err
	}
	out := &Timeline{Agent: q.Agent, From: x.from, To: metrics.MillisOf(q.To), Spans: x.joined(), Unseen: joinGaps(x.gaps)}
	if len(out.Spans) > maxTimelineSpans {
		out.Spans, out.More = out.Spans[:maxTimelineSpans], true
	}
	return out, nil
}

type timeline struct {
	agent    string
	from, to metrics.Millis
	spans    []StateSpan
	gaps     []Gap
}

func (x *timeline) gather(ctx context.Context, s *Service) error {
	windows := s.windows()
	x.present(s)
	m, err := s.cfg.Intake.moment(nil)
	if err != nil {
		return err
	}
	defer m.close()
	first, last := metrics.IntervalOf(x.from), metrics.IntervalOf(x.to)+1
	for _, w := range open(windows, m.through, first, last) {
		x.take(w.source.Name, w.source.Tracker.Spans(w.window))
	}
	for _, p := range m.pending {
		if p.Interval >= first && p.Interval < last {
			x.take(p.Switch, p.Spans)
		}
	}
	if m.stored == nil {
		return nil
	}
	for r, err := range m.stored.Spans(ctx, first, last) {
		if err != nil {
			return err
		}
		x.take(r.Switch, r.Spans)
	}
	return nil
}

// present adds the state of the moment, which is counted once it ends.
func (x *timeline) present(s *Service) {
	for i := range s.cfg.Sources {
		src := &s.cfg.Sources[i]
		live, names := &src.Tracker.Live, src.Tracker.Names()
		id := 1
		for n := min(live.Agents(), names.Len(metrics.AgentName)); id < n && names.Name(metrics.AgentName, uint32(id)) != x.agent; {
			id++
		}
		a := live.Agent(metrics.AgentID(id)) // of nobody it says nothing
		if live.Blind() || a.Counted == 0 || !a.State.LoggedIn() {
			continue
		}
		span := metrics.NamedSpan{Agent: x.agent, State: a.State, From: a.Counted, To: live.Now()}
		switch a.State {
		case metrics.PausedState:
			span.Reason = names.Name(metrics.ReasonName, uint32(a.Reason))
		case metrics.WrappingUp:
			span.Queue = names.Name(metrics.QueueName, uint32(a.Queue))
		}
		x.take(src.Name, []metrics.NamedSpan{span})
	}
}

func (x *timeline) take(sw string, list []metrics.NamedSpan) {
	for i := range list {
		n := &list[i]
		from, to := max(n.From, x.from), min(n.To, x.to)
		switch {
		case n.Mark != 0 || from >= to:
		case n.State == metrics.Unknown && n.Agent == "" && n.Queue == "":
			x.gaps = append(x.gaps, Gap{sw, from, to})
		case n.Agent == x.agent && n.State.LoggedIn():
			x.spans = append(x.spans, StateSpan{sw, n.State.String(), n.Reason, n.Queue, from, to})
		}
	}
}

// joined brings the spans in order and joins those that are one: a state is counted
// piece by piece, and an interval's may have been found twice.
func (x *timeline) joined() []StateSpan {
	slices.SortFunc(x.spans, func(a, b StateSpan) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Switch, b.Switch), cmp.Compare(a.To, b.To))
	})
	out := []StateSpan{}
	last := map[string]int{} // of each switch
	for _, s := range x.spans {
		if n, any := last[s.Switch]; any {
			if o := &out[n]; o.State == s.State && o.Reason == s.Reason && o.Queue == s.Queue && s.From <= o.To {
				o.To = max(o.To, s.To)
				continue
			}
		}
		last[s.Switch] = len(out)
		out = append(out, s)
	}
	return out
}

// Timeline answers as Service.Timeline does: a supervisor about who is in the own
// teams now; an agent about itself.
func (v *View) Timeline(ctx context.Context, q TimelineQuery) (*Timeline, error) {
	if err := v.May(AskContacts); err != nil {
		return nil, err
	}
	if !v.People().Has(q.Agent) {
		return nil, fmt.Errorf("%w: %q (role %s) may not see the day of agent %q", ErrForbidden, v.who.Name, v.who.Role, q.Agent)
	}
	v.audit(AskContacts, []string{q.Agent}, q.From, q.To)
	return v.service.Timeline(ctx, q)
}
