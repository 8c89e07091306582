package alert

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tallyd/metrics/calendar"
)

// rules reads rules that are sound.
func rules(t interface{ Fatal(...any) }, text string) *Set {
	s, faults := Read("a.yaml", []byte(text), nil)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return s
}

// queue is one with so many who wait; less than 0: nobody knows how many.
func queue(name string, waiting int) Subject {
	return Subject{Of: Queue, Name: name, Values: func(n string) (any, bool) {
		return float64(waiting), n == Waiting && waiting >= 0
	}}
}

// told writes changes down, with the seconds since a beginning.
func told(from time.Time, changes []Change) (out string) {
	at := func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return fmt.Sprint(int(t.Sub(from).Seconds()))
	}
	for _, c := range changes {
		out += fmt.Sprintf("%s %s %s since %s raised %s cleared %s %v; ", c.Event, c.Rule.ID, c.Subject, at(c.Since), at(c.Raised), at(c.Cleared), c.Values)
	}
	return out
}

var monday = time.Date(2026, 10, 5, 9, 0, 0, 0, time.UTC)

// TestHysteresis follows one queue second by second.
func TestHysteresis(t *testing.T) {
	s := rules(t, `alerts: [{id: w, of: queue, when: "waiting >= 3", hold: 3s, clear: "waiting < 2", clear_hold: 2s, owner: o, because: b}]`)
	e := NewEngine(s, DefaultBounds())
	for i, x := range []struct {
		waiting int
		want    string
	}{
		{3, ""}, {3, ""}, {2, ""}, // one second short
		{3, ""}, {-1, ""}, // nobody knows: the hold begins anew
		{4, ""}, {5, ""}, {3, ""},
		{6, "raised w q since 5 raised 8 cleared - map[waiting:6]; "},
		{2, ""}, {2, ""}, {2, ""}, {2, ""}, // between the two
		{1, ""}, {1, ""}, {2, ""}, // one second short
		{0, ""}, {-1, ""}, // nobody knows: it does not clear
		{0, ""}, {1, ""},
		{0, "cleared w q since 5 raised 8 cleared 20 map[waiting:0]; "},
		{9, ""}, {9, ""}, {9, ""},
		{9, "raised w q since 21 raised 24 cleared - map[waiting:9]; "},
	} {
		now := monday.Add(time.Duration(i) * time.Second)
		if got := told(monday, e.Step(now, []Subject{queue("q", x.waiting)})); got != x.want {
			t.Fatalf("after %d s: %q, want %q", i, got, x.want)
		}
	}
	if got := told(monday, e.Step(monday.Add(time.Minute), []Subject{{Of: Queue, Name: "q", Unseen: true}})); got != "" {
		t.Errorf("out of sight: %q", got)
	}
	if got := told(monday, e.Step(monday.Add(61*time.Second), nil)); got != "cleared w q since 21 raised 24 cleared 61 map[waiting:9]; " || e.Active() != 0 {
		t.Errorf("gone: %q", got)
	}
}

// TestReplace: what a rule raised stays where the rule is the same, wherever it stands
// in the file.
func TestReplace(t *testing.T) {
	const one, two, three = `{id: a, of: queue, when: "waiting >= 3", owner: o, because: b}`, `{id: b, of: queue, when: "waiting >= 2", owner: o, because: b}`, `{id: b, of: queue, when: "waiting >= 1", owner: o, because: b}`
	e := NewEngine(rules(t, "alerts: ["+one+", "+two+"]"), DefaultBounds())
	all := []Subject{queue("q", 3), queue("r", 2)}
	if got := told(monday, e.Step(monday, all)); got != "raised a q since 0 raised 0 cleared - map[waiting:3]; raised b q since 0 raised 0 cleared - map[waiting:3]; raised b r since 0 raised 0 cleared - map[waiting:2]; " {
		t.Error(got)
	}
	later := monday.Add(time.Second)
	if got := told(monday, e.Replace(later, rules(t, "alerts: ["+three+", "+one+"]"))); got != "cleared b q since 0 raised 0 cleared 1 map[waiting:3]; cleared b r since 0 raised 0 cleared 1 map[waiting:2]; " {
		t.Error(got)
	}
	if got := told(monday, e.Step(later.Add(time.Second), all)); got != "raised b q since 2 raised 2 cleared - map[waiting:3]; raised b r since 2 raised 2 cleared - map[waiting:2]; " {
		t.Error(got)
	}
	if got := told(monday, e.Replace(later, nil)); got != "cleared b q since 2 raised 2 cleared 1 map[waiting:3]; cleared b r since 2 raised 2 cleared 1 map[waiting:2]; cleared a q since 0 raised 0 cleared 1 map[waiting:3]; " || e.Active() != 0 || e.tracked != 0 {
		t.Error(got, e.Active(), e.tracked)
	}
}

// TestBounds: no more is raised, followed or looked at than may be, and what is left
// out is told; there is room again when something clears.
func TestBounds(t *testing.T) {
	e := NewEngine(rules(t, `alerts: [{id: a, of: queue, when: "waiting >= 3", owner: o, because: b}]`), Bounds{Subjects: 5, Active: 2, Tracked: 4})
	all := make([]Subject, 6)
	for i := range all {
		all[i] = queue(fmt.Sprint(i), 3)
	}
	if changes := e.Step(monday, all); len(changes) != 2 || e.Active() != 2 || e.Left() != 1+1+2 {
		t.Error(told(monday, changes), e.Left())
	}
	all[0] = queue("0", 0)
	e.Step(monday.Add(time.Second), all)
	if e.Active() != 2 || e.tracked != 4 {
		t.Error(e.Active(), e.tracked)
	}
	if e.Step(monday.Add(2*time.Second), nil); e.Active()+e.tracked+e.Left() != 0 {
		t.Error(e.Active(), e.tracked, e.Left())
	}
}

// TestQuiet holds quiet hours against clocks that were set.
func TestQuiet(t *testing.T) {
	for _, x := range []struct {
		zone, quiet string
		at          string
		want        bool
	}{
		{"Asia/Shanghai", `{from: "22:00", to: "07:00"}`, "2026-10-05T21:59:59+08:00", false},
		{"Asia/Shanghai", `{from: "22:00", to: "07:00"}`, "2026-10-05T22:00:00+08:00", true},
		{"Asia/Shanghai", `{from: "22:00", to: "07:00"}`, "2026-10-06T06:59:59+08:00", true},
		{"Asia/Shanghai", `{from: "22:00", to: "07:00"}`, "2026-10-06T07:00:00+08:00", false},
		{"Asia/Shanghai", `{days: [fri], from: "22:00", to: "07:00"}`, "2026-10-10T03:00:00+08:00", true}, // begun on Friday
		{"Asia/Shanghai", `{days: [fri], from: "22:00", to: "07:00"}`, "2026-10-09T03:00:00+08:00", false},
		{"Asia/Shanghai", `{days: [sat, sun]}`, "2026-10-10T00:00:00+08:00", true},
		{"Asia/Shanghai", `{days: [sat, sun]}`, "2026-10-09T23:59:59+08:00", false},
		{"Asia/Shanghai", `{days: [sat, sun]}`, "2026-10-11T23:59:59+08:00", true},
		{"Asia/Shanghai", `{days: [sat, sun]}`, "2026-10-12T00:00:00+08:00", false},
		// The night of 10 hours, and the one of 8.
		{"Europe/Berlin", `{from: "22:00", to: "07:00"}`, "2026-10-25T05:59:59Z", true},
		{"Europe/Berlin", `{from: "22:00", to: "07:00"}`, "2026-10-25T06:00:00Z", false},
		{"Europe/Berlin", `{from: "22:00", to: "07:00"}`, "2026-03-29T04:59:59Z", true},
		{"Europe/Berlin", `{from: "22:00", to: "07:00"}`, "2026-03-29T05:00:00Z", false},
		// 02:30 comes twice on 25 October: the first counts. On 29 March it is jumped over.
		{"Europe/Berlin", `{from: "02:30", to: "04:00"}`, "2026-10-25T00:29:59Z", false},
		{"Europe/Berlin", `{from: "02:30", to: "04:00"}`, "2026-10-25T00:30:00Z", true},
		{"Europe/Berlin", `{from: "02:30", to: "04:00"}`, "2026-10-25T01:10:00Z", true},
		{"Europe/Berlin", `{from: "01:00", to: "02:30"}`, "2026-10-25T01:10:00Z", false},
		{"Europe/Berlin", `{from: "02:30", to: "04:00"}`, "2026-03-29T01:00:00Z", true},
		{"Europe/Berlin", `{from: "02:30", to: "04:00"}`, "2026-03-29T02:00:00Z", false},
		{"Europe/Berlin", `{from: "01:00", to: "02:30"}`, "2026-03-29T01:00:00Z", false},
		{"America/Sao_Paulo", `{days: [sun]}`, "2018-11-04T03:00:00Z", true}, // a Sunday that begins at 01:00
		{"America/Sao_Paulo", `{days: [sun]}`, "2018-11-04T02:59:59Z", false},
	} {
		s := rules(t, "time_zone: "+x.zone+"\nalerts: [{id: a, of: site, when: 'true', owner: o, because: b, quiet: ["+x.quiet+"]}]")
		at, err := time.Parse(time.RFC3339, x.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Rules[0].Quiet(at); got != x.want {
			t.Errorf("%s in %s at %s: %v, want %v", x.quiet, x.zone, x.at, got, x.want)
		}
	}
}

// quietHours is a range as it is written, and as numbers.
type quietHours struct {
	days     []time.Weekday
	from, to int // minutes; to may be on the next day
}

func (q *quietHours) String() string {
	days := ""
	for i, d := range q.days {
		if i > 0 {
			days += ", "
		}
		days += time.Weekday(d).String()[:3]
	}
	clock := func(m int) string { return calendar.Clock(m % (24 * 60)).String() }
	return fmt.Sprintf("{days: [%s], from: %q, to: %q}", days, clock(q.from), clock(q.to))
}

// is tells by brute force whether a moment is within the hours: a range of a date
// begins at the first minute in which the clock shows its beginning or more.
func (q *quietHours) is(at time.Time, zone *time.Location) bool {
	wall := func(t time.Time) int { // minutes of the wall clock since some day
		l := t.In(zone)
		return int(time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), 0, 0, time.UTC).Unix() / 60)
	}
	inside := false
	// Minute by minute through three days: the first time that each mark is reached.
	marks := map[int]bool{}
	for t := at.Add(-72 * time.Hour).Truncate(time.Minute); !t.After(at); t = t.Add(time.Minute) {
		now := wall(t)
		for back := range 4 {
			day := now/(24*60) - back
			weekday := time.Unix(int64(day)*24*3600, 0).UTC().Weekday()
			wanted := false
			for _, d := range q.days {
				wanted = wanted || d == weekday
			}
			if !wanted {
				continue
			}
			if from := day*24*60 + q.from; now >= from && !marks[2*day] {
				marks[2*day] = true
			}
			if to := day*24*60 + q.to; now >= to && !marks[2*day+1] {
				marks[2*day+1] = true
			}
		}
	}
	for day, begun := range marks {
		if day%2 == 0 && begun && !marks[day+1] {
			inside = true
		}
	}
	return inside
}

// look is what there was at one step.
type look struct {
	at      time.Time
	there   bool
	unseen  bool
	waiting int // less than 0: no data
}

// TestEngineOracle holds the engine against the definition, applied to the whole
// history at each step.
func TestEngineOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seconds := rapid.SampledFrom([]int{0, 1, 2, 5, 30, 600})
		hold, clearHold := time.Duration(seconds.Draw(t, "hold"))*time.Second, time.Duration(seconds.Draw(t, "clear_hold"))*time.Second
		separate := rapid.Bool().Draw(t, "separate")
		// Around the nights in which Berlin's clock is set, and another.
		begin := rapid.SampledFrom([]time.Time{time.Date(2026, 10, 24, 19, 0, 0, 0, time.UTC), time.Date(2026, 3, 28, 20, 0, 0, 0, time.UTC), monday}).Draw(t, "begin")
		berlin, err := time.LoadLocation("Europe/Berlin")
		if err != nil {
			t.Fatal(err)
		}
		var quiet *quietHours
		text := fmt.Sprintf("{id: w, of: queue, when: 'waiting >= 3', hold: %s, clear_hold: %s, owner: o, because: b", hold, clearHold)
		if separate {
			text += ", clear: 'waiting < 2'"
		}
		if rapid.Bool().Draw(t, "quiet") {
			quiet = &quietHours{days: []time.Weekday{0, 1, 2, 3, 4, 5, 6}}
			if rapid.Bool().Draw(t, "some days") {
				quiet.days = []time.Weekday{6, 1}
			}
			quiet.from = rapid.IntRange(0, 95).Draw(t, "from") * 15
			quiet.to = quiet.from + rapid.IntRange(1, 95).Draw(t, "length")*15
			text += ", quiet: [" + quiet.String() + "]"
		}
		e := NewEngine(rules(t, "time_zone: Europe/Berlin\nalerts: ["+text+"}]"), DefaultBounds())

		names := []string{"a", "b"}
		history := map[string][]look{}
		raisedAt, clearedAt := map[string]int{"a": -1, "b": -1}, map[string]int{"a": -1, "b": -1}
		last := map[string]time.Time{} // when it was raised last
		gone := map[string]bool{}      // since then
		now := begin
		for k := range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(rapid.SampledFrom([]time.Duration{time.Second, time.Second, time.Second, 2 * time.Second, 7 * time.Second, 5 * time.Minute, 47 * time.Minute}).Draw(t, "pass"))
			var subjects []Subject
			want := ""
			for _, n := range names {
				l := look{now, rapid.IntRange(0, 15).Draw(t, "there") > 0, rapid.IntRange(0, 15).Draw(t, "unseen") == 0,
					rapid.SampledFrom([]int{-1, 0, 1, 2, 3, 4, 4, 4, 4, 0}).Draw(t, "waiting")}
				if k > 0 && rapid.IntRange(0, 3).Draw(t, "same") > 0 {
					l.waiting = history[n][k-1].waiting
				}
				history[n] = append(history[n], l)
				if l.there {
					s := queue(n, l.waiting)
					s.Unseen = l.unseen
					subjects = append(subjects, s)
				}
			}
			late := ""
			for _, n := range names {
				h := history[n]
				known := func(j int) bool { return h[j].there && !h[j].unseen && h[j].waiting >= 0 }
				holds := func(j int) bool { return known(j) && h[j].waiting >= 3 }
				over := func(j int) bool { return known(j) && (separate && h[j].waiting < 2 || !separate && h[j].waiting < 3) }
				heldFor := func(since int, is func(int) bool) (time.Duration, bool) {
					if !is(k) {
						return 0, false
					}
					j := k
					for j-1 > since && is(j-1) {
						j--
					}
					return now.Sub(h[j].at), true
				}
				switch {
				case raisedAt[n] < 0: // not raised
					d, is := heldFor(clearedAt[n], holds)
					if !is || d < hold || quiet != nil && quiet.is(now, berlin) {
						continue
					}
					if !last[n].IsZero() && !gone[n] && now.Sub(last[n]) < hold+clearHold {
						t.Fatalf("%s flaps", n)
					}
					raisedAt[n], last[n], gone[n] = k, now, false
					want += "raised " + n + "; "
				case !h[k].there:
					raisedAt[n], clearedAt[n], gone[n] = -1, k, true
					late += "cleared " + n + "; "
				default:
					if d, is := heldFor(raisedAt[n], over); is && d >= clearHold {
						raisedAt[n], clearedAt[n] = -1, k
						want += "cleared " + n + "; "
					}
				}
			}
			got := ""
			for _, c := range e.Step(now, subjects) {
				got += fmt.Sprintf("%s %s; ", c.Event, c.Subject)
			}
			if got != want+late {
				t.Fatalf("step %d at %s: %q, want %q", k, now, got, want+late)
			}
			active := 0
			for _, at := range raisedAt {
				if at >= 0 {
					active++
				}
			}
			if e.Active() != active {
				t.Fatalf("%d are active, want %d", e.Active(), active)
			}
		}
	})
}
