package api

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"tallyd/rules"
)

// ExplainQuery asks how a card came about, and what it would be if something were
// otherwise.
type ExplainQuery struct {
	ScoreQuery // of one agent; Role may be "" where there is one card
	// Values and Weights ask what if, by indicator, written as schemes write them.
	Values, Weights map[string]string
}

// ExplainResult is an answer.
type ExplainResult struct {
	Cycle  string           `json:"cycle"`
	Sealed *SealedNote      `json:"sealed,omitempty"`
	AsOf   Moment           `json:"as_of,omitzero"` // when a score as it stands was formed
	Scheme rules.SchemeID   `json:"scheme"`
	Period rules.SpanOfDays `json:"period"`
	*rules.Explanation
	// Evidence is where what each indicator was formed of can be asked for.
	Evidence []Evidence `json:"evidence"`
	// LeftOut is where the calls can be asked for that are in no figure because their
	// audio was bad; "" where there are none.
	LeftOut string `json:"left_out,omitempty"`
	// WhatIf is the card as it would be; nil where nothing was asked.
	WhatIf *rules.Card `json:"what_if,omitempty"`
}

// Evidence is what stands behind an indicator: paths of the HTTP interface.
type Evidence struct {
	ID       string `json:"id"`
	KPI      string `json:"kpi,omitempty"`      // the agent's figure by day, with its counters
	Contacts string `json:"contacts,omitempty"` // the calls
	Facts    string `json:"facts,omitempty"`    // what others told
}

// Explain answers.
func (s *Service) Explain(ctx context.Context, q ExplainQuery) (*ExplainResult, error) {
	if q.Agent == "" {
		return nil, &BadQuestion{fmt.Errorf("whose card? agent is missing")}
	}
	list, scheme, err := s.scores(ctx, q.ScoreQuery)
	if err != nil {
		return nil, err
	}
	switch n := len(list.Cards); {
	case n == 0:
		return nil, &BadQuestion{fmt.Errorf("agent %q has no card of %s", q.Agent, list.Cycle)}
	case n > 1:
		var roles []string
		for i := range list.Cards {
			roles = append(roles, list.Cards[i].Role)
		}
		return nil, &BadQuestion{fmt.Errorf("agent %q has cards in several roles, say which: %s", q.Agent, strings.Join(roles, ", "))}
	}
	card := &list.Cards[0]
	out := &ExplainResult{Cycle: list.Cycle, Sealed: list.Sealed, AsOf: list.AsOf, Scheme: list.Scheme, Period: list.Period, Explanation: scheme.Explain(card)}
	out.Evidence = evidenceOf(scheme, card, list.Period)
	if below := s.cfg.BadMOS; card.BadMedia > 0 && below > 0 && len(card.Teams) == 0 {
		own := url.Values{"agent": {card.Agent}, "mos_below": {strconv.FormatFloat(float64(below)/100, 'f', -1, 64)}}
		out.LeftOut = askAt("/contacts", within(own, list.Period, scheme.Zone))
	}
	if len(q.Values)+len(q.Weights) == 0 {
		return out, nil
	}
	change, err := scheme.ReadChange(card.Role, q.Values, q.Weights)
	if err == nil {
		out.WhatIf, err = scheme.WhatIf(card, change)
	}
	if err != nil {
		return nil, &BadQuestion{err}
	}
	return out, nil
}

// evidenceOf says where to ask for what stands behind a card.
func evidenceOf(s *rules.Scheme, c *rules.Card, p rules.SpanOfDays) []Evidence {
	out := []Evidence{}
	span := func() url.Values { return within(url.Values{}, p, s.Zone) }
	for _, r := range c.Indicators {
		e := Evidence{ID: r.ID}
		kind := rules.FactKindOf(r.KPI)
		own := span()
		own.Set("agent", c.Agent)
		if kind != "" {
			own.Set("kind", kind)
			e.Facts = askAt("/facts", own)
		} else {
			byDay := span()
			byDay.Set("step", "day")
			byDay.Set("kind", Agents)
			byDay["name"] = []string{c.Agent}
			if len(c.Teams) > 0 {
				byDay.Set("kind", Teams)
				byDay["name"] = c.Teams
			} else {
				e.Contacts = askAt("/contacts", own)
			}
			e.KPI = askAt("/kpi", byDay)
		}
		out = append(out, e)
	}
	return out
}

// within adds a period to a question.
func within(v url.Values, p rules.SpanOfDays, zone *time.Location) url.Values {
	v.Set("from", p.From.Midnight(zone).Format(time.RFC3339))
	v.Set("to", p.To.Midnight(zone).Format(time.RFC3339))
	return v
}

func askAt(path string, v url.Values) string {
	return fmt.Sprintf("/api/v%d%s?%s", Schema, path, v.Encode())
}
