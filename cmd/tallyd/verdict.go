package main

import (
	"cmp"
	"fmt"
	"io"

	"tallyd/connectors/source/records"
	"tallyd/metrics"
)

// verdict is what the comparison with a switch's records comes to.
type verdict struct {
	Switch      string          `json:"switch"`
	Records     []recordVerdict `json:"records"`
	Unexplained int             `json:"unexplained"`
}

// recordVerdict is what the comparison with one of them comes to.
type recordVerdict struct {
	Record   string `json:"record"`
	File     string `json:"file"`
	From     string `json:"from"` // of what was compared, by when callers joined
	To       string `json:"to"`
	Visits   int    `json:"visits"`   // in the record
	Compared int    `json:"compared"` // that both have
	LeftOut  int    `json:"left_out"` // of the record's: outside the span, or not closed yet
	// Refused callers are those of whom the record has nothing.
	Refused     int             `json:"refused"`
	Unexplained int             `json:"unexplained"`
	Differences []differentJSON `json:"differences"`
	CannotTell  []string        `json:"cannot_tell"`
	Faults      []string        `json:"faults,omitempty"` // what of it is no part of it

	lines []string
}

type differentJSON struct {
	File     string `json:"file,omitempty"` // where the record is a folder
	Line     int    `json:"line,omitempty"` // of the visit's beginning
	ID       string `json:"id"`
	Queue    string `json:"queue"`
	What     string `json:"what"`
	Recorded string `json:"recorded"`
	Counted  string `json:"counted"`
	Reason   string `json:"reason,omitempty"` // why the record is known to differ so
}

// judge compares each record with what was counted.
func judge(name string, list []*recordFile, c *records.Counted, asked records.Span) *verdict {
	v := &verdict{Switch: name}
	for _, f := range list {
		var rec *records.Record
		var best *records.Result
		for _, reading := range f.readings {
			if r := records.Compare(reading, c, asked); best == nil || r.Compared > best.Compared {
				rec, best = reading, r
			}
		}
		x := recordVerdict{Record: rec.Name, File: f.file, Visits: best.Visits, Compared: best.Compared, LeftOut: best.LeftOut, Refused: best.Refused,
			Differences: []differentJSON{}, CannotTell: rec.CannotTell}
		x.From = stamp(max(c.Seen.From, asked.From))
		if !rec.AtEnd {
			x.From = stamp(max(rec.Span.From, c.Seen.From, asked.From))
		}
		x.To = stamp(earliest(rec.Span.To, c.Seen.To, asked.To))
		for _, fault := range rec.Faults {
			x.Faults = append(x.Faults, fault.In(f.file))
		}
		for _, d := range best.Differences {
			mark := " "
			if d.Reason == "" {
				mark = "!"
				x.Unexplained++
			}
			x.lines = append(x.lines, mark+" "+d.In(rec.Name))
			j := differentJSON{ID: d.ID, Queue: d.Queue, What: d.What, Recorded: d.Recorded, Counted: d.Counted, Reason: d.Reason}
			if d.Visit != nil {
				j.File, j.Line = d.Visit.File, d.Visit.Line
			}
			x.Differences = append(x.Differences, j)
		}
		v.Records, v.Unexplained = append(v.Records, x), v.Unexplained+x.Unexplained
	}
	return v
}

// earliest of moments, of which 0 is never.
func earliest(list ...metrics.Millis) (m metrics.Millis) {
	for _, x := range list {
		if x != 0 {
			m = min(cmp.Or(m, x), x)
		}
	}
	return m
}

func (v *verdict) print(w io.Writer) error {
	for i, x := range v.Records {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s %s, callers who joined from %s to %s: %d visits, %d compared, %d left out; %d refused, of whom it has nothing\n",
			x.Record, x.File, x.From, x.To, x.Visits, x.Compared, x.LeftOut, x.Refused)
		for _, line := range x.lines {
			fmt.Fprintln(w, line)
		}
		for _, line := range x.CannotTell {
			fmt.Fprintf(w, "  it cannot tell %s\n", line)
		}
		if _, err := fmt.Fprintf(w, "%d differences, %d of them unexplained\n", len(x.Differences), x.Unexplained); err != nil {
			return err
		}
	}
	return nil
}
