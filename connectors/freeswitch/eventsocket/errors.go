package eventsocket

import (
	"fmt"
	"io"
)

// ErrTruncated is the end of the stream inside a frame; it wraps
// io.ErrUnexpectedEOF. A switch that is killed ends its stream so, one that
// shuts down ends it at a frame's border: io.EOF.
var ErrTruncated = fmt.Errorf("event socket stream ends inside a frame: %w", io.ErrUnexpectedEOF)

// FormatError is a violation of the event socket's format. From Next it is
// final; from Decode it concerns one event only.
type FormatError struct {
	Offset int64  // of the violation, in bytes from the start of the stream
	What   string // the rule that is broken, as a clause
	Value  string // what stands there instead, shortened; may be empty
}

func (e *FormatError) Error() string {
	if e.Value == "" {
		return fmt.Sprintf("event socket stream at byte %d: %s", e.Offset, e.What)
	}
	return fmt.Sprintf("event socket stream at byte %d: %s: %q", e.Offset, e.What, e.Value)
}

// quotable shortens an offending value, which may be megabytes of noise.
func quotable(b []byte) string {
	const most = 60
	if len(b) > most {
		return string(b[:most]) + "…"
	}
	return string(b)
}
