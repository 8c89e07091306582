package api

import (
	"context"
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tallyd/metrics"
	"tallyd/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lab is a site without switches: a store, an intake, and trackers that the test
// feeds.
type lab struct {
	t        testing.TB
	now      metrics.Millis
	intake   *Intake
	store    *storage.Store
	switches []*labSwitch
	service  *Service
	badly    func() uint16 // how well the next call is heard; nil: nobody measures
}

type labSwitch struct {
	lab     *lab
	name    string
	names   *metrics.Names
	tracker *metrics.Tracker
	visits  int
}

// labStart is the beginning of a local day in the lab's zone, UTC+8.
var labStart = metrics.MillisOf(time.Date(2026, 9, 30, 16, 0, 0, 0, time.UTC))

func newLab(t testing.TB, switches ...string) *lab {
	t.Helper()
	store, err := storage.Open(context.Background(), storage.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	l := &lab{t: t, now: labStart + 9*3600*1000, store: store, intake: NewIntake(store, nil)}
	var sources []Source
	for _, name := range switches {
		s := &labSwitch{lab: l, name: name, names: metrics.NewNames()}
		s.tracker = metrics.NewTracker(s.names, metrics.Options{Switch: name, Sealed: l.intake.Take})
		l.switches = append(l.switches, s)
		sources = append(sources, Source{Name: name, Tracker: s.tracker})
	}
	l.service = New(Config{
		Site: "main", Zone: time.FixedZone("UTC+8", 8*3600), Store: store, Intake: l.intake, Sources: sources,
		Now: func() time.Time { return l.now.Time() },
	})
	return l
}

// pass moves the clock, and tells every switch's tracker.
func (l *lab) pass(ms metrics.Millis) {
	l.now += ms
	for _, s := range l.switches {
		s.tracker.Apply(&metrics.Event{Kind: metrics.ClockTick, At: l.now})
	}
}

func (s *labSwitch) apply(e metrics.Event) {
	if e.At == 0 {
		e.At = s.lab.now
	}
	s.tracker.Apply(&e)
}

func (s *labSwitch) agent(name string) metrics.AgentID {
	return metrics.AgentID(s.names.InternString(metrics.AgentName, name))
}

func (s *labSwitch) queue(name string) metrics.QueueID {
	return metrics.QueueID(s.names.InternString(metrics.QueueName, name))
}

func (s *labSwitch) ready(agent string) {
	s.apply(metrics.Event{Kind: metrics.AgentStatus, Agent: s.agent(agent), Status: metrics.Ready})
}

func (s *labSwitch) join(queue string) metrics.ID {
	s.visits++
	id := metrics.IDString(fmt.Sprintf("%s-%d", s.name, s.visits))
	s.apply(metrics.Event{Kind: metrics.VisitJoined, Visit: id, Leg: id, Queue: s.queue(queue), Caller: metrics.MakeCaller([]byte("13912345678"))})
	return id
}

func (s *labSwitch) abandon(visit metrics.ID) {
	s.apply(metrics.Event{Kind: metrics.VisitLeft, Visit: visit, Outcome: metrics.Abandoned})
}

func (s *labSwitch) offer(visit metrics.ID, agent string) {
	s.apply(metrics.Event{Kind: metrics.OfferStarted, Visit: visit, Agent: s.agent(agent)})
}

func (s *labSwitch) connect(visit metrics.ID, agent string) {
	leg := metrics.IDString("agent-leg-" + visit.String())
	s.apply(metrics.Event{Kind: metrics.OfferAnswered, Visit: visit, Agent: s.agent(agent), Peer: leg})
	s.apply(metrics.Event{Kind: metrics.Connected, Visit: visit, Agent: s.agent(agent)})
}

func (s *labSwitch) end(visit metrics.ID, agent string) {
	s.apply(metrics.Event{Kind: metrics.Disconnected, Visit: visit, Agent: s.agent(agent), By: metrics.Self})
	s.apply(metrics.Event{Kind: metrics.VisitLeft, Visit: visit, Outcome: metrics.Answered})
	s.apply(metrics.Event{Kind: metrics.LegEnded, Leg: visit, By: metrics.Switch})
}

// call is a whole answered call of wait + talk.
func (s *labSwitch) call(queue, agent string, wait, talk metrics.Millis) {
	v := s.join(queue)
	s.offer(v, agent)
	s.lab.pass(wait)
	s.connect(v, agent)
	s.lab.pass(talk)
	s.end(v, agent)
	if f := s.lab.badly; f != nil {
		s.media(v.String(), f())
	}
}

// media tells how a visit was heard.
func (s *labSwitch) media(visit string, mos uint16) {
	s.apply(metrics.Event{Kind: metrics.LegMedia, Leg: metrics.IDString(visit), Media: metrics.Media{MOS: mos}})
}

func (l *lab) kpi(q KPIQuery) *KPIResult {
	l.t.Helper()
	r, err := l.service.KPI(context.Background(), q)
	if err != nil {
		l.t.Fatal(err)
	}
	return r
}

// row finds a row by name.
func (l *lab) row(q KPIQuery, name string) KPIRow {
	l.t.Helper()
	for _, r := range l.kpi(q).Rows {
		if r.Name == name {
			return r
		}
	}
	l.t.Fatalf("there is no row %q", name)
	return KPIRow{}
}

func (l *lab) want(row KPIRow, id string, want float64) {
	l.t.Helper()
	switch v, ok := row.KPIs[id]; {
	case !ok:
		l.t.Errorf("%s of %q is missing", id, row.Name)
	case v == nil:
		l.t.Errorf("%s of %q is null, want %v", id, row.Name, want)
	case *v != want:
		l.t.Errorf("%s of %q is %v, want %v", id, row.Name, *v, want)
	}
}
