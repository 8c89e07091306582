package asterisk

import (
	"testing"

	"tallyd/metrics"
)

// A login that passes to somebody else in mid-shift: what was counted until then
// is the one's, what comes after the other's, and nothing is lost or counted
// twice; a daemon that dies in between counts the same.
func TestRename(t *testing.T) {
	const login = "PJSIP/1001"
	folder := "testdata/lab22"
	events := recordedEvents(t, folder)
	plain := newReplayed()
	for n, e := range events {
		plain.translator.Event(e, int64(n))
	}
	plain.finish()
	whole := plain.sum[metrics.Key{Kind: metrics.AgentRow, Name: login}]
	if whole == nil || whole.Get(metrics.AnsweredCount) < 5 {
		t.Fatalf("%s did too little: %+v", login, whole)
	}
	for _, part := range []int{3, 2} {
		l := &lived{}
		l.begin(t, nil)
		for n, e := range events {
			if n == len(events)*part/5 || n%100 == 0 && l.translator.renaming {
				l.rename(map[string]string{login: "ann"}, l.translator.last)
			}
			if n == len(events)*4/5 {
				l.rest()
				l.begin(t, l.journal)
			}
			l.translator.Event(e, int64(n))
		}
		l.tracker.Close()
		sum := map[string]*metrics.Rollup{}
		for rest := l.sealed; len(rest) > 0; rest = rest[1:] {
			for i := range rest[0].Rollups {
				r := rest[0].Rollups[i]
				if o := sum[r.Kind.String()+r.Name]; r.Kind == metrics.AgentRow && o != nil {
					o.Merge(&r)
				} else if r.Kind == metrics.AgentRow {
					sum[r.Kind.String()+r.Name] = &r
				}
			}
		}
		before, after := sum["agent"+login], sum["agentann"]
		if before == nil || after == nil {
			t.Fatalf("one of the two did nothing: %v, %v", before, after)
		}
		for _, c := range []metrics.Counter{metrics.AnsweredCount, metrics.Offers, metrics.Talk, metrics.Hold, metrics.LoggedInTime, metrics.MissedCount,
			metrics.RejectedCount, metrics.CancelledCount, metrics.TalkingTime, metrics.RingingTime, metrics.PausedTime, metrics.AvailableTime} {
			if got := before.Get(c) + after.Get(c); got != whole.Get(c) {
				t.Errorf("%v: %d before and %d after come to %d, want %d", c, before.Get(c), after.Get(c), got, whole.Get(c))
			}
		}
		if before.Get(metrics.LoggedInTime) == 0 || after.Get(metrics.LoggedInTime) == 0 {
			t.Errorf("one of the two was never there: %v, %v", before.Values, after.Values)
		}
	}
}
