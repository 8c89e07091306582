package api

import (
	"fmt"
	"testing"
	"time"

	"tallyd/metrics"
)

// week is a lab in which a thousand agents worked eight hours a day for a week, each
// for two queues, with a pause.
func newWeek(t testing.TB) (*lab, time.Time) {
	l := newLab(t, "fs1")
	from := time.Date(2026, 10, 5, 0, 0, 0, 0, l.service.cfg.Zone)
	l.now = metrics.MillisOf(from.AddDate(0, 0, 7).Add(time.Hour))
	for i := interval(from); i < interval(from.AddDate(0, 0, 7)); i++ {
		p := &metrics.Sealed{Switch: "fs1", Interval: i}
		hour := i.Start().Time().In(l.service.cfg.Zone).Hour()
		for a := range 1000 {
			if (hour+24-a%24)%24 >= 8 {
				continue // another shift's
			}
			name := fmt.Sprintf("%d@default", 1000+a)
			agent := metrics.Rollup{Kind: metrics.AgentRow, Name: name}
			for k := range 16 {
				agent.Values[(k*7+a)%int(metrics.PausedTime)] = int64(1000 + a + k)
			}
			agent.Values[metrics.AnsweredCount] = 5
			p.Rollups = append(p.Rollups, agent)
			for q := range 2 {
				pair := metrics.Rollup{Kind: metrics.PairRow, Name: name, Second: fmt.Sprintf("queue%d@default", (a+q)%50)}
				pair.Values[metrics.AnsweredCount], pair.Values[metrics.Talk] = 2, 300_000
				p.Rollups = append(p.Rollups, pair)
			}
			pause := metrics.Rollup{Kind: metrics.PauseRow, Name: name, Second: "lunch"}
			pause.Values[metrics.PausedTime] = 60_000
			p.Rollups = append(p.Rollups, pause)
		}
		if err := l.store.PutSealed(p); err != nil {
			t.Fatal(err)
		}
	}
	return l, from
}

func BenchmarkWeekByHour(b *testing.B) {
	l, from := newWeek(b)
	for b.Loop() {
		r, err := l.service.KPI(b.Context(), KPIQuery{Kind: Agents, From: from, To: from.AddDate(0, 0, 7), Step: "hour", KPIs: []string{"answered", "aht", "occupancy"}, Bare: true, Limit: MaxRows})
		if err != nil || len(r.Rows) < 50_000 {
			b.Fatal(len(r.Rows), err)
		}
	}
}
