package queuelog

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
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
	if n < len(e.Args) {
		return e.Args[n]
	}
	return ""
}

// Number is the n-th argument as a whole number, 0 where it is none.
func (e *Entry) Number(n int) int64 {
	v, _ := strconv.ParseInt(e.Arg(n), 10, 64)
	return v
}

// maxLine bounds a line; queue_log's have some 100 bytes.
const maxLine = 64 << 10

// ErrNoQueueLog: what was read is something else.
var ErrNoQueueLog = errors.New("this is no queue_log: time|unique id|queue|agent|event|… in each line")

// maxFaults is how many faulty lines a log may have.
const maxFaults = 1000

// Read reads a queue_log. Lines that are none of it are left out and told as
// faults ("line 7: …"); the error is the reader's own, or ErrNoQueueLog.
func Read(r io.Reader) (entries []Entry, faults []string, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 4096), maxLine)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimRight(lines.Text(), "\r")
		if text == "" {
			continue
		}
		f := strings.Split(text, "|")
		at, bad := strconv.ParseInt(f[0], 10, 64)
		if bad != nil || len(f) < 5 {
			faults = append(faults, fmt.Sprintf("line %d: %.40q is not time|id|queue|agent|event", n, text))
			if len(faults) > maxFaults || len(faults) >= 20 && len(entries) == 0 {
				return entries, faults[:min(len(faults), 5)], ErrNoQueueLog
			}
			continue
		}
		k := eventField(f)
		entries = append(entries, Entry{Line: n, At: at, ID: f[1], Queue: f[2], Agent: strings.Join(f[3:k], "|"), Event: f[k], Args: f[k+1:]})
	}
	err = lines.Err()
	if err == nil && len(entries) == 0 {
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
