package bus

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"tallyd/connectors/api"
	"tallyd/metrics"
	"tallyd/metrics/roster"
	"tallyd/rules"
	"tallyd/storage"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files and the examples in docs anew")

// TestMessages holds the messages still, byte by byte, and the examples in the
// description of the subjects with them.
func TestMessages(t *testing.T) {
	const golden, docs = "testdata/messages.golden", "docs/subjects.md"
	examples := messages(t)
	var got bytes.Buffer
	for _, e := range examples {
		fmt.Fprintf(&got, "%s\n%s\n", e.subject, e.body)
	}
	old, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	described := withExamples(t, string(old), examples)
	const asyncapi = "docs/asyncapi.json"
	bodies := map[string]json.RawMessage{}
	for _, e := range examples {
		bodies[e.subject] = json.RawMessage(e.body)
	}
	async, err := describe(bodies)
	if err != nil {
		t.Fatal(err)
	}
	if !*rewrite && string(async)+"\n" != string(AsyncAPI) {
		t.Errorf("%s is not what the code says: run this test with -rewrite", asyncapi)
	}
	if *rewrite {
		for file, text := range map[string]string{golden: got.String(), docs: described, asyncapi: string(async) + "\n"} {
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("the messages are\n%s\nwant\n%s", got.String(), want)
	}
	if !*rewrite && described != string(old) {
		t.Errorf("the examples in %s are not those of %s: run this test with -rewrite", docs, golden)
	}
}

type example struct{ subject, body string }

// messages plays half an hour and asks for everything.
func messages(t *testing.T) []example {
	l := newLab("main")
	b, err := New(Config{Service: l.service, Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	states, figures := newStates(b, nil), newFigures(b, nil)
	defer figures.watch.Close()
	a := &answers{bus: b, states: states, figures: figures, pulse: &pulse{bus: b, records: newRecords(b, nil)}, alerts: newAlertStreams(b, nil)}
	alerts := func() {
		if err := l.service.StepAlerts(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	look := func() {
		if err := figures.look(context.Background()); err != nil {
			t.Fatal(err)
		}
		states.look()
		for i := range states.agents {
			if s := &states.agents[i]; s.last != states.present.Agents[i] {
				if s.seq != 0 {
					s.past = s.last.Past()
				}
				s.last = states.present.Agents[i]
				s.seq++
			}
		}
	}
	l.status("1001@default", metrics.Ready, "")
	l.status("1002@default", metrics.Paused, "lunch")
	look()
	for n := range 3 {
		v := l.join("support@default")
		l.pass(1000)
		l.offer(v, "1001@default")
		l.pass(metrics.Millis(4000 + 9000*n))
		l.connect(v, "1001@default")
		l.pass(90_250)
		l.end(v, "1001@default")
		l.pass(20_000)
	}
	v := l.join("support@default")
	l.pass(25_000)
	alerts()
	l.pass(6000)
	alerts()
	raised := b.subjects.Alert("waiting_long", api.Queues, "support@default")
	view := l.service.As(api.InternalAsker(), "test")
	m, err := a.answer(context.Background(), view, request{subject: b.subjects.Snapshot(raised)})
	out := []example{exampleOf(t, raised, m, err)}
	l.apply(metrics.Event{Kind: metrics.VisitLeft, Visit: v, Outcome: metrics.Abandoned})
	l.apply(metrics.Event{Kind: metrics.LegEnded, Leg: v, By: metrics.Self})
	v = l.join("support@default")
	l.offer(v, "1001@default")
	look()
	l.pass(2500)
	l.connect(v, "1001@default")
	l.pass(700)
	l.join("support@default")
	l.pass(3000)
	look()
	alerts()
	contacts := &metrics.Sealed{Switch: "fs1", Interval: metrics.IntervalOf(metrics.Millis(l.now.Load()))}
	start := contacts.Interval.Start()
	contacts.Contacts = append(contacts.Contacts, metrics.Contact{
		Switch: "fs1", Visit: "6d2c4f0e-30", Leg: "6d2c4f0e", Queue: "sales@default", Caller: "139******78",
		Outcome: metrics.TimedOut, Joined: start - 40_000, Ended: start - 10_000,
	}, metrics.Contact{
		Switch: "fs1", Visit: "6d2c4f0e-31", Leg: "6d2c4f0e", Queue: "support@default", Agent: "1001@default", Caller: "139******78",
		Outcome: metrics.Answered, EndedBy: metrics.ByCaller, Offers: 2, Hold: 12_000, Holds: 1,
		Joined: start, Answered: start + 25_000, Ended: start + 90_000,
		Attempts: []metrics.Attempt{{Agent: "1002@default", Started: start + 200, Ended: start + 20_200, Result: metrics.Missed},
			{Agent: "1001@default", Started: start + 20_300, Ended: start + 25_000, Result: metrics.Accepted}},
		HeldSpans: []metrics.Stretch{{From: start + 60_000, To: start + 72_000}},
	}, metrics.Contact{
		Kind: metrics.CallContact, Way: metrics.Outgoing, Switch: "fs1", Visit: "a1b07c55", Leg: "a1b07c55", Agent: "1002@default", Caller: "021*****31",
		Outcome: metrics.Answered, EndedBy: metrics.ByOther, Joined: start + 30_000, Answered: start + 36_000, Ended: start + 120_000,
	})
	contacts.Correction = true // the interval itself is still open
	l.intake.Take(contacts)

	s := b.subjects
	for _, subject := range []string{
		s.AgentState("1001@default"), s.AgentKPI("1001@default"), s.QueueState("support@default"), s.QueueKPI("support@default"),
		s.SiteState(), s.Heartbeat(), "agents", "alerts", s.AgentState("nobody"),
	} {
		asked := s.Snapshot(subject)
		if subject == "agents" {
			asked = s.Agents()
		}
		if subject == "alerts" {
			asked = s.Alerts()
		}
		m, err := a.answer(context.Background(), view, request{subject: asked})
		out = append(out, exampleOf(t, subject, m, err))
	}
	for _, x := range []struct{ subject, body string }{
		{s.QueryKPI(), `{"kind":"queue","names":["support@default"],"from":"2026-10-01T09:00:00Z","kpis":["offered","sl.offered","asa"],"threshold_ms":15000}`},
		{s.QueryKPI(), `{"kind":"team","from":"2026-10-01T08:00:00Z","step":"hour","kpis":["answered","occupancy","utilisation"]}`},
		{s.QueryContacts(), `{"queue":"support@default","outcomes":["answered"],"limit":1}`},
		{s.QueryContacts(), `{"kind":"call","agent":"1002@default"}`},
	} {
		answer := b.answerKPI
		if x.subject == s.QueryContacts() {
			answer = b.answerContacts
		}
		m, err := answer(context.Background(), view, request{subject: x.subject, body: []byte(x.body)})
		name := x.subject
		if strings.Contains(x.body, `"step"`) {
			name += " by hour"
		}
		if strings.Contains(x.body, `"kind":"call"`) {
			name += " of calls"
		}
		out = append(out, example{name + " request", x.body}, exampleOf(t, name, m, err))
	}
	m, err = b.answerRoster(context.Background(), view, request{subject: s.QueryRoster()})
	out = append(out, exampleOf(t, s.QueryRoster(), m, err))
	return slices.Concat(out, recordExamples(t, contacts), inboundExamples(t, contacts), scoreExamples(t))
}

// inboundExamples sends facts about an agent of the roster, and about who answered a
// contact that is stored.
func inboundExamples(t *testing.T, sealed *metrics.Sealed) (out []example) {
	store, err := storage.Open(t.Context(), storage.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.PutSealed(sealed); err != nil {
		t.Fatal(err)
	}
	people := roster.New(time.UTC, nil, nil, []roster.Agent{{ID: "1001@default"}})
	b, err := New(Config{Listen: "127.0.0.1:0", Service: api.New(api.Config{Site: "main", Store: store,
		Roster: func() *roster.Roster { return people }, Now: func() time.Time { return sealed.Interval.End().Time() }})})
	if err != nil {
		t.Fatal(err)
	}
	in := newInbound(b)
	for _, x := range []struct{ kind, of, body string }{
		{"survey", "", `{"id":"s-4711","at":"2026-10-01T09:03:20Z","contact":"6d2c4f0e-31","switch":"fs1","survey":{"csat":5,"nps":9,"resolved":true}}`},
		{"survey", " again", `{"id":"s-4711","at":"2026-10-01T09:03:20Z","contact":"6d2c4f0e-31","switch":"fs1","survey":{"csat":5,"nps":9,"resolved":true}}`},
		{"disposition", "", `{"id":"crm-88","at":"2026-10-01T09:04:00Z","agent":"1001@default","disposition":{"code":"refund","case":"C-2026-17","due":"2026-10-03T09:00:00Z","done":"2026-10-01T09:04:00Z"}}`},
		{"training", "", `{"id":"lms-1001-c1","at":"2026-09-28T14:00:00+08:00","agent":"1001@default","training":{"course":"c1","passed":true,"points":18,"of":20}}`},
		{"form", "", `{"id":"qa-2026-10-01-7","at":"2026-10-01T09:05:00Z","agent":"1001@default","contact":"6d2c4f0e-31","switch":"fs1","form":{"id":"qa","rater":"s1","points":87,"of":100,"sections":[{"id":"greeting","points":10,"of":10},{"id":"solution","points":77,"of":90},{"id":"sale","na":true}]}}`},
		{"form", " refused", `{"id":"qa-2026-10-01-8","at":"2026-10-01T09:05:00Z","agent":"1007@default","form":{"id":"qa","rater":"s1","points":87,"of":100}}`},
	} {
		subject := b.subjects.Inbound(x.kind)
		name := subject + x.of
		answer := in.take(t.Context(), &nats.Msg{Subject: subject, Data: []byte(x.body)})
		out = append(out, example{name + " request", x.body}, exampleOf(t, name, answer, nil))
	}
	const question = `{"from":"2026-10-01T00:00:00Z","agent":"1001@default","limit":1}`
	subject := b.subjects.QueryFacts()
	m, err := b.answerFacts(t.Context(), b.cfg.Service.As(api.InternalAsker(), "test"), request{subject: subject, body: []byte(question)})
	return append(out, example{subject + " request", question}, exampleOf(t, subject, m, err))
}

// recordExamples stores an interval and tells of it.
func recordExamples(t *testing.T, sealed *metrics.Sealed) (out []example) {
	ctx := context.Background()
	store, err := storage.Open(ctx, storage.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	row := metrics.Rollup{Kind: metrics.QueueRow, Name: "support@default"}
	row.Values[metrics.Offered], row.Values[metrics.AnsweredCount] = 4, 4
	for _, wait := range []metrics.Millis{5000, 14_000, 23_000, 25_000} {
		row.Histograms[metrics.AnsweredWaits].Add(wait)
	}
	stored := *sealed
	stored.Correction, stored.Rollups, stored.Contacts = false, []metrics.Rollup{row}, sealed.Contacts[1:2]
	if err := store.PutSealed(&stored); err != nil {
		t.Fatal(err)
	}
	s := SubjectsOf("main")
	_, err = api.New(api.Config{Site: "main", Store: store}).NextItem(ctx, 0, func(item *api.Item) error {
		item.Lineage = "5f0c2a91" // each folder has its own
		for r, err := range item.Rollups(ctx) {
			out = append(out, exampleOf(t, s.Rollup(r.Row()), r, err))
		}
		for c, err := range item.Contacts(ctx) {
			out = append(out, exampleOf(t, s.Contact(c.ID), c, err))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

const exampleScheme = `scheme: inbound-service
version: "2026.4"
period: month
time_zone: Asia/Shanghai
grades: {A: 95, B: 80, C: 60, D: 0}
roles:
  agent:
    indicators:
      - {id: aht, kpi: aht, dimension: output, curve: band, band: [180s, 300s], falls_to_floor_in: 120s, weight: 60%, minimum: {answered: 40}}
      - {id: csat, kpi: csat, dimension: soft, floor: 55%, target: 85%, stretch: 95%, weight: 40%, minimum: {surveys: 15}}
    gates:
      - {when: "form.qa.critical_failed > 0", cap: 60, because: "a critical compliance item failed"}
    weights:
      - {from: 2026-11-01, to: 2026-11-15, because: "Double Eleven: calls first", set: {aht: 80%, csat: 20%}}
`

// scoreExamples seals a month and tells of it.
func scoreExamples(t *testing.T) (out []example) {
	store, err := storage.Open(t.Context(), storage.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	work := metrics.Sealed{Switch: "fs1", Interval: metrics.IntervalOf(metrics.MillisOf(time.Date(2026, 10, 1, 9, 0, 0, 0, time.UTC)))}
	for _, kind := range []metrics.RowKind{metrics.AgentRow, metrics.PairRow} {
		row := metrics.Rollup{Kind: kind, Name: "ann"}
		if kind == metrics.PairRow {
			row.Second = "support@default"
		}
		row.Values[metrics.AnsweredCount], row.Values[metrics.Talk], row.Values[metrics.WrappingUpTime], row.Values[metrics.HandleSquared] = 50, 15_000_000, 1_500_000, 50*(330*330+120*120)
		work.Rollups = append(work.Rollups, row)
	}
	if err := store.PutSealed(&work); err != nil {
		t.Fatal(err)
	}
	scheme, faults, _ := rules.Read("inbound-service.yaml", []byte(exampleScheme))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	people := roster.New(time.UTC, nil, nil, []roster.Agent{{ID: "ann", Stays: []roster.Stay{{Role: "agent"}}}})
	b, err := New(Config{Listen: "127.0.0.1:0", Service: api.New(api.Config{Site: "main", Store: store, Roster: func() *roster.Roster { return people },
		Schemes: func() []api.Scheme { return []api.Scheme{{Scheme: scheme, Text: []byte(exampleScheme)}} },
		Now:     func() time.Time { return time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC) }})})
	if err != nil {
		t.Fatal(err)
	}
	service := b.cfg.Service
	if _, err := service.Seal(t.Context(), api.ScoreQuery{From: rules.Date{Year: 2026, Month: 10, Day: 1}, To: rules.Date{Year: 2026, Month: 11, Day: 1}}, "hr"); err != nil {
		t.Fatal(err)
	}
	_, err = service.NextItem(t.Context(), 1, func(item *api.Item) error {
		item.Lineage = "5f0c2a91" // each folder has its own
		for s, err := range item.Scores(t.Context()) {
			out = append(out, exampleOf(t, b.subjects.Score(s.Cycle, s.Card.Agent), s, err))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		subject, question string
		answer            func(context.Context, *api.View, request) (any, error)
	}{
		{b.subjects.QueryScores(), `{"cycle":"inbound-service-2026-10","agent":"ann"}`, b.answerScores},
		{b.subjects.QuerySchemes(), `{"cycle":"inbound-service-2026-10"}`, b.answerSchemes},
		{b.subjects.QueryHistory(), `{"agent":"ann","limit":12}`, b.answerHistory},
	} {
		m, err := x.answer(t.Context(), service.As(api.InternalAsker(), "test"), request{subject: x.subject, body: []byte(x.question)})
		out = append(out, example{x.subject + " request", x.question}, exampleOf(t, x.subject, m, err))
	}
	return out
}

// exampleOf writes an answer down. Of the catalogue's figures it keeps a few: it
// grows, and the messages are the same.
func exampleOf(t *testing.T, subject string, m any, err error) example {
	t.Helper()
	if err != nil {
		m = api.Problem{V: api.Schema, Error: err.Error()}
	}
	if f, ok := m.(api.Figures); ok {
		kept := map[string]*float64{}
		for _, id := range []string{"answered", "sl.offered", "asa", "max_wait", "att", "occupancy", "hung_up_first"} {
			if v, ok := f.KPIs[id]; ok {
				kept[id] = v
			}
		}
		kept["avg_hold"] = nil
		f.KPIs = kept
		m = f
	}
	body, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return example{subject, string(body)}
}

// withExamples puts the messages into the code blocks that follow a line
// "<!-- example SUBJECT -->".
func withExamples(t *testing.T, text string, examples []example) string {
	t.Helper()
	for _, e := range examples {
		mark := "<!-- example " + e.subject + " -->\n"
		head, rest, ok := strings.Cut(text, mark)
		if !ok {
			t.Errorf("there is no example of %s", e.subject)
			continue
		}
		_, rest, open := strings.Cut(rest, "```json\n")
		_, rest, closed := strings.Cut(rest, "```\n")
		if !open || !closed {
			t.Fatalf("the example of %s is no code block", e.subject)
		}
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, []byte(e.body), "", "  "); err != nil {
			t.Fatal(err)
		}
		text = head + mark + "```json\n" + pretty.String() + "\n```\n" + rest
	}
	return text
}
