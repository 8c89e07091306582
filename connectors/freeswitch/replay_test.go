package freeswitch

import (
	"reflect"
	"testing"

	"tallyd/metrics"
)

// TestPlainAndJSONAgree: one run, recorded by two connections, one of which was
// away for six seconds. What both saw must be the same to the millisecond.
func TestPlainAndJSONAgree(t *testing.T) {
	plain := replayFiles(t, "testdata/runA/plain.raw")
	json := replayFiles(t, "testdata/runA/json.seg1.raw", "testdata/runA/json.seg2.raw")
	conserved(t, json)
	if got := json.tracker.Unobserved(); got < 5_000 || got > 8_000 {
		t.Errorf("unobserved for %d ms, the connection was away for about 6 s", got)
	}
	type key struct {
		leg, queue string
		n          int
	}
	index := func(r *replayed) map[key]*metrics.Contact {
		m := map[key]*metrics.Contact{}
		for i := range r.contacts {
			k := key{r.contacts[i].Leg, r.contacts[i].Queue, 0}
			for m[k] != nil {
				k.n++
			}
			m[k] = &r.contacts[i]
		}
		return m
	}
	p, j := index(plain), index(json)
	if len(p) != len(j) {
		t.Errorf("plain saw %d visits, JSON %d", len(p), len(j))
	}
	differ := 0
	for k, a := range p {
		b := j[k]
		if b == nil {
			t.Errorf("visit %v (%v) is missing in JSON", k, a.Outcome)
			continue
		}
		if a.Outcome != b.Outcome || a.Agent != b.Agent {
			t.Errorf("visit %v: plain %v by %q, JSON %v by %q", k, a.Outcome, a.Agent, b.Outcome, b.Agent)
		}
		c := *b
		c.Offset = a.Offset
		if !reflect.DeepEqual(*a, c) {
			differ++
			if !b.Partial && !b.Unseen && a.Joined > 1795449416_000 {
				t.Errorf("visit %v began after the gap, but differs:\n%+v\n%+v", k, *a, c)
			}
		}
	}
	t.Logf("%d of %d visits were touched by the gap", differ, len(p))
}
