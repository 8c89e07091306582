package calendar

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestPeriods: the days on which clocks do what nobody expects.
func TestPeriods(t *testing.T) {
	for _, c := range []struct {
		what, zone string
		step       Step
		from, to   string // local
		want       string // lengths in minutes
	}{
		{"23 hours", "Europe/Berlin", Day, "2026-03-28", "2026-03-31", "1440 1380 1440"},
		{"25 hours", "Europe/Berlin", Day, "2026-10-24", "2026-10-27", "1440 1500 1440"},
		{"an hour that comes twice is two", "Europe/Berlin", Hour, "2026-10-25T01:00", "2026-10-25T04:00", "60 60 60 60"},
		{"an hour that is left out is none", "Europe/Berlin", Hour, "2026-03-29T01:00", "2026-03-29T04:00", "60 60"},
		{"half hours from UTC", "Asia/Kolkata", Hour, "2026-03-29T01:00", "2026-03-29T03:00", "60 60"},
		{"quarter hours from UTC", "Asia/Kathmandu", Day, "2026-03-29", "2026-03-30", "1440"},
		{"quarters of an hour that is left out are none", "Europe/Berlin", QuarterHour, "2026-03-29T01:30", "2026-03-29T03:30", "15 15 15 15"},
		{"quarters where clocks are 45 minutes off", "Asia/Kathmandu", QuarterHour, "2026-03-29T01:10", "2026-03-29T01:50", "5 15 15 5"},
		{"half an hour forward", "Australia/Lord_Howe", Hour, "2026-10-04T01:00", "2026-10-04T04:00", "60 30 60"},
		{"half an hour back", "Australia/Lord_Howe", Hour, "2026-04-05T01:00", "2026-04-05T03:00", "60 30 60"},
		{"and its days", "Australia/Lord_Howe", Day, "2026-04-04", "2026-04-07", "1440 1470 1440"},
		{"midnight does not exist", "America/Sao_Paulo", Day, "2018-11-03", "2018-11-06", "1440 1380 1440"},
		{"midnight does not come the first time", "America/Sao_Paulo", Day, "2018-02-17", "2018-02-19", "1500 1440"},
		{"midnight comes twice", "America/Havana", Day, "2026-10-31", "2026-11-03", "1440 1500 1440"},
		{"back over midnight at one minute past it", "America/St_Johns", Day, "2010-11-06", "2010-11-09", "1440 1500 1440"},
		{"a day that is left out", "Pacific/Apia", Day, "2011-12-29", "2012-01-01", "1440 1440"},
		{"a week without it", "Pacific/Apia", Week, "2011-12-19", "2012-01-09", "10080 8640 10080"},
		{"a month without it", "Pacific/Apia", Month, "2011-12-01", "2012-01-01", "43200"},
		{"ISO weeks at the turn of the year", "Europe/Berlin", Week, "2026-12-30", "2027-01-06", "7200 2880"},
		{"a month of 31 days and 25 hours on one", "Europe/Berlin", Month, "2026-10-01", "2026-12-01", "44700 43200"},
		{"set at a minute past midnight", "America/St_Johns", Hour, "2010-11-06T23:00", "2010-11-07T02:00", "60 1 59 60 60"},
		{"the cut ends", "Europe/Berlin", Day, "2026-10-24T12:15", "2026-10-26T06:00", "705 1500 360"},
		{"nothing", "Europe/Berlin", Day, "2026-10-24", "2026-10-24", ""},
	} {
		z := zone(t, c.zone)
		moment := func(s string) time.Time {
			d, clock, _ := strings.Cut(s, "T")
			date, err := ParseDate(d)
			if err != nil {
				t.Fatal(err)
			}
			var at Clock
			if clock != "" {
				if at, err = ParseClock(clock); err != nil {
					t.Fatal(err)
				}
			}
			return date.At(at, z)
		}
		var got []string
		for p := range c.step.Periods(moment(c.from), moment(c.to)) {
			got = append(got, strings.TrimSuffix(p.Length().Truncate(time.Minute).String(), "0s"))
		}
		var want []string
		for _, m := range strings.Fields(c.want) {
			d, err := time.ParseDuration(m + "m")
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, strings.TrimSuffix(d.String(), "0s"))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %s, %s from %s to %s: %v, want %v", c.what, c.zone, c.step, c.from, c.to, got, want)
		}
	}
}

// tiles checks what must hold of any periods between two moments.
func tiles(t *rapid.T, s Step, from, to time.Time) {
	at := from
	for p := range s.Periods(from, to) {
		if !p.From.Equal(at) || p.Empty() {
			t.Fatalf("%s from %s to %s: a period from %s to %s after one that ends at %s", s, from, to, p.From, p.To, at)
		}
		for _, m := range []time.Time{p.From, p.From.Add(p.Length() / 2), p.To.Add(-1)} {
			begin, next := s.Begin(m), s.Next(m)
			if begin.After(m) || !next.After(m) || p.From.After(from) && !begin.Equal(p.From) || p.To.Before(to) && !next.Equal(p.To) {
				t.Fatalf("%s: %s is in the period from %s to %s, listed as from %s to %s", s, m, begin, next, p.From, p.To)
			}
		}
		at = p.To
	}
	if !at.Equal(to) {
		t.Fatalf("%s from %s to %s: the periods end at %s", s, from, to, at)
	}
}

// TestPeriodsTile: in any zone, any span, most of them where the clock is set.
func TestPeriodsTile(t *testing.T) {
	list := allZones(t)
	rapid.Check(t, func(t *rapid.T) {
		z := rapid.SampledFrom(list).Draw(t, "zone")
		from := time.Unix(rapid.Int64Range(-3e9, 4e9).Draw(t, "from"), 0).In(z)
		if near := settings(z, 1940, 2060); len(near) > 0 && rapid.Bool().Draw(t, "near") {
			from = rapid.SampledFrom(near).Draw(t, "setting").Add(-time.Duration(rapid.Int64Range(0, 3*daySeconds).Draw(t, "before")) * time.Second)
		}
		to := from.Add(time.Duration(rapid.Int64Range(0, 6*daySeconds).Draw(t, "length")) * time.Second)
		tiles(t, QuarterHour, from, to)
		tiles(t, Hour, from, to)
		tiles(t, Day, from, to)
		tiles(t, Week, from, to.AddDate(0, 2, 0))
		tiles(t, Month, from, to.AddDate(3, 0, 0))
	})
}

// TestDaysByTheClock: around the moments at which any zone's clock is set, a day
// begins at the very minute at which a clock that is looked at every minute
// first shows a later date than ever before; an hour where it shows a full hour
// or was set.
func TestDaysByTheClock(t *testing.T) {
	list := allZones(t)
	var odd []*time.Location // in which the clock was set at a minute past midnight, or by half an hour, or by a day
	for _, name := range []string{"America/St_Johns", "Antarctica/Casey", "Asia/Gaza", "Australia/Lord_Howe", "Pacific/Apia", "America/Caracas"} {
		odd = append(odd, zone(t, name))
	}
	rapid.Check(t, func(t *rapid.T) {
		z := rapid.SampledFrom(list).Draw(t, "zone")
		if rapid.Bool().Draw(t, "odd") {
			z = rapid.SampledFrom(odd).Draw(t, "odd zone")
		}
		near := settings(z, 1975, 2060) // before, some zones are seconds off the minute
		if len(near) == 0 {
			near = []time.Time{time.Date(2026, 6, 1, 0, 0, 0, 0, z)}
		}
		set := rapid.SampledFrom(near).Draw(t, "setting")
		from, to := set.Add(-26*time.Hour).Truncate(time.Minute), set.Add(26*time.Hour).Truncate(time.Minute)
		latest, days, hours := DateOf(from), []time.Time{}, []time.Time{}
		for m := from.Add(time.Minute); m.Before(to); m = m.Add(time.Minute) {
			before := m.Add(-time.Minute)
			_, o := m.Zone()
			_, was := before.Zone()
			if d := DateOf(m); d > latest {
				latest = d
				days = append(days, m)
			}
			if m.Minute() == 0 || o != was {
				hours = append(hours, m)
			}
		}
		for _, x := range []struct {
			step Step
			want []time.Time
		}{{Day, days}, {Hour, hours}} {
			var got []time.Time
			for p := range x.step.Periods(from, to) {
				if p.From.After(from) {
					got = append(got, p.From)
				}
			}
			if !slices.EqualFunc(got, x.want, time.Time.Equal) {
				t.Fatalf("%s around %s: %v, the clock says %v", x.step, set, got, x.want)
			}
		}
	})
}

// TestEveryZone walks the days of some years of every zone: they tile the year,
// those on which no clock is set have 24 hours, and the hours of the others tile
// the day.
func TestEveryZone(t *testing.T) {
	odd := 0
	for i, z := range allZones(t) {
		for _, year := range []int{1975 + i%45, 2020 + i%45} {
			from, to := MakeDate(year, 1, 1).Start(z), MakeDate(year+1, 1, 1).Start(z)
			at := from
			for p := range Day.Periods(from, to) {
				if !p.From.Equal(at) || p.Empty() {
					t.Fatalf("%s: a day from %s to %s after one that ends at %s", z, p.From, p.To, at)
				}
				at = p.To
				if p.Length() == 24*time.Hour {
					continue
				}
				odd++
				hour := p.From
				for h := range Hour.Periods(p.From, p.To) {
					if !h.From.Equal(hour) || h.Empty() || h.Length() > time.Hour {
						t.Fatalf("%s: an hour from %s to %s after one that ends at %s", z, h.From, h.To, hour)
					}
					hour = h.To
				}
				if !hour.Equal(p.To) {
					t.Fatalf("%s: the hours of %s end at %s", z, p.From, hour)
				}
			}
			if !at.Equal(to) {
				t.Fatalf("%s: the days of %d end at %s", z, year, at)
			}
		}
	}
	if odd < 300 {
		t.Errorf("only %d days had not 24 hours", odd)
	}
}

// TestQuarterHours holds what the store relies on: for as long as figures are
// kept, every zone's clock is set at a border of quarter hours, by a multiple of
// them. (Casey, in Antarctica, set it at one minute past midnight up to 2022.)
func TestQuarterHours(t *testing.T) {
	for _, z := range allZones(t) {
		at := time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC).In(z)
		for _, m := range append(settings(z, 2023, 2033), at) {
			if _, offset := m.Zone(); offset%900 != 0 || m.Unix()%900 != 0 {
				t.Errorf("%s: the clock is set at %s", z, m)
			}
		}
	}
}
