package rules

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"
	"pgregory.net/rapid"
)

// TestReferences: the functions of the intervals equal those of a library of statistics.
func TestReferences(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := math.Exp(rapid.Float64Range(-1, 10).Draw(t, "log a"))
		b := math.Exp(rapid.Float64Range(-1, 10).Draw(t, "log b"))
		x := rapid.Float64Range(0.0001, 0.9999).Draw(t, "x")
		if got, want := betaShare(a, b, x), mathext.RegIncBeta(a, b, x); math.Abs(got-want) > 1e-9 {
			t.Errorf("beta %v, %v below %v: %v, the library has %v", a, b, x, got, want)
		}
		for _, chance := range []float64{chanceOutside, 1 - chanceOutside} {
			if got, want := betaQuantile(chance, a, b), mathext.InvRegIncBeta(a, b, chance); math.Abs(got-want) > 1e-7 {
				t.Errorf("quantile %v of beta %v, %v: %v, the library has %v", chance, a, b, got, want)
			}
		}
	})
	if got := (distuv.Normal{Mu: 0, Sigma: 1}).Quantile(1 - chanceOutside); math.Abs(got-normalQuantile) > 1e-12 {
		t.Errorf("the normal quantile is %v, the library has %v", normalQuantile, got)
	}
}
