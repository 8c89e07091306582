package rules

import "math"

// A figure over few cases is luck more than skill. It is drawn towards the mean of
// the peers, the more the fewer the cases and the more alike the peers: shares by a
// beta-binomial model, means by a normal one, both empirical Bayes.

// Shrunk is a figure with its part of luck taken out.
type Shrunk struct {
	Value float64
	// Low and High are the bounds of the 90 % interval: in nine of ten cases the
	// agent's true value is between them.
	Low, High float64
}

const (
	// chanceOutside is how likely the true value is below the interval, or above it.
	chanceOutside = 0.05
	// normalQuantile is how many standard deviations the normal distribution's
	// 0.95 quantile is above its mean.
	normalQuantile = 1.644853626951472714864
	// leastSpread is the least part of the variance that is taken for the agents' own:
	// where they differ by no more than chance, all are as one.
	leastSpread = 1e-6
)

// Observed is what one of the peers has: a share's hits of n, or a mean over n with
// the sum of squares about it.
type Observed struct {
	N     int64
	Hits  float64 // of a share
	Mean  float64 // of a mean, and
	About float64 // Σ (case − mean)²
}

// ShrinkShares shrinks shares across peers. Who has no cases gets what the peers say.
func ShrinkShares(peers []Observed) []Shrunk {
	var hits, n, squares, counted float64
	for _, o := range peers {
		if o.N > 0 {
			hits += o.Hits
			n += float64(o.N)
			squares += mul(float64(o.N), float64(o.N))
			counted++
		}
	}
	out := make([]Shrunk, len(peers))
	if n == 0 {
		for i := range out {
			out[i] = Shrunk{0.5, 0, 1}
		}
		return out
	}
	// Half a hit and half a miss keep a mean of 0 or 1 from being taken for certain.
	mean := (hits + 0.5) / (n + 1)
	between := 0.0
	for _, o := range peers {
		if o.N > 0 {
			off := o.Hits/float64(o.N) - mean
			between += mul(float64(o.N), mul(off, off))
		}
	}
	spread := mul(mean, 1-mean)
	free := counted - 1
	alike := leastSpread
	if size := n - squares/n - free; free > 0 && size > 0 {
		alike = (between - mul(spread, free)) / mul(spread, size)
	}
	alike = math.Min(math.Max(alike, leastSpread), 1-leastSpread)
	prior := 1/alike - 1
	doubt := newDoubt(counted, n, squares, mul(spread, alike), mul(spread, 1-alike))
	for i, o := range peers {
		a, b := o.Hits+mul(mean, prior), float64(o.N)-o.Hits+mul(1-mean, prior)
		value := a / (a + b)
		off := 0.0
		if o.N > 0 {
			off = o.Hits/float64(o.N) - mean
		}
		// A beta variable that is as wide as this one and what is not known of the
		// peers together.
		own := mul(value, 1-value)
		wide := own/(own/(a+b+1)+doubt.of(float64(o.N), off)) - 1
		wide = math.Max(math.Min(wide, a+b), leastSpread)
		low, high := betaQuantile(chanceOutside, mul(value, wide), mul(1-value, wide)), betaQuantile(1-chanceOutside, mul(value, wide), mul(1-value, wide))
		out[i] = Shrunk{value, math.Min(low, value), math.Max(high, value)}
	}
	return out
}

// doubt is what is not known of the peers as a whole: their mean, and how much they
// differ, are estimated too. The latter is Morris's term (1983).
type doubt struct {
	skill, noise float64 // variance of the agents' true values, and of one case
	mean         float64 // variance of the estimated mean
	usual        float64 // variance of an agent's figure with as many cases as is usual
	free         float64
}

func newDoubt(agents, n, squares, skill, noise float64) doubt {
	return doubt{skill, noise, (mul(skill, squares) + mul(noise, n)) / mul(n, n), skill + mul(noise, agents)/n, math.Max(agents-3, 1)}
}

// of is the variance that it adds for an agent with so many cases, whose figure is so
// far off the mean.
func (d doubt) of(cases, off float64) float64 {
	if cases == 0 {
		return d.mean
	}
	noise := d.noise / cases
	all := noise + d.skill
	if all == 0 {
		return d.mean
	}
	drawn := noise / all
	return mul(mul(drawn, drawn), d.mean+mul(mul(off, off), 2*d.usual/mul(d.free, all)))
}

// ShrinkMeans shrinks means across peers. Who has no cases gets what the peers say.
func ShrinkMeans(peers []Observed) []Shrunk {
	var sum, n, squares, counted, within, free float64
	for _, o := range peers {
		if o.N > 0 {
			sum += mul(float64(o.N), o.Mean)
			n += float64(o.N)
			squares += mul(float64(o.N), float64(o.N))
			counted++
			within += o.About
			free += float64(o.N - 1)
		}
	}
	out := make([]Shrunk, len(peers))
	if n == 0 {
		return out
	}
	mean, variance := sum/n, 0.0
	if free > 0 {
		variance = within / free
	}
	between := 0.0
	for _, o := range peers {
		if o.N > 0 {
			off := o.Mean - mean
			between += mul(float64(o.N), mul(off, off))
		}
	}
	skill := 0.0
	if size := n - squares/n; counted > 1 && size > 0 {
		skill = math.Max((between-mul(variance, counted-1))/size, 0)
	}
	doubt := newDoubt(counted, n, squares, skill, variance)
	for i, o := range peers {
		trust, left := 0.0, skill
		if o.N > 0 && skill > 0 {
			noise := variance / float64(o.N)
			trust = skill / (skill + noise)
			left = mul(trust, noise)
		}
		left += doubt.of(float64(o.N), o.Mean-mean)
		value := mean + mul(trust, o.Mean-mean)
		half := mul(normalQuantile, math.Sqrt(left))
		out[i] = Shrunk{value, value - half, value + half}
	}
	return out
}
