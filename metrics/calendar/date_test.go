package calendar

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestDates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := Date(rapid.IntRange(-200_000, 200_000).Draw(t, "date"))
		y, m, day := d.utc().Date()
		if MakeDate(y, m, day) != d || MakeDate(y, m, day+40) != d+40 || MakeDate(y, m-1, day) > d {
			t.Fatalf("%d is %s", int(d), d)
		}
		if back, err := ParseDate(d.String()); y > 0 && y < 10_000 && (err != nil || back != d) {
			t.Fatalf("%s is read as %s, error %v", d, back, err)
		}
		if (d+1).Weekday() != (d.Weekday()+1)%7 || d.monday().Weekday() != time.Monday || d.monday() > d || d.monday() < d-6 {
			t.Fatalf("%s is a %s", d, d.Weekday())
		}
	})
	for _, s := range []string{"", "2026-02-30", "2026-2-3", "15.10.2026", "2026-10-15T00:00", "26-10-15"} {
		if d, err := ParseDate(s); err == nil {
			t.Errorf("%q is read as %s", s, d)
		}
	}
}

func TestClocks(t *testing.T) {
	for c := Clock(0); c <= Midnight24; c++ {
		if back, err := ParseClock(c.String()); err != nil || back != c {
			t.Errorf("%s is read as %s, error %v", c, back, err)
		}
	}
	for _, s := range []string{"", "8:30", "24:01", "25:00", "08:60", "08:30:00", "8", "08.30"} {
		if c, err := ParseClock(s); err == nil {
			t.Errorf("%q is read as %s", s, c)
		}
	}
}

// TestAt: a local time that does not exist is the moment of the jump, and of one
// that comes twice it is the first.
func TestAt(t *testing.T) {
	for _, c := range []struct{ zone, date, clock, want string }{
		{"Europe/Berlin", "2026-03-29", "02:30", "2026-03-29T01:00:00Z"},
		{"Europe/Berlin", "2026-03-29", "03:00", "2026-03-29T01:00:00Z"},
		{"Europe/Berlin", "2026-03-29", "03:15", "2026-03-29T01:15:00Z"},
		{"Europe/Berlin", "2026-10-25", "02:30", "2026-10-25T00:30:00Z"},
		{"Europe/Berlin", "2026-10-25", "03:00", "2026-10-25T02:00:00Z"},
		{"Europe/Berlin", "2026-10-25", "24:00", "2026-10-25T23:00:00Z"},
		{"Pacific/Apia", "2011-12-30", "12:00", "2011-12-30T10:00:00Z"}, // there was no such day
		{"America/Sao_Paulo", "2018-11-04", "00:00", "2018-11-04T03:00:00Z"},
		{"UTC", "2026-10-25", "08:00", "2026-10-25T08:00:00Z"},
	} {
		d, err := ParseDate(c.date)
		if err != nil {
			t.Fatal(err)
		}
		clock, err := ParseClock(c.clock)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.At(clock, zone(t, c.zone)).UTC().Format(time.RFC3339); got != c.want {
			t.Errorf("%s %s in %s is %s, want %s", c.date, c.clock, c.zone, got, c.want)
		}
	}
}

// TestShift: what a night shift comes to when the clock is set in it.
func TestShift(t *testing.T) {
	z := zone(t, "Europe/Berlin")
	night := Shift{Days: [7]bool{time.Saturday: true, time.Monday: true}, From: 22 * 60, To: 6 * 60,
		Breaks: []Break{{23*60 + 45, 15}, {2*60 + 15, 2*60 + 45}}}
	for _, c := range []struct {
		date           string
		length, unpaid time.Duration
	}{
		{"2026-06-06", 8 * time.Hour, time.Hour},
		{"2026-03-28", 7 * time.Hour, 30 * time.Minute}, // the second break does not exist
		{"2026-10-24", 9 * time.Hour, time.Hour},
		{"2026-06-07", 0, 0}, // a Sunday
	} {
		d, err := ParseDate(c.date)
		if err != nil {
			t.Fatal(err)
		}
		p, ok := night.On(d, z)
		if p.Length() != c.length || ok != (c.length > 0) {
			t.Errorf("%s: %s from %s", c.date, p.Length(), p.From)
		}
		var unpaid time.Duration
		for _, b := range night.Unpaid(d, z) {
			if ok {
				unpaid += b.Length()
			}
		}
		if unpaid != c.unpaid {
			t.Errorf("%s: %s unpaid, want %s", c.date, unpaid, c.unpaid)
		}
	}
}

// TestShiftOnNoDay: Samoa had no 30 December 2011. Nobody worked the night that
// would have followed it, and the night before ended where that morning was left
// out.
func TestShiftOnNoDay(t *testing.T) {
	z := zone(t, "Pacific/Apia")
	night := Shift{Days: [7]bool{true, true, true, true, true, true, true}, From: 22 * 60, To: 6 * 60}
	for _, c := range []struct {
		date string
		want time.Duration
	}{{"2011-12-29", 2 * time.Hour}, {"2011-12-30", 0}, {"2011-12-31", 8 * time.Hour}} {
		d, err := ParseDate(c.date)
		if err != nil {
			t.Fatal(err)
		}
		p, ok := night.On(d, z)
		if ok != (c.want > 0) || p.Length() != c.want {
			t.Errorf("%s: a shift %v of %s", c.date, ok, p.Length())
		}
	}
}
