package rules

import (
	"math"
	"sort"
)

// Points say what floor, target and stretch are worth.
type Points struct {
	Floor   float64 `json:"floor"`
	Target  float64 `json:"target"`
	Stretch float64 `json:"stretch"`
}

// The kinds of curve, as schemes write them.
const (
	linearCurve = "linear"
	bandCurve   = "band"
	stepsCurve  = "steps"
	zonesCurve  = "zones"
)

// Curve makes points of a figure.
type Curve interface {
	// At is the points of a value.
	At(value float64) float64
	// reach is the value nearest to one that is worth so many points or more.
	reach(from, points float64) (float64, bool)
	// best is the most points that there are.
	best() float64
	// marks are what the curve is drawn by.
	marks() []Mark
}

// Mark is a value and its points.
type Mark struct {
	Value  float64 `json:"value"`
	Points float64 `json:"points"`
	// Name says what the scheme calls it: floor, target or stretch; "" where a table of
	// points has no such names.
	Name string `json:"name,omitempty"`
}

// Knot is a point of a piecewise linear curve.
type Knot struct{ Value, Points float64 }

// Linear goes straight from knot to knot, in the order of their values, and is flat
// beyond the first and the last: the curve of floor, target and stretch, of a band,
// and of zones.
type Linear []Knot

// At is the points of a value.
func (l Linear) At(v float64) float64 {
	i := sort.Search(len(l), func(i int) bool { return l[i].Value >= v })
	switch {
	case i == len(l):
		return l[len(l)-1].Points
	case i == 0 || l[i].Value == v:
		return l[i].Points
	}
	a, b := l[i-1], l[i]
	share := (v - a.Value) / (b.Value - a.Value)
	// The conversion keeps machines from rounding product and sum at once.
	return a.Points + float64(share*(b.Points-a.Points))
}

// Step is worth its points from From on.
type Step struct{ From, Points float64 }

// Steps is a table, in the order of From; the first one holds below it too.
type Steps []Step

// At is the points of a value.
func (s Steps) At(v float64) float64 {
	i := sort.Search(len(s), func(i int) bool { return s[i].From > v })
	return s[max(i-1, 0)].Points
}

// threeMarks is the curve of floor, target and stretch, whether more is better or
// less.
func threeMarks(floor, target, stretch float64, p Points) Linear {
	l := Linear{{floor, p.Floor}, {target, p.Target}, {stretch, p.Stretch}}
	if floor > target {
		l[0], l[2] = l[2], l[0]
	}
	if target == stretch { // nothing beyond the target
		if floor > target {
			return l[1:]
		}
		return l[:2]
	}
	return l
}

// bandMarks is the curve of a band: the target's points inside, the floor's at a
// distance outside.
func bandMarks(low, high, falls float64, p Points) Linear {
	return Linear{{low - falls, p.Floor}, {low, p.Target}, {high, p.Target}, {high + falls, p.Floor}}
}

// reach is the value nearest to one that is worth so many points or more; false where
// none is.
func (l Linear) reach(from, points float64) (float64, bool) {
	if l.At(from) >= points {
		return from, true
	}
	best, found := 0.0, false
	take := func(v float64) {
		if !found || math.Abs(v-from) < math.Abs(best-from) {
			best, found = v, true
		}
	}
	for i, k := range l {
		if k.Points >= points {
			take(k.Value)
		}
		if i == 0 || (l[i-1].Points < points) == (k.Points < points) {
			continue
		}
		a := l[i-1]
		take(a.Value + mul((points-a.Points)/(k.Points-a.Points), k.Value-a.Value))
	}
	return best, found
}

func (l Linear) best() float64 {
	out := l[0].Points
	for _, k := range l {
		out = math.Max(out, k.Points)
	}
	return out
}

func (s Steps) reach(from, points float64) (float64, bool) {
	if s.At(from) >= points {
		return from, true
	}
	best, found := 0.0, false
	for i, x := range s {
		// Below the next range everything down to this one's beginning counts.
		v := x.From
		if i+1 < len(s) && s[i+1].From <= from {
			v = math.Nextafter(s[i+1].From, math.Inf(-1))
		}
		if x.Points >= points && (!found || math.Abs(v-from) < math.Abs(best-from)) {
			best, found = v, true
		}
	}
	return best, found
}

func (s Steps) best() float64 {
	out := s[0].Points
	for _, x := range s {
		out = math.Max(out, x.Points)
	}
	return out
}

func (l Linear) marks() (out []Mark) {
	for _, k := range l {
		out = append(out, Mark{Value: k.Value, Points: k.Points})
	}
	return out
}

func (s Steps) marks() (out []Mark) {
	for i, x := range s {
		if i == 0 && math.IsInf(x.From, -1) {
			x.From = 0
		}
		out = append(out, Mark{Value: x.From, Points: x.Points})
	}
	return out
}
