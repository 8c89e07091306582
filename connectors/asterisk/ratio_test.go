package asterisk

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	peer "github.com/CyCoreSystems/ari/v5"
	"github.com/gorilla/websocket"

	"tallyd/connectors/asterisk/arievent"
	"tallyd/metrics"
)

// recordedEvents are the events of a recording, one JSON text each.
func recordedEvents(t testing.TB, folder string) (out [][]byte) {
	t.Helper()
	var all bytes.Buffer
	if _, err := all.ReadFrom(open(t, folder+"/ari-events.jsonl.gz")); err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(all.Bytes()) {
		event, _, err := arievent.Unwrap(bytes.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, event)
	}
	return out
}

// countAll decodes, translates, tracks and counts.
func countAll(t testing.TB, list [][]byte) {
	names := metrics.NewNames()
	sealed := 0
	tracker := metrics.NewTracker(names, metrics.Options{Sealed: func(s *metrics.Sealed) { sealed += len(s.Rollups) }})
	translator := NewTranslator(names, tracker.Apply)
	for i, b := range list {
		translator.Event(b, int64(i))
	}
	tracker.Finish()
	if sealed == 0 || translator.Counts.Malformed > 0 {
		t.Fatalf("%d rows, %+v", sealed, translator.Counts)
	}
}

// TestRatioCount: everything from an event's JSON to the counters costs a small
// part of what ari/v5 takes to decode it.
func TestRatioCount(t *testing.T) {
	if raceEnabled {
		return // it slows the two differently: make unraced runs this
	}
	const least = 15
	for _, folder := range []string{"testdata/asterisk22", "testdata/asterisk16"} {
		all := recordedEvents(t, folder)
		list := all[:0:0]
		for _, b := range all {
			if _, err := peer.DecodeEvent(b); err == nil { // it does not know every type
				list = append(list, b)
			}
		}
		var ours, theirs time.Duration
		ratio := 0.0
		for round := 0; round < 3 || round < 12 && ratio < least; round++ {
			start := time.Now()
			countAll(t, list)
			middle := time.Now()
			for _, b := range list {
				if _, err := peer.DecodeEvent(b); err != nil {
					t.Fatal(err)
				}
			}
			end := time.Now()
			if took := middle.Sub(start); ours == 0 || took < ours {
				ours = took
			}
			if took := end.Sub(middle); theirs == 0 || took < theirs {
				theirs = took
			}
			ratio = float64(theirs) / float64(ours)
		}
		each := time.Duration(len(list))
		t.Logf("%s, %d events: decoding by ari/v5 %v each, decoding, translating and counting here %v: ratio %.1f", folder, len(list), theirs/each, ours/each, ratio)
		if ratio < least {
			t.Errorf("counting costs 1/%.1f of what ari/v5 takes to decode, want at most 1/%d", ratio, least)
		}
	}
}

// TestPerformanceSocket: the whole way, from a WebSocket of loopback to the
// counters, takes 100,000 recorded events a second on one core, on which the
// server that sends them has to work too.
func TestPerformanceSocket(t *testing.T) {
	if raceEnabled {
		return
	}
	const least = 100_000
	list := recordedEvents(t, "testdata/asterisk22")
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	best := 0.0
	for round := 0; round < 2 || round < 6 && best < least; round++ {
		best = max(best, throughput(t, list))
	}
	t.Logf("%.0f events a second on one core", best)
	if best < least {
		t.Errorf("%.0f events a second, want %d", best, least)
	}
}

// throughput is how many events a second a connector counts that get to it as
// fast as they can.
func throughput(t *testing.T, list [][]byte) float64 {
	t.Helper()
	s := newPlayback(t, list)
	r := newReplayed()
	cfg := Config{Name: "ast1", ARI: s.URL + "/ari", Buffer: len(list) + 1000}
	c := New(cfg, r.names, r.tracker)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	defer func() { stop(); <-done }()
	last := list[len(list)-1]
	want := metrics.Millis(arievent.Stamp(last))
	<-s.attached
	start := time.Now()
	close(s.begin)
	for r.tracker.Live.Now() < want { // the recording's last stamp is its greatest, but for a few milliseconds
		if time.Since(start) > 30*time.Second {
			t.Fatalf("%d of %d events were counted", c.Health().Counts.Events, len(list))
		}
		runtime.Gosched()
	}
	return float64(len(list)) / time.Since(start).Seconds()
}

// playback is a web server that sends a recording as ARI's WebSocket would, and
// knows of nothing else.
type playback struct {
	*httptest.Server
	attached, begin chan struct{}
}

func newPlayback(t *testing.T, list [][]byte) *playback {
	p := &playback{attached: make(chan struct{}), begin: make(chan struct{})}
	var frames bytes.Buffer
	for _, b := range list {
		frames.WriteByte(0x81) // a whole text
		if len(b) < 126 {
			frames.WriteByte(byte(len(b)))
		} else {
			frames.Write([]byte{126, byte(len(b) >> 8), byte(len(b))})
		}
		frames.Write(b)
	}
	gone := make(chan struct{})
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/asterisk/info"):
			fmt.Fprint(w, `{"system":{"version":"22.10.1"},"config":{"name":"ast22"},"status":{"startup_time":"2026-11-23T15:51:00.000+0000"}}`)
		case strings.HasSuffix(r.URL.Path, "/events"):
			ws, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer ws.Close()
			close(p.attached)
			select {
			case <-p.begin:
			case <-gone:
				return
			}
			_, _ = ws.UnderlyingConn().Write(frames.Bytes())
			<-gone
		default:
			fmt.Fprint(w, "[]")
		}
	}))
	t.Cleanup(p.Close)
	t.Cleanup(func() { close(gone) })
	return p
}

// TestAllocs: what is not needed costs no allocation, from its JSON to the
// counters; what is needed, little.
func TestAllocs(t *testing.T) {
	if raceEnabled {
		return
	}
	for _, folder := range []string{"testdata/asterisk22", "testdata/asterisk16"} {
		list := recordedEvents(t, folder)
		names := metrics.NewNames()
		tracker := metrics.NewTracker(names, metrics.Options{})
		translator := NewTranslator(names, tracker.Apply)
		var unwanted [][]byte
		for i, b := range list {
			translator.Event(b, int64(i))
			if translator.in.Type <= arievent.Unwanted {
				unwanted = append(unwanted, b)
			}
		}
		if len(unwanted) < len(list)/2 {
			t.Errorf("%s: %d of %d events are not needed", folder, len(unwanted), len(list))
		}
		if n := testing.AllocsPerRun(3, func() {
			for _, b := range unwanted {
				translator.Event(b, 0)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations for %d events that are not needed", folder, n, len(unwanted))
		}
		all := testing.AllocsPerRun(1, func() { countAll(t, list) })
		t.Logf("%s: %.2f allocations for each of all events", folder, all/float64(len(list)))
		if all/float64(len(list)) > 1 {
			t.Errorf("%s: %v allocations for %d events", folder, all, len(list))
		}
	}
}

func BenchmarkCount(b *testing.B) {
	list := recordedEvents(b, "testdata/asterisk22")
	b.ReportAllocs()
	for b.Loop() {
		countAll(b, list)
	}
	b.ReportMetric(float64(b.N*len(list))/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkDecodePeer(b *testing.B) {
	list := recordedEvents(b, "testdata/asterisk22")
	b.ReportAllocs()
	for b.Loop() {
		for _, x := range list {
			_, _ = peer.DecodeEvent(x)
		}
	}
	b.ReportMetric(float64(b.N*len(list))/b.Elapsed().Seconds(), "events/s")
}
