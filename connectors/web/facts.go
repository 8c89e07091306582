package web

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tallyd/connectors/api"
	"tallyd/connectors/web/client"
	"tallyd/metrics"
)

type factsInput struct {
	link

	From   time.Time `query:"from" doc:"beginning of the span in which it happened; none: local midnight"`
	To     time.Time `query:"to" doc:"end of the span; none: now"`
	Kind   string    `query:"kind" enum:"survey,disposition,training,form" doc:"none: all"`
	Agent  string    `query:"agent" maxLength:"256" doc:"of whom; none: all that the token may see"`
	Limit  int       `query:"limit" default:"1000" minimum:"1" maximum:"10000" doc:"facts of an answer"`
	Cursor string    `query:"cursor" maxLength:"2048" doc:"of the answer before; the header Link has the whole address"`
}

type factsOutput struct {
	Link string `header:"Link" doc:"the next answer, rel=next; none after the last"`
	Body client.Facts
}

type exportInput struct {
	link

	From  time.Time `query:"from" doc:"beginning of the span, widened to a whole quarter hour; none: local midnight"`
	To    time.Time `query:"to" doc:"end of the span; none: now, with what is under way"`
	Calls bool      `query:"calls" doc:"with what the callers of each queue came to in each hour: those who lead may be appraised by it"`
	Limit int       `query:"limit" default:"10000" minimum:"1" maximum:"100000" doc:"about how many lines an answer has: whole hours, or one. Where more is true, ask again from its to; the header Link says how"`
}

type exportOutput struct {
	Link string `header:"Link" doc:"the next answer, rel=next; none after the last"`
	Body client.Export
}

func (s *Server) registerFacts() {
	op := operation("facts", "/facts", "What others told", "Surveys, dispositions, training and forms that were fed in, in the order in which they happened. A supervisor gets those about "+
		"who is in the own teams now; an agent its own, without who rated it. Reading is noted in the audit log.", api.AskFacts)
	huma.Register(s.api, op, s.facts)
	op = operation("export", "/export", "What appraisals rest on", "Line by line what each agent did in each hour of local time for each queue, and what others told: the lines of an agent add up to the "+
		"agent's figures. Reading is noted in the audit log.", api.Export)
	huma.Register(s.api, op, s.export)
}

func (s *Server) facts(ctx context.Context, in *factsInput) (*factsOutput, error) {
	q := api.FactQuery{From: in.From, To: in.To, Kind: in.Kind, Agent: in.Agent, Limit: in.Limit}
	if in.Cursor != "" {
		c, err := readCursor[api.FactPlace](in.Cursor)
		if err != nil {
			return nil, problem(&api.BadQuestion{Err: err})
		}
		q.From, q.To, q.After = c.From, c.To, c.After
	}
	if q.To.IsZero() {
		q.To = s.cfg.Service.Now() // the same for all answers
	}
	list, err := viewOf(ctx).Facts(ctx, q)
	if err != nil {
		return nil, problem(err)
	}
	out := &factsOutput{Body: client.Facts{Stamp: s.stamp(), FactList: list}}
	if list.Next != nil {
		out.Body.Cursor = cursor[api.FactPlace]{q.From, q.To, list.Next}.String()
		out.Link = in.next("cursor", out.Body.Cursor)
	}
	return out, nil
}

func (s *Server) export(ctx context.Context, in *exportInput) (*exportOutput, error) {
	list, err := viewOf(ctx).Export(ctx, api.ExportQuery{From: in.From, To: in.To, Limit: in.Limit, Calls: in.Calls})
	if err != nil {
		return nil, problem(err)
	}
	out := &exportOutput{Body: client.Export{Stamp: s.stamp(), ExportList: list}}
	if list.More {
		out.Link = in.next("from", metrics.Millis(list.To).Time().Format(time.RFC3339Nano))
	}
	return out, nil
}
