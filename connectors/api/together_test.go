package api

import (
	"context"
	"math/rand/v2"
	"testing"

	"tallyd/metrics"
)

// TestTogether: two people with logins on both switches are one agent each, with
// one state at a time, the busiest of the two; asked at any moment, their states'
// times are what a clock at the elbow says, and the watch says the same.
func TestTogether(t *testing.T) {
	for seed := range uint64(4) {
		random := rand.New(rand.NewPCG(seed, 7))
		l := newLab(t, "fs1", "ast1")
		people := metrics.NewPeople([]string{"fs1", "ast1"}, false, l.intake.Take)
		for _, s := range l.switches {
			s.names = metrics.NewNames()
			s.tracker = metrics.NewTracker(s.names, metrics.Options{Switch: s.name, Sealed: people.Take, Shared: func(a string) bool { return a != "alone" }})
		}
		for i := range l.service.cfg.Sources {
			l.service.cfg.Sources[i].Tracker = l.switches[i].tracker
		}
		l.service.cfg.People = people
		w := l.service.WatchDay()
		defer w.Close()

		names := []string{"ann", "bob", "alone"}
		want := map[string]map[metrics.Counter]int64{}
		for _, n := range names {
			want[n] = map[metrics.Counter]int64{}
		}
		pass := func(ms metrics.Millis) {
			for _, n := range names {
				state := metrics.Unknown
				for _, s := range l.switches {
					if now := s.tracker.Live.Agent(s.agent(n)); metrics.Busier(now.State) > metrics.Busier(state) {
						state = now.State
					}
				}
				if state.LoggedIn() {
					want[n][state.Counter()] += int64(ms)
					want[n][metrics.LoggedInTime] += int64(ms)
				}
			}
			l.pass(ms)
		}
		for _, s := range l.switches { // the switches tell the time from the beginning
			s.apply(metrics.Event{Kind: metrics.ClockTick, At: l.now})
		}
		watched := map[string]KPIRow{}
		talks := map[*labSwitch]map[string]metrics.ID{l.switches[0]: {}, l.switches[1]: {}}
		for step := range 150 {
			s := l.switches[random.IntN(2)]
			name := names[random.IntN(2)]
			if s.name == "fs1" && random.IntN(4) == 0 {
				name = "alone"
			}
			switch random.IntN(6) {
			case 0:
				s.ready(name)
			case 1:
				s.apply(metrics.Event{Kind: metrics.AgentStatus, Agent: s.agent(name), Status: metrics.LoggedOut})
			case 2:
				s.apply(metrics.Event{Kind: metrics.AgentStatus, Agent: s.agent(name), Status: metrics.Paused, Reason: 1})
			case 3:
				if _, busy := talks[s][name]; !busy {
					v := s.join("support")
					s.offer(v, name)
					pass(metrics.Millis(random.IntN(9000)))
					s.connect(v, name)
					talks[s][name] = v
				}
			case 4:
				if v, busy := talks[s][name]; busy {
					s.apply(metrics.Event{Kind: metrics.Disconnected, Visit: v, Agent: s.agent(name), By: metrics.Self, LegGone: true})
					s.apply(metrics.Event{Kind: metrics.VisitLeft, Visit: v, Outcome: metrics.Answered, LegGone: true})
					delete(talks[s], name)
				}
			case 5:
				if err := l.intake.Flush(); err != nil {
					t.Fatal(err)
				}
			}
			pass(metrics.Millis(int(runningEvery.Milliseconds()) + random.IntN(300_000)))
			change, err := w.Changed(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range change.Agents {
				watched[r.Name] = r
			}
			for _, n := range names {
				got := l.row(KPIQuery{Kind: Agents, Names: []string{n}}, n).Counters
				for state := metrics.Available; state <= metrics.OnOtherCall; state++ {
					c := state.Counter()
					if got[c.String()] != want[n][c] {
						t.Errorf("seed %d, step %d: %s %v %d ms, the clock says %d", seed, step, n, c, got[c.String()], want[n][c])
					}
				}
				if got[metrics.LoggedInTime.String()] != want[n][metrics.LoggedInTime] {
					t.Errorf("seed %d, step %d: %s logged in for %d ms, the clock says %d", seed, step, n, got["logged_in_ms"], want[n][metrics.LoggedInTime])
				}
				for _, c := range []string{"talking_ms", "logged_in_ms", "answered"} {
					if watched[n].Counters[c] != got[c] {
						t.Errorf("seed %d, step %d: %s %s %d, the watch has %d", seed, step, n, c, got[c], watched[n].Counters[c])
					}
				}
			}
			if t.Failed() {
				t.FailNow()
			}
		}
		if err := l.intake.Flush(); err != nil {
			t.Fatal(err)
		}
		x, err := Verify(context.Background(), l.store, 0, 1<<40, nil)
		if err != nil || x.Different != 0 || x.Intervals < 10 || x.Skipped != 0 {
			t.Errorf("seed %d: counted once more: %+v, %v", seed, x, err)
		}
	}
}
