package api

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"tallyd/metrics"
	"tallyd/storage"
)

// ContactQuery asks for the contacts that ended in a span.
type ContactQuery struct {
	// From and To are local midnight and now where they are zero.
	From, To time.Time
	Switch   string   // "": every
	Queue    string   // "": every
	Agent    string   // who answered; "": every
	Outcomes []string // none: every
	// Limit bounds the answer; 0 is DefaultContacts, MaxContacts the most.
	Limit int
}

// The bounds of an answer's length.
const (
	DefaultContacts = 1000
	MaxContacts     = 10_000
)

// Contact is the evidence of one visit, as published. The caller is masked.
type Contact struct {
	ID       string         `json:"id"`
	Switch   string         `json:"switch"`
	Queue    string         `json:"queue"`
	Agent    string         `json:"agent,omitempty"`
	Caller   string         `json:"caller"`
	Outcome  string         `json:"outcome"`
	EndedBy  string         `json:"ended_by,omitempty"`
	Joined   metrics.Millis `json:"joined_ms"`
	Answered metrics.Millis `json:"answered_ms,omitempty"`
	Ended    metrics.Millis `json:"ended_ms"`
	Wait     metrics.Millis `json:"wait_ms"`
	Talk     metrics.Millis `json:"talk_ms"`
	Hold     metrics.Millis `json:"hold_ms"`
	Holds    int            `json:"holds"`
	Offers   int            `json:"offers"`
	Partial  bool           `json:"partial,omitempty"` // the beginning was not seen
	Unseen   bool           `json:"unseen,omitempty"`  // the end was not seen
}

// ContactOf is a contact as published.
func ContactOf(c *metrics.Contact) Contact {
	out := Contact{
		ID: c.Visit, Switch: c.Switch, Queue: c.Queue, Agent: c.Agent, Caller: c.Caller, Outcome: c.Outcome.String(),
		Joined: c.Joined, Answered: c.Answered, Ended: c.Ended, Wait: c.Wait(), Talk: c.Talk(), Hold: c.Hold,
		Holds: c.Holds, Offers: c.Offers, Partial: c.Partial, Unseen: c.Unseen,
	}
	if c.Outcome == metrics.Answered {
		out.EndedBy = c.EndedBy.String()
	}
	return out
}

// Contacts lists the contacts of closed intervals in the order in which they
// ended. Those of the interval that is still open follow when it is sealed: all
// that ended before complete are there.
func (s *Service) Contacts(ctx context.Context, q ContactQuery) (out []Contact, complete Moment, err error) {
	want, err := s.contactQuery(&q)
	if err != nil {
		return nil, 0, err
	}
	windows := s.windows()
	m, err := s.cfg.Intake.moment(nil)
	if err != nil {
		return nil, 0, err
	}
	defer m.close()
	var list []metrics.Contact
	if m.stored != nil {
		for c, err := range m.stored.Contacts(ctx, want) {
			if err != nil {
				return nil, 0, err
			}
			list = append(list, c)
		}
	}
	for _, p := range m.pending {
		for i := range p.Contacts {
			if want.Match(&p.Contacts[i]) {
				list = append(list, p.Contacts[i])
			}
		}
	}
	complete = Moment(interval(s.Now()).Start())
	for _, w := range open(windows, m.through, 0, math.MaxInt64) {
		if want.Switch == "" || want.Switch == w.source.Name {
			complete = min(complete, Moment(w.window.Interval.Start()))
		}
	}
	return published(list, want.Limit), complete, nil
}

// published sorts, leaves the older of two records of one visit out (the later
// in the list is the one on its way to the store), and cuts.
func published(list []metrics.Contact, limit int) []Contact {
	type id struct {
		sw, visit string
		joined    metrics.Millis
	}
	latest := map[id]int{}
	for i := range list {
		latest[id{list[i].Switch, list[i].Visit, list[i].Joined}] = i
	}
	kept := make([]metrics.Contact, 0, len(latest))
	for i := range list {
		if latest[id{list[i].Switch, list[i].Visit, list[i].Joined}] == i {
			kept = append(kept, list[i])
		}
	}
	slices.SortFunc(kept, func(a, b metrics.Contact) int {
		return cmp.Or(cmp.Compare(a.Ended, b.Ended), cmp.Compare(a.Switch, b.Switch), cmp.Compare(a.Visit, b.Visit), cmp.Compare(a.Joined, b.Joined))
	})
	out := make([]Contact, min(len(kept), limit))
	for i := range out {
		out[i] = ContactOf(&kept[i])
	}
	return out
}

func (s *Service) contactQuery(q *ContactQuery) (storage.ContactQuery, error) {
	var none storage.ContactQuery
	if q.To.IsZero() {
		q.To = s.Now()
	}
	if q.From.IsZero() {
		q.From = midnight(q.To, s.cfg.Zone)
	}
	if !q.From.Before(q.To) {
		return none, fmt.Errorf("the span from %s to %s is empty", q.From.Format(time.RFC3339), q.To.Format(time.RFC3339))
	}
	if q.Limit < 0 || q.Limit > MaxContacts {
		return none, fmt.Errorf("limit %d is not between 0 and %d", q.Limit, MaxContacts)
	}
	want := storage.ContactQuery{From: metrics.MillisOf(q.From), To: metrics.MillisOf(q.To), Switch: q.Switch, Queue: q.Queue, Agent: q.Agent, Limit: q.Limit}
	if want.Limit == 0 {
		want.Limit = DefaultContacts
	}
	names := metrics.OutcomeNames()
	for _, o := range q.Outcomes {
		i := slices.Index(names, o)
		if i < 0 {
			return none, fmt.Errorf("outcome %q is not known", o)
		}
		want.Outcomes = append(want.Outcomes, metrics.Outcome(i))
	}
	return want, nil
}
