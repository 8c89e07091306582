package api

import (
	"context"
	"math"
	"time"

	"tallyd/metrics"
	"tallyd/metrics/calendar"
	"tallyd/storage"
)

// DayWatch follows the figures of the local day. It keeps the sums of what was
// sealed, so that looking costs one pass over the open windows and reads the
// store only at midnight. One goroutine uses it.
type DayWatch struct {
	s     *Service
	inbox *inbox
	kpis  map[string][]*metrics.KPI
	bare  bool // rows without counters; none of kinds without figures

	from    metrics.Interval
	since   time.Time // when anything was counted first
	sealed  *sums     // nil before the first look
	forgets int64     // after how many forgettings sealed was read
	// prints tell an open row that changed from one that did not.
	prints, before map[rowID]uint64
	// told is when a row was last returned: the time that an agent spends in a
	// state runs on without an event.
	told map[metrics.Key]time.Time
}

// runningEvery is how often a row is returned in which nothing but the time of
// the present state changes.
const runningEvery = 10 * time.Second

type rowID struct {
	source   int
	interval metrics.Interval
	kind     metrics.RowKind
	row      int
}

// DayChange is what changed of the day's figures since the last look. From is
// the day's beginning.
type DayChange struct {
	From           Moment
	Queues, Agents []KPIRow
}

// WatchDay begins to follow the day. The watch must be closed.
func (s *Service) WatchDay() *DayWatch {
	w := &DayWatch{s: s, inbox: s.cfg.Intake.watch(), kpis: map[string][]*metrics.KPI{},
		prints: map[rowID]uint64{}, before: map[rowID]uint64{}, told: map[metrics.Key]time.Time{}}
	for _, kind := range []string{Queues, Agents} {
		w.kpis[kind], _ = chooseKPIs(kind, nil) // no ids, no error
	}
	return w
}

// watchFigures begins to follow some figures alone, of queues and of agents.
func (s *Service) watchFigures(queues, agents []string) (*DayWatch, error) {
	chosen := map[string][]*metrics.KPI{}
	for kind, ids := range map[string][]string{Queues: queues, Agents: agents} {
		if len(ids) == 0 {
			continue
		}
		var err error
		if chosen[kind], err = chooseKPIs(kind, ids); err != nil {
			return nil, err
		}
	}
	w := s.WatchDay()
	w.kpis, w.bare = chosen, true
	return w, nil
}

// Close ends the watch.
func (w *DayWatch) Close() { w.s.cfg.Intake.unwatch(w.inbox) }

// Row is the row of a name without any data.
func (w *DayWatch) Row(kind, name string) KPIRow {
	return w.s.row(kind, name, nil, w.kpis[kind], 0, shifts{}, false)
}

// Changed returns the rows that counted something since the last call, every ten
// seconds those in which only the time of the present state runs on, and every
// name that is known on the first call and after midnight.
func (w *DayWatch) Changed(ctx context.Context) (*DayChange, error) {
	windows := w.s.windows()
	now := w.s.Now()
	from := interval(midnight(now, w.s.cfg.Zone))
	dirty := map[metrics.Key]*metrics.Rollup{}
	through := map[string]metrics.Interval{}
	if w.sealed == nil || w.from != from || w.forgets != w.s.cfg.Intake.forgets.Load() {
		var err error
		if through, err = w.load(ctx, from); err != nil {
			return nil, err
		}
		if w.since, err = w.s.since(ctx); err != nil {
			return nil, err
		}
		for k := range w.sealed.rows {
			dirty[k] = nil
		}
		for _, kind := range []metrics.RowKind{metrics.QueueRow, metrics.AgentRow} {
			for _, name := range w.s.names(kind) {
				dirty[metrics.Key{Kind: kind, Name: name}] = nil
			}
		}
	} else {
		for _, p := range w.s.cfg.Intake.drain(w.inbox, through) {
			w.sealed.addSealed(p, from, math.MaxInt64)
			for i := range p.Rollups {
				if p.Interval >= from && w.sealed.wants(&p.Rollups[i]) {
					dirty[p.Rollups[i].Key()] = nil
				}
			}
		}
	}
	windows = open(windows, through, from, math.MaxInt64)
	w.compare(windows, dirty)
	var running []*metrics.Rollup
	w.s.underway(from, math.MaxInt64, func(r *metrics.Rollup) {
		running = append(running, r)
		if _, changed := dirty[r.Key()]; !changed && now.Sub(w.told[r.Key()]) >= runningEvery {
			dirty[r.Key()] = nil
		}
	})
	for _, r := range w.s.together(w.s.windows(), from, math.MaxInt64) {
		running = append(running, r)
		if _, changed := dirty[r.Key()]; !changed && w.sealed.wants(r) && now.Sub(w.told[r.Key()]) >= runningEvery {
			dirty[r.Key()] = nil
		}
	}
	w.merge(windows, dirty)
	for _, r := range running {
		if sum, changed := dirty[r.Key()]; changed {
			dirty[r.Key()] = merged(sum, r)
		}
	}
	for key := range dirty {
		w.told[key] = now
	}
	return w.change(dirty, now), nil
}

// merged adds a rollup to a sum that may be nil, and then is the rollup.
func merged(sum, r *metrics.Rollup) *metrics.Rollup {
	if sum == nil {
		return r
	}
	sum.Merge(r)
	return sum
}

// load reads the day's sealed sums, at the start and at midnight.
func (w *DayWatch) load(ctx context.Context, from metrics.Interval) (map[string]metrics.Interval, error) {
	forgets := w.s.cfg.Intake.forgets.Load()
	m, err := w.s.cfg.Intake.moment(w.inbox)
	if err != nil {
		return nil, err
	}
	defer m.close()
	sealed := newSums([]metrics.RowKind{metrics.QueueRow, metrics.AgentRow}, nil)
	if m.stored != nil {
		stored, err := m.stored.Sum(ctx, storage.Query{From: from, To: math.MaxInt64, Kinds: sealed.kinds})
		if err != nil {
			return nil, err
		}
		for i := range stored {
			sealed.add(&stored[i])
		}
	}
	for _, p := range m.pending {
		sealed.addSealed(p, from, math.MaxInt64)
	}
	w.from, w.sealed, w.forgets = from, sealed, forgets
	clear(w.prints)
	return m.through, nil
}

// compare finds the open rows that changed. A wait's histogram may belong to an
// earlier window than its count does; the count then tells.
func (w *DayWatch) compare(windows []openWindow, dirty map[metrics.Key]*metrics.Rollup) {
	w.before, w.prints = w.prints, w.before
	clear(w.prints)
	var v metrics.Values
	for _, o := range windows {
		for _, kind := range w.sealed.kinds {
			rows := o.window.Rows(kind)
			for i, n := 0, rows.Len(); i < n; i++ {
				rows.Peek(i).Read(&v)
				id := rowID{o.index, o.window.Interval, kind, i}
				print := fingerprint(&v)
				old, seen := w.before[id]
				if !seen && v.IsZero() {
					continue
				}
				w.prints[id] = print
				if !seen || old != print {
					dirty[o.key(kind, i)] = nil
				}
			}
		}
	}
}

func fingerprint(v *metrics.Values) uint64 {
	h := uint64(14695981039346656037)
	for _, n := range v {
		h = (h ^ uint64(n)) * 1099511628211
		h ^= h >> 29
	}
	return h
}

// merge forms the sums of the rows that changed.
func (w *DayWatch) merge(windows []openWindow, dirty map[metrics.Key]*metrics.Rollup) {
	if len(dirty) == 0 {
		return
	}
	for key := range dirty {
		if sealed := w.sealed.rows[key]; sealed != nil {
			r := metrics.Rollup{Interval: sealed.Interval, Kind: key.Kind, Name: key.Name}
			r.Merge(sealed)
			dirty[key] = &r
		}
	}
	for _, o := range windows {
		for _, kind := range w.sealed.kinds {
			rows := o.window.Rows(kind)
			for i, n := 0, rows.Len(); i < n; i++ {
				key := o.key(kind, i)
				sum, changed := dirty[key]
				var r metrics.Rollup
				if !changed || !o.read(kind, i, &r) {
					continue
				}
				dirty[key] = merged(sum, &r)
			}
		}
	}
}

func (w *DayWatch) change(dirty map[metrics.Key]*metrics.Rollup, now time.Time) *DayChange {
	out := &DayChange{From: Moment(w.from.Start())}
	people, day := w.s.cfg.Roster(), calendar.Period{From: w.from.Start().Time(), To: now}
	if w.since.After(day.From) {
		day.From = w.since
	}
	for _, key := range sortedKeys(dirty) {
		switch {
		case key.Kind == metrics.QueueRow && w.forms(Queues):
			out.Queues = append(out.Queues, w.s.row(Queues, key.Name, dirty[key], w.kpis[Queues], 0, shifts{}, w.bare))
		case key.Kind == metrics.AgentRow && w.forms(Agents):
			out.Agents = append(out.Agents, w.s.row(Agents, key.Name, dirty[key], w.kpis[Agents], 0, dayShifts(people, key.Name, day, dirty[key]), w.bare))
		}
	}
	return out
}

// forms tells whether anybody asks for rows of a kind.
func (w *DayWatch) forms(kind string) bool { return !w.bare || len(w.kpis[kind]) > 0 }
