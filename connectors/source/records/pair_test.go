package records

import (
	"testing"

	"pgregory.net/rapid"

	"tallyd/metrics"
)

// TestInOrder: of all the ways to pair the stays of one id without crossing, the
// one taken pairs the most, and fits best among those that do; by brute force.
func TestInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		queues := []string{"a", "b"}
		rec := &Record{}
		if rapid.Bool().Draw(t, "lacks") {
			rec.Missing = func(*metrics.Contact) string { return "" }
		}
		var at metrics.Millis = 1000
		for range rapid.IntRange(0, 5).Draw(t, "visits") {
			at += metrics.Millis(rapid.IntRange(0, 3).Draw(t, "apart"))
			v := &Visit{ID: "x", Joined: at, Queue: rapid.SampledFrom(queues).Draw(t, "queue"), Outcomes: []metrics.Outcome{metrics.Answered}}
			if rapid.Bool().Draw(t, "refusals") {
				v.Outcomes = Unanswered()
			}
			rec.Visits = append(rec.Visits, v)
		}
		var counted []metrics.Contact
		at = 1000
		for range rapid.IntRange(0, 5).Draw(t, "contacts") {
			at += metrics.Millis(rapid.IntRange(0, 3).Draw(t, "apart"))
			counted = append(counted, metrics.Contact{Visit: "x", Leg: "x", Joined: at, Queue: rapid.SampledFrom(queues).Draw(t, "queue"),
				Outcome: rapid.SampledFrom([]metrics.Outcome{metrics.Answered, metrics.JoinRefused}).Draw(t, "outcome")})
		}
		who := newAgents(rec, &Counted{})
		got := pairs(rec, counted, who)
		var total fit
		order := map[*metrics.Contact]int{}
		for i := range counted {
			order[&counted[i]] = i
		}
		lastV, lastC := -1, -1
		for _, p := range got {
			i := -1
			for k, v := range rec.Visits {
				if v == p.v {
					i = k
				}
			}
			if i <= lastV || order[p.c] <= lastC {
				t.Fatalf("the pairs cross: %v", got)
			}
			lastV, lastC = i, order[p.c]
			m := &matching{rec: rec, counted: counted, who: who, visit: make([]bool, len(rec.Visits)), contact: make([]bool, len(counted))}
			f, ok := m.fit(i, order[p.c])
			if !ok {
				t.Fatalf("%+v and %+v cannot be one", p.v, p.c)
			}
			total = total.plus(f)
		}
		n, best := bruteForce(rec, counted, who, 0, 0)
		if n != len(got) || compareFits(best, total) != 0 {
			t.Fatalf("%d pairs, %+v; the best are %d, %+v", len(got), total, n, best)
		}
	})
}

func bruteForce(rec *Record, counted []metrics.Contact, who *agents, i, k int) (n int, best fit) {
	if i == len(rec.Visits) || k == len(counted) {
		return 0, fit{}
	}
	n, best = bruteForce(rec, counted, who, i+1, k)
	try := func(m int, f fit) {
		if m > n || m == n && compareFits(f, best) < 0 {
			n, best = m, f
		}
	}
	try(bruteForce(rec, counted, who, i, k+1))
	m := &matching{rec: rec, counted: counted, who: who, visit: make([]bool, len(rec.Visits)), contact: make([]bool, len(counted))}
	if f, ok := m.fit(i, k); ok {
		rest, fits := bruteForce(rec, counted, who, i+1, k+1)
		try(rest+1, fits.plus(f))
	}
	return n, best
}

func none(*metrics.Contact) bool { return false }

// TestPairsWithoutIDs: by queue, caller and time of joining; by agent and time of
// answering; and by neither where they are too far off.
func TestPairsWithoutIDs(t *testing.T) {
	caller := metrics.Mask(metrics.MakeCaller([]byte("+3197010001")))
	counted := []metrics.Contact{
		{Visit: "m1", Leg: "s1", Queue: "q", Caller: caller, Joined: 10_000, Ended: 15_000, Outcome: metrics.Abandoned},
		{Visit: "m2", Leg: "s2", Queue: "q", Caller: caller, Joined: 40_000, Answered: 45_000, Ended: 50_000, Agent: "a", Outcome: metrics.Answered},
	}
	rec := &Record{Needs: none, Visits: []*Visit{
		{Queue: "q", Caller: "+3197010001", Joined: 10_900, Outcomes: []metrics.Outcome{metrics.Abandoned}},
		{Agent: "a", Answered: 45_400, Outcomes: []metrics.Outcome{metrics.Answered}},
		{Agent: "a", Answered: 30_000, Outcomes: []metrics.Outcome{metrics.Answered}},
		{Leg: "s2", Queue: "q", Outcomes: []metrics.Outcome{metrics.Answered}, Joined: 40_000},
	}}
	r := Compare(rec, &Counted{Contacts: counted}, Span{})
	if r.Compared != 2 || len(r.Differences) != 2 {
		t.Errorf("%+v", r)
	}
	got := pairs(rec, counted, newAgents(rec, &Counted{}))
	if len(got) != 2 || got[0].v != rec.Visits[3] || got[0].c.Visit != "m2" || got[1].v != rec.Visits[0] || got[1].c.Visit != "m1" {
		t.Errorf("%+v", got)
	}
}
