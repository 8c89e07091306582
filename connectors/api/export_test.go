package api

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"tallyd/metrics"
	"tallyd/metrics/roster"
)

// TestExportLines: what is exported of a small centre, to the last digit.
func TestExportLines(t *testing.T) {
	l := newLab(t, "fs1")
	people := roster.New(time.UTC, []roster.Team{{ID: "north"}}, nil,
		[]roster.Agent{{ID: "ann", Stays: []roster.Stay{{Team: "north", Role: "senior"}}}, {ID: "bob"}})
	l.service.cfg.Roster = func() *roster.Roster { return people }
	l.service.cfg.Group = func(string) metrics.QueueGroup { return metrics.QueueGroup{Window: 60_000} }
	fs := l.switches[0] // it is 9:00 local time
	fs.ready("ann")
	fs.ready("bob")
	fs.call("support", "ann", 5000, 60_000)
	l.pass(55_000)
	fs.call("sales", "ann", 2000, 5000) // the caller again, within the minute, but in another queue
	l.pass(3600_000)
	v := fs.join("support")
	fs.offer(v, "bob")
	l.pass(20_000)
	fs.apply(metrics.Event{Kind: metrics.OfferEnded, Visit: v, Agent: fs.agent("bob"), Cause: metrics.NoAnswer})
	fs.abandon(v)
	l.pass(60_000)
	l.took("training", `{"id":"1","at":"2026-10-01T02:00:30Z","agent":"ann","training":{"course":"c1","passed":true}}`)
	l.took("survey", `{"id":"1","at":"2026-10-01T01:01:00Z","contact":"fs1-1","survey":{"csat":4}}`)

	list, err := l.service.Export(t.Context(), ExportQuery{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range list.Lines {
		got = append(got, asJSON(t, x))
	}
	want := []string{
		`{"at":"2026-10-01T01:00:00.000Z","agent":"ann","role":"senior","team":"north","counts":{"available_ms":3528000,"logged_in_ms":3600000,"ringing_ms":7000}}`,
		`{"at":"2026-10-01T01:00:00.000Z","agent":"ann","role":"senior","team":"north","queue":"sales","counts":{"answered":1,"fcr_eligible":1,"handle_s2":25,"hung_up_first":1,"offers":1,"short_calls":1,"talk_ms":5000}}`,
		`{"at":"2026-10-01T01:00:00.000Z","agent":"ann","role":"senior","team":"north","queue":"support","counts":{"answered":1,"fcr_eligible":1,"handle_s2":3600,"hung_up_first":1,"offers":1,"talk_ms":60000}}`,
		`{"at":"2026-10-01T01:00:00.000Z","agent":"bob","counts":{"available_ms":3600000,"logged_in_ms":3600000}}`,
		`{"at":"2026-10-01T01:01:00.000Z","agent":"ann","role":"senior","team":"north","queue":"support","survey":{"csat":4}}`,
		`{"at":"2026-10-01T02:00:00.000Z","agent":"ann","role":"senior","team":"north","counts":{"available_ms":207000,"logged_in_ms":207000}}`,
		`{"at":"2026-10-01T02:00:00.000Z","agent":"bob","counts":{"available_ms":187000,"logged_in_ms":207000,"ringing_ms":20000}}`,
		`{"at":"2026-10-01T02:00:00.000Z","agent":"bob","queue":"support","counts":{"missed":1,"offers":1}}`,
		`{"at":"2026-10-01T02:00:30.000Z","agent":"ann","role":"senior","team":"north","training":{"course":"c1","passed":true}}`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("the lines are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestExportAddsUp: whatever happened, the lines of an agent add up to the agent's
// figures, those of a queue to what was counted of the two, and page by page comes
// what comes at once.
func TestExportAddsUp(t *testing.T) {
	for range 20 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			l := newLab(t, "fs1", "ast1")
			l.service.cfg.Group = func(string) metrics.QueueGroup { return metrics.QueueGroup{Window: 30 * 60_000} }
			drawnCentre(l, rand.New(rand.NewPCG(seed, 5)))
			from := labStart.Time()
			all, err := l.service.Export(t.Context(), ExportQuery{From: from})
			if err != nil || all.More || len(all.Lines) < 20 {
				t.Fatal(len(all.Lines), all.More, err)
			}
			got := map[string]map[string]int64{}
			for _, x := range all.Lines {
				if got[x.Agent] == nil {
					got[x.Agent] = map[string]int64{}
				}
				for name, n := range x.Counts {
					got[x.Agent][name] += n
				}
			}
			rows := l.kpi(KPIQuery{Kind: Agents, From: from}).Rows
			l.addResolution(rows)
			for _, r := range rows {
				want := map[string]int64{}
				for _, x := range slices.Concat(work(), hours(), resolution()) {
					for _, c := range x.counters {
						if n := r.Counters[c.String()]; n != 0 {
							want[x.name] += n
						}
					}
				}
				if !maps.Equal(got[r.Name], want) {
					t.Errorf("%s: the lines come to %v, want %v", r.Name, got[r.Name], want)
				}
				delete(got, r.Name)
			}
			if len(got) > 0 {
				t.Errorf("lines of nobody: %v", got)
			}
			if !reflect.DeepEqual(l.exportAll(ExportQuery{From: from, Limit: 5}), all.Lines) {
				t.Error("page by page comes something else")
			}
		})
	}
}

// addResolution adds the counters that agents' rows have where they are asked for
// first-call resolution.
func (l *lab) addResolution(rows []KPIRow) {
	fcr := map[string]KPIRow{}
	for _, r := range l.kpi(KPIQuery{Kind: Agents, From: labStart.Time(), KPIs: []string{"fcr"}}).Rows {
		fcr[r.Name] = r
	}
	for _, r := range rows {
		maps.Copy(r.Counters, fcr[r.Name].Counters)
	}
}

// exportAll asks until there is no more.
func (l *lab) exportAll(q ExportQuery) (lines []FactLine) {
	l.t.Helper()
	for {
		page, err := l.service.Export(l.t.Context(), q)
		if err != nil {
			l.t.Fatal(err)
		}
		lines = append(lines, page.Lines...)
		if !page.More {
			return lines
		}
		q.From = metrics.Millis(page.To).Time()
	}
}

// drawnCentre plays some hours of two switches: calls that are answered, missed, held,
// passed on and given up, pauses, logouts, and sight lost.
func drawnCentre(l *lab, r *rand.Rand) {
	agents, queues := []string{"ann", "bob", "cid"}, []string{"support", "sales"}
	for _, s := range l.switches {
		for _, a := range agents {
			s.ready(a)
		}
	}
	for range 60 {
		s := l.switches[r.IntN(2)]
		agent, queue := agents[r.IntN(3)], queues[r.IntN(2)]
		some := func() metrics.Millis { return metrics.Millis(r.Int64N(90_000)) }
		switch r.IntN(8) {
		case 0:
			v := s.join(queue)
			l.pass(some())
			s.abandon(v)
		case 1:
			v := s.join(queue)
			s.offer(v, agent)
			l.pass(some())
			s.apply(metrics.Event{Kind: metrics.OfferEnded, Visit: v, Agent: s.agent(agent), Cause: metrics.NoAnswer})
			s.abandon(v)
		case 2:
			s.apply(metrics.Event{Kind: metrics.AgentStatus, Agent: s.agent(agent), Status: metrics.Paused})
			l.pass(some())
			s.ready(agent)
		case 3:
			s.apply(metrics.Event{Kind: metrics.AgentStatus, Agent: s.agent(agent), Status: metrics.LoggedOut})
			l.pass(some())
			s.ready(agent)
		default:
			s.call(queue, agent, some(), some())
		}
		l.pass(metrics.Millis(r.Int64N(10 * 60_000)))
		if r.IntN(10) == 0 {
			if err := l.intake.Flush(); err != nil {
				l.t.Fatal(err)
			}
		}
	}
}
