package metrics

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// What is counted event by event equals what the evidence comes to, to the byte,
// whatever the events were and however often corrections came.
func TestRecount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := NewNames()
		events := anyEvents(names).Draw(t, "events")
		ev := newEvidence()
		tr := NewTracker(names, Options{Switch: "sw", CallerKey: []byte("key"), Sealed: ev.take,
			Queue: func(name string) QueueSettings {
				return QueueSettings{ShortAbandon: 5000, WrapUp: Millis(len(name)) * 1000}
			},
			Shared: func(agent string) bool { return agent == "a2" }})
		for i := range events {
			tr.Apply(&events[i])
		}
		tr.Finish()
		if err := ev.compare("sw"); err != nil {
			t.Fatal(err)
		}
	})
}

// evidence is what a tracker handed over.
type evidence struct {
	rollups  map[string]*Rollup
	contacts map[string]Contact
	open     []Contact
	spans    map[Interval][]NamedSpan
}

func newEvidence() *evidence {
	return &evidence{rollups: map[string]*Rollup{}, contacts: map[string]Contact{}, spans: map[Interval][]NamedSpan{}}
}

func (e *evidence) take(s *Sealed) {
	for i := range s.Rollups {
		r := s.Rollups[i]
		for k := range r.Histograms {
			r.Histograms[k] = slices.Clone(r.Histograms[k])
		}
		k := fmt.Sprintf("%d %v", r.Interval, r.Key())
		if o := e.rollups[k]; o != nil {
			o.Merge(&r)
		} else {
			e.rollups[k] = &r
		}
	}
	for _, c := range s.Contacts {
		e.contacts[fmt.Sprintf("%s %d", c.Visit, c.Joined)] = c
	}
	e.spans[s.Interval] = append(e.spans[s.Interval], s.Spans...)
	if !s.Correction {
		e.open = s.Open
	}
}

func (e *evidence) compare(sw string) error {
	x := NewRecount(sw)
	for _, c := range e.contacts {
		x.Contact(&c)
	}
	for i := range e.open {
		x.Contact(&e.open[i])
	}
	for _, in := range sortedIntervals(e.spans) {
		spans := e.spans[in]
		slices.SortStableFunc(spans, compareSpans)
		for i := range spans {
			x.Span(&spans[i])
		}
	}
	for _, in := range x.Intervals() {
		for _, want := range x.Rollups(in) {
			k := fmt.Sprintf("%d %v", in, want.Key())
			got := e.rollups[k]
			if got == nil {
				return fmt.Errorf("%s: nothing was counted, the evidence has %v", k, want.Values)
			}
			if err := sameRollup(got, &want); err != nil {
				return fmt.Errorf("%s: %w", k, err)
			}
			delete(e.rollups, k)
		}
	}
	for k, r := range e.rollups {
		if !r.isZero() && !r.blank() {
			return fmt.Errorf("%s was counted without evidence: %v", k, r.Values)
		}
	}
	return nil
}

func (r *Rollup) blank() bool {
	for _, h := range r.Histograms {
		for _, n := range h {
			if n != 0 {
				return false
			}
		}
	}
	return r.Values.IsZero()
}

func sameRollup(got, want *Rollup) error {
	for _, c := range Counters() {
		if got.Get(c) != want.Get(c) {
			return fmt.Errorf("%v: counted %d, the evidence has %d", c, got.Get(c), want.Get(c))
		}
	}
	for k := range got.Histograms {
		for b := range WaitBins {
			var x, y int64
			if got.Histograms[k] != nil {
				x = got.Histograms[k][b]
			}
			if want.Histograms[k] != nil {
				y = want.Histograms[k][b]
			}
			if x != y {
				return fmt.Errorf("%v: bin %d: counted %d, the evidence has %d", HistogramKind(k), b, x, y)
			}
		}
	}
	return nil
}

func sortedIntervals(m map[Interval][]NamedSpan) []Interval {
	var out []Interval
	for i := range m {
		out = append(out, i)
	}
	slices.Sort(out)
	return out
}
