package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"tallyd/connectors/api"
	"tallyd/connectors/web/client"
)

// TestHostileNames: whatever agents and queues are called, answers and events are
// whole, and what was asked by name is found by it.
func TestHostileNames(t *testing.T) {
	l := newLab(t)
	names := []string{"<script>alert(1)</script>", "*", ">", "a b", "a,b", "x\r\ndata: {}\r\n\r\n", "日本 ☎ 🎉", "\x1b[2J", "'; DROP TABLE", `"\`, strings.Repeat("n", 200), "%2F..%2F", "a&kind=site"}
	for _, n := range names {
		l.ready(n)
		l.call(n, n)
	}
	token := l.token(admin)
	next := l.stream(token, "")
	seen := map[string]bool{}
	for len(seen) < 2*len(names) {
		name, data := next()
		var m struct{ Agent, Queue string }
		if err := json.Unmarshal([]byte(data), &m); err != nil {
			t.Fatalf("%s %q: %v", name, data, err)
		}
		if name == "agent" || name == "queue" {
			seen[name+m.Agent+m.Queue] = true
		}
	}
	for _, n := range names {
		if !seen["agent"+n] || !seen["queue"+n] {
			t.Errorf("%q is missing among the events", n)
		}
		name := url.QueryEscape(n)
		if list := answer[[]api.AgentState](l, token, "/api/v1/agents?name="+name); len(list) != 1 || list[0].Agent != n {
			t.Errorf("agent %q: %+v", n, list)
		}
		if a := answer[client.KPIs](l, token, "/api/v1/kpi?kpi=offered&name="+name); len(a.Rows) != 1 || a.Rows[0].Name != n || *a.Rows[0].KPIs["offered"] != 1 {
			t.Errorf("queue %q: %+v", n, a.Rows)
		}
		if c := answer[client.Contacts](l, token, "/api/v1/contacts?agent="+name+"&queue="+name); len(c.Contacts) != 1 || c.Contacts[0].Agent != n {
			t.Errorf("contacts of %q: %+v", n, c.Contacts)
		}
	}
	for _, at := range []string{"/api/v1/kpi?name=" + strings.Repeat("x", 20_000), "/api/v1/kpi?name=%ff%fe", "/api/v1/contacts?caller=" + strings.Repeat("9", 65), "/api/v1/../../etc/passwd", "/api/v1/kpi?kind=queue%00"} {
		code, h, body := l.get(token, at)
		if code >= 500 || strings.HasPrefix(h.Get("Content-Type"), "text/html") || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%.60s: %d %v %.200s", at, code, h, body)
		}
	}
	req, err := http.NewRequest(http.MethodPost, l.http.URL+"/api/v1/kpi", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("%v, %v", resp, err)
	}
	resp.Body.Close()
}
