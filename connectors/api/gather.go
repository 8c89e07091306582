package api

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"tallyd/metrics"
	"tallyd/storage"
)

// adder adds rollups up.
type adder[A any] interface {
	add(r *metrics.Rollup) // which it does not keep
	absorb(other A)        // which is not used any more
}

// gather adds up what the chosen rows counted, wherever it is at the moment. Of
// what is stored it may take the sums over the span, where whole is true.
func gather[A adder[A]](ctx context.Context, s *Service, q storage.Query, whole bool, fresh func() A) (A, error) {
	for try := 0; ; try++ {
		revision := s.peopleRevision()
		out := fresh()
		err := gatherOnce(ctx, s, q, whole, out, fresh)
		// What People handed on meanwhile may be in there twice, or not at all.
		if err != nil || revision == s.peopleRevision() || try == 3 {
			return out, err
		}
	}
}

func gatherOnce[A adder[A]](ctx context.Context, s *Service, q storage.Query, whole bool, out A, fresh func() A) error {
	add := out.add
	windows := s.windows()
	m, err := s.cfg.Intake.moment(nil)
	if err != nil {
		return err
	}
	defer m.close()
	if m.stored != nil {
		if err := stored(ctx, m.stored, q, whole, interval(s.Now())+1, out, fresh); err != nil {
			return err
		}
	}
	wants := newSums(q.Kinds, q.Names).wants
	chosen := func(r *metrics.Rollup) {
		if wants(r) {
			add(r)
		}
	}
	for _, p := range m.pending {
		if p.Interval >= q.From && p.Interval < q.To {
			for i := range p.Rollups {
				chosen(&p.Rollups[i])
			}
		}
	}
	for _, w := range open(windows, m.through, q.From, q.To) {
		for _, k := range q.Kinds {
			w.each(k, chosen)
		}
	}
	s.underway(q.From, q.To, chosen)
	for _, r := range s.together(windows, q.From, q.To) {
		chosen(r)
	}
	return nil
}

// since is when anything was counted first, of what is still kept; now where
// nothing was.
func (s *Service) since(ctx context.Context) (time.Time, error) {
	first := interval(s.Now())
	for _, w := range s.windows() {
		first = min(first, w.window.Interval)
	}
	m, err := s.cfg.Intake.moment(nil)
	if err != nil {
		return time.Time{}, err
	}
	defer m.close()
	for _, p := range m.pending {
		first = min(first, p.Interval)
	}
	if m.stored != nil {
		for r, err := range m.stored.Rollups(ctx, storage.Query{To: first}) {
			if err != nil {
				return time.Time{}, err
			}
			first = r.Interval
			break
		}
	}
	return first.Start().Time(), nil
}

const (
	// atOnce is how many goroutines read one answer out of the store: no more, for the
	// switch needs the other processors.
	atOnce = 2
	// leastAtOnce is how many intervals are worth a goroutine.
	leastAtOnce metrics.Interval = 48
)

// stored adds what is in the store, interval by interval or as sums; nothing there
// is of next, or later.
func stored[A adder[A]](ctx context.Context, from *storage.Snapshot, q storage.Query, whole bool, next metrics.Interval, out A, fresh func() A) error {
	if whole {
		list, err := from.Sum(ctx, q)
		for i := range list {
			out.add(&list[i])
		}
		return err
	}
	parts := divide(q, next)
	sheets := make([]A, len(parts))
	reading, ctx := errgroup.WithContext(ctx)
	for i, part := range parts {
		sheets[i] = out
		if i > 0 {
			sheets[i] = fresh()
		}
		reading.Go(func() error {
			return from.EachRollup(ctx, part, func(r *metrics.Rollup) error {
				sheets[i].add(r)
				return nil
			})
		})
	}
	if err := reading.Wait(); err != nil {
		return err
	}
	for _, s := range sheets[1:] {
		out.absorb(s)
	}
	return nil
}

// divide cuts a query into spans that are read at once, each with about as much of
// what was before next.
func divide(q storage.Query, next metrics.Interval) []storage.Query {
	end := min(q.To, next)
	n := metrics.Interval(atOnce)
	if end-q.From < n*leastAtOnce {
		return []storage.Query{q}
	}
	parts := make([]storage.Query, n)
	for i := range parts {
		parts[i] = q
		if i > 0 {
			parts[i].From = q.From + (end-q.From)*metrics.Interval(i)/n
			parts[i-1].To = parts[i].From
		}
	}
	return parts
}

// sums adds rollups up by row.
type sums struct {
	kinds []metrics.RowKind
	names []string
	rows  map[metrics.Key]*metrics.Rollup
}

func newSums(kinds []metrics.RowKind, names []string) *sums {
	return &sums{kinds, names, map[metrics.Key]*metrics.Rollup{}}
}

func (s *sums) wants(r *metrics.Rollup) bool {
	return slices.Contains(s.kinds, r.Kind) && (len(s.names) == 0 || slices.Contains(s.names, r.Name))
}

// add adds a rollup, which it does not keep.
func (s *sums) add(r *metrics.Rollup) {
	if !s.wants(r) {
		return
	}
	key := r.Key()
	sum := s.rows[key]
	if sum == nil {
		sum = &metrics.Rollup{Switch: r.Switch, Interval: r.Interval, Kind: r.Kind, Name: r.Name, Second: r.Second}
		s.rows[key] = sum
	}
	if sum.Switch != r.Switch {
		sum.Switch = ""
	}
	sum.Merge(r)
}

// absorb adds another's sums, of rows that it wanted.
func (s *sums) absorb(o *sums) {
	for key, r := range o.rows {
		if sum := s.rows[key]; sum != nil {
			sum.Merge(r)
		} else {
			s.rows[key] = r
		}
	}
}

func (s *sums) addSealed(sealed *metrics.Sealed, from, to metrics.Interval) {
	if sealed.Interval < from || sealed.Interval >= to {
		return
	}
	for i := range sealed.Rollups {
		s.add(&sealed.Rollups[i])
	}
}

// siteFromAgents are the counters of a site that its agents have and its queues
// have not. All others are its queues': what both count (talk, offers, missed)
// would otherwise count twice.
func siteFromAgents() []metrics.Counter {
	return []metrics.Counter{metrics.Logins, metrics.Pauses, metrics.OtherCalls, metrics.AvailableTime, metrics.RingingTime,
		metrics.TalkingTime, metrics.HoldingTime, metrics.WrappingUpTime, metrics.PausedTime, metrics.OnOtherCallTime,
		metrics.LoggedInTime, metrics.LongestIdle}
}

// sitePart is what a rollup adds to its site's row. Unobserved time is the
// switches', not every queue's again.
func sitePart(part metrics.Rollup) metrics.Rollup {
	switch part.Kind {
	case metrics.QueueRow:
		part.Values[metrics.UnobservedTime] = 0
	case metrics.AgentRow:
		v := metrics.Values{}
		for _, c := range siteFromAgents() {
			v[c] = part.Values[c]
		}
		part.Values = v
		part.Histograms = metrics.Rollup{}.Histograms
	}
	return part
}
