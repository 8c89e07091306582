package api

import (
	"context"
	"fmt"
	"math"
	"time"

	"tallyd/metrics"
)

// The kinds of row that can be asked about.
const (
	Queues = "queue"
	Agents = "agent"
	Teams  = "team" // of the roster: the sums of their agents while they are in it
	Roles  = "role" // likewise
	Site   = "site"
)

// KPIQuery asks for figures over a span, which is widened to whole intervals;
// until now, everything that was counted is in it.
type KPIQuery struct {
	Kind  string
	Names []string // none: all
	// From and To are local midnight and now where they are zero.
	From, To time.Time
	// Step cuts the span into hours, days, weeks or months of local time, each with
	// rows of its own; "shift" gives the shifts that begin in the span, whole. "" is
	// one row for the span.
	Step string
	// Zone is whose local time midnight and the steps are of, but for shifts, which
	// have the roster's; "": the site's.
	Zone string
	// KPIs are ids of the catalogue; none: all that the kind has, but for those that
	// are formed from contacts, which takes longer.
	KPIs []string
	// Threshold replaces each queue's service-level threshold; 0: its own.
	Threshold metrics.Millis
	// Bare leaves out the counters.
	Bare bool
	// Limit is about how many rows an answer has where the span is cut up: whole
	// periods, or one. 0 is 1,000, MaxRows the most.
	Limit int
}

// KPIResult is the answer: From and To are the span that it covers.
type KPIResult struct {
	Kind string `json:"kind"`
	Step string `json:"step,omitempty"`
	// Zone is whose local time the steps are of.
	Zone string `json:"time_zone,omitempty"`
	From Moment `json:"from"`
	To   Moment `json:"to"`
	// More tells that the periods from To on are left: ask again from there.
	More bool     `json:"more,omitempty"`
	Rows []KPIRow `json:"rows"`
}

// KPIRow is one queue's, agent's, team's, role's or site's figures. Counters
// holds those that are not 0. KPIs holds every one that was asked for by its
// formula's id; nil means that there is no data, which is neither 0 nor 100 %.
type KPIRow struct {
	Name string `json:"name"`
	// Label is what the roster calls an agent or team.
	Label string `json:"label,omitempty"`
	// From and To are the row's period where the span is cut into several, Shift is
	// the shift's id.
	From     time.Time           `json:"from,omitzero"`
	To       time.Time           `json:"to,omitzero"`
	Shift    string              `json:"shift,omitempty"`
	Counters map[string]int64    `json:"counters"`
	KPIs     map[string]*float64 `json:"kpis"`
}

// kinds are the rows that a kind's figures come from.
func kinds(kind string) ([]metrics.RowKind, error) {
	switch kind {
	case Queues:
		return []metrics.RowKind{metrics.QueueRow}, nil
	case Agents, Teams, Roles:
		return []metrics.RowKind{metrics.AgentRow}, nil
	case Site:
		return []metrics.RowKind{metrics.SiteRow, metrics.QueueRow, metrics.AgentRow}, nil
	}
	return nil, fmt.Errorf("kind %q is none of queue, agent, team, role, site", kind)
}

func has(k *metrics.KPI, kind string) bool {
	switch kind {
	case Queues:
		return k.For(metrics.QueueRow)
	case Agents, Teams, Roles:
		return k.For(metrics.AgentRow)
	}
	return k.For(metrics.QueueRow) || k.For(metrics.AgentRow)
}

func chooseKPIs(kind string, ids []string) ([]*metrics.KPI, error) {
	var list []*metrics.KPI
	if len(ids) == 0 {
		all := metrics.Catalogue()
		for i := range all {
			if has(&all[i], kind) && !all[i].OfContacts() {
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

// BadQuestion is an error that lies in the question.
type BadQuestion struct{ Err error }

func (e *BadQuestion) Error() string { return e.Err.Error() }
func (e *BadQuestion) Unwrap() error { return e.Err }

// KPI answers a query from the store, from what is on its way there, and from
// the windows that are still open.
func (s *Service) KPI(ctx context.Context, q KPIQuery) (*KPIResult, error) {
	a, out, err := s.understand(q)
	if err != nil {
		return nil, &BadQuestion{err}
	}
	return out, a.answer(ctx, a.spans, out)
}

// understand makes sense of a query.
func (s *Service) understand(q KPIQuery) (*asked, *KPIResult, error) {
	rowKinds, err := kinds(q.Kind)
	if err != nil {
		return nil, nil, err
	}
	kpis, err := chooseKPIs(q.Kind, q.KPIs)
	if err != nil {
		return nil, nil, err
	}
	if q.Limit < 0 || q.Limit > MaxRows {
		return nil, nil, fmt.Errorf("limit %d is not between 0 and %d", q.Limit, MaxRows)
	}
	zone := s.cfg.Zone
	if q.Zone != "" {
		if zone, err = time.LoadLocation(q.Zone); err != nil || q.Zone == "Local" {
			return nil, nil, fmt.Errorf("time zone %q is not known: a name such as Asia/Shanghai is", q.Zone)
		}
	}
	from, to, until, err := s.span(&q, zone)
	if err != nil {
		return nil, nil, err
	}
	a := &asked{KPIQuery: q, service: s, roster: s.cfg.Roster(), kinds: rowKinds, kpis: kpis, open: q.To.IsZero(), zone: zone}
	if err := a.check(); err != nil {
		return nil, nil, err
	}
	var cut string
	if a.spans, cut, err = a.periods(from, to, until); err != nil {
		return nil, nil, err
	}
	return a, &KPIResult{Kind: q.Kind, Step: q.Step, Zone: cut, From: Moment(from.Start()), To: until, Rows: []KPIRow{}}, nil
}

// span is the intervals that a query covers, and the moment that they reach to.
func (s *Service) span(q *KPIQuery, zone *time.Location) (from, to metrics.Interval, until Moment, err error) {
	now := s.Now()
	end := q.To
	if end.IsZero() {
		end = now
	}
	begin := q.From
	if begin.IsZero() {
		begin = midnight(end, zone)
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

// row forms the figures of a rollup; nil is no data. Those that need shifts are
// formed from what was counted in shifts.
func (s *Service) row(kind, name string, r *metrics.Rollup, kpis []*metrics.KPI, threshold metrics.Millis, in shifts, bare bool) KPIRow {
	row := KPIRow{Name: name, Counters: map[string]int64{}, KPIs: make(map[string]*float64, len(kpis))}
	settings := metrics.DefaultQueueSettings()
	if kind == Queues {
		settings = s.cfg.Queue(name)
	}
	params := metrics.Params{Threshold: settings.ServiceLevel, ShortAbandon: settings.ShortAbandon, Paid: in.paid, Rostered: in.any}
	if threshold > 0 {
		params.Threshold = threshold
	}
	for _, k := range kpis {
		row.KPIs[k.ID] = nil
		from := r
		if k.OfShifts() {
			from = in.counted
		}
		if from == nil {
			continue
		}
		if v, ok := k.Value(from, params); ok && !math.IsNaN(v) && !math.IsInf(v, 0) {
			row.KPIs[k.ID] = &v
		}
	}
	if r != nil && !bare {
		for c, v := range r.Values {
			if v != 0 {
				row.Counters[metrics.Counter(c).String()] = v
			}
		}
	}
	return row
}
