package api

import (
	"context"
	"maps"
	"math/rand/v2"
	"reflect"
	"testing"

	"tallyd/metrics"
)

// TestDayWatch: what the watch tells bit by bit is what the query says at once.
func TestDayWatch(t *testing.T) {
	l := newLab(t, "fs1", "ast1")
	w := l.service.WatchDay()
	defer w.Close()
	random := rand.New(rand.NewPCG(1, 2))
	queues, agents := map[string]KPIRow{}, map[string]KPIRow{}
	look := func() {
		t.Helper()
		c, err := w.Changed(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range c.Queues {
			queues[r.Name] = r
		}
		for _, r := range c.Agents {
			agents[r.Name] = r
		}
	}
	names := []string{"a", "b", "c"}
	for step := range 300 {
		s := l.switches[random.IntN(2)]
		name := names[random.IntN(3)]
		switch random.IntN(5) {
		case 0:
			s.ready(name)
		case 1:
			s.abandon(s.join(name))
		case 2:
			l.pass(metrics.Millis(random.IntN(int(metrics.IntervalLength))))
		case 3:
			s.call(name, name, metrics.Millis(random.IntN(40_000)), metrics.Millis(random.IntN(900_000)))
		case 4:
			if err := l.intake.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		if step%3 != 0 {
			continue
		}
		l.pass(metrics.Millis(runningEvery.Milliseconds()))
		look()
		compareRows(t, queues, l.kpi(KPIQuery{Kind: Queues, Names: known(queues)}).Rows)
		compareRows(t, agents, l.kpi(KPIQuery{Kind: Agents, Names: known(agents)}).Rows)
		if t.Failed() {
			t.Fatalf("at step %d, %s", step, l.now.Time())
		}
	}
	if len(queues) != 3 || len(agents) != 3 {
		t.Errorf("%d queues and %d agents were seen", len(queues), len(agents))
	}
	if c, err := w.Changed(context.Background()); err != nil || len(c.Queues)+len(c.Agents) > 6 {
		t.Fatal(err)
	}
	if c, err := w.Changed(context.Background()); err != nil || len(c.Queues)+len(c.Agents) != 0 {
		t.Errorf("without an event %d rows changed, error %v", len(c.Queues)+len(c.Agents), err)
	}
}

// known names the rows; a name that nothing matches where there are none.
func known(rows map[string]KPIRow) []string {
	out := []string{"?"}
	for name := range maps.Keys(rows) {
		out = append(out, name)
	}
	return out
}

func compareRows(t *testing.T, got map[string]KPIRow, want []KPIRow) {
	t.Helper()
	for _, r := range want {
		if r.Name == "?" {
			continue
		}
		if g := got[r.Name]; !reflect.DeepEqual(g, r) {
			t.Errorf("%q was told as\n%v, is\n%v", r.Name, g.Counters, r.Counters)
		}
	}
}

// BenchmarkDayWatch looks at 1,000 agents and 200 queues when nothing happened,
// and when a tenth of the agents took a call.
func BenchmarkDayWatch(b *testing.B) {
	l := newLab(b, "fs1")
	fs := l.switches[0]
	for i := range 1000 {
		fs.call(queueName(i%200), agentName(i), 1000, 10)
	}
	w := l.service.WatchDay()
	defer w.Close()
	look := func(b *testing.B) {
		if _, err := w.Changed(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("quiet", func(b *testing.B) {
		for b.Loop() {
			look(b)
		}
	})
	b.Run("busy", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			for i := range 100 {
				fs.call(queueName(i), agentName(i), 1, 1)
			}
			b.StartTimer()
			look(b)
		}
	})
}
