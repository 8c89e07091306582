package metrics

import (
	"bytes"
	"slices"
	"testing"
)

// Spans read as they were written, to bytes that are the same; damaged ones are
// refused and never a panic.
func FuzzSpans(f *testing.F) {
	i := IntervalOf(1795449167837)
	at := i.Start()
	f.Add(AppendSpans(nil, i, []NamedSpan{
		{Agent: "a", State: Available, From: at, To: at + 900_000},
		{Agent: "b", State: PausedState, Reason: "lunch", From: at + 5, To: at + 6, Shared: true},
		{Agent: "b", State: PausedState, Queue: "q", Mark: InQueue | PauseBegun, From: at + 5, To: at + 5},
		{Queue: "q", From: at, To: at + 1},
	}))
	f.Fuzz(func(t *testing.T, b []byte) {
		spans, err := ParseSpans(b, i)
		if err != nil {
			return
		}
		w := AppendSpans(nil, i, spans)
		again, err := ParseSpans(w, i)
		if err != nil || !slices.Equal(spans, again) {
			t.Fatalf("%x\nreads as    %+v\nwritten as %x\nreads as    %+v, %v", b, spans, w, again, err)
		}
		if !bytes.Equal(w, AppendSpans(nil, i, again)) {
			t.Fatal("the same spans have other bytes")
		}
	})
}
