package rules

import (
	"slices"
	"strings"
	"time"

	"tallyd/rules/expression"
)

// Scheme says how people are appraised. It is what its bytes say: whoever changes a
// byte has another scheme.
type Scheme struct {
	Name    string
	Version string // a label
	SHA256  string // of the file: the identity
	Period  Period
	Zone    *time.Location
	// ServiceLevel is the formula of metrics' catalogue and the threshold that
	// service levels are formed with.
	ServiceLevel string
	Threshold    time.Duration
	Points       Points
	Grades       []Grade // best first
	Roles        []Role  // in the order of the file
}

// Period is what a scheme governs at a time.
type Period string

// The periods.
const (
	Month   Period = "month"
	Quarter Period = "quarter"
	Any     Period = "any"
)

// Grade is a name for scores from From on.
type Grade struct {
	Name string  `json:"name"`
	From float64 `json:"from"`
}

// Role is how those with a role of the roster are appraised.
type Role struct {
	Name       string
	Team       bool // by what their teams did
	Indicators []Indicator
	Gates      []Gate
	Seasons    []Season
}

// Indicator is one figure of a role.
type Indicator struct {
	ID        string
	Measure   Measure // of KPI; the zero value where it has an expression
	Expr      string  // CEL
	Unit      Unit
	Dimension string
	Kind      string // of the curve: linear, band, steps or zones
	Curve     Curve
	Weight    Weight
	Minimum   []Minimum // what it must be formed over to count
	Mix       bool      // adjusted for queue and hour of the week

	expr *expression.Expression // of Expr
}

// Minimum is a count that must be reached.
type Minimum struct {
	Count string
	Least int64
}

// Gate caps a score where a condition holds.
type Gate struct {
	When    string  `json:"when"` // CEL
	Cap     float64 `json:"cap"`
	Because string  `json:"because"`

	when *expression.Expression // of When
}

// Season replaces weights from a day to another, both inclusive.
type Season struct {
	From, To Date
	Because  string
	Weights  map[string]Weight
}

// The dimensions of indicators.
const (
	Output      = "output"
	Service     = "service"
	Soft        = "soft"
	Development = "development"
	TeamResult  = "team"
	Strategy    = "strategy"
)

func dimensions() []string {
	return []string{Output, Service, Soft, Development, TeamResult, Strategy}
}

// WeightsOn are the role's weights on a day, by indicator.
func (r *Role) WeightsOn(day Date) map[string]Weight {
	out := make(map[string]Weight, len(r.Indicators))
	s := r.season(day)
	for i := range r.Indicators {
		out[r.Indicators[i].ID] = r.Indicators[i].weightIn(s)
	}
	return out
}

// Forms lists the ids of the forms that the scheme asks for, in order.
func (s *Scheme) Forms() []string {
	var out []string
	in := func(text string) {
		for _, name := range formName.FindAllString(text, -1) {
			out = append(out, strings.TrimPrefix(name, formPrefix))
		}
	}
	for i := range s.Roles {
		for k := range s.Roles[i].Indicators {
			in(s.Roles[i].Indicators[k].Measure.ID)
			in(s.Roles[i].Indicators[k].Expr)
		}
		for k := range s.Roles[i].Gates {
			in(s.Roles[i].Gates[k].When)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// season is the one that a day is in, nil for none.
func (r *Role) season(day Date) *Season {
	i := slices.IndexFunc(r.Seasons, func(s Season) bool { return !day.Before(s.From) && !s.To.Before(day) })
	if i < 0 {
		return nil
	}
	return &r.Seasons[i]
}

// sum is what the weights add up to in a season, or outside of all.
func (r *Role) sum(s *Season) (sum Weight) {
	for i := range r.Indicators {
		sum += r.Indicators[i].weightIn(s)
	}
	return sum
}

// weightIn is the indicator's weight in a season, or outside of all.
func (x *Indicator) weightIn(s *Season) Weight {
	if s != nil {
		if w, set := s.Weights[x.ID]; set {
			return w
		}
	}
	return x.Weight
}

// PeriodOf is what the scheme governs at a time that holds a day: its month or quarter;
// the month where any period will do.
func (s *Scheme) PeriodOf(day Date) SpanOfDays {
	months := time.Month(1)
	if s.Period == Quarter {
		months = 3
	}
	first := day.Month - (day.Month-1)%months
	return SpanOfDays{Date{day.Year, first, 1}, DateOf(time.Date(day.Year, first+months, 1, 0, 0, 0, 0, time.UTC), time.UTC)}
}
