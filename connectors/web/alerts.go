package web

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"tallyd/connectors/api"
	"tallyd/connectors/web/client"
)

type alertsOutput struct{ Body client.Alerts }

func (s *Server) registerAlerts() {
	op := operation("alerts", "/alerts", "What is raised", "The alerts that are raised now, oldest first, and the latest hundred that cleared, latest first. A supervisor gets those about queues, the site and who is in "+
		"the own teams now; an agent those about itself; a wallboard none about agents. Reading those about agents is noted in the audit log.", api.SeeAlerts)
	huma.Register(s.api, op, s.alerts)
}

func (s *Server) alerts(ctx context.Context, _ *struct{}) (*alertsOutput, error) {
	list, err := viewOf(ctx).Alerts()
	if err != nil {
		return nil, problem(err)
	}
	h := s.header()
	for _, l := range [][]api.AlertState{list.Active, list.Cleared} {
		for i := range l {
			l[i].Header = h
		}
	}
	return &alertsOutput{client.Alerts{Header: h, AlertList: list}}, nil
}
