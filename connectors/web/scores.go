package web

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"tallyd/connectors/api"
	"tallyd/connectors/web/client"
	"tallyd/rules"
)

// Whose says which scores are asked for.
type Whose struct {
	Cycle     string `query:"cycle" maxLength:"256" doc:"one that was sealed; none: as they stand"`
	Revision  int64  `query:"revision" default:"-1" minimum:"-1" doc:"of the cycle; -1: the latest"`
	Scheme    string `query:"scheme" maxLength:"256" doc:"name of a scheme of the site; none: its first"`
	From      string `query:"from" maxLength:"10" doc:"first day of the period, such as 2026-10-01, in the scheme's time zone; none: the period that holds today"`
	To        string `query:"to" maxLength:"10" doc:"the day after the period's last"`
	Agent     string `query:"agent" maxLength:"256" doc:"whose cards; none: of all whom the token may see"`
	Role      string `query:"role" maxLength:"64" doc:"of the scheme; none: all"`
	Recompute bool   `query:"recompute" doc:"form sealed scores again from what they were made of, which is kept with them: recomputed_sha256 is then what they come to"`
}

func (w *Whose) query() (q api.ScoreQuery, err error) {
	q = api.ScoreQuery{Cycle: w.Cycle, Scheme: w.Scheme, Agent: w.Agent, Role: w.Role, Recompute: w.Recompute}
	q.Revision = revision(w.Revision)
	q.From, q.To, err = period(w.From, w.To)
	return q, err
}

// revision is that of a number, nil for the latest.
func revision(n int64) *uint32 {
	if n < 0 {
		return nil
	}
	r := uint32(min(n, 1<<31))
	return &r
}

// period reads two days, or none.
func period(from, to string) (first, last rules.Date, err error) {
	for _, x := range []struct {
		name, text string
		to         *rules.Date
	}{{"from", from, &first}, {"to", to, &last}} {
		if x.text == "" {
			continue
		}
		if err := x.to.UnmarshalText([]byte(x.text)); err != nil {
			return first, last, problem(&api.BadQuestion{Err: fmt.Errorf("%s %q %w", x.name, x.text, err)})
		}
	}
	return first, last, nil
}

type scoresOutput struct{ Body client.Scores }

type cyclesOutput struct{ Body client.Cycles }

type explainInput struct {
	Whose

	Value  []string `query:"value,explode" maxItems:"50" doc:"what if: INDICATOR:VALUE, as schemes write it, such as fcr:85%"`
	Weight []string `query:"weight,explode" maxItems:"50" doc:"what if: INDICATOR:WEIGHT, such as fcr:30%"`
}

type explainOutput struct{ Body client.Explanation }

type sealInput struct {
	Body struct {
		Scheme string `json:"scheme,omitempty" maxLength:"256" doc:"name of a scheme of the site; none: its first"`
		From   string `json:"from" maxLength:"10" doc:"first day of the period"`
		To     string `json:"to" maxLength:"10" doc:"the day after its last"`
	}
}

func (s *Server) registerScores() {
	op := operation("scores", "/scores", "Cards", "What an appraisal came to, or comes to as it stands: scores, grades, tiers, and what each indicator added. A supervisor gets the cards of who is in the own teams now; an "+
		"agent its own. Reading is noted in the audit log.", api.SeeScores)
	huma.Register(s.api, op, s.scores)
	op = operation("cycles", "/scores/cycles", "Sealed scores", "All periods whose scores were sealed, every revision, in the order in which they were.", api.SeeScores)
	huma.Register(s.api, op, s.cycles)
	op = operation("explain", "/scores/explain", "Why a score is what it is", "One card with each indicator's formula, curve and evidence, what would raise the score most, and what it would be with other values or weights. "+
		"Another scheme's score is asked for as scores as they stand, with scheme, from and to.", api.SeeScores)
	huma.Register(s.api, op, s.explain)
	op = operation("seal", "/scores/seal", "Make scores final", "Forms the scores of a period that is over and stores them, with the scheme, for ever. If they were sealed before and nothing is different, "+
		"that revision is the answer; else this is the next one, beside it.", api.SealScores)
	op.Method = http.MethodPost
	huma.Register(s.api, op, s.seal)
}

func (s *Server) scores(ctx context.Context, in *Whose) (*scoresOutput, error) {
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	list, err := viewOf(ctx).Scores(ctx, q)
	if err != nil {
		return nil, problem(err)
	}
	return &scoresOutput{client.Scores{Stamp: s.stamp(), ScoreList: list}}, nil
}

func (s *Server) cycles(ctx context.Context, _ *struct{}) (*cyclesOutput, error) {
	list, err := viewOf(ctx).Cycles(ctx)
	if err != nil {
		return nil, problem(err)
	}
	return &cyclesOutput{client.Cycles{Stamp: s.stamp(), Cycles: list}}, nil
}

func (s *Server) explain(ctx context.Context, in *explainInput) (*explainOutput, error) {
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	ask := api.ExplainQuery{ScoreQuery: q, Values: pairs(in.Value), Weights: pairs(in.Weight)}
	out, err := viewOf(ctx).Explain(ctx, ask)
	if err != nil {
		return nil, problem(err)
	}
	return &explainOutput{client.Explanation{Stamp: s.stamp(), ExplainResult: out}}, nil
}

// pairs takes NAME:VALUE apart.
func pairs(list []string) map[string]string {
	out := map[string]string{}
	for _, p := range list {
		name, value, _ := strings.Cut(p, ":")
		out[name] = value
	}
	return out
}

func (s *Server) seal(ctx context.Context, in *sealInput) (*scoresOutput, error) {
	q := api.ScoreQuery{Scheme: in.Body.Scheme}
	var err error
	if q.From, q.To, err = period(in.Body.From, in.Body.To); err != nil {
		return nil, err
	}
	list, err := viewOf(ctx).Seal(ctx, q)
	if err != nil {
		return nil, problem(err)
	}
	return &scoresOutput{client.Scores{Stamp: s.stamp(), ScoreList: list}}, nil
}
