package queuelog

import "tallyd/metrics"

// Visit is one caller's stay in one queue, as queue_log tells it.
type Visit struct {
	Line      int // of its ENTERQUEUE
	ID, Queue string
	Caller    string
	Agent     string // the member's name; "" where nobody answered
	Outcome   metrics.Outcome
	EndedBy   metrics.EndedBy
	End       string // the event that ended it; "" where none was logged
	Joined    int64  // seconds since 1970
	Wait      int64  // seconds; -1 where no line tells it
	Ended     int64  // seconds since 1970, of the latest line about it
	connected int64
	// Twice tells that two lines say how the talk ended, and differ.
	Twice bool
	// Linked tells that a transfer joined two calls by linking their bridges.
	Linked bool
	// Twin: another who consulted the same queue at the same time was replaced too;
	// which line is about which of the two, the log does not tell.
	Twin bool
}

// Visits puts the lines together, in order of entering.
func Visits(entries []Entry) []*Visit {
	var all []*Visit
	latest := map[string]*Visit{} // by unique id
	ends := map[string]bool{}     // unique ids whose waits have an end of their own
	for i := range entries {
		if _, ok := waits[entries[i].Event]; ok {
			ends[entries[i].ID] = true
		}
	}
	var talking []*Visit
	for i := range entries {
		e := &entries[i]
		if e.Event == "ENTERQUEUE" {
			v := &Visit{Line: e.Line, ID: e.ID, Queue: e.Queue, Caller: e.Arg(1), Joined: e.At, Ended: e.At, Wait: -1}
			all, latest[e.ID] = append(all, v), v
			continue
		}
		v := latest[e.ID]
		if v != nil && v.Queue != e.Queue {
			v = nil
		}
		if waited, ok := waits[e.Event]; ok && (v == nil || v.Outcome != metrics.InProgress) {
			v = standsIn(all, ends, e, e.Number(waited))
		}
		switch e.Event {
		case "CONNECT":
			if v != nil {
				v.Outcome, v.Agent, v.Wait, v.connected, v.Ended = metrics.Answered, e.Agent, e.Number(0), e.At, e.At
				talking = append(talking, v)
			}
		case "COMPLETECALLER":
			talking = end(talking, v, e, metrics.ByCaller, e.Number(0), e.Number(1))
		case "COMPLETEAGENT":
			talking = end(talking, v, e, metrics.ByAgent, e.Number(0), e.Number(1))
		case "BLINDTRANSFER":
			talking = end(talking, v, e, metrics.ByBlindTransfer, e.Number(2), e.Number(3))
		case "ATTENDEDTRANSFER":
			n := len(e.Args)
			if v != nil {
				v.Linked = n > 0 && e.Args[0] == "LINK"
			}
			talking = end(talking, v, e, metrics.ByAttendedTransfer, e.Number(n-3), e.Number(n-2))
		case "ABANDON":
			v.leave(e, metrics.Abandoned, 2)
		case "EXITWITHTIMEOUT":
			v.leave(e, metrics.TimedOut, 2)
		case "EXITEMPTY":
			v.leave(e, metrics.LeftEmpty, 2)
		case "WITHDRAW":
			v.leave(e, metrics.Withdrawn, 2)
		case "EXITWITHKEY":
			v.leave(e, metrics.ExitedByKey, 3)
		}
	}
	return all
}

// waits are the events that end a wait, and which argument tells how long it was.
var waits = map[string]int{"CONNECT": 0, "ABANDON": 2, "EXITWITHTIMEOUT": 2, "EXITEMPTY": 2, "WITHDRAW": 2, "EXITWITHKEY": 3}

// standsIn finds the visit of a caller whom a transfer put into the place of the
// one who had joined: another unique id, the same queue, and just as long ago.
func standsIn(all []*Visit, ends map[string]bool, e *Entry, waited int64) *Visit {
	var found *Visit
	for i := len(all) - 1; i >= 0; i-- {
		v := all[i]
		if off := e.At - waited - v.Joined; v.Queue != e.Queue || ends[v.ID] || v.Outcome != metrics.InProgress || off < -1 || off > 1 {
			continue
		}
		if found != nil {
			found.Twin, v.Twin = true, true
			continue
		}
		found = v
	}
	return found
}

func (v *Visit) leave(e *Entry, o metrics.Outcome, wait int) {
	if v != nil && v.Outcome == metrics.InProgress {
		v.Outcome, v.End, v.Wait, v.Ended = o, e.Event, e.Number(wait), e.At
	}
}

// end notes how a talk ended. Where Asterisk has taken a Local channel out of
// the call, the line bears the unique id of what took its place: then it
// belongs to the talk of the same member in the same queue, connected just so
// long ago.
func end(talking []*Visit, v *Visit, e *Entry, by metrics.EndedBy, hold, talk int64) []*Visit {
	fits := func(x *Visit) bool { return x.Queue == e.Queue && x.Agent == e.Agent && x.connected != 0 }
	if v == nil || !fits(v) || v.End != "" && e.At-talk-v.connected > 1 {
		v = nil
		for _, x := range talking {
			if off := e.At - talk - x.connected; fits(x) && x.End == "" && x.Wait == hold && off >= -1 && off <= 1 {
				v = x
				break
			}
		}
	}
	if v == nil {
		return talking
	}
	if v.End != "" {
		v.Twice = v.Twice || v.End != e.Event
		return talking
	}
	v.End, v.EndedBy, v.Ended = e.Event, by, e.At
	for i, x := range talking {
		if x == v {
			return append(talking[:i:i], talking[i+1:]...)
		}
	}
	return talking
}
