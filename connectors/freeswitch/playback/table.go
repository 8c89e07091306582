package playback

import (
	"slices"
	"strconv"
	"strings"
)

// table is one of mod_callcenter's, as its list commands print it.
type table struct {
	columns []string
	rows    [][]string
}

func newTable(columns string) table { return table{columns: strings.Split(columns, "|")} }

// clone copies a table: what a model changes must not change where it began.
func (t table) clone() table {
	rows := make([][]string, len(t.rows))
	for i := range t.rows {
		rows[i] = slices.Clone(t.rows[i])
	}
	return table{t.columns, rows}
}

// get returns a cell; a column that this version of the switch lacks is empty.
func (t *table) get(row []string, column string) string {
	if i := slices.Index(t.columns, column); i >= 0 {
		return row[i]
	}
	return ""
}

func (t *table) set(row []string, column, value string) {
	if i := slices.Index(t.columns, column); i >= 0 {
		row[i] = value
	}
}

// find returns the first row with such a cell, or nil.
func (t *table) find(column, value string) []string {
	for _, row := range t.rows {
		if t.get(row, column) == value {
			return row
		}
	}
	return nil
}

// add appends a row of zeros, as most columns are numbers.
func (t *table) add() []string {
	row := make([]string, len(t.columns))
	for i := range row {
		row[i] = "0"
	}
	t.rows = append(t.rows, row)
	return row
}

func (t *table) delete(drop func(row []string) bool) {
	t.rows = slices.DeleteFunc(t.rows, drop)
}

// text prints the rows that keep accepts. Without rows FreeSWITCH prints no
// column names either.
func (t *table) text(keep func(row []string) bool) string {
	var b strings.Builder
	for _, row := range t.rows {
		if keep != nil && !keep(row) {
			continue
		}
		if b.Len() == 0 {
			b.WriteString(strings.Join(t.columns, "|") + "\n")
		}
		b.WriteString(strings.Join(row, "|") + "\n")
	}
	return b.String() + "+OK\n"
}

// addTo counts in a cell.
func (t *table) addTo(row []string, column string, n int64) {
	t.set(row, column, strconv.FormatInt(atoi(t.get(row, column))+n, 10))
}

// atoi reads a cell that the switch, or this package, wrote as a number.
func atoi(cell string) int64 {
	n, _ := strconv.ParseInt(cell, 10, 64)
	return n
}
