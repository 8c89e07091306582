package api

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"tallyd/metrics"
)

// TestTimeline: an agent's states one after another, across quarter hours, a gap and
// the present; stored or not, it is the same.
func TestTimeline(t *testing.T) {
	l := newLab(t, "fs1")
	fs := l.switches[0] // it is 9:00 local time
	fs.ready("ann")
	fs.ready("bob")
	l.pass(20 * 60_000)
	fs.call("support", "ann", 5000, 60_000)
	fs.apply(metrics.Event{Kind: metrics.AgentStatus, Agent: fs.agent("ann"), Status: metrics.Paused, Reason: metrics.ReasonID(fs.names.InternString(metrics.ReasonName, "lunch"))})
	l.pass(30 * 60_000)
	fs.apply(metrics.Event{Kind: metrics.SwitchLost})
	l.pass(60_000)
	fs.apply(metrics.Event{Kind: metrics.SwitchUp})
	fs.ready("ann")
	l.pass(60_000)
	told := func() (out []string) {
		x, err := l.service.Timeline(t.Context(), TimelineQuery{Agent: "ann"})
		if err != nil || x.More {
			t.Fatal(err)
		}
		begin := labStart + 9*3600_000
		for _, s := range x.Spans {
			out = append(out, fmt.Sprintf("%s %s%s %d-%d", s.Switch, s.State, s.Reason, (s.From-begin)/1000, (s.To-begin)/1000))
		}
		for _, g := range x.Unseen {
			out = append(out, fmt.Sprintf("unseen %d-%d", (g.From-begin)/1000, (g.To-begin)/1000))
		}
		return out
	}
	want := []string{"fs1 available 0-1200", "fs1 ringing 1200-1205", "fs1 talking 1205-1265", "fs1 pausedlunch 1265-3065", "fs1 available 3125-3185", "unseen 3065-3125"}
	if got := told(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if err := l.intake.Flush(); err != nil {
		t.Fatal(err)
	}
	if got := told(); !slices.Equal(got, want) {
		t.Errorf("some of it stored: %q, want %q", got, want)
	}
	from := (labStart + 9*3600_000 + 1203_000).Time()
	x, err := l.service.Timeline(t.Context(), TimelineQuery{Agent: "ann", From: from, To: from.Add(4 * time.Second)})
	if err != nil || len(x.Spans) != 2 || x.Spans[0].From != metrics.MillisOf(from) || x.Spans[1].To != metrics.MillisOf(from)+4000 {
		t.Errorf("cut to a span: %+v, %v", x, err)
	}
	var bad *BadQuestion
	for _, q := range []TimelineQuery{{}, {Agent: "ann", From: from, To: from}, {Agent: "ann", From: from.Add(-MaxTimeline), To: from.Add(1)}} {
		if _, err := l.service.Timeline(t.Context(), q); !errors.As(err, &bad) {
			t.Errorf("%+v: %v", q, err)
		}
	}
	if x, err := l.service.Timeline(t.Context(), TimelineQuery{Agent: "nobody"}); err != nil || len(x.Spans) != 0 {
		t.Errorf("of nobody: %+v, %v", x, err)
	}
	for who, may := range map[string]bool{"ann": true, "bob": false} {
		_, err := l.service.As(Asker{Name: who, Role: AgentRole, Agent: who}, "test").Timeline(t.Context(), TimelineQuery{Agent: "ann"})
		if may != (err == nil) || err != nil && !errors.Is(err, ErrForbidden) {
			t.Errorf("%s asks: %v", who, err)
		}
	}
}
