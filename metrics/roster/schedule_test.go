package roster

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tallyd/metrics/calendar"
)

// drawShift draws a shift of two hours or more, by quarter hours, with up to two
// breaks by minutes.
func drawShift(t *rapid.T, id string) Shift {
	s := Shift{ID: id}
	for d := range s.Days {
		s.Days[d] = rapid.IntRange(0, 7).Draw(t, "day") > 0
	}
	from := rapid.IntRange(0, 95).Draw(t, "from") * 15
	length := rapid.IntRange(8, 96).Draw(t, "length") * 15
	s.From, s.To = calendar.Clock(from), calendar.Clock((from+length)%1440)
	if s.To == 0 && from+length == 1440 {
		s.To = calendar.Midnight24
	}
	at := from
	for range rapid.IntRange(0, 2).Draw(t, "breaks") {
		begin := at + rapid.IntRange(0, 60).Draw(t, "before")
		end := begin + rapid.IntRange(1, 45).Draw(t, "break")
		if end >= from+length {
			break
		}
		s.Breaks = append(s.Breaks, calendar.Break{From: calendar.Clock(begin % 1440), To: calendar.Clock(end % 1440)})
		at = end
	}
	return s
}

// TestPaid holds paid time against somebody who looks at the clock on the wall
// every minute, remembers the latest time that it ever showed, and the dates.
func TestPaid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := rapid.SampledFrom(hard).Draw(t, "day")
		z, err := time.LoadLocation(h.zone)
		if err != nil {
			t.Fatal(err)
		}
		shifts := []Shift{drawShift(t, "one"), drawShift(t, "two")}
		p := drawPlan(t, "ann", h.day, []string{"one", "two"})
		r := New(z, nil, shifts, []Agent{p.agent(z)})
		from := (h.day - 2).Start(z).Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "from")) * time.Minute)
		to := from.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "length")) * time.Minute)

		shiftOn := func(d calendar.Date) *Shift {
			s := p.on(d)
			if s == nil || s.Shift == "" {
				return nil
			}
			i := slices.IndexFunc(shifts, func(x Shift) bool { return x.ID == s.Shift })
			if !shifts[i].Days[d.Weekday()] {
				return nil
			}
			return &shifts[i]
		}
		latest, shown := -1, map[calendar.Date]bool{}
		works := func() bool {
			today := calendar.Date(latest / 1440)
			for d := today; d >= today-2; d-- {
				s := shiftOn(d)
				minute := calendar.Clock(latest - int(d)*1440)
				if s == nil || !shown[d] || minute < s.From {
					continue // not begun
				}
				for day := d; day <= today; day++ {
					if p.on(day) == nil {
						return false // went away
					}
				}
				end := s.To
				if end <= s.From {
					end += 1440
				}
				for _, b := range s.Breaks {
					begin, over := b.From, b.To
					if begin < s.From {
						begin += 1440
					}
					if over < s.From {
						over += 1440
					}
					if minute >= begin && minute < over {
						return false
					}
				}
				return minute < end
			}
			return false
		}
		var want time.Duration
		for m := from.Add(-96 * time.Hour); m.Before(to); m = m.Add(time.Minute) {
			shown[calendar.DateOf(m)] = true
			latest = max(latest, int(calendar.DateOf(m))*1440+m.Hour()*60+m.Minute())
			if !m.Before(from) && works() {
				want += time.Minute
			}
		}
		if got := r.Paid("ann", from, to); got != want {
			t.Fatalf("paid from %s to %s: %s, the clock says %s\n%+v\n%+v", from, to, got, want, shifts, p.agent(z))
		}
		// It is the same however the span is cut, and its parts do not overlap.
		cut := from.Add(to.Sub(from) / 3).Truncate(time.Second)
		if r.Paid("ann", from, cut)+r.Paid("ann", cut, to) != want {
			t.Fatalf("cut at %s", cut)
		}
		last := from
		for _, w := range r.Scheduled("ann", from, to) {
			if w.Empty() || w.From.Before(last) || w.To.After(to) {
				t.Fatalf("%v after %s", w, last)
			}
			last = w.To
		}
	})
}

// TestPaidMonths: what a payroll clerk would say of a month.
func TestPaidMonths(t *testing.T) {
	z := zone(t, "Europe/Berlin")
	weekdays := [7]bool{time.Monday: true, time.Tuesday: true, time.Wednesday: true, time.Thursday: true, time.Friday: true}
	early := Shift{"early", calendar.Shift{Days: weekdays, From: 8 * 60, To: 16*60 + 30, Breaks: []calendar.Break{{From: 12 * 60, To: 12*60 + 30}}}}
	night := Shift{"night", calendar.Shift{Days: [7]bool{true, true, true, true, true, true, true}, From: 22 * 60, To: 6 * 60}}
	dawn := Shift{"dawn", calendar.Shift{Days: weekdays, From: 4 * 60, To: 12 * 60}}
	mid := calendar.MakeDate(2026, 10, 15).Start(z)
	r := New(z, nil, []Shift{early, night, dawn}, []Agent{
		{ID: "ann", Stays: []Stay{{Shift: "early"}}},
		{ID: "bob", Stays: []Stay{{Shift: "night", To: mid}, {Shift: "early", From: mid}}},
		{ID: "cid", Stays: []Stay{{Shift: "night", To: mid}}},
		{ID: "dan", Stays: []Stay{{}}},
		{ID: "eve", Stays: []Stay{{Shift: "night", To: mid}, {Shift: "dawn", From: mid, To: mid.AddDate(0, 0, 1)}}},
	})
	from, to := calendar.MakeDate(2026, 10, 1).Start(z), calendar.MakeDate(2026, 11, 1).Start(z)
	for _, c := range []struct {
		agent string
		want  time.Duration
	}{
		{"ann", 22 * 8 * time.Hour},             // October 2026 has 22 weekdays
		{"bob", (6 + 14*8 + 12*8) * time.Hour},  // of the night before the 1st six hours; the night of the 14th to its end
		{"cid", (6 + 13*8 + 2) * time.Hour},     // gone at midnight
		{"eve", (6 + 13*8 + 6 + 8) * time.Hour}, // the last night ends where the dawn's shift begins
		{"dan", 0},
		{"nobody", 0},
	} {
		if got := r.Paid(c.agent, from, to); got != c.want {
			t.Errorf("%s is paid for %s, want %s", c.agent, got, c.want)
		}
	}
	// The night in which the clock goes back has nine hours.
	sunday := calendar.MakeDate(2026, 10, 25)
	if got := New(z, nil, []Shift{night}, []Agent{{ID: "eve", Stays: []Stay{{Shift: "night"}}}}).Paid("eve", sunday.At(-2*60, z), sunday.At(6*60, z)); got != 9*time.Hour {
		t.Errorf("the long night has %s", got)
	}
}

// TestOccurrences: every shift that begins in a span, once, in order.
func TestOccurrences(t *testing.T) {
	z := zone(t, "Europe/Berlin")
	daily := [7]bool{true, true, true, true, true, true, true}
	r := New(z, nil, []Shift{{"late", calendar.Shift{Days: daily, From: 14 * 60, To: 22 * 60}}, {"night", calendar.Shift{Days: daily, From: 22 * 60, To: 6 * 60}},
		{"early", calendar.Shift{Days: daily, From: 6 * 60, To: 14 * 60}}}, nil)
	from := calendar.MakeDate(2026, 10, 24).At(10*60, z)
	var got []string
	for _, o := range r.Occurrences(from, from.Add(36*time.Hour)) {
		got = append(got, o.Shift+" "+o.From.Format("02 15:04")+" "+o.Length().String())
	}
	want := []string{"late 24 14:00 8h0m0s", "night 24 22:00 9h0m0s", "early 25 06:00 8h0m0s", "late 25 14:00 8h0m0s"}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
