package api

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"tallyd/metrics"
	"tallyd/metrics/roster"
	"tallyd/rules"
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
		`{"at":"2026-10-01T01:00:00Z","agent":"ann","role":"senior","team":"north","counts":{"available_ms":3528000,"logged_in_ms":3600000,"ringing_ms":7000}}`,
		`{"at":"2026-10-01T01:00:00Z","agent":"ann","role":"senior","team":"north","queue":"sales","counts":{"answered":1,"fcr_eligible":1,"handle_s2":25,"hung_up_first":1,"offers":1,"short_calls":1,"talk_ms":5000}}`,
		`{"at":"2026-10-01T01:00:00Z","agent":"ann","role":"senior","team":"north","queue":"support","counts":{"answered":1,"fcr_eligible":1,"handle_s2":3600,"hung_up_first":1,"offers":1,"talk_ms":60000}}`,
		`{"at":"2026-10-01T01:00:00Z","agent":"bob","counts":{"available_ms":3600000,"logged_in_ms":3600000}}`,
		`{"at":"2026-10-01T01:01:00Z","agent":"ann","role":"senior","team":"north","queue":"support","survey":{"csat":4}}`,
		`{"at":"2026-10-01T02:00:00Z","agent":"ann","role":"senior","team":"north","counts":{"available_ms":207000,"logged_in_ms":207000}}`,
		`{"at":"2026-10-01T02:00:00Z","agent":"bob","counts":{"available_ms":187000,"logged_in_ms":207000,"ringing_ms":20000}}`,
		`{"at":"2026-10-01T02:00:00Z","agent":"bob","queue":"support","counts":{"missed":1,"offers":1}}`,
		`{"at":"2026-10-01T02:00:30Z","agent":"ann","role":"senior","team":"north","training":{"course":"c1","passed":true}}`,
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
			sums := map[string]*rules.Sums{}
			got := map[string]map[string]int64{}
			for _, x := range all.Lines {
				if got[x.Agent] == nil {
					got[x.Agent], sums[x.Agent] = map[string]int64{}, &rules.Sums{}
				}
				sums[x.Agent].Add(&x)
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
				for _, id := range []string{"answer_rate.agent", "answer_rate.agent_net", "answered_per_hour"} {
					m, _ := rules.FindMeasure(id)
					f, ok := m.Of(sums[r.Name])
					if v := r.KPIs[id]; ok != (v != nil) || ok && math.Abs(f.Value-*v) > 1e-9 {
						t.Errorf("%s of %s is %v (%v) on a card, and %s", id, r.Name, f.Value, ok, asJSON(t, v))
					}
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

// TestExportLeavesBadMediaOut: a call with bad audio is in no count but that of such
// calls, nor is the survey about it; the wrap-up is shared between the calls.
func TestExportLeavesBadMediaOut(t *testing.T) {
	l := newLab(t, "fs1")
	l.service.cfg.BadMOS = DefaultBadMOS
	l.service.cfg.Group = func(string) metrics.QueueGroup { return metrics.QueueGroup{Window: 60_000} }
	fs := l.switches[0]
	fs.apply(metrics.Event{Kind: metrics.AgentWrapUp, Agent: fs.agent("ann"), Value: 10_000})
	fs.ready("ann")
	fs.call("support", "ann", 5000, 60_000)
	fs.media("fs1-1", 309)
	l.pass(100_000)
	fs.call("support", "ann", 2000, 30_000)
	fs.media("fs1-2", 310)
	l.pass(3403_000)
	l.took("survey", `{"id":"1","at":"2026-10-01T01:02:00Z","contact":"fs1-1","survey":{"csat":1}}`)
	l.took("survey", `{"id":"2","at":"2026-10-01T01:04:00Z","contact":"fs1-2","survey":{"csat":5}}`)
	want := []string{
		`{"at":"2026-10-01T01:00:00Z","agent":"ann","counts":{"available_ms":3483000,"logged_in_ms":3530000,"ringing_ms":7000}}`,
		`{"at":"2026-10-01T01:00:00Z","agent":"ann","queue":"support","counts":{"answered":1,"bad_media":1,"fcr_eligible":1,"handle_s2":900,"hung_up_first":1,"offers":1,"talk_ms":30000,"wrapup_ms":10000}}`,
		`{"at":"2026-10-01T01:02:00Z","agent":"ann","queue":"support","counts":{"bad_media_surveys":1}}`,
		`{"at":"2026-10-01T01:04:00Z","agent":"ann","queue":"support","survey":{"csat":5}}`,
	}
	for _, stored := range []bool{false, true} {
		var got []string
		for _, x := range l.exportAll(ExportQuery{To: (labStart + 10*3600_000).Time()}) {
			got = append(got, asJSON(t, x))
		}
		if !slices.Equal(got, want) {
			t.Errorf("stored %v: the lines are\n%s\nwant\n%s", stored, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		l.pass(3600_000)
		if err := l.intake.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	l.service.cfg.BadMOS = 0
	if lines := l.exportAll(ExportQuery{To: (labStart + 10*3600_000).Time()}); lines[1].Counts["answered"] != 2 || lines[1].Counts["bad_media"] != 0 {
		t.Errorf("%+v", lines[1])
	}
}

// TestExportLeavesOutWhatContactsSay: of whatever happened, what is left out is what
// the contacts with bad audio tell, agent by agent.
func TestExportLeavesOutWhatContactsSay(t *testing.T) {
	for range 10 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			l := newLab(t, "fs1", "ast1")
			r := rand.New(rand.NewPCG(seed, 6))
			l.badly = func() uint16 { return uint16(200 + r.IntN(250)) }
			drawnCentre(l, r)
			l.pass(60_000)
			from := labStart.Time()
			totals := func() map[string]map[string]int64 {
				out := map[string]map[string]int64{}
				for _, x := range l.exportAll(ExportQuery{From: from, Limit: 1 + r.IntN(20)}) {
					if out[x.Agent] == nil {
						out[x.Agent] = map[string]int64{}
					}
					for name, n := range x.Counts {
						if out[x.Agent][name] += n; n < 0 {
							t.Errorf("%s: %s is %d", x.Agent, name, n)
						}
					}
				}
				return out
			}
			want := totals()
			l.service.cfg.BadMOS = DefaultBadMOS
			list, err := l.service.Contacts(t.Context(), ContactQuery{From: from, MOSBelow: 3.1})
			if err != nil || len(list.Contacts) < 3 {
				t.Fatal(len(list.Contacts), err)
			}
			for _, c := range list.Contacts {
				w := want[c.Agent]
				handle := (int64(c.Talk) + 500) / 1000
				w["bad_media"]++
				w["answered"]--
				w["offers"]--
				w["hung_up_first"]--
				w["talk_ms"] -= int64(c.Talk)
				w["logged_in_ms"] -= int64(c.Talk)
				w["handle_s2"] -= handle * handle
				if c.Talk < 10_000 {
					w["short_calls"]--
				}
			}
			got := totals()
			for agent, w := range want {
				for _, m := range []map[string]int64{w, got[agent]} { // first-call resolution is the contacts' own
					delete(m, "fcr_eligible")
					delete(m, "fcr_repeat")
					maps.DeleteFunc(m, func(_ string, n int64) bool { return n == 0 })
				}
				if !maps.Equal(got[agent], w) {
					t.Errorf("%s: %v, want %v", agent, got[agent], w)
				}
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
func (l *lab) exportAll(q ExportQuery) (lines []rules.Fact) {
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
			causes := []metrics.Cause{metrics.NoAnswer, metrics.CallerLeft, metrics.NotConnected} // the last: the caller had gone
			s.apply(metrics.Event{Kind: metrics.OfferEnded, Visit: v, Agent: s.agent(agent), Cause: causes[r.IntN(len(causes))]})
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
