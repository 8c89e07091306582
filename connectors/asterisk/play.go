package asterisk

import (
	"bufio"
	"bytes"
	"context"
	"io"

	"tallyd/connectors/asterisk/ami"
	"tallyd/connectors/asterisk/arievent"
)

// restEvery is after how many events what was taken is handed on, as it is live
// whenever there is nothing to take.
const restEvery = 16

// Play counts a recording in the place of a live switch, with one of the manager
// interface beside it unless that is nil, from where an earlier run had come.
// before is called before every event with its number, from 0; an error of its
// ends the playing. The tracker is given everything and left open.
func (c *Connector) Play(ctx context.Context, events, manager io.Reader, before func(n int, lost func()) error) error {
	c.recorder.translator.clock = nil // it comes at another pace
	r := c.recorder
	var m *Manager
	if manager != nil {
		m = NewManager(manager)
	}
	known := func(message *ami.Message) bool { return r.heard > 0 && message.Offset <= r.heard }
	r.rest()
	lines := bufio.NewReaderSize(events, arievent.MaxEvent)
	offset := int64(1) // 0 is where nothing was taken yet
	for n := 0; ctx.Err() == nil; n++ {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		at := offset
		offset += int64(len(line))
		event, _, err := arievent.Unwrap(bytes.TrimSpace(line))
		if err != nil || at <= r.bytes {
			continue // counted before
		}
		if err := before(n, r.lost); err != nil {
			return err
		}
		if m != nil {
			m.pass(arievent.Stamp(event), r.translator, known)
		}
		r.translator.Event(event, at)
		r.bytes = at
		if n%restEvery == 0 || r.journal.Full() {
			r.rest()
		}
	}
	if m != nil {
		m.pass(1<<63-1, r.translator, known)
	}
	r.rest()
	return ctx.Err()
}
