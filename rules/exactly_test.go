package rules

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func near(a, b, relative float64) bool {
	return a == b || math.Abs(a-b) <= relative*math.Max(math.Abs(a), math.Abs(b))
}

// TestElementary: logarithm, exponential and gamma agree with the machine's.
func TestElementary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Float64Range(1e-9, 1e9).Draw(t, "x")
		if got, want := logOf(x), math.Log(x); !near(got, want, 1e-13) && math.Abs(got-want) > 1e-15 {
			t.Errorf("log %v is %v, want %v", x, got, want)
		}
		y := rapid.Float64Range(-700, 700).Draw(t, "y")
		if got, want := expOf(y), math.Exp(y); !near(got, want, 1e-13) {
			t.Errorf("exp %v is %v, want %v", y, got, want)
		}
		z := rapid.Float64Range(1e-3, 1e6).Draw(t, "z")
		if want, _ := math.Lgamma(z); !near(logGamma(z), want, 1e-12) && math.Abs(logGamma(z)-want) > 1e-12 {
			t.Errorf("log gamma %v is %v, want %v", z, logGamma(z), want)
		}
	})
}

// TestBetaQuantiles: where they have a closed form.
func TestBetaQuantiles(t *testing.T) {
	for _, x := range []struct{ chance, a, b, want float64 }{
		{0.5, 1, 1, 0.5},
		{0.05, 1, 1, 0.05},
		{0.5, 2, 2, 0.5},
		{0.95, 1, 2, 1 - math.Sqrt(0.05)},
		{0.05, 3, 1, math.Cbrt(0.05)},
		{0.05, 0.5, 0.5, math.Pow(math.Sin(math.Pi*0.05/2), 2)},
	} {
		if got := betaQuantile(x.chance, x.a, x.b); math.Abs(got-x.want) > 1e-12 {
			t.Errorf("quantile %v of %v, %v is %.15f, want %.15f", x.chance, x.a, x.b, got, x.want)
		}
	}
}

// TestBetaShare: for whole numbers the incomplete beta function is a sum of binomial
// chances.
func TestBetaShare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.IntRange(1, 40).Draw(t, "a"), rapid.IntRange(1, 40).Draw(t, "b")
		x := rapid.Float64Range(0.001, 0.999).Draw(t, "x")
		n, want := a+b-1, 0.0
		for j := a; j <= n; j++ {
			c := 1.0
			for k := range j {
				c *= float64(n-k) / float64(j-k)
			}
			want += c * math.Pow(x, float64(j)) * math.Pow(1-x, float64(n-j))
		}
		if got := betaShare(float64(a), float64(b), x); math.Abs(got-want) > 1e-12 {
			t.Fatalf("beta %d, %d below %v: %v, want %v", a, b, x, got, want)
		}
		chance := rapid.Float64Range(0.01, 0.99).Draw(t, "chance")
		if q := betaQuantile(chance, float64(a), float64(b)); math.Abs(betaShare(float64(a), float64(b), q)-chance) > 1e-12 {
			t.Fatalf("quantile %v of %d, %d is %v", chance, a, b, q)
		}
	})
}
