package api

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"tallyd/metrics"
)

func TestKPIAcrossSwitches(t *testing.T) {
	l := newLab(t, "fs1", "ast1")
	fs, ast := l.switches[0], l.switches[1]
	fs.ready("1001")
	ast.ready("1001")
	fs.call("support", "1001", 10_000, 60_000)
	ast.call("support", "1001", 30_000, 120_000)
	v := ast.join("support")
	l.pass(2_000)
	ast.abandon(v)
	l.pass(30_000) // a call's end is counted once late reports of it are out of the question

	row := l.row(KPIQuery{Kind: Queues}, "support")
	l.want(row, "offered", 3)
	l.want(row, "answered", 2)
	l.want(row, "asa", 20_000)
	l.want(row, "sl.offered", 1.0/3) // 10 s is within 20 s, 30 s is not
	l.want(row, "sl.short_excluded", 0.5)
	if row.Counters["talk_ms"] != 180_000 {
		t.Errorf("talk_ms is %d", row.Counters["talk_ms"])
	}
	row = l.row(KPIQuery{Kind: Queues, Threshold: 30_000}, "support")
	l.want(row, "sl.offered", 2.0/3)

	row = l.row(KPIQuery{Kind: Agents, KPIs: []string{"att", "answered"}}, "1001")
	l.want(row, "att", 90_000)
	l.want(row, "answered", 2)
	if len(row.KPIs) != 2 {
		t.Errorf("%d figures for 2 that were asked for", len(row.KPIs))
	}

	row = l.row(KPIQuery{Kind: Site}, "main")
	l.want(row, "answered", 2)
	if row.Counters["talk_ms"] != 180_000 || row.Counters["offers"] != 2 || row.Counters["logins"] != 0 {
		t.Errorf("the site's counters are %v", row.Counters)
	}
}

// TestKPISpans: stored intervals, open windows, and the borders between days.
func TestKPISpans(t *testing.T) {
	l := newLab(t, "fs1")
	fs := l.switches[0]
	fs.ready("1001")
	for range 8 { // two hours, a call each quarter
		fs.call("support", "1001", 5_000, 10_000)
		l.pass(metrics.IntervalLength - 15_000)
	}
	if err := l.intake.Flush(); err != nil {
		t.Fatal(err)
	}
	l.want(l.row(KPIQuery{Kind: Queues}, "support"), "answered", 8)
	nine := (labStart + 9*3600*1000).Time()
	l.want(l.row(KPIQuery{Kind: Queues, From: nine, To: nine.Add(time.Hour)}, "support"), "answered", 4)
	l.want(l.row(KPIQuery{Kind: Queues, From: nine.Add(20 * time.Minute), To: nine.Add(40 * time.Minute)}, "support"), "answered", 2)
	r := l.kpi(KPIQuery{Kind: Queues, From: nine.Add(20 * time.Minute), To: nine.Add(40 * time.Minute)})
	if metrics.Millis(r.From).Time() != nine.Add(15*time.Minute) || metrics.Millis(r.To).Time() != nine.Add(45*time.Minute) {
		t.Errorf("the span is %v to %v", r.From, r.To)
	}

	fs.abandon(fs.join("support"))
	early := l.row(KPIQuery{Kind: Queues, From: l.now.Time()}, "support") // a call at this very moment
	l.want(early, "offered", 1)

	l.pass(24 * 3600 * 1000) // the next day
	row := l.row(KPIQuery{Kind: Queues, Names: []string{"support"}}, "support")
	if v := row.KPIs["asa"]; v != nil {
		t.Errorf("asa without calls is %v, want null", *v)
	}
	l.want(l.row(KPIQuery{Kind: Queues, From: labStart.Time()}, "support"), "answered", 8)
}

// TestNoData: what nobody counted is null, never 0, also in JSON.
func TestNoData(t *testing.T) {
	l := newLab(t, "fs1")
	row := l.row(KPIQuery{Kind: Queues, Names: []string{"nobody"}}, "nobody")
	for id, v := range row.KPIs {
		if v != nil {
			t.Errorf("%s is %v", id, *v)
		}
	}
	b, err := json.Marshal(row)
	if err != nil || !strings.Contains(string(b), `"sl.offered":null`) {
		t.Errorf("JSON is %s, error %v", b, err)
	}
	if rows := l.kpi(KPIQuery{Kind: Queues}).Rows; rows == nil || len(rows) != 0 {
		t.Errorf("rows are %v", rows)
	}
}

func TestKPIFaults(t *testing.T) {
	l := newLab(t, "fs1")
	at := labStart.Time()
	for _, f := range []struct {
		q    KPIQuery
		want string
	}{
		{KPIQuery{Kind: "trunk"}, `kind "trunk" is none of queue, agent, team, role, site`},
		{KPIQuery{Kind: Teams}, `there is no roster, and so no team is known`},
		{KPIQuery{Kind: Queues, Step: "minute"}, `step "minute" is none of 15m, hour, shift, day, week, month`},
		{KPIQuery{Kind: Queues, Step: "shift"}, `step "shift" needs a roster with shifts`},
		{KPIQuery{Kind: Queues, Step: "hour", From: at.AddDate(-20, 0, 0)}, `the span has more than 100000 periods of step "hour": ask for a shorter one`},
		{KPIQuery{Kind: Queues, KPIs: []string{"utilisation"}}, `kpi "utilisation" is not a figure of a row of kind "queue"`},
		{KPIQuery{Kind: Queues, KPIs: []string{"sl"}}, `kpi "sl" is not in the catalogue`},
		{KPIQuery{Kind: Queues, KPIs: []string{"occupancy"}}, `kpi "occupancy" is not a figure of a row of kind "queue"`},
		{KPIQuery{Kind: Queues, From: at, To: at}, `the span from 2026-09-30T16:00:00Z to 2026-09-30T16:00:00Z is empty`},
	} {
		_, err := l.service.KPI(context.Background(), f.q)
		if err == nil || err.Error() != f.want {
			t.Errorf("error is %v, want %s", err, f.want)
		}
	}
}

func TestMidnight(t *testing.T) {
	for _, c := range []struct{ zone, at, want string }{
		{"Asia/Shanghai", "2026-10-01T03:00:00Z", "2026-09-30T16:00:00Z"},
		{"Asia/Kathmandu", "2026-10-01T03:00:00Z", "2026-09-30T18:15:00Z"},
		{"Europe/Berlin", "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z"},     // 25 hours
		{"Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z"},     // 23 hours
		{"America/Sao_Paulo", "2018-11-04T12:00:00Z", "2018-11-04T03:00:00Z"}, // begins at 01:00
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := midnight(at, zone).UTC().Format(time.RFC3339); got != c.want {
			t.Errorf("%s, %s: the day begins at %s, want %s", c.zone, c.at, got, c.want)
		}
	}
}
