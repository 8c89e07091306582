package api

import (
	"context"
	"slices"

	"tallyd/metrics"
	"tallyd/storage"
)

// Calls whose audio was bad are no agent's doing: what they came to is taken out of
// what appraisals rest on, and how many there were is said. Figures and contacts
// have them as they were.

// DefaultBadMOS is below which mean opinion score, in hundredths, audio is bad. By
// ITU-T G.107, annex B, many users are dissatisfied below 3.1.
const DefaultBadMOS = 310

// longestSpoilt is by how much a call may outlast the hour that it was talked in.
const longestSpoilt = 4 * metrics.Millis(3600_000)

// spoilt knows the visits with bad audio that lie about an hour. The hours must come
// in their order: each contact is read once.
type spoilt struct {
	service *Service
	read    metrics.Millis // stored contacts that ended before are known
	visits  map[contactID]metrics.Contact
}

func newSpoilt(s *Service) *spoilt {
	return &spoilt{service: s, visits: map[contactID]metrics.Contact{}}
}

// about are the visits with bad audio that may be counted between two moments,
// in order. It must be asked before the sums are: a visit that ends in between is
// then not taken out of sums that it is not in.
func (x *spoilt) about(ctx context.Context, from, to metrics.Millis) ([]metrics.Contact, error) {
	if x.service.cfg.BadMOS == 0 {
		return nil, nil
	}
	if err := x.look(ctx, from, to+longestSpoilt); err != nil {
		return nil, err
	}
	var out []metrics.Contact
	for id, c := range x.visits {
		switch {
		case c.Ended < from:
			delete(x.visits, id)
		case c.Joined < to:
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b metrics.Contact) int { return storage.Compare(&a, &b) })
	return out, nil
}

func (x *spoilt) look(ctx context.Context, from, to metrics.Millis) error {
	take := func(c *metrics.Contact) {
		if c.Kind == metrics.VisitContact && c.Answered != 0 && c.Agent != "" && c.Media.Bad(x.service.cfg.BadMOS) {
			x.visits[idOf(c)] = *c
		}
	}
	var recent []metrics.Contact // read before the moment: what is handed over meanwhile is found there
	for i := range x.service.cfg.Sources {
		recent = append(recent, x.service.cfg.Sources[i].Tracker.Concluded()...)
	}
	m, err := x.service.cfg.Intake.moment(nil)
	if err != nil {
		return err
	}
	defer m.close()
	if from = max(from, x.read); m.stored != nil && from < to {
		for c, err := range m.stored.Contacts(ctx, storage.ContactQuery{From: from, To: to}) {
			if err != nil {
				return err
			}
			take(&c)
		}
		x.read = min(to, metrics.MillisOf(x.service.Now())-longestSpoilt) // of what is fresh more may come
	}
	for _, p := range m.pending {
		for i := range p.Contacts {
			take(&p.Contacts[i])
		}
	}
	for i := range recent {
		take(&recent[i])
	}
	return nil
}

// left are calls that are taken out of an hour's sums, by the rows that they are in.
type left struct {
	calls map[metrics.Key]int64 // that ended in the hour
	ended map[endedCall]bool
}

// endedCall is an agent's part of a visit.
type endedCall struct {
	queue, agent string
	at           metrics.Millis
}

func endOf(c *metrics.Contact) endedCall { return endedCall{c.Queue, c.Agent, c.Ended} }

// leaveOut takes visits out of the sums of an hour: the ring that was answered, the
// talk and what was counted of it, and the same share of the wrap-up, which no
// contact tells, as of the calls. The rings that others missed stay theirs.
func leaveOut(sum *sums, visits []metrics.Contact, from, to metrics.Interval) *left {
	out := &left{calls: map[metrics.Key]int64{}, ended: map[endedCall]bool{}}
	count := metrics.NewRecount("")
	for i := range visits {
		c := visits[i]
		c.Attempts = slices.DeleteFunc(slices.Clone(c.Attempts), func(a metrics.Attempt) bool {
			return a.Agent != c.Agent || a.Result != metrics.Accepted
		})
		count.Contact(&c)
		if in := metrics.IntervalOf(c.Ended); in >= from && in < to {
			out.ended[endOf(&c)] = true
			out.calls[metrics.Key{Kind: metrics.PairRow, Name: c.Agent, Second: c.Queue}]++
			out.calls[metrics.Key{Kind: metrics.AgentRow, Name: c.Agent}]++
		}
	}
	spoilt := newSums([]metrics.RowKind{metrics.PairRow}, nil)
	for _, in := range count.Intervals() {
		if in < from || in >= to {
			continue
		}
		list := count.Rollups(in)
		for i := range list {
			spoilt.add(&list[i])
		}
	}
	for key, r := range spoilt.rows {
		pair, own := sum.rows[key], sum.rows[metrics.Key{Kind: metrics.AgentRow, Name: key.Name}]
		if pair == nil || own == nil {
			continue
		}
		if calls := pair.Values[metrics.AnsweredCount]; calls > 0 {
			r.Values[metrics.WrappingUpTime] = pair.Values[metrics.WrappingUpTime] * min(r.Values[metrics.AnsweredCount], calls) / calls
		}
		for _, x := range work() {
			for _, n := range x.counters {
				less := min(r.Values[n], pair.Values[n], own.Values[n])
				pair.Values[n] -= less
				own.Values[n] -= less
			}
		}
		hours := r.Values[metrics.Talk] + r.Values[metrics.WrappingUpTime]
		own.Values[metrics.LoggedInTime] = max(0, own.Values[metrics.LoggedInTime]-hours)
	}
	return out
}
