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
}

// Of forms a measure; false where there is nothing to form it over.
func (m *Measure) Of(s *Sums) (Figure, bool) {
	c := &s.Counts
	switch m.ID {
	case "answered_per_hour":
		return quotient(c[Answered], float64(c[Answered])*3_600_000, c[LoggedInMillis])
	case "aht":
		f, ok := mean(c[TalkMillis]+c[WrapUpMillis], c[Answered])
		f.Squares = float64(c[HandleSquared]) * 1_000_000
		return f, ok
	case "att":
		return average(c[TalkMillis]-c[HoldMillis], c[Answered])
	case "avg_hold":
		return average(c[HoldMillis], c[Answered])
	case "acw":
		return average(c[WrapUpMillis], c[Answered])
	case "occupancy":
		busy := c[RingingMillis] + c[TalkMillis] + c[WrapUpMillis]
		return quotient(c[Answered], float64(busy), busy+c[AvailableMillis])
	case "answer_rate.agent":
		return share(c[Answered], c[Offers])
	case "answer_rate.agent_net":
		return share(c[Answered], c[Offers]-c[Cancelled])
	case "hung_up_first":
		return share(c[HungUpFirst], c[Answered])
	case "transfer_rate":
		return share(c[TransferredOut], c[Answered])
	case "fcr":
		f, ok := share(c[FCRRepeat], c[FCREligible])
		f.Value, f.Inverse = 1-f.Value, true
		return f, ok
	case "repeat_rate":
		return share(c[FCRRepeat], c[FCREligible])
	case "csat":
		return share(c[CSATTop], c[Surveys])
	case "nps":
		return quotient(c[NPSSurveys], float64(100*(c[NPSPromoters]-c[NPSDetractors])), c[NPSSurveys])
	case "timeliness":
		return share(c[CasesInTime], c[CasesDue])
	case "training":
		return share(c[TrainingsPassed], c[Trainings])
	}
	x := s.Forms[strings.TrimPrefix(m.ID, formPrefix)]
	if x == nil || x.Forms == 0 {
		return Figure{}, false
	}
	f, ok := mean(x.Percent, x.Forms)
	f.Value /= 100 // hundredths of a percent
	f.Squares = float64(x.Squared) / 10_000
	return f, ok
}

// share is hits of n.
func share(hits, n int64) (Figure, bool) {
	if n <= 0 {
		return Figure{}, false
	}
	return Figure{Value: float64(hits) / float64(n), N: n, Shares: true, Hits: hits}, true
}

// mean is of n cases, whose squares are known.
func mean(sum, n int64) (Figure, bool) {
	f, ok := average(sum, n)
	f.Means = ok
	return f, ok
}

// average is of n cases, of which only the sum is known.
func average(sum, n int64) (Figure, bool) {
	if n <= 0 {
		return Figure{}, false
	}
	return Figure{Value: float64(sum) / float64(n), N: n}, true
}

// quotient is of two sums, and over n cases.
func quotient(n int64, of float64, by int64) (Figure, bool) {
	if by <= 0 {
		return Figure{}, false
	}
	return Figure{Value: of / float64(by), N: n}, true
}
