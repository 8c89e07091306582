package rules

import "sort"

// Points say what floor, target and stretch are worth.
type Points struct {
	Floor, Target, Stretch float64
}

// Curve makes points of a figure.
type Curve interface {
	// At is the points of a value.
	At(value float64) float64
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
