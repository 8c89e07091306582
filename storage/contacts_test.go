package storage

import (
	"context"
	"slices"
	"testing"

	"tallyd/metrics"
)

// A contact that a program of format 2 stored is found and replaced, and from then
// on found by leg and number too.
func TestContactsOfFormat2(t *testing.T) {
	ctx := context.Background()
	s, err := Open(ctx, Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := metrics.Contact{Switch: "fs1", Visit: "v", Leg: "c", Queue: "q", Agent: "ann", Outcome: metrics.Answered,
		Joined: 1000, Answered: 1500, Ended: 2000, Hash: [16]byte{1}}
	id := identityRecord(&c)
	old := placeOf(&c)
	old.leg, old.caller = "", [16]byte{}
	value, err := c.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	var changes []change
	for _, k := range old.keys(id[1:]) {
		v := []byte{}
		if k[0] == contactKey {
			v = value
		}
		changes = append(changes, change{k, v})
	}
	changes = append(changes, change{id, appendText(appendText(appendNumber(nil, int64(old.ended)), old.queue), old.agent)})
	if err := s.commit(changes); err != nil {
		t.Fatal(err)
	}
	find := func() (byAgent, byCaller, steps int) {
		for _, q := range []ContactQuery{{Agent: "ann"}, {Caller: c.Hash}} {
			for _, err := range s.Contacts(ctx, q) {
				if err != nil {
					t.Fatal(err)
				}
				if q.Agent != "" {
					byAgent++
				} else {
					byCaller++
				}
			}
		}
		v, err := s.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		p := v.Paths()
		defer p.Close()
		list, err := p.Of("fs1", "c")
		if err != nil {
			t.Fatal(err)
		}
		return byAgent, byCaller, len(list)
	}
	if a, n, l := find(); a != 1 || n != 0 || l != 0 {
		t.Errorf("as stored: %d by agent, %d by caller, %d by leg", a, n, l)
	}
	c.Ended = 2500
	if err := s.PutSealed(&metrics.Sealed{Switch: "fs1", Interval: 1, Contacts: []metrics.Contact{c}}); err != nil {
		t.Fatal(err)
	}
	if a, n, l := find(); a != 1 || n != 1 || l != 1 {
		t.Errorf("replaced: %d by agent, %d by caller, %d by leg", a, n, l)
	}
}

// A call and a visit under one id, begun in the same millisecond, are two.
func TestCallBesideVisit(t *testing.T) {
	ctx := context.Background()
	s, err := Open(ctx, Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	visit := metrics.Contact{Switch: "fs1", Visit: "7f", Leg: "7f", Queue: "q", Outcome: metrics.Abandoned, Joined: 1000, Ended: 2000}
	call := metrics.Contact{Kind: metrics.CallContact, Way: metrics.Outgoing, Switch: "fs1", Visit: "7f", Leg: "7f", Agent: "ann", Outcome: metrics.Unanswered, Joined: 1000, Ended: 2000}
	if err := s.PutSealed(&metrics.Sealed{Switch: "fs1", Interval: 1, Contacts: []metrics.Contact{visit, call}}); err != nil {
		t.Fatal(err)
	}
	for kind, want := range []metrics.Outcome{metrics.Abandoned, metrics.Unanswered} {
		var got []metrics.Outcome
		for c, err := range s.Contacts(ctx, ContactQuery{Kind: metrics.ContactKind(kind)}) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, c.Outcome)
		}
		if !slices.Equal(got, []metrics.Outcome{want}) {
			t.Errorf("kind %d: %v, want %v", kind, got, want)
		}
	}
	if n, err := s.Retain(ctx, 0, 3000); err != nil || n != 2 {
		t.Errorf("retention deleted %d contacts: %v", n, err)
	}
	left := 0
	v, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	for _, kind := range []byte{contactKey, byAgentKey, byQueueKey, byLegKey, byCallerKey, identityKey} {
		for range keysOf(v, kind) {
			left++
		}
	}
	if left != 0 {
		t.Errorf("%d keys of contacts are left", left)
	}
}

func keysOf(v *Snapshot, kind byte) (keys [][]byte) {
	it := iterate(v.txn, []byte{kind})
	defer it.Close()
	for it.Seek([]byte{kind}); it.Valid(); it.Next() {
		keys = append(keys, it.Item().KeyCopy())
	}
	return keys
}
