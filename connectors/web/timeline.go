package web

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tallyd/connectors/api"
)

type timelineInput struct {
	Agent string    `query:"agent" required:"true" minLength:"1" maxLength:"256"`
	From  time.Time `query:"from" doc:"beginning of the span; none: local midnight"`
	To    time.Time `query:"to" doc:"end of the span, up to eight days later; none: now"`
}

type timelineOutput struct{ Body *api.Timeline }

func (s *Server) registerTimeline() {
	op := operation("timeline", "/agents/timeline", "An agent's day", "What an agent did one moment after another, and when nobody could see it. A supervisor gets this of who is in the own teams now, "+
		"an agent of itself. Reading is noted in the audit log.", api.AskContacts)
	huma.Register(s.api, op, func(ctx context.Context, in *timelineInput) (*timelineOutput, error) {
		list, err := viewOf(ctx).Timeline(ctx, api.TimelineQuery{Agent: in.Agent, From: in.From, To: in.To})
		if err != nil {
			return nil, problem(err)
		}
		return &timelineOutput{list}, nil
	})
}
