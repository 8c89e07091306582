package config

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"tallyd/metrics/calendar"
)

// A roster as a table: one row says what holds for an agent from a date on, or
// since ever. It is read into the same form as a roster's YAML, with the place
// of each cell, so that one set of checks serves both.

// table is a CSV file that was read.
type table struct {
	*decoder
	lines   [][]byte
	columns []string // by their number
	rows    map[string][]row
	order   []string // ids as they came
}

// row is one line of the table.
type row struct {
	line  int
	at    place // of the id
	cells map[string]cell
	from  calendar.Date
}

type cell struct {
	text string
	at   place
}

var tableColumns = []string{"id", "name", "team", "role", "shift", "from", "until"}

const (
	loginColumn = "login:"
	noValue     = "-" // in a cell: none, while an empty one leaves things as they were
)

// readTable reads a CSV file as far as it goes.
func readTable(file string, b []byte) *table {
	t := &table{decoder: newDecoder(file), rows: map[string][]row{}}
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	if bytes.HasPrefix(b, []byte("\xff\xfe")) || bytes.HasPrefix(b, []byte("\xfe\xff")) {
		t.Faults = append(t.Faults, Fault{File: file, Line: 1, Col: 1, What: "the file is UTF-16: save it as CSV UTF-8"})
		return t
	}
	t.lines = bytes.Split(b, []byte("\n"))
	for i, l := range t.lines {
		if n := invalid(l); n >= 0 {
			t.Faults = append(t.Faults, Fault{File: file, Line: i + 1, Col: t.column(i+1, n+1), What: fmt.Sprintf("byte 0x%02X is not UTF-8: save the file as CSV UTF-8", l[n])})
			return t
		}
	}
	r := csv.NewReader(bytes.NewReader(b))
	r.Comma, r.FieldsPerRecord = separator(t.lines), -1
	for {
		fields, err := r.Read()
		var syntax *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			if t.columns == nil && len(t.Faults) == 0 {
				t.Faults = append(t.Faults, Fault{File: file, Line: 1, Col: 1, What: "the file is empty: it begins with a line such as id,name,team,role,shift,from,until,login:fs1"})
			}
			return t
		case errors.As(err, &syntax):
			t.Faults = append(t.Faults, Fault{File: file, Line: syntax.Line, Col: t.column(syntax.Line, syntax.Column), What: fmt.Sprintf("the row cannot be read: %v", syntax.Err)})
			if t.columns == nil {
				return t
			}
			continue
		case err != nil:
			t.Faults = append(t.Faults, Fault{File: file, What: err.Error()})
			return t
		}
		cells := make([]cell, len(fields))
		empty := true
		for i, f := range fields {
			line, col := r.FieldPos(i)
			cells[i] = cell{strings.TrimSpace(f), place{Line: line, Col: t.column(line, col), File: file}}
			empty = empty && cells[i].text == ""
		}
		switch {
		case empty:
		case t.columns == nil:
			if t.header(cells); t.columns == nil {
				return t
			}
		default:
			t.row(cells)
		}
	}
}

// invalid is where a line is not UTF-8; -1 for nowhere.
func invalid(line []byte) int {
	for i := 0; i < len(line); {
		r, n := utf8.DecodeRune(line[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

// separator is what the first line is separated by: a comma, Excel's semicolon
// where a comma is for decimals, or a tabulator.
func separator(lines [][]byte) rune {
	for _, l := range lines {
		if len(bytes.TrimSpace(l)) == 0 {
			continue
		}
		best, n := ',', bytes.Count(l, []byte(","))
		for _, c := range []rune{';', '\t'} {
			if k := bytes.Count(l, []byte(string(c))); k > n {
				best, n = c, k
			}
		}
		return best
	}
	return ','
}

// column is the place in a line of a byte, in characters; both count from 1.
func (t *table) column(line, b int) int {
	if line < 1 || line > len(t.lines) {
		return b
	}
	l := t.lines[line-1]
	return utf8.RuneCount(l[:min(max(b-1, 0), len(l))]) + 1
}

func (t *table) wrong(at place, format string, args ...any) {
	t.Faults = append(t.Faults, Fault{File: t.File, Line: at.Line, Col: at.Col, What: fmt.Sprintf(format, args...)})
}

// header reads the first line; columns stays nil where the others cannot be
// read by it.
func (t *table) header(cells []cell) {
	var columns []string
	before := len(t.Faults)
	for _, c := range cells {
		name := strings.ToLower(c.text)
		sw := ""
		if strings.HasPrefix(name, loginColumn) {
			sw = strings.TrimSpace(c.text[len(loginColumn):])
			name = loginColumn + sw
		}
		switch {
		case c.text == "":
			t.wrong(c.at, "a column has no name")
		case name == loginColumn:
			t.wrong(c.at, "column %q names no switch, such as login:fs1", c.text)
		case sw == "" && !slices.Contains(tableColumns, name):
			t.wrong(c.at, "column %q is not known (known: %s, login:SWITCH)", c.text, strings.Join(tableColumns, ", "))
		case slices.Contains(columns, name):
			t.wrong(c.at, "column %q is there twice", c.text)
		}
		columns = append(columns, name)
	}
	if !slices.Contains(columns, "id") {
		t.wrong(cells[0].at, "there is no column id: the first line is such as id,name,team,role,shift,from,until,login:fs1")
	}
	if len(t.Faults) == before {
		t.columns = columns
	}
}

// row reads a further line.
func (t *table) row(cells []cell) {
	if len(cells) != len(t.columns) {
		t.wrong(cells[min(len(cells), len(t.columns)+1)-1].at, "the row has %d cells, the first line %d", len(cells), len(t.columns))
		return
	}
	r := row{line: cells[0].at.Line, cells: map[string]cell{}, from: ever}
	for i, c := range cells {
		if c.text != "" {
			r.cells[t.columns[i]] = c
		}
	}
	id := r.cells["id"]
	if id.text == "" {
		t.wrong(cells[slices.Index(t.columns, "id")].at, "the row has no id")
		return
	}
	r.at = id.at
	for _, key := range []string{"from", "until"} {
		c, ok := r.cells[key]
		if !ok {
			continue
		}
		d, err := calendar.ParseDate(c.text)
		if err != nil {
			t.wrong(c.at, "%s %v", key, err)
			return
		}
		if key == "from" {
			r.from = d
		}
	}
	if t.rows[id.text] == nil {
		t.order = append(t.order, id.text)
	}
	t.rows[id.text] = append(t.rows[id.text], r)
}

// has tells whether there is a column.
func (t *table) has(column string) bool { return slices.Contains(t.columns, column) }

// switches are those that there are columns of logins for.
func (t *table) switches() []string {
	var list []string
	for _, c := range t.columns {
		if sw, ok := strings.CutPrefix(c, loginColumn); ok {
			list = append(list, sw)
		}
	}
	return list
}

// logins separates the logins of a cell.
func logins(text string) []string {
	list := []string{}
	if text == noValue {
		return list
	}
	for _, l := range strings.FieldsFunc(text, func(r rune) bool { return r == ';' || r == '|' }) {
		if l = strings.TrimSpace(l); l != "" {
			list = append(list, l)
		}
	}
	return list
}
