package playback

import (
	"bytes"
	"testing"

	es "tallyd/connectors/freeswitch/eventsocket"
)

func TestRewrite(t *testing.T) {
	const core, call = "c0000000-0000-4000-8000-000000000000", "065b7d42-f0f3-43ee-9941-4aeb4b7e5942"
	w := &rewriter{first: 1_795_000_000_000_000, last: 1_796_000_000_000_000, cores: map[string]bool{core: true}}
	w.setShift(1_000_999_999)
	w.pass, w.restart = 1, 0
	renamed := string(w.text([]byte(call)))
	if renamed == call || renamed[8:] != call[8:] {
		t.Errorf("%s is renamed to %s, want another first group", call, renamed)
	}
	for in, want := range map[string]string{
		"1795449158237260":                     "1795450158237260", // whole seconds only: 10 and 16 digits stay in step
		"1795449158":                           "1795450158",
		"0":                                    "0",
		"1495449158237260":                     "1495449158237260", // years before the recording
		"3197010001":                           "3197010001",       // a caller, not a time
		"%2B1795449158":                        "%2B1795450158",
		"%201795449158%20":                     "%201795450158%20",
		"a1795449158":                          "a1795449158",
		"1795449158z":                          "1795449158z",
		"17954491580":                          "17954491580",
		"1795449170:" + call + ":uuid_br:x":    "1795450170:" + renamed + ":uuid_br:x",
		"%3A" + call + "%3A":                   "%3A" + renamed + "%3A",
		"x" + call:                             "x" + call,
		call + "0":                             call + "0",
		core:                                   core,
		"065B7D42-F0F3-43EE-9941-4AEB4B7E5942": "065B7D42-F0F3-43EE-9941-4AEB4B7E5942",
		"%":                                    "%",
		"50%":                                  "50%",
	} {
		if got := string(w.text([]byte(in))); got != want {
			t.Errorf("%s becomes %s, want %s", in, got, want)
		}
	}
	w.restart = 1
	if got := string(w.text([]byte(core))); got == core {
		t.Error("a restart keeps the Core-UUID")
	}
	dates := []byte("Event-Name: X\nEvent-Date-Local: 2026-11-23%2015%3A52%3A38\nEvent-Date-GMT: Mon,%2023%20Nov%202026%2015%3A52%3A38%20GMT\n\n")
	if got, want := string(w.event(dates)), "Event-Name: X\nEvent-Date-Local: 2026-11-23%2016%3A09%3A18\nEvent-Date-GMT: Mon,%2023%20Nov%202026%2016%3A09%3A18%20GMT\n\n"; got != want {
		t.Errorf("dates become %q, want %q", got, want)
	}
}

// No event of a recording changes its length, and each stays readable.
func TestRewriteKeepsLengths(t *testing.T) {
	rec := open(t, "runA/plain.raw")
	w := newRewriter(rec)
	w.setShift(123_456_789_000_000)
	w.pass, w.restart = 3, 1
	m := newModel(emptySnapshot())
	for i, ev := range rec.Segments[0].Events {
		moved := w.event(bytes.Clone(ev.Plain))
		if len(moved) != len(ev.Plain) || bytes.Equal(moved, ev.Plain) {
			t.Fatalf("event %d of %d bytes becomes %d", i, len(ev.Plain), len(moved))
		}
		if err := m.apply(appendFrame(nil, "plain", moved)); err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
		if at, _ := m.event.Micros(); at != ev.At+w.shift {
			t.Fatalf("event %d is at %d, want %d", i, at, ev.At+w.shift)
		}
		if got := string(m.event.Get(es.KeyEventSequence)); got != header(ev.Plain, "Event-Sequence") {
			t.Fatalf("event %d has the sequence %s", i, got)
		}
	}
}
