package records

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Fault is a piece of a record that is none.
type Fault struct {
	File string // where the record is a folder of files
	Line int    // 0: the whole file
	Text string
}

// In is the fault with its place, in a record that is called so.
func (f Fault) In(record string) string {
	if f.File != "" {
		record = f.File
	}
	if f.Line == 0 {
		return record + ": " + f.Text
	}
	return fmt.Sprintf("%s:%d: %s", record, f.Line, f.Text)
}

const (
	// MaxLine bounds a line; such records' have some hundred bytes.
	MaxLine = 64 << 10
	// maxFaults is how many faulty lines a record may have.
	maxFaults = 1000
	// maxFirst is how many may come before the first that is one.
	maxFirst = 20
)

// ErrForeign: what was read is something else.
var ErrForeign = errors.New("it is something else")

// Foreign is an ErrForeign that says what it should have been.
func Foreign(text string) error { return foreign(text) }

type foreign string

func (e foreign) Error() string        { return string(e) }
func (e foreign) Is(target error) bool { return target == ErrForeign }

// Lines hands on each line that is not empty, with its number. What each
// returns an error for is a fault. ErrForeign goes with the first few of them,
// where hardly any line is what it should be; a file that is cut off, as one
// that is compressed may be, is a fault too.
func Lines(in io.Reader, each func(n int, text string) error) (faults []Fault, err error) {
	good := 0
	fault := func(n int, text string) bool {
		faults = append(faults, Fault{Line: n, Text: text})
		return len(faults) <= maxFaults && (good > 0 || len(faults) < maxFirst)
	}
	r := bufio.NewReaderSize(in, MaxLine)
	for n := 1; ; n++ {
		line, err := r.ReadSlice('\n')
		fine := true
		if errors.Is(err, bufio.ErrBufferFull) {
			fine = fault(n, fmt.Sprintf("%.40q… is longer than %d bytes", line, MaxLine))
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = r.ReadSlice('\n')
			}
		} else if line = bytes.TrimRight(line, "\r\n"); len(line) > 0 {
			if bad := each(n, string(line)); bad != nil {
				fine = fault(n, bad.Error())
			} else {
				good++
			}
		}
		switch {
		case !fine:
			return faults[:min(len(faults), 5)], ErrForeign
		case errors.Is(err, io.ErrUnexpectedEOF):
			fault(n, "the compressed file is cut off here")
		case err != nil && !errors.Is(err, io.EOF):
			return faults, err
		}
		if err != nil && good == 0 {
			return faults[:min(len(faults), 5)], ErrForeign
		}
		if err != nil {
			return faults, nil
		}
	}
}

// Rows is Lines of comma-separated values: one record a line, quotes inside
// quotes forgiven, as not every writer doubles them.
func Rows(in io.Reader, each func(n int, row []string) error) ([]Fault, error) {
	var line strings.Reader
	r := csv.NewReader(&line)
	r.FieldsPerRecord, r.LazyQuotes, r.ReuseRecord = -1, true, true
	return Lines(in, func(n int, text string) error {
		line.Reset(text + "\n")
		row, err := r.Read()
		if err != nil {
			return fmt.Errorf("%.40q is no row: %w", text, err)
		}
		return each(n, row)
	})
}
