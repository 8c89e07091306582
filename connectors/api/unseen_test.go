package api

import (
	"slices"
	"testing"
	"time"

	"tallyd/metrics"
)

// TestUnseen: who asks is told when a switch could not be seen, be that stored, on
// its way or of the present quarter hour, over its border as one span.
func TestUnseen(t *testing.T) {
	l := newLab(t, "fs1", "fs2")
	fs := l.switches[0]
	fs.ready("1001")
	l.switches[1].ready("1001")
	var want []Gap
	gap := func(ms metrics.Millis) {
		from := l.now
		fs.apply(metrics.Event{Kind: metrics.SwitchLost})
		l.pass(ms)
		fs.apply(metrics.Event{Kind: metrics.SwitchUp})
		want = append(want, Gap{"fs1", from, l.now})
		l.pass(60_000)
	}
	began := l.now
	gap(2_000)
	gap(metrics.IntervalLength)
	l.pass(metrics.IntervalLength)
	if err := l.intake.Flush(); err != nil {
		t.Fatal(err)
	}
	gap(3_000)
	ask := ContactQuery{From: began.Time().Add(-time.Hour), To: l.now.Time(), Unseen: true}
	for sw, want := range map[string][]Gap{"": want, "fs1": want, "fs2": nil} {
		ask.Switch = sw
		got, err := l.service.Contacts(t.Context(), ask)
		if err != nil || !slices.Equal(got.Unseen, want) {
			t.Errorf("switch %q: %+v, want %+v, error %v", sw, got.Unseen, want, err)
		}
	}
	ask.Unseen = false
	if got, err := l.service.Contacts(t.Context(), ask); err != nil || got.Unseen != nil {
		t.Errorf("unasked: %+v, error %v", got.Unseen, err)
	}
}
