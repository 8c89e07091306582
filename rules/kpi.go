package rules

import (
	"slices"
	"strings"

	"tallyd/metrics"
)

// Measure is a figure that an indicator can be of: of metrics' catalogue where it has
// the same id, formed from what is exported of an agent's work.
type Measure struct {
	ID   string
	Unit Unit
	// Better is higher, lower, or band where neither is.
	Better string
	// Over names the count of cases that it is formed over.
	Over string
	// ByQueue: what it is formed from is told by queue and hour, and so can be
	// adjusted for the mix of these.
	ByQueue bool
	// Soft: people judged, not the switch.
	Soft bool
	// Own: in a role that is of teams, it is about the person and not about the team.
	Own bool
	// Calls: it is of the callers of a team's queues.
	Calls bool
}

// teamScore is the mean of the scores of a team's members, each counted by the days on
// which the member worked in the team: it is of roles that are of teams.
const teamScore = "team.score"

// serviceLevel is the figure that the scheme's service_level names.
const serviceLevel = "service_level"

// formPrefix begins the id of a form's figure: form.qa is the mean of what was
// reached of the form qa's points, in percent.
const formPrefix = "form."

// Measures lists all but those of forms.
func Measures() []Measure {
	return []Measure{
		{"answered_per_hour", Number, "higher", "answered", false, false, false, false},
		{"aht", Millis, "band", "answered", true, false, false, false},
		{"att", Millis, "band", "answered", true, false, false, false},
		{"avg_hold", Millis, "lower", "answered", true, false, false, false},
		{"acw", Millis, "lower", "answered", true, false, false, false},
		{"occupancy", Ratio, "band", "answered", false, false, false, false},
		{"answer_rate.agent", Ratio, "higher", "offers", true, false, false, false},
		{"answer_rate.agent_net", Ratio, "higher", "offers", true, false, false, false},
		{"hung_up_first", Ratio, "lower", "answered", true, false, false, false},
		{"transfer_rate", Ratio, "lower", "answered", true, false, false, false},
		{"fcr", Ratio, "higher", "fcr_eligible", true, false, false, false},
		{"repeat_rate", Ratio, "lower", "fcr_eligible", true, false, false, false},
		{"csat", Ratio, "higher", "surveys", true, true, false, false},
		{"nps", Number, "higher", "nps_surveys", true, true, false, false},
		{"timeliness", Ratio, "higher", "cases_due", false, false, false, false},
		{"training", Ratio, "higher", "trainings", false, false, true, false},
		{teamScore, Number, "higher", "members", false, false, false, false},
	}
}

// FindMeasure finds a figure by its id.
func FindMeasure(id string) (Measure, bool) {
	if form, is := strings.CutPrefix(id, formPrefix); is && identifier(form) {
		return Measure{id, Percent, "higher", "forms", false, true, true, false}, true
	}
	if id == serviceLevel {
		return Measure{ID: id, Unit: Ratio, Better: "higher", Over: "offered", Calls: true}, true
	}
	if k, is := metrics.FindKPI(id); is && callsMeasure(k) {
		return Measure{ID: id, Unit: map[string]Unit{"ratio": Ratio, "ms": Millis}[k.Unit], Better: k.Direction, Over: "offered", Calls: true}, true
	}
	all := Measures()
	i := slices.IndexFunc(all, func(m Measure) bool { return m.ID == id })
	if i < 0 {
		return Measure{}, false
	}
	return all[i], true
}

// callsMeasure tells whether a figure of the catalogue can be one of a team's queues:
// service levels, waits, and how many callers gave up.
func callsMeasure(k *metrics.KPI) bool {
	return strings.HasPrefix(k.ID, "sl.") || k.ID == "asa" || k.ID == "abandon_rate" || k.ID == "max_wait"
}

// measureIDs names all figures.
func measureIDs() string {
	var ids []string
	for _, m := range Measures() {
		ids = append(ids, m.ID)
	}
	ids = append(ids, serviceLevel)
	for _, k := range metrics.Catalogue() {
		if callsMeasure(&k) {
			ids = append(ids, k.ID)
		}
	}
	return strings.Join(append(ids, formPrefix+"ID"), ", ")
}

// volumes are the counts that can be asked for at least.
func volumes() []string {
	return []string{"offers", "answered", "fcr_eligible", "surveys", "nps_surveys", "forms", "cases_due", "trainings", "members", "offered"}
}

// identifier tells whether a text is an id: a letter, then letters, digits and _.
func identifier(s string) bool {
	for i, c := range s {
		letter := c >= 'a' && c <= 'z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// FactKindOf is the kind of the facts that a measure is formed of: survey, form, training
// or disposition; "" where it is what the switch counted.
func FactKindOf(kpi string) string {
	if strings.HasPrefix(kpi, formPrefix) {
		return "form"
	}
	return map[string]string{"csat": "survey", "nps": "survey", "training": "training", "timeliness": "disposition"}[kpi]
}
