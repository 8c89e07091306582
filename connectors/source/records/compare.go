package records

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tallyd/metrics"
)

// Counted is what was counted.
type Counted struct {
	Contacts []metrics.Contact
	// Name gives an agent's name as the switch knows it, "" where it is not known.
	Name func(agent string) string
	// Logins gives the names by which the switch knows an agent who goes by another
	// in the count; nil: the count has the switch's own.
	Logins func(agent string) []string
	// Seen is when callers joined who must be among the contacts.
	Seen Span
	// Closed is up to when all stays that had ended are among them, and those that
	// had not are not; 0: all are.
	Closed metrics.Millis
	// Unseen is when the switch could not be seen: who came and went then was not
	// counted.
	Unseen []Span
}

// interrupted tells whether the switch could not be seen at some time of a visit.
func (c *Counted) interrupted(x *metrics.Contact) bool {
	for _, gap := range c.Unseen {
		if x.Joined <= gap.To && x.Ended+WholeSeconds >= gap.From {
			return true
		}
	}
	return false
}

// unseen tells whether a visit may have come and gone out of sight.
func (c *Counted) unseen(v *Visit) bool {
	for _, gap := range c.Unseen {
		if v.at() >= gap.From-v.Slack && v.at() <= gap.To+v.Slack && v.Last >= gap.From-v.Slack && v.Last <= gap.To+v.Slack {
			return true
		}
	}
	return false
}

// Result is what a comparison comes to.
type Result struct {
	Visits      int // in the record
	Compared    int // visits that both have
	LeftOut     int // of the record's: outside the span, or not closed yet
	Refused     int // callers who were refused, and of whom the record has nothing
	Differences []Difference
}

// Unexplained are the differences that no known reason explains.
func (r *Result) Unexplained() (out []Difference) {
	for _, d := range r.Differences {
		if d.Reason == "" {
			out = append(out, d)
		}
	}
	return out
}

// Compare holds the visits that were counted against those of a record: those of
// callers who joined in a span.
func Compare(rec *Record, counted *Counted, asked Span) *Result {
	who := newAgents(rec, counted)
	if rec.Look != nil {
		rec.Look(counted.Contacts, who.known)
	}
	r := &Result{}
	both := pairs(rec, counted.Contacts, who)
	ours := map[*Visit]*metrics.Contact{}
	paired := map[*metrics.Contact]bool{}
	for _, p := range both {
		ours[p.v], paired[p.c] = p.c, true
		who.see(p.v.Agent, p.c.Agent)
	}
	taken := takenIn(rec, counted.Contacts, paired)
	begins := beginnings(rec.Visits, ours)
	for _, v := range rec.Visits {
		c := ours[v]
		if c == nil && (v.Perhaps || v.Rest || begins[v]) {
			continue
		}
		r.Visits++
		switch {
		case c != nil && asked.has(c.Joined):
			r.Compared++
			r.compare(v, c, who, taken[c], counted.interrupted(c))
		case c != nil || !asked.has(v.at()) || !counted.Seen.has(v.at()) || counted.Closed != 0 && v.Last >= counted.Closed:
			r.LeftOut++
		default:
			reason := ""
			if v.Uncounted != nil {
				reason = v.Uncounted()
			}
			if reason == "" && counted.Closed != 0 && v.Open {
				reason = StillOn
			}
			if reason == "" && counted.unseen(v) {
				reason = NotSeen
			}
			r.add(Difference{v, v.name(), v.Queue, WhatVisit, "has it", "not", reason})
		}
	}
	border := metrics.Millis(0)
	if counted.Closed != 0 {
		border = atBorder
	}
	for _, i := range byJoined(counted.Contacts) {
		c := &counted.Contacts[i]
		switch {
		case paired[c] || !asked.has(c.Joined) || !rec.covers(c, border):
		case c.Outcome == metrics.JoinRefused:
			r.Refused++
		case rec.Needs == nil || rec.Needs(c):
			r.add(Difference{nil, c.Visit, c.Queue, WhatVisit, "does not have it", "has it", rec.lacks(c)})
		}
	}
	return r
}

// beginnings are the visits without a contact whose rest, with the same agent, has
// one.
func beginnings(visits []*Visit, ours map[*Visit]*metrics.Contact) map[*Visit]bool {
	out, rests := map[*Visit]bool{}, map[string]*Visit{} // of an id: its next visit, if that is such a rest
	for _, v := range slices.Backward(visits) {
		rest := rests[v.ID]
		out[v] = ours[v] == nil && rest != nil && rest.Agent == v.Agent
		delete(rests, v.ID)
		if v.ID != "" && v.Rest && (ours[v] != nil || out[v]) {
			rests[v.ID] = v
		}
	}
	return out
}

func (r *Result) add(d Difference) { r.Differences = append(r.Differences, d) }

func (v *Visit) why(what string, c *metrics.Contact) string {
	if v.Why == nil {
		return ""
	}
	return v.Why(what, c)
}

// compare holds a visit against its contact; taken is why the record may have
// another in it, interrupted whether part of it was out of sight.
func (r *Result) compare(v *Visit, c *metrics.Contact, who *agents, taken string, interrupted bool) {
	note := func(what, recorded, counted, reason string) {
		reason = cmp.Or(reason, v.why(what, c))
		if what != WhatQueue {
			reason = cmp.Or(reason, taken)
		}
		r.add(Difference{v, cmp.Or(v.ID, c.Visit), c.Queue, what, recorded, counted, reason})
	}
	if v.Queue != "" && c.Queue != v.Queue {
		note(WhatQueue, v.Queue, c.Queue, "")
		return
	}
	if !slices.Contains(v.Outcomes, c.Outcome) {
		reason := ""
		switch {
		case c.Outcome == metrics.SwitchFailed:
			reason = SwitchFailed
		case c.Outcome == metrics.Unobserved:
			reason = NotSeen
		case c.Outcome == metrics.InProgress || v.Open && slices.Contains(v.Outcomes, metrics.InProgress):
			reason = StillOn
		}
		note(WhatOutcome, names(v.Outcomes), c.Outcome.String(), reason)
		return
	}
	if v.Waited && !c.Partial && !near(v.Wait, c.Wait(), v.Slack) {
		reason := ""
		if c.AnswerUnseen || c.Unseen || interrupted {
			reason = NotSeen
		}
		note(WhatWait, span(v.Wait, v.Slack), fmt.Sprintf("%d ms", c.Wait()), reason)
	}
	if late := c.Ended - v.Ended; v.Ended != 0 && c.Ended != 0 && !c.Unseen && (late < -v.Slack || late > max(v.Latest-v.Ended, 0)+v.Slack) {
		note(WhatEnded, moment(v.Ended, v.Slack), moment(c.Ended, 0), "")
	}
	if c.Outcome != metrics.Answered {
		return
	}
	if v.Agent != "" && !who.same(v.Agent, c.Agent) {
		reason := ""
		if who.ambiguous(v.Agent) {
			reason = SameName
		}
		note(WhatAgent, v.Agent, c.Agent, reason)
	}
	if len(v.EndedBy) > 0 && c.Ended != 0 && !slices.Contains(v.EndedBy, c.EndedBy) {
		reason := ""
		switch {
		case c.Unseen, interrupted && c.EndedBy == metrics.EndUnknown:
			reason = NotSeen
		case c.EndedBy == metrics.BySwitch:
			reason = SwitchFailed
		}
		note(WhatEndedBy, strings.TrimSpace(names(v.EndedBy)+" "+v.End), c.EndedBy.String(), reason)
	}
}

func near(a, b, slack metrics.Millis) bool { return a-b <= slack && b-a <= slack }
