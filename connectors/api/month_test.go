package api

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
	_ "time/tzdata"

	"tallyd/metrics"
	"tallyd/metrics/calendar"
	"tallyd/metrics/roster"
)

// month is a lab in which October 2026 in Berlin, with its day of 25 hours, was
// counted, and a roster of people who change in the middle of it.
type month struct {
	*lab
	zone    *time.Location
	rollups []metrics.Rollup
}

// posts is who is what on a day of the month, said once more and by other means
// than the roster's: the oracle.
func post(agent string, day int) (teams []string, role, shift string) {
	switch agent {
	case "ann": // changes teams and roles in mid-month
		if day < 15 {
			return []string{"north"}, "agent", "early"
		}
		return []string{"harbour", "coast"}, "senior", ""
	case "bob": // joins on the 8th, is away from the 20th to the 26th
		if day < 8 || day >= 20 && day < 26 {
			return nil, "", ""
		}
		return []string{"coast"}, "agent", "night"
	case "cid":
		return []string{"north"}, "", "early"
	}
	return nil, "", "" // eve is on no roster
}

func newMonth(t testing.TB) *month {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	day := func(d int) time.Time { return calendar.MakeDate(2026, 10, d).Start(zone) }
	daily := [7]bool{true, true, true, true, true, true, true}
	people := roster.New(zone,
		[]roster.Team{{ID: "north", Name: "The North"}, {ID: "coast"}, {ID: "harbour", Parent: "coast"}},
		[]roster.Shift{
			{ID: "early", Shift: calendar.Shift{Days: daily, From: 6 * 60, To: 14 * 60, Breaks: []calendar.Break{{From: 10 * 60, To: 10*60 + 30}}}},
			{ID: "mid", Shift: calendar.Shift{Days: daily, From: 6*60 + 15, To: 7 * 60}}, // within early, nobody's
			{ID: "night", Shift: calendar.Shift{Days: daily, From: 22 * 60, To: 6 * 60}},
		},
		[]roster.Agent{
			{ID: "ann", Name: "Ann Lee", Stays: []roster.Stay{{Team: "north", Role: "agent", Shift: "early", To: day(15)}, {Team: "harbour", Role: "senior", From: day(15)}}},
			{ID: "bob", Stays: []roster.Stay{{Team: "coast", Role: "agent", Shift: "night", From: day(8), To: day(20)}, {Team: "coast", Role: "agent", Shift: "night", From: day(26)}}},
			{ID: "cid", Stays: []roster.Stay{{Team: "north", Shift: "early"}}},
		})
	m := &month{lab: newLab(t, "fs1"), zone: zone}
	m.now = metrics.MillisOf(day(32).Add(12 * time.Hour))
	m.service.cfg.Zone = zone
	m.service.cfg.Roster = func() *roster.Roster { return people }

	random := rand.New(rand.NewPCG(1, 2))
	var rest []*metrics.Sealed
	from, to := interval(day(1).Add(-24*time.Hour)), interval(day(32))
	for i := from; i < to; i++ {
		// All quarters around the change, the borders of the month and the day of 25
		// hours; few of the others.
		d := i.Start().Time().In(zone)
		if x := d.Add(6 * time.Hour).Day(); x != 15 && x != 25 && x != 1 && x != 26 && random.IntN(12) != 0 {
			continue
		}
		s := &metrics.Sealed{Switch: "fs1", Interval: i}
		for _, name := range []string{"ann", "bob", "cid", "eve"} {
			if random.IntN(3) == 0 {
				continue
			}
			r := metrics.Rollup{Switch: "fs1", Interval: i, Kind: metrics.AgentRow, Name: name}
			for _, c := range []metrics.Counter{metrics.AnsweredCount, metrics.TalkingTime, metrics.HoldingTime, metrics.WrappingUpTime, metrics.LoggedInTime, metrics.LongestIdle} {
				r.Values[c] = random.Int64N(100_000)
			}
			s.Rollups = append(s.Rollups, r)
		}
		for _, name := range []string{"sales", "support"} {
			r := metrics.Rollup{Switch: "fs1", Interval: i, Kind: metrics.QueueRow, Name: name}
			r.Values[metrics.Offered] = random.Int64N(20)
			r.Values[metrics.MaxWait] = random.Int64N(100_000)
			s.Rollups = append(s.Rollups, r)
		}
		m.rollups = append(m.rollups, s.Rollups...)
		if x := d.Day(); (x == 14 || x == 15 || x == 25) && random.IntN(6) == 0 {
			m.intake.Take(s)
		} else {
			rest = append(rest, s)
		}
	}
	if err := m.intake.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, s := range rest { // is on its way to the store, for which the disk takes its time
		m.intake.Take(s)
	}
	return m
}

// localPeriod is a period that a moment is in: how the local clock names it, and when
// a shift began.
type localPeriod struct {
	key   string
	begin time.Time
}

// in are the periods that a moment is in, by the local clock.
func (m *month) in(step string, at time.Time) []localPeriod {
	at = at.In(m.zone)
	switch step {
	case "15m":
		return []localPeriod{{key: at.Truncate(15 * time.Minute).Format("2006-01-02T15:04 -07:00")}}
	case "hour":
		return []localPeriod{{key: at.Format("2006-01-02T15 -07:00")}}
	case "day":
		return []localPeriod{{key: at.Format("2006-01-02")}}
	case "week":
		y, w := at.ISOWeek()
		return []localPeriod{{key: fmt.Sprintf("%d-W%02d", y, w)}}
	case "month":
		return []localPeriod{{key: at.Format("2006-01")}}
	case "shift":
		var list []localPeriod
		shift := func(name string, day time.Time, clock calendar.Clock) {
			list = append(list, localPeriod{name + " " + day.Format("2006-01-02"), calendar.DateOf(day).At(clock, m.zone)})
		}
		minutes := at.Hour()*60 + at.Minute()
		switch {
		case minutes >= 22*60:
			shift("night", at, 22*60)
		case minutes < 6*60:
			shift("night", at.AddDate(0, 0, -1), 22*60)
		case minutes < 14*60:
			shift("early", at, 6*60)
		}
		if minutes >= 6*60+15 && minutes < 7*60 {
			shift("mid", at, 6*60+15)
		}
		return list
	}
	return []localPeriod{{}}
}

// names are the rows that a rollup counts for, by the oracle.
func (m *month) names(kind string, r *metrics.Rollup) []string {
	day := r.Interval.Start().Time().In(m.zone)
	d := day.Day()
	if day.Month() == time.September {
		d = 0
	}
	teams, role, _ := post(r.Name, d)
	switch {
	case kind == Site:
		return []string{"main"}
	case (kind == Queues) != (r.Kind == metrics.QueueRow):
		return nil
	case kind == Teams && teams == nil, kind == Roles && role == "":
		return []string{""}
	case kind == Teams:
		return teams
	case kind == Roles:
		return []string{role}
	}
	return []string{r.Name}
}

// all asks until there is no more.
func (m *month) all(q KPIQuery) []KPIRow {
	m.t.Helper()
	var rows []KPIRow
	for {
		r := m.kpi(q)
		rows = append(rows, r.Rows...)
		if !r.More {
			return rows
		}
		q.From = metrics.Millis(r.To).Time()
	}
}
