package rules

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

var usualPoints = Points{0, 100, 120}

// TestCurves: points by hand, of each curve, at, between and beyond its marks.
func TestCurves(t *testing.T) {
	for _, c := range []struct {
		name  string
		curve Curve
		want  map[float64]float64
	}{
		{"more is better", threeMarks(3, 8, 11, usualPoints), map[float64]float64{-1: 0, 3: 0, 4: 20, 5.5: 50, 8: 100, 9.5: 110, 11: 120, 40: 120}},
		{"less is better", threeMarks(0.20, 0.10, 0.05, usualPoints), map[float64]float64{1: 0, 0.20: 0, 0.15: 50, 0.10: 100, 0.05: 120, 0: 120}},
		{"nothing beyond the target", threeMarks(0, 1, 1, usualPoints), map[float64]float64{0: 0, 0.25: 25, 1: 100, 2: 100}},
		{"nothing beyond the target, less is better", threeMarks(1, 0, 0, usualPoints), map[float64]float64{2: 0, 1: 0, 0.25: 75, 0: 100, -1: 100}},
		{"a band", bandMarks(180_000, 300_000, 120_000, usualPoints), map[float64]float64{0: 0, 60_000: 0, 120_000: 50, 180_000: 100, 240_000: 100, 300_000: 100, 330_000: 75, 420_000: 0, 1e9: 0}},
		{"zones", Linear{{0, 10}, {50, 40}, {100, 40}, {200, 0}}, map[float64]float64{-5: 10, 25: 25, 75: 40, 150: 20, 300: 0}},
		{"steps", Steps{{0, 0}, {0.6, 60}, {0.8, 100}}, map[float64]float64{-1: 0, 0: 0, 0.59: 0, 0.6: 60, 0.79: 60, 0.8: 100, 2: 100}},
	} {
		for v, want := range c.want {
			if got := c.curve.At(v); got != want && math.Abs(got-want) > 1e-9 {
				t.Errorf("%s at %v: %v, want %v", c.name, v, got, want)
			}
		}
	}
}

// TestLinearProperties: a curve of marks goes one way, and never beyond its marks.
func TestLinearProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		marks := rapid.SliceOfNDistinct(rapid.Float64Range(-1e6, 1e6), 3, 3, rapid.ID[float64]).Draw(t, "marks")
		lo, mid, hi := min(marks[0], marks[1], marks[2]), marks[0]+marks[1]+marks[2], max(marks[0], marks[1], marks[2])
		mid -= lo + hi
		if !(lo < mid && mid < hi) {
			return // rounding
		}
		up, down := threeMarks(lo, mid, hi, usualPoints), threeMarks(hi, mid, lo, usualPoints)
		a := rapid.Float64Range(-2e6, 2e6).Draw(t, "a")
		b := rapid.Float64Range(a, 2e6).Draw(t, "b")
		if up.At(a) > up.At(b) || down.At(a) < down.At(b) {
			t.Fatalf("from %v to %v: %v, %v; %v, %v", a, b, up.At(a), up.At(b), down.At(a), down.At(b))
		}
		for _, p := range []float64{up.At(a), down.At(a)} {
			if p < 0 || p > 120 {
				t.Fatalf("%v has %v points", a, p)
			}
		}
	})
}
