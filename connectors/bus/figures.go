package bus

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"tallyd/connectors/api"
)

// figuresEvery is how often the day's figures are looked at, and so the least
// time between two messages of one subject.
const figuresEvery = time.Second

// figures publishes the day's figures as they change.
type figures struct {
	bus   *Bus
	nc    *nats.Conn
	watch *api.DayWatch

	mu     sync.Mutex
	from   api.Moment
	queues map[string]*figure
	agents map[string]*figure
	order  []*figure // of first sight
}

// figure is one subject's figures.
type figure struct {
	kind, subject string
	row           api.KPIRow
	seq           uint64
	sent          []byte // the figures of the last message, without its header
	waiting       bool
}

func newFigures(b *Bus, nc *nats.Conn) *figures {
	return &figures{bus: b, nc: nc, watch: b.cfg.Service.WatchDay(), queues: map[string]*figure{}, agents: map[string]*figure{}}
}

func (f *figures) run(ctx context.Context) {
	tick := time.NewTicker(figuresEvery)
	defer tick.Stop()
	unread := api.OnceOnly(f.bus.cfg.Logger, "the day's figures cannot be read")
	for {
		// Looked at also while nobody can be told: what is not looked at piles up.
		if err := f.look(ctx); ctx.Err() == nil {
			unread(err)
		}
		if f.nc.IsConnected() {
			f.publish()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (f *figures) look(ctx context.Context) error {
	change, err := f.watch.Changed(ctx)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.from = change.From
	for i := range change.Queues {
		f.note(f.queues, api.Queues, change.Queues[i])
	}
	for i := range change.Agents {
		f.note(f.agents, api.Agents, change.Agents[i])
	}
	return nil
}

func (f *figures) publish() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, g := range f.order {
		if g.waiting {
			f.send(g)
		}
	}
}

func (f *figures) note(m map[string]*figure, kind string, row api.KPIRow) {
	g := m[row.Name]
	if g == nil {
		g = &figure{kind: kind}
		if kind == api.Queues {
			g.subject = f.bus.subjects.QueueKPI(row.Name)
		} else {
			g.subject = f.bus.subjects.AgentKPI(row.Name)
		}
		m[row.Name] = g
		f.order = append(f.order, g)
	}
	g.row, g.waiting = row, true
}

// send publishes figures that differ from those of the last message.
func (f *figures) send(g *figure) {
	m := f.message(g.kind, g.row)
	body, err := json.Marshal(m) // the header is empty yet
	if err != nil || g.seq != 0 && bytes.Equal(body, g.sent) {
		g.waiting = false
		return
	}
	m.Header = f.bus.header(g.seq + 1)
	if publish(f.nc, f.bus.cfg.Logger, g.subject, m) {
		g.seq++
		g.sent, g.waiting = body, false
	}
}

func (f *figures) message(kind string, row api.KPIRow) api.Figures {
	m := api.Figures{From: f.from, Counters: row.Counters, KPIs: row.KPIs}
	if kind == api.Queues {
		m.Queue = row.Name
	} else {
		m.Agent = row.Name
	}
	return m
}

// named answers with a name's figures, all null where there are none yet.
func (f *figures) named(kind, name string) api.Figures {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := f.agents
	if kind == api.Queues {
		known = f.queues
	}
	g := known[name]
	if g == nil {
		g = &figure{kind: kind, row: f.watch.Row(kind, name)}
	}
	m := f.message(kind, g.row)
	m.Header = f.bus.header(g.seq)
	return m
}
