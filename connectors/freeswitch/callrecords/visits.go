package callrecords

import (
	"cmp"
	"slices"

	"tallyd/connectors/source/records"
	"tallyd/metrics"
)

// Why FreeSWITCH's records of calls are known to differ.
const (
	NotBridged  = "mod_callcenter calls a caller answered who hung up while the agent picked up: nobody was bridged"
	NoticedLate = "mod_callcenter notices some seconds late that a caller hung up while an agent picked up"
	Moved       = "a caller who is moved elsewhere while waiting is cancelled as one who hung up (BREAK_OUT)"
	JoinedLate  = "in a burst mod_callcenter tells up to a second late that a caller joined"
	OutOfSight  = "it was answered while the switch could not be seen, and FreeSWITCH tells when in whole seconds"
)

// slack is how far the moments of a channel may be from those of the events of
// the same steps: FreeSWITCH stamps in steps of 20 ms, each after the step.
const slack metrics.Millis = 300

// legs puts the channels of calls together.
type legs struct {
	callers []*leg            // channels that stood in queues
	byUUID  map[string]*leg   // the agents'
	agents  map[string][]*leg // by the caller's channel
	span    records.Span
}

func (l *legs) add(x *leg) {
	if l.byUUID == nil {
		l.byUUID, l.agents = map[string]*leg{}, map[string][]*leg{}
	}
	if x.end != 0 {
		if l.span.From == 0 || x.end < l.span.From {
			l.span.From = x.end
		}
		l.span.To = max(l.span.To, x.end+1)
	}
	switch {
	case x.side == "agent":
		l.byUUID[x.uuid] = x
		l.agents[x.session] = append(l.agents[x.session], x)
	case x.side == "member" || len(x.entries) > 0:
		l.callers = append(l.callers, x)
	}
}

// stay is one stay of a caller.
type stay struct {
	caller *leg
	entry  entry // its at is 0 where no log of applications tells
	agents []*leg
	last   bool // the caller's variables are of it
}

// stays are those of one channel, in order: one for each time that callcenter was
// run, or, without a log of applications, one for each that an agent was rung
// for, and the last.
func (l *legs) stays(c *leg) (out []*stay) {
	rung := l.agents[c.uuid]
	slices.SortStableFunc(rung, func(a, b *leg) int { return cmp.Compare(a.start, b.start) })
	if len(c.entries) == 0 {
		for _, a := range rung {
			if len(out) == 0 || out[len(out)-1].agents[0].member != a.member {
				out = append(out, &stay{caller: c, entry: entry{queue: a.queue}})
			}
			s := out[len(out)-1]
			s.agents = append(s.agents, a)
		}
		if n := len(out); n == 0 || out[n-1].agents[0].member != c.member {
			out = append(out, &stay{caller: c, entry: entry{queue: c.queue}})
		}
		out[len(out)-1].last = true
		return out
	}
	for _, e := range c.entries {
		out = append(out, &stay{caller: c, entry: e})
	}
	for _, a := range rung {
		for i := len(out) - 1; i >= 0; i-- {
			if out[i].entry.queue == a.queue && a.start >= out[i].entry.at-slack {
				out[i].agents = append(out[i].agents, a)
				break
			}
		}
	}
	// The variables are of the latest stay that there was: callcenter leaves none
	// where the queue does not exist.
	for i := len(out) - 1; i >= 0; i-- {
		off := out[i].entry.at - c.joined
		if out[i].entry.queue == c.queue && off >= -2*records.WholeSeconds && off <= 2*records.WholeSeconds {
			out[i].last = true
			return out[:i+1]
		}
	}
	return out
}

func (l *legs) record(name string, faults []records.Fault) *records.Record {
	rec := &records.Record{Name: name, Faults: faults, AtEnd: true, Span: l.span, CannotTell: []string{
		"why a caller left a queue before the last one of a call: the variables are of the last",
		"who ended the talk with an agent whose channel is not of SIP, and holds",
	}}
	if len(l.byUUID) == 0 {
		rec.CannotTell = append(rec.CannotTell, "what became of a caller before the last queue of a call: the records of the agents' channels are missing (log-b-leg)")
	}
	for _, c := range l.callers {
		for _, s := range l.stays(c) {
			rec.Visits = append(rec.Visits, l.visit(s))
		}
	}
	slices.SortStableFunc(rec.Visits, func(a, b *records.Visit) int {
		return cmp.Or(cmp.Compare(a.Joined, b.Joined), cmp.Compare(a.ID, b.ID), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return rec
}

// winner is the agent's channel that was bridged to the caller.
func (l *legs) winner(s *stay) *leg {
	if s.last {
		if w := l.byUUID[s.caller.agentLeg]; w != nil {
			return w
		}
	}
	for _, a := range s.agents {
		if a.bridge != 0 && a.bridged != "false" {
			return a
		}
	}
	return nil
}

func (l *legs) visit(s *stay) *records.Visit {
	c := s.caller
	v := &records.Visit{File: c.file, Line: c.line, Leg: c.uuid, Queue: s.entry.queue, Caller: c.number, Joined: s.entry.at, Slack: slack, Last: c.end}
	w := l.winner(s)
	switch {
	case s.last:
		v.ID, v.End = c.member, c.cancelReason
		if v.Joined == 0 {
			v.Joined, v.Slack = c.joined, records.WholeSeconds
		}
	case len(s.agents) > 0:
		v.ID = s.agents[0].member
	}
	switch {
	case s.last && c.cause == "cancel":
		l.cancelled(v, s)
	case s.last && c.cause == "answered" && (c.bridge == 0 || w != nil && w.bridged == "false"):
		v.Outcomes = []metrics.Outcome{metrics.Answered}
		v.Why = func(what string, k *metrics.Contact) string {
			if what == records.WhatOutcome && k.Outcome == metrics.Abandoned {
				return NotBridged
			}
			return ""
		}
	case s.last && c.cause == "answered", w != nil:
		l.answered(v, s, w)
	case s.last:
		v.Outcomes, v.Open = everything, true
	default:
		v.Outcomes = records.Unanswered() // the caller went on
		if len(l.byUUID) == 0 {
			v.Outcomes, v.Open = everything, true
		}
		v.Perhaps = len(s.agents) == 0 // or there was no such queue
	}
	return v
}

// everything are the outcomes of a stay of which the record has none.
var everything = records.Unanswered(metrics.Answered, metrics.Abandoned, metrics.SwitchFailed, metrics.InProgress)

// answered fills in what is known of an answered stay; w may be nil.
func (l *legs) answered(v *records.Visit, s *stay, w *leg) {
	c := s.caller
	v.Outcomes = []metrics.Outcome{metrics.Answered}
	answered := metrics.Millis(0) // in whole seconds, and of the last stay
	if s.last {
		v.Agent, answered = c.agent, c.picked
	}
	v.Slack = records.WholeSeconds
	if w != nil {
		v.Agent = w.agent
		// A standby agent's channel lives through many calls, and a loopback channel
		// makes way for what is behind it.
		if joined := cmp.Or(s.entry.at, c.joined, w.start); w.start >= joined-v.Slack && w.byWhom != "" {
			v.Ended, v.EndedBy = w.end, l.endedBy(s, w)
			if s.entry.at != 0 && w.bridged != "false" && w.answer != 0 {
				answered, v.Slack = w.answer, slack
			}
		}
	}
	v.Wait, v.Waited = answered-v.Joined, answered != 0 && v.Joined != 0
	v.Why = func(what string, k *metrics.Contact) string {
		late, early := k.Joined-v.Joined, answered-k.Answered
		switch {
		case what != records.WhatWait:
		case k.Answered%1000 == 0 && early >= 0 && early < 1000 && late <= v.Slack && late >= -v.Slack:
			return OutOfSight
		case late > 0 && late <= 1000+slack && early <= v.Slack && early >= -v.Slack:
			return JoinedLate
		}
		return ""
	}
}

// endedBy is who may have ended the talk: the caller's channel says whether it
// was moved then, or hung up, the agent's whether he hung up.
func (l *legs) endedBy(s *stay, w *leg) []metrics.EndedBy {
	c := s.caller
	together := c.end-w.end < slack && w.end-c.end < slack
	moved := slices.ContainsFunc(c.transfers, func(t transfer) bool {
		return (t.how == "bl_xfer" || t.how == "att_xfer") && t.at-w.end <= records.WholeSeconds && w.end-t.at <= records.WholeSeconds
	})
	switch {
	case moved:
	case w.byWhom == "recv_bye" && (together || c.history):
		return []metrics.EndedBy{metrics.ByAgent}
	case w.byWhom == "recv_bye":
		return []metrics.EndedBy{metrics.ByAgent, metrics.ByBlindTransfer, metrics.ByAttendedTransfer}
	case c.byWhom == "recv_bye" && together:
		return []metrics.EndedBy{metrics.ByCaller}
	case c.byWhom == "" && together:
		return nil
	}
	return []metrics.EndedBy{metrics.ByBlindTransfer, metrics.ByAttendedTransfer, metrics.BySwitch}
}

var outcomes = map[string]metrics.Outcome{"NONE": metrics.Abandoned, "TIMEOUT": metrics.TimedOut, "NO_AGENT_TIMEOUT": metrics.LeftEmpty, "EXIT_WITH_KEY": metrics.ExitedByKey}

// cancelled fills in what is known of a stay that nobody answered.
func (l *legs) cancelled(v *records.Visit, s *stay) {
	c := s.caller
	gone := c.left
	switch {
	case s.entry.next != 0 && s.entry.next-c.left < 2000 && s.entry.next >= c.left:
		gone = s.entry.next
	case (len(c.entries) > 0 && s.entry.next == 0 || outcomes[c.cancelReason] <= metrics.Abandoned) && c.end-c.left < 2000:
		gone = c.end // the call was over with it
	default:
		v.Slack = records.WholeSeconds
	}
	v.Wait, v.Waited = gone-v.Joined, gone != 0 && v.Joined != 0
	o, known := outcomes[c.cancelReason]
	switch {
	case known:
	case c.hangup == "SYSTEM_SHUTDOWN":
		o = metrics.SwitchFailed
	case s.entry.next >= c.left && s.entry.next != 0 || c.end-c.left > 2000:
		o = metrics.Withdrawn // the channel lives on
	default:
		o = metrics.Abandoned
	}
	v.Outcomes = []metrics.Outcome{o}
	v.Why = func(what string, k *metrics.Contact) string {
		if what == records.WhatOutcome && c.cancelReason == "BREAK_OUT" && k.Outcome == metrics.Withdrawn {
			return Moved
		}
		return ""
	}
}
