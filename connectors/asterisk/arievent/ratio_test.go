package arievent

import (
	"testing"
	"time"

	peer "github.com/CyCoreSystems/ari/v5"
)

// decodeAsPeer is what ari/v5 does with each message of its socket.
func decodeAsPeer(b []byte) error {
	_, err := peer.DecodeEvent(b)
	return err
}

// TestRatioDecode: decoding costs a small part of what ari/v5's decoder takes
// for the same events. The best of interleaved rounds counts, as other work on
// the machine only slows.
func TestRatioDecode(t *testing.T) {
	if raceEnabled {
		return // it slows the two differently: make unraced runs this
	}
	const least = 15
	for _, version := range []string{"22", "16"} {
		all := recorded(t, version)
		list := all[:0:0]
		for _, b := range all {
			if decodeAsPeer(b) == nil { // it does not know every type
				list = append(list, b)
			}
		}
		if len(list) < len(all)*9/10 {
			t.Fatalf("ari/v5 decodes %d of %d events", len(list), len(all))
		}
		var ours, theirs time.Duration
		best := func(d *time.Duration, n int, f func()) {
			start := time.Now()
			for range n {
				f()
			}
			if took := time.Since(start) / time.Duration(n); *d == 0 || took < *d {
				*d = took
			}
		}
		var e Event
		ratio := 0.0
		for round := 0; round < 3 || round < 12 && ratio < least; round++ {
			best(&ours, 10, func() {
				for _, b := range list {
					_ = e.Decode(b)
				}
			})
			best(&theirs, 1, func() {
				for _, b := range list {
					_ = decodeAsPeer(b)
				}
			})
			ratio = float64(theirs) / float64(ours)
		}
		each := time.Duration(len(list))
		t.Logf("Asterisk %s, %d events: ari/v5 %v each, ours %v: ratio %.1f", version, len(list), theirs/each, ours/each, ratio)
		if ratio < least {
			t.Errorf("Asterisk %s: decoding costs 1/%.1f of what ari/v5's decoder takes, want at most 1/%d", version, ratio, least)
		}
	}
}

// The benchmarks stand side by side: of all events, and of those alone that are
// wanted (for ari/v5 it makes no difference which they are).
func BenchmarkDecode(b *testing.B) {
	list := recorded(b, "22")
	var e Event
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		_ = e.Decode(list[i%len(list)])
	}
}

func BenchmarkDecodeWanted(b *testing.B) {
	all := recorded(b, "22")
	list := all[:0:0]
	var e Event
	for _, x := range all {
		if _ = e.Decode(x); e.Type > Unwanted {
			list = append(list, x)
		}
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		_ = e.Decode(list[i%len(list)])
	}
}

func BenchmarkDecodePeer(b *testing.B) {
	list := recorded(b, "22")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		_ = decodeAsPeer(list[i%len(list)])
	}
}
