package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

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
	if left, err := s.interrupted(); left || err != nil {
		t.Errorf("an interrupted write is left, %v", err)
	}
}

// writeStagedFile does step 1.
func writeStagedFile(s *Store, number int64, c []change) error {
	return writeWhole(s.stagedName(), func(out io.Writer) error { return writeStaged(out, number, c) })
}

// TestStageCut leaves the folder as a crash in each step of an oversized put does,
// and opens it again.
func TestStageCut(t *testing.T) {
	half := func(c []change) []change { return c[:len(c)/2] }
	for _, cut := range []struct {
		name  string
		leave func(s *Store, c []change) error
		rows  int
	}{
		{"half written", func(s *Store, c []change) error {
			if err := writeStagedFile(s, 1, half(c)); err != nil {
				return err
			}
			return os.Rename(s.stagedName(), filepath.Join(s.cfg.Dir, "new-123"))
		}, 0},
		{"written", func(s *Store, c []change) error { return writeStagedFile(s, 1, c) }, 12_000},
		{"half applied", func(s *Store, c []change) error {
			return errors.Join(writeStagedFile(s, 1, c), s.commitParts(half(c)))
		}, 12_000},
		{"all applied", func(s *Store, c []change) error {
			return errors.Join(writeStagedFile(s, 1, c), s.commitParts(c))
		}, 12_000},
		{"noted", func(s *Store, c []change) error {
			return errors.Join(writeStagedFile(s, 1, c), s.commitParts(c), s.setNumber(metaApplied, 1))
		}, 12_000},
		{"it came back, and what was in it was deleted since", func(s *Store, c []change) error {
			return errors.Join(writeStagedFile(s, 1, c), s.setNumber(metaApplied, 1))
		}, 0},
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
			if cut.name != "half written" {
				if _, err := Open(t.Context(), Config{Dir: dir, ReadOnly: true}); err == nil || !strings.Contains(err.Error(), "in the middle of a write") {
					t.Errorf("read only: error is %v", err)
				}
			}
			s = open(t, Config{Dir: dir})
			if n := rows(t, s); n != cut.rows {
				t.Errorf("%d rows, want %d", n, cut.rows)
			}
			if left, err := s.interrupted(); left || err != nil {
				t.Errorf("an interrupted write is left, %v", err)
			}
			if left, err := filepath.Glob(filepath.Join(dir, unfinished)); len(left) > 0 || err != nil {
				t.Errorf("%v is left, %v", left, err)
			}
			if err := s.PutSealed(testSealed("fs1", 6, 12_000)); err != nil {
				t.Fatal(err)
			}
			sums, err := s.Sum(context.Background(), Query{From: 6, To: 7})
			if err != nil || len(sums) != 12_000 {
				t.Errorf("the next put has %d rows, %v", len(sums), err)
			}
		})
	}
}

// TestStageDamaged: a staged file that is not as it was written is set aside, and
// told; the folder opens.
func TestStageDamaged(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Config{Dir: dir})
	changes := oversized(t, s, 5)
	if err := errors.Join(writeStagedFile(s, 1, changes), s.Close()); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(dir, stagedFile))
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{"nothing": {}, "cut off": whole[:len(whole)-1], "a bit": flipped(whole, len(whole)/3), "the number": flipped(whole, len(stagedMagic)+7)} {
		if err := os.WriteFile(filepath.Join(dir, stagedFile), bad, 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, Config{Dir: dir})
		if n := rows(t, s); n != 0 {
			t.Errorf("%s: %d rows", name, n)
		}
		if left, err := s.interrupted(); left || err != nil {
			t.Errorf("%s: an interrupted write is left, %v", name, err)
		}
		problems := s.Damage()
		if len(problems) == 0 || !strings.Contains(fmt.Sprint(problems), "one write shortly before the folder was last left") {
			t.Errorf("%s: the problems are %v", name, problems)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		kept, err := filepath.Glob(filepath.Join(dir, damagedFolder, "staged*"))
		if err != nil || len(kept) == 0 {
			t.Errorf("%s: %v is kept, %v", name, kept, err)
		}
	}
}

func flipped(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

// TestStagedRoundTrip: what is written of changes is read as it was.
func TestStagedRoundTrip(t *testing.T) {
	name := filepath.Join(t.TempDir(), "staged")
	rapid.Check(t, func(t *rapid.T) {
		var changes []change
		for range rapid.IntRange(0, 20).Draw(t, "changes") {
			c := change{key: rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "key")}
			if !rapid.Bool().Draw(t, "deleted") {
				c.value = append([]byte{}, rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "value")...)
			}
			changes = append(changes, c)
		}
		number := rapid.Int64Min(0).Draw(t, "number")
		if err := writeWhole(name, func(out io.Writer) error { return writeStaged(out, number, changes) }); err != nil {
			t.Fatal(err)
		}
		n, got, err := readStaged(name)
		if err != nil || n != number || !reflect.DeepEqual(got, changes) {
			t.Fatalf("%d %v, %v", n, got, err)
		}
	})
}

// TestStageCutByOlder leaves the folder as a crash in each step of an oversized put
// of a program of format 6 did, and opens it.
func TestStageCutByOlder(t *testing.T) {
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
