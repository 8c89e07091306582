package records

import (
	"cmp"
	"slices"

	"tallyd/metrics"
)

type pair struct {
	v *Visit
	c *metrics.Contact
}

// nearby is how far apart one stay's moments may be in the record and in the
// count, where no id says that it is one.
const nearby metrics.Millis = 2000

// pairs puts together what is the same stay: by the switch's ids, and those with
// one id in their order. Where a record has no id that was counted, by queue,
// caller and time of joining; where it has no queue either, by agent and time of
// answering.
func pairs(rec *Record, counted []metrics.Contact, who *agents) []pair {
	m := &matching{rec: rec, counted: counted, who: who, visit: make([]bool, len(rec.Visits)), contact: make([]bool, len(counted))}
	byID, byCaller, byAgent := map[string][]int{}, map[[2]string][]int{}, map[string][]int{}
	for _, k := range byJoined(counted) {
		c := &counted[k]
		byID[c.Visit] = append(byID[c.Visit], k)
		if c.Leg != c.Visit {
			byID[c.Leg] = append(byID[c.Leg], k)
		}
		byCaller[[2]string{c.Queue, c.Caller}] = append(byCaller[[2]string{c.Queue, c.Caller}], k)
		if c.Outcome == metrics.Answered {
			for _, name := range who.known(c.Agent) {
				byAgent[name] = append(byAgent[name], k)
			}
		}
	}
	m.align(func(v *Visit) string { return v.ID }, byID)
	m.align(func(v *Visit) string { return v.Leg }, byID)
	for i, v := range rec.Visits {
		switch {
		case m.visit[i] || v.ID != "":
		case v.Queue != "":
			m.near(i, byCaller[[2]string{v.Queue, metrics.Mask(metrics.MakeCaller([]byte(v.Caller)))}], sameCall)
		default:
			m.near(i, byAgent[v.Agent], sameMoment)
		}
	}
	m.takeNearest()
	return m.out
}

// matching is visits and contacts, and which of them have found each other.
type matching struct {
	rec            *Record
	counted        []metrics.Contact
	who            *agents
	visit, contact []bool
	fits           []fit // of those that have no id in common
	out            []pair
}

// fit is how well a visit and a contact go together; the less the better.
type fit struct {
	v, c                   int // places in their lists
	otherQueue, otherAgent int
	off                    metrics.Millis
}

func compareFits(a, b fit) int {
	return cmp.Or(cmp.Compare(a.otherQueue, b.otherQueue), cmp.Compare(a.otherAgent, b.otherAgent), cmp.Compare(a.off, b.off),
		cmp.Compare(a.v, b.v), cmp.Compare(a.c, b.c))
}

func (f fit) plus(o fit) fit {
	return fit{otherQueue: f.otherQueue + o.otherQueue, otherAgent: f.otherAgent + o.otherAgent, off: f.off + o.off}
}

// fit tells how well two go together; false where they cannot.
func (m *matching) fit(i, k int) (f fit, ok bool) {
	v, c := m.rec.Visits[i], &m.counted[k]
	f = fit{v: i, c: k, off: apart(v, c)}
	if v.Queue != "" && v.Queue != c.Queue {
		f.otherQueue = 1
	}
	if v.Agent != "" && c.Agent != "" && !m.who.is(v.Agent, c.Agent) {
		f.otherAgent = 1
	}
	switch {
	case m.visit[i] || m.contact[k]:
	case f.otherQueue > 0 && m.rec.Missing != nil: // it may lack this stay, and have the one before
	case c.Outcome == metrics.JoinRefused && !slices.Contains(v.Outcomes, metrics.JoinRefused):
	default:
		return f, true
	}
	return f, false
}

func (m *matching) take(i, k int) {
	m.visit[i], m.contact[k] = true, true
	m.out = append(m.out, pair{m.rec.Visits[i], &m.counted[k]})
}

// align pairs the visits of each id with its contacts.
func (m *matching) align(id func(*Visit) string, contacts map[string][]int) {
	of := map[string][]int{}
	var ids []string
	for i, v := range m.rec.Visits {
		if x := id(v); x != "" && !m.visit[i] && (v.ID == "" || v.ID == x) {
			if of[x] == nil {
				ids = append(ids, x)
			}
			of[x] = append(of[x], i)
		}
	}
	for _, x := range ids {
		m.inOrder(of[x], contacts[x])
	}
}

// inOrder pairs as many as it can without crossing, and of the ways to do that
// takes the one that fits best.
func (m *matching) inOrder(visits, contacts []int) {
	if len(visits)*len(contacts) > 1<<20 {
		contacts = contacts[:min(len(contacts), 1<<20/len(visits))] // one id is not a thousand stays' in any switch
	}
	slices.SortStableFunc(visits, func(a, b int) int { return cmp.Compare(m.rec.Visits[a].at(), m.rec.Visits[b].at()) })
	type best struct {
		paired int
		fit    fit
	}
	better := func(a, b best) bool {
		return cmp.Or(cmp.Compare(b.paired, a.paired), compareFits(a.fit, b.fit)) < 0
	}
	// table[i][j] is the best of the visits from i and the contacts from j on.
	table := make([][]best, len(visits)+1)
	for i := range table {
		table[i] = make([]best, len(contacts)+1)
	}
	with := func(i, j int) (best, bool) {
		f, ok := m.fit(visits[i], contacts[j])
		rest := table[i+1][j+1]
		return best{rest.paired + 1, rest.fit.plus(f)}, ok
	}
	for i := len(visits) - 1; i >= 0; i-- {
		for j := len(contacts) - 1; j >= 0; j-- {
			table[i][j] = table[i+1][j]
			if x := table[i][j+1]; better(x, table[i][j]) {
				table[i][j] = x
			}
			if x, ok := with(i, j); ok && !better(table[i][j], x) {
				table[i][j] = x
			}
		}
	}
	for i, j := 0, 0; i < len(visits) && j < len(contacts); {
		x, ok := with(i, j)
		switch {
		case ok && x == table[i][j]:
			m.take(visits[i], contacts[j])
			i, j = i+1, j+1
		case table[i+1][j] == table[i][j]:
			i++
		default:
			j++
		}
	}
}

// near notes the contacts that may be a visit.
func (m *matching) near(i int, contacts []int, may func(*Visit, *metrics.Contact, metrics.Millis) bool) {
	for _, k := range contacts {
		if f, ok := m.fit(i, k); ok && may(m.rec.Visits[i], &m.counted[k], f.off) {
			m.fits = append(m.fits, f)
		}
	}
}

func sameMoment(_ *Visit, _ *metrics.Contact, off metrics.Millis) bool {
	return off <= nearby
}

func sameCall(v *Visit, c *metrics.Contact, off metrics.Millis) bool {
	if v.Earliest != 0 {
		return c.Joined >= v.Earliest-nearby && c.Joined <= v.Ended+nearby
	}
	return off <= nearby
}

// takeNearest pairs who fits best first.
func (m *matching) takeNearest() {
	slices.SortFunc(m.fits, compareFits)
	for _, f := range m.fits {
		if !m.visit[f.v] && !m.contact[f.c] {
			m.take(f.v, f.c)
		}
	}
	m.fits = nil
}

// apart is how far a visit and a contact are from each other, by the earliest
// moment that the record tells.
func apart(v *Visit, c *metrics.Contact) metrics.Millis {
	off := metrics.Millis(0)
	switch {
	case v.Joined != 0:
		off = v.Joined - c.Joined
	case v.Answered != 0:
		off = v.Answered - c.Answered
	case v.Ended != 0:
		off = v.Ended - c.Ended
	}
	return max(off, -off)
}
