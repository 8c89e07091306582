package metrics

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// crew is two switches with one agent who has logins at both, and two who have
// not.
type crew struct {
	trackers [2]*Tracker
	people   *People
	raw      []*Sealed // as the trackers hand over
	sealed   []*Sealed // as it is handed on
}

func newCrew(patient bool) *crew {
	c := &crew{}
	c.people = NewPeople([]string{"ast1", "fs1"}, patient, func(s *Sealed) { c.sealed = append(c.sealed, s) })
	for i, name := range []string{"ast1", "fs1"} {
		n := NewNames()
		for _, a := range []string{"both", "only-" + name} { // other numbers on each switch
			if i == 1 {
				n.InternString(AgentName, "somebody")
			}
			n.InternString(AgentName, a)
		}
		n.InternString(QueueName, "q"+name)
		c.trackers[i] = NewTracker(n, Options{Switch: name, Shared: func(a string) bool { return a == "both" }, Sealed: c.take,
			Queue: func(string) QueueSettings { q := DefaultQueueSettings(); q.WrapUp = 20_000; return q }})
	}
	return c
}

func (c *crew) take(s *Sealed) {
	c.raw = append(c.raw, s)
	c.people.Take(s)
}

func (c *crew) agent(i int, name string) AgentID {
	return AgentID(c.trackers[i].names.InternString(AgentName, name))
}

func (c *crew) finish() {
	for _, t := range c.trackers {
		t.Finish()
	}
	c.people.Finish()
}

func (c *crew) sum() map[Key]*Rollup {
	out := map[Key]*Rollup{}
	for _, s := range c.sealed {
		for i := range s.Rollups {
			r := s.Rollups[i]
			if o := out[r.Key()]; o != nil {
				o.Merge(&r)
			} else {
				out[r.Key()] = &r
			}
		}
	}
	return out
}

// bytes is every rollup in the order of interval, switch and row: what the store
// would hold, whatever the order it came in.
func (c *crew) bytes() []byte {
	byKey := map[string]*Rollup{}
	for _, s := range c.sealed {
		for i := range s.Rollups {
			r := s.Rollups[i]
			k := fmt.Sprintf("%020d %s %v", r.Interval, r.Switch, r.Key())
			if o := byKey[k]; o != nil {
				o.Merge(&r)
			} else {
				byKey[k] = &r
			}
		}
	}
	var b []byte
	for _, k := range slices.Sorted(maps.Keys(byKey)) {
		if !byKey[k].isZero() {
			b, _ = byKey[k].AppendBinary(append(b, k...))
		}
	}
	return b
}

const crewStart Millis = 1_795_449_600_000 // a quarter hour begins

// step is one event at one of the two switches.
type step struct {
	sw int
	e  Event
}

// crewSteps draws an hour of statuses, calls and gaps.
func crewSteps(t *rapid.T, c *crew) []step {
	var out []step
	for sw := range 2 {
		at := crewStart + Millis(rapid.IntRange(0, 60_000).Draw(t, "begin"))
		visits := 0
		for range rapid.IntRange(3, 25).Draw(t, "n") {
			at += Millis(rapid.IntRange(0, 300_000).Draw(t, "pause"))
			who := c.agent(sw, rapid.SampledFrom([]string{"both", "both", fmt.Sprint("only-", c.trackers[sw].opt.Switch)}).Draw(t, "who"))
			put := func(e Event) { e.At = at; out = append(out, step{sw, e}) }
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0:
				put(Event{Kind: AgentStatus, Agent: who, Status: Ready})
			case 1:
				put(Event{Kind: AgentStatus, Agent: who, Status: LoggedOut})
			case 2:
				reason := rapid.SampledFrom([]string{"lunch", "training"}).Draw(t, "reason")
				put(Event{Kind: AgentStatus, Agent: who, Status: Paused, Reason: ReasonID(c.trackers[sw].names.InternString(ReasonName, reason))})
			case 3, 4:
				visits++
				id := IDString(fmt.Sprint("v", sw, "-", visits))
				put(Event{Kind: VisitJoined, Visit: id, Leg: id, Queue: 1})
				at += 1000
				put(Event{Kind: OfferStarted, Visit: id, Leg: id, Queue: 1, Agent: who})
				at += Millis(rapid.IntRange(0, 5000).Draw(t, "ring"))
				put(Event{Kind: Connected, Visit: id, Queue: 1, Agent: who, Peer: IDString("p" + id.String())})
				at += Millis(rapid.IntRange(0, 200_000).Draw(t, "talk"))
				put(Event{Kind: Disconnected, Visit: id, Queue: 1, Agent: who, By: Self, LegGone: true})
				put(Event{Kind: VisitLeft, Visit: id, Leg: id, Queue: 1, Outcome: Answered, LegGone: true})
			case 5:
				put(Event{Kind: SwitchLost})
				at += Millis(rapid.IntRange(1, 400_000).Draw(t, "gap"))
				put(Event{Kind: SwitchUp})
			}
		}
		out = append(out, step{sw, Event{Kind: ClockTick, At: crewStart + 4*IntervalLength}})
	}
	return out
}

// interleave keeps the order at each switch and nothing else.
func interleave(t *rapid.T, steps []step) []step {
	var lists [2][]step
	for _, s := range steps {
		lists[s.sw] = append(lists[s.sw], s)
	}
	var out []step
	for len(lists[0])+len(lists[1]) > 0 {
		k := rapid.IntRange(0, 1).Draw(t, "next")
		if len(lists[k]) == 0 {
			k = 1 - k
		}
		out = append(out, lists[k][0])
		lists[k] = lists[k][1:]
	}
	return out
}

func (c *crew) play(steps []step) {
	for i := range steps {
		e := steps[i].e
		c.trackers[steps[i].sw].Apply(&e)
	}
	c.finish()
}

// TestPeopleInterleaved: in whatever order two switches' events come, what is
// stored is the same to the byte, patient or not.
func TestPeopleInterleaved(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		steps := crewSteps(t, newCrew(true))
		a, b, c := newCrew(true), newCrew(true), newCrew(false)
		a.play(steps)
		b.play(interleave(t, steps))
		if !bytes.Equal(a.bytes(), b.bytes()) {
			t.Fatalf("another order of the two switches gives other rollups")
		}
		c.play(interleave(t, steps))
		x, y := a.sum(), c.sum()
		for k, r := range x {
			for _, n := range Counters() {
				got := int64(0)
				if o := y[k]; o != nil {
					got = o.Get(n)
				}
				// What is corrected afterwards does not correct what later intervals took over.
				if got != r.Get(n) && n != Logins && n != Pauses && n != LongestIdle {
					t.Fatalf("%v: %v is %d where nobody is waited for, %d else", k, n, got, r.Get(n))
				}
			}
		}
	})
}

// TestPeopleOneState: at each moment the agent is in one state, the busiest of
// what the switches tell; state times sum to logged-in wall-clock time.
func TestPeopleOneState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCrew(true)
		steps := crewSteps(t, c)
		c.play(steps)
		// What each switch told, moment by moment, in steps of a second.
		var told [2][]NamedSpan
		for _, s := range c.raw {
			for i, tr := range c.trackers {
				if s.Switch == tr.opt.Switch {
					for _, x := range s.Spans {
						if x.Shared && x.Mark == 0 {
							told[i] = append(told[i], x)
						}
					}
				}
			}
		}
		want := map[Counter]int64{}
		borders := []Millis{}
		for _, l := range told {
			for _, s := range l {
				borders = append(borders, s.From, s.To)
			}
		}
		slices.Sort(borders)
		borders = slices.Compact(borders)
		for n := 0; n+1 < len(borders); n++ {
			best, blind := Unknown, false
			for _, l := range told {
				for _, s := range l {
					if s.From <= borders[n] && s.To >= borders[n+1] {
						blind = blind || s.State == Unknown
						if Busier(s.State) > Busier(best) {
							best = s.State
						}
					}
				}
			}
			length := int64(borders[n+1] - borders[n])
			if blind {
				want[UnobservedTime] += length
			}
			if best.LoggedIn() {
				want[best.Counter()] += length
				want[LoggedInTime] += length
			}
		}
		got := c.sum()[Key{Kind: AgentRow, Name: "both"}]
		var states int64
		for _, n := range []Counter{AvailableTime, RingingTime, TalkingTime, HoldingTime, WrappingUpTime, PausedTime, OnOtherCallTime, LoggedInTime, UnobservedTime} {
			v := int64(0)
			if got != nil {
				v = got.Get(n)
			}
			if v != want[n] {
				t.Fatalf("%v is %d, want %d", n, v, want[n])
			}
			if n != LoggedInTime && n != UnobservedTime {
				states += v
			}
		}
		if states != want[LoggedInTime] {
			t.Fatalf("states sum to %d, logged in for %d", states, want[LoggedInTime])
		}
		// Wrap-up counted for queues is the agents'; pauses' reasons sum to the pauses.
		sums := map[RowKind]map[Counter]int64{}
		for k, r := range c.sum() {
			if sums[k.Kind] == nil {
				sums[k.Kind] = map[Counter]int64{}
			}
			for _, n := range []Counter{WrappingUpTime, PausedTime, Pauses} {
				sums[k.Kind][n] += r.Get(n)
			}
		}
		if a, q, p := sums[AgentRow][WrappingUpTime], sums[QueueRow][WrappingUpTime], sums[PairRow][WrappingUpTime]; a != q || a != p {
			t.Fatalf("wrap-up: agents %d, queues %d, pairs %d", a, q, p)
		}
		for _, n := range []Counter{PausedTime, Pauses} {
			if a, p := sums[AgentRow][n], sums[PauseRow][n]; a != p {
				t.Fatalf("%v: agents %d, reasons %d", n, a, p)
			}
		}
	})
}

// TestPeople by hand: an agent talks at one switch while the other shows him
// available, paused and gone.
func TestPeople(t *testing.T) {
	c := newCrew(true)
	at := func(sec int) Millis { return crewStart + Millis(sec)*1000 }
	on := func(sw int, sec int, e Event) {
		e.At, e.Agent = at(sec), c.agent(sw, "both")
		if e.Kind == ClockTick {
			e.Agent = 0
		}
		c.trackers[sw].Apply(&e)
	}
	lunch := ReasonID(c.trackers[1].names.InternString(ReasonName, "lunch"))
	on(0, 0, Event{Kind: AgentStatus, Status: LoggedOut})
	on(1, 0, Event{Kind: AgentStatus, Status: LoggedOut})
	on(0, 100, Event{Kind: AgentStatus, Status: Ready})
	on(1, 200, Event{Kind: AgentStatus, Status: Ready}) // no second login
	on(0, 300, Event{Kind: VisitJoined, Visit: IDString("v"), Leg: IDString("v"), Queue: 1})
	on(0, 300, Event{Kind: OfferStarted, Visit: IDString("v"), Leg: IDString("v"), Queue: 1})
	on(0, 310, Event{Kind: Connected, Visit: IDString("v"), Queue: 1, Peer: IDString("p")})
	on(1, 400, Event{Kind: AgentStatus, Status: Paused, Reason: lunch}) // talks on
	on(0, 500, Event{Kind: Disconnected, Visit: IDString("v"), Queue: 1, By: Self, LegGone: true})
	on(0, 500, Event{Kind: VisitLeft, Visit: IDString("v"), Leg: IDString("v"), Queue: 1, Outcome: Answered, LegGone: true})
	on(0, 600, Event{Kind: AgentStatus, Status: LoggedOut}) // now the pause shows
	on(1, 700, Event{Kind: AgentStatus, Status: LoggedOut})
	on(0, 2000, Event{Kind: ClockTick})
	on(1, 2000, Event{Kind: ClockTick})
	c.finish()
	got := c.sum()[Key{Kind: AgentRow, Name: "both"}]
	for n, want := range map[Counter]int64{AvailableTime: 200_000 + 80_000, RingingTime: 10_000, TalkingTime: 190_000, WrappingUpTime: 20_000,
		PausedTime: 100_000, LoggedInTime: 600_000, Logins: 1, Pauses: 1, LongestIdle: 200_000, AnsweredCount: 1} {
		if got.Get(n) != want {
			t.Errorf("%v is %d, want %d", n, got.Get(n), want)
		}
	}
	if q := c.sum()[Key{Kind: QueueRow, Name: "qast1"}]; q.Get(WrappingUpTime) != 20_000 || q.Get(AnsweredCount) != 1 {
		t.Errorf("queue: wrap-up %d, answered %d", q.Get(WrappingUpTime), q.Get(AnsweredCount))
	}
	if p := c.sum()[Key{Kind: PauseRow, Name: "both", Second: "lunch"}]; p.Get(PausedTime) != 100_000 || p.Get(Pauses) != 1 {
		t.Errorf("pause: %d ms, %d", p.Get(PausedTime), p.Get(Pauses))
	}
}

// TestPeoplePending: what is not handed on yet, and what comes of it in the end,
// are the same figures.
func TestPeoplePending(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCrew(false)
		steps := interleave(t, crewSteps(t, c))
		cut := rapid.IntRange(0, len(steps)).Draw(t, "cut")
		for i := range cut {
			e := steps[i].e
			c.trackers[steps[i].sw].Apply(&e)
		}
		var open []OpenSpans
		for _, tr := range c.trackers {
			for _, w := range tr.Windows() {
				open = append(open, OpenSpans{tr.opt.Switch, w.Interval, tr.Spans(w)})
			}
		}
		sum := c.sum()
		for _, r := range c.people.Pending(open) {
			if o := sum[r.Key()]; o != nil {
				o.Merge(r)
			} else {
				sum[r.Key()] = r
			}
		}
		k := Key{Kind: AgentRow, Name: "both"}
		before := int64(0)
		if r := sum[k]; r != nil {
			before = r.Get(TalkingTime)
			var states int64
			for _, n := range stateCounter {
				if n != 0 {
					states += r.Get(n)
				}
			}
			if states != r.Get(LoggedInTime) {
				t.Fatalf("states sum to %d, logged in for %d", states, r.Get(LoggedInTime))
			}
		}
		c.finish()
		if r := c.sum()[k]; r != nil && r.Get(TalkingTime) < before {
			t.Fatalf("talked for %d ms in the end, %d before", r.Get(TalkingTime), before)
		}
	})
}
