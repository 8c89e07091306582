package storage

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/y"
	"pgregory.net/rapid"

	"tallyd/metrics"
)

// someKey draws a key of a kind that leads with a moment, or that a hash leads.
func someKey(t *rapid.T, kinds []byte) []byte {
	kind := rapid.SampledFrom(kinds).Draw(t, "kind")
	text := rapid.SampledFrom([]string{"", "a", "b", "队列", "a\x00", "a\x00\x01", "\xff"})
	b := []byte{kind}
	if _, hashed := hashedKinds[kind]; hashed {
		return appendText(appendText(b, text.Draw(t, "switch")), text.Draw(t, "id"))
	}
	n := rapid.Int64Range(-3, 3).Draw(t, "interval")
	if kind == contactKey || kind == factKey {
		n = n*int64(metrics.IntervalLength) + rapid.Int64Range(-1, 1).Draw(t, "besides")
	}
	return appendText(appendNumber(b, n), text.Draw(t, "text"))
}

// TestLayout: every key is found again from where it lies; keys of a kind in the
// list by time lie in their order; and a span of places holds just the keys that it
// is said to.
func TestLayout(t *testing.T) {
	hashed := []byte{identityKey, byLegKey}
	rapid.Check(t, func(t *rapid.T) {
		k := someKey(t, append(hashed, timeKinds...))
		if got := keyAt(diskKey(k)); !bytes.Equal(got, k) {
			t.Fatalf("%q lies at %q, where %q is", k, diskKey(k), got)
		}
		if !bytes.HasPrefix(diskKey(k), diskPrefix(k[:1])) || !bytes.HasPrefix(append(diskKey(k), "x"...), diskPrefix(k)) {
			t.Fatalf("%q lies at %q, which does not begin with %q, %q", k, diskKey(k), diskPrefix(k[:1]), diskPrefix(k))
		}
		a, b := someKey(t, timeKinds), someKey(t, timeKinds)
		if a[0] == b[0] && bytes.Compare(diskKey(a), diskKey(b)) != bytes.Compare(a, b) {
			t.Fatalf("%q and %q lie in another order", a, b)
		}
		place := diskKey(b)[:rapid.IntRange(1, len(diskKey(b))).Draw(t, "length")]
		if first := firstOf(a[0], place); (bytes.Compare(diskKey(a), place) >= 0) != (bytes.Compare(a, first) >= 0) {
			t.Fatalf("%q lies at %q; from %q on are the keys from %q on", a, diskKey(a), place, first)
		}
	})
}

// TestRecords: what is read under a prefix, from a key on, are the records that
// begin so, in their order, whatever lies between them.
func TestRecords(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	var keys [][]byte
	stored := map[string]bool{}
	rapid.Check(t, func(t *rapid.T) {
		for range 5 {
			k := append(someKey(t, append([]byte{identityKey, byLegKey, byAgentKey}, timeKinds...)), byte(len(keys)))
			if len(keys) < 2000 && !stored[string(k)] {
				stored[string(k)] = true
				keys = append(keys, k)
				if err := s.commit([]change{{k, []byte("v")}}); err != nil {
					t.Fatal(err)
				}
			}
		}
		prefix := someKey(t, append([]byte{identityKey, byLegKey}, timeKinds...))
		if ofTime(prefix[0]) {
			prefix = prefix[:rapid.SampledFrom([]int{1, 9, len(prefix)}).Draw(t, "length")]
		}
		from := prefix
		if k := someKey(t, prefix[:1]); bytes.HasPrefix(k, prefix) {
			from = k
		}
		var want []string
		for _, k := range keys {
			if bytes.HasPrefix(k, prefix) && bytes.Compare(k, from) >= 0 {
				want = append(want, string(k))
			}
		}
		slices.Sort(want)
		var got []string
		err := s.db.View(func(txn *badger.Txn) error {
			it := iterate(txn, prefix)
			defer it.Close()
			for it.Seek(from); it.Valid(); it.Next() {
				got = append(got, string(it.Item().Key()))
				if one, err := get(txn, it.Item().KeyCopy()); err != nil || one.item.ValueSize() != 1 {
					t.Fatalf("%q: %v", it.Item().Key(), err)
				}
			}
			return nil
		})
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("under %q from %q are %q, want %q, error %v", prefix, from, got, want, err)
		}
	})
}

// TestRewritten: however much is stored, little of it is rewritten with what is new:
// a table lies across few of those below it.
func TestRewritten(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	for i := range metrics.Interval(400) {
		sealed := testSealed("fs1", i, 150)
		for c := range 120 {
			n := int(i)*120 + c
			sealed.Contacts = append(sealed.Contacts, metrics.Contact{
				// As Asterisk names them: by when they began.
				Switch: "fs1", Visit: fmt.Sprintf("%d.%d", 1_790_000_000+n, n), Leg: fmt.Sprintf("%d.%d", 1_790_000_000+n, n),
				Queue: fmt.Sprintf("q%d", n%20), Agent: fmt.Sprintf("agent-%04d", n%100), Outcome: metrics.Answered,
				Hash: [16]byte{byte(n * 7919 >> 8), byte(n * 7919), 1}, Joined: i.Start(), Answered: i.Start() + 1, Ended: i.Start() + metrics.Millis(c),
			})
		}
		if err := s.PutSealed(sealed); err != nil {
			t.Fatal(err)
		}
	}
	levels := map[int][]badger.TableInfo{}
	for _, table := range s.db.Tables() {
		levels[table.Level] = append(levels[table.Level], table)
	}
	last := 0
	for l := range levels {
		last = max(last, l)
	}
	if len(levels[last]) < 15 || len(levels[last-1]) == 0 {
		t.Fatalf("%d tables on the last level, %d above it: too few to tell", len(levels[last]), len(levels[last-1]))
	}
	worst, across := 0, ""
	for _, a := range levels[last-1] { // of those above, each lies across all of the few below it
		n := 0
		for _, b := range levels[last] {
			if y.CompareKeys(b.Left, a.Right) <= 0 && y.CompareKeys(a.Left, b.Right) <= 0 {
				n++
			}
		}
		if n > worst {
			worst, across = n, fmt.Sprintf("%.12q to %.12q", a.Left, a.Right)
		}
	}
	t.Logf("%d tables on the last level; one above lies across %d of them (%s)", len(levels[last]), worst, across)
	if worst > len(levels[last])/3 {
		t.Errorf("a table lies across %d of the %d on the last level", worst, len(levels[last]))
	}
}

// TestLayOutInterrupted: a folder of an earlier format is brought up to date in
// steps, and what was left in the middle goes on, with the same records in the end.
func TestLayOutInterrupted(t *testing.T) {
	const intervals = 40
	want := map[metrics.Interval]string{}
	var contents map[string]string
	// A folder as an earlier program left it.
	earlier := func(dir string) *Store {
		s := open(t, Config{Dir: dir})
		for i := range metrics.Interval(intervals) {
			if err := s.PutSealed(smallSealed(recently + i)); err != nil {
				t.Fatal(err)
			}
		}
		for i := range metrics.Interval(intervals) {
			var err error
			if want[i], err = outcome(s, recently+i); err != nil {
				t.Fatal(err)
			}
		}
		contents = allRecords(t, s)
		for key, value := range contents {
			txn := s.db.NewTransaction(true)
			if disk := diskKey([]byte(key)); string(disk) != key {
				if err := txn.Delete(disk); err != nil {
					t.Fatal(err)
				}
			}
			if err := txn.Set([]byte(key), []byte(value)); err != nil {
				t.Fatal(err)
			}
			if err := txn.Commit(); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.commit([]change{{key: metadata(metaLayout)}}); err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, steps := range []int{0, 1, 3} {
		dir := t.TempDir()
		s := earlier(dir)
		for range steps { // and then the power went
			if _, _, err := s.move(rollupKey, []byte{rollupKey}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), Config{Dir: dir, ReadOnly: true}); err == nil || !strings.Contains(err.Error(), "open it once for writing") {
			t.Errorf("read only: error is %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if s, err := Open(ctx, Config{Dir: dir}); err == nil {
			_ = s.Close()
			t.Error("it goes on although it is told to stop")
		}
		s = open(t, Config{Dir: dir})
		for i := range metrics.Interval(intervals) {
			if got, err := outcome(s, recently+i); got != want[i] || err != nil {
				t.Errorf("after %d steps, interval %d reads %s, want %s, error %v", steps, i, got, want[i], err)
			}
		}
		if got := allRecords(t, s); fmt.Sprint(got) != fmt.Sprint(contents) {
			t.Errorf("after %d steps, %d records are there, want %d", steps, len(got), len(contents))
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// allRecords are all records by their keys, but for those of the folder.
func allRecords(t *testing.T, s *Store) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := s.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			key := keyAt(it.Item().KeyCopy(nil))
			if !ofFolder(key) {
				value, err := it.Item().ValueCopy(nil)
				if err != nil {
					return err
				}
				all[string(key)] = string(value)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
