package web

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"tallyd/connectors/api"
)

type switchInput struct{ Body api.SwitchSettings }

type switchOutput struct{ Body *api.SwitchTrial }

type rosterTrialInput struct {
	Body struct {
		Text string `json:"text" maxLength:"1000000" doc:"a roster as YAML, or as CSV whose first line names the columns"`
	}
}

type rosterTrialOutput struct{ Body *api.RosterTrial }

func (s *Server) registerSetup() {
	op := operation("try-switch", "/setup/switch", "Try a switch", "Attaches to a switch for some seconds, only reading, and tells what was seen, what is missing, and what to write into the configuration.", api.SetUp)
	op.Method = http.MethodPost
	huma.Register(s.api, op, func(ctx context.Context, in *switchInput) (*switchOutput, error) {
		out, err := viewOf(ctx).TrySwitch(ctx, in.Body)
		if err != nil {
			return nil, problem(err)
		}
		return &switchOutput{out}, nil
	})
	op = operation("try-roster", "/setup/roster", "Try a roster", "Says everything that is wrong with a roster, with its place, and makes YAML of CSV. It changes nothing.", api.SetUp)
	op.Method = http.MethodPost
	huma.Register(s.api, op, func(ctx context.Context, in *rosterTrialInput) (*rosterTrialOutput, error) {
		out, err := viewOf(ctx).TryRoster(in.Body.Text)
		if err != nil {
			return nil, problem(err)
		}
		return &rosterTrialOutput{out}, nil
	})
}
