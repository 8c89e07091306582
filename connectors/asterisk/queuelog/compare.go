package queuelog

import (
	"fmt"
	"slices"
	"strings"

	"tallyd/metrics"
)

// Difference is what the log and the count say differently of one visit.
type Difference struct {
	Line   int // of the visit's ENTERQUEUE; 0 where the log has none
	ID     string
	Queue  string
	What   string // outcome, agent, ended_by, wait, or visit
	Log    string
	Ours   string
	Reason string // why queue_log is known to differ so; "" for a difference that nothing explains
}

func (d Difference) String() string {
	s := fmt.Sprintf("visit %s in queue %s: %s: queue_log %s, counted %s", d.ID, d.Queue, d.What, d.Log, d.Ours)
	if d.Line > 0 {
		s = fmt.Sprintf("line %d: %s", d.Line, s)
	}
	if d.Reason != "" {
		s += " (" + d.Reason + ")"
	}
	return s
}

// Why queue_log is known to differ.
const (
	Redirected   = "a caller who is redirected while waiting is logged ABANDON"
	ByManager    = "an attended transfer by the manager interface may be logged as if a party had hung up"
	RedirectedUp = "a caller who is redirected while talking is logged as if the talk had lasted to the end of the call"
	LoggedTwice  = "queue_log has two ends of this talk"
	NoEnd        = "queue_log has no end of this talk: the caller was redirected, or the switch stopped"
	SameName     = "two interfaces with one member name cannot be told apart in queue_log"
	StillOn      = "it was still going on at the end of what was compared"
	SwitchFailed = "the switch stopped; queue_log has no line for that"
	NotSeen      = "it ended, or went on, while the switch could not be seen"
)

// Result is what a comparison comes to.
type Result struct {
	Compared    int // visits that both have
	Refused     int // callers who were refused: queue_log has no line for them
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

// Compare holds the visits that were counted against those of the log: those of
// one channel in order of joining. name gives an agent's name as the switch knows
// it, "" where it is not known; then the names are paired with agents by whom
// they mostly stand for.
func Compare(log []*Visit, counted []metrics.Contact, name func(agent string) string) *Result {
	r := &Result{}
	ours := map[string][]*metrics.Contact{}
	for i := range counted {
		c := &counted[i]
		if c.Outcome == metrics.JoinRefused {
			r.Refused++
			continue
		}
		ours[c.Leg] = append(ours[c.Leg], c)
	}
	for _, l := range ours {
		slices.SortStableFunc(l, func(a, b *metrics.Contact) int { return int(a.Joined - b.Joined) })
	}
	type pair struct {
		v *Visit
		c *metrics.Contact
	}
	var pairs []pair
	for _, v := range log {
		l := ours[v.ID]
		if len(l) == 0 {
			r.add(Difference{v.Line, v.ID, v.Queue, "visit", "has it", "not", ""})
			continue
		}
		ours[v.ID] = l[1:]
		pairs = append(pairs, pair{v, l[0]})
	}
	r.Compared = len(pairs)
	who := newWho(name)
	for _, p := range pairs {
		who.see(p.v.Agent, p.c.Agent)
	}
	for _, p := range pairs {
		r.compare(p.v, p.c, who)
	}
	var ids []string
	for id, l := range ours {
		if len(l) > 0 {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for _, id := range ids {
		for _, c := range ours[id] {
			r.add(Difference{0, id, c.Queue, "visit", "does not have it", "has it", ""})
		}
	}
	return r
}

func (r *Result) add(d Difference) { r.Differences = append(r.Differences, d) }

// waitTolerance: queue_log counts whole seconds that have begun.
const waitTolerance = 1050

func (r *Result) compare(v *Visit, c *metrics.Contact, who *who) {
	d := Difference{Line: v.Line, ID: v.ID, Queue: v.Queue}
	note := func(what, log, ours, reason string) {
		d.What, d.Log, d.Ours, d.Reason = what, log, ours, reason
		r.add(d)
	}
	if c.Queue != v.Queue {
		note("queue", v.Queue, c.Queue, "")
		return
	}
	if c.Outcome != v.Outcome {
		reason := ""
		switch {
		case v.End == "ABANDON" && c.Outcome == metrics.Withdrawn:
			reason = Redirected
		case c.Outcome == metrics.SwitchFailed:
			reason = SwitchFailed
		case c.Outcome == metrics.Unobserved:
			reason = NotSeen
		case c.Outcome == metrics.InProgress || v.Outcome == metrics.InProgress:
			reason = StillOn
		}
		note("outcome", v.Outcome.String(), c.Outcome.String(), reason)
		return
	}
	if v.Wait >= 0 && !c.Partial {
		if off := int64(c.Wait()) - v.Wait*1000; off > waitTolerance || off < -waitTolerance {
			note("wait", fmt.Sprintf("%d s", v.Wait), fmt.Sprintf("%d ms", c.Wait()), "")
		}
	}
	if c.Outcome != metrics.Answered {
		return
	}
	if !who.same(v.Agent, c.Agent) {
		reason := ""
		if who.ambiguous(v.Agent) {
			reason = SameName
		}
		note("agent", v.Agent, c.Agent, reason)
	}
	if c.Ended != 0 && v.EndedBy != c.EndedBy {
		reason := ""
		switch {
		case c.Unseen:
			reason = NotSeen
		case c.EndedBy == metrics.BySwitch:
			reason = SwitchFailed
		case v.End == "":
			reason = NoEnd
		case v.Twice:
			reason = LoggedTwice
		case c.EndedBy == metrics.ByBlindTransfer && strings.HasPrefix(v.End, "COMPLETE"):
			reason = RedirectedUp
		case c.EndedBy == metrics.ByAttendedTransfer && strings.HasPrefix(v.End, "COMPLETE"):
			reason = ByManager
		}
		note("ended_by", strings.TrimSpace(v.EndedBy.String()+" "+v.End), c.EndedBy.String(), reason)
	}
}

// who pairs members' names with agents.
type who struct {
	name   func(string) string
	counts map[string]map[string]int
}

func newWho(name func(string) string) *who {
	if name == nil {
		name = func(string) string { return "" }
	}
	return &who{name, map[string]map[string]int{}}
}

func (w *who) see(name, agent string) {
	if name == "" || agent == "" {
		return
	}
	if w.counts[name] == nil {
		w.counts[name] = map[string]int{}
	}
	w.counts[name][agent]++
}

func (w *who) same(name, agent string) bool {
	if name == agent || w.name(agent) == name && name != "" {
		return true
	}
	if w.name(agent) != "" && w.known(name) {
		return false
	}
	best, most := "", 0
	for _, a := range sorted(w.counts[name]) {
		if n := w.counts[name][a]; n > most {
			best, most = a, n
		}
	}
	return agent != "" && agent == best
}

// known tells whether any agent is known by this name.
func (w *who) known(name string) bool {
	for a := range w.counts[name] {
		if w.name(a) == name {
			return true
		}
	}
	return false
}

// ambiguous tells whether a name stood for several agents.
func (w *who) ambiguous(name string) bool { return len(w.counts[name]) > 1 && !w.known(name) }

func sorted(m map[string]int) []string {
	var l []string
	for k := range m {
		l = append(l, k)
	}
	slices.Sort(l)
	return l
}
