package queuelog

import (
	"strings"

	"tallyd/connectors/source/records"
	"tallyd/metrics"
)

// Why queue_log is known to differ.
const (
	Redirected   = "a caller who is redirected while waiting is logged ABANDON"
	Joined       = "an attended transfer may be logged as if a party had hung up, as Asterisk's threads come"
	Linked       = "a caller who hands the call over by linking it to another ends it, or transfers it, as Asterisk's threads come"
	RedirectedUp = "a caller who is redirected while talking is logged as if the talk had lasted to the end of the call"
	Twins        = "two who consulted the queue at once transferred, and queue_log does not tell whose caller took whose place"
	LoggedTwice  = "queue_log has two ends of this talk"
	NoEnd        = "queue_log has no end of this talk: the caller was redirected, or the switch stopped"
)

// Record is what a log tells of visits, for the comparison.
func Record(entries []Entry, faults []records.Fault) *records.Record {
	r := &records.Record{Name: "queue_log", Faults: faults, CannotTell: []string{
		"callers who were refused: it has no line of them",
		"hold times, and waits to the millisecond: it counts whole seconds",
	}}
	if len(entries) > 0 {
		r.Span = records.Span{From: metrics.Millis(entries[0].At * 1000), To: metrics.Millis(entries[len(entries)-1].At+1) * 1000}
	}
	for _, v := range Visits(entries) {
		r.Visits = append(r.Visits, v.record())
	}
	return r
}

func (v *Visit) record() *records.Visit {
	r := &records.Visit{
		Line: v.Line, ID: v.ID, Queue: v.Queue, Caller: v.Caller, Agent: v.Agent, Outcomes: []metrics.Outcome{v.Outcome}, End: v.End,
		Joined: metrics.Millis(v.Joined * 1000), Last: metrics.Millis(v.Ended * 1000), Wait: metrics.Millis(v.Wait * 1000), Waited: v.Wait >= 0,
		Slack: records.WholeSeconds, Why: v.why, Open: v.End == "",
	}
	if v.Outcome == metrics.Answered {
		r.EndedBy = []metrics.EndedBy{v.EndedBy}
	}
	return r
}

func (v *Visit) why(what string, c *metrics.Contact) string {
	switch {
	case v.Twin:
		return Twins
	case what == records.WhatOutcome && v.End == "ABANDON" && c.Outcome == metrics.Withdrawn:
		return Redirected
	case what != records.WhatEndedBy:
	case v.End == "":
		return NoEnd
	case v.Twice:
		return LoggedTwice
	case c.EndedBy == metrics.ByBlindTransfer && strings.HasPrefix(v.End, "COMPLETE"):
		return RedirectedUp
	case c.EndedBy == metrics.ByCaller && v.Linked:
		return Linked
	case c.EndedBy == metrics.ByAttendedTransfer && strings.HasPrefix(v.End, "COMPLETE"):
		return Joined
	}
	return ""
}
