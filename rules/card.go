package rules

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"sync"
)

// Card is what an appraisal comes to for an agent in a role.
type Card struct {
	Agent string `json:"agent"`
	Role  string `json:"role"`
	// Score is the weighted mean of the points, capped by gates; nil where nothing is
	// rated. In hundredths, as are all points of a card that are added up.
	Score *float64 `json:"score"`
	// BeforeGates is what it would be without the gates that cap it.
	BeforeGates *float64 `json:"before_gates,omitempty"`
	// Interval is where the score that luck does not change is in nine of ten cases.
	Interval *[2]float64 `json:"interval,omitempty"`
	Grade    string      `json:"grade,omitempty"`
	// Tier is 1 for the best; those whose intervals overlap with the best one's of a
	// tier are in it.
	Tier int `json:"rank_tier,omitempty"`
	Days int `json:"days"` // on which the agent, or the team, worked in the role
	// Unobserved is how long the switch could not be seen while the agent was logged in:
	// that time, and what happened in it, is in no figure.
	Unobserved int64 `json:"unobserved_ms,omitempty"`
	// BadMedia is how many calls, and BadMediaSurveys how many surveys about such calls,
	// are in no figure because the audio was bad.
	BadMedia        int64 `json:"bad_media,omitempty"`
	BadMediaSurveys int64 `json:"bad_media_surveys,omitempty"`
	// Teams are those that the agent answered for, with so many members, where the role
	// is of teams.
	Teams      []string     `json:"teams,omitempty"`
	Members    int64        `json:"members,omitempty"`
	Indicators []Result     `json:"indicators"`
	Gates      []GateResult `json:"gates,omitempty"`
}

// Result is one indicator's part of a card.
type Result struct {
	ID   string `json:"id"`
	KPI  string `json:"kpi,omitempty"`
	Expr string `json:"expr,omitempty"`
	// Raw is the figure as it is, over N cases, formed of Counts; nil where there is
	// none.
	Raw    *float64         `json:"raw"`
	N      int64            `json:"n"`
	Counts map[string]int64 `json:"counts,omitempty"`
	// Adjusted is Raw as it would be on the mix of queues and hours that all peers have.
	Adjusted *float64 `json:"adjusted,omitempty"`
	// Shrunk is that drawn towards the peers' mean, the more the fewer the cases;
	// Points are its.
	Shrunk   *float64    `json:"shrunk,omitempty"`
	Interval *[2]float64 `json:"interval,omitempty"`
	Points   *float64    `json:"points,omitempty"`
	// Weight is the indicator's share over the days, and Contribution what it adds to
	// the score: its weight among those that are rated times its points.
	Weight       float64  `json:"weight"`
	Contribution *float64 `json:"contribution,omitempty"`
	Rated        bool     `json:"rated"`
	// Why it is not rated.
	Why string `json:"why,omitempty"`
}

// GateResult is a gate's part of a card.
type GateResult struct {
	When    string  `json:"when"`
	Because string  `json:"because"`
	Cap     float64 `json:"cap"`
	Failed  bool    `json:"failed"` // the condition holds: the score is at most Cap
	// Why it could not be told.
	Why string `json:"why,omitempty"`
}

// Cards forms the cards of everybody with a role of the scheme, by role and agent.
func (a *Appraisal) Cards() []Card {
	s := a.settle()
	scores := map[string]map[string]float64{} // by agent and role
	byRole := make([][]Card, len(a.scheme.Roles))
	for _, teams := range []bool{false, true} {
		for i := range a.scheme.Roles {
			role := &a.scheme.Roles[i]
			if role.Team != teams {
				continue
			}
			byRole[i] = s.cardsOf(role, scores)
		}
		for _, list := range byRole {
			for k := range list {
				if c := &list[k]; c.Score != nil {
					if scores[c.Agent] == nil {
						scores[c.Agent] = map[string]float64{}
					}
					scores[c.Agent][c.Role] = *c.Score
				}
			}
		}
	}
	return slices.Concat(byRole...)
}

func (s *settled) cardsOf(role *Role, scores map[string]map[string]float64) []Card {
	people := s.people(role, scores)
	out := make([]Card, len(people))
	results := make([][]rated, len(role.Indicators))
	var rating sync.WaitGroup
	for i := range role.Indicators {
		rating.Go(func() { results[i] = s.rate(&role.Indicators[i], people) })
	}
	rating.Wait()
	for k, p := range people {
		own := make([]rated, len(results))
		for i := range results {
			own[i] = results[i][k]
		}
		out[k] = s.card(role, p, own)
	}
	tier(out)
	return out
}

// card puts a person's results together.
func (s *settled) card(role *Role, p *person, results []rated) Card {
	all := &p.sums(&Measure{}).Counts
	c := Card{Agent: p.agent, Role: role.Name, Days: len(p.days), Teams: p.teams, Members: p.members,
		Unobserved: all[UnobservedMillis], BadMedia: all[BadMedia], BadMediaSurveys: all[BadMediaSurveys]}
	for _, x := range results {
		c.Indicators = append(c.Indicators, x.result)
	}
	for _, g := range role.Gates {
		failed, err := g.when.Holds(p.value)
		r := GateResult{When: g.When, Because: g.Because, Cap: g.Cap, Failed: failed}
		if err != nil {
			r.Why = err.Error()
		}
		c.Gates = append(c.Gates, r)
	}
	points := make([]int64, len(results))
	spread := make([]float64, len(results))
	for i, x := range results {
		points[i], spread[i] = x.points, x.spread
	}
	s.scheme.total(&c, p.weights(role), points, spread)
	return c
}

// total forms the score of a card from the points of its indicators, in ten-thousandths,
// and their weights, in hundredths of a percent times days. It is formed in whole
// numbers: contributions are rounded so that they add up to the score.
func (s *Scheme) total(c *Card, weights, points []int64, spread []float64) {
	all, rated, sum := int64(c.Days)*int64(fullWeight), int64(0), int64(0)
	for i := range c.Indicators {
		r := &c.Indicators[i]
		r.Weight, r.Contribution = *Ratio.shown(float64(weights[i]) / float64(all)), nil
		if r.Rated {
			rated += weights[i]
			sum += weights[i] * points[i]
		}
	}
	c.Score, c.BeforeGates, c.Interval, c.Grade = nil, nil, nil, ""
	if rated == 0 {
		return
	}
	score := roundedQuotient(sum, rated*100)
	parts := make([]int64, len(c.Indicators))
	for i := range parts {
		if c.Indicators[i].Rated {
			parts[i] = weights[i] * points[i]
		}
	}
	variance := 0.0
	for i, part := range apportion(parts, rated*100, score) {
		if r := &c.Indicators[i]; r.Rated {
			r.Contribution = hundredths(part)
			off := mul(float64(weights[i])/float64(rated), spread[i])
			variance += mul(off, off)
		}
	}
	half := mul(normalQuantile, math.Sqrt(variance))
	c.Score = hundredths(score)
	bounds := [2]float64{math.Max(*c.Score-half, s.Points.Floor), math.Min(*c.Score+half, s.Points.Stretch)}
	lowest := math.Inf(1)
	for _, g := range c.Gates {
		if g.Failed {
			lowest = math.Min(lowest, g.Cap)
		}
	}
	if lowest < *c.Score {
		c.BeforeGates = c.Score
		c.Score = &lowest
	}
	for i := range bounds {
		bounds[i] = *hundredths(int64(math.Round(mul(math.Min(bounds[i], lowest), 100))))
	}
	c.Interval = &bounds
	c.Grade = s.grade(*c.Score)
}

func hundredths(n int64) *float64 {
	v := float64(n) / 100
	return &v
}

// roundedQuotient rounds halves up. Neither part is negative.
func roundedQuotient(a, b int64) int64 { return (2*a + b) / (2 * b) }

// apportion rounds each part of a sum, divided by by, so that they add up to total: up
// where most is lost by rounding down.
func apportion(parts []int64, by, total int64) []int64 {
	out, order := make([]int64, len(parts)), make([]int, len(parts))
	for i, p := range parts {
		out[i], order[i] = p/by, i
		total -= out[i]
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(parts[b]%by, parts[a]%by) })
	for _, i := range order {
		if total <= 0 {
			break
		}
		out[i]++
		total--
	}
	return out
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

// sorted are the keys of a map in order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
