package api

import (
	"context"
	"fmt"

	"tallyd/rules"
	"tallyd/storage"
)

// SchemeQuery asks for the schemes that the site appraises by, or for the one that a
// cycle was sealed by.
type SchemeQuery struct {
	Name     string // of one of the site's; "": all
	Cycle    string
	Revision *uint32 // nil: the latest
}

// SchemeList is an answer.
type SchemeList struct {
	Cycle   string        `json:"cycle,omitempty"`
	Sealed  *SealedNote   `json:"sealed,omitempty"`
	Schemes []SchemeEntry `json:"schemes"` // the site's, in the order of the configuration
}

// SchemeEntry is a scheme and what it is asked about.
type SchemeEntry struct {
	*rules.Description
	// Current is the period that holds today, or the cycle's.
	Current rules.SpanOfDays `json:"current"`
}

// Schemes answers.
func (s *Service) Schemes(ctx context.Context, q SchemeQuery) (*SchemeList, error) {
	if q.Cycle != "" {
		return s.sealedScheme(ctx, q)
	}
	out := &SchemeList{Schemes: []SchemeEntry{}}
	list := s.schemes()
	if q.Name != "" {
		one, err := s.scheme(q.Name)
		if err != nil {
			return nil, err
		}
		list = []Scheme{*one}
	}
	for _, x := range list {
		out.Schemes = append(out.Schemes, SchemeEntry{x.Describe(), x.PeriodOf(rules.DateOf(s.Now(), x.Zone))})
	}
	return out, nil
}

func (s *Service) sealedScheme(ctx context.Context, q SchemeQuery) (*SchemeList, error) {
	ask := ScoreQuery{Cycle: q.Cycle, Revision: q.Revision}
	v, x, list, err := s.sealed(ctx, &ask)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	scheme, err := schemeOf(ctx, v, x)
	if err != nil {
		return nil, err
	}
	return &SchemeList{Cycle: list.Cycle, Sealed: list.Sealed, Schemes: []SchemeEntry{{scheme.Describe(), list.Period}}}, nil
}

// sealed finds what a question asks for among what was sealed: the answer without its
// cards, and a snapshot that the caller closes.
func (s *Service) sealed(ctx context.Context, q *ScoreQuery) (*storage.Snapshot, *storage.Sealing, *ScoreList, error) {
	if s.cfg.Store == nil {
		return nil, nil, nil, &BadQuestion{fmt.Errorf("cycle %q was not sealed", q.Cycle)}
	}
	v, err := s.cfg.Store.Snapshot()
	if err != nil {
		return nil, nil, nil, err
	}
	var x *storage.Sealing
	var out *ScoreList
	list, err := v.Sealings(ctx, q.Cycle)
	if err == nil {
		x, err = q.sealing(list)
	}
	if err == nil {
		out, err = listOf(x)
	}
	if err != nil {
		v.Close()
		return nil, nil, nil, err
	}
	return v, x, out, nil
}

// schemeOf reads the scheme that is kept with a sealing.
func schemeOf(ctx context.Context, v *storage.Snapshot, x *storage.Sealing) (*rules.Scheme, error) {
	text, there, err := v.Scheme(x.Scheme)
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, fmt.Errorf("the scheme %s that cycle %s was sealed by is not there", x.Scheme, x.Cycle)
	}
	scheme, faults, _ := rules.Read(x.Cycle, text)
	if len(faults) > 0 {
		return nil, faults
	}
	return scheme, nil
}
