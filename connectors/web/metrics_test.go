package web

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"tallyd/metrics"
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
