package metrics

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// restart makes a crew that goes on from what this one has stored, of which the
// last rollups of people may have been lost with the crash: they come again.
func (c *crew) restart(t *rapid.T) *crew {
	for len(c.sealed) > 0 && c.sealed[len(c.sealed)-1].Switch == AllSwitches && rapid.Bool().Draw(t, "lost") {
		c.sealed = c.sealed[:len(c.sealed)-1]
	}
	n := newCrew(false)
	n.sealed = c.sealed
	for i := range n.trackers {
		opt := n.trackers[i].opt
		n.trackers[i] = restored(t, c.trackers[i], opt)
	}
	through := map[string]Interval{}
	by := map[Interval]*Earlier{}
	at := func(i Interval) *Earlier {
		if by[i] == nil {
			by[i] = &Earlier{Interval: i, Spans: map[string][]NamedSpan{}}
		}
		return by[i]
	}
	sums := map[Interval]map[Key]*Rollup{}
	for _, s := range c.sealed {
		x := at(s.Interval)
		if s.Switch != AllSwitches {
			x.Spans[s.Switch] = append(x.Spans[s.Switch], s.Spans...)
			if !s.Correction {
				through[s.Switch] = max(through[s.Switch], s.Interval)
			}
			continue
		}
		if s.Standing != nil {
			x.Standing = s.Standing
		}
		if sums[s.Interval] == nil {
			sums[s.Interval] = map[Key]*Rollup{}
		}
		for i := range s.Rollups {
			r := s.Rollups[i]
			if o := sums[s.Interval][r.Key()]; o != nil {
				o.Merge(&r)
			} else {
				sums[s.Interval][r.Key()] = &r
			}
		}
	}
	for i, rows := range sums {
		at(i).Rollups = inOrder(rows)
	}
	var list []Earlier
	for _, i := range slices.Sorted(maps.Keys(by)) {
		list = append(list, *by[i])
	}
	if err := n.people.Restore(through, nil, list); err != nil {
		t.Fatal(err)
	}
	return n
}

// People that come back after a crash at any moment count the same.
func TestPeopleRestarted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := newCrew(false)
		steps := interleave(t, crewSteps(t, a))
		cuts := []int{rapid.IntRange(0, len(steps)).Draw(t, "cut"), rapid.IntRange(0, len(steps)).Draw(t, "another")}
		a.play(steps)
		b := newCrew(false)
		for i := range b.trackers { // the same names in the same order
			for k := NameKind(0); k < nameKinds; k++ {
				for id := 1; id < a.trackers[i].names.Len(k); id++ {
					b.trackers[i].names.Append(k, a.trackers[i].names.Name(k, uint32(id)))
				}
			}
		}
		for i := range steps {
			for range occurrences(cuts, i) {
				b = b.restart(t)
			}
			e := steps[i].e
			b.trackers[steps[i].sw].Apply(&e)
		}
		b.finish()
		x, y := a.sum(), b.sum()
		for k := range y {
			if x[k] == nil {
				x[k] = &Rollup{}
			}
		}
		for k, r := range x {
			for _, n := range Counters() {
				got := int64(0)
				if o := y[k]; o != nil {
					got = o.Get(n)
				}
				// What is corrected afterwards does not correct what later intervals took over.
				if got != r.Get(n) && n != Logins && n != Pauses && n != LongestIdle {
					t.Fatalf("%v: %v is %d after restarts, %d without", k, n, got, r.Get(n))
				}
			}
		}
	})
}

func occurrences(list []int, x int) (n int) {
	for _, y := range list {
		if x == y {
			n++
		}
	}
	return n
}
