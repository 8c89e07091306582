package rules

import (
	"slices"
	"strings"

	"tallyd/metrics"
)

// Explanation says how a card came about.
type Explanation struct {
	Card    Card     `json:"card"`
	Reasons []Reason `json:"reasons"` // of each indicator, in the card's order
	// Undecided are the gates that could not be told.
	Undecided []Undecided `json:"undecided,omitempty"`
	// Raises are what would raise the score, most first.
	Raises []Raise `json:"raises"`
}

// Reason says what an indicator is, and why it is not rated.
type Reason struct {
	Yardstick
	NotRated *Why `json:"not_rated,omitempty"`
}

// Undecided is a gate whose condition could not be told.
type Undecided struct {
	When string `json:"when"`
	Why  Why    `json:"why"`
}

// Yardstick says what an indicator is and how points are made of it.
type Yardstick struct {
	ID        string `json:"id"`
	Dimension string `json:"dimension"`
	// Formula is the figure's, in the names of the counts on the card; FormulaID names it
	// in the catalogue of figures, and is "" for an expression.
	Formula   string `json:"formula"`
	FormulaID string `json:"formula_id,omitempty"`
	// Queues tells that it is of the callers of a team's queues, Threshold the T of service
	// levels then.
	Queues    bool   `json:"of_queues,omitempty"`
	Threshold int64  `json:"threshold_ms,omitempty"`
	Unit      string `json:"unit"` // number, ratio, ms or percent
	// Kind is the curve's: linear, band, steps or zones. Curve says it in words, and Marks
	// are what it is drawn by: values in the unit, and their points.
	Kind  string `json:"kind"`
	Curve string `json:"curve"`
	Marks []Mark `json:"marks"`
	// Minimum are the counts that must be reached for the indicator to count.
	Minimum map[string]int64 `json:"minimum,omitempty"`
}

// Explain explains a card of the scheme.
func (s *Scheme) Explain(c *Card) *Explanation {
	out := &Explanation{Card: *c, Raises: s.Raises(c), Reasons: []Reason{}}
	if out.Raises == nil {
		out.Raises = []Raise{}
	}
	for _, g := range c.Gates {
		if why := readWhy(g.Why); why != nil {
			out.Undecided = append(out.Undecided, Undecided{g.When, *why})
		}
	}
	role := s.role(c.Role)
	if role == nil {
		return out
	}
	for i := range role.Indicators {
		r := Reason{Yardstick: s.yardstick(&role.Indicators[i])}
		if i < len(c.Indicators) {
			r.NotRated = readWhy(c.Indicators[i].Why)
		}
		out.Reasons = append(out.Reasons, r)
	}
	return out
}

func (s *Scheme) yardstick(x *Indicator) Yardstick {
	out := Yardstick{ID: x.ID, Dimension: x.Dimension, Formula: s.formula(x), Unit: x.Unit.Name(), Kind: x.Kind, Curve: "straight between the marks", Marks: named(x.Kind, x.Curve.marks())}
	if x.Kind == stepsCurve {
		out.Curve = "from each mark on"
	}
	if x.expr == nil {
		out.FormulaID = s.formulaOf(x)
	}
	if x.Measure.Calls {
		out.Queues, out.Threshold = true, s.Threshold.Milliseconds()
	}
	for _, m := range x.Minimum {
		if out.Minimum == nil {
			out.Minimum = map[string]int64{}
		}
		out.Minimum[m.Count] = m.Least
	}
	return out
}

// named gives a curve's marks the names that the scheme has for them.
func named(kind string, marks []Mark) []Mark {
	var names []string
	switch {
	case kind == bandCurve:
		names = []string{"floor", "target", "target", "floor"}
	case kind == linearCurve:
		names = []string{"floor", "target", "stretch"}[:len(marks)]
		if marks[0].Points > marks[len(marks)-1].Points { // less is better
			slices.Reverse(names)
		}
	}
	for i := range names {
		marks[i].Name = names[i]
	}
	return marks
}

// Name is the unit's as interfaces have it.
func (u Unit) Name() string { return [...]string{"number", "ratio", "ms", "percent"}[u] }

// formula is how the indicator's figure is formed.
func (s *Scheme) formula(x *Indicator) string {
	id := s.formulaOf(x)
	switch {
	case x.Expr != "":
		return x.Expr
	case id == teamScore:
		return "Σ scores of members × their days / Σ days"
	case strings.HasPrefix(id, formPrefix):
		return "Σ (points / of) / forms"
	}
	if k, known := metrics.FindKPI(id); known {
		return k.Formula
	}
	return map[string]string{
		"csat": "csat_top / surveys", "nps": "100 × (nps_promoters − nps_detractors) / nps_surveys",
		"timeliness": "cases_in_time / cases_due", "training": "trainings_passed / trainings",
	}[id]
}
