package storage

import (
	"context"
	"testing"

	"tallyd/metrics"
)

// oversized is a put that needs more than one transaction.
func oversized(t testing.TB, s *Store, i metrics.Interval) []change {
	t.Helper()
	changes, err := s.changes(testSealed("fs1", i, 12_000))
	if err != nil {
		t.Fatal(err)
	}
	if s.commit(changes) == nil {
		t.Fatal("12,000 rollups fit into one transaction")
	}
	return changes
}

func rows(t testing.TB, s *Store) int {
	t.Helper()
	sums, err := s.Sum(context.Background(), Query{To: 100})
	if err != nil {
		t.Fatal(err)
	}
	return len(sums)
}

func TestOversized(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	for range 2 {
		if err := s.PutSealed(testSealed("fs1", 5, 12_000)); err != nil {
			t.Fatal(err)
		}
	}
	if n := rows(t, s); n != 12_000 {
		t.Errorf("%d rows", n)
	}
	sums, err := s.Sum(context.Background(), Query{To: 100, Names: []string{"agent-0007"}})
	if err != nil || len(sums) != 1 || sums[0].Get(metrics.Offered) != 12 {
		t.Errorf("sum of two puts is %+v, error %v", sums, err)
	}
	if n := countKeys(t, s, []byte{stagedKey}); n != 0 {
		t.Errorf("%d staged keys are left", n)
	}
}

// TestStageCut leaves the folder as a crash in each step of an oversized put
// does, and opens it again.
func TestStageCut(t *testing.T) {
	staged := func(changes []change) []change {
		out := make([]change, len(changes))
		for i, c := range changes {
			out[i] = change{append([]byte{stagedKey}, c.key...), append([]byte{stagedSet}, c.value...)}
		}
		return out
	}
	for _, cut := range []struct {
		name  string
		leave func(s *Store, c []change) error
		rows  int
	}{
		{"half staged", func(s *Store, c []change) error { return s.commitParts(staged(c[:len(c)/2])) }, 0},
		{"all staged, not marked", func(s *Store, c []change) error { return s.commitParts(staged(c)) }, 0},
		{"marked", func(s *Store, c []change) error {
			if err := s.commitParts(staged(c)); err != nil {
				return err
			}
			return s.setNumber(metaStaged, 1)
		}, 12_000},
		{"half applied", func(s *Store, c []change) error {
			if err := s.commitParts(staged(c)); err != nil {
				return err
			}
			if err := s.setNumber(metaStaged, 1); err != nil {
				return err
			}
			return s.commitParts(c[:len(c)/2])
		}, 12_000},
		{"half emptied", func(s *Store, c []change) error {
			if err := s.setNumber(metaStaged, 1); err != nil {
				return err
			}
			if err := s.commitParts(c); err != nil {
				return err
			}
			return s.commitParts(staged(c[len(c)/2:]))
		}, 12_000},
	} {
		t.Run(cut.name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, Config{Dir: dir})
			if err := cut.leave(s, oversized(t, s, 5)); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, Config{Dir: dir})
			if n := rows(t, s); n != cut.rows {
				t.Errorf("%d rows, want %d", n, cut.rows)
			}
			if n := countKeys(t, s, []byte{stagedKey}); n != 0 {
				t.Errorf("%d staged keys are left", n)
			}
			if _, marked, err := s.number(metaStaged); marked || err != nil {
				t.Errorf("marked %v, error %v", marked, err)
			}
		})
	}
}

// TestOversizedSeenWhole reads while an oversized interval is stored.
func TestOversizedSeenWhole(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	done := make(chan error)
	go func() { done <- s.PutSealed(testSealed("fs1", 5, 12_000)) }()
	for stored := false; !stored; {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			stored = true
		default:
		}
		if n := rows(t, s); n != 0 && n != 12_000 || stored && n == 0 {
			t.Fatalf("%d rows are seen", n)
		}
	}
}
