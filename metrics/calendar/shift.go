package calendar

import "time"

// Shift is when people are to work, by the local clock.
type Shift struct {
	// Days are those on which the shift begins, by time.Weekday.
	Days [7]bool
	// From and To are its beginning and its end, which is on the next day where it
	// is not after From.
	From, To Clock
	// Breaks are unpaid; they lie within the shift, in order, and do not overlap.
	Breaks []Break
}

// Break is a part of a shift, by the local clock.
type Break struct{ From, To Clock }

// Within is a time of day as minutes after the midnight before the shift begins:
// what is earlier in the day than the shift's beginning is on the next day.
func (s *Shift) Within(c Clock) Clock {
	if c < s.From {
		return c + Midnight24
	}
	return c
}

// End is the shift's end, in minutes after the midnight before it begins.
func (s *Shift) End() Clock {
	if s.To <= s.From {
		return s.To + Midnight24
	}
	return s.To
}

// On is the shift that begins on a date; false where none does, and where the
// zone's clock jumps over all of it or over the date.
func (s *Shift) On(d Date, zone *time.Location) (Period, bool) {
	if !s.Days[d.Weekday()] || DateOf(d.Start(zone)) != d {
		return Period{}, false
	}
	p := Period{d.At(s.From, zone), d.At(s.End(), zone)}
	return p, !p.Empty()
}

// Unpaid are the breaks of the shift that begins on a date. One that the clock
// jumps over has no length.
func (s *Shift) Unpaid(d Date, zone *time.Location) []Period {
	list := make([]Period, len(s.Breaks))
	for i, b := range s.Breaks {
		list[i] = Period{d.At(s.Within(b.From), zone), d.At(s.Within(b.To), zone)}
	}
	return list
}
