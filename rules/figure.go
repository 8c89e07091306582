package rules

import "strings"

// Figure is what a measure comes to over some sums.
type Figure struct {
	Value float64
	N     int64 // the cases that it is formed over
	// Hits of N, where it is a share of them; Shares tells so. 1 − the share where
	// Inverse: fcr is of those who did not come back.
	Shares  bool
	Hits    int64
	Inverse bool
	// Squares is Σ of the cases' squares in the unit of Value, where it is a mean of
	// them and that is known; Means tells so.
	Means   bool
	Squares float64

	adjusted bool // Value is
}

// parts are the sum and the number of cases that a measure which is told by queue is
// the quotient of.
func (m *Measure) parts(c *[numCounts]int64) (sum, n int64) {
	switch m.ID {
	case "aht":
		return c[TalkMillis] + c[WrapUpMillis], c[Answered]
	case "att":
		return c[TalkMillis] - c[HoldMillis], c[Answered]
	case "avg_hold":
		return c[HoldMillis], c[Answered]
	case "acw":
		return c[WrapUpMillis], c[Answered]
	case "answer_rate.agent":
		return c[Answered], c[Offers]
	case "answer_rate.agent_net":
		return c[Answered], c[Offers] - c[Cancelled] - c[CallerGone] - c[UnseenOffers]
	case "hung_up_first":
		return c[HungUpFirst], c[Answered]
	case "transfer_rate":
		return c[TransferredOut], c[Answered]
	case "fcr", "repeat_rate":
		return c[FCRRepeat], c[FCREligible]
	case "csat":
		return c[CSATTop], c[Surveys]
	case "nps":
		return 100 * (c[NPSPromoters] - c[NPSDetractors]), c[NPSSurveys]
	case "timeliness":
		return c[CasesInTime], c[CasesDue]
	case "training":
		return c[TrainingsPassed], c[Trainings]
	}
	return 0, 0
}

// luck tells by which model there is luck in a measure, and so whether it is drawn towards
// the peers' mean: as a share of the cases, as a mean of them, or by neither.
func (m *Measure) luck() (shares, means bool) {
	switch {
	case m.ID == "aht", m.ID == "nps", strings.HasPrefix(m.ID, formPrefix):
		return false, true
	case m.ID == "occupancy", m.ID == "training": // of times; all there were, and no sample
		return false, false
	}
	return m.Unit == Ratio && !m.Calls, false
}

// Of forms a measure; false where there is nothing to form it over.
func (m *Measure) Of(s *Sums) (Figure, bool) {
	c := &s.Counts
	switch m.ID {
	case "answered_per_hour":
		return quotient(c[Answered], float64(c[Answered])*3_600_000, c[LoggedInMillis])
	case "occupancy":
		busy := c[RingingMillis] + c[TalkMillis] + c[WrapUpMillis]
		return quotient(c[Answered], float64(busy), busy+c[AvailableMillis])
	}
	if form, is := strings.CutPrefix(m.ID, formPrefix); is {
		x := s.Forms[form]
		if x == nil || x.Forms == 0 {
			return Figure{}, false
		}
		// The results are in hundredths of a percent.
		f := Figure{Value: float64(x.Percent) / float64(x.Forms) / 100, N: x.Forms, Squares: float64(x.Squared) / 10_000}
		f.Shares, f.Means = m.luck()
		return f, true
	}
	sum, n := m.parts(c)
	if n <= 0 {
		return Figure{}, false
	}
	f := Figure{Value: float64(sum) / float64(n), N: n}
	f.Shares, f.Means = m.luck()
	switch {
	case m.ID == "aht":
		f.Squares = float64(c[HandleSquared]) * 1_000_000
	case m.ID == "nps": // each case is −100, 0 or 100
		f.Squares = 10_000 * float64(c[NPSPromoters]+c[NPSDetractors])
	case f.Shares:
		f.Hits = sum
	}
	if m.ID == "fcr" {
		f.Value, f.Inverse = 1-f.Value, true
	}
	return f, true
}

// quotient is of two sums, and over n cases.
func quotient(n int64, of float64, by int64) (Figure, bool) {
	if by <= 0 {
		return Figure{}, false
	}
	return Figure{Value: of / float64(by), N: n}, true
}

// counts are those that a measure is formed of.
func (m *Measure) counts() []Count {
	return map[string][]Count{
		"answered_per_hour":     {Answered, LoggedInMillis},
		"aht":                   {Answered, TalkMillis, WrapUpMillis},
		"att":                   {Answered, TalkMillis, HoldMillis},
		"avg_hold":              {Answered, HoldMillis},
		"acw":                   {Answered, WrapUpMillis},
		"occupancy":             {RingingMillis, TalkMillis, WrapUpMillis, AvailableMillis},
		"answer_rate.agent":     {Offers, Answered},
		"answer_rate.agent_net": {Offers, Answered, Cancelled, CallerGone, UnseenOffers},
		"hung_up_first":         {Answered, HungUpFirst},
		"transfer_rate":         {Answered, TransferredOut},
		"fcr":                   {FCREligible, FCRRepeat},
		"repeat_rate":           {FCREligible, FCRRepeat},
		"csat":                  {Surveys, CSATTop},
		"nps":                   {NPSSurveys, NPSPromoters, NPSDetractors},
		"timeliness":            {CasesDue, CasesInTime},
		"training":              {Trainings, TrainingsPassed},
	}[m.ID]
}
