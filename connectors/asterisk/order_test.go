package asterisk

import (
	"math/rand/v2"
	"slices"
	"testing"

	"tallyd/connectors/asterisk/arievent"
	"tallyd/metrics"
)

// about is what an event is about, as far as the order of two matters: channels
// and bridges.
func about(t *testing.T, b []byte) (out []string) {
	t.Helper()
	var e arievent.Event
	if err := e.Decode(b); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*arievent.Channel{&e.Channel, &e.Caller, &e.Peer, &e.Forwarded, &e.FirstLeg, &e.SecondLeg, &e.Transferee} {
		if c.Present() {
			name, _ := cutHalf(c.Name) // both halves of a Local channel are one thing
			out = append(out, string(c.ID), string(name))
		}
	}
	for _, r := range []*arievent.Bridge{&e.Bridge, &e.FirstLegBridge, &e.SecondBridge} {
		if len(r.ID) > 0 {
			out = append(out, string(r.ID))
		}
	}
	if len(e.Device) > 0 {
		out = append(out, "devices")
	}
	return out
}

// TestShuffled: events of different channels may come in another order than they
// happened in, as they do by up to 45 ms. That changes no visit.
func TestShuffled(t *testing.T) {
	for _, folder := range []string{"testdata/asterisk22", "testdata/asterisk16"} {
		list := recordedEvents(t, folder)
		topics := make([][]string, len(list))
		for i, b := range list {
			topics[i] = about(t, b)
		}
		want := replay(t, folder, false)
		for seed := range uint64(3) {
			rnd := rand.New(rand.NewPCG(seed, 9))
			order := make([]int, len(list))
			for i := range order {
				order[i] = i
			}
			swapped := 0
			for range 12 {
				for i := 1; i < len(order); i++ {
					a, b := order[i-1], order[i]
					if rnd.IntN(2) == 0 && !slices.ContainsFunc(topics[a], func(x string) bool { return slices.Contains(topics[b], x) }) &&
						arievent.Stamp(list[b])-arievent.Stamp(list[a]) < 45 {
						order[i-1], order[i] = b, a
						swapped++
					}
				}
			}
			r := newReplayed()
			for _, i := range order {
				r.translator.Event(list[i], 0)
			}
			r.finish()
			if swapped < len(list)/10 {
				t.Errorf("%s: only %d swaps", folder, swapped)
			}
			sameVisits(t, want, r)
		}
	}
}

// TestTwice: an event that comes twice counts once.
func TestTwice(t *testing.T) {
	for _, folder := range []string{"testdata/asterisk22", "testdata/asterisk16"} {
		want, r := replay(t, folder, false), newReplayed()
		for _, b := range recordedEvents(t, folder) {
			r.translator.Event(b, 0)
			r.translator.Event(b, 0)
		}
		r.finish()
		sameVisits(t, want, r)
	}
}

func sameVisits(t *testing.T, want, got *replayed) {
	t.Helper()
	type visit struct {
		leg, queue string
		n          int
	}
	count := map[visit]int{}
	contacts := map[visit]metrics.Contact{}
	for _, c := range want.contacts {
		k := visit{c.Leg, c.Queue, 0}
		count[k]++
		k.n = count[k]
		contacts[k] = c
	}
	clear(count)
	for _, c := range got.contacts {
		k := visit{c.Leg, c.Queue, 0}
		count[k]++
		k.n = count[k]
		w, ok := contacts[k]
		if !ok {
			t.Errorf("a visit that was none: %+v", c)
			continue
		}
		near := func(a, b metrics.Millis) bool { return a-b <= 100 && b-a <= 100 }
		if c.Outcome != w.Outcome || c.Agent != w.Agent || c.EndedBy != w.EndedBy || c.Offers != w.Offers || c.Holds != w.Holds || !near(c.Wait(), w.Wait()) || !near(c.Talk(), w.Talk()) || !near(c.Hold, w.Hold) {
			t.Errorf("the visit\n%+v, in order\n%+v", c, w)
		}
	}
	if len(got.contacts) != len(want.contacts) {
		t.Errorf("%d visits, in order %d", len(got.contacts), len(want.contacts))
	}
}

// TestOutOfSight: a part of a recording is not seen, and no snapshot mends it, as
// between two recordings. What is counted of a visit is then true, or is said to
// be not known: but for one in a thousand, whose last events lie on both sides of
// the border, or that took the place of a visit that was not seen.
func TestOutOfSight(t *testing.T) {
	for _, folder := range []string{"testdata/asterisk22", "testdata/asterisk16", "testdata/lab22", "testdata/lab16"} {
		list := recordedEvents(t, folder)
		whole := map[string][]metrics.Contact{}
		for _, c := range replay(t, folder, false).contacts {
			k := c.Leg + " " + c.Queue
			whole[k] = append(whole[k], c)
		}
		rnd := rand.New(rand.NewPCG(1, 2))
		known, all, wrong := 0, 0, 0
		for range 25 {
			from := rnd.IntN(len(list) - 100)
			to := min(len(list), from+20+rnd.IntN(3000))
			r := newReplayed()
			for _, b := range list[:from] {
				r.translator.Event(b, 0)
			}
			r.translator.Lost()
			for _, b := range list[to:] {
				r.translator.Event(b, 0)
			}
			r.finish()
			r.adds(t)
			for _, c := range r.contacts {
				all++
				if c.Outcome == metrics.Unobserved || c.Outcome == metrics.InProgress || c.Ended == 0 {
					continue
				}
				if !slices.ContainsFunc(whole[c.Leg+" "+c.Queue], func(w metrics.Contact) bool {
					return c.Outcome == w.Outcome && c.Agent == w.Agent && (c.EndedBy == w.EndedBy || c.EndedBy == metrics.EndUnknown)
				}) {
					t.Logf("%s without %d to %d: %+v, whole %+v", folder, from, to, c, whole[c.Leg+" "+c.Queue])
					wrong++
					continue
				}
				known++
			}
		}
		if known < all*3/4 || wrong*1000 > all {
			t.Errorf("%s: of %d visits %d are known, %d wrong", folder, all, known, wrong)
		}
	}
}
