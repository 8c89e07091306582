package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"tallyd/connectors/api"
	"tallyd/metrics"
)

// sheetColumn is a column of a sheet of contacts: its cell is a string, an int, a
// span or a moment.
type sheetColumn struct {
	title string
	width float64 // in characters
	cell  func(c *api.Contact) any
}

// seconds is a span that is shown in seconds.
type seconds metrics.Millis

// sheetColumns are the columns, in order. Scripts go by the titles: add at the end.
var sheetColumns = []sheetColumn{
	{"kind", 7, func(c *api.Contact) any { return c.Kind }},
	{"switch", 10, func(c *api.Contact) any { return c.Switch }},
	{"queue", 20, func(c *api.Contact) any { return c.Queue }},
	{"agent", 20, func(c *api.Contact) any { return c.Agent }},
	{"caller", 16, func(c *api.Contact) any { return c.Caller }},
	{"direction", 9, func(c *api.Contact) any { return c.Direction }},
	{"outcome", 13, func(c *api.Contact) any { return c.Outcome }},
	{"ended_by", 16, func(c *api.Contact) any { return c.EndedBy }},
	{"joined", 20, func(c *api.Contact) any { return api.Moment(c.Joined) }},
	{"answered", 20, func(c *api.Contact) any { return api.Moment(c.Answered) }},
	{"ended", 20, func(c *api.Contact) any { return api.Moment(c.Ended) }},
	{"wait_s", 9, func(c *api.Contact) any { return seconds(c.Wait) }},
	{"talk_s", 9, func(c *api.Contact) any { return seconds(c.Talk) }},
	{"hold_s", 9, func(c *api.Contact) any { return seconds(c.Hold) }},
	{"wait_ms", 9, func(c *api.Contact) any { return int(c.Wait) }},
	{"talk_ms", 9, func(c *api.Contact) any { return int(c.Talk) }},
	{"hold_ms", 9, func(c *api.Contact) any { return int(c.Hold) }},
	{"holds", 7, func(c *api.Contact) any { return c.Holds }},
	{"offers", 7, func(c *api.Contact) any { return c.Offers }},
	{"short", 7, func(c *api.Contact) any { return yes(c.Short) }},
	{"begin_unseen", 7, func(c *api.Contact) any { return yes(c.Partial) }},
	{"answer_unseen", 7, func(c *api.Contact) any { return yes(c.AnswerUnseen) }},
	{"end_unseen", 7, func(c *api.Contact) any { return yes(c.Unseen) }},
	{"step", 6, func(c *api.Contact) any { return max(c.Step, 1) }},
	{"path", 30, func(c *api.Contact) any { return strings.Join(c.Path, " > ") }},
	{"call", 38, func(c *api.Contact) any { return c.Call }},
	{"id", 38, func(c *api.Contact) any { return c.ID }},
	{"mos", 6, mosOf},
	{"call_back", 14, func(c *api.Contact) any { return backOf(c).State }},
	{"called_back", 20, func(c *api.Contact) any { return api.Moment(backOf(c).At) }},
	{"called_back_by", 20, func(c *api.Contact) any { return backOf(c).Agent }},
}

// mosOf is nothing where the audio was not measured.
func mosOf(c *api.Contact) any {
	if c.Media == nil {
		return ""
	}
	return strconv.FormatFloat(c.Media.MOS, 'f', 2, 64)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

// harmless keeps a text from being taken for a formula: names and numbers come from
// the switch, and from whoever calls.
func harmless(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		return "'" + s
	}
	return s
}

// isoTime is a moment in local time, with the zone's offset.
const isoTime = "2006-01-02T15:04:05.000-07:00"

type contactsCSV struct {
	w    *csv.Writer
	zone *time.Location
	row  []string
}

func newContactsCSV(out io.Writer, zone *time.Location) *contactsCSV {
	c := &contactsCSV{w: csv.NewWriter(out), zone: zone}
	for _, col := range sheetColumns {
		c.row = append(c.row, col.title)
	}
	_ = c.w.Write(c.row) // the writer keeps its error
	return c
}

func (x *contactsCSV) write(c *api.Contact) error {
	for i, col := range sheetColumns {
		x.row[i] = x.text(col.cell(c))
	}
	return x.w.Write(x.row)
}

func (x *contactsCSV) text(v any) string {
	switch v := v.(type) {
	case string:
		return harmless(v)
	case api.Moment:
		if v == 0 {
			return ""
		}
		return metrics.Millis(v).Time().In(x.zone).Format(isoTime)
	case seconds:
		return fmt.Sprintf("%d.%03d", v/1000, v%1000)
	case int:
		return strconv.Itoa(v)
	}
	return fmt.Sprint(v)
}

func (x *contactsCSV) end(api.Moment) error {
	x.w.Flush()
	return x.w.Error()
}
