package rules

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestShrinkCovers: of simulated agents with known true values, 88 to 92 % of the
// intervals have the true value in them, and shrunk values are nearer to it than raw
// ones.
func TestShrinkCovers(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 7))
	type sum struct{ in, all, raw, shrunk float64 }
	judge := func(name string, s sum) {
		cover := s.in / s.all
		t.Logf("%s: %.1f %% of %v intervals cover the truth; squared error %.3g raw, %.3g shrunk", name, 100*cover, s.all, s.raw/s.all, s.shrunk/s.all)
		if cover < 0.88 || cover > 0.92 {
			t.Errorf("%s: %.1f %% of the intervals cover the truth", name, 100*cover)
		}
		if s.shrunk >= s.raw {
			t.Errorf("%s: shrunk values are off by %v, raw ones by %v", name, s.shrunk, s.raw)
		}
	}
	for _, spread := range []float64{0.03, 0.08} {
		var s sum
		for range 150 {
			peers, truth := make([]Observed, 120), make([]float64, 120)
			for i := range peers {
				truth[i] = math.Min(math.Max(0.75+spread*r.NormFloat64(), 0.02), 0.98)
				peers[i].N = 20 + r.Int64N(400)
				for range peers[i].N {
					if r.Float64() < truth[i] {
						peers[i].Hits++
					}
				}
			}
			for i, x := range ShrinkShares(peers) {
				raw := peers[i].Hits / float64(peers[i].N)
				s.raw += (raw - truth[i]) * (raw - truth[i])
				s.shrunk += (x.Value - truth[i]) * (x.Value - truth[i])
				if s.all++; truth[i] >= x.Low && truth[i] <= x.High {
					s.in++
				}
			}
		}
		judge(fmt.Sprintf("shares, spread %v", spread), s)
	}
	for _, skill := range []float64{10_000, 30_000} {
		var s sum
		for range 150 {
			peers, truth := make([]Observed, 120), make([]float64, 120)
			for i := range peers {
				truth[i] = 240_000 + skill*r.NormFloat64()
				peers[i].N = 10 + r.Int64N(100)
				var total, squares float64
				for range peers[i].N {
					x := truth[i] + 100_000*r.NormFloat64()
					total += x
					squares += x * x
				}
				n := float64(peers[i].N)
				peers[i].Mean = total / n
				peers[i].About = squares - total*total/n
			}
			for i, x := range ShrinkMeans(peers) {
				s.raw += (peers[i].Mean - truth[i]) * (peers[i].Mean - truth[i])
				s.shrunk += (x.Value - truth[i]) * (x.Value - truth[i])
				if s.all++; truth[i] >= x.Low && truth[i] <= x.High {
					s.in++
				}
			}
		}
		judge(fmt.Sprintf("means, skill %v", skill), s)
	}
}

// TestShrinkEdges: nobody, one alone, nothing seen, everything hit: never beyond what
// can be, never NaN.
func TestShrinkEdges(t *testing.T) {
	for name, peers := range map[string][]Observed{
		"nobody": {}, "one alone": {{N: 10, Hits: 7}}, "nothing seen": {{}, {}}, "one of two seen": {{N: 5, Hits: 5}, {}},
		"all hit": {{N: 10, Hits: 10}, {N: 20, Hits: 20}}, "none hit": {{N: 10}, {N: 20}}, "one case each": {{N: 1, Hits: 1}, {N: 1}, {N: 1, Hits: 1}},
		"far apart": {{N: 1000, Hits: 1000}, {N: 1000}}, "very many": {{N: 1e9, Hits: 5e8}, {N: 1, Hits: 1}},
	} {
		for i, x := range ShrinkShares(peers) {
			if !(x.Low >= 0 && x.Low <= x.Value && x.Value <= x.High && x.High <= 1) {
				t.Errorf("%s: the %dth is %+v", name, i, x)
			}
		}
		for i := range peers {
			if peers[i].N > 0 {
				peers[i].Mean = peers[i].Hits / float64(peers[i].N)
				peers[i].About = peers[i].Hits * (1 - peers[i].Mean)
			}
		}
		for i, x := range ShrinkMeans(peers) {
			if !(x.Low <= x.Value && x.Value <= x.High) {
				t.Errorf("%s: the %dth mean is %+v", name, i, x)
			}
		}
	}
}
