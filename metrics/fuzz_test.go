package metrics

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"runtime/debug"
	"testing"

	"pgregory.net/rapid"
)

// fuzzedEvent is how many bytes of fuzz input make one event.
const fuzzedEvent = 20

// eventsOf makes events of arbitrary bytes: any kind, any number where an enum
// is meant, a few agents, queues, legs and visits so that they meet, and stamps
// that mostly go on, sometimes back, sometimes anywhere.
func eventsOf(n *Names, input []byte) []Event {
	for i := range 4 {
		n.InternString(AgentName, fmt.Sprintf("a%d", i))
		n.InternString(QueueName, fmt.Sprintf("q%d", i))
		n.InternString(ReasonName, fmt.Sprintf("r%d", i))
	}
	at := Millis(1795449167837)
	var out []Event
	for ; len(input) >= fuzzedEvent && len(out) < 2000; input = input[fuzzedEvent:] {
		b := input[:fuzzedEvent]
		e := Event{Kind: Kind(within(b[0], byte(ClockSet))), Outcome: Outcome(within(b[1], byte(outcomes))), Cause: Cause(within(b[2], byte(NotConnected))), By: Party(b[3] & 3), Moved: Move(b[3] >> 2 & 3),
			Direction: Direction(b[3] >> 4), Status: Status(within(b[4], byte(Paused))), Known: b[5]&1 != 0, Restarted: b[5]&2 != 0, LegGone: b[5]&4 != 0,
			Agent: AgentID(b[6] % 6), Queue: QueueID(b[7] % 6), Reason: ReasonID(b[8] % 6),
			Leg: fuzzedID(b[9]), Peer: fuzzedID(b[10]), Visit: fuzzedID(b[11])}
		if b[5]&8 != 0 {
			e.Caller = MakeCaller(input)
		}
		step := Millis(binary.LittleEndian.Uint16(b[12:]))
		switch b[14] % 8 {
		case 0:
			at += step * 1000
		case 1:
			at -= step % 1050
		default:
			at += step % 4096
		}
		e.At = at
		if b[14] >= 0xf0 {
			// No stamp, or one that cannot be; not further off than some weeks, as each
			// quarter of an hour between is marked where several agree on such a stamp
			// (TestMemoryOfGaps of the FreeSWITCH connector).
			const far = 40 * 24 * 3600 * 1000
			if e.At = fuzzedMoment(b[15], at); e.At > 0 {
				e.At = min(max(e.At, at-far), at+far)
			}
		}
		e.Joined, e.Answered = fuzzedMoment(b[16], at), fuzzedMoment(b[17], at)
		e.Value = int64(fuzzedMoment(b[18], Millis(b[19])))
		e.Offset = int64(len(out))
		out = append(out, e)
	}
	return out
}

// within is mostly a number of an enum that ends at last, now and then beyond.
func within(b, last byte) byte {
	if b >= 0xf0 {
		return b
	}
	return b % (last + 1)
}

func fuzzedID(b byte) ID {
	if b == 0 {
		return ID{}
	}
	return IDString(fmt.Sprintf("id%d", b%12))
}

// fuzzedMoment is near a moment, or none, or one that cannot be.
func fuzzedMoment(b byte, near Millis) Millis {
	switch b {
	case 0xff:
		return math.MaxInt64
	case 0xfe:
		return math.MinInt64
	case 0xfd:
		return 1
	case 0xfc:
		return -1
	case 0xfb:
		return math.MaxInt64 / 1000
	}
	if b < 0x80 {
		return 0
	}
	return near - Millis(b-0x80)*500
}

// FuzzTracker: whatever facts come, in whatever order, nothing panics, nothing
// is lost or counted twice, and the same facts give the same bytes.
func FuzzTracker(f *testing.F) {
	f.Add([]byte{})
	f.Add(wholeCallBytes())
	f.Fuzz(func(t *testing.T, input []byte) {
		defer func() { // so that one panic does not hide what else there is
			if p := recover(); p != nil {
				t.Errorf("%v\n%s", p, debug.Stack())
			}
		}()
		n := NewNames()
		events := eventsOf(n, input)
		o := playEvents(n, events)
		if again := playEvents(n, events); !bytes.Equal(o.bytes, again.bytes) {
			t.Fatal("two runs over the same events differ")
		}
		if err := o.evidence.compare("sw"); err != nil {
			t.Fatal(err)
		}
		rapid.MakeFuzz(o.conserved)(t, nil) // which wants a *rapid.T of the property tests
	})
}

// wholeCallBytes is one call as input of FuzzTracker, a place to start from.
func wholeCallBytes() []byte {
	var b []byte
	for _, k := range []Kind{AgentStatus, VisitJoined, LegStarted, OfferStarted, OfferAnswered, Connected, LegHeld, LegResumed, LegEnded, Disconnected, VisitLeft, AgentFree} {
		e := make([]byte, fuzzedEvent)
		e[0], e[1], e[4], e[6], e[7], e[9], e[10], e[11], e[12], e[14] = byte(k), byte(Answered), byte(Ready), 1, 1, 1, 2, 3, 200, 2
		if k == LegHeld || k == LegResumed || k == LegEnded {
			e[9] = 2 // the agent's leg
		}
		b = append(b, e...)
	}
	return b
}

// FuzzRollup: no bytes make the reader panic, and what it reads is written to
// bytes that read to the same.
func FuzzRollup(f *testing.F) {
	var r Rollup
	b, _ := r.AppendBinary(nil)
	f.Add(b)
	r = Rollup{Switch: "sw", Interval: IntervalOf(1795449167837), Kind: PairRow, Name: "1001@default", Second: "support@default"}
	r.Values[Offered], r.Values[Talk], r.Values[OtherCalls] = 3, 1<<40, -1
	r.Histograms[AnsweredWaits].Add(0)
	r.Histograms[HandleTimes].Add(longestWait + 1)
	b, _ = r.AppendBinary(nil)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		var r, again Rollup
		if r.UnmarshalBinary(b) != nil {
			return
		}
		w, err := r.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := again.UnmarshalBinary(w); err != nil || !reflect.DeepEqual(r, again) {
			t.Fatalf("%x\nreads as    %+v\nwritten as %x\nreads as    %+v, %v", b, r, w, again, err)
		}
		if w2, _ := again.AppendBinary(nil); !bytes.Equal(w, w2) {
			t.Fatalf("the same rollup is written as %x and as %x", w, w2)
		}
	})
}

// FuzzContact is FuzzRollup for contacts.
func FuzzContact(f *testing.F) {
	var c Contact
	b, _ := c.AppendBinary(nil)
	f.Add(b)
	c = Contact{Switch: "sw", Visit: "v", Leg: "l", Queue: "支持@default", Agent: "1001@default", Caller: "138******34", Hash: [16]byte{1, 15: 2},
		Outcome: Answered, EndedBy: ByAgent, Joined: 1795449167837, Answered: 1795449167838, Ended: 1795449199999, Hold: 5, Holds: 1, Offers: 3,
		Partial: true, Unseen: true, Offset: 1 << 33}
	b, _ = c.AppendBinary(nil)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		var c, again Contact
		if c.UnmarshalBinary(b) != nil {
			return
		}
		w, err := c.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := again.UnmarshalBinary(w); err != nil || !reflect.DeepEqual(c, again) {
			t.Fatalf("%x\nreads as    %+v\nwritten as %x\nreads as    %+v, %v", b, c, w, again, err)
		}
	})
}

// TestFoundByFuzzing: streams that fuzzing found something wrong with.
func TestFoundByFuzzing(t *testing.T) {
	for _, test := range []struct {
		name   string
		events []Event
	}{
		// A snapshot that says the agent is free closed the one offer that it had
		// picked up and was not connected to yet, because it talked for another; the
		// connection then counted an answer without an offer.
		{"picked up for two, connected to the first, said to be free, connected to the second", []Event{
			{Kind: OfferAnswered, Visit: IDString("v1"), Leg: IDString("c1"), Peer: IDString("p1"), Agent: 1, Queue: 1},
			{Kind: OfferAnswered, Visit: IDString("v2"), Leg: IDString("c2"), Peer: IDString("p2"), Agent: 1, Queue: 2},
			{Kind: Connected, Visit: IDString("v1"), Agent: 1},
			{Kind: AgentFree, Agent: 1, Known: true},
			{Kind: Connected, Visit: IDString("v2"), Agent: 1},
		}},
		{"answered by nobody, and put on hold", []Event{
			{Kind: VisitJoined, Visit: IDString("v1"), Leg: IDString("c1"), Queue: 1},
			{Kind: VisitLeft, Outcome: Answered, Visit: IDString("v1"), Leg: IDString("c1"), Queue: 1, Peer: IDString("p1")},
			{Kind: LegHeld, Leg: IDString("c1")},
			{Kind: LegResumed, Leg: IDString("c1")},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			defer func() {
				if p := recover(); p != nil {
					t.Errorf("%v\n%s", p, debug.Stack())
				}
			}()
			n := NewNames()
			eventsOf(n, nil)
			for i := range test.events {
				test.events[i].At = 1795449167837 + Millis(i)*1000
			}
			rapid.MakeFuzz(playEvents(n, test.events).conserved)(t, nil)
		})
	}
	t.Run("a first stamp so late that no interval ends after it", func(t *testing.T) {
		tracker := NewTracker(NewNames(), Options{})
		// Not Apply: it would seal intervals for ever, as their ends overflow.
		if at, ok := tracker.clock(&Event{Kind: ClockTick, At: math.MaxInt64}); ok && IntervalOf(at).End()+tracker.opt.SealAfter < at {
			t.Errorf("the stamp %d is believed, and the end of its interval is %d", at, IntervalOf(at).End())
		}
	})
}
