package asterisk

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"tallyd/connectors/asterisk/ami"
	"tallyd/connectors/asterisk/arievent"
)

var (
	// ErrTruncated: a recording ends in the middle of an event.
	ErrTruncated = errors.New("the recording ends in the middle of an event")
	// ErrNoEvents: a recording holds lines, and none of them is an event.
	ErrNoEvents = errors.New("no line of it is an event of ARI's")
	// ErrNoMessages: a recording of the manager interface holds not one message.
	ErrNoMessages = errors.New("there is no message of the manager interface in it")
)

// hopeless is how many lines a recording may begin with of which none is an
// event, before the rest is not looked at.
const hopeless = 10_000

// Replay reads recorded ARI events, one a line, bare or as {"rx":epoch,"ev":{…}},
// to their end. Where a recording of the manager interface is given, its
// messages are taken in between, by their own time stamps, up to the last event.
// Between two recordings the caller calls Translator.Lost: they are segments
// with a gap between.
func Replay(ctx context.Context, events io.Reader, manager *Manager, t *Translator) error {
	lines := bufio.NewReaderSize(events, 256<<10)
	var long []byte
	before, offset := t.Counts.Counts, int64(0)
	for n := 0; ; n++ {
		line, err := lines.ReadSlice('\n')
		size := int64(len(line))
		for err == bufio.ErrBufferFull {
			if len(long) <= arievent.MaxEvent { // of a longer one the rest is passed over
				long = append(long, line...)
			}
			line, err = lines.ReadSlice('\n')
			size += int64(len(line))
		}
		if len(long) > 0 {
			long = append(long, line...)
			line = long
		}
		if err != nil && err != io.EOF {
			return err
		}
		if err := t.line(line, offset, err == io.EOF, manager); err != nil {
			return err
		}
		all := t.Counts.Events - before.Events
		if all > 0 && (err == io.EOF || all == hopeless) && t.Counts.Malformed-before.Malformed == all {
			return ErrNoEvents
		}
		if err == io.EOF {
			return nil
		}
		offset += size
		long = long[:0]
		if n&0x3ff == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// line takes one line of a recording; the last one may be cut off.
func (t *Translator) line(line []byte, offset int64, last bool, manager *Manager) error {
	for len(line) > 0 && (line[len(line)-1] == '\n' || line[len(line)-1] == '\r' || line[len(line)-1] == ' ') {
		line = line[:len(line)-1]
	}
	if len(line) == 0 {
		return nil
	}
	event, _, err := arievent.Unwrap(line)
	if err == nil && last && !json.Valid(event) {
		err = ErrTruncated
	}
	if err != nil {
		if last {
			return fmt.Errorf("%w (at byte %d)", ErrTruncated, offset)
		}
		t.Counts.Events++
		t.Counts.Malformed++
		return nil
	}
	if manager != nil {
		if at := arievent.Stamp(event); at != 0 {
			manager.until(at, t)
		}
	}
	t.Event(event, offset)
	return nil
}

// Manager is a recording of the manager interface that is played beside one of
// ARI, or beside several in a row.
type Manager struct {
	in    *ami.Reader
	ahead *ami.Message // read, but not due yet
	err   error        // what ended it
	any   bool         // it held a message
}

// NewManager returns a player of a recording.
func NewManager(r io.Reader) *Manager { return &Manager{in: ami.NewReader(r)} }

// Rest takes all messages that are left, and tells what was wrong with the
// recording, if anything.
func (m *Manager) Rest(t *Translator) error {
	m.until(1<<63-1, t)
	switch {
	case !m.any && m.in.Offset() > 0:
		return ErrNoMessages
	case m.err == io.EOF:
		return nil
	case errors.Is(m.err, ami.ErrTruncated):
		return ErrTruncated
	}
	return m.err
}

// until takes the messages up to a moment. One without a time stamp is taken at
// once: what ARI told of last is then the time.
func (m *Manager) until(at int64, t *Translator) {
	m.pass(at, t, func(*ami.Message) bool { return false })
}

// pass is until, but for messages that are known already.
func (m *Manager) pass(at int64, t *Translator, known func(*ami.Message) bool) {
	for {
		if m.ahead == nil {
			if m.err != nil {
				return
			}
			if m.ahead, m.err = m.in.Next(); m.err != nil {
				return
			}
		}
		stamp := m.ahead.Millis()
		if stamp == 0 {
			stamp = m.ahead.Received
		}
		if stamp > at {
			return
		}
		m.any = m.any || m.ahead.Has("Event") || m.ahead.Has("Response")
		if !known(m.ahead) {
			t.AMI(m.ahead)
		}
		m.ahead = nil
	}
}
