package main

import (
	"bytes"
	"io"
	"syscall"
	"testing"
	"time"

	"tallyd/connectors/asterisk"
	"tallyd/connectors/freeswitch"
	"tallyd/connectors/source"
	"tallyd/metrics"
	"tallyd/storage/journal"
)

// TestPerformanceJournal: keeping everything in a journal, the sealing and the
// writing included, costs less than a quarter of the CPU time that counting does.
func TestPerformanceJournal(t *testing.T) {
	if raceEnabled {
		return
	}
	for _, x := range []struct {
		kind, file string
		rounds     int
	}{{kindFreeSWITCH, recordings + "runA/plain.raw.gz", 6}, {kindAsterisk, "../../connectors/asterisk/testdata/lab22/ari-events.jsonl.gz", 25}} {
		in, err := gunzip(x.file)
		if err != nil {
			t.Fatal(err)
		}
		recording, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		best := 9.0
		for range 3 {
			var without, with time.Duration
			for range x.rounds { // in turns, so that both meet the same machine
				without += cpu(t, playing(t, x.kind, recording, false))
				with += cpu(t, playing(t, x.kind, recording, true))
			}
			best = min(best, float64(with-without)/float64(without))
		}
		t.Logf("%s: the journal costs %.0f %% of the counting", x.kind, 100*best)
		if best > 0.25 {
			t.Errorf("%s: the journal costs %.0f %% of the counting, at most 25 %% are allowed", x.kind, 100*best)
		}
	}
}

// playing makes everything ready; what it returns plays the recording once.
func playing(t *testing.T, kind string, recording []byte, kept bool) func() {
	names := metrics.NewNames()
	tracker := metrics.NewTracker(names, metrics.Options{Switch: "sw", Sealed: func(*metrics.Sealed) {}})
	var j source.Journal
	end := func() {}
	if kept {
		book, _, err := journal.Open(journal.Config{Dir: t.TempDir(), Key: bytes.Repeat([]byte{1}, 32)})
		if err != nil {
			t.Fatal(err)
		}
		j = book
		end = func() {
			if err := book.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	before := func(int, func()) error { return nil }
	play := func() error {
		if kind == kindAsterisk {
			return asterisk.New(asterisk.Config{Journal: j}, names, tracker).Play(t.Context(), bytes.NewReader(recording), nil, before)
		}
		return freeswitch.New(freeswitch.Config{Journal: j}, names, tracker).Play(t.Context(), bytes.NewReader(recording), before)
	}
	return func() {
		if err := play(); err != nil {
			t.Fatal(err)
		}
		end()
	}
}

// cpu is the CPU time of the whole process, the kernel's share included.
func cpu(t *testing.T, f func()) time.Duration {
	t.Helper()
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			t.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	f()
	return used() - before
}
