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
	Kind     string   // visit or call; "": visit
	Switch   string   // "": every
	Queues   []string // none: every
	Agent    string   // who answered, or whose call it is; "": every
	Rung     string   // who was rung for it, whoever answered; "": every
	Outcomes []string // none: every
	// Caller is the number at the other end, as the switch writes it; "": every. It
	// is compared by its keyed hash: numbers are not kept.
	Caller string
	// MOSBelow asks for those whose audio was measured, and was below it; 0: for all.
	MOSBelow float64
	// Unseen asks for the spans in which switches could not be seen, too.
	Unseen bool
	// CallBack asks what came of callers who were lost: CallBackTold of each, CallBackDue
	// for those alone whom nobody has talked to since; "": not.
	CallBack string
	// Newest asks for the latest first.
	Newest bool
	// Limit bounds the answer; 0 is DefaultContacts, MaxContacts the most.
	Limit int
	// After is the Next of the page before; nil for the first page.
	After *ContactPlace

	of map[string]bool // whose contacts may be seen, beside those of nobody; nil: everybody's
}

// The bounds of an answer's length.
const (
	DefaultContacts = 1000
	MaxContacts     = 10_000
)

// ContactList is an answer: contacts in the order in which they ended, or the other
// way round.
type ContactList struct {
	// All that ended before Complete are known; of what ended since, some may not be
	// concluded yet.
	Complete Moment    `json:"complete_until"`
	Contacts []Contact `json:"contacts"`
	// Unseen is when switches could not be seen in the span: who came and went then
	// is not among the contacts. It is on the first page, if it is asked for.
	Unseen []Gap `json:"unseen,omitempty"`
	// Next is where the next page begins; nil after the last one.
	Next *ContactPlace `json:"next,omitempty"`
}

// conclusion is how long after a visit's end it may become clear that it has
// ended, and how.
const conclusion metrics.Millis = 40_000

// dueRounds is how often more lost callers are looked at for one page of those who are
// to be called back: a day on which all were reached must not be read at once.
const dueRounds = 5

// Contacts lists contacts, a page at a time.
func (s *Service) Contacts(ctx context.Context, q ContactQuery) (*ContactList, error) {
	out, err := s.contactPage(ctx, q)
	limit := cmp.Or(q.Limit, DefaultContacts)
	for round := 1; err == nil && q.CallBack == CallBackDue && out.Next != nil && len(out.Contacts) < limit && round < dueRounds; round++ {
		var more *ContactList
		q.After, q.Limit = out.Next, limit-len(out.Contacts)
		if more, err = s.contactPage(ctx, q); err == nil {
			out.Contacts, out.Next = append(out.Contacts, more.Contacts...), more.Next
			out.Complete = min(out.Complete, more.Complete)
		}
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *Service) contactPage(ctx context.Context, q ContactQuery) (*ContactList, error) {
	want, err := s.contactQuery(&q)
	if err != nil {
		return nil, &BadQuestion{err}
	}
	out := &ContactList{Complete: Moment(metrics.MillisOf(s.Now())), Contacts: []Contact{}}
	var recent []metrics.Contact // read before the moment: what is handed over meanwhile is found there
	for i := range s.cfg.Sources {
		src := &s.cfg.Sources[i]
		if want.Switch != "" && want.Switch != src.Name {
			continue
		}
		recent = append(recent, src.Tracker.Concluded()...)
		if now := src.Tracker.Live.Now(); now != 0 {
			out.Complete = min(out.Complete, Moment(now-conclusion))
		}
	}
	m, err := s.cfg.Intake.moment(nil)
	if err != nil {
		return nil, err
	}
	defer m.close()
	var unstored []metrics.Contact
	for _, p := range m.pending {
		unstored = append(unstored, p.Contacts...)
	}
	unstored = append(unstored, recent...)

	if q.Unseen && q.After == nil {
		if out.Unseen, err = s.unseen(ctx, m, &want); err != nil {
			return nil, err
		}
	}
	newest := newestOf(unstored)
	limit := want.Limit
	want.Limit++ // one more tells whether there are more
	var list []metrics.Contact
	var last *metrics.Contact // what is stored was read up to here
	if m.stored != nil {
		read := 0
		for c, err := range m.stored.Contacts(ctx, want) {
			if err != nil {
				return nil, err
			}
			if read++; read == want.Limit {
				out.Next = placeOf(last)
				break
			}
			last = &c
			if _, again := newest[idOf(&c)]; !again {
				list = append(list, c)
			}
		}
	}
	for i := range unstored {
		c := &unstored[i]
		if newest[idOf(c)] == i && want.Match(c) && (out.Next == nil || want.Order(c, last) <= 0) {
			list = append(list, *c)
		}
	}
	slices.SortFunc(list, func(a, b metrics.Contact) int { return want.Order(&a, &b) })
	if len(list) > limit {
		list = list[:limit]
		out.Next = placeOf(&list[limit-1])
	}
	for i := range list {
		out.Contacts = append(out.Contacts, ContactOf(&list[i]))
	}
	if q.CallBack != "" {
		if err := tellCallBacks(ctx, m.stored, unstored, list, out.Contacts); err != nil {
			return nil, err
		}
	}
	if q.CallBack == CallBackDue {
		out.Contacts = slices.DeleteFunc(out.Contacts, func(c Contact) bool { return c.CallBack == nil || c.CallBack.Reached() })
	}
	return out, addPaths(m.stored, unstored, out.Contacts)
}

// contactID tells contacts apart.
type contactID struct {
	kind      metrics.ContactKind
	sw, visit string
	joined    metrics.Millis
}

func idOf(c *metrics.Contact) contactID { return contactID{c.Kind, c.Switch, c.Visit, c.Joined} }

// newestOf finds the latest record of each contact. It replaces the earlier ones in
// the list, and those that are stored.
func newestOf(list []metrics.Contact) map[contactID]int {
	at := make(map[contactID]int, len(list))
	for i := range list {
		at[idOf(&list[i])] = i
	}
	return at
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
	want := storage.ContactQuery{From: metrics.MillisOf(q.From), To: metrics.MillisOf(q.To), Switch: q.Switch, Queues: q.Queues, Agent: q.Agent, Rung: q.Rung, Of: q.of, Newest: q.Newest, Limit: q.Limit}
	if want.Limit == 0 {
		want.Limit = DefaultContacts
	}
	if !(q.MOSBelow >= 0 && q.MOSBelow <= 5) {
		return none, fmt.Errorf("mos_below %v is not between 0 and 5", q.MOSBelow)
	}
	want.MOSBelow = int(math.Round(100 * q.MOSBelow))
	switch q.CallBack {
	case "", CallBackTold, CallBackDue:
	default:
		return none, fmt.Errorf("call_back %q is neither %s nor %s", q.CallBack, CallBackTold, CallBackDue)
	}
	if q.Kind != "" {
		i := slices.Index(metrics.ContactKindNames(), q.Kind)
		if i < 0 {
			return none, fmt.Errorf("kind %q is neither visit nor call", q.Kind)
		}
		want.Kind = metrics.ContactKind(i)
	}
	names := metrics.OutcomeNames()
	for _, o := range q.Outcomes {
		i := slices.Index(names, o)
		if i < 0 {
			return none, fmt.Errorf("outcome %q is not known", o)
		}
		want.Outcomes = append(want.Outcomes, metrics.Outcome(i))
	}
	if q.CallBack != "" && want.Kind != metrics.VisitContact {
		return none, fmt.Errorf("call_back is about visits, not about %ss", want.Kind)
	}
	if q.CallBack == CallBackDue && len(want.Outcomes) == 0 {
		want.Outcomes = lostOutcomes
	}
	if q.Caller != "" {
		want.Caller = metrics.CallerHash(s.cfg.CallerKey, s.cfg.Numbers.Normalise(metrics.MakeCaller([]byte(q.Caller))))
	}
	if a := q.After; a != nil {
		want.After = &metrics.Contact{Kind: want.Kind, Ended: a.Ended, Switch: a.Switch, Visit: a.ID, Joined: a.Joined}
	}
	return want, nil
}
