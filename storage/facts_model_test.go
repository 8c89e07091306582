package storage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tallyd/metrics"
)

// factModel is the facts as a plain list.
type factModel struct {
	facts []metrics.Fact
	from  metrics.Millis
}

func (m *factModel) query(q FactQuery) (out []metrics.Fact) {
	for _, f := range m.facts {
		if f.At < m.from || f.At < q.From || q.To != 0 && f.At >= q.To || q.Kind != 0 && f.Kind != q.Kind || q.Agent != "" && f.Agent != q.Agent ||
			q.After != nil && compareFactPlaces(FactPlaceOf(&f), *q.After) <= 0 {
			continue
		}
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b metrics.Fact) int { return compareFactPlaces(FactPlaceOf(&a), FactPlaceOf(&b)) })
	if q.Limit > 0 && len(out) > q.Limit {
		out = out[:q.Limit]
	}
	return out
}

func compareFactPlaces(a, b FactPlace) int {
	return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID))
}

// TestFactModel stores, deletes, forgets, closes and restores at random, and
// compares each reading with a plain list. Names are those that an escape done
// wrong confuses, as far as a fact may have them.
func TestFactModel(t *testing.T) {
	names := []string{"a", "a/b", "ab", "a b", "客服", "客", "\u2028", "é", strings.Repeat("x", 256), "1001@default", "x", "y", "z", "*", "a.>"}
	root := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		dir := filepath.Join(root, fmt.Sprint(n))
		reopen := func() *Store {
			s, err := Open(context.Background(), Config{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		s := reopen()
		defer func() { _ = s.Close() }()
		m := &factModel{from: math.MinInt64}
		name := rapid.SampledFrom(names)
		moment := rapid.Map(rapid.IntRange(1, 12), func(n int) metrics.Millis { return metrics.Millis(n) * metrics.IntervalLength / 3 })
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				f := survey(rapid.SampledFrom([]string{"1", "10", "a b", "~"}).Draw(t, "id"), name.Draw(t, "agent"), moment.Draw(t, "at"), rapid.IntRange(1, 2).Draw(t, "csat"))
				if rapid.Bool().Draw(t, "form") {
					f = form(f.ID, f.Agent, name.Draw(t, "rater"), f.At)
				}
				same := slices.IndexFunc(m.facts, func(o metrics.Fact) bool { return o.Kind == f.Kind && o.ID == f.ID })
				duplicate, err := s.PutFact(&f)
				switch {
				case f.At < m.from:
					if !errors.Is(err, ErrPast) {
						t.Fatalf("error is %v", err)
					}
				case same < 0:
					if duplicate || err != nil {
						t.Fatalf("duplicate %v, error %v", duplicate, err)
					}
					m.facts = append(m.facts, f)
				case reflect.DeepEqual(m.facts[same], f):
					if !duplicate || err != nil {
						t.Fatalf("duplicate %v, error %v", duplicate, err)
					}
				default:
					if !errors.Is(err, ErrFactDiffers) {
						t.Fatalf("duplicate %v, error %v", duplicate, err)
					}
				}
			},
			"reopen": func(t *rapid.T) {
				if rapid.IntRange(0, 5).Draw(t, "seldom") > 0 {
					return
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s = reopen()
			},
			"back up and restore": func(t *rapid.T) {
				if rapid.IntRange(0, 9).Draw(t, "seldom") > 0 {
					return
				}
				n++
				file, err := os.Create(filepath.Join(root, fmt.Sprint(n, ".backup")))
				var counts Counts
				if err == nil {
					counts, err = s.Backup(context.Background(), file, Head{}, nil)
				}
				if err = errors.Join(err, file.Close(), s.Close()); err != nil {
					t.Fatal(err)
				}
				if int(counts.Facts) != len(m.facts) {
					t.Fatalf("the backup has %d facts, want %d", counts.Facts, len(m.facts))
				}
				dir = filepath.Join(root, fmt.Sprint(n))
				if _, _, err = Restore(context.Background(), file.Name(), dir, quiet); err != nil {
					t.Fatal(err)
				}
				s = reopen()
			},
			"retain": func(t *rapid.T) {
				before := metrics.Interval(rapid.IntRange(0, 3).Draw(t, "before"))
				if rapid.IntRange(0, 3).Draw(t, "seldom") > 0 {
					return
				}
				if _, err := s.Retain(context.Background(), before, 0); err != nil {
					t.Fatal(err)
				}
				m.from = max(m.from, before.Start())
				m.facts = slices.DeleteFunc(m.facts, func(f metrics.Fact) bool { return f.At < m.from })
			},
			"forget": func(t *rapid.T) {
				if rapid.IntRange(0, 3).Draw(t, "seldom") > 0 {
					return
				}
				who, want := name.Draw(t, "leaver"), 0
				done, err := s.Forget(context.Background(), Forgetting{Kind: ForgetAgent, Agent: who})
				m.facts = slices.DeleteFunc(m.facts, func(f metrics.Fact) bool {
					if f.Agent == who {
						want++
					}
					return f.Agent == who
				})
				for i := range m.facts {
					if f := m.facts[i].Form; f != nil && f.Rater == who {
						renamed := *f
						renamed.Rater = done.Name
						m.facts[i].Form = &renamed
						want++
					}
				}
				if done.Facts != want || (want == 0) != errors.Is(err, ErrUnknown) || want > 0 && err != nil {
					t.Fatalf("%q: done is %+v, want %d facts, error %v", who, done, want, err)
				}
			},
			"": func(t *rapid.T) {
				q := FactQuery{From: moment.Draw(t, "from"), To: moment.Draw(t, "to"), Kind: metrics.FactKind(rapid.SampledFrom([]int{0, 1, 4}).Draw(t, "kind")),
					Limit: rapid.IntRange(0, 3).Draw(t, "limit")}
				if rapid.Bool().Draw(t, "no end") {
					q.To = 0
				}
				if rapid.Bool().Draw(t, "of one") {
					q.Agent = name.Draw(t, "of")
				}
				if rapid.Bool().Draw(t, "a later page") {
					q.After = &FactPlace{moment.Draw(t, "after"), metrics.FactKind(rapid.IntRange(1, 4).Draw(t, "after kind")), rapid.SampledFrom([]string{"", "1", "~"}).Draw(t, "after id")}
				}
				if got, want := collect(t, s.Facts(context.Background(), q)), m.query(q); !reflect.DeepEqual(got, want) {
					t.Fatalf("%+v: facts are\n%+v, want\n%+v", q, got, want)
				}
			},
		})
	})
}
