package api

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"tallyd/metrics"
	"tallyd/storage"
)

// The kinds of row that can be asked about.
const (
	Queues = "queue"
	Agents = "agent"
	Site   = "site"
)

// KPIQuery asks for figures over a span, which is widened to whole intervals;
// until now, everything that was counted is in it.
type KPIQuery struct {
	Kind  string
	Names []string // none: all
	// From and To are local midnight and now where they are zero.
	From, To time.Time
	// KPIs are ids of the catalogue; none: all that the kind has.
	KPIs []string
	// Threshold replaces each queue's service-level threshold; 0: its own.
	Threshold metrics.Millis
}

// KPIResult is the answer: From and To are the span that it covers.
type KPIResult struct {
	Kind string   `json:"kind"`
	From Moment   `json:"from"`
	To   Moment   `json:"to"`
	Rows []KPIRow `json:"rows"`
}

// KPIRow is one queue's, agent's or site's figures. Counters holds those that
// are not 0. KPIs holds every one that was asked for by its formula's id; nil
// means that there is no data, which is neither 0 nor 100 %.
type KPIRow struct {
	Name     string              `json:"name"`
	Counters map[string]int64    `json:"counters"`
	KPIs     map[string]*float64 `json:"kpis"`
}

// kinds are the rows that a kind's figures come from.
func kinds(kind string) ([]metrics.RowKind, error) {
	switch kind {
	case Queues:
		return []metrics.RowKind{metrics.QueueRow}, nil
	case Agents:
		return []metrics.RowKind{metrics.AgentRow}, nil
	case Site:
		return []metrics.RowKind{metrics.SiteRow, metrics.QueueRow, metrics.AgentRow}, nil
	}
	return nil, fmt.Errorf("kind %q is none of queue, agent, site", kind)
}

func has(k *metrics.KPI, kind string) bool {
	switch kind {
	case Queues:
		return k.For(metrics.QueueRow)
	case Agents:
		return k.For(metrics.AgentRow)
	}
	return k.For(metrics.QueueRow) || k.For(metrics.AgentRow)
}

func chooseKPIs(kind string, ids []string) ([]*metrics.KPI, error) {
	var list []*metrics.KPI
	if len(ids) == 0 {
		all := metrics.Catalogue()
		for i := range all {
			if has(&all[i], kind) {
				list = append(list, &all[i])
			}
		}
		return list, nil
	}
	for _, id := range ids {
		k, ok := metrics.FindKPI(id)
		if !ok {
			return nil, fmt.Errorf("kpi %q is not in the catalogue", id)
		}
		if !has(k, kind) {
			return nil, fmt.Errorf("kpi %q is not a figure of a row of kind %q", id, kind)
		}
		list = append(list, k)
	}
	return list, nil
}

// KPI answers a query from the store, from what is on its way there, and from
// the windows that are still open.
func (s *Service) KPI(ctx context.Context, q KPIQuery) (*KPIResult, error) {
	rowKinds, err := kinds(q.Kind)
	if err != nil {
		return nil, err
	}
	kpis, err := chooseKPIs(q.Kind, q.KPIs)
	if err != nil {
		return nil, err
	}
	from, to, until, err := s.span(&q)
	if err != nil {
		return nil, err
	}
	names := q.Names
	if q.Kind == Site {
		names = nil
	}
	rollups, err := s.sum(ctx, storage.Query{From: from, To: to, Kinds: rowKinds, Names: names})
	if err != nil {
		return nil, err
	}
	out := &KPIResult{Kind: q.Kind, From: Moment(from.Start()), To: until, Rows: []KPIRow{}}
	if q.Kind == Site {
		site := s.siteRollup(rollups)
		out.Rows = append(out.Rows, s.row(Site, s.cfg.Site, site, kpis, q.Threshold))
		return out, nil
	}
	known := map[string]bool{}
	for i := range rollups {
		known[rollups[i].Name] = true
		out.Rows = append(out.Rows, s.row(q.Kind, rollups[i].Name, &rollups[i], kpis, q.Threshold))
	}
	for _, name := range q.Names {
		if !known[name] {
			known[name] = true
			out.Rows = append(out.Rows, s.row(q.Kind, name, nil, kpis, q.Threshold))
		}
	}
	return out, nil
}

// span is the intervals that a query covers, and the moment that they reach to.
func (s *Service) span(q *KPIQuery) (from, to metrics.Interval, until Moment, err error) {
	now := s.Now()
	end := q.To
	if end.IsZero() {
		end = now
	}
	begin := q.From
	if begin.IsZero() {
		begin = midnight(end, s.cfg.Zone)
	}
	from, to = interval(begin), intervalUp(end)
	until = Moment(to.Start())
	if q.To.IsZero() {
		// A switch's clock may be ahead of ours: what it counted is there.
		to, until = math.MaxInt64, Moment(metrics.MillisOf(now))
	}
	if from >= to || begin.After(end) {
		return 0, 0, 0, fmt.Errorf("the span from %s to %s is empty", begin.Format(time.RFC3339), end.Format(time.RFC3339))
	}
	return from, to, until, nil
}

// row forms the figures of a rollup; nil is no data.
func (s *Service) row(kind, name string, r *metrics.Rollup, kpis []*metrics.KPI, threshold metrics.Millis) KPIRow {
	row := KPIRow{Name: name, Counters: map[string]int64{}, KPIs: make(map[string]*float64, len(kpis))}
	settings := metrics.DefaultQueueSettings()
	if kind == Queues {
		settings = s.cfg.Queue(name)
	}
	params := metrics.Params{Threshold: settings.ServiceLevel, ShortAbandon: settings.ShortAbandon}
	if threshold > 0 {
		params.Threshold = threshold
	}
	for _, k := range kpis {
		row.KPIs[k.ID] = nil
		if r == nil {
			continue
		}
		if v, ok := k.Value(r, params); ok && !math.IsNaN(v) && !math.IsInf(v, 0) {
			row.KPIs[k.ID] = &v
		}
	}
	if r != nil {
		for c, v := range r.Values {
			if v != 0 {
				row.Counters[metrics.Counter(c).String()] = v
			}
		}
	}
	return row
}

// sum adds the chosen rows up by name, in the order of kind and name.
func (s *Service) sum(ctx context.Context, q storage.Query) ([]metrics.Rollup, error) {
	for try := 0; ; try++ {
		revision := s.peopleRevision()
		out, err := s.sumOnce(ctx, q)
		// What People handed on meanwhile may be in there twice, or not at all.
		if err != nil || revision == s.peopleRevision() || try == 3 {
			return out, err
		}
	}
}

func (s *Service) sumOnce(ctx context.Context, q storage.Query) ([]metrics.Rollup, error) {
	windows := s.windows()
	m, err := s.cfg.Intake.moment(nil)
	if err != nil {
		return nil, err
	}
	defer m.close()
	sums := newSums(q.Kinds, q.Names)
	if m.stored != nil {
		stored, err := m.stored.Sum(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range stored {
			sums.add(&stored[i])
		}
	}
	for _, p := range m.pending {
		sums.addSealed(p, q.From, q.To)
	}
	for _, w := range open(windows, m.through, q.From, q.To) {
		for _, k := range q.Kinds {
			w.each(k, sums.add)
		}
	}
	s.underway(q.From, q.To, sums.add)
	for _, r := range s.together(windows, q.From, q.To) {
		sums.add(r)
	}
	return sums.list(), nil
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

func (s *sums) addSealed(sealed *metrics.Sealed, from, to metrics.Interval) {
	if sealed.Interval < from || sealed.Interval >= to {
		return
	}
	for i := range sealed.Rollups {
		s.add(&sealed.Rollups[i])
	}
}

func (s *sums) list() []metrics.Rollup {
	out := make([]metrics.Rollup, 0, len(s.rows))
	for _, r := range s.rows {
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b metrics.Rollup) int { return compareKeys(a.Key(), b.Key()) })
	return out
}

// siteFromAgents are the counters of a site that its agents have and its queues
// have not. All others are its queues': what both count (talk, offers, missed)
// would otherwise count twice.
func siteFromAgents() []metrics.Counter {
	return []metrics.Counter{metrics.Logins, metrics.Pauses, metrics.OtherCalls, metrics.AvailableTime, metrics.RingingTime,
		metrics.TalkingTime, metrics.HoldingTime, metrics.WrappingUpTime, metrics.PausedTime, metrics.OnOtherCallTime,
		metrics.LoggedInTime, metrics.LongestIdle}
}

// siteRollup makes one row of a site's queues, agents and own row; nil where
// there is none. Unobserved time is the switches', not every queue's again.
func (s *Service) siteRollup(rows []metrics.Rollup) *metrics.Rollup {
	if len(rows) == 0 {
		return nil
	}
	fromAgents := siteFromAgents()
	site := &metrics.Rollup{Kind: metrics.SiteRow, Name: s.cfg.Site, Interval: rows[0].Interval}
	for i := range rows {
		part := rows[i]
		switch part.Kind {
		case metrics.QueueRow:
			part.Values[metrics.UnobservedTime] = 0
		case metrics.AgentRow:
			v := metrics.Values{}
			for _, c := range fromAgents {
				v[c] = part.Values[c]
			}
			part.Values = v
			clear(part.Histograms[:])
		}
		site.Merge(&part)
	}
	return site
}
