package web

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tallyd/connectors/api"
	"tallyd/connectors/web/client"
)

// who are askers of every role. Ann and bob are in the supervisor's team, or in one
// that is part of it.
var who = []api.Asker{
	{Name: "root", Role: api.AdminRole},
	{Name: "boss", Role: api.SupervisorRole, Teams: []string{"north"}},
	{Name: "ann", Role: api.AgentRole, Agent: "ann"},
	{Name: "wall", Role: api.WallboardRole},
	{Name: "hr", Role: api.ScoringRole},
	{Name: "survey", Role: api.IngestRole},
}

// allowed says once more, and by hand, which roles may use which route.
var allowed = map[string]string{
	"GET /api/v1/kpi":             "root boss ann wall hr",
	"GET /api/v1/contacts":        "root boss ann hr",
	"GET /api/v1/facts":           "root boss ann hr",
	"POST /api/v1/facts":          "root survey",
	"GET /api/v1/export":          "root hr",
	"GET /api/v1/scores":          "root boss ann hr",
	"GET /api/v1/scores/cycles":   "root boss ann hr",
	"GET /api/v1/scores/explain":  "root boss ann hr",
	"GET /api/v1/scores/history":  "root boss ann hr",
	"GET /api/v1/schemes":         "root boss ann hr",
	"POST /api/v1/scores/seal":    "root hr",
	"GET /api/v1/agents":          "root boss ann wall hr",
	"GET /api/v1/agents/timeline": "root boss ann hr",
	"GET /api/v1/queues":          "root boss wall hr",
	"GET /api/v1/site":            "root boss wall hr",
	"GET /api/v1/events":          "root boss ann wall hr",
	"GET /api/v1/alerts":          "root boss ann wall hr",
	"GET /api/v1/roster":          "root boss ann hr",
	"GET /api/v1/names":           "root boss ann wall hr",
	"GET /api/v1/health":          "root boss wall hr",
	"GET /api/v1/catalogue":       "root boss ann wall hr survey nobody",
	"GET /metrics":                "root wall",
	"POST /api/v1/setup/switch":   "root",
	"POST /api/v1/setup/roster":   "root",
	"PUT /api/v1/setup/roster":    "root",
	"GET /healthz":                "root boss ann wall hr survey nobody",
	"GET /openapi.json":           "root boss ann wall hr survey nobody",
}

// TestEveryRoleOnEveryRoute tries every role, and tokens that are none, on every
// route that the interface describes.
func TestEveryRoleOnEveryRoute(t *testing.T) {
	l := newLab(t)
	l.ready("ann", "bob", "cid")
	l.call("support", "ann")
	tokens := map[string]string{"nobody": "", "wrong": "tally_wrong"}
	for _, w := range who {
		s, err := l.tokens.Create(w, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		tokens[w.Name] = s
	}
	for name, expires := range map[string]time.Time{"expired": time.Now().Add(-time.Hour), "revoked": {}} {
		s, err := l.tokens.Create(api.Asker{Name: name, Role: api.AdminRole}, expires)
		if err != nil {
			t.Fatal(err)
		}
		tokens[name] = s
	}
	if err := l.tokens.Revoke("revoked"); err != nil {
		t.Fatal(err)
	}
	for at, item := range l.server.api.OpenAPI().Paths {
		for method, op := range map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "PUT": item.Put, "PATCH": item.Patch, "DELETE": item.Delete} {
			if _, known := allowed[method+" "+at]; op != nil && !known {
				t.Errorf("nothing says who may use %s %s", method, at)
			}
		}
	}
	for _, route := range slices.Sorted(maps.Keys(allowed)) {
		may := strings.Fields(allowed[route])
		method, at, _ := strings.Cut(route, " ")
		for _, name := range slices.Sorted(maps.Keys(tokens)) {
			ask := at
			if at == "/api/v1/kpi" && name == "ann" {
				ask += "?kind=agent" // nothing else is an agent's
			}
			if at == "/api/v1/scores/explain" || at == "/api/v1/scores/history" || at == "/api/v1/agents/timeline" {
				ask += "?agent=ann"
			}
			body := "[]"
			if at == "/api/v1/scores/seal" {
				body = `{"from":"2026-09-01","to":"2026-10-01"}`
			}
			switch at {
			case "/api/v1/setup/switch":
				body = `{"name":"fs1","kind":"freeswitch","password":"x"}`
			case "/api/v1/setup/roster":
				body = `{"text":"agents: []","over":"x"}`
				if method == http.MethodPost {
					body = `{"text":""}`
				}
			}
			code := l.code(tokens[name], method, ask, body)
			is := slices.Contains(may, name) || slices.Contains(may, "nobody")
			want := http.StatusOK
			switch {
			case is && at == "/api/v1/scores/seal":
				want = http.StatusUnprocessableEntity // there is nothing to seal of September
			case is && strings.HasPrefix(at, "/api/v1/setup/"):
				want = http.StatusUnprocessableEntity // nothing can be tried here
			case is:
			case slices.Contains([]string{"nobody", "wrong", "expired", "revoked"}, name):
				want = http.StatusUnauthorized
			default:
				want = http.StatusForbidden
			}
			if code == http.StatusTooManyRequests && want == http.StatusUnauthorized && name != "nobody" {
				continue // so many wrong tokens are refused as that
			}
			if code != want {
				t.Errorf("%s %s with the token of %s: %d, want %d", method, ask, name, code, want)
			}
		}
	}
}

// code is the status of an answer, of which no more is read.
func (l *lab) code(token, method, at, sent string) int {
	l.t.Helper()
	var body io.Reader
	if method != http.MethodGet {
		body = strings.NewReader(sent)
	}
	req, err := http.NewRequest(method, l.http.URL+at, body)
	if err != nil {
		l.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		l.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// TestScopes: within a route, supervisors get their teams' agents, agents
// themselves, wallboards no figures of agents.
func TestScopes(t *testing.T) {
	l := newLab(t)
	l.ready("ann", "bob", "cid")
	for _, a := range []string{"ann", "bob", "cid", ""} {
		l.call("support", a)
	}
	token := l.tokensOf(who...)
	agents := func(name string) (out []string) {
		for _, a := range answer[[]api.AgentState](l, token[name], "/api/v1/agents") {
			out = append(out, a.Agent)
		}
		return out
	}
	figures := func(name string) (out []string) {
		for _, r := range answer[client.KPIs](l, token[name], "/api/v1/kpi?kind=agent&kpi=answered").Rows {
			out = append(out, r.Name)
		}
		return out
	}
	people := func(name string) (out []string) {
		for _, a := range answer[api.RosterList](l, token[name], "/api/v1/roster").Agents {
			out = append(out, a.Agent)
		}
		return out
	}
	contacts := func(name string) (out []string) {
		for _, c := range answer[client.Contacts](l, token[name], "/api/v1/contacts").Contacts {
			out = append(out, c.Agent)
		}
		return out
	}
	for i, agent := range []string{"ann", "bob", "cid"} {
		form := fmt.Sprintf(`{"id":"%d","at":"2026-10-01T09:00:00Z","agent":%q,"form":{"id":"qa","rater":"s1","points":8,"of":10}}`, i, agent)
		if _, err := l.server.cfg.Service.TakeFact(t.Context(), "form", "", []byte(form)); err != nil {
			t.Fatal(err)
		}
	}
	facts := func(name string) (out []string) {
		for _, f := range answer[client.Facts](l, token[name], "/api/v1/facts").Facts {
			out = append(out, f.Agent+" by "+f.Form.Rater)
		}
		return out
	}
	exported := func(name string) (out []string) {
		for _, x := range answer[client.Export](l, token[name], "/api/v1/export").Lines {
			if x.Form != nil {
				out = append(out, x.Agent)
			}
		}
		return out
	}
	scored := func(name string) (out []string) {
		for _, c := range answer[client.Scores](l, token[name], "/api/v1/scores").Cards {
			out = append(out, fmt.Sprint(c.Agent, *c.Score))
		}
		return out
	}
	for what, c := range map[string]struct {
		get  func(name string) []string
		want map[string]string
	}{
		"agents":   {agents, map[string]string{"root": "[ann bob cid]", "boss": "[ann bob]", "ann": "[ann]", "wall": "[ann bob cid]", "hr": "[ann bob cid]"}},
		"figures":  {figures, map[string]string{"root": "[ann bob cid]", "boss": "[ann bob]", "ann": "[ann]", "hr": "[ann bob cid]"}},
		"roster":   {people, map[string]string{"root": "[ann bob cid]", "boss": "[ann bob]", "ann": "[ann]", "hr": "[ann bob cid]"}},
		"facts":    {facts, map[string]string{"root": "[ann by s1 bob by s1 cid by s1]", "boss": "[ann by s1 bob by s1]", "ann": "[ann by ]", "hr": "[ann by s1 bob by s1 cid by s1]"}},
		"export":   {exported, map[string]string{"root": "[ann bob cid]", "hr": "[ann bob cid]"}},
		"scores":   {scored, map[string]string{"root": "[ann25 bob25 cid25]", "boss": "[ann25 bob25]", "ann": "[ann25]", "hr": "[ann25 bob25 cid25]"}},
		"contacts": {contacts, map[string]string{"root": "[ann bob cid ]", "boss": "[ann bob ]", "ann": "[ann]", "hr": "[ann bob cid ]"}},
	} {
		for name, want := range c.want {
			if got := fmt.Sprint(c.get(name)); got != want {
				t.Errorf("%s of %s: %s, want %s", what, name, got, want)
			}
		}
	}
	for _, c := range [][2]string{
		{"boss", "/api/v1/kpi?kind=agent&name=cid"}, {"boss", "/api/v1/kpi?kind=team&name=south"}, {"boss", "/api/v1/kpi?kind=role"},
		{"boss", "/api/v1/contacts?agent=cid"}, {"boss", "/api/v1/facts?agent=cid"}, {"ann", "/api/v1/facts?agent=bob"}, {"boss", "/api/v1/export"}, {"ann", "/api/v1/kpi?kind=agent&name=bob"},
		{"boss", "/api/v1/scores?agent=cid"}, {"ann", "/api/v1/scores?agent=bob"}, {"ann", "/api/v1/scores/explain?agent=bob"}, {"boss", "/api/v1/scores/explain?agent=cid"}, {"boss", "/api/v1/scores/history?agent=cid"}, {"ann", "/api/v1/scores/history?agent=bob"}, {"ann", "/api/v1/kpi?kind=queue"}, {"ann", "/api/v1/kpi?kind=site"},
		{"ann", "/api/v1/contacts?agent=bob"}, {"ann", "/api/v1/kpi?kind=team"}, {"wall", "/api/v1/kpi?kind=agent"}, {"wall", "/api/v1/kpi?kind=team"},
	} {
		if code, _, body := l.get(token[c[0]], c[1]); code != http.StatusForbidden || !strings.Contains(body, "not allowed") {
			t.Errorf("%s for %s: %d %s", c[1], c[0], code, body)
		}
	}
	for _, c := range [][2]string{{"boss", "/api/v1/kpi?kind=team&kpi=answered"}, {"boss", "/api/v1/kpi?kind=team&name=harbour&kpi=answered"}, {"boss", "/api/v1/kpi?kind=queue"},
		{"boss", "/api/v1/contacts?agent=bob"}, {"wall", "/api/v1/kpi?kind=queue"}, {"wall", "/api/v1/kpi?kind=site"}} {
		if code, _, body := l.get(token[c[0]], c[1]); code != http.StatusOK {
			t.Errorf("%s for %s: %d %s", c[1], c[0], code, body)
		}
	}
	if got := answer[client.KPIs](l, token["boss"], "/api/v1/kpi?kind=team&kpi=answered").Rows; len(got) != 2 {
		t.Errorf("the teams of boss are %+v", got)
	}
	names := map[string]bool{}
	for _, e := range l.audit.all() {
		names[string(e.What)+" by "+e.Who] = true
	}
	for _, want := range []string{"contacts by boss", "facts by ann", "export by hr", "scores by ann", "kpi by hr", "roster by ann", "agents by wall"} {
		if !names[want] {
			t.Errorf("the audit log lacks %s", want)
		}
	}
}
