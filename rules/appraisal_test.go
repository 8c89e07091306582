package rules

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

func testScheme(t testing.TB) *Scheme {
	t.Helper()
	s, faults, _ := Read("s.yaml", []byte(soundScheme))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return s
}

// worked is a fact of so many calls, at a local hour of a day in November 2026.
func worked(agent, role string, day, hour int, answered int64) *Fact {
	zone, _ := time.LoadLocation("Asia/Shanghai")
	return &Fact{At: time.Date(2026, 11, day, hour, 0, 0, 0, zone).UTC(), Agent: agent, Role: role, Counts: map[string]int64{"answered": answered}}
}

// TestPeople: who has which role on which day, by the scheme's calendar, whatever the
// order in which facts come.
func TestPeople(t *testing.T) {
	told := worked("ann", "", 3, 12, 0)
	told.Counts, told.Survey = nil, &Survey{CSAT: new(5)}
	facts := []*Fact{
		worked("ann", "agent", 1, 0, 1), worked("ann", "agent", 1, 23, 2), // the same local day, two of UTC
		worked("ann", "", 2, 9, 4),                                         // as on the day before
		told,                                                               // a day on which ann did not work
		worked("ann", "senior", 4, 9, 8), worked("ann", "agent", 4, 8, 16), // each for its role
		worked("ann", "senior", 5, 9, 32),
		worked("bob", "", 1, 9, 1), worked("bob", "agent", 2, 9, 2), // before the first that is told
		worked("cid", "", 1, 9, 1),                                             // nobody knows
		worked("ann", "agent", 10, 0, 64), worked("ann", "agent", -1, 23, 128), // outside
	}
	s := testScheme(t)
	var first [][]*person
	for try := range 20 {
		a := NewAppraisal(s, Date{2026, 11, 1}, Date{2026, 11, 10})
		rand.New(rand.NewPCG(uint64(try), 1)).Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })
		for _, f := range facts {
			a.Add(f)
		}
		settled := a.settle()
		var got [][]*person
		for _, role := range []string{"agent", "senior", "other"} {
			got = append(got, settled.people(&Role{Name: role}, nil))
		}
		if a.Outside != 2 {
			t.Errorf("%d facts are outside", a.Outside)
		}
		if first == nil {
			first = got
		} else if !reflect.DeepEqual(got, first) {
			t.Fatal("the order of facts matters")
		}
	}
	var lines []string
	for i, list := range first {
		for _, p := range list {
			lines = append(lines, fmt.Sprintf("%d %s %v: %d answered, %d surveys", i, p.agent, p.days, p.own.sums.Counts[Answered], p.own.sums.Counts[Surveys]))
		}
	}
	want := []string{
		"0 ann [2026-11-01 2026-11-02 2026-11-04]: 23 answered, 1 surveys",
		"0 bob [2026-11-01 2026-11-02]: 3 answered, 0 surveys",
		"1 ann [2026-11-04 2026-11-05]: 40 answered, 0 surveys",
	}
	if !reflect.DeepEqual(lines, want) {
		t.Errorf("%q, want %q", lines, want)
	}
}

// TestWeightsByDay: each day counts by its own weights.
func TestWeightsByDay(t *testing.T) {
	s := testScheme(t)
	p := &person{days: []Date{{2026, 10, 31}, {2026, 11, 1}, {2026, 11, 15}, {2026, 11, 16}}}
	got := p.weights(&s.Roles[0])
	// volume 40, 60, 60, 40; aht 20, 0, 0, 20; csat 30 and hold 10 throughout.
	if want := []int64{200_00, 40_00, 120_00, 40_00}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
