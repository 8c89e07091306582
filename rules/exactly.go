package rules

import "math"

// The machine's own exponential and logarithm differ in their last digit from one kind
// of processor to another, and compilers of some kinds round a product and a sum at
// once. What cards rest on is computed here, the same everywhere: from additions,
// multiplications, divisions and roots, each rounded by itself.

// mul is a product that is rounded before anything else is done with it.
func mul(a, b float64) float64 { return float64(a * b) }

const (
	ln2High = 6.93147180369123816490e-01 // with zeros at its end
	ln2Low  = 1.90821492927058770002e-10
)

// logOf is the natural logarithm of a positive number, to some 15 digits.
func logOf(x float64) float64 {
	fraction, exponent := math.Frexp(x) // exact
	if fraction < math.Sqrt2/2 {
		fraction *= 2
		exponent--
	}
	// log((1+s)/(1−s)) = 2 (s + s³/3 + s⁵/5 + …), |s| < 0.172
	s := (fraction - 1) / (fraction + 1)
	square, sum := mul(s, s), 0.0
	for k := 23; k >= 1; k -= 2 {
		sum = mul(sum, square) + 1/float64(k)
	}
	e := float64(exponent)
	return mul(e, ln2High) + (mul(e, ln2Low) + mul(2*s, sum))
}

// expOf is e to the x, to some 15 digits.
func expOf(x float64) float64 {
	switch {
	case x > 709:
		return math.Inf(1)
	case x < -745:
		return 0
	}
	k := math.Floor(mul(x, 1/math.Ln2) + 0.5)
	r := (x - mul(k, ln2High)) - mul(k, ln2Low)
	sum := 1.0
	for n := 16; n >= 1; n-- {
		sum = mul(sum, r/float64(n)) + 1
	}
	return math.Ldexp(sum, int(k)) // exact
}

// logGamma is the logarithm of the gamma function of a positive number.
func logGamma(x float64) float64 {
	shift := 0.0
	for ; x < 12; x++ {
		shift += logOf(x)
	}
	// Stirling's series.
	y, square := 1/x, 1/mul(x, x)
	series := 0.0
	for _, c := range [...]float64{-691.0 / 360360, 1.0 / 1188, -1.0 / 1680, 1.0 / 1260, -1.0 / 360, 1.0 / 12} {
		series = mul(series, square) + c
	}
	const halfLog2Pi = 9.18938533204672741780e-01
	return (mul(x-0.5, logOf(x)) - x) + halfLog2Pi + mul(series, y) - shift
}

// betaShare is the regularised incomplete beta function: the chance that a beta
// variable of a and b is below x.
func betaShare(a, b, x float64) float64 {
	switch {
	case x <= 0:
		return 0
	case x >= 1:
		return 1
	}
	return betaBelow(a, b, x, logBeta(a, b))
}

// logBeta is the logarithm of the beta function.
func logBeta(a, b float64) float64 { return logGamma(a) + logGamma(b) - logGamma(a+b) }

// betaBelow is betaShare, given the logarithm of the beta function.
func betaBelow(a, b, x, beta float64) float64 {
	if x > (a+1)/(a+b+2) {
		return 1 - betaBelow(b, a, 1-x, beta)
	}
	front := expOf(mul(a, logOf(x)) + mul(b, logOf(1-x)) - beta)
	return mul(front, betaFraction(a, b, x)) / a
}

// betaFraction is the continued fraction of the incomplete beta function, by Lentz's
// method.
func betaFraction(a, b, x float64) float64 {
	const tiny, enough = 1e-300, 1e-16
	away := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c, d := 1.0, 1/away(1-mul(a+b, x)/(a+1))
	f := d
	for n := 1; n <= 10_000; n++ {
		m := float64(n)
		for _, step := range [2]float64{
			mul(mul(m, b-m), x) / mul(a+2*m-1, a+2*m),
			-mul(mul(a+m, a+b+m), x) / mul(a+2*m, a+2*m+1),
		} {
			d = 1 / away(1+mul(step, d))
			c = away(1 + step/c)
			f = mul(f, mul(c, d))
		}
		if math.Abs(mul(c, d)-1) < enough {
			break
		}
	}
	return f
}

// betaQuantile is the x below which a beta variable of a and b is with a chance: by
// Newton's method, and by halves where that would leave what is known to hold it.
func betaQuantile(chance, a, b float64) float64 {
	beta := logBeta(a, b)
	low, high, x := 0.0, 1.0, a/(a+b)
	// Where a normal variable would have it, if that is inside.
	aside := math.Copysign(mul(normalQuantile, math.Sqrt(mul(x, 1-x)/(a+b+1))), chance-0.5)
	if guess := x + aside; guess > 0 && guess < 1 {
		x = guess
	}
	for range 100 {
		off := betaBelow(a, b, x, beta) - chance
		if off < 0 {
			low = x
		} else {
			high = x
		}
		density := expOf(mul(a-1, logOf(x)) + mul(b-1, logOf(1-x)) - beta)
		next := x - off/density
		if !(next >= low && next <= high) {
			next = (low + high) / 2
		}
		if math.Abs(next-x) <= mul(math.Min(x, 1-x), 1e-9) { // the error is that of the step before, squared
			return next
		}
		x = next
	}
	return x
}
