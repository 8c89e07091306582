package freeswitch

import (
	"context"
	"errors"
	"fmt"
	"io"

	"tallyd/connectors/freeswitch/eventsocket"
)

// Replay reads a recorded connection to its end. Between two recordings the
// caller calls Translator.Lost: they are segments with a gap between. A stream
// that ends inside a frame is eventsocket.ErrTruncated: what came before counts.
func Replay(ctx context.Context, r io.Reader, t *Translator) error {
	in := eventsocket.NewReader(r, eventsocket.DefaultLimits)
	for n := 0; ; n++ {
		f, err := in.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			if errors.Is(err, eventsocket.ErrTruncated) {
				return fmt.Errorf("%w (after byte %d)", err, in.Offset())
			}
			return err
		}
		t.Frame(f)
		if n&0x3ff == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
}
