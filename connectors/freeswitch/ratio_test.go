package freeswitch

import (
	"bytes"
	"context"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	peer "github.com/fiorix/go-eventsocket/eventsocket"

	"tallyd/connectors/freeswitch/eventsocket"
	"tallyd/metrics"
)

// TestRatioReplay: framing, decoding, tracking and counting a recording costs a
// small part of what go-eventsocket takes merely to read it. That is measured
// in processor time, as the library reads with goroutines of its own; what the
// connection that it insists on takes is measured too, and left out. The best
// of interleaved rounds counts, as other work on the machine only slows.
func TestRatioReplay(t *testing.T) {
	if raceEnabled {
		return // it slows the two differently: make unraced runs this
	}
	const least = 15
	stream, events := onlyEvents(t, "testdata/runA/plain.raw")
	var ours, theirs, wire time.Duration
	best := func(d *time.Duration, n int, f func()) {
		start := processorTime(t)
		for range n {
			f()
		}
		if took := (processorTime(t) - start) / time.Duration(n); *d == 0 || took < *d {
			*d = took
		}
	}
	ratio := 0.0
	for round := 0; round < 3 || round < 12 && ratio < least; round++ {
		best(&ours, 5, func() { replayQuietly(t, stream) })
		best(&wire, 1, func() { discard(t, stream) })
		best(&theirs, 1, func() { readAsPeer(t, stream, events) })
		ratio = float64(theirs-wire) / float64(ours)
	}
	each := time.Duration(events)
	t.Logf("%d events: go-eventsocket %v each, the connection %v of it; the whole replay %v: ratio %.1f", events, theirs/each, wire/each, ours/each, ratio)
	if ratio < least {
		t.Errorf("the whole replay costs 1/%.1f of what go-eventsocket needs to read, want at most 1/%d", ratio, least)
	}
}

// processorTime is what this process has used so far, of all its threads.
func processorTime(t *testing.T) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// onlyEvents is a recording without the frames that are no events, on some of
// which go-eventsocket ends the process.
func onlyEvents(t *testing.T, name string) (stream []byte, events int) {
	b, err := io.ReadAll(openRecording(t, name))
	if err != nil {
		t.Fatal(err)
	}
	in := eventsocket.NewReader(bytes.NewReader(b), eventsocket.DefaultLimits)
	for {
		f, err := in.Next()
		if err == io.EOF {
			return stream, events
		}
		if err != nil {
			t.Fatal(err)
		}
		if f.Kind == eventsocket.PlainEvent {
			stream = append(stream, b[f.Offset:f.Offset+int64(f.Size())]...)
			events++
		}
	}
}

func replayQuietly(t *testing.T, stream []byte) {
	names := metrics.NewNames()
	sealed := 0
	tracker := metrics.NewTracker(names, metrics.Options{Sealed: func(s *metrics.Sealed) { sealed += len(s.Rollups) }})
	if err := Replay(context.Background(), bytes.NewReader(stream), NewTranslator(names, tracker.Apply)); err != nil {
		t.Fatal(err)
	}
	tracker.Finish()
	if sealed == 0 {
		t.Fatal("nothing was counted")
	}
}

// serve accepts one client on loopback, logs it in and sends it the stream. The
// channel is closed once all is sent.
func serve(t *testing.T, stream []byte) (addr string, sent <-chan struct{}) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer l.Close()
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		io.WriteString(c, "Content-Type: auth/request\n\n")
		login := make([]byte, 256)
		if _, err := c.Read(login); err != nil {
			return
		}
		io.WriteString(c, "Content-Type: command/reply\nReply-Text: +OK accepted\n\n")
		c.Write(stream)
	}()
	return l.Addr().String(), done
}

// readAsPeer reads all events. When the stream ends the library may tell so
// before the events that wait in its channel: they are there when asked again.
func readAsPeer(t *testing.T, stream []byte, events int) {
	addr, sent := serve(t, stream)
	c, err := peer.Dial(addr, "ClueCon")
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < events; {
		if _, err := c.ReadEvent(); err == nil {
			n++
		} else if err != io.EOF {
			t.Fatal(err)
		}
	}
	c.Close()
	<-sent
}

// discard is what the connection alone takes.
func discard(t *testing.T, stream []byte) {
	addr, sent := serve(t, stream)
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "auth ClueCon\n\n"); err != nil {
		t.Fatal(err)
	}
	for buf := make([]byte, 64<<10); ; {
		if _, err := c.Read(buf); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	<-sent
}
