package metrics

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// anyEvents draws a stream of facts, likely ones and unlikely ones, in any
// order: what a broken switch, a lossy link or a hostile peer could send.
func anyEvents(n *Names) *rapid.Generator[[]Event] {
	return rapid.Custom(func(t *rapid.T) []Event {
		at := Millis(1795449167837)
		var out []Event
		clock := ""
		for range rapid.IntRange(1, 120).Draw(t, "events") {
			switch rapid.IntRange(0, 20).Draw(t, "step") {
			case 0:
				at += Millis(rapid.Int64Range(0, 40*60_000).Draw(t, "far"))
			case 1:
				at -= Millis(rapid.Int64Range(0, 1_050).Draw(t, "back"))
			default:
				at += Millis(rapid.Int64Range(0, 5_000).Draw(t, "near"))
			}
			e := Event{Kind: Kind(rapid.IntRange(1, int(ClockSet)).Draw(t, "kind")), At: at}
			// The facts of calls, which there are most of.
			if rapid.IntRange(0, 3).Draw(t, "call") > 0 {
				e.Kind = rapid.SampledFrom([]Kind{VisitJoined, VisitLeft, OfferStarted, OfferAnswered, OfferEnded, Connected, Disconnected,
					LegEnded, LegHeld, LegResumed, AgentStatus, AgentFree}).Draw(t, "kind of call")
			}
			if e.Kind == ClockSet {
				// One call can join one queue twice in one millisecond then.
				clock += "'"
				at += Millis(rapid.Int64Range(-3*3600_000, 3*3600_000).Draw(t, "set"))
				e.At = at
			}
			visit := rapid.IntRange(0, 5).Draw(t, "visit")
			e.Visit = IDString(fmt.Sprintf("v%d%s", visit, clock))
			e.Leg = IDString(fmt.Sprintf("c%d%s", visit/2, clock))
			e.Queue = QueueID(n.InternString(QueueName, fmt.Sprintf("q%d", visit%2)))
			agent := rapid.IntRange(0, 3).Draw(t, "agent")
			e.Agent = AgentID(n.InternString(AgentName, fmt.Sprintf("a%d", agent)))
			e.Peer = IDString(fmt.Sprintf("p%d-%d", agent, visit))
			if rapid.Bool().Draw(t, "agent's leg") {
				e.Leg, e.Peer = e.Peer, e.Leg
			}
			e.Outcome = Outcome(rapid.IntRange(0, int(outcomes)-1).Draw(t, "outcome"))
			e.Cause = Cause(rapid.IntRange(0, int(NotConnected)).Draw(t, "cause"))
			e.By = Party(rapid.IntRange(0, 2).Draw(t, "by"))
			e.Moved = Move(rapid.IntRange(0, 2).Draw(t, "moved"))
			e.Direction = Direction(rapid.IntRange(0, 2).Draw(t, "direction"))
			e.Status = Status(rapid.IntRange(1, 3).Draw(t, "status"))
			e.Reason = ReasonID(n.InternString(ReasonName, fmt.Sprintf("r%d", agent%2)))
			e.LegGone = rapid.Bool().Draw(t, "leg gone")
			e.Known = rapid.IntRange(0, 9).Draw(t, "known") == 0
			e.Restarted = rapid.Bool().Draw(t, "restarted")
			if rapid.IntRange(0, 3).Draw(t, "repeats") == 0 {
				e.Joined = at - Millis(rapid.Int64Range(0, 60_000).Draw(t, "joined"))
				e.Answered = at - Millis(rapid.Int64Range(0, 30_000).Draw(t, "answered"))
			}
			e.Value = rapid.Int64Range(0, 30_000).Draw(t, "value")
			out = append(out, e)
		}
		return out
	})
}

// GoString keeps a counterexample readable.
func (e Event) GoString() string {
	return fmt.Sprintf("\n{%d kind=%d visit=%s leg=%s peer=%s agent=%d queue=%d outcome=%v cause=%d by=%d moved=%d status=%d gone=%t known=%t restarted=%t joined=%d answered=%d value=%d}",
		e.At, e.Kind, e.Visit, e.Leg, e.Peer, e.Agent, e.Queue, e.Outcome, e.Cause, e.By, e.Moved, e.Status, e.LegGone, e.Known, e.Restarted, e.Joined, e.Answered, e.Value)
}

type outcome struct {
	tracker  *Tracker
	evidence *evidence
	bytes    []byte
	sum      map[Key]*Rollup
	visits   []Contact
	open     []Contact
}

func playEvents(n *Names, events []Event) *outcome {
	o := &outcome{sum: map[Key]*Rollup{}, evidence: newEvidence()}
	o.tracker = NewTracker(n, Options{Switch: "sw", CallerKey: []byte("key"),
		Queue: func(name string) QueueSettings {
			q := DefaultQueueSettings()
			if name == "q1" {
				q.WrapUp = 15_000
			}
			return q
		},
		Sealed: func(s *Sealed) {
			o.evidence.take(s)
			for i := range s.Rollups {
				o.bytes, _ = s.Rollups[i].AppendBinary(o.bytes)
				r := s.Rollups[i]
				if x := o.sum[r.Key()]; x != nil {
					x.Merge(&r)
				} else {
					o.sum[r.Key()] = &r
				}
			}
			for i := range s.Contacts {
				o.bytes, _ = s.Contacts[i].AppendBinary(o.bytes)
			}
		},
		Visit: func(c *Contact) { o.visits = append(o.visits, *c) }})
	for i := range events {
		e := events[i]
		o.tracker.Apply(&e)
	}
	o.tracker.Finish()
	o.tracker.Open(func(c *Contact) { o.open = append(o.open, *c) })
	return o
}

// conserved holds whatever the events were.
func (o *outcome) conserved(t *rapid.T) {
	open, talking := map[string]int64{}, map[string]int64{}
	for _, c := range o.open {
		if c.Answered == 0 {
			open[c.Queue]++
		} else {
			talking[c.Queue]++
		}
	}
	offersOpen := map[string]int64{}
	for v := o.tracker.open; v != nil; v = v.next {
		for _, x := range v.offers {
			offersOpen[o.tracker.names.Name(AgentName, uint32(x.agent))]++
		}
	}
	for k, r := range o.sum {
		for _, c := range Counters() {
			if r.Get(c) < 0 {
				t.Fatalf("%v: %v is %d", k, c, r.Get(c))
			}
		}
		switch k.Kind {
		case QueueRow:
			sum := open[k.Name]
			for _, c := range []Counter{AnsweredCount, AbandonedCount, TimedOutCount, LeftEmptyCount, ExitedByKeyCount, WithdrawnCount, SwitchFailedCount, UnobservedCount} {
				sum += r.Get(c)
			}
			if sum != r.Get(Offered) { // who was refused never joined
				t.Fatalf("queue %s: offered %d, outcomes and open visits %d", k.Name, r.Get(Offered), sum)
			}
			ended := r.Get(EndedByCaller) + r.Get(EndedByAgent) + r.Get(EndedBySwitch) + r.Get(EndedUnknown) + r.Get(TransferredBlind) + r.Get(TransferredAttended)
			if ended+talking[k.Name] != r.Get(AnsweredCount) {
				t.Fatalf("queue %s: answered %d, ended %d, talking %d", k.Name, r.Get(AnsweredCount), ended, talking[k.Name])
			}
			waits := r.Histograms[AnsweredWaits].Total() + r.Histograms[AbandonedWaits].Total() + r.Histograms[LeftWaits].Total()
			if waits+open[k.Name] != r.Get(Offered) {
				t.Fatalf("queue %s: offered %d, waits %d, open %d", k.Name, r.Get(Offered), waits, open[k.Name])
			}
			if r.Get(Hold) > r.Get(Talk) {
				t.Fatalf("queue %s: hold %d ms of talk %d ms", k.Name, r.Get(Hold), r.Get(Talk))
			}
		case AgentRow:
			var sum int64
			for _, c := range stateCounter {
				if c != 0 {
					sum += r.Get(c)
				}
			}
			if sum != r.Get(LoggedInTime) {
				t.Fatalf("agent %s: states %d ms, logged in %d ms", k.Name, sum, r.Get(LoggedInTime))
			}
			results := r.Get(MissedCount) + r.Get(RejectedCount) + r.Get(CancelledCount) + r.Get(CallerGoneCount) + r.Get(UnseenOffers) + r.Get(AnsweredCount)
			if results+offersOpen[k.Name] != r.Get(Offers) {
				t.Fatalf("agent %s: offers %d, results %d, ringing %d", k.Name, r.Get(Offers), results, offersOpen[k.Name])
			}
			if r.Get(LongestIdle) > r.Get(AvailableTime) {
				t.Fatalf("agent %s: longest idle %d of %d ms available", k.Name, r.Get(LongestIdle), r.Get(AvailableTime))
			}
		}
	}
	// The present agrees with itself.
	for _, q := range o.tracker.queues {
		if q == nil {
			continue
		}
		n := 0
		for v := q.first; v != nil; v = v.behind {
			n++
		}
		if n != q.waiting || q.busy < 0 {
			t.Fatalf("queue %d: %d in line, %d counted, %d talking", q.id, n, q.waiting, q.busy)
		}
	}
	for _, a := range o.tracker.agents {
		if a != nil && (a.ringing < 0 || a.otherLegs < 0) {
			t.Fatalf("agent %d: %d rings, %d other legs", a.id, a.ringing, a.otherLegs)
		}
	}
	// The evidence adds up to the counters.
	if byQueue := countVisits(o.visits); true {
		for k, want := range byQueue {
			r := o.sum[Key{Kind: QueueRow, Name: k.queue}]
			if got := r.Get(outcomeCounterOf(k.outcome)); got != want+talkingIf(k.outcome, talking[k.queue]) {
				t.Fatalf("queue %s: %v counted %d, visits say %d", k.queue, k.outcome, got, want)
			}
		}
	}
}

type visitKey struct {
	queue   string
	outcome Outcome
}

func countVisits(l []Contact) map[visitKey]int64 {
	m := map[visitKey]int64{}
	for _, c := range l {
		m[visitKey{c.Queue, c.Outcome}]++
	}
	return m
}

func outcomeCounterOf(o Outcome) Counter {
	if o == Answered {
		return AnsweredCount
	}
	return outcomeCounter[o]
}

func talkingIf(o Outcome, n int64) int64 {
	if o == Answered {
		return n
	}
	return 0
}

// TestConservation: whatever comes, nothing is lost and nothing counted twice.
func TestConservation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := NewNames()
		playEvents(n, anyEvents(n).Draw(t, "events")).conserved(t)
	})
}

// TestDeterministic: the same events give the same bytes.
func TestDeterministic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := NewNames()
		events := anyEvents(n).Draw(t, "events")
		a, b := playEvents(n, events), playEvents(n, events)
		if !bytes.Equal(a.bytes, b.bytes) {
			t.Fatal("two runs over the same events differ")
		}
	})
}

// TestDuplicates: a fact of a queue's told twice in a row counts once.
func TestDuplicates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := NewNames()
		var once, twice []Event
		for _, e := range anyEvents(n).Draw(t, "events") {
			once, twice = append(once, e), append(twice, e)
			switch e.Kind {
			case VisitJoined, OfferStarted, Connected, AgentStatus, LegHeld, LegResumed, LegEnded, ClockTick, SwitchDown, SwitchLost:
				twice = append(twice, e)
			}
		}
		a, b := playEvents(n, once), playEvents(n, twice)
		if !bytes.Equal(a.bytes, b.bytes) {
			t.Fatal("duplicates changed what was counted")
		}
	})
}

// TestMergeAnyOrder: rollups merge to the same sum in any order and grouping.
func TestMergeAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := rapid.Custom(func(t *rapid.T) Rollup {
			var r Rollup
			for range rapid.IntRange(0, 6).Draw(t, "counters") {
				r.Values[rapid.IntRange(0, int(numCounters)-1).Draw(t, "counter")] = rapid.Int64Range(0, 1<<40).Draw(t, "value")
			}
			for range rapid.IntRange(0, 4).Draw(t, "waits") {
				r.Histograms[rapid.IntRange(0, int(histogramKinds)-1).Draw(t, "histogram")].Add(Millis(rapid.Int64Range(0, 20_000_000).Draw(t, "wait")))
			}
			return r
		})
		list := rapid.SliceOfN(draw, 1, 6).Draw(t, "rollups")
		sum := func(l []Rollup) []byte {
			var s Rollup
			for i := range l {
				s.Merge(&l[i])
			}
			b, _ := s.AppendBinary(nil)
			return b
		}
		want := sum(list)
		perm := rapid.Permutation(list).Draw(t, "order")
		if !bytes.Equal(sum(perm), want) {
			t.Fatal("the order of merging matters")
		}
		cut := rapid.IntRange(0, len(list)).Draw(t, "cut")
		var left, right Rollup
		for i := range list {
			if i < cut {
				left.Merge(&list[i])
			} else {
				right.Merge(&list[i])
			}
		}
		left.Merge(&right)
		if b, _ := left.AppendBinary(nil); !bytes.Equal(b, want) {
			t.Fatal("the grouping of merging matters")
		}
	})
}

// TestHistogramError: any wait lies within 1.6 % of its bin, exactly to the
// second up to two minutes.
func TestHistogramError(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := Millis(rapid.Int64Range(0, longestWait).Draw(t, "wait"))
		bin := waitBin(ms)
		upper, lower := WaitBinUpper(bin), Millis(-1)
		if bin > 0 {
			lower = WaitBinUpper(bin - 1)
		}
		if ms > upper || ms <= lower {
			t.Fatalf("%d ms is in bin %d, (%d, %d]", ms, bin, lower, upper)
		}
		if ms <= exactLimit {
			if want := (ms + 999) / 1000 * 1000; upper != want {
				t.Fatalf("%d ms is in the bin to %d ms", ms, upper)
			}
		} else if mid := (upper + lower) / 2; abs(ms-mid)*1000 > 16*ms {
			t.Fatalf("%d ms is %d ms from its bin's middle", ms, abs(ms-mid))
		}
	})
	edges := []Millis{0, 1, 999, 1000, 1001, exactLimit - 1, exactLimit, exactLimit + 1, longestWait, longestWait + 1, 1 << 50}
	for _, ms := range edges {
		if bin := waitBin(ms); bin < 0 || bin >= WaitBins {
			t.Errorf("%d ms is in bin %d of %d", ms, bin, WaitBins)
		}
	}
	if !slices.IsSortedFunc(edges, func(a, b Millis) int { return waitBin(a) - waitBin(b) }) {
		t.Error("bins do not grow with the wait")
	}
}

func abs(m Millis) Millis { return max(m, -m) }
