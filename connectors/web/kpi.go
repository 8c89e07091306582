package web

import (
	"context"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tallyd/connectors/api"
	"tallyd/connectors/web/client"
	"tallyd/metrics"
)

type kpiInput struct {
	link

	Kind      string    `query:"kind" default:"queue" enum:"queue,agent,team,role,site" doc:"what the rows are of"`
	Name      []string  `query:"name,explode" maxItems:"1000" doc:"whose figures; may be given several times; none: all that the token may see"`
	From      time.Time `query:"from" doc:"beginning of the span, widened to a whole quarter hour; none: local midnight"`
	To        time.Time `query:"to" doc:"end of the span; none: now, with what is under way"`
	Step      string    `query:"step" enum:"15m,hour,shift,day,week,month" doc:"cuts the span into periods of local time, each with rows of its own"`
	TimeZone  string    `query:"time_zone" maxLength:"64" doc:"whose local time, such as Asia/Shanghai; none: the site's"`
	KPI       []string  `query:"kpi,explode" maxItems:"100" doc:"ids of the catalogue (operation catalogue), which choose the formula too; may be given several times, or separated by commas; none: all that the kind has but those of contacts"`
	Threshold int64     `query:"threshold_ms" minimum:"0" maximum:"3600000" doc:"service-level threshold instead of each queue's own, in milliseconds"`
	Counters  bool      `query:"counters" default:"true" doc:"whether rows have the counters, too"`
	Limit     int       `query:"limit" default:"1000" minimum:"1" maximum:"200000" doc:"about how many rows an answer has where the span is cut up: whole periods, or one. Where more is true, ask again from its to; the header Link says how"`
}

type kpiOutput struct {
	Link string `header:"Link" doc:"the next answer, rel=next; none after the last"`
	Body client.KPIs
}

func (s *Server) registerKPI() {
	op := operation("kpi", "/kpi", "Figures over a span",
		"Figures of queues, agents, teams, roles or the site over any span. A supervisor gets queues, the site, the own teams and who is in them now; an agent itself; a wallboard queues and the site.", api.AskKPI)
	huma.Register(s.api, op, s.kpi)
}

func (s *Server) kpi(ctx context.Context, in *kpiInput) (*kpiOutput, error) {
	result, err := viewOf(ctx).KPI(ctx, api.KPIQuery{Kind: in.Kind, Names: in.Name, From: in.From, To: in.To, Step: in.Step, Zone: in.TimeZone,
		KPIs: commas(in.KPI), Threshold: metrics.Millis(in.Threshold), Bare: !in.Counters, Limit: in.Limit})
	if err != nil {
		return nil, problem(err)
	}
	out := &kpiOutput{Body: client.KPIs{Stamp: s.stamp(), KPIResult: result, Health: s.cfg.Service.Health()}}
	if result.More {
		out.Link = in.next("from", metrics.Millis(result.To).Time().Format(time.RFC3339Nano))
	}
	if store := s.cfg.Service.StoreHealth(); store != nil {
		out.Body.Problems = store.Problems
	}
	return out, nil
}

// commas takes apart what may be separated by commas.
func commas(list []string) (out []string) {
	for _, x := range list {
		out = append(out, strings.Split(x, ",")...)
	}
	return out
}

type catalogueOutput struct{ Body []client.Figure }

func (s *Server) registerCatalogue() {
	op := operation("catalogue", "/catalogue", "The catalogue of figures", "Every figure by the id of its formula. It says nothing about anybody, and needs no token.", "")
	op.Metadata, op.Security, op.Errors = nil, nil, nil
	huma.Register(s.api, op, func(context.Context, *struct{}) (*catalogueOutput, error) {
		out := &catalogueOutput{Body: []client.Figure{}}
		for _, k := range metrics.Catalogue() {
			f := client.Figure{ID: k.ID, Formula: k.Formula, Unit: k.Unit, Direction: k.Direction, Source: k.Source, Meaning: k.Doc}
			for _, r := range k.Rows {
				f.Of = append(f.Of, r.String())
			}
			out.Body = append(out.Body, f)
		}
		return out, nil
	})
}
