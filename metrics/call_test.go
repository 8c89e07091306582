package metrics

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// For every call that OtherCalls counts there is one contact, or one leg that is
// not over; and no contact of a call is none that was counted.
func TestCallContacts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := NewNames()
		events := anyEvents(names).Draw(t, "events")
		counted, contacts := map[string]int64{}, map[string]int64{}
		type identity struct {
			leg     string
			started Millis
		}
		known := map[identity]bool{}
		tr := NewTracker(names, Options{Switch: "sw", CallerKey: []byte("key"), Sealed: func(s *Sealed) {
			for i := range s.Rollups {
				if r := &s.Rollups[i]; r.Kind == AgentRow {
					counted[r.Name] += r.Get(OtherCalls)
				}
			}
			for i := range s.Contacts {
				c := &s.Contacts[i]
				if c.Kind != CallContact {
					continue
				}
				contacts[c.Agent]++
				sound(t, c)
				if id := (identity{c.Leg, c.Joined}); known[id] {
					t.Fatalf("two contacts of the call %+v", id)
				} else {
					known[id] = true
				}
			}
		}})
		for i := range events {
			tr.Apply(&events[i])
		}
		tr.Finish()
		open := map[string]int64{}
		for _, l := range tr.legs {
			if l.other {
				open[names.Name(AgentName, uint32(l.agent))]++
			}
		}
		for _, name := range []string{"a0", "a1", "a2", "a3"} {
			if counted[name] != contacts[name]+open[name] {
				t.Fatalf("%s: %d calls counted, %d contacts, %d open", name, counted[name], contacts[name], open[name])
			}
		}
	})
}

// sound checks what must hold of every call's contact, and that it survives its
// binary form.
func sound(t interface{ Fatalf(string, ...any) }, c *Contact) {
	if c.Queue != "" || c.Agent == "" || c.Joined == 0 || c.Ended < c.Joined || c.Answered != 0 && (c.Answered < c.Joined || c.Ended < c.Answered) {
		t.Fatalf("a call that cannot be: %+v", c)
	}
	if (c.Outcome == Answered) != (c.Answered != 0) || c.Outcome != Answered && c.Outcome != Unanswered && c.Outcome != Unobserved {
		t.Fatalf("answered at %d, outcome %v", c.Answered, c.Outcome)
	}
	var held Millis
	at := c.Joined
	for _, h := range c.HeldSpans {
		if h.From < at || h.To <= h.From || h.To > c.Ended {
			t.Fatalf("held %+v in a call from %d to %d", c.HeldSpans, c.Joined, c.Ended)
		}
		at, held = h.To, held+h.To-h.From
	}
	if held != c.Hold || len(c.HeldSpans) != c.Holds {
		t.Fatalf("held for %d ms in %d holds, the spans are %+v", c.Hold, c.Holds, c.HeldSpans)
	}
	b, err := c.AppendBinary(nil)
	if err != nil {
		t.Fatalf("%v", err)
	}
	var again Contact
	if err := again.UnmarshalBinary(b); err != nil {
		t.Fatalf("%v", err)
	}
	if b2, _ := again.AppendBinary(nil); !bytes.Equal(b, b2) || again.Kind != CallContact || again.Way != c.Way {
		t.Fatalf("%+v came back as %+v", c, again)
	}
}

// The whole life of calls that an agent makes and takes.
func TestCalls(t *testing.T) {
	const start = Millis(1_790_000_000_000)
	var got []Contact
	names := NewNames()
	options := Options{Switch: "sw", CallerKey: []byte("key"), Sealed: func(s *Sealed) { got = append(got, s.Contacts...) }}
	tr := NewTracker(names, options)
	ann := AgentID(names.InternString(AgentName, "ann"))
	number := MakeCaller([]byte("13912345678"))
	leg := func(s string) ID { return IDString(s) }
	for _, e := range []Event{
		// Ann calls out, is answered, holds twice and hangs up.
		{Kind: LegStarted, At: start, Leg: leg("out"), Agent: ann, Direction: Inbound, Caller: number},
		{Kind: LegAnswered, At: start + 4_000, Leg: leg("out")},
		{Kind: LegHeld, At: start + 5_000, Leg: leg("out")},
		{Kind: LegResumed, At: start + 6_500, Leg: leg("out")},
		{Kind: LegHeld, At: start + 8_000, Leg: leg("out")},
		{Kind: LegEnded, At: start + 9_000, Leg: leg("out"), By: Self},
		// Nobody takes her next call.
		{Kind: LegStarted, At: start + 10_000, Leg: leg("vain"), Agent: ann, Direction: Inbound},
		{Kind: LegEnded, At: start + 30_000, Leg: leg("vain"), By: Self},
		// Somebody calls her, twice: she takes the first call alone.
		{Kind: LegStarted, At: start + 40_000, Leg: leg("in"), Agent: ann, Direction: Outbound},
		{Kind: LegStarted, At: start + 40_001, Leg: leg("in"), Agent: ann, Direction: Outbound, Caller: number},
		{Kind: LegAnswered, At: start + 45_000, Leg: leg("in")},
		{Kind: LegEnded, At: start + 60_000, Leg: leg("in"), By: Switch},
		{Kind: LegStarted, At: start + 70_000, Leg: leg("missed"), Agent: ann, Direction: Outbound},
		{Kind: LegEnded, At: start + 80_000, Leg: leg("missed"), By: Switch},
		// Her transfer sends a caller on.
		{Kind: LegStarted, At: start + 90_000, Leg: leg("moved"), Agent: ann, Direction: Outbound},
		{Kind: LegAnswered, At: start + 91_000, Leg: leg("moved")},
		{Kind: LegEnded, At: start + 99_000, Leg: leg("moved"), By: Self, Moved: Blind},
		// The end of the last one is out of sight.
		{Kind: LegStarted, At: start + 100_000, Leg: leg("lost"), Agent: ann, Direction: Inbound},
		{Kind: LegAnswered, At: start + 101_000, Leg: leg("lost")},
	} {
		tr.Apply(&e)
	}
	// A restart in the middle of a call is none of the call's business.
	tr = restored(t, tr, options)
	for _, e := range []Event{
		{Kind: SwitchLost, At: start + 110_000},
		{Kind: SwitchUp, At: start + 150_000},
		{Kind: SnapshotBegin, At: start + 150_000},
		{Kind: SnapshotEnd, At: start + 151_000},
	} {
		tr.Apply(&e)
	}
	tr.Finish()
	hash := CallerHash([]byte("key"), number)
	want := []Contact{
		{Leg: "out", Way: Outgoing, Outcome: Answered, EndedBy: ByAgent, Joined: 0, Answered: 4_000, Ended: 9_000, Hold: 2_500, Holds: 2, Caller: "139******78", Hash: hash},
		{Leg: "vain", Way: Outgoing, Outcome: Unanswered, EndedBy: ByAgent, Joined: 10_000, Ended: 30_000},
		{Leg: "in", Way: Incoming, Outcome: Answered, EndedBy: ByOther, Joined: 40_000, Answered: 45_000, Ended: 60_000, Caller: "139******78", Hash: hash},
		{Leg: "moved", Way: Incoming, Outcome: Answered, EndedBy: ByBlindTransfer, Joined: 90_000, Answered: 91_000, Ended: 99_000},
		{Leg: "lost", Way: Outgoing, Outcome: Answered, Joined: 100_000, Answered: 101_000, Ended: 110_000, Unseen: true},
	}
	if len(got) != len(want) {
		t.Fatalf("%d contacts, want %d: %+v", len(got), len(want), got)
	}
	for i, w := range want {
		g := got[i]
		sound(t, &g)
		g.HeldSpans = nil
		w.Kind, w.Switch, w.Visit, w.Agent = CallContact, "sw", w.Leg, "ann"
		w.Joined, w.Ended = w.Joined+start, w.Ended+start
		if w.Answered != 0 {
			w.Answered += start
		}
		if gb, wb := bytesOf(&g), bytesOf(&w); !bytes.Equal(gb, wb) {
			t.Errorf("contact %d is\n%+v, want\n%+v", i, g, w)
		}
	}
}

func bytesOf(c *Contact) []byte {
	b, _ := c.AppendBinary(nil)
	return b
}

// Contacts of versions before calls read as visits.
func TestOlderContacts(t *testing.T) {
	c := Contact{Switch: "sw", Visit: "v", Leg: "c", Queue: "q", Agent: "ann", Outcome: Answered, Joined: 1000, Answered: 2000, Ended: 9000,
		Attempts: []Attempt{{"ann", 1500, 2000, Accepted}}}
	b := bytesOf(&c)
	b = b[:len(b)-2] // a version 2 ends before kind and way
	b[0] = 2
	var got Contact
	if err := got.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(bytesOf(&got), bytesOf(&c)) {
		t.Errorf("%+v came back as %+v", c, got)
	}
}
