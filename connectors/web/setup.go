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

type rosterWriteInput struct {
	Body struct {
		Text string `json:"text" maxLength:"1000000" minLength:"1" doc:"a roster as YAML, or as CSV whose first line names the columns"`
		Over string `json:"over" maxLength:"64" minLength:"1" doc:"as trying it said"`
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
	op = operation("try-roster", "/setup/roster", "Try a roster", "Says everything that is wrong with a roster, with its place, and what it would change. CSV is put into the roster that there is. It changes nothing.", api.SetUp)
	op.Method = http.MethodPost
	huma.Register(s.api, op, func(ctx context.Context, in *rosterTrialInput) (*rosterTrialOutput, error) {
		out, err := viewOf(ctx).TryRoster(in.Body.Text)
		if err != nil {
			return nil, problem(err)
		}
		return &rosterTrialOutput{out}, nil
	})
	op = operation("write-roster", "/setup/roster", "Write the roster", "Puts a roster that was tried into the file that the configuration names, and into force; the one before stays beside it, with ~ behind its name. "+
		"409 says that the file was changed since it was tried. Nothing is written of a roster with faults. Writing is noted in the audit log.", api.SetUp)
	op.Method = http.MethodPut
	huma.Register(s.api, op, func(ctx context.Context, in *rosterWriteInput) (*rosterTrialOutput, error) {
		out, err := viewOf(ctx).WriteRoster(in.Body.Text, in.Body.Over)
		if err != nil {
			return nil, problem(err)
		}
		return &rosterTrialOutput{out}, nil
	})
}
