package web

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"tallyd/connectors/web/client"
)

type namesOutput struct{ Body client.Names }

func (s *Server) registerNames() {
	op := operation("names", "/names", "What is shown beside the states", "What agents and teams are called now, of those whose states the token may see, and by what service level each queue is measured.", presence)
	huma.Register(s.api, op, func(ctx context.Context, _ *struct{}) (*namesOutput, error) {
		list, err := viewOf(ctx).Names()
		if err != nil {
			return nil, problem(err)
		}
		return &namesOutput{client.Names{Stamp: s.stamp(), NameList: list}}, nil
	})
}
