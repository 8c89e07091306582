package bus

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"tallyd/connectors/api"
	"tallyd/metrics"
)

// askers are of every role; 1001@default is in the supervisor's team.
var askers = []api.Asker{
	{Name: "root", Role: api.AdminRole},
	{Name: "boss", Role: api.SupervisorRole, Teams: []string{"north"}},
	{Name: "ann", Role: api.AgentRole, Agent: "1001@default"},
	{Name: "wall", Role: api.WallboardRole},
	{Name: "hr", Role: api.ScoringRole},
	{Name: "survey", Role: api.IngestRole},
}

// The subjects, and by hand who may read them, and who may publish on them.
var mayRead = map[string]string{
	"tally.v1.main.agent.1001@default.state":   "root boss ann wall hr",
	"tally.v1.main.agent.1001@default.kpi":     "root boss ann wall hr",
	"tally.v1.main.agent.1002@default.state":   "root wall hr",
	"tally.v1.main.agent.*.state":              "root wall hr",
	"tally.v1.main.queue.support.state":        "root boss wall hr",
	"tally.v1.main.queue.*.kpi":                "root boss wall hr",
	"tally.v1.main.site.state":                 "root boss wall hr",
	"tally.v1.main.heartbeat":                  "root boss wall hr",
	"tally.v1.main.alert.w.queue.support":      "root boss wall hr",
	"tally.v1.main.alert.w.site":               "root boss wall hr",
	"tally.v1.main.alert.*.queue.*":            "root boss wall hr",
	"tally.v1.main.alert.p.agent.1001@default": "root boss ann hr",
	"tally.v1.main.alert.p.agent.1002@default": "root hr",
	"tally.v1.main.alert.*.agent.*":            "root hr",
	"tally.v1.main.rollup.site":                "root hr",
	"tally.v1.main.contact.x":                  "root hr",
	"tally.v1.main.score.c.a":                  "root hr",
	"tally.v1.main.query.kpi":                  "",
	"tally.v1.main.snapshot.agents":            "",
	"tally.v1.main.in.survey":                  "",
	"tally.v1.other.site.state":                "",
	"_INBOX.x":                                 "wall",
	"_INBOX_internal.>":                        "",
	"_INBOX_other.>":                           "",
	"_INBOX_hr.>":                              "hr",
	"$SYS.>":                                   "",
	"$JS.>":                                    "",
	">":                                        "",
}

var mayPublish = map[string]string{
	"tally.v1.main.agent.1001@default.state":                 "",
	"tally.v1.main.heartbeat":                                "",
	"tally.v1.main.rollup.site":                              "",
	"tally.v1.main.contact.x":                                "",
	"tally.v1.main.snapshot.agent.1001@default.state":        "root boss ann wall hr",
	"tally.v1.main.snapshot.agent.1002@default.state":        "root wall hr",
	"tally.v1.main.snapshot.agents":                          "root boss ann wall hr",
	"tally.v1.main.snapshot.queues":                          "root boss wall hr",
	"tally.v1.main.snapshot.site.state":                      "root boss wall hr",
	"tally.v1.main.alert.w.queue.support":                    "",
	"tally.v1.main.snapshot.alerts":                          "root boss ann wall hr",
	"tally.v1.main.snapshot.alert.w.queue.support":           "root boss wall hr",
	"tally.v1.main.snapshot.alert.w.site":                    "root boss wall hr",
	"tally.v1.main.snapshot.alert.p.agent.1001@default":      "root boss ann wall hr",
	"tally.v1.main.snapshot.alert.p.agent.1002@default":      "root wall hr", // which is answered with an error
	"tally.v1.main.query.kpi":                                "root boss ann wall hr",
	"tally.v1.main.query.contacts":                           "root boss ann hr",
	"tally.v1.main.query.roster":                             "root boss ann hr",
	"tally.v1.main.query.facts":                              "root boss ann hr",
	"tally.v1.main.query.scores":                             "root boss ann hr",
	"tally.v1.main.query.schemes":                            "root boss ann hr",
	"tally.v1.main.query.history":                            "root boss ann hr",
	"tally.v1.main.in.survey":                                "root survey",
	"$SRV.PING":                                              "root boss ann wall hr",
	"$JS.API.STREAM.DELETE.TALLY_main_CONTACTS":              "",
	"$JS.API.STREAM.PURGE.TALLY_main_CONTACTS":               "",
	"$JS.API.CONSUMER.CREATE.TALLY_main_CONTACTS":            "",
	"$JS.API.CONSUMER.DURABLE.CREATE.TALLY_main_CONTACTS.hr": "",
	"$JS.API.CONSUMER.MSG.NEXT.TALLY_main_CONTACTS.hr":       "hr",
	"$JS.API.CONSUMER.MSG.NEXT.TALLY_main_CONTACTS.root":     "root",
	"$JS.ACK.TALLY_main_CONTACTS.hr.1.2.3.4.5":               "hr",
	"_INBOX.x":        "",
	"_INBOX_hr.x":     "",
	"_INBOX_internal": "",
	"other":           "",
}

// TestEveryRoleOnEverySubject tries every role on every subject.
func TestEveryRoleOnEverySubject(t *testing.T) {
	l := newLab("main")
	l.status("1001@default", metrics.Ready, "")
	l.status("1002@default", metrics.Ready, "")
	l.join("support")
	r, tokens := l.runWithTokens(t)
	for _, who := range askers {
		c := r.connect(who.Name, tokens[who.Name])
		for subject, may := range mayRead {
			if got, want := c.maySubscribe(subject), slices.Contains(strings.Fields(may), who.Name); got != want {
				t.Errorf("%s reads %s: %v, want %v", who.Name, subject, got, want)
			}
		}
		for subject, may := range mayPublish {
			if got, want := c.mayPublish(subject), slices.Contains(strings.Fields(may), who.Name); got != want {
				t.Errorf("%s publishes %s: %v, want %v", who.Name, subject, got, want)
			}
		}
	}
}

// runWithTokens runs a bus that knows a token of every asker, and two that ended.
func (l *lab) runWithTokens(t *testing.T) (*running, map[string]string) {
	t.Helper()
	dir := t.TempDir()
	book, tokens := api.OpenTokens(dir), map[string]string{}
	expires := map[string]time.Time{"expired": time.Now().Add(-time.Hour), "soon": time.Now().Add(4 * time.Second)}
	for _, who := range append(slices.Clone(askers), api.Asker{Name: "expired", Role: api.AdminRole}, api.Asker{Name: "soon", Role: api.AdminRole}, api.Asker{Name: "revoked", Role: api.AdminRole}) {
		s, err := book.Create(who, expires[who.Name])
		if err != nil {
			t.Fatal(err)
		}
		tokens[who.Name] = s
	}
	if err := book.Revoke("revoked"); err != nil {
		t.Fatal(err)
	}
	r := runBus(t, Config{Service: l.service, Listen: "127.0.0.1:0", Dir: dir, Tokens: book})
	l.nudge = r.bus.Nudge
	return r, tokens
}

// prober is a connection that notes what it was refused.
type prober struct {
	*nats.Conn
	t       *testing.T
	mu      sync.Mutex
	refused []string
}

func (r *running) connect(name, token string) *prober {
	p := &prober{t: r.t.(*testing.T)}
	p.Conn = r.client(as(name, token), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.refused = append(p.refused, err.Error())
	}))
	return p
}

// ok tells whether nothing was refused since the last call.
func (p *prober) ok() bool {
	p.t.Helper()
	if err := p.Flush(); err != nil {
		p.t.Fatal(err)
	}
	time.Sleep(2 * time.Millisecond) // the refusal came before the flush's answer; its handler runs beside it
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.refused)
	p.refused = nil
	return n == 0
}

func (p *prober) maySubscribe(subject string) bool {
	p.t.Helper()
	sub, err := p.SubscribeSync(subject)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }() // gone already where it was refused
	return p.ok()
}

func (p *prober) mayPublish(subject string) bool {
	p.t.Helper()
	if err := p.Publish(subject, nil); err != nil {
		p.t.Fatal(err)
	}
	return p.ok()
}

// TestTokensThatEnd: what is no token gets nobody in, and one that ends cuts off
// who came in with it.
func TestTokensThatEnd(t *testing.T) {
	l := newLab("main")
	r, tokens := l.runWithTokens(t)
	for name, token := range map[string]string{"expired": tokens["expired"], "revoked": tokens["revoked"], "hr": tokens["boss"], "root": "", "nobody": "tally_x"} {
		if nc, err := nats.Connect(r.url, as(name, token)); !errors.Is(err, nats.ErrAuthorization) {
			t.Errorf("%s: %v", name, err)
			if err == nil {
				nc.Close()
			}
		}
	}
	for _, name := range []string{"hr", "soon"} {
		cut := make(chan struct{}, 1)
		nc := r.client(as(name, tokens[name]), nats.NoReconnect(), nats.ClosedHandler(func(*nats.Conn) { cut <- struct{}{} }))
		if name == "hr" {
			if err := r.bus.cfg.Tokens.Revoke(name); err != nil {
				t.Fatal(err)
			}
		}
		select {
		case <-cut:
		case <-time.After(10 * time.Second):
			t.Errorf("%s is still connected", name)
		}
		nc.Close()
	}
}

// TestAnswersByRole: the same question has the answer that its asker may see, and
// no asker gets another's.
func TestAnswersByRole(t *testing.T) {
	l := newLab("main")
	for _, a := range []string{"1001@default", "1002@default"} {
		l.status(a, metrics.Ready, "")
		v := l.join("support")
		l.offer(v, a)
		l.pass(1000)
		l.connect(v, a)
		l.pass(30_000)
		l.end(v, a)
		l.pass(60_000)
	}
	r, tokens := l.runWithTokens(t)
	for name, want := range map[string]string{"root": "[1001@default 1002@default]", "boss": "[1001@default]", "ann": "[1001@default]", "hr": "[1001@default 1002@default]"} {
		nc := r.client(as(name, tokens[name]))
		var agents, rows, answered []string
		for _, a := range ask[api.Roster](r, nc, r.subjects.Agents(), "").Agents {
			agents = append(agents, a.Agent)
		}
		for _, row := range ask[KPIAnswer](r, nc, r.subjects.QueryKPI(), `{"kind":"agent","kpis":["answered"]}`).Rows {
			rows = append(rows, row.Name)
		}
		for _, c := range ask[ContactsAnswer](r, nc, r.subjects.QueryContacts(), "").Contacts {
			answered = append(answered, c.Agent)
		}
		for what, got := range map[string][]string{"agents": agents, "figures": rows, "contacts": answered} {
			if fmt.Sprint(got) != want {
				t.Errorf("%s for %s: %v, want %s", what, name, got, want)
			}
		}
	}
	// Who sends a question with somebody else's inbox has that one answered.
	hr := r.client(as("hr", tokens["hr"]))
	inbox := r.subscribe(hr, inboxOf("hr")+".stray")
	ann := r.client(as("ann", tokens["ann"]))
	if err := ann.PublishRequest(r.subjects.QueryKPI(), inboxOf("hr")+".stray", []byte(`{"kind":"agent","kpis":["answered"]}`)); err != nil {
		t.Fatal(err)
	}
	if m := next[KPIAnswer](t, inbox); len(m.Rows) != 2 {
		t.Errorf("%+v", m)
	}
	if p := ask[api.Problem](r, ann, r.subjects.QueryKPI(), `{"kind":"agent","names":["1002@default"]}`); !strings.Contains(p.Error, "may not ask for the figures") {
		t.Errorf("%+v", p)
	}
}

// TestDiscovery: tools find the service, and how to ask it.
func TestDiscovery(t *testing.T) {
	l := newLab("main")
	r, tokens := l.runWithTokens(t)
	type info struct {
		Name, Version string
		Endpoints     []struct {
			Name, Subject string
			Metadata      map[string]string
		}
	}
	got := ask[info](r, r.client(as("hr", tokens["hr"])), "$SRV.INFO.tallyd", "")
	names := map[string]string{}
	for _, e := range got.Endpoints {
		names[e.Name] = e.Subject
		if e.Metadata["request_schema"] == "" || !strings.Contains(e.Metadata["request_schema"], "2020-12") {
			t.Errorf("%s: %v", e.Name, e.Metadata)
		}
	}
	if got.Name != "tallyd" || names["kpi"] != "tally.v1.main.query.kpi" || names["snapshot"] != "tally.v1.main.snapshot.>" ||
		names["schemes"] != "tally.v1.main.query.schemes" || names["history"] != "tally.v1.main.query.history" || len(names) != 8 {
		t.Errorf("%s has %v", got.Name, names)
	}
}
