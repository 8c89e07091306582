package rules

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"tallyd/metrics"
)

// TestFigures: each measure by hand.
func TestFigures(t *testing.T) {
	s := &Sums{Forms: map[string]*FormSums{"qa": {Forms: 2, Percent: 6667 + 5000, Squared: 6667*6667 + 5000*5000}}}
	for c, n := range map[Count]int64{Offers: 50, Answered: 40, Cancelled: 1, CallerGone: 1, TransferredOut: 4, HungUpFirst: 1, TalkMillis: 8_000_000, HoldMillis: 400_000, WrapUpMillis: 1_200_000,
		RingingMillis: 200_000, AvailableMillis: 5_600_000, LoggedInMillis: 18_000_000, HandleSquared: 2_500_000, FCREligible: 30, FCRRepeat: 6, Surveys: 8, CSATTop: 6,
		NPSSurveys: 10, NPSPromoters: 5, NPSDetractors: 2, CasesDue: 4, CasesInTime: 3, Trainings: 2, TrainingsPassed: 1} {
		s.Counts[c] = n
	}
	want := map[string]Figure{
		"answered_per_hour":     {Value: 8, N: 40},
		"aht":                   {Value: 230_000, N: 40, Means: true, Squares: 2.5e12},
		"att":                   {Value: 190_000, N: 40},
		"avg_hold":              {Value: 10_000, N: 40},
		"acw":                   {Value: 30_000, N: 40},
		"occupancy":             {Value: 9.4 / 15, N: 40},
		"answer_rate.agent":     {Value: 0.8, N: 50, Shares: true, Hits: 40},
		"answer_rate.agent_net": {Value: 40.0 / 48, N: 48, Shares: true, Hits: 40},
		"hung_up_first":         {Value: 0.025, N: 40, Shares: true, Hits: 1},
		"transfer_rate":         {Value: 0.1, N: 40, Shares: true, Hits: 4},
		"fcr":                   {Value: 0.8, N: 30, Shares: true, Hits: 6, Inverse: true},
		"repeat_rate":           {Value: 0.2, N: 30, Shares: true, Hits: 6},
		"csat":                  {Value: 0.75, N: 8, Shares: true, Hits: 6},
		"nps":                   {Value: 30, N: 10, Means: true, Squares: 70_000},
		"timeliness":            {Value: 0.75, N: 4, Shares: true, Hits: 3},
		"training":              {Value: 0.5, N: 2},
		"form.qa":               {Value: 58.335, N: 2, Means: true, Squares: (6667*6667 + 5000*5000) / 10_000.0},
	}
	for _, m := range append(Measures(), Measure{ID: "form.qa"}) {
		got, ok := m.Of(s)
		if m.ID == teamScore { // of cards, not of sums
			continue
		}
		if w := want[m.ID]; !ok || math.Abs(got.Value-w.Value) > 1e-12 || got.N != w.N || got.Shares != w.Shares || got.Hits != w.Hits || got.Inverse != w.Inverse || got.Means != w.Means || got.Squares != w.Squares {
			t.Errorf("%s: %+v, want %+v", m.ID, got, w)
		}
		if got, ok := m.Of(&Sums{}); ok {
			t.Errorf("%s of nothing is %+v", m.ID, got)
		}
	}
}

// TestFiguresAreTheCatalogues: a measure that has the id of a figure of the catalogue is
// that figure.
func TestFiguresAreTheCatalogues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := func(name string, most int64) int64 { return rapid.Int64Range(0, most).Draw(t, name) }
		var r metrics.Rollup
		var s Sums
		both := func(c Count, m metrics.Counter, v int64) { s.Counts[c], r.Values[m] = v, v }
		both(Offers, metrics.Offers, n("offers", 100))
		both(Cancelled, metrics.CancelledCount, n("cancelled", 20))
		both(CallerGone, metrics.CallerGoneCount, n("caller gone", 20))
		both(UnseenOffers, metrics.UnseenOffers, n("unseen", 20))
		both(HungUpFirst, metrics.EndedByAgent, n("by agent", 30))
		r.Values[metrics.EndedByCaller], r.Values[metrics.TransferredBlind], r.Values[metrics.TransferredAttended] = n("by caller", 30), n("blind", 10), n("attended", 10)
		s.Counts[TransferredOut] = r.Values[metrics.TransferredBlind] + r.Values[metrics.TransferredAttended]
		both(Answered, metrics.AnsweredCount, r.Values[metrics.EndedByAgent]+r.Values[metrics.EndedByCaller]+s.Counts[TransferredOut])
		both(HoldMillis, metrics.Hold, n("hold", 1e6))
		both(TalkMillis, metrics.Talk, s.Counts[HoldMillis]+n("talk", 1e7))
		r.Values[metrics.HoldingTime], r.Values[metrics.TalkingTime] = s.Counts[HoldMillis], s.Counts[TalkMillis]-s.Counts[HoldMillis]
		both(WrapUpMillis, metrics.WrappingUpTime, n("wrap-up", 1e6))
		both(RingingMillis, metrics.RingingTime, n("ringing", 1e6))
		both(AvailableMillis, metrics.AvailableTime, n("available", 1e7))
		both(LoggedInMillis, metrics.LoggedInTime, n("logged in", 1e8))
		both(FCREligible, metrics.FCREligible, n("eligible", 50))
		both(FCRRepeat, metrics.FCRRepeat, n("repeat", s.Counts[FCREligible]))
		for _, m := range Measures() {
			k, known := metrics.FindKPI(m.ID)
			if !known {
				continue
			}
			got, ok := m.Of(&s)
			want, has := k.Value(&r, metrics.Params{})
			if ok != has || ok && math.Abs(got.Value-want) > 1e-9*math.Abs(want) {
				t.Fatalf("%s is %v, %v; the catalogue says %v, %v", m.ID, got.Value, ok, want, has)
			}
		}
	})
}
