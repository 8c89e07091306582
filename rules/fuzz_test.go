package rules

import (
	"math"
	"testing"
)

// FuzzScheme: whatever stands in a file, reading it ends, and a scheme without a fault
// has weights that add up and curves that give points.
func FuzzScheme(f *testing.F) {
	f.Add([]byte(soundScheme))
	f.Add([]byte("roles: {a: {like: b, indicators: []}, b: {like: a}}"))
	f.Add([]byte("roles: {a: {indicators: [{id: x, kpi: form.qa, curve: steps, steps: [{points: 0}, {from: -5, points: 1}]}]}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, faults, _ := Read("s.yaml", text)
		if len(faults) > 0 {
			return
		}
		for i := range s.Roles {
			r := &s.Roles[i]
			days := []Date{{2026, 1, 1}}
			for _, x := range r.Seasons {
				days = append(days, x.From, x.To)
			}
			for _, day := range days {
				sum := Weight(0)
				for _, w := range r.WeightsOn(day) {
					sum += w
				}
				if sum != fullWeight {
					t.Fatalf("on %s the weights of %s add up to %s", day, r.Name, sum)
				}
			}
			for k := range r.Indicators {
				for _, v := range []float64{math.Inf(-1), -1e15, -1, 0, 0.5, 1, 100, 1e15, math.Inf(1)} {
					if p := r.Indicators[k].Curve.At(v); !(p >= s.Points.Floor && p <= s.Points.Stretch) {
						t.Fatalf("%s at %v: %v points", r.Indicators[k].ID, v, p)
					}
				}
			}
		}
	})
}
