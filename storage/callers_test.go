package storage

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
	"pgregory.net/rapid"

	"tallyd/metrics"
)

// hashes are callers whose keys lie close together; the first is nobody.
var hashes = []callerID{{}, {15: 1}, {0: 1}, {0: 1, 15: 1}, {0: 0xff, 15: 0xff}}

func drawCaller(t *rapid.T) callerID { return rapid.SampledFrom(hashes).Draw(t, "caller") }

// checkCallers holds what is read by caller against the model's contacts.
func (m *model) checkCallers(t *rapid.T, s *Store) {
	v, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	callers, err := v.Callers()
	if err != nil {
		t.Fatal(err)
	}
	defer callers.Close()
	all := m.contacts(ContactQuery{From: m.contactsFrom})
	from, to := metrics.Millis(rapid.IntRange(-2, 4).Draw(t, "joined from")), metrics.Millis(rapid.IntRange(-1, 5).Draw(t, "joined to"))
	for _, h := range rapid.Permutation(hashes).Draw(t, "callers") {
		var want []metrics.Stay
		for i := range all {
			if c := &all[i]; c.Hash == h && h != (callerID{}) && c.Joined >= from && c.Joined < to {
				want = append(want, metrics.StayOf(c))
			}
		}
		slices.SortFunc(want, func(a, b metrics.Stay) int {
			return cmp.Or(cmp.Compare(a.Joined, b.Joined), cmp.Compare(a.Switch, b.Switch), cmp.Compare(a.Visit, b.Visit))
		})
		got, err := callers.AppendStays(nil, h, from, to)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("caller %x: error %v, stays\n%+v, want\n%+v", h, err, got, want)
		}
	}
}

type fataler interface{ Fatal(...any) }

// unlistCallers makes the folder what an earlier version left: no list by caller, and
// no callers where the contacts' keys are.
func unlistCallers(t fataler, s *Store) {
	var list []change
	err := s.db.View(func(txn *badger.Txn) error {
		for _, kind := range []byte{staysKey, byCallerKey, byLegKey} {
			if err := scan(txn, []byte{kind}, func(item *record) error {
				list = append(list, change{key: item.KeyCopy()})
				return nil
			}); err != nil {
				return err
			}
		}
		return scan(txn, []byte{identityKey}, func(item *record) error {
			return item.Value(func(b []byte) error {
				k := keyReader{b: item.Key(), at: 1}
				p, err := parsePlace(b, k.text())
				p.caller, p.leg = callerID{}, ""
				list = append(list, change{item.KeyCopy(), p.appendBinary(nil)})
				return err
			})
		})
	})
	if err == nil {
		err = s.commitParts(list)
	}
	if err == nil {
		err = s.setNumber(metaFormat, 2)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// callersSealed has n contacts of few callers.
func callersSealed(i metrics.Interval, n int) *metrics.Sealed {
	s := &metrics.Sealed{Switch: "fs1", Interval: i}
	for k := range n {
		at := i.Start() + metrics.Millis(k)
		s.Contacts = append(s.Contacts, metrics.Contact{Switch: "fs1", Visit: fmt.Sprintf("v%d-%d", i, k), Leg: fmt.Sprintf("l%d-%d", i, k),
			Queue: "support", Agent: "1001", Outcome: metrics.Answered, Joined: at, Answered: at + 10, Ended: at + 20, Hash: callerID{0: 1, 1: byte(k % 50)}})
	}
	return s
}

// TestEarlierCallersAreListed: more contacts than one batch has, of a version that
// knew no callers; an interruption; a folder that is open for reading.
func TestEarlierCallersAreListed(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Config{Dir: dir})
	for i := range metrics.Interval(5) {
		if err := s.PutSealed(callersSealed(i, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	dump := func(s *Store) string {
		var b strings.Builder
		err := s.db.View(func(txn *badger.Txn) error {
			for _, kind := range []byte{staysKey, identityKey, metaKey} {
				if err := scan(txn, []byte{kind}, func(item *record) error {
					return item.Value(func(v []byte) error { fmt.Fprintf(&b, "%q %q\n", item.Key(), v); return nil })
				}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	want := dump(s)
	unlistCallers(t, s)
	if dump(s) == want || countKeys(t, s, []byte{staysKey}) != 0 {
		t.Fatal("nothing was taken away")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	reader := open(t, Config{Dir: dir, ReadOnly: true})
	v, err := reader.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Callers(); err == nil || err.Error() != `folder "`+dir+`" has no list of callers yet: open it once for writing` {
		t.Errorf("error is %v", err)
	}
	v.Close()
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Open(ctx, Config{Dir: dir}); err == nil {
		t.Fatal("a cancelled opening has no error")
	}
	s = open(t, Config{Dir: dir})
	if got := dump(s); got != want {
		t.Error("the list differs from what was there before")
	}
}

// BenchmarkCallers reads the stays of every caller of a year of contacts, in the
// order of their hashes.
func BenchmarkCallers(b *testing.B) {
	s := open(b, Config{Dir: b.TempDir()})
	random := rand.New(rand.NewPCG(1, 2))
	var all []callerID
	for i := range metrics.Interval(600) {
		sealed := callersSealed(i, 500)
		for k := range sealed.Contacts {
			h := &sealed.Contacts[k].Hash
			for n := range h {
				h[n] = byte(random.Uint32())
			}
			if len(all) > 1000 && random.IntN(3) == 0 {
				*h = all[random.IntN(len(all))]
			}
			all = append(all, *h)
		}
		if err := s.PutSealed(sealed); err != nil {
			b.Fatal(err)
		}
	}
	slices.SortFunc(all, func(x, y callerID) int { return bytes.Compare(x[:], y[:]) })
	all = slices.Compact(all)
	b.ResetTimer()
	began := time.Now()
	stays := 0
	for b.Loop() {
		v, err := s.Snapshot()
		if err != nil {
			b.Fatal(err)
		}
		callers, err := v.Callers()
		if err != nil {
			b.Fatal(err)
		}
		var list []metrics.Stay
		for _, h := range all {
			if list, err = callers.AppendStays(list[:0], h, 0, math.MaxInt64); err != nil {
				b.Fatal(err)
			}
			stays += len(list)
		}
		callers.Close()
		v.Close()
	}
	b.ReportMetric(float64(time.Since(began).Nanoseconds())/float64(stays), "ns/stay")
}
