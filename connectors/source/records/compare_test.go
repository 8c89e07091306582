package records

import (
	"strings"
	"testing"

	"tallyd/metrics"
)

func says(rec *Record, r *Result) string {
	var l []string
	for _, d := range r.Differences {
		l = append(l, d.In(rec.Name))
	}
	return strings.Join(l, "\n")
}

// TestSpans: what was asked for, what the record covers and what was seen and
// closed say which visits are compared.
func TestSpans(t *testing.T) {
	left := func(id string, joined, ended metrics.Millis) metrics.Contact {
		return metrics.Contact{Visit: id, Leg: id, Queue: "q", Joined: joined, Ended: ended, Outcome: metrics.Abandoned}
	}
	visit := func(id string, joined, last metrics.Millis, open bool) *Visit {
		return &Visit{ID: id, Queue: "q", Joined: joined, Last: last, Outcomes: []metrics.Outcome{metrics.Abandoned}, Open: open}
	}
	by := func(agent string, v *Visit) *Visit { v.Agent = agent; return v }
	rest := func(v *Visit) *Visit { v.Rest = true; return v }
	for _, c := range []struct {
		name                      string
		rec                       Record
		counted                   Counted
		asked                     Span
		visits, compared, leftOut int
		unexplained, withAReason  int
		says                      string
	}{
		{"both have it", Record{Visits: []*Visit{visit("a", 1000, 1000, false)}}, Counted{Contacts: []metrics.Contact{left("a", 1000, 2000)}}, Span{}, 1, 1, 0, 0, 0, ""},
		{"before what was asked", Record{Visits: []*Visit{visit("a", 1000, 1000, false)}}, Counted{Contacts: []metrics.Contact{left("a", 1000, 2000)}}, Span{From: 1500}, 1, 0, 1, 0, 0, ""},
		{"asked, and not counted", Record{Visits: []*Visit{visit("a", 1000, 1000, false)}}, Counted{}, Span{To: 1500}, 1, 0, 0, 1, 0, "has it, counted not"},
		{"not counted, before counting began", Record{Visits: []*Visit{visit("a", 1000, 1000, false)}}, Counted{Seen: Span{From: 1500}}, Span{}, 1, 0, 1, 0, 0, ""},
		{"its interval is not closed", Record{Visits: []*Visit{visit("a", 1000, 9000, false)}}, Counted{Closed: 5000}, Span{}, 1, 0, 1, 0, 0, ""},
		{"the record has no end of it", Record{Visits: []*Visit{visit("a", 1000, 1000, true)}}, Counted{Closed: 5000}, Span{}, 1, 0, 0, 0, 1, StillOn},
		{"counted, not in the record", Record{}, Counted{Contacts: []metrics.Contact{left("a", 1000, 2000)}}, Span{}, 0, 0, 0, 1, 0, "does not have it, counted has it"},
		{"counted, before the record begins", Record{Span: Span{From: 1500}}, Counted{Contacts: []metrics.Contact{left("a", 1000, 2000)}}, Span{}, 0, 0, 0, 0, 0, ""},
		{"counted, at the record's very border", Record{Span: Span{From: 900}}, Counted{Closed: 1e9, Contacts: []metrics.Contact{left("a", 1000, 2000)}}, Span{}, 0, 0, 0, 0, 0, ""},
		{"a list need not have it", Record{Needs: none}, Counted{Contacts: []metrics.Contact{left("a", 1000, 2000)}}, Span{}, 0, 0, 0, 0, 0, ""},
		{"written at the end of calls, after this one", Record{AtEnd: true, Span: Span{From: 3000, To: 90_000}}, Counted{Contacts: []metrics.Contact{left("a", 1000, 2000)}}, Span{}, 0, 0, 0, 0, 0, ""},
		{"written at the end of calls, before this one", Record{AtEnd: true, Span: Span{From: 1, To: 90_000}}, Counted{Contacts: []metrics.Contact{left("a", 50_000, 60_000)}}, Span{}, 0, 0, 0, 1, 0, "counted has it"},
		{"perhaps a visit", Record{Visits: []*Visit{{ID: "a", Queue: "q", Perhaps: true}}}, Counted{}, Span{}, 0, 0, 0, 0, 0, ""},
		{"one visit in two pieces, the first of which goes with it", Record{Visits: []*Visit{visit("a", 1000, 1000, false), rest(visit("a", 9000, 9000, false))}}, Counted{Contacts: []metrics.Contact{left("a", 1000, 2000)}}, Span{}, 1, 1, 0, 0, 0, ""},
		{"the second of which goes with it", Record{Visits: []*Visit{visit("a", 1000, 1000, false), rest(visit("a", 9000, 9000, false))}}, Counted{Contacts: []metrics.Contact{left("a", 9000, 9500)}}, Span{}, 1, 1, 0, 0, 0, ""},
		{"in three", Record{Visits: []*Visit{visit("a", 1000, 1000, false), rest(visit("a", 4000, 4000, false)), rest(visit("a", 9000, 9000, false))}}, Counted{Contacts: []metrics.Contact{left("a", 9000, 9500)}}, Span{}, 1, 1, 0, 0, 0, ""},
		{"in two pieces, neither counted", Record{Visits: []*Visit{visit("a", 1000, 1000, false), rest(visit("a", 9000, 9000, false))}}, Counted{}, Span{}, 1, 0, 0, 1, 0, "has it, counted not"},
		{"a rest with another agent", Record{Visits: []*Visit{by("x", visit("a", 1000, 1000, false)), by("y", rest(visit("a", 9000, 9000, false)))}}, Counted{Contacts: []metrics.Contact{left("a", 9000, 9500)}}, Span{}, 2, 1, 0, 1, 0, "counted not"},
		{"a rest of another's", Record{Visits: []*Visit{visit("b", 1000, 1000, false), rest(visit("a", 9000, 9000, false))}}, Counted{Contacts: []metrics.Contact{left("a", 9000, 9500)}}, Span{}, 2, 1, 0, 1, 0, "visit b in queue q: visit: log has it, counted not"},
		{"the switch stopped", Record{AtEnd: true, Span: Span{From: 1, To: 90_000}}, Counted{Contacts: []metrics.Contact{{Visit: "a", Leg: "a", Queue: "q", Joined: 50_000, Ended: 60_000, Outcome: metrics.SwitchFailed}}},
			Span{}, 0, 0, 0, 0, 1, SwitchFailed},
		{"may be on the line", Record{AtEnd: true, Span: Span{From: 1, To: 90_000}}, Counted{Contacts: []metrics.Contact{{Visit: "a", Leg: "a", Queue: "q", Joined: 50_000, Ended: 60_000, Outcome: metrics.TimedOut}}},
			Span{}, 0, 0, 0, 0, 1, NotOver},
	} {
		c.rec.Name = "log"
		r := Compare(&c.rec, &c.counted, c.asked)
		text := says(&c.rec, r)
		unexplained := len(r.Unexplained())
		if r.Visits != c.visits || r.Compared != c.compared || r.LeftOut != c.leftOut || unexplained != c.unexplained ||
			len(r.Differences)-unexplained != c.withAReason || !strings.Contains(text, c.says) {
			t.Errorf("%s: %+v\n%s", c.name, r, text)
		}
	}
}

// TestFields: each field of a visit is held against the count where the record
// tells it, within what it can tell.
func TestFields(t *testing.T) {
	c := metrics.Contact{Visit: "a", Leg: "a", Queue: "q", Agent: "PJSIP/1", Joined: 10_000, Answered: 13_500, Ended: 20_000, Outcome: metrics.Answered, EndedBy: metrics.ByAgent}
	fine := Visit{ID: "a", Line: 7, Queue: "q", Agent: "PJSIP/1", Outcomes: []metrics.Outcome{metrics.Answered}, EndedBy: []metrics.EndedBy{metrics.ByAgent, metrics.ByCaller},
		Joined: 10_000, Wait: 3000, Waited: true, Ended: 19_500, Slack: WholeSeconds}
	for _, x := range []struct {
		change func(v *Visit)
		says   string
	}{
		{func(*Visit) {}, ""},
		{func(v *Visit) { *v = Visit{ID: "a", Outcomes: []metrics.Outcome{metrics.Answered}} }, ""}, // it tells nothing
		{func(v *Visit) { v.Queue = "r" }, "line 7: visit a in queue q: queue: log r, counted q"},
		{func(v *Visit) { v.Outcomes = Unanswered() }, "outcome: log timed_out or left_empty or exited_by_key or withdrawn or join_refused, counted answered"},
		{func(v *Visit) { v.Wait = 2000 }, "wait: log 2 s, counted 3500 ms"},
		{func(v *Visit) { v.Wait, v.Slack, v.Ended = 3449, 50, 0 }, "wait: log 3449 ms, counted 3500 ms"},
		{func(v *Visit) { v.Ended = 18_000 }, "ended: log 00:00:18Z, counted 00:00:20.000Z"},
		{func(v *Visit) { v.Ended, v.Latest = 18_000, 19_000 }, ""},
		{func(v *Visit) { v.Ended, v.Latest = 15_000, 18_000 }, "ended: log 00:00:15Z, counted 00:00:20.000Z"},
		{func(v *Visit) { v.Ended, v.Latest = 22_000, 90_000 }, "ended: log 00:00:22Z, counted 00:00:20.000Z"},
		{func(v *Visit) { v.EndedBy, v.End = v.EndedBy[1:], "BYE" }, "ended_by: log caller BYE, counted agent"},
		{func(v *Visit) {
			v.Agent = "PJSIP/2"
			v.Why = func(what string, _ *metrics.Contact) string { return "its " + what + " is never right" }
		},
			"agent: log PJSIP/2, counted PJSIP/1 (its agent is never right)"},
	} {
		v := fine
		x.change(&v)
		other := metrics.Contact{Visit: "b", Leg: "b", Queue: "q", Agent: "PJSIP/2", Joined: 10_000, Answered: 13_500, Ended: 20_000, Outcome: metrics.Answered}
		rec := &Record{Name: "log", Visits: []*Visit{&v, {ID: "b", Queue: "q", Agent: "PJSIP/2", Outcomes: []metrics.Outcome{metrics.Answered}}},
			Alias: func(a string) string { return a }}
		got := says(rec, Compare(rec, &Counted{Contacts: []metrics.Contact{c, other}}, Span{}))
		if x.says == "" && got != "" || !strings.Contains(got, x.says) || strings.Count(got, "\n") > 0 {
			t.Errorf("%s, want %q", got, x.says)
		}
	}
}

// TestTakenIn: what a record tells of two stays that it has as one may be of
// both; only where it is known that it has no second.
func TestTakenIn(t *testing.T) {
	counted := &Counted{Contacts: []metrics.Contact{
		{Visit: "a", Leg: "a", Queue: "q", Joined: 10_000, Ended: 12_000, Outcome: metrics.TimedOut},
		{Visit: "a", Leg: "a", Queue: "q", Joined: 12_001, Ended: 14_000, Outcome: metrics.Abandoned},
	}}
	rec := &Record{Name: "log", Visits: []*Visit{{ID: "a", Queue: "q", Joined: 10_000, Wait: 4000, Waited: true, Slack: 50, Outcomes: []metrics.Outcome{metrics.Abandoned}}},
		Missing: func(c *metrics.Contact) string { return "one row for both" }}
	r := Compare(rec, counted, Span{})
	want := "visit a in queue q: outcome: log abandoned, counted timed_out (one row for both)\nvisit a in queue q: visit: log does not have it, counted has it (one row for both)"
	if got := says(rec, r); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	rec.Missing = func(*metrics.Contact) string { return "" }
	if r := Compare(rec, counted, Span{}); len(r.Unexplained()) != 2 {
		t.Error(says(rec, r))
	}
}
