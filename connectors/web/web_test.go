package web

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tallyd/connectors/api"
	"tallyd/connectors/bus/bustest"
	"tallyd/connectors/web/client"
	"tallyd/metrics"
	"tallyd/metrics/calendar"
	"tallyd/metrics/roster"
	"tallyd/rules"
	"tallyd/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// labScheme is what the agents of the lab are appraised by.
const labScheme = `scheme: lab
version: "1"
period: month
time_zone: UTC
grades: {A: 90, B: 0}
roles:
  agent:
    indicators:
      - {id: answered, expr: "answered", unit: number, dimension: output, floor: 0, target: 4, weight: 100%}
`

// lab is a site with one switch, that the test plays, and a server.
type lab struct {
	t        testing.TB
	now      atomic.Int64 // ms
	names    *metrics.Names
	tracker  *metrics.Tracker
	store    *storage.Store
	tokens   *api.Tokens
	sessions *api.Sessions
	dir      string
	audit    audit
	server   *Server
	http     *httptest.Server
	visits   int
	late     time.Duration // how far the sessions are ahead
}

func newLab(t testing.TB) *lab {
	t.Helper()
	l := &lab{t: t, names: metrics.NewNames(), dir: t.TempDir()}
	l.now.Store(time.Date(2026, 10, 1, 9, 0, 0, 0, time.UTC).UnixMilli())
	store, err := storage.Open(t.Context(), storage.Config{Dir: filepath.Join(l.dir, "db")})
	if err != nil {
		t.Fatal(err)
	}
	l.store = store
	intake := api.NewIntake(store, nil)
	l.tracker = metrics.NewTracker(l.names, metrics.Options{Switch: "fs1", Sealed: intake.Take})
	daily := [7]bool{true, true, true, true, true, true, true}
	people := roster.New(time.UTC, []roster.Team{{ID: "north", Name: "The North"}, {ID: "harbour", Parent: "north"}, {ID: "south"}},
		[]roster.Shift{{ID: "early", Shift: calendar.Shift{Days: daily, From: 8 * 60, To: 16 * 60}}},
		[]roster.Agent{
			{ID: "ann", Name: "Ann Lee", Stays: []roster.Stay{{Team: "north", Role: "agent", Shift: "early"}}},
			{ID: "bob", Stays: []roster.Stay{{Team: "harbour", Role: "agent"}}},
			{ID: "cid", Stays: []roster.Stay{{Team: "south", Role: "agent"}}},
		})
	scheme, faults, _ := rules.Read("lab.yaml", []byte(labScheme))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	service := api.New(api.Config{
		Site: "main", Store: store, Intake: intake, Roster: func() *roster.Roster { return people }, Now: l.time,
		Schemes: func() []api.Scheme { return []api.Scheme{{Scheme: scheme, Text: []byte(labScheme)}} },
		Audit:   l.audit.note,
		Sources: []api.Source{{Name: "fs1", Tracker: l.tracker, Health: func() api.Health {
			return api.Health{Connected: true, Since: time.UnixMilli(1_790_840_000_000)}
		}}},
	})
	l.tokens = api.OpenTokens(l.dir)
	if l.sessions, err = api.OpenSessions(l.dir, l.tokens); err != nil {
		t.Fatal(err)
	}
	l.server = New(Config{Service: service, Tokens: l.tokens, Sessions: l.sessions, Dir: l.dir, Subjects: "tally.v1.main"})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { l.server.live.run(ctx); close(ended) }()
	l.http = httptest.NewServer(l.server.Handler())
	t.Cleanup(func() {
		stop()
		l.server.end()
		l.http.Close()
		<-ended
		http.DefaultClient.CloseIdleConnections()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func (l *lab) time() time.Time { return time.UnixMilli(l.now.Load()).UTC() }

// audit is the audit log.
type audit struct {
	mu   sync.Mutex
	list []api.AuditEntry
}

func (a *audit) note(e api.AuditEntry) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.list = append(a.list, e)
}

func (a *audit) all() []api.AuditEntry {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.list)
}

func (l *lab) apply(e metrics.Event) {
	e.At = metrics.Millis(l.now.Load())
	l.tracker.Apply(&e)
}

func (l *lab) agent(name string) metrics.AgentID {
	return metrics.AgentID(l.names.InternString(metrics.AgentName, name))
}

func (l *lab) ready(agents ...string) {
	for _, a := range agents {
		l.apply(metrics.Event{Kind: metrics.AgentStatus, Agent: l.agent(a), Status: metrics.Ready})
	}
}

// call is one that an agent answers, "" for nobody.
func (l *lab) call(queue, agent string) {
	l.visits++
	id := metrics.IDString("visit-" + string(rune('a'+l.visits)))
	pass := func(d time.Duration) { l.now.Add(d.Milliseconds()) }
	l.apply(metrics.Event{Kind: metrics.VisitJoined, Visit: id, Leg: id, Queue: metrics.QueueID(l.names.InternString(metrics.QueueName, queue))})
	pass(5 * time.Second)
	outcome := metrics.Abandoned
	if agent != "" {
		outcome = metrics.Answered
		l.apply(metrics.Event{Kind: metrics.OfferStarted, Visit: id, Agent: l.agent(agent)})
		pass(2 * time.Second)
		l.apply(metrics.Event{Kind: metrics.OfferAnswered, Visit: id, Agent: l.agent(agent), Peer: metrics.IDString("leg-" + id.String())})
		l.apply(metrics.Event{Kind: metrics.Connected, Visit: id, Agent: l.agent(agent)})
		pass(time.Minute)
		l.apply(metrics.Event{Kind: metrics.Disconnected, Visit: id, Agent: l.agent(agent), By: metrics.Self})
	}
	l.apply(metrics.Event{Kind: metrics.VisitLeft, Visit: id, Outcome: outcome})
	l.apply(metrics.Event{Kind: metrics.LegEnded, Leg: id, By: metrics.Self})
	pass(time.Minute)
	l.apply(metrics.Event{Kind: metrics.ClockTick})
}

// token makes a token.
func (l *lab) token(who api.Asker) string { return l.tokensOf(who)[who.Name] }

// tokensOf makes tokens, by their names.
func (l *lab) tokensOf(who ...api.Asker) map[string]string {
	l.t.Helper()
	out := map[string]string{}
	for _, w := range who {
		s, err := l.tokens.Create(w, time.Time{})
		if err != nil {
			l.t.Fatal(err)
		}
		out[w.Name] = s
	}
	return out
}

// get asks, and reads the answer.
func (l *lab) get(token, at string, header ...string) (int, http.Header, string) {
	l.t.Helper()
	if token != "" {
		header = append(header, "Authorization", "Bearer "+token)
	}
	resp, body := l.do(http.MethodGet, at, "", header...)
	return resp.StatusCode, resp.Header, body
}

// answer asks for something that is answered.
func answer[M any](l *lab, token, at string) (m M) {
	l.t.Helper()
	code, _, body := l.get(token, at)
	if code != http.StatusOK {
		l.t.Fatalf("%s: %d %s", at, code, body)
	}
	d := json.NewDecoder(strings.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		l.t.Fatalf("%s: %v in %s", at, err, body)
	}
	return m
}

var admin = api.Asker{Name: "root", Role: api.AdminRole}

func TestKPI(t *testing.T) {
	l := newLab(t)
	l.ready("ann", "bob", "cid")
	l.call("support", "ann")
	l.call("support", "")
	token := l.token(admin)
	a := answer[client.KPIs](l, token, "/api/v1/kpi?kpi=offered,answered,abandoned,asa")
	if len(a.Rows) != 1 || *a.Rows[0].KPIs["offered"] != 2 || *a.Rows[0].KPIs["answered"] != 1 || *a.Rows[0].KPIs["asa"] != 7000 || a.Rows[0].Counters["offered"] != 2 {
		t.Errorf("the answer is %+v", a)
	}
	a = answer[client.KPIs](l, token, "/api/v1/kpi?kind=agent&name=ann&name=bob&kpi=answered&counters=false")
	if len(a.Rows) != 2 || a.Rows[0].Name != "ann" || *a.Rows[0].KPIs["answered"] != 1 || len(a.Rows[0].Counters) != 0 {
		t.Errorf("the answer is %+v", a)
	}
	// A day of Shanghai's began at 16:00 UTC: of an hour there is one row each.
	a = answer[client.KPIs](l, token, "/api/v1/kpi?step=hour&time_zone=Asia/Shanghai&kpi=offered")
	if a.Zone != "Asia/Shanghai" || len(a.Rows) != 1 || a.Rows[0].From.Format(time.RFC3339) != "2026-10-01T17:00:00+08:00" {
		t.Errorf("the answer is %+v", a)
	}
	for at, want := range map[string]string{
		"/api/v1/kpi?kind=trunk":                 `expected value to be one of`,
		"/api/v1/kpi?kpi=nonsense":               `kpi \"nonsense\" is not in the catalogue`,
		"/api/v1/kpi?time_zone=Mars":             `time zone \"Mars\" is not known`,
		"/api/v1/kpi?from=yesterday":             `invalid date/time`,
		"/api/v1/kpi?limit=1000000":              `expected number <= 200000`,
		"/api/v1/kpi?from=2026-10-02T00:00:00Z":  `the span from 2026-10-02T00:00:00Z to 2026-10-01T09:03:12Z is empty`,
		"/api/v1/kpi?kind=queue&step=fortnight":  `expected value to be one of`,
		"/api/v1/contacts?cursor=abc":            `cursor \"abc\" is none of an answer's`,
		"/api/v1/contacts?outcome=lost":          `outcome \"lost\" is not known`,
		"/api/v1/roster?at=2026-10-32T00:00:00Z": `invalid date/time`,
	} {
		code, h, body := l.get(token, at)
		if code != http.StatusUnprocessableEntity || !strings.Contains(body, want) || h.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s %s", at, code, h.Get("Content-Type"), body)
		}
	}
}

// TestPages follows the links from answer to answer: every row and contact comes
// once.
func TestPages(t *testing.T) {
	l := newLab(t)
	l.ready("ann")
	for range 8 {
		l.call("support", "ann")
		l.now.Add(50 * 60 * 1000)
		l.apply(metrics.Event{Kind: metrics.ClockTick})
	}
	token := l.token(admin)
	follow := func(at string, each func(body string)) (pages int) {
		for at != "" {
			code, h, body := l.get(token, at)
			if code != http.StatusOK {
				t.Fatalf("%s: %d %s", at, code, body)
			}
			pages++
			each(body)
			link, _, _ := strings.Cut(strings.TrimPrefix(h.Get("Link"), "<"), ">")
			at = link
		}
		return pages
	}
	whole := answer[client.KPIs](l, token, "/api/v1/kpi?from=2026-10-01T00:00:00Z&step=hour&kpi=answered")
	var rows []api.KPIRow
	pages := follow("/api/v1/kpi?from=2026-10-01T00:00:00Z&step=hour&kpi=answered&limit=2", func(body string) {
		var k client.KPIs
		if err := json.Unmarshal([]byte(body), &k); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, k.Rows...)
	})
	sum := 0.0
	for i, r := range rows {
		sum += *r.KPIs["answered"]
		if i > 0 && !r.From.After(rows[i-1].From) {
			t.Errorf("a row of %s follows one of %s", r.From, rows[i-1].From)
		}
	}
	if pages < 3 || sum != 8 || len(rows) != len(whole.Rows) {
		t.Errorf("%d pages, %d rows, %v answered, want %d rows", pages, len(rows), sum, len(whole.Rows))
	}
	seen := map[string]bool{}
	pages = follow("/api/v1/contacts?limit=3", func(body string) {
		var c client.Contacts
		if err := json.Unmarshal([]byte(body), &c); err != nil {
			t.Fatal(err)
		}
		for _, x := range c.Contacts {
			if seen[x.ID] {
				t.Errorf("%s comes twice", x.ID)
			}
			seen[x.ID] = true
		}
	})
	if pages != 3 || len(seen) != 8 {
		t.Errorf("%d pages, %d contacts", pages, len(seen))
	}
}

// TestTag: who has the answer already is told so, in no bytes; long ones are
// compressed.
func TestTag(t *testing.T) {
	l := newLab(t)
	l.ready("ann")
	token := l.token(admin)
	_, h, body := l.get(token, "/api/v1/roster")
	if h.Get("ETag") == "" || body == "" {
		t.Fatalf("%v %s", h, body)
	}
	if code, _, body := l.get(token, "/api/v1/roster", "If-None-Match", h.Get("ETag")); code != http.StatusNotModified || body != "" {
		t.Errorf("%d %s", code, body)
	}
	if code, _, body := l.get(token, "/api/v1/catalogue", "If-None-Match", h.Get("ETag")); code != http.StatusOK || body == "" {
		t.Errorf("%d %s", code, body)
	}
	if _, h, _ := l.get(token, "/api/v1/catalogue", "Accept-Encoding", "gzip"); h.Get("Content-Encoding") != "gzip" {
		t.Errorf("the catalogue is not compressed: %v", h)
	}
}

// TestEvents: everything that is so, and then each change, of those who may be
// seen.
func TestEvents(t *testing.T) {
	l := newLab(t)
	l.ready("ann", "cid")
	l.call("support", "ann")
	token := l.token(api.Asker{Name: "boss", Role: api.SupervisorRole, Teams: []string{"north"}})
	next := l.stream(token, "?kpi=true")
	got := map[string]string{}
	for len(got) < 5 {
		name, data := next()
		var m struct{ Agent, Queue, State string }
		if err := json.Unmarshal([]byte(data), &m); err != nil {
			t.Fatal(err)
		}
		got[name+" "+m.Agent+m.Queue] = m.State
	}
	if got["agent ann"] != "available" {
		t.Errorf("at first came %v", got)
	}
	for _, want := range []string{"agent ann", "queue support", "site ", "figures support", "figures ann"} {
		if _, ok := got[want]; !ok {
			t.Errorf("%s is missing in %v", want, got)
		}
	}
	l.apply(metrics.Event{Kind: metrics.AgentStatus, Agent: l.agent("cid"), Status: metrics.Paused})
	l.apply(metrics.Event{Kind: metrics.AgentStatus, Agent: l.agent("ann"), Status: metrics.Paused})
	for {
		name, data := next()
		var m api.AgentState
		if name == "agent" && json.Unmarshal([]byte(data), &m) == nil {
			if m.Agent != "ann" || m.State != "paused" || m.Previous == nil || m.Previous.State != "available" {
				t.Errorf("then came %s", data)
			}
			break
		}
	}
	if list := l.audit.all(); len(list) == 0 || list[0].What != api.SeeAgents || list[0].Who != "boss" {
		t.Errorf("the audit log has %+v", list)
	}
}

// stream reads events.
func (l *lab) stream(token, question string) (next func() (name, data string)) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.http.URL+"/api/v1/events"+question, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		l.t.Fatal(resp, err)
	}
	l.t.Cleanup(func() { cancel(); resp.Body.Close() })
	in := bufio.NewScanner(resp.Body)
	return func() (name, data string) {
		for in.Scan() {
			line := in.Text()
			switch {
			case strings.HasPrefix(line, "event: "):
				name = line[7:]
			case strings.HasPrefix(line, "data: "):
				data = line[6:]
			case line == "" && data != "":
				return name, data
			}
		}
		l.t.Fatal("the events end: ", in.Err())
		return "", ""
	}
}

// TestRun listens, says where, and takes the note away.
func TestRun(t *testing.T) {
	l := newLab(t)
	s := New(Config{Service: l.server.cfg.Service, Tokens: l.tokens, Dir: l.dir, Listen: "127.0.0.1:0"})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	<-s.Ready()
	b, err := os.ReadFile(filepath.Join(l.dir, AddressFile))
	if err != nil || strings.TrimSpace(string(b)) != s.URL() {
		t.Fatal(string(b), err)
	}
	resp, err := http.Get(s.URL() + "/healthz")
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
	other := New(Config{Service: l.server.cfg.Service, Tokens: l.tokens, Dir: l.dir, Listen: strings.TrimPrefix(s.URL(), "http://")})
	if err := other.Run(ctx); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("error is %v", err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(l.dir, AddressFile)); err == nil {
		t.Error("the address is left")
	}
}

// TestTLS serves with a certificate.
func TestTLS(t *testing.T) {
	l := newLab(t)
	certificate, key, trust := bustest.Certificate(t)
	s := New(Config{Service: l.server.cfg.Service, Tokens: l.tokens, Dir: l.dir, Listen: "127.0.0.1:0", Certificate: certificate, Key: key})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	<-s.Ready()
	token := l.token(admin)
	for _, modern := range []bool{false, true} { // HTTP/1.1 and 2
		transport := &http.Transport{TLSClientConfig: trust.Clone(), ForceAttemptHTTP2: modern}
		if site, err := client.Over(transport, s.URL(), token).Site(ctx); err != nil || site.Site != "main" {
			t.Errorf("HTTP/2 %t: %+v, %v", modern, site, err)
		}
		transport.CloseIdleConnections()
	}
	if _, err := http.Get(s.URL() + "/healthz"); err == nil {
		t.Error("a certificate that nobody vouches for is trusted")
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
