package web

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2/sse"

	"tallyd/connectors/api"
	"tallyd/connectors/web/client"
)

// eventsPath is that of the events.
const eventsPath = "/events"

// aliveEvery is how often events are sent at the least, and how often it is looked
// at whether the token is still one and whose states it may see.
const aliveEvery = 5 * time.Second

type eventsInput struct {
	Agents bool `query:"agents" default:"true" doc:"agents' states, of those whom the token may see"`
	Queues bool `query:"queues" default:"true" doc:"queues' states"`
	Site   bool `query:"site" default:"true" doc:"the site's state, and the switches'"`
	Alerts bool `query:"alerts" default:"true" doc:"alerts that are raised, and when they clear, as far as the token may see them"`
	KPI    bool `query:"kpi" doc:"the figures of the day, too, of the agents and queues"`
}

func (s *Server) registerEvents() {
	op := operation("events", eventsPath, "Changes, as server-sent events", "Everything that is so, and then every change: each event is a whole state and replaces the one before of the same name. "+
		"Events: agent, queue, site, alert, figures, alive. Whoever does not read is cut off, and gets everything again on coming back.", presence)
	op.Errors = []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests}
	sse.Register(s.api, op, map[string]any{"agent": api.AgentState{}, "queue": api.QueueState{}, "site": api.SiteState{}, "alert": api.AlertState{}, "figures": api.Figures{}, "alive": client.Alive{}},
		func(ctx context.Context, in *eventsInput, send sse.Sender) {
			s.events(ctx, in, send)
		})
}

// endless lets a request and its answer last.
func endless(w http.ResponseWriter) {
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Time{}) // each event has a deadline of its own
	_ = c.SetWriteDeadline(time.Time{})
}

// events sends until either side ends.
func (s *Server) events(ctx context.Context, in *eventsInput, send sse.Sender) {
	g := guestOf(ctx)
	want := wants{agents: in.Agents && g.view.May(api.SeeAgents) == nil, queues: in.Queues && g.view.May(api.SeeQueues) == nil,
		site: in.Site && g.view.May(api.SeeSite) == nil, figures: in.KPI, alerts: in.Alerts && g.view.May(api.SeeAlerts) == nil}
	if who := g.view.Who(); want.agents || want.alerts && who.SeesAlerts(api.Agents) {
		g.view.SeenAgents()
	}
	people := g.view.People()
	sub := s.live.subscribe(want)
	defer s.live.unsubscribe(sub)
	tick := time.NewTicker(aliveEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.ending.Done():
			return
		case e, open := <-sub.events:
			if !open {
				return // it did not read
			}
			if e.agent != "" && !people.Has(e.agent) {
				continue
			}
			if m, is := e.message.(api.AlertState); is && !g.view.SeesAlert(people, m.Of, m.Subject) {
				continue
			}
			if send.Data(e.message) != nil {
				return
			}
		case <-tick.C:
			people = g.view.People()
			if !s.stays(g) || send.Data(client.Alive{Header: s.header()}) != nil {
				return
			}
		}
	}
}
