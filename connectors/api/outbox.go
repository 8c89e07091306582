package api

import (
	"context"
	"iter"
	"math"
	"slices"
	"time"

	"tallyd/metrics"
	"tallyd/rules"
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

// ScoreRecord is a card that was sealed.
type ScoreRecord struct {
	Record
	Cycle    string           `json:"cycle"`
	Revision uint32           `json:"revision"` // from 0; the greatest counts
	SealedAt Moment           `json:"sealed_at"`
	Scheme   rules.SchemeID   `json:"scheme"`
	Period   rules.SpanOfDays `json:"period"`
	Card     rules.Card       `json:"card"`

	place int
}

// Place is the card's in its item, from 0; it stays the same unless somebody is forgotten.
func (r *ScoreRecord) Place() int { return r.place }

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
		Revision: i.item.Revision, Correction: i.item.Correction, row: r.Key()}
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
	out.Counters, out.Histograms = countsOf(r)
	return out
}

// countsOf is what a rollup has that is not 0, by the names of counters, and of
// histograms by bin; nil where there are none of these.
func countsOf(r *metrics.Rollup) (counters map[string]int64, histograms map[string]map[int]int64) {
	counters = map[string]int64{}
	for c, v := range r.Values {
		if v != 0 {
			counters[metrics.Counter(c).String()] = v
		}
	}
	for k, h := range r.Histograms {
		for bin, n := range h {
			if n == 0 {
				continue
			}
			if histograms == nil {
				histograms = map[string]map[int]int64{}
			}
			name := metrics.HistogramKind(k).String()
			if histograms[name] == nil {
				histograms[name] = map[int]int64{}
			}
			histograms[name][bin] = n
		}
	}
	return counters, histograms
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

// Scores are the cards of the item, where it is a sealing, by agent and role.
func (i *Item) Scores(ctx context.Context) iter.Seq2[*ScoreRecord, error] {
	return func(yield func(*ScoreRecord, error) bool) {
		cycle, is := i.item.Scores()
		if !is {
			return
		}
		list, err := i.at.Sealings(ctx, cycle)
		q := ScoreQuery{Cycle: cycle, Revision: &i.item.Revision}
		var x *storage.Sealing
		if err == nil {
			x, err = q.sealing(list)
		}
		var head *ScoreList
		if err == nil {
			head, err = listOf(x)
		}
		if err != nil {
			yield(nil, err)
			return
		}
		place := 0
		for c, err := range i.at.Cards(ctx, cycle, x.Revision, "") {
			out := &ScoreRecord{Record: i.Record, Cycle: cycle, Revision: x.Revision, SealedAt: Moment(x.At), Scheme: head.Scheme, Period: head.Period, place: place}
			if err == nil {
				var card *rules.Card
				if card, err = readCard(&c); err == nil {
					out.Card = *card
				}
			}
			if !yield(out, err) || err != nil {
				return
			}
			place++
		}
	}
}

// Forgettings tells how many forgettings this service has done, and how long ago the
// latest of the store's was; negative where there was none.
func (s *Service) Forgettings(ctx context.Context) (done int64, ago time.Duration, err error) {
	done, ago = s.cfg.Intake.forgets.Load(), -1
	if s.cfg.Store == nil {
		return done, ago, nil
	}
	list, err := s.cfg.Store.Forgotten(ctx)
	if len(list) > 0 {
		ago = max(0, s.Now().Sub(list[len(list)-1].At.Time()))
	}
	return done, ago, err
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

// Card tells whether an agent has a card of a cycle.
func (t *Told) Card(ctx context.Context, cycle, agent string) (bool, error) {
	list, err := t.at.Sealings(ctx, cycle)
	for i := range list {
		for _, err := range t.at.Cards(ctx, cycle, list[i].Revision, agent) {
			return err == nil, err
		}
	}
	return false, err
}
