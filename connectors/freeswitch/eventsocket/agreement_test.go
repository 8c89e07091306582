package eventsocket

import (
	"fmt"
	"testing"
)

// callCentreEvents lists the callcenter::info events of recordings as text: all
// headers with their values, by Event-Sequence.
func callCentreEvents(t *testing.T, names ...string) map[int64]string {
	t.Helper()
	events := make(map[int64]string)
	for _, name := range names {
		decodeAll(t, recording(t, name), func(f *Frame, e *Event) {
			if string(e.Get(KeyEventSubclass)) != "callcenter::info" {
				return
			}
			var all []string
			for n, v := range e.All() {
				all = append(all, fmt.Sprintf("%s: %q", n, v))
			}
			seq, ok := e.Int(KeyEventSequence)
			if !ok {
				t.Fatalf("%s: event at byte %d has no Event-Sequence", name, f.Offset)
			}
			for k := range Key(numKeys) {
				n := 0
				for v := range e.Values(k) {
					all = append(all, fmt.Sprintf("key %s: %q", k, v))
					n++
				}
				if n == 0 != (e.Get(k) == nil) {
					t.Fatalf("%s: event %d has %d values of %s, but Get says %q", name, seq, n, k, e.Get(k))
				}
			}
			events[seq] = fmt.Sprintf("%q body %q", all, e.Body())
		})
	}
	return events
}

// The same switch told two connections the same, one in plain form and one in
// JSON. The JSON connection was down for six seconds; what both saw must agree
// in every header, value and order.
func TestPlainAndJSONAgree(t *testing.T) {
	for _, run := range []struct {
		plain, json []string
		both        int // events that both connections saw
		unseen      int // that the JSON connection missed
	}{
		{[]string{"runA/plain.raw"}, []string{"runA/json.seg1.raw", "runA/json.seg2.raw"}, 1452, 18},
		{[]string{"runD-restart/plain.raw"}, []string{"runD-restart/json.raw"}, 50, 0},
		{[]string{"runD-restart/plain.seg2.raw"}, []string{"runD-restart/json.seg2.raw"}, 20, 0},
	} {
		t.Run(run.plain[0], func(t *testing.T) {
			plain, json := callCentreEvents(t, run.plain...), callCentreEvents(t, run.json...)
			both := 0
			for seq, want := range json {
				got, ok := plain[seq]
				if !ok {
					t.Errorf("event %d came in JSON alone: %s", seq, want)
					continue
				}
				both++
				if got != want {
					t.Errorf("event %d differs:\nplain %s\njson  %s", seq, got, want)
				}
			}
			if both != run.both || len(plain)-both != run.unseen {
				t.Errorf("%d events in both forms and %d in plain alone, want %d and %d", both, len(plain)-both, run.both, run.unseen)
			}
		})
	}
}
