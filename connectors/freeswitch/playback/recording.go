package playback

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"

	"tallyd/connectors/freeswitch/eventsocket"
)

// Recording is what one client of a switch received.
type Recording struct {
	Segments []Segment
}

// Segment is one connection. Between two of them the client, or the switch, was
// away.
type Segment struct {
	Events []Event
	// Notice is the text with which the switch closed the connection, if it did.
	Notice string
}

// Event is one recorded event.
type Event struct {
	At       int64  // Event-Date-Timestamp, microseconds since 1970
	Name     string // Event-Name
	Subclass string // Event-Subclass
	// Plain is the event in plain form: headers, an empty line, the body.
	Plain []byte
}

func (seg *Segment) core() string { return header(seg.Events[0].Plain, "Core-UUID") }

// Open reads a recording from files, one for each connection: the raw bytes that
// the client received, plain or JSON, as they are or packed by gzip or zstd.
func Open(paths ...string) (*Recording, error) {
	rec := new(Recording)
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		seg, err := load(f)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		rec.Segments = append(rec.Segments, seg)
	}
	return rec, rec.check()
}

// Load reads a recording of one connection, as Open does.
func Load(r io.Reader) (*Recording, error) {
	seg, err := load(r)
	if err != nil {
		return nil, err
	}
	rec := &Recording{Segments: []Segment{seg}}
	return rec, rec.check()
}

func (rec *Recording) check() error {
	for i := range rec.Segments {
		if len(rec.Segments[i].Events) == 0 {
			return fmt.Errorf("connection %d of the recording has no events", i+1)
		}
	}
	if len(rec.Segments) == 0 {
		return errors.New("recording is empty")
	}
	return nil
}

// Span is the time of the first and of the last event, in microseconds. Stamps
// step back now and then; both are the extremes.
func (rec *Recording) Span() (first, last int64) {
	for _, seg := range rec.Segments {
		for i := range seg.Events {
			at := seg.Events[i].At
			if first == 0 || at < first {
				first = at
			}
			last = max(last, at)
		}
	}
	return first, last
}

func load(r io.Reader) (seg Segment, err error) {
	src, err := unpack(r)
	if err != nil {
		return seg, err
	}
	frames := eventsocket.NewReader(src, eventsocket.DefaultLimits)
	names := make(map[string]string)
	intern := func(b []byte) string {
		s, ok := names[string(b)]
		if !ok {
			s = string(b)
			names[s] = s
		}
		return s
	}
	var e eventsocket.Event
	last := int64(0)
	for {
		f, err := frames.Next()
		switch {
		case err == io.EOF, errors.Is(err, eventsocket.ErrTruncated):
			// A recording may end in the middle: the switch was killed.
			return seg, nil
		case err != nil:
			return seg, err
		}
		switch f.Kind {
		case eventsocket.DisconnectNotice:
			seg.Notice = string(f.Body())
		case eventsocket.PlainEvent, eventsocket.JSONEvent:
			if err := f.Decode(&e); err != nil {
				return seg, err
			}
			name, subclass := f.Name()
			ev := Event{At: last, Name: intern(name), Subclass: intern(subclass)}
			if at, ok := e.Micros(); ok {
				ev.At, last = at, at
			}
			if f.Kind == eventsocket.JSONEvent {
				if ev.Plain, err = plainFromJSON(f.Body()); err != nil {
					return seg, fmt.Errorf("event at byte %d: %w", f.Offset, err)
				}
			} else {
				ev.Plain = bytes.Clone(f.Body())
			}
			seg.Events = append(seg.Events, ev)
		}
	}
}

func unpack(r io.Reader) (io.Reader, error) {
	b := bufio.NewReader(r)
	magic, err := b.Peek(4)
	if err != nil && err != io.EOF {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		return gzip.NewReader(b)
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	}
	return b, nil
}
