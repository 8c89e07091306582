package api

import (
	"bytes"
	"context"
	"math"
	"slices"
	"time"

	"tallyd/metrics"
	"tallyd/storage"
)

// First-call resolution is formed from contacts when it is asked for: whether one
// was the last depends on what came later. Callers who were answered in the span
// are found first, then each one's stays are read and judged, one caller at a time.

// scanNames is up to how many names their own lists of contacts are read, rather
// than everybody's.
const scanNames = 8

// resolved adds the contacts of the span, each to its first agent's part, or to
// the queue that it was in, or to what the two share. Those of leave are left out;
// nil for none.
func (s *Service) resolved(ctx context.Context, q storage.Query, leave map[endedCall]bool, add func(*metrics.Rollup)) error {
	// What is handed over between the looks is found in the later one.
	known := s.knownUntil()
	var recent []metrics.Contact
	for i := range s.cfg.Sources {
		recent = append(recent, s.cfg.Sources[i].Tracker.Concluded()...)
	}
	m, err := s.cfg.Intake.moment(nil)
	if err != nil {
		return err
	}
	defer m.close()
	unstored, err := m.unstored(ctx, recent)
	if err != nil {
		return err
	}
	w := contactsOf(q)
	judge := metrics.Resolver{Group: s.cfg.Group, Known: known}
	callers, err := w.callers(ctx, m.stored, unstored, &judge)
	if err != nil || len(callers) == 0 {
		return err
	}
	var stored *storage.Callers
	if m.stored != nil {
		if stored, err = m.stored.Callers(); err != nil {
			return err
		}
		defer stored.Close()
	}
	from, to := w.stays()
	row := metrics.Rollup{Kind: w.kind}
	count := func(r metrics.Resolved) {
		if !w.holds(r.At, r.Queue, r.Agent) || leave[endedCall{r.Queue, r.Agent, r.At}] {
			return
		}
		row.Interval, row.Values = metrics.IntervalOf(r.At), metrics.Values{}
		row.Name, row.Second = w.row(r.Queue, r.Agent)
		switch {
		case r.Censored:
			row.Values[metrics.FCRCensored] = 1
		case r.Repeat:
			row.Values[metrics.FCRRepeat] = 1
			fallthrough
		default:
			row.Values[metrics.FCREligible] = 1
		}
		add(&row)
	}
	var stays []metrics.Stay
	for _, h := range callers {
		if err := ctx.Err(); err != nil {
			return err
		}
		stays = stays[:0]
		if stored != nil {
			if stays, err = stored.AppendStays(stays, h, from, to); err != nil {
				return err
			}
		}
		judge.Caller(withUnstored(stays, unstored[h]), count)
	}
	return nil
}

// knownUntil is up to when every visit is known that began: those of the sealed
// intervals.
func (s *Service) knownUntil() metrics.Millis {
	known := metrics.MillisOf(s.Now())
	for _, w := range s.windows() {
		known = min(known, w.window.Interval.Start())
	}
	return known
}

// unstored are the stays that are not in the store's list of callers: of the visits
// that are in progress, of what is on its way to the store, and what was concluded
// since, in this order.
func (m *moment) unstored(ctx context.Context, recent []metrics.Contact) (map[[16]byte][]metrics.Stay, error) {
	out := map[[16]byte][]metrics.Stay{}
	add := func(list []metrics.Contact) {
		for i := range list {
			if c := &list[i]; c.Hash != [16]byte{} {
				out[c.Hash] = append(out[c.Hash], metrics.StayOf(c))
			}
		}
	}
	if m.stored != nil {
		open, err := m.stored.Open(ctx)
		if err != nil {
			return nil, err
		}
		add(open)
	}
	for _, p := range m.pending {
		add(p.Open)
		add(p.Contacts)
	}
	add(recent)
	return out, nil
}

// withUnstored adds stays to those that are stored. Of two of one visit the later
// one holds, unless it knows less: that the visit was in progress.
func withUnstored(stays, later []metrics.Stay) []metrics.Stay {
	for i := range later {
		l := &later[i]
		same := slices.IndexFunc(stays, func(s metrics.Stay) bool {
			return s.Visit == l.Visit && s.Joined == l.Joined && s.Switch == l.Switch
		})
		switch {
		case same < 0:
			stays = append(stays, *l)
		case l.Outcome != metrics.InProgress:
			stays[same] = *l
		}
	}
	return stays
}

// contactsAsked are the contacts that rows of a kind count, in a span.
type contactsAsked struct {
	kind   metrics.RowKind
	query  storage.Query
	window metrics.Millis // the longest in which a caller may come back to their queues
}

// longestCall is more than any call lasts.
const longestCall = metrics.Millis(7 * 24 * time.Hour / time.Millisecond)

// stays are when all began that tells of the span's contacts: the calls that they are
// part of, and who came back. A caller who calls for years is so not read for years.
func (w *contactsAsked) stays() (from, to metrics.Millis) {
	from, to = w.query.From.Start()-longestCall, math.MaxInt64
	if end, ends := w.end(); ends {
		to = end + longestCall + w.window + 1
	}
	return from, to
}

// end is when the span is over, if it is not open.
func (w *contactsAsked) end() (metrics.Millis, bool) {
	return w.query.To.Start(), w.query.To < metrics.IntervalOf(1<<60)
}

func contactsOf(q storage.Query) *contactsAsked {
	w := &contactsAsked{kind: metrics.QueueRow, query: q}
	switch {
	case slices.Contains(q.Kinds, metrics.PairRow):
		w.kind = metrics.PairRow
	case slices.Equal(q.Kinds, []metrics.RowKind{metrics.AgentRow}):
		w.kind = metrics.AgentRow
	}
	return w
}

// row is the name of the row that counts a contact, and its second one.
func (w *contactsAsked) row(queue, agent string) (name, second string) {
	switch w.kind {
	case metrics.PairRow:
		return agent, queue
	case metrics.AgentRow:
		return agent, ""
	}
	return queue, ""
}

func (w *contactsAsked) chosen(queue, agent string) bool {
	name, _ := w.row(queue, agent)
	return len(w.query.Names) == 0 || slices.Contains(w.query.Names, name)
}

func (w *contactsAsked) holds(at metrics.Millis, queue, agent string) bool {
	i := metrics.IntervalOf(at)
	return i >= w.query.From && i < w.query.To && w.chosen(queue, agent)
}

// callers are those who were answered in the span, in order, and notes the longest
// window of their queues. More than are counted do no harm.
func (w *contactsAsked) callers(ctx context.Context, stored *storage.Snapshot, unstored map[[16]byte][]metrics.Stay, judge *metrics.Resolver) ([][16]byte, error) {
	var list [][16]byte
	for h, stays := range unstored {
		for _, s := range stays {
			if w.holds(s.Ended, s.Queue, s.Agent) {
				w.window = max(w.window, judge.GroupOf(s.Queue).Window)
				list = append(list, h)
			}
		}
	}
	if stored != nil {
		for _, q := range w.lists() {
			for c, err := range stored.Contacts(ctx, q) {
				if err != nil {
					return nil, err
				}
				if c.Hash != [16]byte{} && c.Outcome == metrics.Answered && w.holds(c.Ended, c.Queue, c.Agent) {
					w.window = max(w.window, judge.GroupOf(c.Queue).Window)
					list = append(list, c.Hash)
				}
			}
		}
	}
	slices.SortFunc(list, func(x, y [16]byte) int { return bytes.Compare(x[:], y[:]) })
	return slices.Compact(list), nil
}

// lists are the store's lists that all contacts of the span are in.
func (w *contactsAsked) lists() []storage.ContactQuery {
	span := storage.ContactQuery{From: w.query.From.Start()}
	if end, ends := w.end(); ends {
		span.To = end
	}
	if len(w.query.Names) == 0 || len(w.query.Names) > scanNames {
		return []storage.ContactQuery{span}
	}
	var out []storage.ContactQuery
	for _, name := range w.query.Names {
		q := span
		if w.kind != metrics.QueueRow {
			q.Agent = name
		} else {
			q.Queues = []string{name}
		}
		out = append(out, q)
	}
	return out
}
