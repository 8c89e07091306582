package rules

import (
	"time"
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
	Name string
	From float64
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
	Dimension string
	Curve     Curve
	Weight    Weight
	Minimum   []Minimum // what it must be formed over to count
	Mix       bool      // adjusted for queue and hour of the week
}

// Minimum is a count that must be reached.
type Minimum struct {
	Count string
	Least int64
}

// Gate caps a score where a condition holds.
type Gate struct {
	When    string // CEL
	Cap     float64
	Because string
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
	for i := range r.Indicators {
		out[r.Indicators[i].ID] = r.Indicators[i].Weight
	}
	for i := range r.Seasons {
		s := &r.Seasons[i]
		if day.Before(s.From) || s.To.Before(day) {
			continue
		}
		for id, w := range s.Weights {
			out[id] = w
		}
	}
	return out
}
