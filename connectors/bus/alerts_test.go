package bus

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"tallyd/connectors/api"
	"tallyd/connectors/bus/bustest"
	"tallyd/metrics"
)

// step holds the lab's rules against the present.
func (l *lab) step(t testing.TB) {
	t.Helper()
	if err := l.service.StepAlerts(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestAlerts follows an alert from a caller who waits to one who is gone, over the
// server, by message and by snapshot.
func TestAlerts(t *testing.T) {
	l := newLab("main")
	l.status("1001@default", metrics.Ready, "")
	r := l.run(t)
	nc := r.wallboard()
	subject := r.subjects.Alert("waiting_long", api.Queues, "support@default")
	sub := r.subscribe(nc, subject)
	if p := ask[api.Problem](r, nc, r.subjects.Snapshot(subject), ""); !strings.Contains(p.Error, `alert "waiting_long" has not been raised about queue "support@default", or had cleared`) {
		t.Errorf("%+v", p)
	}
	v := l.join("support@default")
	for range 25 {
		l.pass(1000)
		l.step(t)
	}
	if m, err := sub.NextMsg(100 * time.Millisecond); err == nil {
		t.Fatalf("too early: %s", m.Data)
	}
	l.pass(1000)
	l.step(t) // 21 s, and 5 s more
	m := next[api.AlertState](t, sub)
	joined := api.Moment(l.now.Load() - 26_000)
	if m.V != 1 || m.Seq != 1 || m.Event != "raised" || m.Rule != "waiting_long" || m.Of != "queue" || m.Subject != "support@default" || m.Owner != "floor-lead" || m.Severity != "critical" ||
		m.Since != joined+21_000 || m.Raised != joined+26_000 || m.Cleared != 0 || fmt.Sprint(m.Values) != "map[longest_wait:26000]" {
		t.Errorf("%+v", m)
	}
	all := ask[AlertsAnswer](r, nc, r.subjects.Alerts(), "")
	if len(all.Active) != 1 || len(all.Cleared) != 0 || all.Active[0].ID != m.ID || all.Active[0].Seq != 1 {
		t.Errorf("%+v", all.AlertList)
	}
	l.apply(metrics.Event{Kind: metrics.VisitLeft, Visit: v, Outcome: metrics.Abandoned})
	l.pass(1000)
	l.step(t)
	c := next[api.AlertState](t, sub)
	if c.Seq != 2 || c.Event != "cleared" || c.ID != m.ID || c.Cleared != joined+27_000 || fmt.Sprint(c.Values) != "map[longest_wait:0]" {
		t.Errorf("%+v", c)
	}
	if s := ask[api.AlertState](r, nc, r.subjects.Snapshot(subject), ""); s.Seq != 2 || s.Event != "cleared" {
		t.Errorf("%+v", s)
	}
	all = ask[AlertsAnswer](r, nc, r.subjects.Alerts(), "")
	if len(all.Active) != 0 || len(all.Cleared) != 1 {
		t.Errorf("%+v", all.AlertList)
	}
	if p := ask[api.Problem](r, nc, r.subjects.Snapshot(r.subjects.Alert("waiting_long", "team", "x")), ""); !strings.Contains(p.Error, "is not published") {
		t.Errorf("%+v", p)
	}
}

// TestAlertsByRole: each role is sent, and answered with, the alerts that are its own.
// A wallboard that subscribes to everything hears of no agent's.
func TestAlertsByRole(t *testing.T) {
	l := newLab("main")
	for _, a := range []string{"1001@default", "1002@default"} {
		l.status(a, metrics.Paused, "lunch")
	}
	r, tokens := l.runWithTokens(t)
	want := map[string]string{
		"root": "busy site, long_pause 1001@default, long_pause 1002@default, waiting_long support",
		"hr":   "busy site, long_pause 1001@default, long_pause 1002@default, waiting_long support",
		"boss": "busy site, long_pause 1001@default, waiting_long support",
		"ann":  "long_pause 1001@default",
		"wall": "busy site, waiting_long support",
	}
	subjects := map[string][]string{"root": {"alert.>"}, "hr": {">"}, "wall": {">"}, "boss": {"alert.*.queue.*", "alert.*.site", "alert.*.agent.1001@default"}, "ann": {"alert.*.agent.1001@default"}}
	got := map[string][]*nats.Subscription{}
	clients := map[string]*nats.Conn{}
	for name := range want {
		clients[name] = r.client(as(name, tokens[name]))
		for _, s := range subjects[name] {
			got[name] = append(got[name], r.subscribe(clients[name], "tally.v1.main."+s))
		}
	}
	for range 3 {
		l.join("support")
	}
	l.pass(301_000)
	l.step(t)
	l.pass(5000)
	l.step(t)
	named := func(m *api.AlertState) string {
		if m.Of == api.Site {
			return m.Rule + " site"
		}
		return m.Rule + " " + m.Subject
	}
	for name, want := range want {
		var list, listed []string
		deadline := time.Now().Add(5 * time.Second)
		for len(list) < strings.Count(want, ", ")+1 && time.Now().Before(deadline) {
			for _, sub := range got[name] {
				m, err := sub.NextMsg(20 * time.Millisecond)
				if err != nil || !strings.HasPrefix(m.Subject, "tally.v1.main.alert.") {
					continue
				}
				a := decode[api.AlertState](t, m.Data)
				list = append(list, named(&a))
			}
		}
		for _, sub := range got[name] { // nothing comes after it
			for m, err := sub.NextMsg(50 * time.Millisecond); err == nil; m, err = sub.NextMsg(50 * time.Millisecond) {
				if strings.HasPrefix(m.Subject, "tally.v1.main.alert.") {
					list = append(list, m.Subject)
				}
			}
		}
		answer := ask[AlertsAnswer](r, clients[name], r.subjects.Alerts(), "")
		for i := range answer.Active {
			listed = append(listed, named(&answer.Active[i]))
		}
		slices.Sort(list)
		slices.Sort(listed)
		if strings.Join(list, ", ") != want || strings.Join(listed, ", ") != want {
			t.Errorf("%s is sent %v and answered with %v, want %s", name, list, listed, want)
		}
	}
	if p := ask[api.Problem](r, clients["wall"], r.subjects.Snapshot(r.subjects.Alert("long_pause", api.Agents, "1001@default")), ""); !strings.Contains(p.Error, `may not see alerts about agent "1001@default"`) {
		t.Errorf("%+v", p)
	}
}

// TestAlertsWhileNATSIsAway: what is raised meanwhile is published when the server
// comes, and of several changes of one alert the last. A stream notes it from the first
// moment on.
func TestAlertsWhileNATSIsAway(t *testing.T) {
	l := newLab("main")
	dir, port := t.TempDir(), freePort(t)
	url := fmt.Sprintf("nats://127.0.0.1:%d", port)
	dial := func() *nats.Conn {
		t.Helper()
		nc, err := nats.Connect(url)
		if err != nil {
			t.Fatal(err)
		}
		return nc
	}
	srv := bustest.Server(t, dir, port)
	nc := dial()
	js, err := jetstream.New(nc)
	if err == nil {
		_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "ALERTS", Subjects: []string{"tally.v1.main.alert.>"}})
	}
	if err != nil {
		t.Fatal(err)
	}
	nc.Close()
	bustest.Stop(srv)

	r := runBus(t, Config{Service: l.service, URL: url, Dir: t.TempDir()})
	l.status("1001", metrics.Paused, "lunch")
	l.status("1002", metrics.Paused, "lunch")
	l.pass(301_000)
	l.step(t)
	l.status("1001", metrics.Ready, "")
	l.step(t)
	srv = bustest.Server(t, dir, port)
	defer func() { bustest.Stop(srv) }()
	nc = dial()
	defer nc.Close()
	read := func() (got []string) {
		bustest.Read(t, nc, "ALERTS", func(subject string, m *api.AlertState) {
			if subject != r.subjects.Alert(m.Rule, m.Of, m.Subject) {
				t.Errorf("%+v is on %s", m, subject)
			}
			got = append(got, fmt.Sprintf("%s %s %d", m.Subject, m.Event, m.Seq))
		})
		slices.Sort(got)
		return got
	}
	for end := time.Now().Add(30 * time.Second); len(read()) < 2 && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond)
	}
	time.Sleep(2 * alertsAgainEvery) // nothing more comes of trying again
	if got := fmt.Sprint(read()); got != "[1001 cleared 1 1002 raised 1]" {
		t.Error(got)
	}
}
