package bus

import (
	"context"
	"time"

	"tallyd/connectors/api"
	"tallyd/metrics"
)

// KPIRequest is what query.kpi is asked with. Unknown fields are errors.
type KPIRequest struct {
	Kind      string         `json:"kind"`            // queue, agent, team, role or site
	Names     []string       `json:"names,omitempty"` // none: all
	From      time.Time      `json:"from,omitzero"`   // none: local midnight
	To        time.Time      `json:"to,omitzero"`     // none: now
	Step      string         `json:"step,omitempty"`  // 15m, hour, shift, day, week or month; none: one row for the span
	KPIs      []string       `json:"kpis,omitempty"`  // none: all that the kind has but those of contacts
	Threshold metrics.Millis `json:"threshold_ms,omitempty"`
}

// KPIAnswer is what query.kpi answers.
type KPIAnswer struct {
	api.Header
	*api.KPIResult
	Health []api.SwitchHealth `json:"switches"`
	// Problems are what is wrong with the store.
	Problems []string `json:"store_problems,omitempty"`
}

// ContactsRequest is what query.contacts is asked with.
type ContactsRequest struct {
	From     time.Time `json:"from,omitzero"`
	To       time.Time `json:"to,omitzero"`
	Kind     string    `json:"kind,omitempty"` // visit or call; none: visit
	Switch   string    `json:"switch,omitempty"`
	Queue    string    `json:"queue,omitempty"`
	Queues   []string  `json:"queues,omitempty"` // beside queue
	Agent    string    `json:"agent,omitempty"`
	Rung     string    `json:"rung,omitempty"` // who was rung, whoever answered
	Outcomes []string  `json:"outcomes,omitempty"`
	Caller   string    `json:"caller,omitempty"` // the whole number
	// MOSBelow asks for those whose audio was measured, and was below it.
	MOSBelow float64 `json:"mos_below,omitempty"`
	// CallBack asks what came of lost callers: told of each, due for those alone whom
	// nobody has talked to since.
	CallBack string            `json:"call_back,omitempty"`
	Newest   bool              `json:"newest,omitempty"` // the latest first
	Unseen   bool              `json:"unseen,omitempty"` // when switches could not be seen, too
	Limit    int               `json:"limit,omitempty"`
	After    *api.ContactPlace `json:"after,omitempty"` // next, of the answer before
}

// ContactsAnswer is what query.contacts answers.
type ContactsAnswer struct {
	api.Header
	*api.ContactList
}

// RosterRequest is what query.roster is asked with.
type RosterRequest struct {
	At time.Time `json:"at,omitzero"` // none: now
}

// RosterAnswer is what query.roster answers.
type RosterAnswer struct {
	api.Header
	*api.RosterList
}

// questionsOf are the questions about any span.
func questionsOf(b *Bus) []question {
	return []question{
		{"kpi", b.subjects.QueryKPI(), "figures of queues, agents, teams, roles or the site over any span", KPIRequest{}, KPIAnswer{}, b.answerKPI},
		{"contacts", b.subjects.QueryContacts(), "what became of single callers, a page at a time", ContactsRequest{}, ContactsAnswer{}, b.answerContacts},
		{"roster", b.subjects.QueryRoster(), "who is who at a moment", RosterRequest{}, RosterAnswer{}, b.answerRoster},
		{"facts", b.subjects.QueryFacts(), "what others told of agents, a page at a time", FactsRequest{}, FactsAnswer{}, b.answerFacts},
		{"scores", b.subjects.QueryScores(), "cards: sealed ones of a period, or as they stand", ScoresRequest{}, ScoresAnswer{}, b.answerScores},
		{"schemes", b.subjects.QuerySchemes(), "by what people are appraised: the schemes of the site, or the one of a cycle", SchemesRequest{}, SchemesAnswer{}, b.answerSchemes},
		{"history", b.subjects.QueryHistory(), "somebody's sealed scores, period after period", HistoryRequest{}, HistoryAnswer{}, b.answerHistory},
	}
}

// halve leaves half of an answer that can be asked for in parts.
func halve(message any) bool {
	switch a := message.(type) {
	case KPIAnswer:
		return a.Halve()
	case ContactsAnswer:
		return a.Halve()
	case FactsAnswer:
		return a.Halve()
	case *ScoresAnswer:
		return a.Halve()
	case *SchemesAnswer:
		return a.Halve()
	case *HistoryAnswer:
		return a.Halve()
	case AlertsAnswer:
		return a.Halve()
	}
	return false
}

func (b *Bus) answerKPI(ctx context.Context, view *api.View, m request) (any, error) {
	var r KPIRequest
	if err := readRequest(m.body, &r); err != nil {
		return nil, err
	}
	result, err := view.KPI(ctx, api.KPIQuery{Kind: r.Kind, Names: r.Names, From: r.From, To: r.To, Step: r.Step,
		KPIs: r.KPIs, Threshold: r.Threshold})
	if err != nil {
		return nil, err
	}
	s := b.cfg.Service
	answer := KPIAnswer{b.header(0), result, s.Health(), nil}
	if store := s.StoreHealth(); store != nil {
		answer.Problems = store.Problems
	}
	return answer, nil
}

func (b *Bus) answerContacts(ctx context.Context, view *api.View, m request) (any, error) {
	var r ContactsRequest
	if err := readRequest(m.body, &r); err != nil {
		return nil, err
	}
	ask := api.ContactQuery{From: r.From, To: r.To, Kind: r.Kind, Switch: r.Switch, Queues: r.Queues, Agent: r.Agent, Rung: r.Rung,
		Outcomes: r.Outcomes, Caller: r.Caller, MOSBelow: r.MOSBelow, CallBack: r.CallBack, Newest: r.Newest, Unseen: r.Unseen, Limit: r.Limit, After: r.After}
	if r.Queue != "" {
		ask.Queues = append(ask.Queues, r.Queue)
	}
	list, err := view.Contacts(ctx, ask)
	if err != nil {
		return nil, err
	}
	return ContactsAnswer{b.header(0), list}, nil
}

func (b *Bus) answerRoster(_ context.Context, view *api.View, m request) (any, error) {
	var r RosterRequest
	if err := readRequest(m.body, &r); err != nil {
		return nil, err
	}
	list, err := view.Roster(r.At)
	if err != nil {
		return nil, err
	}
	return RosterAnswer{b.header(0), list}, nil
}

// readRequest reads a request; one without a body asks for what it would with an
// empty one.
func readRequest(body []byte, v any) error {
	if len(body) == 0 {
		return nil
	}
	return api.ReadMessage(body, v)
}
