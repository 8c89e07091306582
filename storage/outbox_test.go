package storage

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tallyd/metrics"
)

// told is everything that the outbox tells of from a number on, item by item.
func told(t testing.TB, s *Store, above uint64) (out []string) {
	t.Helper()
	v, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	for item, err := range v.Outbox(context.Background(), above) {
		if err != nil {
			t.Fatal(err)
		}
		line := fmt.Sprintf("%d: %s %d.%d %v", item.Number, item.Switch, item.Interval, item.Revision, item.Correction)
		for r, err := range v.ItemRollups(context.Background(), &item) {
			if err != nil {
				t.Fatal(err)
			}
			line += fmt.Sprintf(" %s/%s/%s=%d", r.Kind, r.Name, r.Second, r.Values[metrics.Offered])
		}
		for n := range item.Contacts() {
			c, there, err := v.ItemContact(&item, n)
			if err != nil {
				t.Fatal(err)
			}
			if there {
				line += fmt.Sprintf(" %s@%d", c.Visit, c.Ended)
			}
		}
		out = append(out, line)
	}
	return out
}

func outboxPut(sw string, i metrics.Interval, correction bool, offered int64, contacts ...metrics.Contact) *metrics.Sealed {
	s := &metrics.Sealed{Switch: sw, Interval: i, Correction: correction, Contacts: contacts}
	for _, name := range []string{"sales", "support"} {
		r := metrics.Rollup{Kind: metrics.QueueRow, Name: name}
		r.Values[metrics.Offered] = offered
		s.Rollups = append(s.Rollups, r)
	}
	return s
}

// TestOutbox: what was put comes out in its order, with nothing of its
// neighbours, until it is delivered; a contact that is told again is told once.
func TestOutbox(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Config{Dir: dir})
	contact := func(id string, ended metrics.Millis) metrics.Contact {
		return metrics.Contact{Switch: "fs1", Visit: id, Queue: "support", Joined: 100, Ended: ended, Outcome: metrics.Answered}
	}
	for _, p := range []*metrics.Sealed{
		outboxPut("fs1", 7, false, 1, contact("a", 200), contact("b", 300)),
		outboxPut("fs2", 7, false, 2),
		outboxPut("fs1", 8, false, 3),
		outboxPut("fs1", 7, true, 4, contact("b", 900)),
	} {
		if err := s.PutSealed(p); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"1: fs1 7.0 false queue/sales/=1 queue/support/=1 a@200",
		"2: fs2 7.0 false queue/sales/=2 queue/support/=2",
		"3: fs1 8.0 false queue/sales/=3 queue/support/=3",
		"4: fs1 7.1 true queue/sales/=4 queue/support/=4 b@900",
	}
	check := func(s *Store, above uint64, want []string) {
		t.Helper()
		if got := told(t, s, above); !slices.Equal(got, want) {
			t.Errorf("above %d the outbox tells\n%q, want\n%q", above, got, want)
		}
	}
	check(s, 0, want)
	check(s, 2, want[2:])
	check(s, 4, nil)
	if err := s.Delivered(2); err != nil {
		t.Fatal(err)
	}
	check(s, 0, want[2:])
	if err := s.Delivered(100); err != nil { // the newest stays: numbers go on
		t.Fatal(err)
	}
	check(s, 0, want[3:])
	first, err := s.Lineage()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, Config{Dir: dir})
	if again, err := s.Lineage(); err != nil || again != first {
		t.Errorf("the lineage is %q after a restart, was %q (%v)", again, first, err)
	}
	if err := s.PutSealed(outboxPut("fs1", 9, false, 5)); err != nil {
		t.Fatal(err)
	}
	check(s, 4, []string{"5: fs1 9.0 false queue/sales/=5 queue/support/=5"})

	// Retention takes what is not delivered, too.
	if _, err := s.Retain(context.Background(), 8, 1000); err != nil {
		t.Fatal(err)
	}
	check(s, 0, []string{"4: fs1 7.1 true", "5: fs1 9.0 false queue/sales/=5 queue/support/=5"})

	file, _ := backUp(t, s)
	restored := t.TempDir() + "/restored"
	if _, _, err := Restore(t.Context(), file, restored, quiet); err != nil {
		t.Fatal(err)
	}
	r := open(t, Config{Dir: restored})
	if other, err := r.Lineage(); err != nil || other == first {
		t.Errorf("the restored folder's lineage is %q as before (%v)", other, err)
	}
	check(r, 4, []string{"5: fs1 9.0 false queue/sales/=5 queue/support/=5"})
}

// TestOutboxProperties: whatever was put, oversized or known or again after an
// orderly restart, the outbox tells each once, and all of it adds up to the store.
func TestOutboxProperties(t *testing.T) {
	root, folders := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		folders++
		dir := fmt.Sprintf("%s/%d", root, folders)
		s, err := Open(context.Background(), Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		puts := 0
		sums := map[metrics.Key]int64{}
		read, above := map[metrics.Key]int64{}, uint64(0)
		items := 0
		look := func() {
			v, err := s.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			defer v.Close()
			for item, err := range v.Outbox(context.Background(), above) {
				if err != nil || item.Number != above+1 {
					t.Fatalf("item %d follows %d: %v", item.Number, above, err)
				}
				above = item.Number
				items++
				for r, err := range v.ItemRollups(context.Background(), &item) {
					if err != nil {
						t.Fatal(err)
					}
					read[r.Key()] += r.Values[metrics.Offered]
				}
			}
		}
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0:
				look()
			case 1:
				if err := s.Delivered(above); err != nil {
					t.Fatal(err)
				}
			case 2:
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				if s, err = Open(context.Background(), Config{Dir: dir}); err != nil {
					t.Fatal(err)
				}
			default:
				rows := 1 + r.IntN(3)
				if r.IntN(3) == 0 {
					rows = 4000 // oversized
				}
				p := testSealed([]string{"fs1", "fs2"}[r.IntN(2)], metrics.Interval(r.IntN(3)), rows)
				p.Contacts = nil
				for i := range p.Rollups {
					p.Rollups[i].Values[metrics.Offered] = 1 + int64(r.IntN(9))
					sums[p.Rollups[i].Key()] += p.Rollups[i].Values[metrics.Offered]
				}
				if err := s.PutSealed(p); err != nil {
					t.Fatal(err)
				}
				puts++
			}
		}
		look()
		if items != puts || !reflect.DeepEqual(read, sums) {
			t.Fatalf("%d items of %d, %d rows of %d", items, puts, len(read), len(sums))
		}
	})
}
