package rules

import (
	"cmp"
	"math"
	"slices"
)

// Card is what an appraisal comes to for an agent in a role.
type Card struct {
	Agent string `json:"agent"`
	Role  string `json:"role"`
	Days  int    `json:"days"` // on which the agent worked in the role
	// Score is the weighted mean of the points; nil where nothing is rated.
	Score *float64 `json:"score"`
	// Interval is where the score that luck does not change is in nine of ten cases.
	Interval *[2]float64 `json:"interval,omitempty"`
	Grade    string      `json:"grade,omitempty"`
	// Tier is 1 for the best; those whose intervals overlap with the best one's of a
	// tier are in it.
	Tier       int      `json:"rank_tier,omitempty"`
	Indicators []Result `json:"indicators"`
}

// Result is one indicator's part of a card.
type Result struct {
	ID  string `json:"id"`
	KPI string `json:"kpi,omitempty"`
	// Raw is the figure as it is, over N cases; nil where there are none.
	Raw *float64 `json:"raw"`
	N   int64    `json:"n"`
	// Shrunk is Raw drawn towards the peers' mean, the more the fewer the cases;
	// Points are its.
	Shrunk   *float64    `json:"shrunk,omitempty"`
	Interval *[2]float64 `json:"interval,omitempty"`
	Points   *float64    `json:"points,omitempty"`
	// Weight is the indicator's share over the days that the agent worked, and
	// Contribution what it adds to the score: its weight among those that are rated
	// times its points.
	Weight       float64  `json:"weight"`
	Contribution *float64 `json:"contribution,omitempty"`
	Rated        bool     `json:"rated"`
	// Why it is not rated.
	Why string `json:"why,omitempty"`
}

// Cards forms the cards of everybody with a role of the scheme, by role and agent.
func (a *Appraisal) Cards() []Card {
	var out []Card
	for i := range a.scheme.Roles {
		out = append(out, a.cards(&a.scheme.Roles[i])...)
	}
	return out
}

// rated is an indicator of a person, while cards are made.
type rated struct {
	result Result
	spread float64 // of the points, one standard deviation
}

func (a *Appraisal) cards(role *Role) []Card {
	people := a.people(role.Name)
	results := make([][]rated, len(people))
	for i := range role.Indicators {
		for k, x := range role.Indicators[i].rate(people) {
			results[k] = append(results[k], x)
		}
	}
	out := make([]Card, len(people))
	for k, p := range people {
		out[k] = a.card(role, p, results[k])
	}
	tier(out)
	return out
}

// rate forms an indicator of everybody with a role: they are each other's peers.
func (x *Indicator) rate(people []*person) []rated {
	out := make([]rated, len(people))
	figures := make([]Figure, len(people))
	for k, p := range people {
		r := &out[k].result
		r.ID, r.KPI = x.ID, x.Measure.ID
		if x.Expr != "" {
			r.Why = "expressions are not formed"
			continue
		}
		f, ok := x.Measure.Of(&p.sums)
		if !ok {
			r.Why = "there is nothing to form it over"
			continue
		}
		figures[k] = f
		r.Raw, r.N = &f.Value, f.N
		r.Why = x.short(&p.sums)
	}
	for k, s := range shrink(figures) {
		r := &out[k].result
		if r.Raw == nil {
			continue
		}
		r.Shrunk, r.Interval = &s.Value, &[2]float64{s.Low, s.High}
		if r.Why != "" {
			continue
		}
		points := x.Curve.At(s.Value)
		r.Points, r.Rated = &points, true
		out[k].spread = math.Abs(x.Curve.At(s.High)-x.Curve.At(s.Low)) / (2 * normalQuantile)
	}
	return out
}

// short says which minimum is not reached, "" if all are.
func (x *Indicator) short(s *Sums) string {
	for _, m := range x.Minimum {
		if n := s.volume(m.Count, x.Measure.ID); n < m.Least {
			return count(n, m.Count) + ", " + count(m.Least, "") + " are the least"
		}
	}
	return ""
}

// shrink shrinks the figures of peers, each kind by its model; what has none stays.
func shrink(figures []Figure) []Shrunk {
	out := make([]Shrunk, len(figures))
	for k, f := range figures {
		out[k] = Shrunk{f.Value, f.Value, f.Value}
	}
	peers := make([]Observed, len(figures))
	switch i := slices.IndexFunc(figures, func(f Figure) bool { return f.N > 0 && (f.Shares || f.Means) }); {
	case i < 0:
		return out
	case figures[i].Shares:
		for k, f := range figures {
			peers[k] = Observed{N: f.N, Hits: f.Hits}
		}
		out = ShrinkShares(peers)
		if figures[i].Inverse {
			for k, s := range out {
				out[k] = Shrunk{1 - s.Value, 1 - s.High, 1 - s.Low}
			}
		}
	default:
		for k, f := range figures {
			// What was rounded may make the squares too small.
			peers[k] = Observed{N: f.N, Mean: f.Value, About: math.Max(f.Squares-mul(float64(f.N), mul(f.Value, f.Value)), 0)}
		}
		out = ShrinkMeans(peers)
	}
	return out
}

// card puts a person's results together.
func (a *Appraisal) card(role *Role, p *person, results []rated) Card {
	c := Card{Agent: p.agent, Role: role.Name, Days: len(p.days)}
	weights := p.weights(role)
	all, rest := int64(len(p.days))*int64(fullWeight), int64(0)
	for i := range results {
		if results[i].result.Rated {
			rest += weights[i]
		}
	}
	score, variance := 0.0, 0.0
	for i := range results {
		r := &results[i].result
		r.Weight = float64(weights[i]) / float64(all)
		if r.Rated && rest > 0 {
			share := float64(weights[i]) / float64(rest)
			part := mul(share, *r.Points)
			r.Contribution = &part
			score += part
			off := mul(share, results[i].spread)
			variance += mul(off, off)
		}
		c.Indicators = append(c.Indicators, *r)
	}
	if rest > 0 {
		half := mul(normalQuantile, math.Sqrt(variance))
		c.Score, c.Interval = &score, &[2]float64{score - half, score + half}
		c.Grade = a.scheme.grade(score)
	}
	return c
}

func (s *Scheme) grade(score float64) string {
	for _, g := range s.Grades {
		if score >= g.From {
			return g.Name
		}
	}
	return ""
}

// tier ranks cards, as far as their intervals differ.
func tier(cards []Card) {
	var order []*Card
	for i := range cards {
		if cards[i].Score != nil {
			order = append(order, &cards[i])
		}
	}
	slices.SortFunc(order, func(x, y *Card) int { return cmp.Or(cmp.Compare(*y.Score, *x.Score), cmp.Compare(x.Agent, y.Agent)) })
	now, least := 0, math.Inf(1)
	for _, c := range order {
		if c.Interval[1] < least {
			now++
			least = c.Interval[0]
		}
		c.Tier = now
	}
}
