package api

import (
	"context"
	"iter"
	"math"
	"slices"
	"time"

	"tallyd/metrics"
	"tallyd/storage"
)

// Record begins what is told of a stored interval. Lineage and Number say which
// time of storing brought it: of one lineage, numbers grow.
type Record struct {
	V       int    `json:"v"`
	Site    string `json:"site"`
	Lineage string `json:"lineage"`
	Number  uint64 `json:"number"`
}

// RollupRecord is what one switch counted in one interval of one row: of the
// site, a queue, an agent, an agent in a queue, or an agent's pauses for a reason.
// Revisions of a row add up; the first is 0.
type RollupRecord struct {
	Record
	Kind   string `json:"kind"` // site, queue, agent, pair or pause
	Queue  string `json:"queue,omitempty"`
	Agent  string `json:"agent,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Switch is "(all)" for what agents with logins at several switches did.
	Switch     string           `json:"switch"`
	From       Moment           `json:"from"` // inclusive
	To         Moment           `json:"to"`   // exclusive
	Revision   uint32           `json:"revision"`
	Correction bool             `json:"correction,omitempty"` // what came in late, for an interval told before
	Counters   map[string]int64 `json:"counters"`             // those that are not 0
	// Histograms have how many waits, or handling times, lie in each bin.
	Histograms map[string]map[int]int64 `json:"histograms,omitempty"`

	row metrics.Key
}

// Row is whose row it is.
func (r *RollupRecord) Row() metrics.Key { return r.row }

// ContactRecord is a contact as it was known then. Of several about one contact
// (the same switch, kind, id and joined_ms) the one with the greatest number
// counts.
type ContactRecord struct {
	Record
	Contact

	place int
}

// Place is the contact's in its item, from 0; it stays the same.
func (c *ContactRecord) Place() int { return c.place }

// Item is what is to be told of one time of storing.
type Item struct {
	Record
	at   *storage.Snapshot
	item storage.Item
}

// Stores tells whether what was counted is stored.
func (s *Service) Stores() bool { return s.cfg.Store != nil }

// Lineage is the store's.
func (s *Service) Lineage() (string, error) {
	if s.cfg.Store == nil {
		return "", nil
	}
	return s.cfg.Store.Lineage()
}

// NextItem calls f with the first item above a number, and returns its number, 0
// where there is none.
func (s *Service) NextItem(ctx context.Context, above uint64, f func(*Item) error) (uint64, error) {
	if s.cfg.Store == nil {
		return 0, nil
	}
	lineage, err := s.cfg.Store.Lineage()
	if err != nil {
		return 0, err
	}
	v, err := s.cfg.Store.Snapshot()
	if err != nil {
		return 0, err
	}
	defer v.Close()
	for item, err := range v.Outbox(ctx, above) {
		if err != nil {
			return 0, err
		}
		i := Item{Record: Record{Schema, s.cfg.Site, lineage, item.Number}, at: v, item: item}
		return item.Number, f(&i)
	}
	return 0, nil
}

// Delivered tells that the items up to a number need not be told again.
func (s *Service) Delivered(until uint64) error {
	if s.cfg.Store == nil {
		return nil
	}
	return s.cfg.Store.Delivered(until)
}

// CompareRows is the order of an item's rollups.
func CompareRows(a, b metrics.Key) int { return compareKeys(a, b) }

// Rollups are the item's, in the order of CompareRows.
func (i *Item) Rollups(ctx context.Context) iter.Seq2[*RollupRecord, error] {
	return func(yield func(*RollupRecord, error) bool) {
		for r, err := range i.at.ItemRollups(ctx, &i.item) {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(i.rollup(&r), nil) {
				return
			}
		}
	}
}

func (i *Item) rollup(r *metrics.Rollup) *RollupRecord {
	out := &RollupRecord{Record: i.Record, Kind: r.Kind.String(), Switch: i.item.Switch, From: Moment(r.Interval.Start()), To: Moment(r.Interval.End()),
		Revision: i.item.Revision, Correction: i.item.Correction, Counters: map[string]int64{}, row: r.Key()}
	switch r.Kind {
	case metrics.QueueRow:
		out.Queue = r.Name
	case metrics.AgentRow:
		out.Agent = r.Name
	case metrics.PairRow:
		out.Agent, out.Queue = r.Name, r.Second
	case metrics.PauseRow:
		out.Agent, out.Reason = r.Name, r.Second
	}
	for c, v := range r.Values {
		if v != 0 {
			out.Counters[metrics.Counter(c).String()] = v
		}
	}
	for k, h := range r.Histograms {
		for bin, n := range h {
			if n == 0 {
				continue
			}
			if out.Histograms == nil {
				out.Histograms = map[string]map[int]int64{}
			}
			name := metrics.HistogramKind(k).String()
			if out.Histograms[name] == nil {
				out.Histograms[name] = map[int]int64{}
			}
			out.Histograms[name][bin] = n
		}
	}
	return out
}

// Contacts are the item's, in the order of Place. A contact that was told again
// since then is left to the later item.
func (i *Item) Contacts(ctx context.Context) iter.Seq2[*ContactRecord, error] {
	return func(yield func(*ContactRecord, error) bool) {
		for n := range i.item.Contacts() {
			c, there, err := i.at.ItemContact(&i.item, n)
			if err == nil {
				err = ctx.Err()
			}
			list := []Contact{ContactOf(&c)}
			if err == nil && there {
				err = addPaths(i.at, nil, list)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if there && !yield(&ContactRecord{Record: i.Record, Contact: list[0], place: n}, nil) {
				return
			}
		}
	}
}

// Forgettings tells how many forgettings this service has done, and whether one
// was done within a time before now.
func (s *Service) Forgettings(ctx context.Context, within time.Duration) (done int64, lately bool, err error) {
	done = s.cfg.Intake.forgets.Load()
	if s.cfg.Store == nil {
		return done, false, nil
	}
	list, err := s.cfg.Store.Forgotten(ctx)
	since := metrics.MillisOf(s.Now().Add(-within))
	return done, slices.ContainsFunc(list, func(f storage.Forgotten) bool { return f.At >= since }), err
}

// Told holds what others were told against what is stored.
type Told struct{ at *storage.Snapshot }

// Told must be closed.
func (s *Service) Told() (*Told, error) {
	v, err := s.cfg.Store.Snapshot()
	return &Told{v}, err
}

// Close ends it.
func (t *Told) Close() { t.at.Close() }

// Forgotten tells whether a contact names somebody whom the stored one does not
// name, or is not stored any more.
func (t *Told) Forgotten(c *Contact) (bool, error) {
	kind := slices.Index(metrics.ContactKindNames(), c.Kind)
	if kind < 0 {
		return true, nil
	}
	stored, there, err := t.at.Contact(metrics.ContactKind(kind), c.Switch, c.ID, c.Joined)
	if err != nil || !there {
		return err == nil, err
	}
	now := ContactOf(&stored)
	if c.Caller != "" && now.Caller == "" {
		return true, nil
	}
	names := func(c *Contact, agent string) bool {
		return agent == c.Agent || slices.ContainsFunc(c.Attempts, func(a Attempt) bool { return a.Agent == agent })
	}
	if c.Agent != "" && !names(&now, c.Agent) {
		return true, nil
	}
	return slices.ContainsFunc(c.Attempts, func(a Attempt) bool { return !names(&now, a.Agent) }), nil
}

// Agents are the names that rollups since a moment have.
func (t *Told) Agents(ctx context.Context, since time.Time) (map[string]bool, error) {
	list, err := t.at.Sum(ctx, storage.Query{From: interval(since), To: math.MaxInt64, Kinds: []metrics.RowKind{metrics.AgentRow, metrics.PairRow, metrics.PauseRow}})
	names := map[string]bool{}
	for _, r := range list {
		names[r.Name] = true
	}
	return names, err
}
