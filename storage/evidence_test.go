package storage

import (
	"context"
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"tallyd/metrics"
)

// Whatever is put, and put again after a crash: each number counts once, the open
// visits are those of the latest seal, and spans come back as they were.
func TestEvidence(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		s, err := Open(context.Background(), Config{Dir: fmt.Sprintf("%s/%d", dir, n)})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		type key struct {
			i  metrics.Interval
			sw string
		}
		handed := map[string]uint64{}
		spans := map[key][]metrics.NamedSpan{}
		open := map[string][]metrics.Contact{}
		offered := map[key]int64{}
		for range rapid.IntRange(1, 12).Draw(t, "puts") {
			sw := rapid.SampledFrom([]string{"a", "b\x00"}).Draw(t, "switch")
			i := metrics.Interval(rapid.IntRange(0, 3).Draw(t, "interval"))
			x := &metrics.Sealed{Switch: sw, Interval: i, Correction: rapid.Bool().Draw(t, "correction"),
				Number: rapid.Uint64Range(max(handed[sw], 1)-min(handed[sw], 1), handed[sw]+1).Draw(t, "number")}
			for k := range rapid.IntRange(0, 3).Draw(t, "spans") {
				x.Spans = append(x.Spans, metrics.NamedSpan{Agent: fmt.Sprint("agent", k), State: metrics.Available, From: i.Start(), To: i.Start() + metrics.Millis(k)})
			}
			for k := range rapid.IntRange(0, 2).Draw(t, "open") {
				x.Open = append(x.Open, metrics.Contact{Switch: sw, Visit: fmt.Sprint(k), Joined: i.Start(), Open: true})
			}
			r := metrics.Rollup{Kind: metrics.QueueRow, Name: "q"}
			r.Values[metrics.Offered] = 1
			x.Rollups = []metrics.Rollup{r}
			if err := s.PutSealed(x); err != nil {
				t.Fatal(err)
			}
			if x.Number != 0 && x.Number <= handed[sw] {
				continue // stored already
			}
			handed[sw] = max(handed[sw], x.Number)
			offered[key{i, sw}]++
			spans[key{i, sw}] = append(spans[key{i, sw}], x.Spans...)
			if !x.Correction && x.Number != 0 {
				open[sw] = x.Open
			}
		}
		for sw, want := range handed {
			if got, err := s.Handed(sw); err != nil || got != want {
				t.Fatalf("the latest number of %q is %d, %v, want %d", sw, got, err, want)
			}
		}
		v, err := s.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		got := map[key][]metrics.NamedSpan{}
		for x, err := range v.Spans(context.Background(), 0, 9) {
			if err != nil {
				t.Fatal(err)
			}
			got[key{x.Interval, x.Switch}] = append(got[key{x.Interval, x.Switch}], x.Spans...)
		}
		for k, want := range spans {
			if len(want) > 0 && !reflect.DeepEqual(got[k], want) {
				t.Fatalf("%v: spans %v, want %v", k, got[k], want)
			}
		}
		all, err := v.Open(context.Background())
		if want := append(append([]metrics.Contact{}, open["a"]...), open["b\x00"]...); err != nil || len(all) != len(want) || len(want) > 0 && !reflect.DeepEqual(all, want) {
			t.Fatalf("open visits are %+v, %v, want %+v", all, err, want)
		}
		for k, want := range offered {
			sum, err := v.Sum(context.Background(), Query{From: k.i, To: k.i + 1, Switch: k.sw})
			if err != nil || len(sum) != 1 || sum[0].Get(metrics.Offered) != want {
				t.Fatalf("%v: %v, %v, want %d offered", k, sum, err, want)
			}
		}
	})
}
