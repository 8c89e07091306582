package callrecords

import (
	"math"

	"tallyd/connectors/source/records"
	"tallyd/metrics"
)

// memberKey is one stay of a caller: who comes back takes up the old row.
type memberKey struct {
	uuid   string
	joined metrics.Millis
}

// memberRow is the latest that was printed of it.
type memberRow struct {
	line                  int
	queue, number, agent  string
	state                 string // Waiting, Trying, Answered, Abandoned
	bridged, left, seenAt metrics.Millis
}

func (l *lists) member(n int, get func(string) string) {
	joined, again := seconds(get("joined_epoch")), seconds(get("rejoined_epoch"))
	row := &memberRow{line: n, queue: get("queue"), number: get("cid_number"), agent: get("serving_agent"), state: get("state"),
		bridged: seconds(get("bridge_epoch")), left: seconds(get("abandoned_epoch")), seenAt: l.printed}
	l.newest = max(l.newest, joined, again, row.bridged, row.left)
	uuid := get("uuid")
	if again != 0 && again != joined {
		// The row still has when he left the first time.
		l.put(memberKey{uuid, joined}, &memberRow{line: n, queue: row.queue, number: row.number, state: "Abandoned", left: row.left})
		if joined = again; row.left < again {
			row.left = 0
		}
	}
	l.put(memberKey{uuid, joined}, row)
}

func (l *lists) put(k memberKey, r *memberRow) {
	if l.members[k] == nil {
		l.order = append(l.order, k)
	}
	l.members[k] = r
}

func (l *lists) memberRecord() *records.Record {
	rec := &records.Record{Name: "queue list members", Span: records.Span{To: max(l.newest, l.printed) + 1000},
		Needs: func(*metrics.Contact) bool { return false },
		CannotTell: []string{
			"callers who had left when it was printed: it has those who wait or talk, and for a while those who left",
			"why a caller left whom nobody answered, and how a talk ended",
			"queues' calls_answered and calls_abandoned: they count from the last load or reload of a queue on, and callers who hung up while an agent picked up as answered",
			"tiers: they say who may be called, and not who was",
		}}
	for _, k := range l.order {
		rec.Visits = append(rec.Visits, l.members[k].visit(k))
		if rec.Span.From == 0 || k.joined < rec.Span.From {
			rec.Span.From = k.joined
		}
	}
	return rec
}

func (r *memberRow) visit(k memberKey) *records.Visit {
	v := &records.Visit{Line: r.line, ID: k.uuid, Queue: r.queue, Caller: r.number, Joined: k.joined, Last: max(k.joined, r.bridged, r.left, r.seenAt),
		End: r.state, Slack: records.WholeSeconds}
	switch r.state {
	case "Answered":
		v.Outcomes, v.Agent = []metrics.Outcome{metrics.Answered}, r.agent
		v.Wait, v.Waited = r.bridged-k.joined, r.bridged != 0
		v.Why = func(what string, c *metrics.Contact) string {
			if what == records.WhatOutcome && c.Outcome == metrics.Abandoned {
				return NotBridged
			}
			return ""
		}
	case "Abandoned":
		v.Outcomes = records.Unanswered(metrics.Abandoned, metrics.SwitchFailed)
		v.Wait, v.Waited = r.left-k.joined, r.left != 0
		v.Why = func(what string, c *metrics.Contact) string {
			if what == records.WhatWait && r.agent != "" && v.Wait > c.Wait() {
				return NoticedLate
			}
			return ""
		}
	default: // he waits, and what became of him is not in the list
		v.Outcomes, v.Open = everything, true
		if r.seenAt != 0 {
			v.Ended, v.Latest = r.seenAt, math.MaxInt64
		}
	}
	return v
}
