package bus

import (
	"context"

	"tallyd/connectors/api"
	"tallyd/rules"
)

// ScoresRequest is what query.scores is asked with.
type ScoresRequest struct {
	Cycle    string     `json:"cycle,omitempty"`    // one that was sealed; none: as they stand
	Revision *uint32    `json:"revision,omitempty"` // none: the latest
	Scheme   string     `json:"scheme,omitempty"`   // none: the site's first
	From     rules.Date `json:"from,omitzero"`      // none: the period that holds today
	To       rules.Date `json:"to,omitzero"`
	Agent    string     `json:"agent,omitempty"`
	Role     string     `json:"role,omitempty"`
}

// ScoresAnswer is what query.scores answers.
type ScoresAnswer struct {
	api.Header
	*api.ScoreList
	// More tells that not all cards found room: ask for single agents or roles.
	More bool `json:"more,omitempty"`
}

// Halve leaves half of the cards.
func (a *ScoresAnswer) Halve() bool {
	if len(a.Cards) < 2 {
		return false
	}
	half := *a.ScoreList
	half.Cards = half.Cards[:len(half.Cards)/2]
	a.ScoreList, a.More = &half, true
	return true
}

func (b *Bus) answerScores(ctx context.Context, view *api.View, m request) (any, error) {
	var r ScoresRequest
	if err := readRequest(m.body, &r); err != nil {
		return nil, err
	}
	list, err := view.Scores(ctx, api.ScoreQuery{Cycle: r.Cycle, Revision: r.Revision, Scheme: r.Scheme, From: r.From, To: r.To, Agent: r.Agent, Role: r.Role})
	if err != nil {
		return nil, err
	}
	return &ScoresAnswer{Header: b.header(0), ScoreList: list}, nil
}
