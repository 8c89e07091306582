package rules

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Change is what a question asks for: what if figures or weights were others?
type Change struct {
	Values  map[string]float64 // by indicator, in its unit
	Weights map[string]Weight  // by indicator, for the whole period; the others stay
}

// WhatIf is the card as it would be after a change. What is not rated is rated with the
// value that it is given.
func (s *Scheme) WhatIf(c *Card, change Change) (*Card, error) {
	role := s.role(c.Role)
	if role == nil || len(role.Indicators) != len(c.Indicators) {
		return nil, fmt.Errorf("the scheme has no role %q with these indicators", c.Role)
	}
	out := *c
	out.Indicators = slices.Clone(c.Indicators)
	weights, points, spread := make([]int64, len(c.Indicators)), make([]int64, len(c.Indicators)), make([]float64, len(c.Indicators))
	left := len(change.Values) + len(change.Weights)
	sum := int64(0)
	for i := range out.Indicators {
		r, x := &out.Indicators[i], &role.Indicators[i]
		if r.ID != x.ID {
			return nil, fmt.Errorf("the scheme's indicators are not the card's: %q, %q", x.ID, r.ID)
		}
		if v, there := change.Values[r.ID]; there {
			left--
			v = *x.Unit.shown(v)
			worth := float64(x.points(v)) / pointsUnit
			spread[i] = x.spread(r)
			r.Shrunk, r.Points, r.Rated, r.Why = &v, &worth, true, ""
		} else if r.Rated {
			spread[i] = x.spread(r)
		}
		weights[i] = int64(math.Round(mul(r.Weight, float64(c.Days)*float64(fullWeight))))
		if w, there := change.Weights[r.ID]; there {
			left--
			weights[i] = int64(w) * int64(c.Days)
		}
		sum += weights[i]
		if r.Rated {
			points[i] = int64(math.Round(mul(*r.Points, pointsUnit)))
		}
	}
	if left > 0 {
		return nil, fmt.Errorf("the role %s has not all of the indicators that are asked about", c.Role)
	}
	if len(change.Weights) > 0 && sum != int64(fullWeight)*int64(c.Days) {
		return nil, fmt.Errorf("the weights add up to %s, not 100%%", Weight(sum/max(int64(c.Days), 1)))
	}
	s.total(&out, weights, points, spread)
	return &out, nil
}

// Raise is what an indicator would add to a score.
type Raise struct {
	ID string `json:"id"`
	// To is the figure that is worth Points, and Adds what the score, before gates,
	// gains by it.
	To     float64 `json:"to"`
	Points float64 `json:"points"`
	Adds   float64 `json:"adds"`
}

// Raises are what would raise a score, most first: each indicator at its target, or at
// its best where the target is reached.
func (s *Scheme) Raises(c *Card) (out []Raise) {
	role := s.role(c.Role)
	if role == nil || len(role.Indicators) != len(c.Indicators) || c.Score == nil {
		return nil
	}
	now := *c.Score
	if c.BeforeGates != nil {
		now = *c.BeforeGates
	}
	for i := range c.Indicators {
		r, x := &c.Indicators[i], &role.Indicators[i]
		if !r.Rated {
			continue
		}
		goal := math.Min(s.Points.Target, x.Curve.best())
		if *r.Points >= goal {
			goal = x.Curve.best()
		}
		to, can := x.Curve.reach(*r.Shrunk, goal)
		then, err := s.WhatIf(c, Change{Values: map[string]float64{r.ID: to}})
		if !can || err != nil {
			continue
		}
		score := *then.Score
		if then.BeforeGates != nil {
			score = *then.BeforeGates
		}
		if adds := *hundredths(int64(math.Round(mul(score-now, 100)))); adds > 0 {
			out = append(out, Raise{r.ID, *x.Unit.shown(to), *then.Indicators[i].Points, adds})
		}
	}
	slices.SortStableFunc(out, func(a, b Raise) int { return cmp.Compare(b.Adds, a.Adds) })
	return out
}

// ReadChange reads what is asked for as schemes write it: a value in the indicator's unit,
// a weight in percent.
func (s *Scheme) ReadChange(role string, values, weights map[string]string) (Change, error) {
	out := Change{map[string]float64{}, map[string]Weight{}}
	r := s.role(role)
	if r == nil {
		return out, fmt.Errorf("role %q is none of the scheme's", role)
	}
	find := func(id string) (*Indicator, error) {
		i := slices.IndexFunc(r.Indicators, func(x Indicator) bool { return x.ID == id })
		if i < 0 {
			return nil, fmt.Errorf("%q is no indicator of the role %s", id, role)
		}
		return &r.Indicators[i], nil
	}
	for _, id := range sorted(values) {
		x, err := find(id)
		if err != nil {
			return out, err
		}
		v, err := x.Unit.Parse(values[id])
		if err != nil {
			return out, fmt.Errorf("%s %q %w", id, values[id], err)
		}
		out.Values[id] = v
	}
	for _, id := range sorted(weights) {
		if _, err := find(id); err != nil {
			return out, err
		}
		var w Weight
		if err := w.UnmarshalText([]byte(weights[id])); err != nil {
			return out, fmt.Errorf("the weight of %s, %q, %w", id, weights[id], err)
		}
		out.Weights[id] = w
	}
	return out, nil
}
