package queuelog

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"tallyd/connectors/source/records"
)

// Entry is one line: time|unique id|queue|member name|event|arguments….
type Entry struct {
	Line      int
	At        int64 // seconds since 1970
	ID, Queue string
	Agent     string // the member's name, or its interface; NONE where it is about none
	Event     string
	Args      []string
}

// Arg is the n-th argument, "" where there is none.
func (e *Entry) Arg(n int) string {
	if n >= 0 && n < len(e.Args) {
		return e.Args[n]
	}
	return ""
}

// Number is the n-th argument as a whole number, 0 where it is none.
func (e *Entry) Number(n int) int64 {
	v, _ := strconv.ParseInt(e.Arg(n), 10, 64)
	return v
}

// ErrNoQueueLog: what was read is something else.
var ErrNoQueueLog = records.Foreign("this is no queue_log: time|unique id|queue|agent|event|… in each line")

// Read reads a queue_log. Lines that are none of it are left out and told as
// faults; the error is the reader's own, or ErrNoQueueLog.
func Read(in io.Reader) (entries []Entry, faults []records.Fault, err error) {
	faults, err = records.Lines(in, func(n int, text string) error {
		f := strings.Split(text, "|")
		at, bad := strconv.ParseInt(f[0], 10, 64)
		if bad != nil || len(f) < 5 {
			return fmt.Errorf("%.40q is not time|id|queue|agent|event", text)
		}
		k := eventField(f)
		entries = append(entries, Entry{Line: n, At: at, ID: f[1], Queue: f[2], Agent: strings.Join(f[3:k], "|"), Event: f[k], Args: f[k+1:]})
		return nil
	})
	if errors.Is(err, records.ErrForeign) {
		err = ErrNoQueueLog
	}
	return entries, faults, err
}

// eventField is the place of the event's name: the fifth, unless the member's
// name before it has a | in it, which app_queue writes as it is.
func eventField(f []string) int {
	for k := 4; k < len(f); k++ {
		if upper(f[k]) {
			return k
		}
	}
	return 4
}

func upper(s string) bool {
	for _, c := range s {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return len(s) >= len("PAUSE")
}
