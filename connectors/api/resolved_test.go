package api

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"tallyd/metrics"
	"tallyd/metrics/roster"
)

const dayMillis = 24 * 3600 * 1000

// callCentre is a year of calls in a store: callers who come back at once, at the
// borders of the windows to the millisecond, or never; anonymous ones; transfers
// within a group and out of it; calls of one number at the same time.
type callCentre struct {
	*lab
	contacts []metrics.Contact
	random   *rand.Rand
}

// windows are those of the groups; "news" is a queue that is called as a group is.
func centreGroup(queue string) metrics.QueueGroup {
	switch queue {
	case "invoices", "payments", "refunds":
		return metrics.QueueGroup{Name: "billing", Window: 7 * dayMillis}
	case "support", "news":
		return metrics.QueueGroup{Name: "technical", Window: 3 * dayMillis}
	case "hotline":
		return metrics.QueueGroup{Window: 3600 * 1000}
	}
	return metrics.DefaultQueueGroup()
}

var centreQueues = []string{"invoices", "payments", "refunds", "support", "news", "hotline", "sales", "billing"}

// newCentre stores so many calls, spread over so many days up to the lab's now.
func newCentre(t testing.TB, calls, days int) *callCentre {
	c := &callCentre{lab: newLab(t), random: rand.New(rand.NewPCG(7, 11))}
	c.service.cfg.Group = centreGroup
	from := c.now - metrics.Millis(days)*dayMillis
	type turn struct {
		caller int
		at     metrics.Millis
	}
	callers := max(1, calls*2/3)
	var turns []turn // kept as a stack: the next is the last
	n := 0
	for len(c.contacts) < calls {
		var next turn
		if len(turns) > 0 {
			next, turns = turns[len(turns)-1], turns[:len(turns)-1]
		} else {
			next = turn{c.random.IntN(callers), from + metrics.Millis(c.random.Int64N(int64(days)*dayMillis))}
			if c.random.IntN(500) == 0 {
				next.caller = 0 // a switchboard, whose people all show one number
			}
		}
		if next.at >= c.now {
			continue
		}
		n++
		ended := c.call(n, next.caller, next.at)
		if next.caller%11 == 10 || c.random.IntN(3) > 0 {
			continue
		}
		window := centreGroup(c.contacts[len(c.contacts)-1].Queue).Window
		after := []metrics.Millis{0, -1, 1, window, window + 1, window - 1, metrics.Millis(c.random.Int64N(int64(window))), 10 * dayMillis}
		turns = append(turns, turn{next.caller, ended + after[c.random.IntN(len(after))]})
	}
	c.storeAll()
	return c
}

// call adds a call's stays, and tells when the last was over.
func (c *callCentre) call(n, caller int, at metrics.Millis) metrics.Millis {
	leg := fmt.Sprintf("%08x-leg", n)
	queue := c.random.IntN(len(centreQueues))
	if caller%3 == 0 {
		queue = caller % len(centreQueues) // who always comes to one
	}
	for stay := 0; ; stay++ {
		x := metrics.Contact{Switch: "fs" + fmt.Sprint(1+n%2), Visit: fmt.Sprintf("%08x-%d", n, stay), Leg: leg, Queue: centreQueues[queue],
			Joined: at, Outcome: metrics.Abandoned, Ended: at + metrics.Millis(c.random.IntN(120_000))}
		if caller%11 != 10 { // 10 is anonymous
			x.Hash = [16]byte{0: byte(caller), 1: byte(caller >> 8), 2: byte(caller >> 16), 3: 1}
		}
		if c.random.IntN(10) > 0 {
			x.Outcome, x.Answered, x.Agent = metrics.Answered, x.Ended, fmt.Sprintf("agent-%d", c.random.IntN(40))
			x.Ended += metrics.Millis(c.random.IntN(600_000))
		} else if c.random.IntN(3) == 0 {
			x.Outcome = metrics.JoinRefused
		}
		c.contacts = append(c.contacts, x)
		if x.Outcome != metrics.Answered || stay == 3 || c.random.IntN(8) > 0 {
			return x.Ended
		}
		at = x.Ended + metrics.Millis(c.random.IntN(2)*2000) // passed on
		queue = c.random.IntN(len(centreQueues))
	}
}

// storeAll hands the contacts over in the intervals in which they ended, and keeps
// the last ones on their way to the store.
func (c *callCentre) storeAll() {
	c.t.Helper()
	c.contacts = slices.DeleteFunc(c.contacts, func(x metrics.Contact) bool { return x.Ended >= c.now })
	byDay := map[metrics.Interval]*metrics.Sealed{} // a day at a time: a commit costs a sync
	for i := range c.contacts {
		x := &c.contacts[i]
		in := metrics.IntervalOf(x.Ended)
		in -= in % 96
		if byDay[in] == nil {
			byDay[in] = &metrics.Sealed{Switch: "fs1", Interval: in}
		}
		byDay[in].Contacts = append(byDay[in].Contacts, *x)
	}
	intervals := slices.Sorted(maps.Keys(byDay))
	for i, in := range intervals {
		if i == len(intervals)-1 {
			if err := c.intake.Flush(); err != nil {
				c.t.Fatal(err)
			}
		}
		c.intake.Take(byDay[in])
	}
}

// judged is what one contact comes to, by the oracle.
type judged struct {
	queue, agent     string
	at               metrics.Millis
	censored, repeat bool
}

// oracle judges all contacts, by sorting each caller's calls in each group and
// looking at every later one.
func (c *callCentre) oracle() []judged {
	type groupID struct {
		hash  [16]byte
		group string
	}
	type callID struct{ sw, leg string }
	type call struct {
		joined, ended metrics.Millis
		first         *metrics.Contact
	}
	calls := map[groupID]map[callID]*call{}
	windows := map[groupID]metrics.Millis{}
	for i := range c.contacts {
		x := &c.contacts[i]
		if x.Hash == [16]byte{} {
			continue
		}
		g := centreGroup(x.Queue)
		id := groupID{x.Hash, "group " + g.Name}
		if g.Name == "" {
			id.group = "queue " + x.Queue
		}
		windows[id] = g.Window
		if calls[id] == nil {
			calls[id] = map[callID]*call{}
		}
		k := callID{x.Switch, x.Leg}
		p := calls[id][k]
		if p == nil {
			p = &call{joined: math.MaxInt64}
			calls[id][k] = p
		}
		p.joined, p.ended = min(p.joined, x.Joined), max(p.ended, x.Ended)
		if x.Outcome == metrics.Answered && (p.first == nil || x.Joined < p.first.Joined || x.Joined == p.first.Joined && x.Ended < p.first.Ended) {
			p.first = x
		}
	}
	var out []judged
	for id, of := range calls {
		list := slices.SortedFunc(maps.Values(of), func(a, b *call) int { return cmp.Compare(a.joined, b.joined) })
		for _, p := range list {
			if p.first == nil {
				continue
			}
			j := judged{queue: p.first.Queue, agent: p.first.Agent, at: p.first.Ended, censored: c.now <= p.ended+windows[id]}
			for _, o := range list {
				if o != p && o.joined >= p.ended && o.joined <= p.ended+windows[id] && !j.censored {
					j.repeat = true
				}
			}
			out = append(out, j)
		}
	}
	return out
}

type counts struct{ eligible, repeat, censored int64 }

func (n *counts) add(j judged) {
	switch {
	case j.censored:
		n.censored++
	default:
		n.eligible++
		if j.repeat {
			n.repeat++
		}
	}
}

// check holds an answer against the oracle's counts by row.
func (c *callCentre) check(what string, rows []KPIRow, want map[string]*counts, key func(*KPIRow) string) {
	c.t.Helper()
	seen := 0
	for i := range rows {
		r := &rows[i]
		w := want[key(r)]
		if w == nil {
			w = &counts{}
		} else {
			seen++
		}
		got := counts{r.Counters["fcr_eligible"], r.Counters["fcr_repeat"], r.Counters["fcr_censored"]}
		if got != *w {
			c.t.Errorf("%s, %s: %+v, want %+v", what, key(r), got, *w)
		}
		switch fcr, repeat := r.KPIs["fcr"], r.KPIs["repeat_rate"]; {
		case w.eligible == 0:
			if fcr != nil || repeat != nil {
				c.t.Errorf("%s, %s: a figure without contacts", what, key(r))
			}
		case fcr == nil || repeat == nil || *fcr != float64(w.eligible-w.repeat)/float64(w.eligible) || *repeat != float64(w.repeat)/float64(w.eligible):
			c.t.Errorf("%s, %s: fcr is %v, repeat_rate %v of %+v", what, key(r), fcr, repeat, *w)
		}
	}
	if seen != len(want) {
		c.t.Errorf("%s: %d rows of %d", what, seen, len(want))
	}
}

func (c *callCentre) all(q KPIQuery) []KPIRow {
	c.t.Helper()
	return (&month{lab: c.lab}).all(q)
}

// TestResolutionOfAYear: a year of calls comes to what the oracle says, exactly, by
// queue, agent, team and for the site, whole and in steps.
func TestResolutionOfAYear(t *testing.T) {
	calls := 200_000
	if testing.Short() || raceEnabled {
		calls = 20_000
	}
	c := newCentre(t, calls, 365)
	truth := c.oracle()
	total := counts{}
	for _, j := range truth {
		total.add(j)
	}
	if total.repeat < total.eligible/10 || total.repeat > total.eligible/2 || total.censored < int64(calls)/200 {
		t.Fatalf("the year is not worth much: %+v", total)
	}
	team := func(agent string) string {
		return map[bool]string{true: "odd", false: "even"}[(agent[len(agent)-1]-'0')%2 == 1]
	}
	var agents []roster.Agent
	for i := range 40 {
		name := fmt.Sprintf("agent-%d", i)
		agents = append(agents, roster.Agent{ID: name, Stays: []roster.Stay{{Team: team(name)}}})
	}
	people := roster.New(time.UTC, []roster.Team{{ID: "odd"}, {ID: "even"}}, nil, agents)
	c.service.cfg.Roster = func() *roster.Roster { return people }

	kpis := []string{"fcr", "repeat_rate"}
	from := c.now.Time().AddDate(0, 0, -366)
	names := map[string]func(judged) string{
		Queues: func(j judged) string { return j.queue }, Agents: func(j judged) string { return j.agent },
		Teams: func(j judged) string { return team(j.agent) }, Site: func(judged) string { return "main" },
	}
	for kind, name := range names {
		want := map[string]*counts{}
		for _, j := range truth {
			if want[name(j)] == nil {
				want[name(j)] = &counts{}
			}
			want[name(j)].add(j)
		}
		c.check(kind, c.all(KPIQuery{Kind: kind, From: from, KPIs: kpis}), want, func(r *KPIRow) string { return r.Name })
	}

	// Months, and the days of a month; some names by their own lists, many by all.
	zone := c.service.cfg.Zone
	for _, x := range []struct {
		q      KPIQuery
		period string
	}{
		{KPIQuery{Kind: Queues, From: from, Step: "month"}, "2006-01"},
		{KPIQuery{Kind: Agents, From: from, Step: "month", Names: []string{"agent-3", "agent-17"}}, "2006-01"},
		{KPIQuery{Kind: Queues, From: c.now.Time().AddDate(0, 0, -40), To: c.now.Time().AddDate(0, 0, -5), Step: "day", Names: []string{"invoices", "billing"}}, "2006-01-02"},
		{KPIQuery{Kind: Agents, From: c.now.Time().AddDate(0, 0, -20), Step: "hour", Names: []string{"agent-1", "agent-2", "agent-3", "agent-4", "agent-5", "agent-6", "agent-7", "agent-8", "agent-9"}}, "2006-01-02T15"},
	} {
		q := x.q
		q.KPIs = kpis
		begin, end := interval(q.From), metrics.Interval(math.MaxInt64)
		if !q.To.IsZero() {
			end = intervalUp(q.To)
		}
		want := map[string]*counts{}
		for _, j := range truth {
			name, in := names[q.Kind](j), metrics.IntervalOf(j.at)
			if in < begin || in >= end || len(q.Names) > 0 && !slices.Contains(q.Names, name) {
				continue
			}
			key := j.at.Time().In(zone).Format(x.period) + " " + name
			if want[key] == nil {
				want[key] = &counts{}
			}
			want[key].add(j)
		}
		c.check(q.Kind+" by "+q.Step, c.all(q), want, func(r *KPIRow) string { return r.From.In(zone).Format(x.period) + " " + r.Name })
	}
}

// TestResolutionAtPresent: callers of a live switch, whose calls are in progress,
// concluded, on their way to the store and stored, count once each.
func TestResolutionAtPresent(t *testing.T) {
	l := newLab(t, "fs1")
	l.service.cfg.Group = func(string) metrics.QueueGroup { return metrics.QueueGroup{Window: 3600 * 1000} }
	fs := l.switches[0]
	fs.ready("1001")
	ask := func(want string) {
		t.Helper()
		row := l.row(KPIQuery{Kind: Queues, Names: []string{"support"}, KPIs: []string{"fcr"}}, "support")
		got := fmt.Sprintf("%d %d %d", row.Counters["fcr_eligible"], row.Counters["fcr_repeat"], row.Counters["fcr_censored"])
		if got != want {
			t.Errorf("eligible, repeat, censored are %s, want %s", got, want)
		}
	}
	fs.call("support", "1001", 1000, 60_000) // they are all of one caller
	ask("0 0 0")                             // what is told late of it may still come
	l.pass(30_000)
	ask("0 0 1")
	l.pass(30 * 60_000)
	v := fs.join("support") // a second call, which is in progress for long
	fs.offer(v, "1001")
	fs.connect(v, "1001")
	l.pass(20 * 60_000)
	ask("0 0 1") // not over an hour yet
	if err := l.intake.Flush(); err != nil {
		t.Fatal(err)
	}
	l.pass(60 * 60_000)
	ask("1 1 0") // the second call is no contact yet, but a further one
	if err := l.intake.Flush(); err != nil {
		t.Fatal(err)
	}
	ask("1 1 0")
	fs.end(v, "1001")
	l.pass(60_000)
	ask("1 1 1")
	l.pass(3 * 3600_000)
	ask("2 1 0")
	if err := l.intake.Flush(); err != nil {
		t.Fatal(err)
	}
	ask("2 1 0")
	if row := l.row(KPIQuery{Kind: Queues}, "support"); row.Counters["fcr_eligible"] != 0 || len(row.KPIs) < 10 {
		t.Errorf("unasked for, there are %v", row.Counters)
	} else if _, told := row.KPIs["fcr"]; told {
		t.Error("fcr is told unasked for")
	}
}

// BenchmarkResolutionOfAMonth asks for a month of 100,000 contacts, among those of
// three months.
func BenchmarkResolutionOfAMonth(b *testing.B) {
	c := newCentre(b, 300_000, 90)
	for _, q := range []KPIQuery{
		{Kind: Queues, KPIs: []string{"fcr"}}, {Kind: Agents, KPIs: []string{"fcr"}},
		{Kind: Agents, KPIs: []string{"fcr"}, Step: "day"}, {Kind: Agents, KPIs: []string{"fcr"}, Names: []string{"agent-3"}},
	} {
		q.From, q.To = c.now.Time().AddDate(0, 0, -60), c.now.Time().AddDate(0, 0, -30)
		b.Run(fmt.Sprintf("%s %s %v", q.Kind, q.Step, q.Names), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.kpi(q)
			}
		})
	}
}
