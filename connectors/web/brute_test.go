package web

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"tallyd/connectors/web/client"
	"tallyd/metrics"
)

// TestAnswersAgreeWithContacts holds figures of random centres and spans against
// what a reader of the contacts adds up: both by the interface.
func TestAnswersAgreeWithContacts(t *testing.T) {
	for range 5 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			l := newLab(t)
			agents, queues := []string{"ann", "bob", "cid", ""}, []string{"support", "sales"}
			l.ready(agents[:3]...)
			for range 40 + r.IntN(40) {
				l.call(queues[r.IntN(2)], agents[r.IntN(4)])
				l.now.Add(r.Int64N(20 * 60 * 1000))
				l.apply(metrics.Event{Kind: metrics.ClockTick})
			}
			l.now.Add(3600 * 1000)
			l.apply(metrics.Event{Kind: metrics.ClockTick})
			token := l.token(admin)
			begin := time.Date(2026, 10, 1, 9, 0, 0, 0, time.UTC)
			quarters := int(l.time().Sub(begin) / (15 * time.Minute))
			for range 20 {
				from := begin.Add(time.Duration(r.IntN(quarters)) * 15 * time.Minute)
				to := from.Add(time.Duration(1+r.IntN(quarters)) * 15 * time.Minute)
				if to.After(l.time()) {
					to = l.time().Truncate(15 * time.Minute)
				}
				if !from.Before(to) {
					continue
				}
				compare(t, l, token, from, to)
			}
		})
	}
}

// tally is what a reader of contacts adds up.
type tally struct{ offered, answered, abandoned, wait, talk float64 }

func compare(t *testing.T, l *lab, token string, from, to time.Time) {
	t.Helper()
	span := fmt.Sprintf("from=%s&to=%s", from.Format(time.RFC3339), to.Format(time.RFC3339))
	// Every call here lies within one interval or two: what counts where is by the
	// moment of its end, as the contacts are listed; so spans whose ends cut a call
	// are left out.
	all := answer[client.Contacts](l, token, "/api/v1/contacts?limit=10000&from=2026-10-01T00:00:00Z").Contacts
	queues, agents := map[string]*tally{}, map[string]*tally{}
	of := func(m map[string]*tally, name string) *tally {
		if m[name] == nil {
			m[name] = &tally{}
		}
		return m[name]
	}
	for _, c := range all {
		joined, ended := c.Joined.Time(), c.Ended.Time()
		for _, border := range []time.Time{from, to} {
			if !joined.After(border) && ended.After(border) {
				return
			}
		}
		if joined.Before(from) || !joined.Before(to) {
			continue
		}
		q := of(queues, c.Queue)
		q.offered++
		switch c.Outcome {
		case "answered":
			q.answered++
			q.wait += float64(c.Wait)
			q.talk += float64(c.Talk)
			a := of(agents, c.Agent)
			a.answered++
			a.talk += float64(c.Talk)
		case "abandoned":
			q.abandoned++
		}
	}
	check := func(what string, got *float64, want float64) {
		t.Helper()
		if got == nil && math.IsNaN(want) || got != nil && math.Abs(*got-want) < 1e-6 {
			return
		}
		t.Errorf("%s, %s: %v, the contacts come to %v", span, what, got, want)
	}
	rows := answer[client.KPIs](l, token, "/api/v1/kpi?kpi=offered,answered,abandoned,asa,att,abandon_rate&"+span).Rows
	for _, r := range rows {
		q := of(queues, r.Name)
		check(r.Name+" offered", r.KPIs["offered"], q.offered)
		check(r.Name+" answered", r.KPIs["answered"], q.answered)
		check(r.Name+" abandoned", r.KPIs["abandoned"], q.abandoned)
		check(r.Name+" asa", r.KPIs["asa"], q.wait/q.answered)
		check(r.Name+" att", r.KPIs["att"], q.talk/q.answered)
		delete(queues, r.Name)
	}
	for name, q := range queues {
		t.Errorf("%s: queue %s with %+v is missing", span, name, *q)
	}
	for _, r := range answer[client.KPIs](l, token, "/api/v1/kpi?kind=agent&kpi=answered,att&"+span).Rows {
		a := of(agents, r.Name)
		check(r.Name+" answered", r.KPIs["answered"], a.answered)
		check(r.Name+" att", r.KPIs["att"], a.talk/a.answered)
	}
}
