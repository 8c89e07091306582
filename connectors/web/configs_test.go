package web

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

var metricName = regexp.MustCompile(`\b(?:tallyd|process|go)_[a-z0-9_]+`)

// TestConfigsNameWhatThereIs holds the dashboard and the alert rules against what
// the daemon exports: every figure that they name is there.
func TestConfigsNameWhatThereIs(t *testing.T) {
	l := newLab(t)
	l.ready("ann")
	l.call("support", "ann")
	l.call("support", "")
	_, _, body := l.get(l.token(admin), "/metrics?agents=1")
	exported := map[string]bool{}
	for line := range strings.Lines(body) {
		exported[metricName.FindString(line)] = true
	}
	for _, d := range storeDescriptions() { // this lab has no store, no bus and no webhook
		exported[metricName.FindString(d)] = true
	}
	check := func(file, expr string) {
		names := metricName.FindAllString(expr, -1)
		if len(names) == 0 && !strings.HasPrefix(expr, "up{") {
			t.Errorf("%s: %q names no figure", file, expr)
		}
		for _, n := range names {
			if !exported[n] {
				t.Errorf("%s: %s is not exported: %q", file, n, expr)
			}
		}
	}

	const dashboard = "../../configs/grafana/tallyd.json"
	var board struct {
		Panels []struct {
			Title   string
			Type    string
			Targets []struct{ Expr string }
			GridPos struct{ X, Y, W, H int }
		}
	}
	read(t, dashboard, json.Unmarshal, &board)
	for i, p := range board.Panels {
		if p.Title == "" || p.Type == "" || len(p.Targets) == 0 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("%s: panel %d is %+v", dashboard, i, p)
		}
		for _, x := range p.Targets {
			check(dashboard, x.Expr)
		}
	}
	if len(board.Panels) < 10 {
		t.Errorf("%d panels", len(board.Panels))
	}

	const alerts = "../../configs/prometheus/alerts.yaml"
	var rules struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	read(t, alerts, yaml.Unmarshal, &rules)
	n := 0
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			n++
			if r.Alert == "" || r.Labels["severity"] == "" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
				t.Errorf("%s: %+v", alerts, r)
			}
			check(alerts, r.Expr)
		}
	}
	if n < 10 {
		t.Errorf("%d alerts", n)
	}
}

func read(t *testing.T, file string, unmarshal func([]byte, any) error, into any) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err == nil {
		err = unmarshal(b, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func storeDescriptions() (out []string) {
	for _, d := range []interface{ String() string }{storeBytes, storeBudget, storeFree, storeProblems, natsConnected, natsFailing, hookLost} {
		out = append(out, d.String())
	}
	return out
}
