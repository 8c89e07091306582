package rules

import (
	"maps"
	"slices"
	"strings"
)

// Count numbers what is summed up of facts.
type Count uint8

// The counts. Those up to CasesInTime, and from BadMedia on, are written as counts of
// lines. The sums of sealed scores know them by their numbers: add at the end.
const (
	Offers Count = iota
	Answered
	Missed
	Rejected
	Cancelled
	CallerGone   // the agent picked up, but the caller had gone
	UnseenOffers // nobody saw what became of them
	TransferredOut
	Holds
	HungUpFirst
	ShortCalls
	Logins
	TalkMillis
	HoldMillis
	WrapUpMillis
	RingingMillis
	AvailableMillis
	PausedMillis
	OnOtherCallMillis
	LoggedInMillis
	UnobservedMillis
	HandleSquared // Σ of handling times in seconds, squared
	FCREligible
	FCRRepeat
	CasesDue
	CasesInTime
	Surveys // with csat
	CSATTop // of these, 4 or 5
	NPSSurveys
	NPSPromoters  // of these, 9 or 10
	NPSDetractors // 0 to 6
	Trainings
	TrainingsPassed
	BadMedia        // calls that are in no other count, for their audio was bad
	BadMediaSurveys // about such calls
	numCounts
)

var countNames = [numCounts]string{"offers", "answered", "missed", "rejected", "cancelled", "caller_gone", "unseen_offers", "transferred_out", "holds", "hung_up_first", "short_calls", "logins",
	"talk_ms", "hold_ms", "wrapup_ms", "ringing_ms", "available_ms", "paused_ms", "on_other_call_ms", "logged_in_ms", "unobserved_ms", "handle_s2",
	"fcr_eligible", "fcr_repeat", "cases_due", "cases_in_time", "surveys", "csat_top", "nps_surveys", "nps_promoters", "nps_detractors", "trainings", "trainings_passed",
	"bad_media", "bad_media_surveys"}

func (c Count) String() string { return countNames[c] }

// countOf finds the count that a line's name means.
func countOf(name string) (Count, bool) {
	i := slices.Index(countNames[:], name)
	c := Count(i)
	return c, i >= 0 && (c <= CasesInTime || c >= BadMedia)
}

// Sums are facts added up. They are whole numbers, so that the order of facts does
// not matter.
type Sums struct {
	Counts [numCounts]int64
	Forms  map[string]*FormSums // by id; nil where there are none
}

// FormSums are one form's results added up.
type FormSums struct {
	Forms int64
	// Percent is Σ of the results in hundredths of a percent, Squared Σ of their
	// squares.
	Percent, Squared int64
	Critical         int64 // with a critical item failed
}

// Add adds a fact.
func (s *Sums) Add(f *Fact) {
	for name, n := range f.Counts {
		c, _ := countOf(name) // they were checked
		s.Counts[c] += n
	}
	if v := f.Survey; v != nil {
		s.survey(v)
	}
	if t := f.Training; t != nil {
		s.Counts[Trainings]++
		if t.Passed {
			s.Counts[TrainingsPassed]++
		}
	}
	if g := f.Form; g != nil {
		x := s.form(g.ID)
		percent := (2*100_00*g.Points + g.Of) / (2 * g.Of) // to the nearest hundredth
		x.Forms++
		x.Percent += percent
		x.Squared += percent * percent
		if g.Critical {
			x.Critical++
		}
	}
}

func (s *Sums) survey(v *Survey) {
	if v.CSAT != nil {
		s.Counts[Surveys]++
		if *v.CSAT >= 4 {
			s.Counts[CSATTop]++
		}
	}
	if v.NPS != nil {
		s.Counts[NPSSurveys]++
		switch {
		case *v.NPS >= 9:
			s.Counts[NPSPromoters]++
		case *v.NPS <= 6:
			s.Counts[NPSDetractors]++
		}
	}
}

func (s *Sums) form(id string) *FormSums {
	if s.Forms == nil {
		s.Forms = map[string]*FormSums{}
	}
	if s.Forms[id] == nil {
		s.Forms[id] = &FormSums{}
	}
	return s.Forms[id]
}

// Merge adds other sums.
func (s *Sums) Merge(o *Sums) {
	for i, n := range o.Counts {
		s.Counts[i] += n
	}
	for id := range maps.Keys(o.Forms) {
		x, y := s.form(id), o.Forms[id]
		x.Forms += y.Forms
		x.Percent += y.Percent
		x.Squared += y.Squared
		x.Critical += y.Critical
	}
}

// volume is a count of these sums that a minimum can be asked of; forms are those of the
// measure, if it is of a form, else all.
func (s *Sums) volume(name, measure string) int64 {
	switch name {
	case "forms":
		var n int64
		for id, f := range s.Forms {
			if form, of := strings.CutPrefix(measure, formPrefix); !of || form == id {
				n += f.Forms
			}
		}
		return n
	}
	return s.Counts[slices.Index(countNames[:], name)] // schemes are checked
}
