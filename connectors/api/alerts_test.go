package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tallyd/metrics"
	"tallyd/metrics/roster"
	"tallyd/rules/alert"
)

// rulesOf reads rules that are sound.
func rulesOf(t testing.TB, text string) *alert.Set {
	t.Helper()
	s, faults := alert.Read("alerts.yaml", []byte(text), nil)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return s
}

// raising is a file with a rule that is raised at once.
func raising(id, of, when string) string {
	return fmt.Sprintf("  - {id: %s, of: %s, when: %q, owner: o, because: b}\n", id, of, when)
}

// step holds the rules against the present, and says what is raised.
func (l *lab) step() string {
	l.t.Helper()
	if err := l.service.StepAlerts(l.t.Context()); err != nil {
		l.t.Fatal(err)
	}
	list, _ := l.service.AlertsNow()
	var out []string
	for _, a := range list.Active {
		out = append(out, strings.TrimSpace(a.Rule+" "+a.Subject))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// TestAlertsKnowThePresent: each name has the value that it should have.
func TestAlertsKnowThePresent(t *testing.T) {
	l := newLab(t, "fs1", "ast1")
	fs, ast := l.switches[0], l.switches[1]
	people := roster.New(time.UTC, nil, nil, []roster.Agent{{ID: "ann", Stays: []roster.Stay{{Team: "north", Role: "senior"}}}})
	l.service.cfg.Roster = func() *roster.Roster { return people }
	// The second switch's clock is two minutes ahead.
	l.service.cfg.Sources[1].Health = func() Health { return Health{ClockOff: 2 * time.Minute} }
	fs.call("support", "ann", 5000, 60_000)
	fs.apply(metrics.Event{Kind: metrics.AgentStatus, Agent: fs.agent("ann"), Status: metrics.Paused, Reason: metrics.ReasonID(fs.names.InternString(metrics.ReasonName, "lunch"))})
	ast.apply(metrics.Event{Kind: metrics.AgentStatus, Agent: ast.agent("bob"), Status: metrics.Ready, At: l.now + 120_000})
	l.pass(10_000)
	ast.apply(metrics.Event{Kind: metrics.ClockTick, At: l.now + 120_000})
	fs.join("support")
	l.pass(4000)
	for _, x := range []struct{ of, when, want string }{
		{"queue", "waiting == 1 && longest_wait == 4000 && talking == 0 && agents.talking == 0", "x support"},
		{"queue", "offered == 2 && answered == 1 && asa == 5000 && sl.offered == 1", "x support"},
		{"agent", "state == 'paused' && reason == 'lunch' && queue == '' && in_state == 14000", "x ann"},
		{"agent", "team == 'north' && role == 'senior'", "x ann"},
		{"agent", "team == '' && role == '' && state == 'available' && in_state == 14000", "x bob"},
		{"agent", "att == 60000 && answered == 1", "x ann"},
		{"site", "waiting == 1 && longest_wait == 4000 && agents.paused == 1 && agents.available == 1", "x"},
		{"site", "offered == 2 && logged_in > 0", "x"},
		{"queue", "abandoned > 0", ""},
		{"agent", "avg_hold < 0", ""},
		{"agent", "att < 1e9 || false", "x ann"}, // bob has no figure: neither holds nor does not
		{"agent", "!(att < 1e9)", ""},
	} {
		l.service.SetAlerts(rulesOf(t, "alerts:\n"+raising("x", x.of, x.when)))
		l.service.alerts.watched.close()
		l.service.alerts.watched.figures.read, l.service.alerts.watched.site.read = time.Time{}, time.Time{}
		if got := l.step(); got != x.want {
			t.Errorf("%s: %s is raised about %q, want %q", x.of, x.when, got, x.want)
		}
	}
	// What cannot be seen neither raises nor clears.
	l.service.SetAlerts(rulesOf(t, "alerts:\n"+raising("w", "queue", "waiting > 0")+raising("p", "agent", "state == 'paused'")+raising("o", "agent", "state == 'available'")+raising("s", "site", "waiting > 0")))
	if got := l.step(); got != "o bob, p ann, s, w support" {
		t.Error(got)
	}
	fs.apply(metrics.Event{Kind: metrics.SwitchLost})
	ast.apply(metrics.Event{Kind: metrics.AgentStatus, Agent: ast.agent("bob"), Status: metrics.Paused, At: l.now + 121_000})
	if got := l.step(); got != "p ann, p bob, s, w support" {
		t.Error(got)
	}
}

// TestAlertFigures: figures of the day are looked at every ten seconds, and the
// conditions see the change then.
func TestAlertFigures(t *testing.T) {
	l := newLab(t, "fs1")
	fs := l.switches[0]
	l.service.SetAlerts(rulesOf(t, "alerts:\n"+raising("lost", "queue", "abandoned >= 1")+raising("low", "site", "sl.offered < 0.6")))
	defer l.service.alerts.watched.close()
	fs.call("support", "ann", 5000, 60_000)
	if got := l.step(); got != "" {
		t.Error(got)
	}
	fs.abandon(fs.join("support"))
	first := -1
	site := -1
	for s := range 40 {
		l.pass(1000)
		got := l.step()
		if strings.Contains(got, "lost support") && first < 0 {
			first = s
		}
		if strings.Contains(got, "low") && site < 0 {
			site = s
		}
	}
	if first < 8 || first > 10 || site < 28 || site > 30 {
		t.Errorf("seen after %d s of the queue, %d s of the site", first, site)
	}
	// A new day has no figures: nothing can be told, and nothing clears.
	l.pass(15 * 3600 * 1000)
	if got := l.step(); got != "lost support, low" {
		t.Errorf("the next day: %q", got)
	}
	// Nobody asks for figures any more.
	l.service.SetAlerts(rulesOf(t, "alerts:\n"+raising("w", "queue", "waiting > 0")))
	if got := l.step(); got != "" || l.service.alerts.watched.figures.watch != nil {
		t.Error(got)
	}
}

// TestAlertChanges: what changed is told on once, and rules that are the same go on.
func TestAlertChanges(t *testing.T) {
	l := newLab(t, "fs1")
	fs := l.switches[0]
	changed, stop := l.service.WatchAlerts()
	told := func() bool {
		select {
		case <-changed:
			return true
		default:
			return false
		}
	}
	one, two := raising("one", "queue", "waiting > 0"), raising("two", "queue", "waiting > 1")
	l.service.SetAlerts(rulesOf(t, "alerts:\n"+one+two))
	visits := []metrics.ID{fs.join("support"), fs.join("support")}
	if l.step(); !told() || told() {
		t.Error("a change is not told once")
	}
	list, next := l.service.AlertChanges(0)
	if len(list) != 2 || next != 2 || list[0].Event != "raised" || list[0].ID == list[1].ID || list[0].Cleared != 0 {
		t.Fatalf("%+v", list)
	}
	l.service.SetAlerts(rulesOf(t, "alerts:\n"+one+raising("two", "queue", "waiting > 5")))
	if l.step() != "one support" || !told() {
		t.Error(l.step())
	}
	again, next := l.service.AlertChanges(next)
	if len(again) != 1 || next != 3 || again[0].Event != "cleared" || again[0].ID != list[1].ID || again[0].Raised != list[1].Raised || again[0].Cleared == 0 {
		t.Errorf("%+v", again)
	}
	for _, v := range visits {
		fs.abandon(v)
	}
	if l.step(); l.step() != "" {
		t.Error(l.step())
	}
	stop()
	if list, _ := l.service.AlertChanges(99); len(list) != 0 {
		t.Errorf("changes to come: %+v", list)
	}
	now, _ := l.service.AlertsNow()
	if len(now.Active) != 0 || len(now.Cleared) != 2 || now.Cleared[0].Rule != "one" || now.Cleared[1].Rule != "two" {
		t.Errorf("%+v", now)
	}
	if h := l.service.AlertsHealth(); h == nil || h.Rules != 2 || h.Active != 0 {
		t.Errorf("%+v", h)
	}
	// Only the latest are remembered.
	for range alertChanges {
		v := fs.join("support")
		l.step()
		fs.abandon(v)
		l.step()
	}
	now, next = l.service.AlertsNow()
	if len(now.Cleared) != clearedAlerts || next != 2*alertChanges+4 {
		t.Errorf("%d cleared, %d changes", len(now.Cleared), next)
	}
	if list, next := l.service.AlertChanges(0); len(list) != alertChanges || next != 2*alertChanges+4 {
		t.Errorf("%d of %d changes", len(list), next)
	}
}

// TestForgottenAlerts: what cleared about an agent who is forgotten is not told any
// more.
func TestForgottenAlerts(t *testing.T) {
	l := newLab(t, "fs1")
	fs := l.switches[0]
	l.service.SetAlerts(rulesOf(t, "alerts:\n"+raising("p", "agent", "in_state < 5000")))
	fs.ready("ann")
	fs.ready("bob")
	if got := l.step(); got != "p ann, p bob" {
		t.Fatal(got)
	}
	l.pass(6000)
	l.step()
	if err := l.intake.Flush(); err != nil {
		t.Fatal(err)
	}
	l.pass(2 * 900_000)
	if err := l.intake.Flush(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.service.Forget(t.Context(), ForgetRequest{Kind: ForgetAgent, Agent: "ann", By: "test"}); err != nil {
		t.Fatal(err)
	}
	if now, _ := l.service.AlertsNow(); len(now.Cleared) != 1 || now.Cleared[0].Subject != "bob" {
		t.Errorf("%+v", now.Cleared)
	}
}

// BenchmarkAlerts holds three rules against 1,000 agents and 200 queues.
func BenchmarkAlerts(b *testing.B) {
	l := newLab(b, "fs1")
	fs := l.switches[0]
	for i := range 1000 {
		fs.ready(agentName(i))
	}
	for i := range 200 {
		fs.join(queueName(i))
	}
	l.pass(1000)
	l.service.SetAlerts(rulesOf(b, "alerts:\n"+raising("w", "queue", "longest_wait > 120000 && waiting >= 3")+raising("p", "agent", "state == 'paused' && in_state > 900000")+raising("s", "queue", "sl.offered < 0.7 && offered >= 20")))
	b.ReportAllocs()
	for b.Loop() {
		if err := l.service.StepAlerts(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	l.service.alerts.watched.close()
}
