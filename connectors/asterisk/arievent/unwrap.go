package arievent

import (
	"bytes"
	"fmt"
)

// Unwrap takes a line of a recording: an event as it is, or in a wrapper that
// says when it was received, {"rx":epoch,"ev":{…}}. It returns the event, and
// whether there was a wrapper.
func Unwrap(line []byte) (event []byte, wrapped bool, err error) {
	s := scanner{b: line, e: &Event{}}
	from, to := -1, 0
	ok := s.object(func(key []byte) bool {
		switch string(key) {
		case "ev":
			s.space()
			from = s.i
			ok := s.skip()
			to = s.i
			return ok
		case "rx":
			return s.skip()
		}
		s.stop = from < 0 // a key of the event itself: there is no wrapper
		return s.stop || s.skip()
	})
	switch {
	case !ok:
		return nil, false, fmt.Errorf("at byte %d: %w", s.i, ErrFormat)
	case from < 0:
		return line, false, nil
	}
	return line[from:to], true, nil
}

// Stamp reads an event's time stamp and nothing else; 0 where there is none.
func Stamp(event []byte) int64 {
	const key = `"timestamp":"`
	i := bytes.Index(event, []byte(key))
	if i < 0 {
		return 0
	}
	rest := event[i+len(key):]
	end := bytes.IndexByte(rest, '"')
	if end < 0 {
		return 0
	}
	ms, _ := ParseStamp(rest[:end])
	return ms
}
