package web

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tallyd/connectors/api"
	"tallyd/connectors/web/client"
)

type namesInput struct {
	Name []string `query:"name,explode" maxItems:"1000" doc:"may be given several times; none: all that the token may see"`
}

type agentsOutput struct{ Body []api.AgentState }
type queuesOutput struct{ Body []api.QueueState }
type siteOutput struct{ Body api.SiteState }

// registerPresent adds what is so now. These messages are the same as those on
// NATS, but have no run, no sequence and no previous state: they are no events.
func (s *Server) registerPresent() {
	huma.Register(s.api, operation("agents", "/agents", "Agents' present states", "Who is doing what, in the order of names. A supervisor gets who is in the own teams now, an agent itself.", api.SeeAgents),
		func(ctx context.Context, in *namesInput) (*agentsOutput, error) {
			view := viewOf(ctx)
			view.SeenAgents(in.Name...)
			return &agentsOutput{s.agents(view, in.Name)}, nil
		})
	huma.Register(s.api, operation("queues", "/queues", "Queues' present states", "Who waits, for how long, and who works on the queue's calls, in the order of names.", api.SeeQueues),
		func(_ context.Context, in *namesInput) (*queuesOutput, error) {
			return &queuesOutput{s.queues(in.Name)}, nil
		})
	huma.Register(s.api, operation("site", "/site", "The site's present state", "Everybody together, and how the switches fare.", api.SeeSite),
		func(context.Context, *struct{}) (*siteOutput, error) {
			return &siteOutput{s.site()}, nil
		})
}

func (s *Server) header() api.Header {
	return api.Header{V: api.Schema, At: api.MomentOf(s.cfg.Service.Now()), Site: s.cfg.Service.Site()}
}

// stamp is what answers about the past begin with.
func (s *Server) stamp() client.Stamp {
	return client.Stamp{V: api.Schema, Site: s.cfg.Service.Site()}
}

func (s *Server) agents(view *api.View, names []string) []api.AgentState {
	var p api.Present
	s.cfg.Service.Look(&p)
	people, h := view.People(), s.header()
	out := []api.AgentState{}
	for i := range p.Agents {
		if a := &p.Agents[i]; people.Has(a.Name) && (len(names) == 0 || slices.Contains(names, a.Name)) {
			m := a.Message(nil)
			m.Header = h
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b api.AgentState) int { return cmp.Compare(a.Agent, b.Agent) })
	return out
}

func (s *Server) queues(names []string) []api.QueueState {
	var p api.Present
	s.cfg.Service.Look(&p)
	h := s.header()
	out := []api.QueueState{}
	for i := range p.Queues {
		if q := &p.Queues[i]; len(names) == 0 || slices.Contains(names, q.Name) {
			m := q.Message()
			m.Header = h
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b api.QueueState) int { return cmp.Compare(a.Queue, b.Queue) })
	return out
}

func (s *Server) site() api.SiteState {
	var p api.Present
	s.cfg.Service.Look(&p)
	m := p.Site.Message(s.cfg.Service.Health())
	m.Header = s.header()
	return m
}

type rosterInput struct {
	At time.Time `query:"at" doc:"the moment; none: now"`
}

type rosterOutput struct{ Body *api.RosterList }

func (s *Server) registerRoster() {
	huma.Register(s.api, operation("roster", "/roster", "The roster", "Who is who at a moment, in the order of ids. A supervisor gets who is in the own teams now, an agent itself.", api.SeeRoster),
		func(ctx context.Context, in *rosterInput) (*rosterOutput, error) {
			list, err := viewOf(ctx).Roster(in.At)
			if err != nil {
				return nil, problem(err)
			}
			return &rosterOutput{list}, nil
		})
}

type healthOutput struct{ Body client.Health }

func (s *Server) registerHealth() {
	huma.Register(s.api, operation("health", "/health", "How the daemon fares", "Each switch: whether it is connected, what was missed, what cannot be seen; the store; and the alerts.", api.SeeSite),
		func(context.Context, *struct{}) (*healthOutput, error) {
			service := s.cfg.Service
			out := &healthOutput{client.Health{Header: s.header(), Switches: service.Health(), Pending: service.Pending(), Store: service.StoreHealth(), Alerts: service.AlertsHealth()}}
			if s.cfg.Bus != nil {
				b := s.cfg.Bus()
				out.Body.NATS = &client.NATSHealth{Connected: b.Connected, Streams: b.Records}
			}
			return out, nil
		})
}
