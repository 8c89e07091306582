package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tallyd/metrics"
	"tallyd/storage"
)

// FactQuery asks for the facts that happened in a span.
type FactQuery struct {
	// From and To are local midnight and now where they are zero.
	From, To time.Time
	Kind     string // survey, disposition, training or form; "": every
	Agent    string // "": every
	// Limit bounds the answer; 0 is DefaultFacts, MaxFacts the most.
	Limit int
	// After is the Next of the page before; nil for the first page.
	After *FactPlace
}

// The bounds of an answer's length.
const (
	DefaultFacts = 1000
	MaxFacts     = 10_000
)

// FactList is an answer: facts in the order in which they happened.
type FactList struct {
	Facts []Fact `json:"facts"`
	// Next is where the next page begins; nil after the last one.
	Next *FactPlace `json:"next,omitempty"`
}

// FactPlace is a fact's place in the order of facts.
type FactPlace struct {
	At   metrics.Millis `json:"at_ms"`
	Kind string         `json:"kind"`
	ID   string         `json:"id"`
}

// Facts lists facts, a page at a time.
func (s *Service) Facts(ctx context.Context, q FactQuery) (*FactList, error) {
	want, err := s.factQuery(&q)
	if err != nil {
		return nil, err
	}
	if s.cfg.Store == nil {
		return nil, errors.New("nothing is stored")
	}
	out := &FactList{Facts: []Fact{}}
	limit := want.Limit
	want.Limit++ // one more tells whether there are more
	var last storage.FactPlace
	for f, err := range s.cfg.Store.Facts(ctx, want) {
		if err != nil {
			return nil, err
		}
		if len(out.Facts) == limit {
			out.Next = &FactPlace{last.At, last.Kind.String(), last.ID}
			break
		}
		last = storage.FactPlaceOf(&f)
		out.Facts = append(out.Facts, FactOf(&f))
	}
	return out, nil
}

func (s *Service) factQuery(q *FactQuery) (want storage.FactQuery, err error) {
	if q.To.IsZero() {
		q.To = s.Now()
	}
	if q.From.IsZero() {
		q.From = midnight(q.To, s.cfg.Zone)
	}
	if !q.From.Before(q.To) {
		return want, fmt.Errorf("the span from %s to %s is empty", q.From.Format(time.RFC3339), q.To.Format(time.RFC3339))
	}
	if q.Limit < 0 || q.Limit > MaxFacts {
		return want, fmt.Errorf("limit %d is not between 0 and %d", q.Limit, MaxFacts)
	}
	want = storage.FactQuery{From: metrics.MillisOf(q.From), To: metrics.MillisOf(q.To), Agent: q.Agent, Limit: q.Limit}
	if want.Limit == 0 {
		want.Limit = DefaultFacts
	}
	if q.Kind != "" {
		if want.Kind, err = factKind(q.Kind); err != nil {
			return want, err
		}
	}
	if a := q.After; a != nil {
		kind, err := factKind(a.Kind)
		if err != nil {
			return want, err
		}
		want.After = &storage.FactPlace{At: a.At, Kind: kind, ID: a.ID}
	}
	return want, nil
}

func factKind(name string) (metrics.FactKind, error) {
	names := metrics.FactKindNames()
	i := slices.Index(names, name)
	if i < 0 {
		return 0, fmt.Errorf("kind %q is none of %s", name, strings.Join(names, ", "))
	}
	return metrics.FactKind(i + 1), nil
}

// FactLine is a fact as a line of what is appraised: who did what, without how it
// was told.
type FactLine struct {
	At    string `json:"at"`
	Agent string `json:"agent"`
	// Counts are a case that was due, and whether it was done in time.
	Counts   map[string]int64 `json:"counts,omitempty"`
	Survey   *Survey          `json:"survey,omitempty"`
	Form     *Form            `json:"form,omitempty"`
	Training *Training        `json:"training,omitempty"`
}

// Line is the fact's; false where it has none: a disposition without a case that was
// due tells what callers wanted, and not how well anybody worked.
func (m *Fact) Line() (FactLine, bool) {
	line := FactLine{At: m.At, Agent: m.Agent, Survey: m.Survey, Form: m.Form, Training: m.Training}
	if d := m.Disposition; d != nil {
		if d.Due == "" {
			return FactLine{}, false
		}
		line.Counts = map[string]int64{"cases_due": 1, "cases_in_time": 0}
		due, _ := readMoment(d.Due) // which are sound in what is published
		done, _ := readMoment(d.Done)
		if done != 0 && done <= due {
			line.Counts["cases_in_time"] = 1
		}
	}
	return line, true
}
