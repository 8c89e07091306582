package freeswitch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"

	"tallyd/connectors/freeswitch/eventsocket"
	"tallyd/metrics"
)

// FuzzTranslate: whatever a switch sends, it is read to an end or a fault
// without a panic, the same bytes give the same result, a break anywhere counts
// as a gap, and what is counted is conserved.
func FuzzTranslate(f *testing.F) {
	// A few frames each of the recordings, without the headers that nobody reads:
	// on larger seeds the fuzzer spends its time minimising.
	seeds, err := filepath.Glob("testdata/fuzz/recorded/*.raw")
	if err != nil || len(seeds) == 0 {
		f.Fatal("no seeds: ", err)
	}
	for _, s := range seeds {
		b, err := os.ReadFile(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, uint16(len(b)/2))
	}
	f.Fuzz(func(t *testing.T, b []byte, broken uint16) {
		defer func() { // so that one panic does not hide what else there is
			if p := recover(); p != nil {
				t.Errorf("%v\n%s", p, debug.Stack())
			}
		}()
		whole := fuzzed(t, b)
		if again := fuzzed(t, b); !bytes.Equal(whole.bytes, again.bytes) {
			t.Fatal("the same bytes come to different results")
		}
		cut := min(int(broken), len(b))
		fuzzed(t, b[:cut], b[cut:], b)
	})
}

// fuzzed replays segments and checks the result.
func fuzzed(t *testing.T, segments ...[]byte) *replayed {
	names := metrics.NewNames()
	r := &replayed{}
	r.tracker = metrics.NewTracker(names, metrics.Options{
		Sealed: func(s *metrics.Sealed) {
			r.sealed = append(r.sealed, s)
			for i := range s.Rollups {
				r.bytes, _ = s.Rollups[i].AppendBinary(r.bytes)
			}
			for i := range s.Contacts {
				r.bytes, _ = s.Contacts[i].AppendBinary(r.bytes)
			}
		},
		Visit: func(c *metrics.Contact) {
			r.contacts = append(r.contacts, *c)
			if c.Wait() < 0 || c.Talk() < 0 || c.Hold < 0 || c.Hold > c.Talk() && c.Answered != 0 {
				t.Fatalf("visit %+v", *c)
			}
		},
	})
	r.translator = NewTranslator(names, func(e *metrics.Event) {
		if e.Kind == metrics.SwitchUp {
			// Its stamp is believed, and each quarter of an hour of the gap is marked:
			// TestMemoryOfGaps.
			e.At = min(e.At, r.tracker.Now()+3_600_000)
		}
		if far := 24 * 3_600_000 * metrics.Millis(1); r.tracker.Now() != 0 && e.At > r.tracker.Now()+far {
			e.At = r.tracker.Now() // eight that agree are believed too
		}
		r.tracker.Apply(e)
	})
	for i, s := range segments {
		if i > 0 {
			r.translator.Lost()
		}
		err := Replay(context.Background(), bytes.NewReader(s), r.translator)
		var format *eventsocket.FormatError
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.As(err, &format) {
			t.Fatal(err)
		}
	}
	if c := r.translator.Counts; c.Ignored+c.Malformed > c.Events {
		t.Fatalf("%+v", c)
	}
	r.tracker.Finish()
	r.concluded = len(r.contacts)
	r.tracker.Open(func(c *metrics.Contact) { r.contacts = append(r.contacts, *c) })
	conserved(t, r)
	return r
}
