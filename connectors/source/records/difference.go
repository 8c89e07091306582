package records

import (
	"cmp"
	"fmt"
	"strings"

	"tallyd/metrics"
)

// Difference is what a record and the count say differently of one visit.
type Difference struct {
	Visit    *Visit // nil where the record has none
	ID       string
	Queue    string
	What     string // visit, queue, outcome, wait, agent, ended_by or ended
	Recorded string
	Counted  string
	Reason   string // why the record is known to differ so; "" for a difference that nothing explains
}

// In is the difference as a clause, of a record that is called so.
func (d *Difference) In(record string) string {
	s := "visit " + d.ID
	if d.Queue != "" {
		s += " in queue " + d.Queue
	}
	s += fmt.Sprintf(": %s: %s %s, counted %s", d.What, record, d.Recorded, d.Counted)
	if v := d.Visit; v != nil && v.Line > 0 {
		s = fmt.Sprintf("line %d: %s", v.Line, s)
	}
	if v := d.Visit; v != nil && v.File != "" {
		s = v.File + ": " + s
	}
	if d.Reason != "" {
		s += " (" + d.Reason + ")"
	}
	return s
}

// name is what a visit without an id goes by.
func (v *Visit) name() string {
	switch {
	case v.ID != "" || v.Leg != "":
		return cmp.Or(v.ID, v.Leg)
	case v.Agent != "":
		return "of " + v.Agent + " at " + moment(v.at(), WholeSeconds)
	}
	return "at " + moment(v.at(), WholeSeconds)
}

// What may differ.
const (
	WhatVisit   = "visit"
	WhatQueue   = "queue"
	WhatOutcome = "outcome"
	WhatWait    = "wait"
	WhatAgent   = "agent"
	WhatEndedBy = "ended_by"
	WhatEnded   = "ended"
)

// Why any record is known to differ.
const (
	SameName     = "several agents have this name, and the record knows them by nothing else"
	StillOn      = "it was still going on at the end of what was compared"
	SwitchFailed = "the switch stopped, and wrote nothing of that"
	NotSeen      = "it ended, or went on, while the switch could not be seen"
	NotOver      = "the call may not be over yet: the record has calls that are over"
)

// span is a time as precise as it is known.
func span(m, slack metrics.Millis) string {
	if slack >= WholeSeconds {
		return fmt.Sprintf("%d s", m/1000)
	}
	return fmt.Sprintf("%d ms", m)
}

func moment(m, slack metrics.Millis) string {
	if slack >= WholeSeconds {
		return m.Time().Format("15:04:05Z")
	}
	return m.Time().Format("15:04:05.000Z")
}

// names lists what may have been.
func names[T fmt.Stringer](of []T) string {
	var l []string
	for _, x := range of {
		l = append(l, x.String())
	}
	return strings.Join(l, " or ")
}
