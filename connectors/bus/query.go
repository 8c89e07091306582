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
	Kind      string         `json:"kind"`            // queue, agent or site
	Names     []string       `json:"names,omitempty"` // none: all
	From      time.Time      `json:"from,omitzero"`   // none: local midnight
	To        time.Time      `json:"to,omitzero"`     // none: now
	KPIs      []string       `json:"kpis,omitempty"`  // none: all that the kind has
	Threshold metrics.Millis `json:"threshold_ms,omitempty"`
}

// KPIAnswer is what query.kpi answers.
type KPIAnswer struct {
	api.Header
	*api.KPIResult
	Health []api.SwitchHealth `json:"switches"`
}

// ContactsRequest is what query.contacts is asked with.
type ContactsRequest struct {
	From     time.Time `json:"from,omitzero"`
	To       time.Time `json:"to,omitzero"`
	Switch   string    `json:"switch,omitempty"`
	Queue    string    `json:"queue,omitempty"`
	Agent    string    `json:"agent,omitempty"`
	Outcomes []string  `json:"outcomes,omitempty"`
	Limit    int       `json:"limit,omitempty"`
}

// ContactsAnswer is what query.contacts answers.
type ContactsAnswer struct {
	api.Header
	// Complete is up to when nothing is missing: what ended later follows when its
	// quarter hour is closed.
	Complete api.Moment    `json:"complete_until"`
	Contacts []api.Contact `json:"contacts"`
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

func (q *queries) answer(ctx context.Context, subject string, body []byte) (any, error) {
	s := q.bus.cfg.Service
	switch subject {
	case q.bus.subjects.QueryKPI():
		var r KPIRequest
		if err := strict(body, &r); err != nil {
			return nil, err
		}
		result, err := s.KPI(ctx, api.KPIQuery{Kind: r.Kind, Names: r.Names, From: r.From, To: r.To, KPIs: r.KPIs, Threshold: r.Threshold})
		if err != nil {
			return nil, err
		}
		return KPIAnswer{q.bus.header(0), result, s.Health()}, nil
	case q.bus.subjects.QueryContacts():
		var r ContactsRequest
		if err := strict(body, &r); err != nil {
			return nil, err
		}
		list, complete, err := s.Contacts(ctx, api.ContactQuery{From: r.From, To: r.To, Switch: r.Switch, Queue: r.Queue, Agent: r.Agent, Outcomes: r.Outcomes, Limit: r.Limit})
		if err != nil {
			return nil, err
		}
		return ContactsAnswer{q.bus.header(0), complete, list}, nil
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
