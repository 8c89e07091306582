package api

import (
	"context"
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

	of map[string]bool // whose facts may be seen; nil: everybody's
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

	places []FactPlace // of the facts
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
		return nil, &BadQuestion{err}
	}
	out := &FactList{Facts: []Fact{}}
	if s.cfg.Store == nil {
		return out, nil
	}
	limit := want.Limit
	want.Limit++ // one more tells whether there are more
	for f, err := range s.cfg.Store.Facts(ctx, want) {
		if err != nil {
			return nil, err
		}
		if len(out.Facts) == limit {
			out.Next = &out.places[limit-1]
			break
		}
		out.places = append(out.places, FactPlace{f.At, f.Kind.String(), f.ID})
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
	want = storage.FactQuery{From: metrics.MillisOf(q.From), To: metrics.MillisOf(q.To), Agent: q.Agent, Of: q.of, Limit: q.Limit}
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

// Halve leaves the first half of the facts, and tells whether it could: one message
// does not hold any number.
func (l *FactList) Halve() bool {
	n := len(l.Facts) / 2
	if n == 0 {
		return false
	}
	l.Facts, l.Next = l.Facts[:n], &l.places[n-1]
	return true
}
