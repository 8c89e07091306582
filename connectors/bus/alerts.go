package bus

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"tallyd/connectors/api"
)

// alertsAgainEvery is how often what could not be published is tried again.
const alertsAgainEvery = time.Second

// AlertsAnswer is what snapshot.alerts answers.
type AlertsAnswer struct {
	api.Header
	*api.AlertList
}

// alertStreams publishes what is raised and what clears. A subject's latest message
// tells how its alert is: where several changes wait for a connection, the last of them
// is published.
type alertStreams struct {
	bus *Bus
	nc  *nats.Conn

	mu      sync.Mutex
	next    uint64                  // the first change that is not taken yet
	streams map[string]*alertStream // by their subjects
	waiting []*alertStream          // in the order of their changes
}

type alertStream struct {
	subject string
	seq     uint64
	state   api.AlertState // with the header of the last message
	waits   bool
}

func newAlertStreams(b *Bus, nc *nats.Conn) *alertStreams {
	return &alertStreams{bus: b, nc: nc, streams: map[string]*alertStream{}}
}

func (a *alertStreams) run(ctx context.Context) {
	changed, stop := a.bus.cfg.Service.WatchAlerts()
	defer stop()
	again := time.NewTicker(alertsAgainEvery)
	defer again.Stop()
	for {
		a.take()
		if a.nc.IsConnected() {
			a.publish()
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-again.C:
		}
	}
}

// take takes what changed.
func (a *alertStreams) take() {
	a.mu.Lock()
	defer a.mu.Unlock()
	var list []api.AlertState
	list, a.next = a.bus.cfg.Service.AlertChanges(a.next)
	for _, m := range list {
		subject := a.bus.subjects.Alert(m.Rule, m.Of, m.Subject)
		t := a.streams[subject]
		if t == nil {
			t = &alertStream{subject: subject}
			a.streams[subject] = t
		}
		m.Header = t.state.Header
		t.state = m
		if !t.waits {
			t.waits = true
			a.waiting = append(a.waiting, t)
		}
	}
}

// publish sends what waits; what does not go out stays.
func (a *alertStreams) publish() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.waiting) > 0 {
		t := a.waiting[0]
		m := t.state
		m.Header = a.bus.header(t.seq + 1)
		if !publish(a.nc, a.bus.cfg.Logger, t.subject, m) {
			return
		}
		t.seq++
		t.state, t.waits = m, false
		a.waiting = a.waiting[1:]
	}
}

// named answers with the present state of an alert under the number of its last
// message.
func (a *alertStreams) named(r published) (any, error) {
	a.take()
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.streams[a.bus.subjects.Alert(r.rule, r.part, r.name)]
	if t == nil {
		return nil, fmt.Errorf("alert %q has not been raised about %s %q, or had cleared when the daemon began", r.rule, r.part, r.name)
	}
	m := t.state
	m.Header = a.bus.header(t.seq)
	return m, nil
}

// all answers with every alert that may be seen.
func (a *alertStreams) all(view *api.View) (any, error) {
	list, err := view.Alerts()
	if err != nil {
		return nil, err
	}
	a.take()
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, l := range [][]api.AlertState{list.Active, list.Cleared} {
		for i := range l {
			l[i].Header = a.bus.header(0)
			m := &l[i]
			if t := a.streams[a.bus.subjects.Alert(m.Rule, m.Of, m.Subject)]; t != nil && t.state.ID == m.ID && t.state.Event == m.Event {
				m.Seq = t.seq
			}
		}
	}
	return AlertsAnswer{a.bus.header(0), list}, nil
}
