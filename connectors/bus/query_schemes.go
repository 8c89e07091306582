package bus

import (
	"context"

	"tallyd/connectors/api"
)

// SchemesRequest is what query.schemes is asked with.
type SchemesRequest struct {
	Scheme   string  `json:"scheme,omitempty"`   // none: all of the site
	Cycle    string  `json:"cycle,omitempty"`    // that which it was sealed by
	Revision *uint32 `json:"revision,omitempty"` // none: the latest
}

// SchemesAnswer is what query.schemes answers.
type SchemesAnswer struct {
	api.Header
	*api.SchemeList
	// More tells that not all schemes found room: ask for single ones.
	More bool `json:"more,omitempty"`
}

// Halve leaves half of the schemes.
func (a *SchemesAnswer) Halve() bool {
	if len(a.Schemes) < 2 {
		return false
	}
	half := *a.SchemeList
	half.Schemes = half.Schemes[:len(half.Schemes)/2]
	a.SchemeList, a.More = &half, true
	return true
}

// HistoryRequest is what query.history is asked with.
type HistoryRequest struct {
	Agent string `json:"agent,omitempty"` // an agent need not say
	Role  string `json:"role,omitempty"`  // none: all
	Limit int    `json:"limit,omitempty"` // of cycles; none: 24
}

// HistoryAnswer is what query.history answers.
type HistoryAnswer struct {
	api.Header
	*api.History
}

// Halve leaves the later half.
func (a *HistoryAnswer) Halve() bool {
	if len(a.Scores) < 2 {
		return false
	}
	half := *a.History
	half.Scores, half.More = half.Scores[len(half.Scores)/2:], true
	a.History = &half
	return true
}

func (b *Bus) answerSchemes(ctx context.Context, view *api.View, m request) (any, error) {
	var r SchemesRequest
	if err := readRequest(m.body, &r); err != nil {
		return nil, err
	}
	list, err := view.Schemes(ctx, api.SchemeQuery{Name: r.Scheme, Cycle: r.Cycle, Revision: r.Revision})
	if err != nil {
		return nil, err
	}
	return &SchemesAnswer{Header: b.header(0), SchemeList: list}, nil
}

func (b *Bus) answerHistory(ctx context.Context, view *api.View, m request) (any, error) {
	var r HistoryRequest
	if err := readRequest(m.body, &r); err != nil {
		return nil, err
	}
	list, err := view.History(ctx, api.HistoryQuery{Agent: r.Agent, Role: r.Role, Limit: r.Limit})
	if err != nil {
		return nil, err
	}
	return &HistoryAnswer{b.header(0), list}, nil
}
