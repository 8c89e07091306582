package rules

// Description is a scheme as data, for whoever is to know by what people are appraised.
// Shares and weights are from 0 to 1, times in milliseconds.
type Description struct {
	Scheme SchemeID `json:"scheme"`
	Period Period   `json:"period"` // month, quarter or any
	Zone   string   `json:"time_zone"`
	// Points say what floor, target and stretch are worth.
	Points Points            `json:"points"`
	Grades []Grade           `json:"grades"` // best first
	Roles  []RoleDescription `json:"roles"`
}

// RoleDescription is how those with a role are appraised.
type RoleDescription struct {
	Role string `json:"role"`
	// Team tells that it is by what their teams did.
	Team       bool                   `json:"of_team"`
	Indicators []IndicatorDescription `json:"indicators"`
	Gates      []Gate                 `json:"gates"`
	Seasons    []SeasonDescription    `json:"seasons"`
}

// IndicatorDescription is one figure of a role.
type IndicatorDescription struct {
	Yardstick
	KPI  string `json:"kpi,omitempty"`
	Expr string `json:"expr,omitempty"`
	// Better is higher, lower, or band where what lies between is best: by the curve.
	Better string `json:"better"`
	// Weight holds outside of seasons.
	Weight float64 `json:"weight"`
	// Adjusted tells that it is compared on the mix of queues and hours of the week that
	// all peers have, Drawn that it is drawn towards their mean, the more the fewer the cases.
	Adjusted bool `json:"adjusted"`
	Drawn    bool `json:"drawn"`
}

// SeasonDescription is the weights from a day to a last one.
type SeasonDescription struct {
	From    Date   `json:"from"`
	Last    Date   `json:"last"`
	Because string `json:"because"`
	// Weights are those of all indicators in the season.
	Weights map[string]float64 `json:"weights"`
}

// Describe tells all of a scheme.
func (s *Scheme) Describe() *Description {
	out := &Description{Scheme: s.id(), Period: s.Period, Zone: s.Zone.String(), Points: s.Points, Grades: s.Grades, Roles: []RoleDescription{}}
	for i := range s.Roles {
		role := &s.Roles[i]
		r := RoleDescription{Role: role.Name, Team: role.Team, Indicators: []IndicatorDescription{}, Gates: append([]Gate{}, role.Gates...), Seasons: []SeasonDescription{}}
		for k := range role.Indicators {
			x := &role.Indicators[k]
			d := IndicatorDescription{Yardstick: s.yardstick(x), KPI: x.Measure.ID, Expr: x.Expr, Weight: x.Weight.share(), Adjusted: x.Mix}
			if x.Measure.ID != "" {
				shares, means := x.Measure.luck()
				d.Drawn = shares || means
			}
			d.Better = better(d.Marks)
			r.Indicators = append(r.Indicators, d)
		}
		for k := range role.Seasons {
			season := &role.Seasons[k]
			d := SeasonDescription{From: season.From, Last: season.To, Because: season.Because, Weights: map[string]float64{}}
			for id, w := range role.WeightsOn(season.From) {
				d.Weights[id] = w.share()
			}
			r.Seasons = append(r.Seasons, d)
		}
		out.Roles = append(out.Roles, r)
	}
	return out
}

// better tells which way points go.
func better(marks []Mark) string {
	rises, falls := false, false
	for i := range marks[1:] {
		rises = rises || marks[i+1].Points > marks[i].Points
		falls = falls || marks[i+1].Points < marks[i].Points
	}
	switch {
	case rises && falls:
		return "band"
	case falls:
		return "lower"
	}
	return "higher"
}
