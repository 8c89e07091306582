package api

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"tallyd/metrics"
)

func agentName(i int) string { return fmt.Sprintf("%04d@default", i) }
func queueName(i int) string { return fmt.Sprintf("queue-%03d", i) }

func TestPresent(t *testing.T) {
	l := newLab(t, "fs1", "ast1")
	fs, ast := l.switches[0], l.switches[1]
	var p Present
	l.service.Look(&p)
	if len(p.Agents)+len(p.Queues) != 0 {
		t.Fatalf("an empty site has %+v", p)
	}

	fs.ready("1001")
	l.pass(1000)
	ast.apply(metrics.Event{Kind: metrics.AgentStatus, Agent: ast.agent("1001"), Status: metrics.Paused,
		Reason: metrics.ReasonID(ast.names.InternString(metrics.ReasonName, "lunch"))})
	ast.apply(metrics.Event{Kind: metrics.AgentStatus, Agent: ast.agent("1002"), Status: metrics.Paused,
		Reason: metrics.ReasonID(ast.names.InternString(metrics.ReasonName, "lunch"))})
	first := l.now
	fs.join("support")
	l.pass(1000)
	v := ast.join("support")
	if !l.service.Look(&p) {
		t.Error("nothing changed")
	}
	want(t, &p, "1001", AgentNow{Name: "1001", State: metrics.Available, Switch: "fs1", Since: first - 1000, Observed: true})
	want(t, &p, "1002", AgentNow{Name: "1002", State: metrics.PausedState, Reason: "lunch", Switch: "ast1", Since: first, Observed: true})
	if q, ok := queueOf(&p, "support"); !ok || q != (QueueNow{Name: "support", Waiting: 2, Oldest: first, Observed: true, oldestAt: "fs1"}) {
		t.Errorf("the queue is %+v", q)
	}
	if l.service.Look(&p) {
		t.Error("a change without an event")
	}

	ast.offer(v, "1001") // busier than available at the other switch
	l.pass(3000)
	ast.connect(v, "1001")
	l.service.Look(&p)
	want(t, &p, "1001", AgentNow{Name: "1001", State: metrics.Talking, Queue: "support", Switch: "ast1", Since: l.now, Observed: true})
	q, _ := queueOf(&p, "support")
	if q.Waiting != 1 || q.Talking != 1 || q.Agents[metrics.Talking] != 1 {
		t.Errorf("the queue is %+v", q)
	}
	if n := p.Site; n.Waiting != 1 || n.Talking != 1 || n.Agents[metrics.Talking] != 1 || n.Agents[metrics.PausedState] != 1 || !n.Observed {
		t.Errorf("the site is %+v", n)
	}

	ast.apply(metrics.Event{Kind: metrics.SwitchLost})
	if !l.service.Look(&p) {
		t.Error("a lost switch is no change")
	}
	a, _ := agentOf(&p, "1001")
	q, _ = queueOf(&p, "support")
	if a.Observed || q.Observed || p.Site.Observed {
		t.Errorf("what cannot be seen is observed: %+v, %+v, %+v", a, q, p.Site)
	}
	if _, ok := agentOf(&p, "nobody"); ok {
		t.Error("nobody is somebody")
	}
}

func agentOf(p *Present, name string) (AgentNow, bool) {
	i, ok := p.AgentIndex(name)
	if !ok {
		return AgentNow{}, false
	}
	return p.Agents[i], true
}

func queueOf(p *Present, name string) (QueueNow, bool) {
	i, ok := p.QueueIndex(name)
	if !ok {
		return QueueNow{}, false
	}
	return p.Queues[i], true
}

func want(t *testing.T, p *Present, name string, want AgentNow) {
	t.Helper()
	if got, ok := agentOf(p, name); !ok || got != want {
		t.Errorf("%q is\n%+v, want\n%+v", name, got, want)
	}
}

func TestHealth(t *testing.T) {
	l := newLab(t, "fs1")
	since := time.Date(2026, 10, 1, 9, 0, 0, 5e6, time.UTC)
	l.service.cfg.Sources[0].Health = func() Health {
		return Health{Connected: true, Since: since, Gaps: 2, Unobserved: 1500 * time.Millisecond}
	}
	b, err := json.Marshal(l.service.Health())
	want := `[{"name":"fs1","connected":true,"observed":true,"since":"2026-10-01T09:00:00.005Z","gaps":2,"unobserved_ms":1500,"error":""}]`
	if err != nil || string(b) != want {
		t.Errorf("health is\n%s, want\n%s", b, want)
	}
}

func TestContacts(t *testing.T) {
	l := newLab(t, "fs1")
	fs := l.switches[0]
	fs.ready("1001")
	fs.call("support", "1001", 4000, 60_000)
	l.pass(metrics.IntervalLength + 60_000)
	if err := l.intake.Flush(); err != nil {
		t.Fatal(err)
	}
	v := fs.join("sales")
	l.pass(2000)
	fs.abandon(v)
	l.pass(metrics.IntervalLength + 60_000) // sealed, but not stored

	get := func(q ContactQuery) []Contact {
		t.Helper()
		answer, err := l.service.Contacts(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		list, complete := answer.Contacts, answer.Complete
		if latest := Moment(l.now - conclusion); complete < latest || complete > Moment(l.now) || q.Switch == "" && complete != latest {
			t.Errorf("complete until %v, at %v", complete, l.now)
		}
		return list
	}
	all := get(ContactQuery{})
	if len(all) != 2 || all[0].Queue != "support" || all[1].Queue != "sales" {
		t.Fatalf("contacts are %+v", all)
	}
	if c := all[0]; c.Agent != "1001" || c.Wait != 4000 || c.Talk != 60_000 || c.Outcome != "answered" || c.EndedBy != "agent" || c.Caller != "139******78" {
		t.Errorf("the answered contact is %+v", c)
	}
	if list := get(ContactQuery{Outcomes: []string{"abandoned"}}); len(list) != 1 || list[0].Queue != "sales" {
		t.Errorf("abandoned contacts are %+v", list)
	}
	if list := get(ContactQuery{Agent: "1001"}); len(list) != 1 {
		t.Errorf("the agent's contacts are %+v", list)
	}
	if list := get(ContactQuery{Switch: "fs2"}); len(list) != 0 {
		t.Errorf("another switch's contacts are %+v", list)
	}
	if list := get(ContactQuery{Limit: 1}); len(list) != 1 || list[0].Queue != "support" {
		t.Errorf("the first contact is %+v", list)
	}
	for _, f := range []struct {
		q    ContactQuery
		want string
	}{
		{ContactQuery{Outcomes: []string{"lost"}}, `outcome "lost" is not known`},
		{ContactQuery{Limit: -1}, `limit -1 is not between 0 and 10000`},
	} {
		if _, err := l.service.Contacts(context.Background(), f.q); err == nil || err.Error() != f.want {
			t.Errorf("error is %v, want %s", err, f.want)
		}
	}
}

// BenchmarkLook looks at 1,000 agents and 200 queues.
func BenchmarkLook(b *testing.B) {
	l := newLab(b, "fs1")
	fs := l.switches[0]
	for i := range 1000 {
		fs.ready(agentName(i))
		fs.abandon(fs.join(queueName(i % 200)))
	}
	var p Present
	b.Run("quiet", func(b *testing.B) {
		for b.Loop() {
			l.service.Look(&p)
		}
	})
	b.Run("busy", func(b *testing.B) {
		n := 0
		for b.Loop() {
			n++
			fs.apply(metrics.Event{Kind: metrics.AgentStatus, Agent: fs.agent(agentName(n % 1000)), Status: metrics.LoggedOut + metrics.Status(n/1000%2)})
			l.service.Look(&p)
		}
	})
}
