package web

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"tallyd/connectors/api"
	"tallyd/metrics"
	"tallyd/rules/alert"
)

// TestMetrics: what Prometheus reads is what happened, keeps to its conventions,
// and holds whatever queues and agents are called.
func TestMetrics(t *testing.T) {
	l := newLab(t)
	hostile := []string{"<script>", "a\"b\\c\nd", "\xff\xfe", strings.Repeat("x", 4096), "日本 ☎", "*", ">"}
	l.ready("ann")
	l.call("support", "ann")
	l.call("support", "")
	for _, name := range hostile {
		l.ready(name)
		l.apply(metrics.Event{Kind: metrics.VisitJoined, Visit: metrics.IDString("v" + name[:1]), Leg: metrics.IDString("v" + name[:1]),
			Queue: metrics.QueueID(l.names.InternString(metrics.QueueName, name))})
	}
	l.now.Add(3000)
	token := l.token(admin)
	code, _, body := l.get(token, "/metrics")
	if code != 200 {
		t.Fatal(code, body)
	}
	for _, want := range []string{
		`tallyd_switch_connected{switch="fs1"} 1`,
		`tallyd_queue_offered_total{queue="support"} 2`,
		`tallyd_queue_talk_seconds_total{queue="support"} 60`,
		`tallyd_queue_asa_seconds{queue="support"} 7`,
		`tallyd_queue_abandon_ratio{queue="support"} 0.5`,
		`tallyd_queue_waiting_callers{queue="<script>"} 1`,
		`tallyd_queue_longest_wait_seconds{queue="*"} 3`,
		`tallyd_agents{state="available"} 8`,
	} {
		if !strings.Contains(body, want+"\n") {
			t.Errorf("%s is missing", want)
		}
	}
	if strings.Contains(body, "ann") {
		t.Error("agents are labels without having been asked for")
	}
	if n := strings.Count(body, "tallyd_queue_waiting_callers{"); n != len(hostile)+1 {
		t.Errorf("%d queues", n)
	}
	problems, err := promlint.New(strings.NewReader(body)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	_, _, body = l.get(token, "/metrics?agents=1")
	if !strings.Contains(body, `tallyd_agent_answered_total{agent="ann"} 1`) || !strings.Contains(body, `tallyd_agent_state{agent="ann",state="available"} 1`) {
		t.Error("agents that were asked for are missing")
	}
}

// TestAlertMetrics: what is raised, by severity, and how the webhook fares.
func TestAlertMetrics(t *testing.T) {
	set, faults := alert.Read("alerts.yaml", []byte(`alerts:
  - {id: one, of: site, when: "waiting == 0", owner: o, severity: critical, because: b}
  - {id: two, of: site, when: "waiting == 0", owner: o, severity: critical, because: b}
  - {id: not, of: site, when: "waiting > 0", owner: o, because: b}
`), nil)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	service := api.New(api.Config{Site: "main", Alerts: set, Webhook: func() *api.WebhookHealth {
		return &api.WebhookHealth{Delivered: 7, Waiting: 2, Refused: 1, Failed: 3, Dropped: 4}
	}})
	if err := service.StepAlerts(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := prometheus.NewRegistry()
	r.MustRegister(&exporter{service, nil, false})
	w := httptest.NewRecorder()
	promhttp.HandlerFor(r, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	body := w.Body.String()
	for _, want := range []string{
		`tallyd_alerts_active{severity="critical"} 2`, `tallyd_alerts_active{severity="info"} 0`, `tallyd_alerts_active{severity="warning"} 0`,
		`tallyd_alerts_left_out 0`, `tallyd_webhook_delivered_total 7`, `tallyd_webhook_waiting 2`,
		`tallyd_webhook_lost_total{why="dropped"} 4`, `tallyd_webhook_lost_total{why="failed"} 3`, `tallyd_webhook_lost_total{why="refused"} 1`,
	} {
		if !strings.Contains(body, want+"\n") {
			t.Errorf("%s is missing", want)
		}
	}
	if problems, err := promlint.New(strings.NewReader(body)).Lint(); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

// TestScrapeOfMany: a thousand agents and two hundred queues are read soon.
func TestScrapeOfMany(t *testing.T) {
	l := newLab(t)
	for i := range 1000 {
		l.ready("agent " + time.Duration(i).String())
	}
	token := l.token(admin)
	begun := time.Now()
	if code, _, body := l.get(token, "/metrics?agents=1"); code != 200 || strings.Count(body, "tallyd_agent_state{") != 1000 {
		t.Errorf("%d, %d bytes", code, len(body))
	}
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("it took %s", took)
	}
}
