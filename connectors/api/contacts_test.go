package api

import (
	"context"
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
