// Package factcsv reads what people keep in spreadsheets of agents' work: surveys,
// dispositions, trainings and forms, a row for each. It says of every row that is bad
// what is wrong with it, and where; it stores nothing, and asks nobody.
package factcsv

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"tallyd/rules/document"
)

const (
	// MaxFile bounds a file, which is in memory as a whole.
	MaxFile = 256 << 20
	// maxLine bounds a line, of which every row takes one.
	maxLine    = 64 << 10
	maxColumns = 500
)

// cell is one of a row, and the column at which it stands, in characters.
type cell struct {
	text string
	col  int
}

// lines takes a table apart, line by line. A cell never holds a line break: no field of
// a fact may have one, and so a quote that is not closed spoils its own line alone.
type lines struct {
	file  string
	rest  []byte
	n     int // of the line that was read last
	comma rune
	in    *bufio.Reader
}

func newLines(file string, content []byte) (*lines, error) {
	l := &lines{file: file, in: bufio.NewReaderSize(nil, maxLine+2)}
	switch {
	case len(content) > MaxFile:
		return nil, document.Faults{{File: file, What: fmt.Sprintf("the file has more than %d MB", MaxFile>>20)}}
	case bytes.HasPrefix(content, []byte("\xff\xfe")) || bytes.HasPrefix(content, []byte("\xfe\xff")):
		return nil, document.Faults{l.fault(1, 1, "the file is UTF-16: save it as CSV UTF-8")}
	}
	l.rest = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))
	l.comma = separator(l.rest)
	return l, nil
}

func (l *lines) fault(line, col int, format string, args ...any) document.Fault {
	return document.Fault{File: l.file, Line: line, Col: col, What: fmt.Sprintf(format, args...)}
}

// next reads the next row that is not empty; cells is nil after the last, or where the
// line cannot be taken apart.
func (l *lines) next() (cells []cell, fault *document.Fault) {
	for len(l.rest) > 0 {
		line, rest, _ := bytes.Cut(l.rest, []byte("\n"))
		l.rest = rest
		l.n++
		line = bytes.TrimSuffix(line, []byte("\r"))
		cells, fault := l.cells(line)
		if fault != nil {
			return nil, fault
		}
		for _, c := range cells {
			if c.text != "" {
				return cells, nil
			}
		}
	}
	return nil, nil
}

// cells takes a line apart.
func (l *lines) cells(line []byte) ([]cell, *document.Fault) {
	wrong := func(at int, format string, args ...any) ([]cell, *document.Fault) {
		f := l.fault(l.n, column(line, at), format, args...)
		return nil, &f
	}
	if len(line) > maxLine {
		return wrong(0, "the line has %d bytes, %d are the most", len(line), maxLine)
	}
	if at := invalid(line); at >= 0 {
		return wrong(at, "byte 0x%02X is not UTF-8: save the file as CSV UTF-8", line[at])
	}
	if len(bytes.TrimSpace(line)) == 0 {
		return nil, nil
	}
	l.in.Reset(bytes.NewReader(line))
	r := csv.NewReader(l.in)
	r.Comma, r.FieldsPerRecord = l.comma, -1
	fields, err := r.Read()
	var syntax *csv.ParseError
	switch {
	case errors.As(err, &syntax) && errors.Is(err, csv.ErrQuote):
		return wrong(syntax.Column-1, `a cell that begins with " does not end with one before a separator: a " in it is written "", and a line break cannot be in it`)
	case errors.As(err, &syntax):
		return wrong(syntax.Column-1, `a " stands within a cell that does not begin with one`)
	case err != nil:
		return wrong(0, "%v", err)
	case len(fields) > maxColumns:
		return wrong(0, "the row has %d cells, %d are the most", len(fields), maxColumns)
	}
	cells := make([]cell, len(fields))
	for i, f := range fields {
		_, col := r.FieldPos(i)
		cells[i] = cell{strings.TrimSpace(f), column(line, col-1)}
	}
	return cells, nil
}

// column is the place of a byte of a line, in characters from 1.
func column(line []byte, at int) int { return utf8.RuneCount(line[:min(max(at, 0), len(line))]) + 1 }

// invalid is where a line is not UTF-8; -1 for nowhere.
func invalid(line []byte) int {
	if utf8.Valid(line) {
		return -1
	}
	for i := 0; ; {
		r, n := utf8.DecodeRune(line[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
}

// separator is what the first line is separated by: a comma, Excel's semicolon where a
// comma is for decimals, or a tabulator.
func separator(content []byte) rune {
	content = bytes.TrimLeft(content, "\r\n\t ")
	first, _, _ := bytes.Cut(content, []byte("\n"))
	best, n := ',', bytes.Count(first, []byte(","))
	for _, c := range []rune{';', '\t'} {
		if k := bytes.Count(first, []byte(string(c))); k > n {
			best, n = c, k
		}
	}
	return best
}
