package web

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"tallyd/connectors/api"
	"tallyd/connectors/web/client"
)

type schemesInput struct {
	Scheme   string `query:"scheme" maxLength:"256" doc:"name of one of the site's; none: all"`
	Cycle    string `query:"cycle" maxLength:"256" doc:"that which a cycle was sealed by, and which is kept with it"`
	Revision int64  `query:"revision" default:"-1" minimum:"-1" doc:"of the cycle; -1: the latest"`
}

type schemesOutput struct{ Body client.Schemes }

type historyInput struct {
	Agent string `query:"agent" maxLength:"256" doc:"whose scores; an agent's token need not say"`
	Role  string `query:"role" maxLength:"64" doc:"of the scheme; none: all"`
	Limit int    `query:"limit" default:"24" minimum:"1" maximum:"120" doc:"of cycles, the latest; more tells that there are earlier ones"`
}

type historyOutput struct{ Body client.History }

func (s *Server) registerSchemes() {
	op := operation("schemes", "/schemes", "By what people are appraised", "The schemes of the site as data, or the one that a cycle was sealed by: for each role its indicators with formula, curve, points, weight and minimum, "+
		"the weights of seasons, gates and grades. It says nothing about anybody: whoever may see scores may read it.", api.SeeScores)
	huma.Register(s.api, op, s.schemes)
	op = operation("history", "/scores/history", "Somebody's sealed scores", "The cards of an agent in the periods that were sealed, of each cycle the latest revision, in the order of the periods. Reading is noted in the audit log.", api.SeeScores)
	huma.Register(s.api, op, s.history)
}

func (s *Server) schemes(ctx context.Context, in *schemesInput) (*schemesOutput, error) {
	list, err := viewOf(ctx).Schemes(ctx, api.SchemeQuery{Name: in.Scheme, Cycle: in.Cycle, Revision: revision(in.Revision)})
	if err != nil {
		return nil, problem(err)
	}
	return &schemesOutput{client.Schemes{Stamp: s.stamp(), SchemeList: list}}, nil
}

func (s *Server) history(ctx context.Context, in *historyInput) (*historyOutput, error) {
	list, err := viewOf(ctx).History(ctx, api.HistoryQuery{Agent: in.Agent, Role: in.Role, Limit: in.Limit})
	if err != nil {
		return nil, problem(err)
	}
	return &historyOutput{client.History{Stamp: s.stamp(), History: list}}, nil
}
