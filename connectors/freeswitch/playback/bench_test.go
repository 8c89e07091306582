package playback

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"
)

// BenchmarkPlay is how fast a recording can be played over loopback: what a load
// run can ask of it.
func BenchmarkPlay(b *testing.B) {
	rec := open(b, "runC-reload/plain.raw")
	for _, bench := range []struct {
		name, subscription string
		shift              time.Time
	}{
		{"plain", "plain ALL", time.Time{}},
		{"plain-shifted", "plain ALL", time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)},
		{"json", "json ALL", time.Time{}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			for b.Loop() {
				play(b, &Server{Recording: rec, CloseAtEnd: true, ShiftTo: bench.shift, quiet: 1}, bench.subscription)
			}
			b.ReportMetric(float64(b.N*len(rec.Segments[0].Events))/b.Elapsed().Seconds(), "events/s")
		})
	}
}

func play(b *testing.B, s *Server, subscription string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Serve(ctx, l) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	io.WriteString(conn, "auth ClueCon\n\nevent "+subscription+"\n\n")
	var played bytes.Buffer
	if _, err := played.ReadFrom(conn); err != nil {
		b.Fatal(err)
	}
	conn.Close()
	cancel()
	if err := <-done; err != nil || played.Len() < 1_000_000 {
		b.Fatalf("%d bytes played, %v", played.Len(), err)
	}
}
