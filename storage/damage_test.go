package storage

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/table"

	"tallyd/metrics"
)

// recently is an interval some days ago: when a table file was written tells
// what can be in it.
var recently = func() metrics.Interval {
	const name = "TALLYD_TEST_RECENTLY" // the same for every process that this one starts
	if i, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return metrics.Interval(i)
	}
	i := metrics.IntervalOf(metrics.MillisOf(time.Now())) - 500
	os.Setenv(name, fmt.Sprint(i))
	return i
}()

// later is an interval beyond all that a file of today can hold.
var later = recently + 1000

// smallFolder is a folder, closed in order, with intervals of a few blocks each.
func smallFolder(t *testing.T, intervals metrics.Interval) string {
	t.Helper()
	dir := t.TempDir()
	s := open(t, Config{Dir: dir})
	for i := range intervals {
		if err := s.PutSealed(smallSealed(recently + i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func smallSealed(i metrics.Interval) *metrics.Sealed {
	s := testSealed("fs1", i, 20)
	for c := range 10 {
		s.Contacts = append(s.Contacts, metrics.Contact{
			Switch: "fs1", Visit: fmt.Sprintf("%d-%d", i, c), Queue: "support", Agent: fmt.Sprintf("agent-%04d", c),
			Outcome: metrics.Answered, Joined: i.Start(), Answered: i.Start() + 1, Ended: i.Start() + metrics.Millis(c),
		})
	}
	return s
}

// outcome is what reading one interval gives: "rollups/contacts by time, agent,
// queue/seals", each the hash of what was read, or "damaged".
func outcome(s *Store, i metrics.Interval) (string, error) {
	ctx := context.Background()
	var parts []string
	type binary interface {
		AppendBinary([]byte) ([]byte, error)
	}
	part := func(read func(h func(binary)) error) error {
		h := sha256.New()
		err := read(func(v binary) {
			b, err := v.AppendBinary(nil)
			if err != nil {
				panic(err)
			}
			h.Write(b)
		})
		switch {
		case errors.Is(err, ErrDamaged):
			parts = append(parts, "damaged")
		case err != nil:
			return err
		default:
			parts = append(parts, fmt.Sprintf("%x", h.Sum(nil)[:6]))
		}
		return nil
	}
	err := part(func(h func(binary)) error {
		for r, err := range s.Rollups(ctx, Query{From: i, To: i + 1}) {
			if err != nil {
				return err
			}
			h(&r)
		}
		return nil
	})
	from, to := i.Start(), i.End()
	for _, q := range []ContactQuery{{From: from, To: to}, {From: from, To: to, Agent: "agent-0000"}, {From: from, To: to, Queues: []string{"support"}}} {
		err = errors.Join(err, part(func(h func(binary)) error {
			for c, err := range s.Contacts(ctx, q) {
				if err != nil {
					return err
				}
				h(&c)
			}
			return nil
		}))
	}
	err = errors.Join(err, part(func(h func(binary)) error {
		for seal, err := range s.Seals(ctx, i, i+1) {
			if err != nil {
				return err
			}
			h(encodedSeal(seal.appendBinary()))
		}
		return nil
	}))
	return strings.Join(parts, " "), err
}

type encodedSeal []byte

func (s encodedSeal) AppendBinary(b []byte) ([]byte, error) { return append(b, s...), nil }

// flip changes a byte of a file.
func flip(t *testing.T, file string, at int64) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x55
	if _, err := f.WriteAt(b[:], at); err != nil {
		t.Fatal(err)
	}
}

func copyFolder(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

func theTable(t *testing.T, dir string) string {
	t.Helper()
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(tables) != 1 {
		t.Fatalf("table files: %q, %v", tables, err)
	}
	return tables[0]
}

// onlyLists tells whether blocks hold nothing but where contacts are, and lists of
// them by leg or caller, which outcome does not ask for.
func onlyLists(index *tableFile, blocks []int) bool {
	for _, b := range blocks {
		if first := keyAt(index.blocks[b].first)[0]; first != byLegKey && first != byCallerKey && first != staysKey && first != identityKey && first != outboxKey {
			return false
		}
	}
	return true
}

// TestDamagedBlock: of a damaged table file the damaged block is lost, which is
// said whenever it is asked for, and nothing else; storing goes on.
func TestDamagedBlock(t *testing.T) {
	const intervals = 60
	sound := smallFolder(t, intervals)
	index, err := readIndex(theTable(t, sound))
	if err != nil {
		t.Fatal(err)
	}
	want := map[metrics.Interval]string{}
	s := open(t, Config{Dir: copyFolder(t, sound)})
	for i := range metrics.Interval(intervals) {
		if want[i], err = outcome(s, recently+i); err != nil {
			t.Fatal(err)
		}
	}
	n := len(index.blocks)
	byQueue := slices.IndexFunc(index.blocks, func(b blockPlace) bool { return b.first[0] == byQueueKey })
	for _, damaged := range [][]int{{0}, {byQueue}, {n / 2}, {n / 2, n/2 + 1}, {n - 1}} {
		t.Run(fmt.Sprint(damaged), func(t *testing.T) {
			dir := copyFolder(t, sound)
			for _, b := range damaged {
				flip(t, theTable(t, dir), index.blocks[b].at+index.blocks[b].length/2)
			}
			name := filepath.Base(theTable(t, dir))
			before, err := os.ReadFile(theTable(t, dir))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Open(t.Context(), Config{Dir: dir, ReadOnly: true}); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("read only: error is %v", err)
			}
			lost := 0
			check := func(s *Store) {
				lost = 0
				for i := range metrics.Interval(intervals) {
					got, err := outcome(s, recently+i)
					if err != nil {
						t.Fatal(err)
					}
					parts, wants := strings.Fields(got), strings.Fields(want[i])
					for p := range parts {
						switch parts[p] {
						case "damaged":
							lost++
						case wants[p]:
						default:
							t.Errorf("interval %d reads %s, want %s", i, got, want[i])
						}
					}
				}
				if lost == 0 && !onlyLists(index, damaged) || lost > 60 && damaged[0] != n-1 {
					t.Errorf("%d readings say that they are damaged", lost)
				}
			}
			var log strings.Builder
			s, err := Open(t.Context(), Config{Dir: dir, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			if !strings.Contains(log.String(), name) {
				t.Errorf("the log does not name %s: %s", name, log.String())
			}
			if d := s.Damage(); len(d) != 1 || !strings.Contains(d[0], name) {
				t.Errorf("damage: %q", d)
			}
			check(s)
			if err := s.PutSealed(smallSealed(later)); err != nil {
				t.Fatal(err)
			}
			if got, err := outcome(s, later); err != nil || strings.Contains(got, "damaged") {
				t.Errorf("what is stored afterwards reads %s, error %v", got, err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			kept, err := os.ReadFile(filepath.Join(dir, damagedFolder, name))
			if err != nil || !slices.Equal(kept, before) {
				t.Errorf("the damaged file is not kept as it was: %v", err)
			}
			s = open(t, Config{Dir: dir})
			check(s)
			if got, err := outcome(s, later); err != nil || strings.Contains(got, "damaged") {
				t.Errorf("after a restart, what was stored afterwards reads %s, error %v", got, err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if err := os.RemoveAll(filepath.Join(dir, damagedFolder)); err != nil {
				t.Fatal(err)
			}
			s = open(t, Config{Dir: dir})
			for i := range metrics.Interval(intervals) {
				if got, err := outcome(s, recently+i); strings.Contains(got, "damaged") || err != nil && !errors.Is(err, badger.ErrKeyNotFound) {
					t.Errorf("without the note, interval %d reads %s, error %v", i, got, err)
				}
			}
		})
	}
}

// TestDamagedInUse: damage that comes while the folder is open is found by the
// check, and by the reading of a table that was not checked yet.
func TestDamagedInUse(t *testing.T) {
	for _, lazily := range []bool{false, true} {
		t.Run(fmt.Sprint("lazily ", lazily), func(t *testing.T) {
			dir := smallFolder(t, 60)
			index, err := readIndex(theTable(t, dir))
			if err != nil {
				t.Fatal(err)
			}
			s := open(t, Config{Dir: dir})
			if err := s.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
			b := index.blocks[len(index.blocks)*3/4]
			flip(t, theTable(t, dir), b.at+b.length/2)
			if lazily {
				s.unchecked = map[string]bool{filepath.Base(theTable(t, dir)): true}
				// Somewhere else all is well.
				if got, err := outcome(s, recently); err != nil || strings.Contains(got, "damaged") {
					t.Errorf("interval 0 reads %s, error %v", got, err)
				}
			} else if err := s.Check(t.Context()); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), theTable(t, dir)) {
				t.Errorf("the check says %v", err)
			}
			if err := s.Check(t.Context()); err != nil {
				t.Errorf("the next check says again: %v", err)
			}
			count := func() (n int) {
				for i := range metrics.Interval(60) {
					got, err := outcome(s, recently+i)
					if err != nil {
						t.Fatal(err)
					}
					n += strings.Count(got, "damaged")
				}
				return n
			}
			if n := count(); n == 0 || n > 60 {
				t.Errorf("%d readings say that they are damaged", n)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, Config{Dir: dir})
			if n := count(); n == 0 || n > 60 {
				t.Errorf("after a restart %d readings say that they are damaged", n)
			}
			if _, err := os.Stat(filepath.Join(dir, damagedFolder, filepath.Base(theTable(t, dir)))); err != nil {
				t.Errorf("the restart did not set the file aside: %v", err)
			}
		})
	}
}

// TestDamagedList: without a sound list of its table files, a folder is refused
// and left as it is.
func TestDamagedList(t *testing.T) {
	sound := smallFolder(t, 10)
	for name, harm := range map[string]func(t *testing.T, dir, manifest string){
		"missing": func(t *testing.T, dir, manifest string) { remove(t, manifest) },
		"empty":   func(t *testing.T, dir, manifest string) { cut(t, manifest, 0) },
		"flipped": func(t *testing.T, dir, manifest string) { flip(t, manifest, 20) },
		"no head": func(t *testing.T, dir, manifest string) { flip(t, manifest, 1) },
		"cut":     func(t *testing.T, dir, manifest string) { cut(t, manifest, 20) },
		"a table missing": func(t *testing.T, dir, _ string) {
			remove(t, theTable(t, dir))
		},
		"a table cut": func(t *testing.T, dir, _ string) { cut(t, theTable(t, dir), 5000) },
		"a table empty": func(t *testing.T, dir, _ string) {
			cut(t, theTable(t, dir), 0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := copyFolder(t, sound)
			harm(t, dir, filepath.Join(dir, badger.ManifestFilename))
			before := listing(t, dir)
			_, err := Open(t.Context(), Config{Dir: dir})
			if err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "nothing was changed; restore a backup") || strings.Contains(err.Error(), "\n") {
				t.Errorf("error is %v", err)
			}
			t.Log(err)
			if after := listing(t, dir); after != before {
				t.Errorf("the folder was\n%s, is\n%s", before, after)
			}
		})
	}
}

func remove(t *testing.T, file string) {
	t.Helper()
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
}

func cut(t *testing.T, file string, size int64) {
	t.Helper()
	if err := os.Truncate(file, size); err != nil {
		t.Fatal(err)
	}
}

// listing is every file of a folder with its content's hash.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		fmt.Fprintf(&b, "%s %x\n", path, sha256.Sum256(content))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestDamagedLevels: where a level has several tables, the last block of one
// ends where the next one begins.
func TestDamagedLevels(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Config{Dir: dir})
	for i := range metrics.Interval(30) {
		if err := s.PutSealed(testSealed("fs1", recently+i, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	list, err := readManifest(&Config{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil || len(list.names) < 2 || list.level[list.names[0]] == 0 {
		t.Fatalf("tables %q, levels %v, %v", list.names, list.level, err)
	}
	index, err := readIndex(filepath.Join(dir, list.names[0]))
	if err != nil {
		t.Fatal(err)
	}
	last := index.blocks[len(index.blocks)-1]
	flip(t, filepath.Join(dir, list.names[0]), last.at)
	s = open(t, Config{Dir: dir})
	damaged := 0
	for i := range metrics.Interval(30) {
		o, err := outcome(s, recently+i)
		if err != nil {
			t.Fatal(err)
		}
		damaged += strings.Count(o, "damaged")
	}
	if damaged == 0 || damaged > 2 {
		t.Errorf("%d readings say that they are damaged: %q", damaged, s.Damage())
	}
	// Somebody else's rows of the same interval are not asked for.
	lost := s.damages[0].Lost[0]
	k := keyReader{b: keyAt(lost.From), at: 1}
	interval := metrics.Interval(k.number())
	k.byte()
	names := map[string]bool{"agent-0000": true, "agent-0999": true, k.text(): false}
	for name, readable := range names {
		_, err := s.Sum(t.Context(), Query{From: interval, To: interval + 1, Kinds: []metrics.RowKind{metrics.AgentRow}, Names: []string{name}})
		if readable != (err == nil) {
			t.Errorf("%s of the damaged interval: error is %v", name, err)
		}
	}
}

// TestCheckCompactedAway: of a table that a compaction has put away, the file is cut off
// before it goes. Who looks at it in between finds no damage.
func TestCheckCompactedAway(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Config{Dir: dir})
	for i := range metrics.Interval(5) {
		if err := s.PutSealed(testSealed("fs1", i, 100)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil { // that makes a table of it
		t.Fatal(err)
	}
	s = open(t, Config{Dir: dir})
	tables := s.db.Tables()
	if len(tables) == 0 {
		t.Fatal("there are no tables")
	}
	gone := tables[0]
	gone.ID = 999_999
	file := filepath.Join(s.cfg.Dir, table.IDToFilename(gone.ID))
	content, err := os.ReadFile(filepath.Join(s.cfg.Dir, table.IDToFilename(tables[0].ID)))
	if err != nil {
		t.Fatal(err)
	}
	for _, left := range []int{0, len(content) / 2, len(content)} {
		b := slices.Clone(content[:left])
		if left == len(content) {
			b[10] ^= 1
		}
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := s.checkTable(gone, true); err != nil || len(s.damages) != 0 {
			t.Errorf("%d bytes left: %v, %+v", left, err, s.damages)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
}

// TestIndexOfZeros: a table file that is being written has zeros yet, and then some of
// its content. Whoever reads it meanwhile is told that it is damaged, at worst.
func TestIndexOfZeros(t *testing.T) {
	for _, size := range []int{0, 1, 4, 7, 8, 9, 16, 4096, 1 << 20} {
		file := filepath.Join(t.TempDir(), "000001.sst")
		if err := os.WriteFile(file, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		if x, err := readIndex(file); !errors.Is(err, errDamaged) {
			t.Errorf("%d zeros: %+v, %v", size, x, err)
		}
		if share := shareOf(file); share.Total() != 0 {
			t.Errorf("%d zeros: %+v", size, share)
		}
	}
}
