package api

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"tallyd/metrics"
	"tallyd/metrics/calendar"
	"tallyd/metrics/roster"
)

// TestStepsAndGroups holds every kind by every step against sums over single
// intervals: who changes teams in mid-month counts for both, each for its days.
func TestStepsAndGroups(t *testing.T) {
	m := newMonth(t)
	spans := [][2]time.Time{
		{calendar.MakeDate(2026, 10, 1).Start(m.zone), calendar.MakeDate(2026, 11, 1).Start(m.zone)},
		{calendar.MakeDate(2026, 10, 14).At(13*60+30, m.zone), calendar.MakeDate(2026, 10, 16).At(60, m.zone)},
		{calendar.MakeDate(2026, 10, 24).At(23*60, m.zone), calendar.MakeDate(2026, 10, 25).At(15*60, m.zone)},
	}
	for _, kind := range []string{Queues, Agents, Teams, Roles, Site} {
		for _, step := range []string{"", "15m", "hour", "shift", "day", "week", "month"} {
			for _, span := range spans {
				want := map[[2]string]map[string]int64{}
				for i := range m.rollups {
					r := &m.rollups[i]
					at := r.Interval.Start().Time()
					inSpan := func(at time.Time) bool { return !at.Before(span[0]) && at.Before(span[1]) }
					for _, period := range m.in(step, at) {
						// Shifts are whole: those that begin in the span.
						if step == "shift" && !inSpan(period.begin) || step != "shift" && !inSpan(at) {
							continue
						}
						for _, name := range m.names(kind, r) {
							k := [2]string{period.key, name}
							if want[k] == nil {
								want[k] = map[string]int64{}
							}
							for c, v := range r.Values {
								if kind == Site && r.Kind == metrics.AgentRow && !slices.Contains(siteFromAgents(), metrics.Counter(c)) {
									continue
								}
								n := metrics.Counter(c).String()
								if metrics.Counter(c).Info().Max {
									want[k][n] = max(want[k][n], v)
								} else {
									want[k][n] += v
								}
							}
						}
					}
				}
				got := map[[2]string]map[string]int64{}
				last := [2]string{"", "-"}
				for _, r := range m.all(KPIQuery{Kind: kind, Step: step, From: span[0], To: span[1], KPIs: []string{}}) {
					at := span[0]
					if step != "" {
						at = r.From
						if !r.To.After(r.From) || r.From.Location() != m.zone {
							t.Errorf("%s by %s: a row from %s to %s", kind, step, r.From, r.To)
						}
					}
					k := [2]string{"", r.Name}
					for _, period := range m.in(step, at) {
						if step != "shift" || strings.HasPrefix(period.key, r.Shift+" ") && period.begin.Equal(r.From) {
							k[0] = period.key
						}
					}
					if got[k] != nil {
						t.Errorf("%s by %s: %v comes twice", kind, step, k)
					}
					if last[1] != "-" && step != "shift" && step != "hour" && step != "15m" && slices.Compare(last[:], k[:]) >= 0 {
						t.Errorf("%s by %s: %v comes after %v", kind, step, k, last)
					}
					if step == "shift" && k[0] == "" {
						t.Errorf("%s: no shift %q begins at %s", kind, r.Shift, r.From)
					}
					got[k], last = r.Counters, k
				}
				for k, w := range want {
					maps.DeleteFunc(w, func(_ string, v int64) bool { return v == 0 })
					if !maps.Equal(got[k], w) {
						t.Fatalf("%s by %q from %s: %v is %v, want %v", kind, step, span[0], k, got[k], w)
					}
				}
				for k, g := range got {
					if want[k] == nil && len(g) > 0 {
						t.Fatalf("%s by %q: %v is not wanted", kind, step, k)
					}
				}
			}
		}
	}
}

// TestNothingIsLostToSteps: whatever a span is cut into, and whoever is put
// together, the rows add up to the whole, also while calls go on.
func TestNothingIsLostToSteps(t *testing.T) {
	m := newMonth(t)
	fs := m.switches[0]
	fs.apply(metrics.Event{Kind: metrics.ClockTick, At: m.now})
	fs.ready("ann")
	for range 4 { // over several borders of intervals, some of it in open windows
		fs.call("support", "ann", 5_000, 1_000_000)
	}
	m.pass(20 * 60_000)
	from := calendar.MakeDate(2026, 10, 1).Start(m.zone)
	sum := func(rows []KPIRow, skip string) map[string]int64 {
		out := map[string]int64{}
		for _, r := range rows {
			for c, v := range r.Counters {
				if id, _ := metrics.CounterByName(c); !id.Info().Max && r.Name != skip {
					out[c] += v
				}
			}
		}
		return out
	}
	for _, kind := range []string{Queues, Agents, Teams, Roles, Site} {
		want := sum(m.all(KPIQuery{Kind: kind, From: from, KPIs: []string{}}), "harbour")
		if len(want) == 0 || kind != Queues && want["logged_in_ms"] == 0 {
			t.Fatalf("%s: nothing was counted", kind)
		}
		for _, step := range []string{"15m", "hour", "day", "week", "month"} {
			if got := sum(m.all(KPIQuery{Kind: kind, Step: step, From: from, KPIs: []string{}}), "harbour"); !maps.Equal(got, want) {
				t.Errorf("%s by %s: %v, in one row %v", kind, step, got, want)
			}
		}
		if kind == Agents {
			for _, group := range []string{Teams, Roles} {
				if got := sum(m.all(KPIQuery{Kind: group, From: from, KPIs: []string{}}), "harbour"); !maps.Equal(got, want) {
					t.Errorf("%ss add up to %v, agents to %v", group, got, want)
				}
			}
		}
	}
}

// TestUtilisation: paid time by quarter hours that the clock shows to be in a
// shift; what was counted while an agent had no shift is left out.
func TestUtilisation(t *testing.T) {
	m := newMonth(t)
	from, to := calendar.MakeDate(2026, 10, 1), calendar.MakeDate(2026, 11, 1)
	paid, busy, logged := map[string]int64{}, map[string]int64{}, map[string]int64{}
	groups := func(agent string, at time.Time) []string {
		d := at.In(m.zone).Day()
		teams, role, _ := post(agent, d)
		list := append([]string{"agent " + agent, "site main"}, "role "+role)
		for _, team := range teams {
			list = append(list, "team "+team)
		}
		return list
	}
	for at := from.Start(m.zone); at.Before(to.Start(m.zone)); at = at.Add(15 * time.Minute) {
		local := at.In(m.zone)
		h, d := local.Hour(), local.Day()
		for _, agent := range []string{"ann", "bob", "cid"} {
			_, _, shift := post(agent, d)
			works := shift == "early" && h >= 6 && h < 14 && (h != 10 || local.Minute() >= 30)
			if agent == "bob" { // works the nights that begin on his days, and is gone at midnight
				began := d
				if h < 6 {
					began--
				}
				_, _, before := post(agent, began)
				works = shift == "night" && before == "night" && (h >= 22 || h < 6)
			}
			if works {
				for _, g := range groups(agent, at) {
					paid[g] += 900_000
				}
			}
		}
	}
	for i := range m.rollups {
		r := &m.rollups[i]
		at := r.Interval.Start().Time()
		if r.Kind != metrics.AgentRow || at.Before(from.Start(m.zone)) || !at.Before(to.Start(m.zone)) {
			continue
		}
		if _, _, shift := post(r.Name, at.In(m.zone).Day()); shift == "" {
			continue
		}
		for _, g := range groups(r.Name, at) {
			busy[g] += r.Values[metrics.TalkingTime] + r.Values[metrics.HoldingTime] + r.Values[metrics.WrappingUpTime]
			logged[g] += r.Values[metrics.LoggedInTime]
		}
	}
	ids := []string{"scheduled", "utilisation", "conformance"}
	seen := 0
	for _, kind := range []string{Agents, Teams, Roles, Site} {
		for _, r := range m.kpi(KPIQuery{Kind: kind, From: from.Start(m.zone), To: to.Start(m.zone), KPIs: ids}).Rows {
			g := kind + " " + r.Name
			if paid[g] == 0 {
				for _, id := range ids {
					if v := r.KPIs[id]; v != nil {
						t.Errorf("%s has no shift, and %s of %v", g, id, *v)
					}
				}
				continue
			}
			seen++
			m.want(r, "scheduled", float64(paid[g]))
			m.want(r, "utilisation", float64(busy[g])/float64(paid[g]))
			m.want(r, "conformance", float64(logged[g])/float64(paid[g]))
		}
	}
	if seen != len(paid) {
		t.Errorf("%d rows have paid time, want those of %v", seen, slices.Sorted(maps.Keys(paid)))
	}
	// Who was to work and did not come is told of when that is asked for.
	quiet := KPIQuery{Kind: Agents, From: calendar.MakeDate(2026, 11, 1).Start(m.zone), KPIs: ids}
	if rows := m.kpi(quiet).Rows; len(rows) != 2 || rows[0].Name != "bob" || rows[1].Name != "cid" || *rows[0].KPIs["conformance"] != 0 || *rows[0].KPIs["scheduled"] != 6*3600*1000 {
		t.Errorf("on a day on which nobody came: %+v", rows)
	}
	// Before anything was counted nobody knows who came: there is no data.
	quiet.From, quiet.To = calendar.MakeDate(2026, 9, 1).Start(m.zone), calendar.MakeDate(2026, 9, 2).Start(m.zone)
	if rows := m.kpi(quiet).Rows; len(rows) != 0 {
		t.Errorf("before anything was counted: %+v", rows)
	}
	quiet.To, quiet.Names, quiet.KPIs = calendar.MakeDate(2026, 9, 30).At(8*60, m.zone), []string{"ann"}, []string{"scheduled"}
	if rows := m.kpi(quiet).Rows; len(rows) != 1 || *rows[0].KPIs["scheduled"] != 2*3600*1000 {
		t.Errorf("on the day of the first count: %+v", rows)
	}
}

// TestDayHasShifts: the watch of the day says the same of shifts as a question
// does, also on the day on which the counting began.
func TestDayHasShifts(t *testing.T) {
	l := newLab(t, "fs1")
	daily := [7]bool{true, true, true, true, true, true, true}
	people := roster.New(l.service.cfg.Zone, nil,
		[]roster.Shift{{ID: "day", Shift: calendar.Shift{Days: daily, From: 8 * 60, To: 16 * 60}}},
		[]roster.Agent{{ID: "ann", Stays: []roster.Stay{{Shift: "day"}}}, {ID: "bob", Stays: []roster.Stay{{}}}})
	l.service.cfg.Roster = func() *roster.Roster { return people }
	w := l.service.WatchDay()
	defer w.Close()
	l.pass(0)
	l.switches[0].ready("ann")
	l.switches[0].ready("bob")
	for range 60 {
		l.switches[0].call("support", "ann", 10_000, 600_000)
		l.pass(100_000)
		change, err := w.Changed(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if len(change.Agents) != 2 {
			t.Fatalf("%d agents changed", len(change.Agents))
		}
		for _, got := range change.Agents {
			want := l.row(KPIQuery{Kind: Agents, Names: []string{got.Name}}, got.Name)
			for _, id := range []string{"scheduled", "utilisation", "conformance"} {
				x, y := got.KPIs[id], want.KPIs[id]
				if (x == nil) != (y == nil) || x != nil && *x != *y || (x == nil) != (got.Name == "bob") {
					t.Fatalf("%s: %s of %s is %v, asked for it is %v", l.now.Time(), id, got.Name, x, y)
				}
			}
		}
	}
	row := l.row(KPIQuery{Kind: Agents, Names: []string{"ann"}}, "ann")
	l.want(row, "scheduled", 7*3600*1000) // counted from nine on
	l.want(row, "utilisation", 60*600_000/(7*3600*1000.0))
}

// TestShiftsGoOn: of a shift that goes on, the row reaches to the present, and so
// does its paid time; one that has not begun has no row.
func TestShiftsGoOn(t *testing.T) {
	m := newMonth(t) // at noon
	from := calendar.MakeDate(2026, 11, 1).Start(m.zone)
	for _, q := range []KPIQuery{{From: from}, {From: from, To: from.AddDate(0, 0, 1)}} {
		q.Kind, q.Step, q.KPIs = Agents, "shift", []string{"scheduled"}
		rows := m.kpi(q).Rows
		if len(rows) != 2 || rows[0].Name != "cid" || rows[0].Shift != "early" || rows[1].Shift != "mid" || !rows[0].To.Equal(m.now.Time()) || *rows[0].KPIs["scheduled"] != 5.5*3600*1000 {
			t.Errorf("%+v", rows)
		}
	}
	fs := m.switches[0]
	fs.apply(metrics.Event{Kind: metrics.ClockTick, At: m.now})
	fs.ready("cid")
	m.pass(60_000)
	m.now -= 90_000 // the switch's clock is ahead
	row := m.kpi(KPIQuery{Kind: Agents, Step: "shift", From: from, Names: []string{"cid"}}).Rows[0]
	if row.Shift != "early" || row.Counters["logged_in_ms"] != 60_000 {
		t.Errorf("what a switch counted ahead of us: %+v", row)
	}
}

// TestPages: a span that is cut up is answered in pages of whole periods.
func TestPages(t *testing.T) {
	m := newMonth(t)
	q := KPIQuery{Kind: Agents, Step: "hour", From: calendar.MakeDate(2026, 10, 1).Start(m.zone), To: calendar.MakeDate(2026, 11, 1).Start(m.zone),
		Names: []string{"ann", "bob", "cid"}, KPIs: []string{"answered"}}
	first := m.kpi(q)
	if !first.More || len(first.Rows) > pageRows || len(first.Rows) < pageRows-3 || len(first.Rows)%3 != 0 {
		t.Fatalf("%d rows, more %v", len(first.Rows), first.More)
	}
	if rows := m.all(q); len(rows) != 3*(31*24+1) { // October has a day of 25 hours
		t.Errorf("%d rows of the month", len(rows))
	}
	half := *first
	if !half.Halve() || len(half.Rows) < 300 || len(half.Rows) > pageRows/2 || len(half.Rows)%3 != 0 || !half.More ||
		!metrics.Millis(half.To).Time().Equal(half.Rows[len(half.Rows)-1].To) {
		t.Errorf("half of it is %d rows to %v", len(half.Rows), half.To)
	}
	one := KPIResult{Step: "day", Rows: first.Rows[:3]}
	if one.Halve() {
		t.Error("one period is halved")
	}
}

// TestReloadedRoster: the next question after the roster changed is answered by
// the new one.
func TestReloadedRoster(t *testing.T) {
	m := newMonth(t)
	q := KPIQuery{Kind: Teams, Names: []string{"west"}, From: calendar.MakeDate(2026, 10, 1).Start(m.zone)}
	if _, err := m.service.KPI(context.Background(), q); err == nil || err.Error() != `team "west" is not on the roster` {
		t.Errorf("error is %v", err)
	}
	m.service.cfg.Roster = func() *roster.Roster {
		return roster.New(m.zone, nil, nil, []roster.Agent{{ID: "eve", Stays: []roster.Stay{{Team: "west"}}}})
	}
	var want int64
	for _, r := range m.rollups {
		if r.Name == "eve" && !r.Interval.Start().Time().Before(q.From) {
			want += r.Values[metrics.AnsweredCount]
		}
	}
	if got := m.row(q, "west").Counters["answered"]; got != want || want == 0 {
		t.Errorf("the new team answered %d, want %d", got, want)
	}
}
