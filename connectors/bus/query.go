package bus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nats-io/nats.go"

	"tallyd/connectors/api"
	"tallyd/metrics"
)

// queryWithin is how long an answer may take.
const queryWithin = 30 * time.Second

// KPIRequest is what query.kpi is asked with. Unknown fields are errors.
type KPIRequest struct {
	Kind      string         `json:"kind"`            // queue, agent, team, role or site
	Names     []string       `json:"names,omitempty"` // none: all
	From      time.Time      `json:"from,omitzero"`   // none: local midnight
	To        time.Time      `json:"to,omitzero"`     // none: now
	Step      string         `json:"step,omitempty"`  // hour, shift, day, week or month; none: one row for the span
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
	From     time.Time         `json:"from,omitzero"`
	To       time.Time         `json:"to,omitzero"`
	Kind     string            `json:"kind,omitempty"` // visit or call; none: visit
	Switch   string            `json:"switch,omitempty"`
	Queue    string            `json:"queue,omitempty"`
	Queues   []string          `json:"queues,omitempty"` // beside queue
	Agent    string            `json:"agent,omitempty"`
	Outcomes []string          `json:"outcomes,omitempty"`
	Caller   string            `json:"caller,omitempty"` // the whole number
	Unseen   bool              `json:"unseen,omitempty"` // when switches could not be seen, too
	Limit    int               `json:"limit,omitempty"`
	After    *api.ContactPlace `json:"after,omitempty"` // next, of the answer before
}

// ContactsAnswer is what query.contacts answers.
type ContactsAnswer struct {
	api.Header
	*api.ContactList
}

// queries answers questions about any span. One goroutine serves them, one at a
// time: a long question delays the next one, and never the publishing.
type queries struct {
	bus *Bus
	ctx context.Context
}

func (q *queries) subscribe(nc *nats.Conn) (*nats.Subscription, error) {
	sub, err := nc.Subscribe(q.bus.subjects.join(queryWord, "*"), q.handle)
	if err != nil {
		return nil, fmt.Errorf("nats: queries cannot be offered: %w", err)
	}
	return sub, nil
}

func (q *queries) handle(m *nats.Msg) {
	if m.Reply == "" {
		return
	}
	ctx, cancel := context.WithTimeout(q.ctx, queryWithin)
	defer cancel()
	message, err := q.answer(ctx, m.Subject, m.Data)
	if err != nil {
		message = api.Problem{V: api.Schema, Error: err.Error()}
	}
	body, err := json.Marshal(message)
	for err == nil && len(body) > maxPayload && halve(message) {
		body, err = json.Marshal(message)
	}
	if err == nil && len(body) > maxPayload {
		body, err = json.Marshal(api.Problem{V: api.Schema,
			Error: fmt.Sprintf("the answer has %d bytes, a message at most %d: ask for fewer names or figures", len(body), maxPayload)})
	}
	if err == nil {
		err = m.Respond(body)
	}
	if err != nil {
		q.bus.cfg.Logger.Warn("an answer cannot be sent", "subject", m.Subject, "err", err)
	}
}

// halve leaves half of an answer that can be asked for in parts.
func halve(message any) bool {
	switch a := message.(type) {
	case KPIAnswer:
		return a.Halve()
	case ContactsAnswer:
		return a.Halve()
	}
	return false
}

func (q *queries) answer(ctx context.Context, subject string, body []byte) (any, error) {
	s := q.bus.cfg.Service
	switch subject {
	case q.bus.subjects.QueryKPI():
		var r KPIRequest
		if err := strict(body, &r); err != nil {
			return nil, err
		}
		result, err := s.KPI(ctx, api.KPIQuery{Kind: r.Kind, Names: r.Names, From: r.From, To: r.To, Step: r.Step,
			KPIs: r.KPIs, Threshold: r.Threshold})
		if err != nil {
			return nil, err
		}
		answer := KPIAnswer{q.bus.header(0), result, s.Health(), nil}
		if store := s.StoreHealth(); store != nil {
			answer.Problems = store.Problems
		}
		return answer, nil
	case q.bus.subjects.QueryContacts():
		var r ContactsRequest
		if err := strict(body, &r); err != nil {
			return nil, err
		}
		ask := api.ContactQuery{From: r.From, To: r.To, Kind: r.Kind, Switch: r.Switch, Queues: r.Queues, Agent: r.Agent,
			Outcomes: r.Outcomes, Caller: r.Caller, Unseen: r.Unseen, Limit: r.Limit, After: r.After}
		if r.Queue != "" {
			ask.Queues = append(ask.Queues, r.Queue)
		}
		list, err := s.Contacts(ctx, ask)
		if err != nil {
			return nil, err
		}
		return ContactsAnswer{q.bus.header(0), list}, nil
	}
	return nil, fmt.Errorf("subject %q answers no query", subject)
}

// strict reads one JSON object that has no field unknown to v; an empty body is
// an empty object.
func strict(body []byte, v any) error {
	if len(body) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("request is not as documented: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("request has something after its object")
	}
	return nil
}
