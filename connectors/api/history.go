package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"tallyd/rules"
	"tallyd/storage"
)

// HistoryQuery asks for somebody's sealed scores, period after period.
type HistoryQuery struct {
	Agent string
	Role  string // "": all
	Limit int    // of the latest cycles in which there are cards; 0: DefaultHistory
}

// How many cycles a history goes back.
const (
	DefaultHistory = 24
	MaxHistory     = 120
)

// History is an answer: the cards of each cycle's latest revision, in the order of the
// periods.
type History struct {
	Agent  string      `json:"agent"`
	Scores []PastScore `json:"scores"`
	// More tells that there are earlier ones.
	More bool `json:"more,omitempty"`
}

// PastScore is a card that was sealed.
type PastScore struct {
	Cycle  string           `json:"cycle"`
	Scheme rules.SchemeID   `json:"scheme"`
	Period rules.SpanOfDays `json:"period"`
	SealedNote
	Card rules.Card `json:"card"`
}

// History answers.
func (s *Service) History(ctx context.Context, q HistoryQuery) (*History, error) {
	switch {
	case q.Agent == "":
		return nil, &BadQuestion{errors.New("whose scores? agent is missing")}
	case q.Limit < 0 || q.Limit > MaxHistory:
		return nil, &BadQuestion{fmt.Errorf("limit %d is not between 0 and %d", q.Limit, MaxHistory)}
	case s.cfg.Store == nil:
		return &History{Agent: q.Agent, Scores: []PastScore{}}, nil
	}
	v, err := s.cfg.Store.Snapshot()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	cycles, err := latestCycles(ctx, v)
	if err != nil {
		return nil, err
	}
	return q.gather(ctx, v, cycles)
}

// latestCycles are the latest revisions of all cycles, the latest period first.
func latestCycles(ctx context.Context, v *storage.Snapshot) ([]*ScoreList, error) {
	list, err := v.Sealings(ctx, "")
	if err != nil {
		return nil, err
	}
	latest := map[string]*ScoreList{}
	for i := range list { // in the order in which they were sealed
		x, err := listOf(&list[i])
		if err != nil {
			return nil, err
		}
		latest[x.Cycle] = x
	}
	return slices.SortedFunc(maps.Values(latest), func(a, b *ScoreList) int {
		return cmp.Or(b.Period.From.Since(a.Period.From), b.Period.To.Since(a.Period.To), cmp.Compare(a.Cycle, b.Cycle))
	}), nil
}

func (q *HistoryQuery) gather(ctx context.Context, v *storage.Snapshot, cycles []*ScoreList) (*History, error) {
	out := &History{Agent: q.Agent, Scores: []PastScore{}}
	for found, i := 0, 0; i < len(cycles); i++ {
		x, of := cycles[i], []PastScore(nil)
		for c, err := range v.Cards(ctx, x.Cycle, x.Sealed.Revision, q.Agent) {
			if err != nil {
				return nil, err
			}
			if q.Role != "" && c.Role != q.Role {
				continue
			}
			card, err := readCard(&c)
			if err != nil {
				return nil, err
			}
			of = append(of, PastScore{x.Cycle, x.Scheme, x.Period, *x.Sealed, *card})
		}
		if len(of) == 0 {
			continue
		}
		if out.More = found == cmp.Or(q.Limit, DefaultHistory); out.More {
			break
		}
		found++
		out.Scores = append(of, out.Scores...)
	}
	return out, nil
}
