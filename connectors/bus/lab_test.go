package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"tallyd/connectors/api"
	"tallyd/metrics"
	"tallyd/metrics/calendar"
	"tallyd/metrics/roster"
	"tallyd/rules/alert"
)

// TestMain also serves TestInboundKilled and TestStreamsKilled, which run this program
// as the process that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(feedDir); dir != "" {
		os.Exit(unacknowledged(dir))
	}
	if folders := os.Getenv(streamsLife); folders != "" {
		os.Exit(publishUntilTold(folders))
	}
	goleak.VerifyTestMain(m)
}

// lab is a site with one switch that the test plays, at a clock of its own.
type lab struct {
	now     atomic.Int64
	names   *metrics.Names
	tracker *metrics.Tracker
	intake  *api.Intake
	service *api.Service
	nudge   func() // of the bus that runs; nil before
	visits  int
}

// labRules are the lab's alerts, which are held against the present when a test says so.
const labRules = `alerts:
  - {id: waiting_long, of: queue, when: "longest_wait > 20000", hold: 5s, owner: floor-lead, severity: critical, because: a caller waits for longer than 20 seconds}
  - {id: long_pause, of: agent, when: "state == 'paused' && in_state > 300000", owner: team-lead, because: a pause lasts longer than five minutes}
  - {id: busy, of: site, when: "waiting >= 3 && answered >= 0", owner: floor-lead, because: three callers wait}
`

func newLab(site string) *lab {
	l := &lab{names: metrics.NewNames()}
	l.now.Store(time.Date(2026, 10, 1, 9, 0, 0, 0, time.UTC).UnixMilli())
	l.intake = api.NewIntake(nil, nil)
	people := roster.New(time.UTC, []roster.Team{{ID: "north", Name: "The North", Lead: "1001@default"}},
		[]roster.Shift{{ID: "early", Shift: calendar.Shift{Days: [7]bool{true, true, true, true, true, true, true}, From: 8 * 60, To: 16 * 60}}},
		[]roster.Agent{{ID: "1001@default", Name: "Ann Lee", Stays: []roster.Stay{{Team: "north", Role: "agent", Shift: "early"}}}})
	l.tracker = metrics.NewTracker(l.names, metrics.Options{Switch: "fs1", Sealed: l.intake.Take})
	rules, faults := alert.Read("alerts.yaml", []byte(labRules), nil)
	if len(faults) > 0 {
		panic(faults)
	}
	l.service = api.New(api.Config{
		Alerts: rules,
		Site:   site, Intake: l.intake, Roster: func() *roster.Roster { return people }, StoreHealth: func() *api.StoreHealth {
			return &api.StoreHealth{Rollups: 8_310_784_000, Contacts: 912_261_120, Other: 33_570_816, Budget: 10_000_000_000, Free: 41_802_240_000,
				RollupsFrom: 1_633_078_800_000, ContactsFrom: 1_756_717_200_000,
				Problems: []string{"the store takes 9.3 GB of its budget of 10 GB: beyond it the oldest contacts are deleted before their time"}}
		}, Now: func() time.Time { return time.UnixMilli(l.now.Load()) },
		Sources: []api.Source{{Name: "fs1", Tracker: l.tracker, Health: func() api.Health {
			return api.Health{Connected: true, Since: time.Date(2026, 10, 1, 8, 0, 0, 0, time.UTC)}
		}}},
	})
	return l
}

func (l *lab) pass(ms metrics.Millis) {
	l.now.Add(int64(ms))
	l.apply(metrics.Event{Kind: metrics.ClockTick})
}

func (l *lab) apply(e metrics.Event) {
	e.At = metrics.Millis(l.now.Load())
	l.tracker.Apply(&e)
	if l.nudge != nil {
		l.nudge()
	}
}

func (l *lab) agent(name string) metrics.AgentID {
	return metrics.AgentID(l.names.InternString(metrics.AgentName, name))
}

func (l *lab) status(agent string, s metrics.Status, reason string) {
	l.apply(metrics.Event{Kind: metrics.AgentStatus, Agent: l.agent(agent), Status: s,
		Reason: metrics.ReasonID(l.names.InternString(metrics.ReasonName, reason))})
}

func (l *lab) join(queue string) metrics.ID {
	l.visits++
	id := metrics.IDString(fmt.Sprintf("visit-%d", l.visits))
	l.apply(metrics.Event{Kind: metrics.VisitJoined, Visit: id, Leg: id, Queue: metrics.QueueID(l.names.InternString(metrics.QueueName, queue))})
	return id
}

func (l *lab) offer(v metrics.ID, agent string) {
	l.apply(metrics.Event{Kind: metrics.OfferStarted, Visit: v, Agent: l.agent(agent)})
}

func (l *lab) connect(v metrics.ID, agent string) {
	l.apply(metrics.Event{Kind: metrics.OfferAnswered, Visit: v, Agent: l.agent(agent), Peer: metrics.IDString("leg-" + v.String())})
	l.apply(metrics.Event{Kind: metrics.Connected, Visit: v, Agent: l.agent(agent)})
}

func (l *lab) end(v metrics.ID, agent string) {
	l.apply(metrics.Event{Kind: metrics.Disconnected, Visit: v, Agent: l.agent(agent), By: metrics.Self})
	l.apply(metrics.Event{Kind: metrics.VisitLeft, Visit: v, Outcome: metrics.Answered})
	l.apply(metrics.Event{Kind: metrics.LegEnded, Leg: v, By: metrics.Switch})
}

// running is a bus with its embedded server.
type running struct {
	t        testing.TB
	bus      *Bus
	dir      string
	url      string
	subjects Subjects
}

func (l *lab) run(t testing.TB) *running {
	t.Helper()
	r := runBus(t, Config{Service: l.service, Listen: "127.0.0.1:0", Dir: t.TempDir()})
	l.nudge = r.bus.Nudge
	return r
}

func runBus(t testing.TB, c Config) *running {
	t.Helper()
	b, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-b.Ready():
	case err := <-ended:
		ended <- nil
		t.Fatal(err)
	}
	return &running{t, b, c.Dir, b.URL(), b.subjects}
}

// login reads a credentials file the way a user does.
func (r *running) login(file string) nats.Option {
	r.t.Helper()
	b, err := os.ReadFile(filepath.Join(r.dir, file))
	if err != nil {
		r.t.Fatal(err)
	}
	user, password, _ := strings.Cut(strings.TrimSpace(string(b)), ":")
	return as(user, password)
}

// as connects with a token, and an inbox of its own.
func as(name, token string) nats.Option {
	return func(o *nats.Options) error {
		o.User, o.Password = name, token
		if name != api.WallboardAsker().Name {
			o.InboxPrefix = inboxOf(name)
		}
		return nil
	}
}

// wallboard connects over TCP as a wallboard does.
func (r *running) wallboard(options ...nats.Option) *nats.Conn {
	r.t.Helper()
	return r.client(append(options, r.login(WallboardFile))...)
}

func (r *running) client(options ...nats.Option) *nats.Conn {
	r.t.Helper()
	nc, err := nats.Connect(r.url, options...)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(nc.Close)
	return nc
}

func (r *running) subscribe(nc *nats.Conn, subject string) *nats.Subscription {
	r.t.Helper()
	sub, err := nc.SubscribeSync(subject)
	if err == nil {
		err = nc.Flush()
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return sub
}

func next[M any](t testing.TB, sub *nats.Subscription) M {
	t.Helper()
	msg, err := sub.NextMsg(5 * time.Second)
	if err != nil {
		t.Fatalf("%s: %v", sub.Subject, err)
	}
	return decode[M](t, msg.Data)
}

func decode[M any](t testing.TB, b []byte) M {
	t.Helper()
	var m M
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return m
}

// ask requests a subject's snapshot.
func ask[M any](r *running, nc *nats.Conn, subject string, body string) M {
	r.t.Helper()
	msg, err := nc.Request(subject, []byte(body), 5*time.Second)
	if err != nil {
		r.t.Fatalf("%s: %v", subject, err)
	}
	return decode[M](r.t, msg.Data)
}
