package calendar

import (
	"iter"
	"time"
)

// Period is a stretch of time, From inclusive, To exclusive.
type Period struct{ From, To time.Time }

// Length is how long the period is by a clock that nobody sets.
func (p Period) Length() time.Duration { return p.To.Sub(p.From) }

// Cut is the part of the period that lies in another; it may have no length, and
// is then not to be used for its moments.
func (p Period) Cut(o Period) Period {
	if o.From.After(p.From) {
		p.From = o.From
	}
	if o.To.Before(p.To) {
		p.To = o.To
	}
	return p
}

// Empty tells whether nothing lies in the period.
func (p Period) Empty() bool { return !p.From.Before(p.To) }

// Step is a kind of period that covers all time.
type Step uint8

// The steps. An hour ends where the clock shows a full hour and where the clock
// is set, so that an hour that comes twice is two hours; a quarter of an hour
// likewise. A week begins on Monday.
const (
	QuarterHour Step = iota
	Hour
	Day
	Week
	Month
)

var stepNames = [...]string{"15m", "hour", "day", "week", "month"}

// ParseStep finds a step by its name.
func ParseStep(s string) (Step, bool) {
	for i, n := range stepNames {
		if n == s {
			return Step(i), true
		}
	}
	return 0, false
}

// String is the step's name.
func (s Step) String() string { return stepNames[s] }

// Begin is the beginning of the period that holds t, in t's zone.
func (s Step) Begin(t time.Time) time.Time {
	var begin time.Time
	if s <= Hour { // of which none is longer
		begin = s.Next(t.Add(-2 * time.Hour))
	} else {
		begin = s.first(DateOf(t)).Start(t.Location())
	}
	for next := s.Next(begin); !next.After(t); next = s.Next(begin) {
		begin = next
	}
	return begin
}

// Next is the first border after t, in t's zone.
func (s Step) Next(t time.Time) time.Time {
	if s <= Hour {
		length := int64(3600)
		if s == QuarterHour {
			length = 900
		}
		_, offset := t.Zone()
		local := t.Unix() + int64(offset)
		full := time.Unix(floor(local, length)+length-int64(offset), 0).In(t.Location())
		for set := sure(t); set.Before(full); set = sure(set) {
			if _, o := set.Zone(); o != offset {
				return set
			}
		}
		return full
	}
	// A date may come a second time after the next one has begun, or be left out:
	// then its beginning is not after t.
	for d := s.after(DateOf(t)); ; d = s.after(d) {
		if next := d.Start(t.Location()); next.After(t) {
			return next
		}
	}
}

// Periods are the periods between two moments in from's zone, in order, the first
// and the last cut there.
func (s Step) Periods(from, to time.Time) iter.Seq[Period] {
	return func(yield func(Period) bool) {
		for from.Before(to) {
			p := Period{from, s.Next(from)}
			if p.To.After(to) {
				p.To = to.In(from.Location())
			}
			if !yield(p) {
				return
			}
			from = p.To
		}
	}
}

// first is the first date of the period that holds d.
func (s Step) first(d Date) Date {
	switch s {
	case Week:
		return d.monday()
	case Month:
		return d.first(0)
	}
	return d
}

// after is the first date of the period that follows d's.
func (s Step) after(d Date) Date {
	switch s {
	case Week:
		return d.monday() + 7
	case Month:
		return d.first(1)
	}
	return d + 1
}
