package main

import (
	"fmt"
	"io"
	"math"

	"tallyd/connectors/asterisk/queuelog"
	"tallyd/metrics"
)

// verdict is what a comparison with queue_log comes to.
type verdict struct {
	QueueLog string `json:"queue_log"`
	From     string `json:"from"` // of what was compared, by when callers joined
	To       string `json:"to"`
	Visits   int    `json:"visits"`   // in the log
	Compared int    `json:"compared"` // that both have
	LeftOut  int    `json:"left_out"` // of the log's: outside the span, or not closed yet
	// Refused callers have no line in queue_log.
	Refused     int             `json:"refused"`
	Unexplained int             `json:"unexplained"`
	Differences []differentJSON `json:"differences"`
	Faults      []string        `json:"faults,omitempty"` // lines of the log that are none
}

type differentJSON struct {
	Line     int    `json:"line,omitempty"` // of the visit's ENTERQUEUE
	ID       string `json:"id"`
	Queue    string `json:"queue"`
	What     string `json:"what"`
	QueueLog string `json:"queue_log"`
	Counted  string `json:"counted"`
	Reason   string `json:"reason,omitempty"` // why queue_log is known to differ so
}

// common is the span in which callers joined whom both sides may have: the log
// may have been rotated or copied since, and counting may have begun later.
func (v *verdict) common(visits []*queuelog.Visit, c *counted, entries []queuelog.Entry, from, to metrics.Millis) func(metrics.Millis) bool {
	if from == 0 {
		from = metrics.Millis(entries[0].At * 1000)
		first := metrics.Millis(math.MaxInt64)
		for i := range c.contacts {
			first = min(first, c.contacts[i].Joined)
		}
		if len(c.contacts) > 0 {
			from = max(from, first/1000*1000)
		}
	}
	if to == math.MaxInt64 {
		to = metrics.Millis((entries[len(entries)-1].At + 1) * 1000)
	}
	v.From, v.To, v.Visits = stamp(from), stamp(to), len(visits)
	return func(joined metrics.Millis) bool { return joined >= from && joined < to }
}

// atBorder is how far from a border of the span one side may have a caller
// whom the other has beyond it: queue_log's stamps are whole seconds, and late.
const atBorder metrics.Millis = 2000

// judge compares what both sides may have.
func (v *verdict) judge(visits []*queuelog.Visit, c *counted, common func(metrics.Millis) bool) {
	var log []*queuelog.Visit
	byLine := map[int]*queuelog.Visit{}
	for _, x := range visits {
		if !common(metrics.Millis(x.Joined * 1000)) {
			v.LeftOut++
			continue
		}
		byLine[x.Line] = x
		log = append(log, x)
	}
	paired := map[string]bool{}
	for _, x := range log {
		paired[x.ID] = true
	}
	var contacts []metrics.Contact
	for _, x := range c.contacts {
		if paired[x.Leg] || common(x.Joined-atBorder) && common(x.Joined+atBorder) || c.whole && common(x.Joined) {
			contacts = append(contacts, x)
		}
	}
	r := queuelog.Compare(log, contacts, c.name)
	v.Compared, v.Refused, v.Differences = r.Compared, r.Refused, []differentJSON{}
	for _, d := range r.Differences {
		if x := byLine[d.Line]; x != nil && d.What == "visit" && !c.whole {
			switch {
			case metrics.Millis(x.Ended*1000) >= c.complete:
				v.LeftOut++ // its quarter hour is not closed
				continue
			case x.Outcome == metrics.InProgress || x.Outcome == metrics.Answered && x.End == "":
				d.Reason = queuelog.StillOn
			}
		}
		if d.Reason == "" {
			v.Unexplained++
		}
		v.Differences = append(v.Differences, differentJSON{d.Line, d.ID, d.Queue, d.What, d.Log, d.Ours, d.Reason})
	}
}

func (v *verdict) print(w io.Writer) error {
	fmt.Fprintf(w, "%s, callers who joined from %s to %s: %d visits, %d compared, %d left out; %d refused, of whom queue_log has no line\n",
		v.QueueLog, v.From, v.To, v.Visits, v.Compared, v.LeftOut, v.Refused)
	for _, d := range v.Differences {
		mark := "!"
		if d.Reason != "" {
			mark = " "
		}
		line := queuelog.Difference{Line: d.Line, ID: d.ID, Queue: d.Queue, What: d.What, Log: d.QueueLog, Ours: d.Counted, Reason: d.Reason}
		fmt.Fprintf(w, "%s %s\n", mark, line)
	}
	_, err := fmt.Fprintf(w, "%d differences, %d of them unexplained\n", len(v.Differences), v.Unexplained)
	return err
}
