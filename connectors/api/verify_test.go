package api

import (
	"context"
	"strings"
	"testing"

	"tallyd/metrics"
)

// A store in which anything was changed afterwards is found out, and where; one in
// which nothing was is not.
func TestVerify(t *testing.T) {
	l := newLab(t, "fs1")
	fs := l.switches[0]
	fs.ready("1001")
	v := fs.join("support")
	fs.offer(v, "1001")
	l.pass(4000)
	fs.connect(v, "1001")
	l.pass(60_000)
	fs.apply(metrics.Event{Kind: metrics.Disconnected, Visit: v, Agent: fs.agent("1001"), By: metrics.Self, LegGone: true})
	fs.apply(metrics.Event{Kind: metrics.VisitLeft, Visit: v, Outcome: metrics.Answered, LegGone: true})
	fs.join("sales") // waits on
	l.pass(3 * metrics.IntervalLength)
	if err := l.intake.Flush(); err != nil {
		t.Fatal(err)
	}
	check := func() *Verification {
		t.Helper()
		x, err := Verify(context.Background(), l.store, 0, 1<<40, nil)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	if x := check(); x.Different != 0 || x.Intervals < 2 || x.Rollups < 4 || x.Contacts != 1 || x.Spans == 0 || x.Skipped != 0 {
		t.Fatalf("nothing was changed, and yet: %+v", x)
	}
	in := metrics.IntervalOf(l.now) - 2
	more := metrics.Rollup{Kind: metrics.QueueRow, Name: "support"}
	more.Values[metrics.Offered] = 1
	if err := l.store.PutSealed(&metrics.Sealed{Switch: "fs1", Interval: in, Correction: true, Number: 1000, Rollups: []metrics.Rollup{more}}); err != nil {
		t.Fatal(err)
	}
	if x := check(); x.Different != 1 || !strings.Contains(x.Differences[0].String(), `queue "support": offered is `) {
		t.Errorf("a caller too many: %+v", x.Differences)
	}
	// What was stored without evidence cannot be counted again, and is not called wrong.
	if err := l.store.PutSealed(&metrics.Sealed{Switch: "fs1", Interval: in, Correction: true, Rollups: []metrics.Rollup{more}}); err != nil {
		t.Fatal(err)
	}
	if x := check(); x.Different != 0 || x.Skipped != 1 {
		t.Errorf("without evidence: %+v", x)
	}
}
