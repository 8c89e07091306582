package api

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"tallyd/metrics"
	"tallyd/metrics/roster"
	"tallyd/rules"
	"tallyd/storage"
)

// What appraisals rest on is exported line by line: what each agent did for each
// queue in each hour, the agent's hours themselves, and what others told.

// ExportQuery asks for all that appraisals rest on in a span, which is widened to
// whole quarter hours.
type ExportQuery struct {
	// From and To are local midnight and now where they are zero.
	From, To time.Time
	// Limit is about how many lines an answer has: whole hours, or one. 0 is
	// DefaultExport, MaxExport the most.
	Limit int
	// Calls asks for what the callers of queues came to, too: leads may be appraised by
	// it.
	Calls bool
}

// The bounds of an answer's length.
const (
	DefaultExport = 10_000
	MaxExport     = 100_000
	// exportHours is how many hours an answer is about at most.
	exportHours = 31 * 24
)

// ExportList is an answer: From and To are the span that it covers.
type ExportList struct {
	From Moment `json:"from"`
	To   Moment `json:"to"`
	// More tells that what was from To on is left: ask again from there.
	More bool `json:"more,omitempty"`
	// Lines are what an agent did in an hour of local time for a queue, or for none, or
	// what somebody told of the agent. Their counts are sums: all lines of an agent add
	// up to the agent's. An hour's own line is at its beginning.
	Lines []rules.Fact `json:"lines"`
}

// exported are the counts of lines, and what they are the sums of.
type exported struct {
	name     string
	counters []metrics.Counter
}

// work is counted by queue; what no queue has of it is the agent's alone.
func work() []exported {
	return []exported{
		{"offers", []metrics.Counter{metrics.Offers}},
		{"answered", []metrics.Counter{metrics.AnsweredCount}},
		{"missed", []metrics.Counter{metrics.MissedCount}},
		{"rejected", []metrics.Counter{metrics.RejectedCount}},
		{"cancelled", []metrics.Counter{metrics.CancelledCount}},
		{"caller_gone", []metrics.Counter{metrics.CallerGoneCount}},
		{"unseen_offers", []metrics.Counter{metrics.UnseenOffers}},
		{"transferred_out", []metrics.Counter{metrics.TransferredBlind, metrics.TransferredAttended}},
		{"holds", []metrics.Counter{metrics.Holds}},
		{"hung_up_first", []metrics.Counter{metrics.EndedByAgent}},
		{"short_calls", []metrics.Counter{metrics.ShortCalls}},
		{"talk_ms", []metrics.Counter{metrics.Talk}},
		{"hold_ms", []metrics.Counter{metrics.Hold}},
		{"wrapup_ms", []metrics.Counter{metrics.WrappingUpTime}},
		{"handle_s2", []metrics.Counter{metrics.HandleSquared}},
	}
}

// hours are the agent's, whatever the queue.
func hours() []exported {
	return []exported{
		{"logins", []metrics.Counter{metrics.Logins}},
		{"ringing_ms", []metrics.Counter{metrics.RingingTime}},
		{"available_ms", []metrics.Counter{metrics.AvailableTime}},
		{"paused_ms", []metrics.Counter{metrics.PausedTime}},
		{"on_other_call_ms", []metrics.Counter{metrics.OnOtherCallTime}},
		{"logged_in_ms", []metrics.Counter{metrics.LoggedInTime}},
		{"unobserved_ms", []metrics.Counter{metrics.UnobservedTime}},
	}
}

// resolution comes from contacts, which have a queue.
func resolution() []exported {
	return []exported{
		{"fcr_eligible", []metrics.Counter{metrics.FCREligible}},
		{"fcr_repeat", []metrics.Counter{metrics.FCRRepeat}},
	}
}

const casesDue, casesInTime = "cases_due", "cases_in_time"

// Export lists lines, some hours at a time: of each hour what was counted, by agent
// and queue, and then what was told of it. It has what is under way too.
func (s *Service) Export(ctx context.Context, q ExportQuery) (*ExportList, error) {
	if q.Limit < 0 || q.Limit > MaxExport {
		return nil, &BadQuestion{fmt.Errorf("limit %d is not between 0 and %d", q.Limit, MaxExport)}
	}
	a, span, err := s.understand(KPIQuery{Kind: Agents, From: q.From, To: q.To, Step: "hour"})
	if err != nil {
		return nil, &BadQuestion{err}
	}
	out := &ExportList{From: span.From, To: span.To, Lines: []rules.Fact{}}
	bad := newSpoilt(s)
	for i := range a.spans {
		p := &a.spans[i]
		if len(out.Lines) >= cmp.Or(q.Limit, DefaultExport) || i == exportHours {
			out.To, out.More = Moment(p.from.Start()), true
			break
		}
		e := exporting{service: s, roster: a.roster, spoilt: bad, calls: q.Calls, from: p.from, to: p.through(a.open)}
		if err := e.all(ctx); err != nil {
			return nil, err
		}
		out.Lines = append(out.Lines, e.lines...)
	}
	return out, nil
}

// exporting is an hour, or what was asked for of it.
type exporting struct {
	service  *Service
	roster   *roster.Roster
	spoilt   *spoilt
	from, to metrics.Interval
	calls    bool
	lines    []rules.Fact
}

func (e *exporting) all(ctx context.Context) error {
	e.leads()
	if err := e.counted(ctx); err != nil {
		return err
	}
	return e.told(ctx)
}

// leads adds a line without counts for everybody who leads a team on the day that
// begins: their appraisal rests on what others did.
func (e *exporting) leads() {
	at := e.from.Start()
	if !midnight(at.Time(), e.service.cfg.Zone).Equal(at.Time()) {
		return
	}
	for _, t := range e.roster.Teams() {
		if t.Lead == "" {
			continue
		}
		l := e.line(at, t.Lead)
		if l.Team = t.ID; l.Role != "" {
			l.Counts = map[string]int64{}
			e.lines = append(e.lines, l)
		}
	}
}

// line begins a line of an agent.
func (e *exporting) line(at metrics.Millis, agent string) rules.Fact {
	l := rules.Fact{At: at.Time(), Agent: agent}
	if stay, here := e.roster.At(agent, at.Time()); here {
		l.Role, l.Team = stay.Role, stay.Team
	}
	return l
}

// counted adds the lines of what was counted: an agent's own, and then those of the
// queues.
func (e *exporting) counted(ctx context.Context) error {
	q := storage.Query{From: e.from, To: e.to, Kinds: []metrics.RowKind{metrics.AgentRow, metrics.PairRow}}
	if e.calls {
		q.Kinds = append(q.Kinds, metrics.QueueRow)
	}
	bad, err := e.spoilt.about(ctx, e.from.Start(), e.end())
	if err != nil {
		return err
	}
	sum, err := gather(ctx, e.service, q, false, func() *sums { return newSums(q.Kinds, nil) })
	if err != nil {
		return err
	}
	left := leaveOut(sum, bad, e.from, e.to)
	if err := e.service.resolved(ctx, q, left.ended, sum.add); err != nil {
		return err
	}
	agents := map[string]*metrics.Rollup{}
	var pairs []*metrics.Rollup
	var list []rules.Fact
	for key, r := range sum.rows {
		switch key.Kind {
		case metrics.PairRow:
			pairs = append(pairs, r)
		case metrics.AgentRow:
			agents[key.Name] = r
		default:
			list = append(list, e.callsOf(r))
		}
	}
	slices.SortFunc(pairs, func(a, b *metrics.Rollup) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Second, b.Second))
	})
	ofQueue, ofAgent := slices.Concat(work(), resolution()), slices.Concat(work(), hours())
	for _, r := range pairs {
		if own := agents[r.Name]; own != nil {
			for _, x := range work() {
				for _, c := range x.counters {
					own.Values[c] -= r.Values[c]
				}
			}
		}
		list = e.count(list, ofQueue, r, left.calls[r.Key()])
	}
	for _, name := range slices.Sorted(maps.Keys(agents)) {
		list = e.count(list, ofAgent, agents[name], 0)
	}
	slices.SortFunc(list, func(a, b rules.Fact) int { return cmp.Or(cmp.Compare(a.Agent, b.Agent), cmp.Compare(a.Queue, b.Queue)) })
	e.lines = append(e.lines, list...)
	return nil
}

// callsOf is the line of a queue.
func (e *exporting) callsOf(r *metrics.Rollup) rules.Fact {
	counts, waits := countsOf(r)
	delete(waits, metrics.HandleTimes.String())
	return rules.Fact{At: e.from.Start().Time(), Queue: r.Name, Calls: &rules.Calls{Counts: counts, Waits: waits}}
}

// end is when the hour is over; of the present one there is no telling.
func (e *exporting) end() metrics.Millis {
	if e.to == math.MaxInt64 {
		return metrics.MillisOf(e.service.Now())
	}
	return e.to.Start()
}

// count adds the line of a rollup, out of which so many calls were left, unless it has
// nothing.
func (e *exporting) count(list []rules.Fact, counts []exported, r *metrics.Rollup, left int64) []rules.Fact {
	l := e.line(e.from.Start(), r.Name)
	l.Queue, l.Counts = r.Second, map[string]int64{}
	for _, x := range counts {
		var n int64
		for _, c := range x.counters {
			n += r.Values[c]
		}
		if n != 0 {
			l.Counts[x.name] = n
		}
	}
	if left != 0 {
		l.Counts[rules.BadMedia.String()] = left
	}
	if len(l.Counts) == 0 {
		return list
	}
	return append(list, l)
}

// told adds the lines of what others told.
func (e *exporting) told(ctx context.Context) error {
	store := e.service.cfg.Store
	if store == nil {
		return nil
	}
	q := storage.FactQuery{From: e.from.Start()}
	if e.to != math.MaxInt64 {
		q.To = e.to.Start()
	}
	for f, err := range store.Facts(ctx, q) {
		if err != nil {
			return err
		}
		if err := e.tell(&f); err != nil {
			return err
		}
	}
	return nil
}

// tell adds the line of a fact, if it has one: a disposition without a case that was
// due tells what callers wanted, and not how well anybody worked.
func (e *exporting) tell(f *metrics.Fact) error {
	l := e.line(f.At, f.Agent)
	switch f.Kind {
	case metrics.SurveyFact:
		l.Survey = (*rules.Survey)(f.Survey)
	case metrics.FormFact:
		g := f.Form
		l.Form = &rules.Form{ID: g.ID, Rater: g.Rater, Points: g.Points, Of: g.Of, Critical: g.Critical}
		for _, x := range g.Sections {
			section := rules.Section{ID: x.ID, NA: x.NA}
			if !x.NA {
				section.Points, section.Of = &x.Points, &x.Of
			}
			l.Form.Sections = append(l.Form.Sections, section)
		}
	case metrics.TrainingFact:
		l.Training = &rules.Training{Course: f.Training.Course, Passed: f.Training.Passed}
		if x := *f.Training; x.Of != 0 {
			l.Training.Points, l.Training.Of = &x.Points, &x.Of
		}
	case metrics.DispositionFact:
		d := f.Disposition
		if d.Due == 0 {
			return nil
		}
		l.Counts = map[string]int64{casesDue: 1, casesInTime: 0}
		if d.Done != 0 && d.Done <= d.Due {
			l.Counts[casesInTime] = 1
		}
	}
	if f.Contact != "" {
		c, _, err := e.service.visit(f.Switch, f.Contact, f.At)
		if err != nil {
			return err
		}
		l.Queue = c.Queue // "" where retention has deleted the visit
		if l.Survey != nil && c.Media.Bad(e.service.cfg.BadMOS) {
			l.Survey, l.Counts = nil, map[string]int64{rules.BadMediaSurveys.String(): 1}
		}
	}
	e.lines = append(e.lines, l)
	return nil
}
