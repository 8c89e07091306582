package eventsocket

import "testing"

// endless repeats a stream of whole frames.
type endless struct {
	stream []byte
	at     int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.stream[e.at:])
	if e.at += n; e.at == len(e.stream) {
		e.at = 0
	}
	return n, nil
}

// After one pass, in which the buffers take their size, a connection allocates
// nothing more: not for frames, not for events, not for any value of them.
func TestDecodeAllocsNothing(t *testing.T) {
	if raceEnabled {
		return // the race detector allocates: make unraced runs this
	}
	for _, name := range []string{"runC-reload/plain.raw", "runD-restart/json.raw"} {
		t.Run(name, func(t *testing.T) {
			stream, events := onlyEvents(t, name)
			r := NewReader(&endless{stream: stream}, DefaultLimits)
			var e Event
			bytesRead := 0
			read := func() {
				for range events {
					f, err := r.Next()
					if err != nil {
						t.Fatal(err)
					}
					name, subclass := f.Name()
					bytesRead += len(name) + len(subclass)
					if err := f.Decode(&e); err != nil {
						t.Fatal(err)
					}
					for k := range Key(numKeys) {
						for v := range e.Values(k) {
							bytesRead += len(v)
						}
						bytesRead += len(e.Get(k))
					}
					if v, ok := e.Lookup("Channel-Call-UUID"); ok {
						bytesRead += len(v)
					}
					if us, ok := e.Micros(); ok {
						bytesRead += int(us % 2)
					}
					bytesRead += len(e.Body())
				}
			}
			read()
			if n := testing.AllocsPerRun(3, read); n != 0 {
				t.Errorf("%v allocations in %d events, want none", n, events)
			}
			if bytesRead == 0 {
				t.Error("nothing was read")
			}
		})
	}
}
