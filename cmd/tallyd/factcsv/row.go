package factcsv

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tallyd/connectors/api"
	"tallyd/metrics/calendar"
	"tallyd/rules/document"
	"tallyd/rules/form"
)

// Reader reads the facts of a table, row by row.
type Reader struct {
	*lines
	kind    string
	zone    *time.Location
	forms   form.Forms
	columns []string
	items   []string // of the columns, in their order by name
}

// Row is one row: a fact, or what is wrong with it.
type Row struct {
	Line   int
	Fact   api.Fact
	Faults document.Faults // none: the fact is sound, as far as the table tells

	reader *Reader
	cells  map[string]cell
	first  int      // where the row begins
	said   []string // what it says, column by column, for its id
}

// New begins to read a table of facts of a kind. Times without an offset are of a zone.
// The error is a Faults where nothing of the table can be read.
func New(file, kind string, content []byte, zone *time.Location, forms form.Forms) (*Reader, error) {
	l, err := newLines(file, content)
	if err != nil {
		return nil, err
	}
	r := &Reader{lines: l, kind: kind, zone: zone, forms: forms}
	cells, fault := l.next()
	switch {
	case fault != nil:
		return nil, document.Faults{*fault}
	case cells == nil:
		return nil, document.Faults{l.fault(1, 1, "the file is empty: its first line names the columns, such as %s", strings.Join(Columns(kind), string(l.comma)))}
	}
	if faults := r.header(cells); len(faults) > 0 {
		return nil, faults.InOrder()
	}
	return r, nil
}

// Next reads the next row; nil after the last.
func (r *Reader) Next() *Row {
	cells, fault := r.next()
	if fault != nil {
		return &Row{Line: r.n, Faults: document.Faults{*fault}, reader: r, first: 1}
	}
	if cells == nil {
		return nil
	}
	x := &Row{Line: r.n, reader: r, cells: map[string]cell{}, first: cells[0].col}
	if len(cells) != len(r.columns) {
		x.Faults = document.Faults{r.fault(r.n, cells[min(len(cells), len(r.columns)+1)-1].col, "the row has %d cells, the first line %d", len(cells), len(r.columns))}
		return x
	}
	for i, c := range cells {
		x.cells[r.columns[i]] = c
	}
	x.read()
	x.Faults.InOrder()
	return x
}

// read reads the row's fact.
func (x *Row) read() {
	// The id of a row that brings none is made of what it says in this order, which
	// must stay: else a table that was imported before counts once more.
	f := &x.Fact
	f.At, f.Agent, f.Contact, f.Switch = x.moment("at"), x.text("agent"), x.text("contact"), x.text("switch")
	switch x.reader.kind {
	case "survey":
		f.Survey = &api.Survey{CSAT: x.whole("csat"), NPS: x.whole("nps"), Resolved: x.yes("resolved")}
	case "disposition":
		f.Disposition = &api.Disposition{Code: x.text("code"), Case: x.text("case"), Due: x.moment("due"), Done: x.moment("done")}
	case "training":
		f.Training = &api.Training{Course: x.text("course"), Passed: x.yes("passed"), Points: x.number("points"), Of: x.number("of")}
	case "form":
		f.Form = x.form()
	}
	f.ID = x.id()
	if len(x.Faults) > 0 {
		return
	}
	if err := f.Check(); err != nil {
		x.Faults = document.Faults{x.Fault(err.Error())}
	}
}

// Fault gives what is wrong with the row a place: the cell of the column that it begins
// with, or else the row.
func (x *Row) Fault(what string) document.Fault {
	column, _, _ := strings.Cut(what, " ")
	col := x.first
	if c, ok := x.cells[column]; ok {
		col = c.col
	}
	return x.reader.fault(x.Line, col, "%s", what)
}

func (x *Row) wrong(c cell, format string, args ...any) {
	x.Faults = append(x.Faults, x.reader.fault(x.Line, c.col, format, args...))
}

// say notes what a column says, however it is written.
func (x *Row) say(column, value string) {
	x.said = append(x.said, fmt.Sprintf("%s=%d:%s", column, len(value), value))
}

// text is what stands in a column, "" for nothing.
func (x *Row) text(column string) string {
	t := x.cells[column].text
	if t != "" {
		x.say(column, t)
	}
	return t
}

// moment reads a moment, "" for none.
func (x *Row) moment(column string) string {
	c := x.cells[column]
	if c.text == "" {
		return ""
	}
	t, err := x.reader.moment(c.text)
	if err != nil {
		x.wrong(c, "%s %q %v", column, c.text, err)
		return ""
	}
	written := t.UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano)
	x.say(column, written)
	return written
}

// number reads a whole number, nil for none.
func (x *Row) number(column string) *int64 {
	c := x.cells[column]
	if c.text == "" {
		return nil
	}
	n, err := strconv.ParseInt(c.text, 10, 64)
	if err != nil {
		x.wrong(c, "%s %q is not a whole number", column, c.text)
		return nil
	}
	x.say(column, strconv.FormatInt(n, 10))
	return &n
}

func (x *Row) whole(column string) *int {
	n := x.number(column)
	if n == nil {
		return nil
	}
	small := int(max(min(*n, 1<<31-1), -1<<31)) // beyond any bound either way
	return &small
}

// yes reads a yes or no, nil for neither.
func (x *Row) yes(column string) *bool {
	c := x.cells[column]
	v := false
	switch strings.ToLower(c.text) {
	case "":
		return nil
	case "yes", "true", "1":
		v = true
	case "no", "false", "0":
	default:
		x.wrong(c, "%s %q is neither yes nor no", column, c.text)
		return nil
	}
	x.say(column, strconv.FormatBool(v))
	return &v
}

// form reads a form, with its points or with those of its items.
func (x *Row) form() *api.Form {
	g := &api.Form{ID: x.text("form"), Rater: x.text("rater"), Points: x.number("points"), Of: x.number("of")}
	if critical := x.yes("critical"); critical != nil {
		g.Critical = *critical
	}
	if len(x.reader.items) > 0 {
		x.fill(g)
	}
	return g
}

// id is what the column says, or one made of the row: the same for a row that says the
// same, so that a table that is imported twice counts once.
func (x *Row) id() string {
	if x.reader.has("id") {
		return x.cells["id"].text
	}
	sum := sha256.Sum256([]byte(x.reader.kind + "\n" + strings.Join(x.said, "\n")))
	return "csv-" + hex.EncodeToString(sum[:16])
}

// fill computes a form's result from the answers to its items.
func (x *Row) fill(g *api.Form) {
	r, at := x.reader, x.cells["form"]
	def, known := r.forms.Find(g.ID)
	if !known {
		x.wrong(at, "form %q is not defined (there are %s)", g.ID, strings.Join(r.forms.IDs(), ", "))
		return
	}
	if lacks := r.lacks(def); len(lacks) > 0 {
		x.wrong(at, "form %q has no column %s in the first line", g.ID, strings.Join(lacks, ", "))
		return
	}
	answers := map[string]form.Answer{}
	for _, name := range r.items {
		c := x.cells[name]
		of, mine := def.Item(name)
		if !mine {
			if c.text != "" {
				x.wrong(c, "%s %q: form %q has no such item", name, c.text, g.ID)
			}
			continue
		}
		a, err := of.Read(c.text)
		if err != nil {
			x.wrong(c, "%s %v", name, err)
			continue
		}
		answers[name] = a
		x.say(name, answered(a))
	}
	if len(x.Faults) > 0 {
		return
	}
	result, err := def.Fill(answers)
	if err != nil {
		x.wrong(at, "form %q: %v", g.ID, err)
		return
	}
	g.Points, g.Of, g.Critical = &result.Points, &result.Of, result.Critical
	for _, s := range result.Sections {
		section := api.Section{ID: s.ID, NA: s.NA}
		if !s.NA {
			section.Points, section.Of = &s.Points, &s.Of
		}
		g.Sections = append(g.Sections, section)
	}
}

func answered(a form.Answer) string {
	if a.NA {
		return "na"
	}
	return strconv.FormatInt(a.Points, 10)
}

// local are the ways in which people write a time of their wall clock.
var local = []string{"2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02T15:04:05", time.DateOnly}

// moment reads RFC 3339, or a local time. Of one that comes twice, the first counts, as
// for shifts; one that the clock jumps over has not been.
func (r *Reader) moment(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, nil
	}
	for _, layout := range local {
		wall, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		t := calendar.DateOf(wall).At(calendar.Clock(wall.Hour()*60+wall.Minute()), r.zone)
		if layout != time.DateOnly && (t.Hour() != wall.Hour() || t.Minute() != wall.Minute()) {
			return t, fmt.Errorf("has not been in the zone %s: the clock jumped over it", r.zone)
		}
		return t.Add(time.Duration(wall.Second())*time.Second + time.Duration(wall.Nanosecond())), nil
	}
	return time.Time{}, fmt.Errorf("is not a time such as 2026-10-01T09:00:00Z, or 2026-10-01 09:00 in the zone %s", r.zone)
}
