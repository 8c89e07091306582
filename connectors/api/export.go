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
	More  bool       `json:"more,omitempty"`
	Lines []FactLine `json:"lines"`
}

// FactLine is a line of what is appraised: what an agent did in an hour of local
// time for a queue, or for none, or what somebody told of the agent. Its counts are
// sums: all lines of an agent add up to the agent's.
type FactLine struct {
	At    string `json:"at"` // the hour's beginning, or when it happened
	Agent string `json:"agent"`
	// Role and Team are the roster's then.
	Role string `json:"role,omitempty"`
	Team string `json:"team,omitempty"`
	// Queue is whose calls these were, or of whose call somebody told something.
	Queue    string           `json:"queue,omitempty"`
	Counts   map[string]int64 `json:"counts,omitempty"`
	Survey   *Survey          `json:"survey,omitempty"`
	Form     *Form            `json:"form,omitempty"`
	Training *Training        `json:"training,omitempty"`
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
	out := &ExportList{From: span.From, To: span.To, Lines: []FactLine{}}
	for i := range a.spans {
		p := &a.spans[i]
		if len(out.Lines) >= cmp.Or(q.Limit, DefaultExport) || i == exportHours {
			out.To, out.More = Moment(p.from.Start()), true
			break
		}
		e := exporting{service: s, roster: a.roster, from: p.from, to: p.through(a.open)}
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
	from, to metrics.Interval
	lines    []FactLine
}

func (e *exporting) all(ctx context.Context) error {
	if err := e.counted(ctx); err != nil {
		return err
	}
	return e.told(ctx)
}

// line begins a line of an agent.
func (e *exporting) line(at metrics.Millis, agent string) FactLine {
	l := FactLine{At: written(at), Agent: agent}
	if stay, here := e.roster.At(agent, at.Time()); here {
		l.Role, l.Team = stay.Role, stay.Team
	}
	return l
}

// counted adds the lines of what was counted: an agent's own, and then those of the
// queues.
func (e *exporting) counted(ctx context.Context) error {
	q := storage.Query{From: e.from, To: e.to, Kinds: []metrics.RowKind{metrics.AgentRow, metrics.PairRow}}
	sum, err := gather(ctx, e.service, q, false, func() *sums { return newSums(q.Kinds, nil) })
	if err != nil {
		return err
	}
	if err := e.service.resolved(ctx, q, sum.add); err != nil {
		return err
	}
	agents := map[string]*metrics.Rollup{}
	var pairs []*metrics.Rollup
	for key, r := range sum.rows {
		if key.Kind == metrics.PairRow {
			pairs = append(pairs, r)
		} else {
			agents[key.Name] = r
		}
	}
	slices.SortFunc(pairs, func(a, b *metrics.Rollup) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Second, b.Second))
	})
	ofQueue, ofAgent := slices.Concat(work(), resolution()), slices.Concat(work(), hours())
	var list []FactLine
	for _, r := range pairs {
		if own := agents[r.Name]; own != nil {
			for _, x := range work() {
				for _, c := range x.counters {
					own.Values[c] -= r.Values[c]
				}
			}
		}
		list = e.count(list, ofQueue, r)
	}
	for _, name := range slices.Sorted(maps.Keys(agents)) {
		list = e.count(list, ofAgent, agents[name])
	}
	slices.SortFunc(list, func(a, b FactLine) int { return cmp.Or(cmp.Compare(a.Agent, b.Agent), cmp.Compare(a.Queue, b.Queue)) })
	e.lines = append(e.lines, list...)
	return nil
}

// count adds the line of a rollup, unless it has nothing.
func (e *exporting) count(list []FactLine, counts []exported, r *metrics.Rollup) []FactLine {
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
	m := FactOf(f)
	l := e.line(f.At, f.Agent)
	l.Survey, l.Form, l.Training = m.Survey, m.Form, m.Training
	if d := f.Disposition; d != nil {
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
	}
	e.lines = append(e.lines, l)
	return nil
}
