package web

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tallyd/connectors/api"
	"tallyd/connectors/web/client"
	"tallyd/metrics"
	"tallyd/rules/alert"
)

// TestAlerts: what is raised is told to each role as far as it may see it, at once and
// as events, and so is what clears.
func TestAlerts(t *testing.T) {
	l := newLab(t)
	set, faults := alert.Read("alerts.yaml", []byte(`alerts:
  - {id: waits, of: queue, when: "waiting > 0", owner: lead, because: somebody waits}
  - {id: idle, of: agent, when: "state == 'available'", owner: lead, because: somebody is idle}
  - {id: full, of: site, when: "agents.available == 3", owner: lead, because: everybody is idle}
`), nil)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	service := l.server.cfg.Service
	service.SetAlerts(set)
	l.ready("ann", "bob", "cid")
	id := metrics.IDString("v")
	l.apply(metrics.Event{Kind: metrics.VisitJoined, Visit: id, Leg: id, Queue: metrics.QueueID(l.names.InternString(metrics.QueueName, "support"))})
	step := func() {
		t.Helper()
		if err := service.StepAlerts(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	step()
	token := l.tokensOf(who...)
	want := map[string]string{
		"root": "full, idle ann, idle bob, idle cid, waits support",
		"hr":   "full, idle ann, idle bob, idle cid, waits support",
		"boss": "full, idle ann, idle bob, waits support",
		"ann":  "idle ann",
		"wall": "full, waits support",
	}
	names := func(list []api.AlertState) string {
		var out []string
		for _, a := range list {
			out = append(out, strings.TrimSpace(a.Rule+" "+a.Subject))
		}
		slices.Sort(out)
		return strings.Join(out, ", ")
	}
	streams := map[string]func() (string, string){}
	events := func(name, event string) (out []api.AlertState) {
		t.Helper()
		for len(out) < strings.Count(want[name], ",")+1 {
			kind, data := streams[name]()
			if kind != "alert" {
				continue
			}
			var a api.AlertState
			if err := json.Unmarshal([]byte(data), &a); err != nil {
				t.Fatal(err)
			}
			if a.Event != event {
				t.Errorf("%s hears of %+v", name, a)
			}
			out = append(out, a)
		}
		return out
	}
	for name, want := range want {
		a := answer[client.Alerts](l, token[name], "/api/v1/alerts")
		if got := names(a.Active); got != want || len(a.Cleared) != 0 || a.V != 1 || a.Site != "main" {
			t.Errorf("%s: %s and %d cleared, want %s", name, got, len(a.Cleared), want)
		}
		streams[name] = l.stream(token[name], "?agents=false&queues=false&site=false")
		if got := names(events(name, "raised")); got != want {
			t.Errorf("%s hears of %s, want %s", name, got, want)
		}
	}
	service.SetAlerts(nil)
	for name, want := range want {
		a := answer[client.Alerts](l, token[name], "/api/v1/alerts")
		if got := names(a.Cleared); got != want || len(a.Active) != 0 || a.Cleared[0].Cleared == 0 {
			t.Errorf("%s: %s and %d active, want %s", name, got, len(a.Active), want)
		}
		if got := names(events(name, "cleared")); got != want {
			t.Errorf("%s hears of %s, want %s", name, got, want)
		}
	}
	read := map[string]bool{}
	for _, e := range l.audit.all() {
		read[fmt.Sprintf("%s by %s", e.What, e.Who)] = true
	}
	if !read["alerts by boss"] || !read["alerts by ann"] || read["alerts by wall"] {
		t.Error("the audit log has not who read alerts about agents, and nobody else")
	}
	if h := answer[client.Health](l, token["root"], "/api/v1/health"); h.Alerts != nil {
		t.Errorf("without rules there is %+v", h.Alerts)
	}
}
