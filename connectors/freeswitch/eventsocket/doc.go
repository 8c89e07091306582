// Package eventsocket is the byte level of FreeSWITCH's event socket, seen from
// the client of an inbound connection: it cuts a stream into frames and reads
// events in their plain and JSON forms.
//
// It knows framing, escapes and which header names are worth finding. It must
// not know what an event means: no calls, no agents, no queues. It opens no
// connection, starts no goroutine and reads no clock.
//
// Framing is strict: after a violation nobody can say where the next frame
// starts, so the Reader stops for good with a *FormatError. Content is lenient:
// an event that cannot be read is an error of Decode, and the stream goes on.
//
// One Reader, one Frame and one Event serve a connection for its whole life,
// and in the steady state nothing is allocated: what Next, Decode and the
// accessors return lies in buffers that the following Next and Decode reuse.
//
//	r := eventsocket.NewReader(conn, eventsocket.DefaultLimits)
//	var e eventsocket.Event
//	for {
//		f, err := r.Next()
//		if err != nil {
//			return err
//		}
//		if name, _ := f.Name(); string(name) != "HEARTBEAT" {
//			continue
//		}
//		if err := f.Decode(&e); err != nil {
//			slog.Warn("event not understood", "err", err)
//			continue
//		}
//		use(e.Get(eventsocket.KeyUpTime))
//	}
package eventsocket
