package storage

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"tallyd/metrics"
)

// crashedFolder is a folder as kill -9 leaves it after some intervals were
// stored, with its log and where the log's commits end.
func crashedFolder(t *testing.T, intervals metrics.Interval) (dir, log string, ends []int) {
	t.Helper()
	live := t.TempDir()
	s := open(t, Config{Dir: live})
	logOf := func(dir string) string {
		logs, err := filepath.Glob(filepath.Join(dir, "*.mem"))
		if err != nil || len(logs) != 1 {
			t.Fatalf("logs: %q, %v", logs, err)
		}
		return logs[0]
	}
	for i := range intervals {
		if err := s.PutSealed(smallSealed(recently + i)); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(logOf(live))
		if err != nil {
			t.Fatal(err)
		}
		l := readLog(b)
		if l.lost != 0 || len(bytes.TrimRight(b[l.end:], "\x00")) != 0 {
			t.Fatalf("a sound log reads %+v", l)
		}
		ends = append(ends, l.end)
	}
	dir = copyFolder(t, live)
	return dir, logOf(dir), ends
}

// present tells which of the intervals are there; each is as it was stored or
// not there at all.
func present(t *testing.T, s *Store, intervals metrics.Interval) (list []bool) {
	t.Helper()
	for i := range intervals {
		rows, contacts := 0, 0
		for r, err := range s.Rollups(t.Context(), Query{From: recently + i, To: recently + i + 1}) {
			if err != nil || r.Get(metrics.Offered) != int64(recently+i)+1 {
				t.Fatalf("interval %d: %v, %v", i, r.Get(metrics.Offered), err)
			}
			rows++
		}
		for _, err := range s.Contacts(t.Context(), ContactQuery{From: (recently + i).Start(), To: (recently + i).End()}) {
			if err != nil {
				t.Fatal(err)
			}
			contacts++
		}
		if want := smallSealed(recently + i); rows != 0 && (rows != len(want.Rollups) || contacts != len(want.Contacts)) || rows == 0 && contacts != 0 {
			t.Fatalf("interval %d has %d rollups, %d contacts", i, rows, contacts)
		}
		list = append(list, rows != 0)
	}
	return list
}

// TestLogTail: whatever follows the last commit in the log, as a crash in the
// middle of a write leaves it, all that was acknowledged is there.
func TestLogTail(t *testing.T) {
	sound, log, ends := crashedFolder(t, 5)
	random := rand.New(rand.NewPCG(3, 4))
	wantFault(t, Config{Dir: sound, ReadOnly: true}, `folder "`+sound+`" was not closed in order: open it once for writing`)
	whole, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	half := (ends[3] + ends[4]) / 2
	for name, tail := range map[string]func(b []byte) []byte{
		"garbage": func(b []byte) []byte {
			for i := range 3000 {
				b[ends[4]+i] = byte(random.Uint32())
			}
			return b
		},
		"an entry that is too long": func(b []byte) []byte {
			copy(b[ends[4]:], []byte{entryInCommit, 0, 20, 0xff, 0xff, 0xff, 0xff, 0x0f, 0})
			return b
		},
		// A commit is written again, and cut off in the middle.
		"half a commit": func(b []byte) []byte {
			copy(b[ends[4]:], b[ends[3]:half])
			return b
		},
		"file cut at the end": func(b []byte) []byte { return b[:ends[4]] },
	} {
		t.Run(name, func(t *testing.T) {
			dir := copyFolder(t, sound)
			if err := os.WriteFile(filepath.Join(dir, filepath.Base(log)), tail(bytes.Clone(whole)), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, made := range []string{"00099.mem", "000099.vlog"} { // and not written to yet
				if err := os.WriteFile(filepath.Join(dir, made), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			s := open(t, Config{Dir: dir})
			if got := present(t, s, 5); fmt.Sprint(got) != "[true true true true true]" {
				t.Errorf("of what was acknowledged there is %v", got)
			}
			if d := s.Damage(); len(d) != 0 {
				t.Errorf("damage: %q", d)
			}
		})
	}
}

// TestDamagedLog changes a byte of what was acknowledged: that write is lost,
// which is said, and those that followed it are not.
func TestDamagedLog(t *testing.T) {
	sound, log, ends := crashedFolder(t, 5)
	random := rand.New(rand.NewPCG(5, 6))
	for n := range 15 {
		hit := n % 5
		begin := logHeader
		if hit > 0 {
			begin = ends[hit-1]
		}
		at := begin + random.IntN(ends[hit]-begin)
		if n < 5 {
			at = ends[hit] - 1 // the checksum of the commit's end
		}
		t.Run(fmt.Sprintf("write %d at %d", hit, at), func(t *testing.T) {
			dir := copyFolder(t, sound)
			flip(t, filepath.Join(dir, filepath.Base(log)), int64(at))
			s := open(t, Config{Dir: dir})
			for range 2 {
				got := present(t, s, 5)
				lost := 0
				for i := range got {
					if !got[i] {
						lost++
						// Where a commit's end is damaged, the next one is taken for a part of it.
						if i != hit && i != hit+1 {
							t.Errorf("write %d is lost", i)
						}
					}
				}
				last := hit == 4 && !got[4]
				if lost > 0 && len(s.Damage()) == 0 && !last {
					t.Errorf("there is %v, and nothing is said", got)
				}
				if lost > 1 && at != ends[hit]-1 {
					t.Errorf("there is %v", got)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s = open(t, Config{Dir: dir})
			}
			if err := s.PutSealed(smallSealed(recently + 9)); err != nil {
				t.Fatal(err)
			}
		})
	}
}
