package rules

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// ranks are the places of values in their order.
func ranks(values []float64) []float64 {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		if values[a] < values[b] {
			return -1
		}
		return 1
	})
	out := make([]float64, len(values))
	for place, i := range order {
		out[i] = float64(place)
	}
	return out
}

// correlation is Pearson's, of ranks Spearman's.
func correlation(x, y []float64) float64 {
	var mx, my, xy, xx, yy float64
	for i := range x {
		mx += x[i] / float64(len(x))
		my += y[i] / float64(len(y))
	}
	for i := range x {
		xy += (x[i] - mx) * (y[i] - my)
		xx += (x[i] - mx) * (x[i] - mx)
		yy += (y[i] - my) * (y[i] - my)
	}
	return xy / math.Sqrt(xx*yy)
}

// simulated is a centre with known skill: home queues of unequal difficulty, night
// shifts, and 60 to 900 calls each.
type simulated struct {
	skill        []float64
	home         []int
	night        []bool
	cells        []Cell
	peers        []Observed // raw
	caseVariance float64
}

func simulate(r *rand.Rand, agents int) *simulated {
	const queues = 6
	s := &simulated{}
	difficulty := [queues]float64{0.17, 0.10, 0.03, -0.04, -0.10, -0.16}
	var hits, calls float64
	for a := range agents {
		skill := 0.06 * r.NormFloat64()
		home, night := r.IntN(queues), r.IntN(4) == 0
		s.skill, s.home, s.night = append(s.skill, skill), append(s.home, home), append(s.night, night)
		n := 60 + r.Int64N(841)
		at := map[[2]int]*Cell{}
		var o Observed
		for range n {
			q := home
			if r.IntN(10) < 3 {
				q = r.IntN(queues)
			}
			hour := 24*r.IntN(7) + 9 + r.IntN(8)
			p := 0.68 + skill - difficulty[q]
			if night {
				hour = 24*r.IntN(7) + r.IntN(6)
				p -= 0.08
			}
			part := partOfWeek(hour)
			c := at[[2]int{q, part}]
			if c == nil {
				c = &Cell{Agent: a, Queue: q, Part: part}
				at[[2]int{q, part}] = c
			}
			c.N++
			o.N++
			if r.Float64() < min(max(p, 0.02), 0.98) {
				c.Sum++
				o.Hits++
			}
		}
		for q := range queues {
			for part := range partsOfWeek {
				if c := at[[2]int{q, part}]; c != nil {
					s.cells = append(s.cells, *c)
				}
			}
		}
		s.peers = append(s.peers, o)
		hits, calls = hits+o.Hits, calls+float64(o.N)
	}
	mean := hits / calls
	s.caseVariance = mean * (1 - mean)
	return s
}

// TestMixFindsSkill: where raw averages rank agents by their queues and shifts, adjusted
// and shrunk figures rank them by their skill, and nobody gains or loses by the queue
// or shift that was drawn.
func TestMixFindsSkill(t *testing.T) {
	var raw, fair []float64
	off := map[string][]float64{}
	for seed := range uint64(60) {
		s := simulate(rand.New(rand.NewPCG(seed, 3)), 120)
		var averages, adjusted []float64
		peers := slices.Clone(s.peers)
		for i, v := range AdjustMix(s.cells, len(s.skill), s.caseVariance) {
			averages = append(averages, s.peers[i].Hits/float64(s.peers[i].N))
			peers[i].Mean = v
			peers[i].About = s.caseVariance * float64(peers[i].N-1)
		}
		mean := 0.0
		for i, x := range ShrinkMeans(peers) {
			adjusted = append(adjusted, x.Value)
			mean += (x.Value - s.skill[i]) / float64(len(peers))
		}
		for i, v := range adjusted {
			// A linear curve from 55 to 80 % has 4 points for each percent.
			points := 400 * (v - s.skill[i] - mean)
			off["queue "+strconv.Itoa(s.home[i])] = append(off["queue "+strconv.Itoa(s.home[i])], points)
			off["night "+strconv.FormatBool(s.night[i])] = append(off["night "+strconv.FormatBool(s.night[i])], points)
		}
		skill := ranks(s.skill)
		raw = append(raw, correlation(ranks(averages), skill))
		fair = append(fair, correlation(ranks(adjusted), skill))
	}
	slices.Sort(raw)
	slices.Sort(fair)
	middle := len(fair) / 2
	t.Logf("rank correlation with skill: raw %.2f (%.2f to %.2f), adjusted and shrunk %.2f (%.2f to %.2f)", raw[middle], raw[0], raw[len(raw)-1], fair[middle], fair[0], fair[len(fair)-1])
	if fair[middle] < 0.9 || raw[middle] > 0.65 {
		t.Error("the medians should be above 0.9 and below 0.65")
	}
	for _, group := range slices.Sorted(maps.Keys(off)) {
		sum := 0.0
		for _, v := range off[group] {
			sum += v
		}
		points := sum / float64(len(off[group]))
		t.Logf("%s: %d agents, %.2f points off", group, len(off[group]), points)
		if math.Abs(points) > 1 {
			t.Errorf("%s is worth %.2f points", group, points)
		}
	}
}

// TestMixEdges: nobody, one queue, one agent, nothing to differ.
func TestMixEdges(t *testing.T) {
	for name, x := range map[string]struct {
		cells []Cell
		want  []float64
	}{
		"nobody":              {nil, []float64{0, 0}},
		"one of two":          {[]Cell{{0, 0, 9, 10, 7}}, []float64{0.7, 0.7}},
		"one queue, one hour": {[]Cell{{0, 0, 9, 1000, 700}, {1, 0, 9, 1000, 500}}, []float64{0.7, 0.5}},
	} {
		got := AdjustMix(x.cells, 2, 0.24)
		for i := range got {
			if math.Abs(got[i]-x.want[i]) > 0.01 || math.IsNaN(got[i]) {
				t.Errorf("%s: %v, want %v", name, got, x.want)
			}
		}
	}
	if got := AdjustMix([]Cell{{0, 0, 9, 10, 10}, {1, 1, 9, 5, 5}}, 2, 0); got[0] != 1 || got[1] != 1 {
		t.Errorf("%v", got)
	}
}
