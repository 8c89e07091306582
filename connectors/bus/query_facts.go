package bus

import (
	"context"
	"time"

	"tallyd/connectors/api"
)

// FactsRequest is what query.facts is asked with.
type FactsRequest struct {
	From  time.Time      `json:"from,omitzero"`
	To    time.Time      `json:"to,omitzero"`
	Kind  string         `json:"kind,omitempty"` // survey, disposition, training or form; none: all
	Agent string         `json:"agent,omitempty"`
	Limit int            `json:"limit,omitempty"`
	After *api.FactPlace `json:"after,omitempty"` // next, of the answer before
}

// FactsAnswer is what query.facts answers.
type FactsAnswer struct {
	api.Header
	*api.FactList
}

func (b *Bus) answerFacts(ctx context.Context, view *api.View, m request) (any, error) {
	var r FactsRequest
	if err := readRequest(m.body, &r); err != nil {
		return nil, err
	}
	list, err := view.Facts(ctx, api.FactQuery{From: r.From, To: r.To, Kind: r.Kind, Agent: r.Agent, Limit: r.Limit, After: r.After})
	if err != nil {
		return nil, err
	}
	return FactsAnswer{b.header(0), list}, nil
}
