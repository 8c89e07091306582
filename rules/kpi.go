package rules

import (
	"slices"
	"strings"
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
}

// formPrefix begins the id of a form's figure: form.qa is the mean of what was
// reached of the form qa's points, in percent.
const formPrefix = "form."

// Measures lists all but those of forms.
func Measures() []Measure {
	return []Measure{
		{"answered_per_hour", Number, "higher", "answered", false, false},
		{"aht", Millis, "band", "answered", true, false},
		{"att", Millis, "band", "answered", true, false},
		{"avg_hold", Millis, "lower", "answered", true, false},
		{"acw", Millis, "lower", "answered", true, false},
		{"occupancy", Ratio, "band", "answered", false, false},
		{"answer_rate.agent", Ratio, "higher", "offers", true, false},
		{"answer_rate.agent_net", Ratio, "higher", "offers", true, false},
		{"hung_up_first", Ratio, "lower", "answered", true, false},
		{"transfer_rate", Ratio, "lower", "answered", true, false},
		{"fcr", Ratio, "higher", "fcr_eligible", true, false},
		{"repeat_rate", Ratio, "lower", "fcr_eligible", true, false},
		{"csat", Ratio, "higher", "surveys", true, true},
		{"nps", Number, "higher", "nps_surveys", true, true},
		{"timeliness", Ratio, "higher", "cases_due", false, false},
		{"training", Ratio, "higher", "trainings", false, false},
	}
}

// FindMeasure finds a figure by its id.
func FindMeasure(id string) (Measure, bool) {
	if form, is := strings.CutPrefix(id, formPrefix); is && identifier(form) {
		return Measure{id, Percent, "higher", "forms", false, true}, true
	}
	all := Measures()
	i := slices.IndexFunc(all, func(m Measure) bool { return m.ID == id })
	if i < 0 {
		return Measure{}, false
	}
	return all[i], true
}

// measureIDs names all figures.
func measureIDs() string {
	var ids []string
	for _, m := range Measures() {
		ids = append(ids, m.ID)
	}
	return strings.Join(append(ids, formPrefix+"ID"), ", ")
}

// volumes are the counts that can be asked for at least.
func volumes() []string {
	return []string{"offers", "answered", "fcr_eligible", "surveys", "nps_surveys", "forms", "cases_due", "trainings"}
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
