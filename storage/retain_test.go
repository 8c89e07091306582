package storage

import (
	"context"
	"testing"

	"tallyd/metrics"
)

func TestRetain(t *testing.T) {
	ctx := context.Background()
	s := open(t, Config{Dir: t.TempDir()})
	for i := range metrics.Interval(20) {
		if err := s.PutSealed(victimSealed(i)); err != nil {
			t.Fatal(err)
		}
	}
	deleted, err := s.Retain(ctx, 8, metrics.Interval(10).Start())
	if err != nil {
		t.Fatal(err)
	}
	// Intervals 0 to 7 with an oversized one among them, and ten times 40 contacts.
	if want := 7*300 + 12_000 + 10*40; deleted != want {
		t.Errorf("%d were deleted, want %d", deleted, want)
	}
	seals := collectAll(t, s.Seals(ctx, 0, 100))
	if len(seals) != 12 || seals[0].Interval != 8 {
		t.Errorf("%d seals are left, the first is %+v", len(seals), seals[0])
	}
	contacts := collectAll(t, s.Contacts(ctx, ContactQuery{}))
	if len(contacts) != 10*40 || contacts[0].Ended != metrics.Interval(10).Start() {
		t.Errorf("%d contacts are left, the first is %+v", len(contacts), contacts[0])
	}
	for kind, want := range map[byte]int{contactKey: 400, byAgentKey: 400, byQueueKey: 400, byCallerKey: 300, identityKey: 400, sealKey: 12} {
		if n := countKeys(t, s, []byte{kind}); n != want {
			t.Errorf("%d keys of kind %q are left, want %d", n, kind, want)
		}
	}
	if n, err := s.Retain(ctx, 3, 5); n != 0 || err != nil {
		t.Errorf("an earlier limit deleted %d, error %v", n, err)
	}
}

// TestRetainCut: a retention that is interrupted shows no interval in part.
func TestRetainCut(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	for i := range metrics.Interval(4) {
		if err := s.PutSealed(testSealed("fs1", i, 3000)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Retain(ctx, 2, 0); err == nil {
		t.Fatal("a cancelled retention has no error")
	}
	count := map[metrics.Interval]int{}
	for _, r := range collectAll(t, s.Rollups(context.Background(), Query{To: 100})) {
		count[r.Interval]++
	}
	if len(count) != 2 || count[2] != 3000 || count[3] != 3000 {
		t.Errorf("rows by interval: %v", count)
	}
	if n, err := s.Retain(context.Background(), 2, 0); n != 6000 || err != nil {
		t.Errorf("the next one deleted %d, error %v", n, err)
	}
}

// TestRetainGivesSpaceBack keeps the last few of many intervals: what is on the
// disk stays bounded.
func TestRetainGivesSpaceBack(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	peak, written := int64(0), int64(0)
	for i := range metrics.Interval(900) {
		sealed := testSealed("fs1", i, 1000)
		if i == 0 {
			for n := range sealed.Rollups {
				b, _ := sealed.Rollups[n].AppendBinary(nil)
				written += 900 * int64(len(b))
			}
		}
		if err := s.PutSealed(sealed); err != nil {
			t.Fatal(err)
		}
		if i%20 == 19 {
			if _, err := s.Retain(context.Background(), i-40, 0); err != nil {
				t.Fatal(err)
			}
			lsm, vlog := s.Size()
			peak = max(peak, lsm+vlog)
		}
	}
	t.Logf("%d MB written, at most %d MB on the disk", written>>20, peak>>20)
	if peak > written*2/3 || peak > 250<<20 {
		t.Errorf("%d MB were on the disk", peak>>20)
	}
}

func collectAll[T any](t testing.TB, seq func(func(T, error) bool)) []T {
	t.Helper()
	var out []T
	for v, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}
