package metrics

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// handedOver collects what a tracker hands over.
type handedOver struct{ bytes []byte }

func (h *handedOver) options() Options {
	return Options{Switch: "sw", CallerKey: []byte("key"),
		Queue: func(name string) QueueSettings {
			q := DefaultQueueSettings()
			if name == "q1" {
				q.WrapUp = 15_000
			}
			return q
		},
		Shared: func(agent string) bool { return agent == "a2" },
		Sealed: func(s *Sealed) {
			c := Encoder(h.bytes)
			CodeUint(c, &s.Number)
			c.Bool(&s.Correction)
			h.bytes = c.Written()
			for i := range s.Rollups {
				h.bytes, _ = s.Rollups[i].AppendBinary(h.bytes)
			}
			for i := range s.Contacts {
				h.bytes, _ = s.Contacts[i].AppendBinary(h.bytes)
			}
			for _, x := range s.Spans {
				h.bytes = append(appendString(h.bytes, x.Agent+x.Reason+x.Queue), byte(x.State), byte(x.Mark))
				h.bytes = appendVarint(appendVarint(h.bytes, int64(x.From)), int64(x.To))
			}
		}}
}

// restored is another tracker in the same state.
func restored(t interface{ Fatalf(string, ...any) }, old *Tracker, opt Options) *Tracker {
	state := old.AppendState(nil)
	again := NewTracker(NewNames(), opt)
	if err := again.RestoreState(bytes.Clone(state)); err != nil {
		t.Fatalf("%v", err)
	}
	if b := again.AppendState(nil); !bytes.Equal(b, state) {
		t.Fatalf("the state of the restored tracker has other bytes: %d and %d", len(b), len(state))
	}
	return again
}

// A tracker that is put away and restored at any moment goes on as if nothing
// had been: the same bytes are handed over, and the same is shown.
func TestRestoredAnywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := NewNames()
		events := anyEvents(names).Draw(t, "events")
		cut := rapid.IntRange(0, len(events)).Draw(t, "cut")
		var once, twice handedOver
		a := NewTracker(names, once.options())
		b := NewTracker(names, twice.options())
		for i := range events {
			x, y := events[i], events[i]
			if i == cut {
				b = restored(t, b, twice.options())
				sameLive(t, a, b)
			}
			a.Apply(&x)
			b.Apply(&y)
		}
		sameLive(t, a, b)
		a.Close()
		b.Close()
		if !bytes.Equal(once.bytes, twice.bytes) {
			t.Fatalf("after a restart at event %d other bytes were handed over (%d and %d)", cut, len(once.bytes), len(twice.bytes))
		}
		if !bytes.Equal(a.AppendState(nil), b.AppendState(nil)) {
			t.Fatalf("after a restart at event %d the tracker ends in another state", cut)
		}
	})
}

func sameLive(t *rapid.T, a, b *Tracker) {
	if a.Live.Now() != b.Live.Now() || a.Live.Blind() != b.Live.Blind() || a.Live.Gaps() != b.Live.Gaps() || a.Live.Unobserved() != b.Live.Unobserved() {
		t.Fatalf("the present is shown otherwise: now %d and %d", a.Live.Now(), b.Live.Now())
	}
	for i := range max(a.Live.Agents(), b.Live.Agents()) {
		x, y := a.Live.Agent(AgentID(i)), b.Live.Agent(AgentID(i))
		if x.Change, y.Change = 0, 0; x != y {
			t.Fatalf("agent %d is shown as %+v and %+v", i, x, y)
		}
	}
	for i := range max(a.Live.Queues(), b.Live.Queues()) {
		x, y := a.Live.Queue(QueueID(i)), b.Live.Queue(QueueID(i))
		if x.Change, y.Change = 0, 0; x != y {
			t.Fatalf("queue %d is shown as %+v and %+v", i, x, y)
		}
	}
	var open [2][]byte
	for i, tr := range []*Tracker{a, b} {
		tr.Open(func(c *Contact) { open[i], _ = c.AppendBinary(open[i]) })
		for _, w := range tr.Windows() {
			for _, r := range tr.Rollups(w) {
				open[i], _ = r.AppendBinary(open[i])
			}
		}
	}
	if !bytes.Equal(open[0], open[1]) {
		t.Fatalf("open visits or intervals differ")
	}
}

// A field that is added must be coded, or it is lost in a restart: whoever adds
// one says here which of the two it is.
func TestStateHasEveryField(t *testing.T) {
	const derived = "doneShown amends opt names mac sum shown freeLegs freeVisits Live " + // of Tracker
		"shared row " + // of agent
		"settings first last waiting " + // of queue
		"ahead behind inLine prev next gen " + // of visit
		"rungGen" // of leg
	const coded = "now started setAt livedTo jumps jumpTo down blind blindSince marked unobserved generation legs visits agents queues timers open newest " +
		"pairs pauses serving sealed windows late done handed Faults " +
		"id leg agentLeg queue caller state offers offered agent joined answered ended talkFrom held holdFrom holdSum holds outcome left callerGone " +
		"unbridged callerBy agentBy callerMove agentMove endedBy agentGone released partial unseen answerUnseen acrossGap goesOn older seen offset " +
		"reason queue status idle ringing rungFor picked otherLegs wrapUp wrapUpKnown wrapUntil stateReason since entered idleSince " +
		"call partial started answered far held holds offset " +
		"attempts heldSpans consulted media short amended rung direction other busy paused at seq kind visit list Interval Revision rows spans mark again from to"
	known := strings.Fields(derived + " " + coded)
	for _, x := range []any{Tracker{}, visit{}, leg{}, call{}, agent{}, queue{}, serving{}, timer{}, timerHeap{}, Window{}, stretch{}} {
		typ := reflect.TypeOf(x)
		for i := range typ.NumField() {
			if f := typ.Field(i).Name; !slices.Contains(known, f) {
				t.Errorf("%s.%s: is it part of the state? (state.go)", typ, f)
			}
		}
	}
	if n := reflect.TypeFor[offer]().NumField(); n != 3 {
		t.Errorf("an offer has %d fields, 3 are part of the state", n)
	}
}

// Damaged states are refused, never believed in part and never a panic.
func TestDamagedState(t *testing.T) {
	names := NewNames()
	events := anyEvents(names).Example(3)
	tr := NewTracker(names, Options{Sealed: func(*Sealed) {}})
	for i := range events {
		tr.Apply(&events[i])
	}
	state := tr.AppendState(nil)
	for n := range state {
		if err := NewTracker(NewNames(), Options{}).RestoreState(state[:n]); !errors.Is(err, ErrFormat) {
			t.Fatalf("cut off after %d of %d bytes: %v", n, len(state), err)
		}
	}
	if err := NewTracker(NewNames(), Options{}).RestoreState(append(bytes.Clone(state), 0)); !errors.Is(err, ErrFormat) {
		t.Errorf("with a byte too many: %v", err)
	}
	for n := range state {
		for _, bit := range []byte{1, 0x80} {
			bad := bytes.Clone(state)
			bad[n] ^= bit
			_ = NewTracker(NewNames(), Options{}).RestoreState(bad) // anything but a panic
		}
	}
	newer := bytes.Clone(state)
	newer[0] = stateVersion + 1
	if err := NewTracker(NewNames(), Options{}).RestoreState(newer); err == nil || !strings.Contains(err.Error(), "version") {
		t.Errorf("a newer version: %v", err)
	}
}
