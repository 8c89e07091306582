package metrics

import (
	"maps"
	"slices"
)

// Recount counts intervals once more, from the evidence alone: the contacts, and
// the spans and marks of states. What a tracker counted event by event must come
// out to the byte. It is written apart from the trackers, and for clarity: one
// contact or span after another, nothing remembered between them but since when
// an agent is idle.
type Recount struct {
	Switch string

	rows map[Interval]map[Key]*Rollup
	idle map[string]idleStretch
}

// idleStretch is an unbroken stretch of available.
type idleStretch struct{ since, until Millis }

// NewRecount returns a recount of one switch's intervals.
func NewRecount(sw string) *Recount {
	return &Recount{Switch: sw, rows: map[Interval]map[Key]*Rollup{}, idle: map[string]idleStretch{}}
}

// row is the row that a moment counts in.
func (x *Recount) row(at Millis, k RowKind, name, second string) *Rollup {
	in := IntervalOf(at)
	rows := x.rows[in]
	if rows == nil {
		rows = map[Key]*Rollup{}
		x.rows[in] = rows
	}
	key := Key{k, name, second}
	r := rows[key]
	if r == nil {
		r = &Rollup{Switch: x.Switch, Interval: in, Kind: k, Name: name, Second: second}
		rows[key] = r
	}
	return r
}

// Intervals are those in which something was counted, in order.
func (x *Recount) Intervals() []Interval { return slices.Sorted(maps.Keys(x.rows)) }

// Rollups are an interval's rows in the order of kind and name.
func (x *Recount) Rollups(i Interval) []Rollup { return inOrder(x.rows[i]) }

// Forget lets the rows go, and keeps since when agents are idle.
func (x *Recount) Forget() { clear(x.rows) }

// stretch adds a time to a counter of a row, split at the borders of intervals.
func (x *Recount) stretch(k RowKind, name, second string, c Counter, from, to Millis) {
	for from < to {
		end := min(IntervalOf(from).End(), to)
		x.row(from, k, name, second).Values[c] += int64(end - from)
		from = end
	}
}

// Contact counts a visit. One that is in progress has its talk up to Ended. Calls
// count by their marks.
func (x *Recount) Contact(c *Contact) {
	if c.Kind != VisitContact {
		return
	}
	since := c.Since
	at := func(m Millis) Millis { return max(m, since) }
	for i := range c.Attempts {
		x.attempt(c, &c.Attempts[i], at)
	}
	for _, m := range c.Consulted {
		x.visitRows(c, c.Agent, at(m), func(r *Rollup) { r.Values[Consults]++ })
	}
	if c.Outcome == JoinRefused {
		x.row(at(c.Ended), QueueRow, c.Queue, "").Values[JoinRefusedCount]++
		return
	}
	x.row(at(c.Joined), QueueRow, c.Queue, "").Values[Offered]++
	switch {
	case c.Answered != 0:
		x.answered(c, at)
	case c.Outcome != InProgress && !c.Open:
		x.left(c, at)
	}
}

// visitRows calls f with the rows of the queue, the agent and the two together.
func (x *Recount) visitRows(c *Contact, agent string, at Millis, f func(*Rollup)) {
	f(x.row(at, QueueRow, c.Queue, ""))
	if agent != "" {
		f(x.row(at, AgentRow, agent, ""))
		f(x.row(at, PairRow, agent, c.Queue))
	}
}

func (x *Recount) attempt(c *Contact, a *Attempt, at func(Millis) Millis) {
	x.visitRows(c, a.Agent, at(a.Started), func(r *Rollup) { r.Values[Offers]++ })
	if a.Result != Ringing && a.Result != Accepted {
		x.visitRows(c, a.Agent, at(a.Ended), func(r *Rollup) { r.Values[resultCounter[a.Result]]++ })
	}
}

func (x *Recount) answered(c *Contact, at func(Millis) Millis) {
	wait := c.Answered - c.Joined
	x.visitRows(c, c.Agent, at(c.Answered), func(r *Rollup) { r.Values[AnsweredCount]++ })
	q := x.row(at(c.Answered), QueueRow, c.Queue, "")
	q.Values[WaitAnswered] += int64(wait)
	q.Values[MaxWaitAnswered] = max(q.Values[MaxWaitAnswered], int64(wait))
	q.Values[MaxWait] = max(q.Values[MaxWait], int64(wait))
	x.row(at(c.Joined), QueueRow, c.Queue, "").Histograms[AnsweredWaits].Add(wait)
	x.talk(c, Talk, at(c.Answered), c.Ended)
	for _, h := range c.HeldSpans {
		x.talk(c, Hold, at(h.From), h.To)
	}
	if c.Open {
		return
	}
	talk := c.Ended - c.Answered
	handle := int64((talk + 500) / 1000)
	x.visitRows(c, c.Agent, at(c.Ended), func(r *Rollup) {
		r.Values[enderCounter[c.EndedBy]]++
		r.Values[Holds] += int64(c.Holds)
		r.Values[HandleSquared] += handle * handle
		if talk < shortCallLimit {
			r.Values[ShortCalls]++
		}
	})
	x.row(at(c.Ended), QueueRow, c.Queue, "").Histograms[HandleTimes].Add(talk)
}

func (x *Recount) talk(c *Contact, n Counter, from, to Millis) {
	x.stretch(QueueRow, c.Queue, "", n, from, to)
	if c.Agent != "" {
		x.stretch(AgentRow, c.Agent, "", n, from, to)
		x.stretch(PairRow, c.Agent, c.Queue, n, from, to)
	}
}

func (x *Recount) left(c *Contact, at func(Millis) Millis) {
	wait := c.Ended - c.Joined
	q := x.row(at(c.Ended), QueueRow, c.Queue, "")
	q.Values[outcomeCounter[c.Outcome]]++
	if w := waitCounter[c.Outcome]; w != 0 {
		q.Values[w] += int64(wait)
		q.Values[MaxWait] = max(q.Values[MaxWait], int64(wait))
	}
	cohort := x.row(at(c.Joined), QueueRow, c.Queue, "")
	if c.Outcome != Abandoned {
		cohort.Histograms[LeftWaits].Add(wait)
		return
	}
	q.Values[MaxWaitAbandoned] = max(q.Values[MaxWaitAbandoned], int64(wait))
	if c.Short {
		q.Values[ShortAbandoned]++
	}
	cohort.Histograms[AbandonedWaits].Add(wait)
}

// Span counts a stretch of a state, or a mark. They must come in the order of the
// intervals, within each as Tracker.Spans lists them.
func (x *Recount) Span(s *NamedSpan) {
	switch {
	case s.Mark == IdleAnew:
		x.idle[s.Agent] = idleStretch{s.From, s.From}
	case s.Mark != 0:
		x.mark(s)
	case s.State == Unknown:
		switch {
		case s.Agent != "" && !s.Shared:
			x.stretch(AgentRow, s.Agent, "", UnobservedTime, s.From, s.To)
		case s.Agent == "" && s.Queue != "":
			x.stretch(QueueRow, s.Queue, "", UnobservedTime, s.From, s.To)
		case s.Agent == "":
			x.stretch(SiteRow, "", "", UnobservedTime, s.From, s.To)
		}
	case s.Shared: // People counts it
	default:
		x.state(s)
	}
}

func (x *Recount) mark(s *NamedSpan) {
	switch s.Mark {
	case PauseBegun:
		x.row(s.From, AgentRow, s.Agent, "").Values[Pauses]++
		x.row(s.From, PauseRow, s.Agent, s.Reason).Values[Pauses]++
	case LoginMark:
		x.row(s.From, AgentRow, s.Agent, "").Values[Logins]++
	case OtherBegun:
		x.row(s.From, AgentRow, s.Agent, "").Values[OtherCalls]++
	case OtherMistook:
		x.row(s.From, AgentRow, s.Agent, "").Values[OtherCalls]--
	case InQueue | PauseBegun:
		x.row(s.From, PairRow, s.Agent, s.Queue).Values[Pauses]++
	case InQueue:
		x.stretch(PairRow, s.Agent, s.Queue, PausedTime, s.From, s.To)
	}
}

func (x *Recount) state(s *NamedSpan) {
	x.stretch(AgentRow, s.Agent, "", stateCounter[s.State], s.From, s.To)
	x.stretch(AgentRow, s.Agent, "", LoggedInTime, s.From, s.To)
	switch s.State {
	case WrappingUp:
		if s.Queue != "" {
			x.stretch(QueueRow, s.Queue, "", WrappingUpTime, s.From, s.To)
			x.stretch(PairRow, s.Agent, s.Queue, WrappingUpTime, s.From, s.To)
		}
	case PausedState:
		x.stretch(PauseRow, s.Agent, s.Reason, PausedTime, s.From, s.To)
	case Available:
		if s.Again {
			return
		}
		i := x.idle[s.Agent]
		if i.until != s.From {
			i.since = s.From
		}
		i.until = s.To
		x.idle[s.Agent] = i
		r := x.row(s.From, AgentRow, s.Agent, "")
		r.Values[LongestIdle] = max(r.Values[LongestIdle], int64(s.To-i.since))
	}
}
