package api

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"tallyd/metrics"
	"tallyd/storage"
)

// answerAll asks for page after page.
func answerAll(t *testing.T, s *Service, q ContactQuery) (all []Contact, pages int) {
	t.Helper()
	for {
		answer, err := s.Contacts(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(answer.Contacts) > q.Limit {
			t.Fatalf("%d contacts, the limit is %d", len(answer.Contacts), q.Limit)
		}
		all = append(all, answer.Contacts...)
		if pages++; answer.Next == nil {
			return all, pages
		}
		q.After = answer.Next
	}
}

// Page by page comes what the latest record of each contact says, once, in order:
// whether it is stored, on its way, or on its way once more.
func TestContactPages(t *testing.T) {
	l := newLab(t, "fs1", "fs2")
	r := rand.New(rand.NewPCG(1, 2))
	want := map[contactID]metrics.Contact{}
	for round := range 12 {
		for _, sw := range l.switches {
			sealed := &metrics.Sealed{Switch: sw.name, Interval: metrics.IntervalOf(l.now) - 20 + metrics.Interval(round), Correction: true}
			for range 20 {
				n := r.IntN(150)
				joined := l.now - 3_000_000 + metrics.Millis(n)
				c := metrics.Contact{Switch: sw.name, Visit: fmt.Sprint(n), Leg: fmt.Sprint(n / 3), Queue: fmt.Sprintf("q%d", n%3), Outcome: metrics.Abandoned,
					Joined: joined, Ended: joined + metrics.Millis(1+r.IntN(40))}
				if n%5 == 0 {
					c.Kind, c.Queue, c.Agent, c.Way = metrics.CallContact, "", "1001", metrics.Outgoing
				}
				sealed.Contacts = append(sealed.Contacts, c)
				want[idOf(&c)] = c
			}
			l.intake.Take(sealed)
		}
		if round == 8 {
			if err := l.intake.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, kind := range []metrics.ContactKind{metrics.VisitContact, metrics.CallContact} {
		var list []metrics.Contact
		for _, c := range want {
			if c.Kind == kind {
				list = append(list, c)
			}
		}
		slices.SortFunc(list, func(a, b metrics.Contact) int { return storage.Compare(&a, &b) })
		for _, limit := range []int{1, 2, 7, MaxContacts} {
			got, pages := answerAll(t, l.service, ContactQuery{Kind: kind.String(), Limit: limit})
			if len(got) != len(list) || pages < len(list)/limit {
				t.Fatalf("%v: %d contacts in %d pages of %d, want %d", kind, len(got), pages, limit, len(list))
			}
			for i := range list {
				c := ContactOf(&list[i])
				c.Path, c.Step = wayOf(want, &list[i])
				if !reflect.DeepEqual(got[i], c) {
					t.Fatalf("%v, pages of %d: contact %d is\n%+v, want\n%+v", kind, limit, i, got[i], c)
				}
			}
		}
	}
}

// wayOf is the way of a visit's call, found by looking at every contact.
func wayOf(all map[contactID]metrics.Contact, c *metrics.Contact) (path []string, step int) {
	var visits []metrics.Contact
	for _, o := range all {
		if o.Kind == metrics.VisitContact && o.Switch == c.Switch && o.Leg == c.Leg {
			visits = append(visits, o)
		}
	}
	if c.Kind != metrics.VisitContact || len(visits) < 2 {
		return nil, 0
	}
	slices.SortFunc(visits, func(a, b metrics.Contact) int { return int(a.Joined - b.Joined) })
	for i, o := range visits {
		path = append(path, o.Queue)
		if o.Joined == c.Joined {
			step = i + 1
		}
	}
	return path, step
}

// A list that is halved until it fits goes on where it was cut, and a single
// contact gives up evidence.
func TestHalvedContacts(t *testing.T) {
	list := &ContactList{}
	for i := range 9 {
		list.Contacts = append(list.Contacts, Contact{ID: fmt.Sprint(i), Ended: metrics.Millis(i)})
	}
	list.Contacts[0].Attempts = make([]Attempt, 5)
	for want := []int{4, 2, 1}; len(want) > 0; want = want[1:] {
		if !list.Halve() || len(list.Contacts) != want[0] || list.Next == nil || list.Next.ID != fmt.Sprint(want[0]-1) {
			t.Fatalf("%d contacts are left, the next page is behind %+v", len(list.Contacts), list.Next)
		}
	}
	for _, want := range []int{2, 1, 0} {
		if !list.Halve() || len(list.Contacts[0].Attempts) != want {
			t.Fatalf("%d attempts are left, want %d", len(list.Contacts[0].Attempts), want)
		}
	}
	if list.Halve() {
		t.Error("nothing was left to halve")
	}
}

// Callers are found by their number, and no other field tells it.
func TestContactsOfCaller(t *testing.T) {
	l := newLab(t, "fs1")
	fs := l.switches[0]
	fs.ready("1001")
	fs.call("support", "1001", 4000, 60_000)
	l.pass(metrics.IntervalLength + 60_000)
	if err := l.intake.Flush(); err != nil {
		t.Fatal(err)
	}
	fs.abandon(fs.join("sales"))
	l.pass(1000)
	for number, want := range map[string]int{"13912345678": 2, "13912345679": 0} {
		got, _ := answerAll(t, l.service, ContactQuery{Caller: number, Limit: 10})
		if len(got) != want {
			t.Errorf("%d contacts of %s, want %d", len(got), number, want)
		}
	}
	if _, err := l.service.Contacts(context.Background(), ContactQuery{Kind: "mail"}); err == nil || err.Error() != `kind "mail" is neither visit nor call` {
		t.Errorf("error is %v", err)
	}
}

// TestCallBacks holds what is told of lost callers against a look at all contacts,
// stored or on their way, in pages from either end.
func TestCallBacks(t *testing.T) {
	l := newLab(t, "fs1")
	r := rand.New(rand.NewPCG(3, 4))
	sw := l.switches[0].name
	from := l.now - 3_000_000
	var all []metrics.Contact
	outcomes := []metrics.Outcome{metrics.Answered, metrics.Abandoned, metrics.TimedOut, metrics.Withdrawn, metrics.Unanswered}
	for n := range 600 {
		joined := from + metrics.Millis(r.IntN(2_000_000))
		c := metrics.Contact{Switch: sw, Visit: fmt.Sprint(n), Leg: fmt.Sprint(n), Queue: "q", Outcome: outcomes[r.IntN(4)], Joined: joined, Ended: joined + 1 + metrics.Millis(r.IntN(5000))}
		c.Hash[0] = byte(r.IntN(100)) // none of 0
		if n%4 == 1 {                 // the call of the one before goes on
			before := &all[n-1]
			c.Leg, c.Hash, c.Joined, c.Ended = before.Leg, before.Hash, before.Ended, before.Ended+100
		} else if n%3 == 0 {
			c.Kind, c.Queue, c.Agent, c.Way, c.Outcome = metrics.CallContact, "", "1001", metrics.Way(1+r.IntN(2)), outcomes[4*r.IntN(2)]
		}
		if c.Outcome == metrics.Answered {
			c.Agent, c.Answered = fmt.Sprintf("%d", 1000+r.IntN(3)), c.Joined
		}
		all = append(all, c)
		if n == 400 {
			l.intake.Take(&metrics.Sealed{Switch: sw, Interval: metrics.IntervalOf(l.now) - 20, Correction: true, Contacts: all})
			if err := l.intake.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	l.intake.Take(&metrics.Sealed{Switch: sw, Interval: metrics.IntervalOf(l.now) - 19, Correction: true, Contacts: all[401:]})

	states := map[string]int{}
	want := map[string]*CallBack{}
	for i := range all {
		c := &all[i]
		if c.Kind != metrics.VisitContact || c.Outcome != metrics.Abandoned && c.Outcome != metrics.TimedOut {
			continue
		}
		b := &CallBack{State: CallBackOpen}
		for _, x := range slices.SortedFunc(slices.Values(all), func(a, b metrics.Contact) int { return int(a.Joined - b.Joined) }) {
			out := x.Kind == metrics.CallContact && x.Way == metrics.Outgoing
			switch {
			case x.Joined < c.Ended || x.Hash != c.Hash || b.Reached():
			case x.Outcome == metrics.Answered && out:
				b = &CallBack{CalledBack, x.Joined, x.Agent, x.Visit}
			case x.Outcome == metrics.Answered && x.Kind == metrics.VisitContact && x.Leg == c.Leg:
				b = &CallBack{AnsweredLater, x.Joined, x.Agent, x.Visit}
			case x.Outcome == metrics.Answered:
				b = &CallBack{CalledAgain, x.Joined, x.Agent, x.Visit}
			case out:
				b = &CallBack{CallBackTried, x.Joined, x.Agent, x.Visit}
			}
		}
		if c.Hash == ([16]byte{}) {
			b = &CallBack{State: CallBackBlind}
		}
		want[c.Visit] = b
		states[b.State]++
	}
	if len(states) != 6 {
		t.Fatalf("only these were made: %v", states)
	}
	for _, newest := range []bool{false, true} {
		for _, ask := range []string{"", CallBackTold, CallBackDue} {
			got, _ := answerAll(t, l.service, ContactQuery{Limit: 7, CallBack: ask, Newest: newest})
			seen := 0
			for i, c := range got {
				if i > 0 && (got[i-1].Ended > c.Ended) != newest && got[i-1].Ended != c.Ended {
					t.Fatalf("newest %v: %d comes after %d", newest, c.Ended, got[i-1].Ended)
				}
				w := want[c.ID]
				if ask == "" {
					w = nil
				}
				if !reflect.DeepEqual(c.CallBack, w) && !(w != nil && c.CallBack != nil && c.CallBack.State == w.State && c.CallBack.At == w.At) {
					t.Fatalf("call_back %q: visit %s has %+v, want %+v", ask, c.ID, c.CallBack, w)
				}
				if c.CallBack != nil {
					seen++
				}
			}
			due := states[CallBackOpen] + states[CallBackTried]
			if n := map[string]int{"": 0, CallBackTold: len(want), CallBackDue: due}[ask]; seen != n || ask == CallBackDue && len(got) != due {
				t.Errorf("newest %v, call_back %q: %d of %d contacts tell, want %d", newest, ask, seen, len(got), n)
			}
		}
	}
}

// TestRung: whoever was rung sees that, and nothing of what another did who answered.
func TestRung(t *testing.T) {
	l := newLab(t, "fs1")
	fs := l.switches[0]
	for _, agent := range []string{"ann", "bob"} {
		fs.ready(agent)
	}
	v := fs.join("support")
	fs.offer(v, "ann")
	l.pass(5000)
	fs.apply(metrics.Event{Kind: metrics.OfferEnded, Visit: v, Agent: fs.agent("ann"), Cause: metrics.NoAnswer})
	fs.offer(v, "bob")
	l.pass(2000)
	fs.connect(v, "bob")
	l.pass(60_000)
	fs.end(v, "bob")
	fs.call("support", "bob", 1000, 1000) // rang at bob's alone
	l.pass(metrics.IntervalLength + 60_000)

	ask := func(who Asker, q ContactQuery) []Contact {
		t.Helper()
		list, err := l.service.As(who, "test").Contacts(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		return list.Contacts
	}
	ann := Asker{Name: "ann", Role: AgentRole, Agent: "ann"}
	got := ask(ann, ContactQuery{Rung: "ann"})
	if len(got) != 1 || got[0].ID != v.String() || got[0].Wait != 7000 {
		t.Fatalf("what rang at ann's is %+v", got)
	}
	if c := got[0]; c.Agent != "" || c.Talk != 0 || c.EndedBy != "" || len(c.Attempts) != 1 || c.Attempts[0].Agent != "ann" {
		t.Errorf("ann sees of bob's call: %+v", c)
	}
	if own := ask(ann, ContactQuery{}); len(own) != 0 {
		t.Errorf("ann answered %+v", own)
	}
	boss := Asker{Name: "boss", Role: AdminRole}
	if c := ask(boss, ContactQuery{Rung: "ann"}); len(c) != 1 || c[0].Agent != "bob" || c[0].Talk != 60_000 || len(c[0].Attempts) != 2 {
		t.Errorf("an administrator sees %+v", c)
	}
	if _, err := l.service.As(ann, "test").Contacts(t.Context(), ContactQuery{Rung: "bob"}); !errors.Is(err, ErrForbidden) {
		t.Errorf("ann may ask what rang at bob's: %v", err)
	}
}

// TestCallBackWithin: whether a caller was reached does not depend on who else is in the
// list: a talk that is too late for the first call is of the second alone.
func TestCallBackWithin(t *testing.T) {
	day := metrics.Millis(86_400_000)
	l := newLab(t, "fs1")
	lostAt := func(id string, ended metrics.Millis) metrics.Contact {
		return metrics.Contact{Switch: "fs1", Visit: id, Leg: id, Queue: "q", Hash: [16]byte{1}, Outcome: metrics.Abandoned, Joined: ended - 1000, Ended: ended}
	}
	talk := lostAt("talk", l.now-day)
	talk.Outcome, talk.Answered, talk.Agent = metrics.Answered, talk.Joined, "ann"
	for n, list := range [][]metrics.Contact{{lostAt("long ago", l.now-40*day), lostAt("lately", l.now-20*day)}, {talk}} {
		l.intake.Take(&metrics.Sealed{Switch: "fs1", Interval: metrics.IntervalOf(l.now) - 20 + metrics.Interval(n), Correction: true, Contacts: list})
		if n == 0 {
			if err := l.intake.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	got, _ := answerAll(t, l.service, ContactQuery{From: (l.now - 50*day).Time(), Limit: 10, CallBack: CallBackTold, Outcomes: []string{"abandoned"}})
	if len(got) != 2 || got[0].CallBack.State != CallBackOpen || got[1].CallBack.State != CalledAgain {
		t.Errorf("%+v", got)
	}
}
