package web

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tallyd/connectors/api"
	"tallyd/connectors/web/client"
)

type contactsInput struct {
	link

	From    time.Time `query:"from" doc:"beginning of the span in which contacts ended; none: local midnight"`
	To      time.Time `query:"to" doc:"end of the span; none: now"`
	Kind    string    `query:"kind" default:"visit" enum:"visit,call" doc:"stays in queues, or calls outside them"`
	Switch  string    `query:"switch" maxLength:"256"`
	Queue   []string  `query:"queue,explode" maxItems:"1000" doc:"may be given several times; none: all"`
	Agent   string    `query:"agent" maxLength:"256" doc:"who answered, or whose call it is"`
	Rung    string    `query:"rung" maxLength:"256" doc:"who was rung for it, whoever answered"`
	Outcome []string  `query:"outcome,explode" maxItems:"20" doc:"answered, abandoned, timed_out, …; may be given several times, or separated by commas; none: all"`
	Caller  string    `query:"caller" maxLength:"64" doc:"the whole number, as the switch writes it"`
	Below   float64   `query:"mos_below" minimum:"0" maximum:"5" doc:"with audio that was measured, and had a mean opinion score below this"`
	Back    string    `query:"call_back" enum:"told,due" doc:"what came of callers who were lost: told of each; due: those alone whom nobody has talked to within 30 days. Where all were reached an answer may have fewer contacts than its limit, and more may come after it"`
	Order   string    `query:"order" default:"oldest" enum:"oldest,newest" doc:"by when they ended"`
	Unseen  bool      `query:"unseen" doc:"with the spans in which switches could not be seen"`
	Limit   int       `query:"limit" default:"1000" minimum:"1" maximum:"10000" doc:"contacts of an answer"`
	Cursor  string    `query:"cursor" maxLength:"2048" doc:"of the answer before; the header Link has the whole address"`
}

type contactsOutput struct {
	Link string `header:"Link" doc:"the next answer, rel=next; none after the last"`
	Body client.Contacts
}

func (s *Server) registerContacts() {
	op := operation("contacts", "/contacts", "Contacts", "What became of single callers, in the order in which it ended, or the latest first. A supervisor gets those of agents who are in the own teams now, and callers "+
		"whom nobody answered; an agent its own. Of calls for which such an agent was rung they see neither who else answered nor how that went. Reading is noted in the audit log.", api.AskContacts)
	huma.Register(s.api, op, s.contacts)
}

func (s *Server) contacts(ctx context.Context, in *contactsInput) (*contactsOutput, error) {
	q := api.ContactQuery{From: in.From, To: in.To, Kind: in.Kind, Switch: in.Switch, Queues: in.Queue, Agent: in.Agent, Rung: in.Rung, Outcomes: commas(in.Outcome),
		Caller: in.Caller, MOSBelow: in.Below, CallBack: in.Back, Newest: in.Order == "newest", Unseen: in.Unseen, Limit: in.Limit}
	if in.Cursor != "" {
		c, err := readCursor[api.ContactPlace](in.Cursor)
		if err != nil {
			return nil, problem(&api.BadQuestion{Err: err})
		}
		q.From, q.To, q.After = c.From, c.To, c.After
	}
	if q.To.IsZero() {
		q.To = s.cfg.Service.Now() // the same for all answers
	}
	list, err := viewOf(ctx).Contacts(ctx, q)
	if err != nil {
		return nil, problem(err)
	}
	out := &contactsOutput{Body: client.Contacts{Stamp: s.stamp(), ContactList: list}}
	if list.Next != nil {
		out.Body.Cursor = cursor[api.ContactPlace]{q.From, q.To, list.Next}.String()
		out.Link = in.next("cursor", out.Body.Cursor)
	}
	return out, nil
}
