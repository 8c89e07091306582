package api

import (
	"cmp"
	"context"
	"slices"

	"tallyd/metrics"
	"tallyd/storage"
)

// Gap is a span in which a switch could not be seen.
type Gap struct {
	Switch string         `json:"switch"`
	From   metrics.Millis `json:"from_ms"`
	To     metrics.Millis `json:"to_ms"`
}

// maxGaps bounds a list of gaps: beyond it the later ones are left out.
const maxGaps = 1000

// unseen lists the gaps that a query's span has, in the order of switch and time.
func (s *Service) unseen(ctx context.Context, m *moment, q *storage.ContactQuery) ([]Gap, error) {
	from, to := metrics.IntervalOf(q.From), metrics.IntervalOf(q.To)+1
	var list []Gap
	take := func(sw string, spans []metrics.NamedSpan) {
		if q.Switch != "" && q.Switch != sw {
			return
		}
		for i := range spans {
			if x := &spans[i]; x.Agent == "" && x.Queue == "" && x.State == metrics.Unknown && x.Mark == 0 && x.To > q.From && x.From < q.To {
				list = append(list, Gap{sw, x.From, x.To})
			}
		}
	}
	for i := range s.cfg.Sources {
		src := &s.cfg.Sources[i]
		for _, w := range src.Tracker.Windows() {
			take(src.Name, src.Tracker.Spans(w))
		}
	}
	for _, p := range m.pending {
		take(p.Switch, p.Spans)
	}
	if m.stored != nil {
		for x, err := range m.stored.Spans(ctx, from, to) {
			if err != nil {
				return nil, err
			}
			take(x.Switch, x.Spans)
		}
	}
	return joinGaps(list), nil
}

// joinGaps joins what touches or was listed twice.
func joinGaps(list []Gap) (out []Gap) {
	slices.SortFunc(list, func(a, b Gap) int {
		return cmp.Or(cmp.Compare(a.Switch, b.Switch), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
	for _, g := range list {
		if n := len(out) - 1; n >= 0 && out[n].Switch == g.Switch && g.From <= out[n].To {
			out[n].To = max(out[n].To, g.To)
		} else if len(out) < maxGaps {
			out = append(out, g)
		}
	}
	return out
}
