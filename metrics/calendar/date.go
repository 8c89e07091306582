package calendar

import (
	"fmt"
	"time"
)

// Date is a day of the calendar, whatever the zone: days since 1970-01-01.
type Date int

const daySeconds = 24 * 60 * 60

// MakeDate is the date of a year, month and day; what is out of range carries
// over, as in time.Date.
func MakeDate(year int, month time.Month, day int) Date {
	s := time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix()
	return Date(floor(s, daySeconds) / daySeconds)
}

// DateOf is the date that a moment's own zone shows.
func DateOf(t time.Time) Date { return MakeDate(t.Date()) }

// ParseDate reads a date such as 2026-10-15.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a date, such as 2026-10-15", s)
	}
	return DateOf(t), nil
}

// String writes the date as ParseDate reads it.
func (d Date) String() string { return d.utc().Format(time.DateOnly) }

// Weekday is the date's day of the week.
func (d Date) Weekday() time.Weekday { return d.utc().Weekday() }

func (d Date) utc() time.Time { return time.Unix(int64(d)*daySeconds, 0).UTC() }

// monday is the first day of the date's ISO week.
func (d Date) monday() Date { return d - Date((d.Weekday()+6)%7) }

// first is the first day of the month that lies months after the date's.
func (d Date) first(months int) Date {
	y, m, _ := d.utc().Date()
	return MakeDate(y, m+time.Month(months), 1)
}

// Start is when the date begins in a zone.
func (d Date) Start(zone *time.Location) time.Time { return d.At(0, zone) }

// At is the first moment at which the zone's clock shows a time of the date, or
// a later one.
func (d Date) At(c Clock, zone *time.Location) time.Time {
	wall := int64(d)*daySeconds + int64(c)*60
	// Before this moment no zone's clock shows it: none was ever further ahead of
	// UTC than 16 hours.
	t := time.Unix(wall-16*3600, 0).In(zone)
	for {
		_, offset := t.Zone()
		at := max(t.Unix(), wall-int64(offset))
		set := sure(t)
		if at < set.Unix() {
			return time.Unix(at, 0).In(zone)
		}
		t = set
	}
}

// sure is a moment after t before which the zone's clock is not set. In years
// that only the zone's rule covers, ZoneBounds ends at the end of a year of 365
// days, and so after t no more on the last day of a leap year.
func sure(t time.Time) time.Time {
	_, end := t.ZoneBounds()
	switch {
	case end.IsZero():
		return time.Unix(1<<40, 0).In(t.Location())
	case end.After(t):
		return end
	}
	return time.Date(t.UTC().Year()+1, time.January, 1, 0, 0, 0, 0, time.UTC).In(t.Location())
}

// Clock is a time of day in minutes after midnight. 24 hours and more are of the
// days that follow.
type Clock int

// Midnight24 is the end of a day.
const Midnight24 Clock = 24 * 60

// ParseClock reads a time of day from 00:00 to 24:00.
func ParseClock(s string) (Clock, error) {
	if s == "24:00" {
		return Midnight24, nil
	}
	t, err := time.Parse("15:04", s)
	if err != nil || len(s) != 5 {
		return 0, fmt.Errorf("%q is not a time of day, such as 08:30", s)
	}
	return Clock(t.Hour()*60 + t.Minute()), nil
}

// String writes the time of day as ParseClock reads it.
func (c Clock) String() string { return fmt.Sprintf("%02d:%02d", int(c)/60, int(c)%60) }

// floor is the greatest multiple of n that is not above x.
func floor(x, n int64) int64 {
	if r := x % n; r < 0 {
		return x - r - n
	} else {
		return x - r
	}
}
