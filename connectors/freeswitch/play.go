package freeswitch

import (
	"context"
	"errors"
	"io"

	"tallyd/connectors/freeswitch/eventsocket"
	"tallyd/metrics"
)

// restEvery is after how many events what was taken is handed on, as it is live
// whenever there is nothing to take.
const restEvery = 16

// Play counts a recording in the place of a live switch, from where an earlier
// run had come. before is called before every event with its number, from 0; an
// error of its ends the playing. The tracker is given everything and left open.
func (c *Connector) Play(ctx context.Context, recording io.Reader, before func(n int, lost func()) error) error {
	r := c.recorder
	t := NewTranslator(r.names, r.takeWhole)
	t.noted = r.takeWhole
	t.memory, t.last = r.memory.clone(), r.tracker.Now()
	lost := func() {
		t.last = r.tracker.Now()
		t.Lost()
	}
	r.rest()
	in := eventsocket.NewReader(recording, eventsocket.DefaultLimits)
	for n := 0; ctx.Err() == nil; n++ {
		f, err := in.Next()
		if err == io.EOF || errors.Is(err, eventsocket.ErrTruncated) {
			r.rest()
			return nil
		}
		if err != nil {
			return err
		}
		if f.Offset <= r.position && r.position > 0 {
			continue // counted before
		}
		if err := before(n, lost); err != nil {
			return err
		}
		t.Frame(f)
		if n%restEvery == 0 || r.journal.Full() {
			r.rest()
		}
	}
	return ctx.Err()
}

// takeWhole takes a fact; what one event comes to is handed on together.
func (r *recorder) takeWhole(e *metrics.Event) {
	if r.kept {
		r.keep(e)
	}
	r.apply(e)
}
