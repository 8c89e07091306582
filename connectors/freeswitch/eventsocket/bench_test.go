package eventsocket

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	peer "github.com/fiorix/go-eventsocket/eventsocket"
)

// reading is one way to read a stream of events, and to ask each for what a call
// centre's events are told apart by.
type reading func(tb testing.TB, stream []byte, events int)

// BenchmarkDecode reads the same recorded bytes with this package, from memory,
// and with go-eventsocket, which reads from connections alone; discard is what
// the loopback connection itself takes of that.
func BenchmarkDecode(b *testing.B) {
	for _, bench := range []struct {
		name, recording string
		read            reading
	}{
		{"tallyd-plain", "runA/plain.raw", fromMemory},
		{"tallyd-json", "runA/json.seg1.raw", fromMemory},
		{"tallyd-skip", "runA/plain.raw", skipFromMemory},
		{"tallyd-plain-loopback", "runA/plain.raw", fromLoopback},
		{"tallyd-json-loopback", "runA/json.seg1.raw", fromLoopback},
		{"discard-loopback", "runA/plain.raw", discard},
		{"go-eventsocket-plain", "runA/plain.raw", asPeer},
		{"go-eventsocket-json", "runA/json.seg1.raw", asPeer},
	} {
		b.Run(bench.name, func(b *testing.B) {
			stream, events := onlyEvents(b, bench.recording)
			b.SetBytes(int64(len(stream)))
			b.ReportAllocs()
			for b.Loop() {
				bench.read(b, stream, events)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*events), "ns/event")
		})
	}
}

func fromMemory(tb testing.TB, stream []byte, events int) {
	readAsOurs(tb, bytes.NewReader(stream), events)
}

// skipFromMemory reads nothing but the names, as a caller does with events that
// it has no use for.
func skipFromMemory(tb testing.TB, stream []byte, events int) {
	n := 0
	err := eachFrame(bytes.NewReader(stream), DefaultLimits, func(f *Frame) {
		if name, _ := f.Name(); len(name) > 0 {
			n++
		}
	})
	if err != io.EOF || n != events {
		tb.Fatalf("%d of %d events have a name, then %v", n, events, err)
	}
}

func fromLoopback(tb testing.TB, stream []byte, events int) {
	overLoopback(tb, stream, func(c net.Conn) { readAsOurs(tb, c, events) })
}

func discard(tb testing.TB, stream []byte, _ int) {
	overLoopback(tb, stream, func(c net.Conn) {
		buf := make([]byte, firstBuffer)
		for {
			if _, err := c.Read(buf); err == io.EOF {
				return
			} else if err != nil {
				tb.Fatal(err)
			}
		}
	})
}

func asPeer(tb testing.TB, stream []byte, events int) {
	n := 0
	readAsPeer(tb, stream, events, func(e *peer.Event) {
		n += len(e.Get("Event-Name")) + len(e.Get("Unique-Id")) + len(e.Get("Cc-Action")) + len(e.Get("Cc-Agent"))
	})
	if n == 0 {
		tb.Fatal("no event has a name")
	}
}

func readAsOurs(tb testing.TB, src io.Reader, events int) {
	r := NewReader(src, DefaultLimits)
	var e Event
	n, read := 0, 0
	for {
		f, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			tb.Fatal(err)
		}
		if f.Kind != PlainEvent && f.Kind != JSONEvent {
			continue
		}
		if err := f.Decode(&e); err != nil {
			tb.Fatal(err)
		}
		n++
		read += len(e.Get(KeyEventName)) + len(e.Get(KeyUniqueID)) + len(e.Get(KeyCCAction)) + len(e.Get(KeyCCAgent))
	}
	if n != events || read == 0 {
		tb.Fatalf("%d events with %d bytes of names, want %d", n, read, events)
	}
}

// Decoding with a library would take the switch a core at its peak; that is why
// this package exists. The bound is far below what a quiet machine shows, and
// the best of interleaved runs counts, as other work on the machine only slows.
func TestRatioToGoEventsocket(t *testing.T) {
	if raceEnabled {
		return // time means nothing under the race detector: make unraced runs this
	}
	for _, test := range []struct {
		recording string
		atLeast   float64
	}{
		{"runC-reload/plain.raw", 25},
		{"runA/json.seg2.raw", 25},
	} {
		t.Run(test.recording, func(t *testing.T) {
			stream, events := onlyEvents(t, test.recording)
			best := func(d *time.Duration, read reading) {
				start := time.Now()
				read(t, stream, events)
				if took := time.Since(start); *d == 0 || took < *d {
					*d = took
				}
			}
			var ours, theirs, loopback time.Duration
			ratio := 0.0
			for round := 0; round < 5 || round < 25 && ratio < test.atLeast; round++ {
				for range 10 { // as long as one run of theirs takes a good part of
					best(&ours, fromMemory)
				}
				best(&loopback, discard)
				best(&theirs, asPeer)
				ratio = float64(theirs-loopback) / float64(ours)
			}
			t.Logf("go-eventsocket %v, less the loopback's %v, tallyd %v per event: ratio %.1f",
				theirs/time.Duration(events), loopback/time.Duration(events), ours/time.Duration(events), ratio)
			if ratio < test.atLeast {
				t.Errorf("%.1f times as fast as go-eventsocket, want at least %.0f", ratio, test.atLeast)
			}
		})
	}
}
