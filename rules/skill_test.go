package rules

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

const skillScheme = `scheme: skill
version: "1"
period: month
time_zone: UTC
grades: {A: 90, B: 0}
roles:
  agent:
    indicators:
      - {id: fcr, kpi: fcr, dimension: service, floor: 30%, target: 90%, weight: 100%, minimum: {fcr_eligible: 30}, adjust: mix}
`

// facts are a simulated centre's: what became of calls, by queue and hour.
func (s *simulated) facts(each func(*Fact)) {
	for i := range s.cells {
		c := &s.cells[i]
		day, hour := 5, 2*c.Part // Monday
		if c.Part >= 12 {
			day, hour = 10, 2*(c.Part-12)
		}
		each(&Fact{At: time.Date(2026, 10, day, hour, 0, 0, 0, time.UTC), Agent: fmt.Sprintf("agent%03d", c.Agent), Role: "agent", Queue: fmt.Sprint("q", c.Queue),
			Counts: map[string]int64{"answered": c.N, "fcr_eligible": c.N, "fcr_repeat": c.N - int64(c.Sum)}})
	}
}

// TestCardsFindSkill: facts of centres with known skill give scores that rank by it where
// raw figures rank by queue and shift, that are off by no more than a point for any of
// these, and whose intervals cover the truth.
func TestCardsFindSkill(t *testing.T) {
	scheme := readScheme(t, skillScheme)
	var raw, fair []float64
	off := map[string][]float64{}
	covered, all := 0, 0
	for seed := range uint64(40) {
		s := simulate(rand.New(rand.NewPCG(seed, 9)), 120)
		a := NewAppraisal(scheme, Date{2026, 10, 1}, Date{2026, 11, 1})
		s.facts(a.Add)
		var averages, scores []float64
		mean := 0.0
		cards := a.Cards()
		for i, c := range cards {
			averages = append(averages, *c.Indicators[0].Raw)
			scores = append(scores, *c.Score)
			mean += (*c.Indicators[0].Shrunk - s.skill[i]) / float64(len(cards))
		}
		for i, c := range cards {
			truth := mean + s.skill[i]
			points := *c.Score - scheme.Roles[0].Indicators[0].Curve.At(truth)
			off[fmt.Sprint("queue ", s.home[i])] = append(off[fmt.Sprint("queue ", s.home[i])], points)
			off[fmt.Sprint("night ", s.night[i])] = append(off[fmt.Sprint("night ", s.night[i])], points)
			if in := c.Indicators[0].Interval; in[0] <= truth && truth <= in[1] {
				covered++
			}
			all++
		}
		skill := ranks(s.skill)
		raw = append(raw, correlation(ranks(averages), skill))
		fair = append(fair, correlation(ranks(scores), skill))
	}
	slices.Sort(raw)
	slices.Sort(fair)
	share := float64(covered) / float64(all)
	t.Logf("rank correlation with skill, in the median: raw %.2f, score %.2f; %.1f %% of intervals cover the truth", raw[20], fair[20], 100*share)
	if fair[20] < 0.9 || raw[20] > 0.65 {
		t.Error("the medians should be above 0.9 and below 0.65")
	}
	if share < 0.88 || share > 0.92 {
		t.Error("from 88 to 92 % should")
	}
	for _, group := range slices.Sorted(maps.Keys(off)) {
		sum := 0.0
		for _, v := range off[group] {
			sum += v
		}
		points := sum / float64(len(off[group]))
		if math.Abs(points) > 1 {
			t.Errorf("%s is worth %.2f points", group, points)
		}
		t.Logf("%s: %.2f points", group, points)
	}
}
