package freeswitch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"tallyd/connectors/freeswitch/eventsocket"
	"tallyd/metrics"
)

// What answers at the switch's address may be broken, or no switch at all. None
// of it may end the process, hold it up, or use up the memory of the machine
// that the switch runs on too.

// feed replays one stream, whatever it is, and checks what must always hold.
func feed(t *testing.T, src io.Reader) (*replayed, error) {
	t.Helper()
	r := &replayed{}
	names := metrics.NewNames()
	r.tracker = metrics.NewTracker(names, metrics.Options{
		Switch: "fs1",
		Sealed: func(s *metrics.Sealed) { r.sealed = append(r.sealed, s) },
		Visit:  func(c *metrics.Contact) { r.contacts = append(r.contacts, *c) },
	})
	r.translator = NewTranslator(names, r.tracker.Apply)
	err := Replay(context.Background(), src, r.translator)
	r.tracker.Finish()
	r.concluded = len(r.contacts)
	r.tracker.Open(func(c *metrics.Contact) { r.contacts = append(r.contacts, *c) })
	conserved(t, r)
	return r, err
}

// stream makes frames as they are read, so that a long one takes no memory.
type stream struct {
	n, made int
	next    func(i int) []byte
	left    []byte
}

func (s *stream) Read(p []byte) (int, error) {
	for len(s.left) == 0 {
		if s.made == s.n {
			return 0, io.EOF
		}
		s.left = s.next(s.made)
		s.made++
	}
	n := copy(p, s.left)
	s.left = s.left[n:]
	return n, nil
}

// call is a whole call, so that a stream has something to count.
func call(at metrics.Millis, id string) []byte {
	member := []string{"CC-Queue", "support@default", "CC-Member-UUID", id, "CC-Member-Session-UUID", "c" + id}
	agent := append(slices.Clone(member), "CC-Agent", "1001@default", "CC-Agent-UUID", "a"+id)
	return slices.Concat(
		action(at, "member-queue-start", member...),
		action(at+1000, "agent-offering", agent...),
		action(at+3000, "bridge-agent-start", agent...),
		action(at+9000, "bridge-agent-end", append(slices.Clone(agent), "CC-Agent-Bridged", "true", "Hangup-Cause", "NORMAL_CLEARING")...),
		action(at+9000, "member-queue-end", append(slices.Clone(agent), "CC-Cause", "Terminated", "Hangup-Cause", "NORMAL_CLEARING")...))
}

func envelope(lines ...string) []byte { return []byte(strings.Join(lines, "\n") + "\n\n") }

func TestHostileFraming(t *testing.T) {
	good := call(someDay, "v1")
	noise := make([]byte, 1<<20)
	rnd := rand.NewChaCha8([32]byte{1})
	rnd.Read(noise)
	for _, test := range []struct {
		name string
		src  io.Reader
		ends string // what the fault says; "" for none
		more int    // events after the first call
	}{
		{"a negative length", bytes.NewReader(envelope("Content-Length: -5", "Content-Type: text/event-plain")), "not a number of bytes", 0},
		{"a length of more than any event", bytes.NewReader(envelope("Content-Length: 99999999999", "Content-Type: text/event-plain")), "exceeds Limits.Body", 0},
		{"a length of more digits than a number has", bytes.NewReader(envelope("Content-Length: "+strings.Repeat("9", 400), "Content-Type: text/event-plain")), "not a number of bytes", 0},
		{"a length with a sign, a fraction, an exponent", bytes.NewReader(envelope("Content-Length: +1.0e3", "Content-Type: text/event-plain")), "not a number of bytes", 0},
		{"no length", bytes.NewReader(envelope("Content-Type: text/event-plain")), "no Content-Length", 0},
		{"two lengths", bytes.NewReader(envelope("Content-Length: 4", "Content-Length: 5", "Content-Type: text/event-plain")), "contradicts", 0},
		{"a length that is never sent", bytes.NewReader(envelope("Content-Length: 10000000", "Content-Type: text/event-plain")), "inside a frame", 0},
		{"no type", bytes.NewReader(envelope("Content-Length: 0")), "no Content-Type", 0},
		{"types that nobody knows", bytes.NewReader(bytes.Repeat([]byte("Content-Length: 3\nContent-Type: text/x-new\n\nabc"), 1000)), "", 0},
		{"a header line of 64 MB", &stream{n: 1 << 10, next: func(int) []byte { return bytes.Repeat([]byte("A"), 64<<10) }}, "Limits.HeaderLine", 0},
		{"headers without end", &stream{n: 1 << 20, next: func(i int) []byte { return fmt.Appendf(nil, "X-%d: y\n", i) }}, "Limits.Header", 0},
		{"noise", bytes.NewReader(noise), "byte", 0},
		{"line ends only", bytes.NewReader(bytes.Repeat([]byte("\r\n"), 1<<20)), "", 0},
		{"a web server", strings.NewReader("HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nContent-Length: 3\r\n\r\nno\n"), "no name and colon", 0},
		{"an event without an end of headers", bytes.NewReader(envelope("Content-Length: 19", "Content-Type: text/event-plain", "", "Event-Name: CUSTOM\n")), "", 1},
		{"an event that is empty", bytes.NewReader(envelope("Content-Length: 0", "Content-Type: text/event-plain")), "", 1},
		{"JSON that is none", strings.NewReader("Content-Length: 7\nContent-Type: text/event-json\n\n{\"a\":[[" +
			"Content-Length: 4\nContent-Type: text/event-json\n\nnull"), "", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := feed(t, io.MultiReader(bytes.NewReader(good), test.src))
			switch {
			case test.ends == "" && err != nil:
				t.Errorf("ends with %v", err)
			case test.ends != "" && (err == nil || !strings.Contains(err.Error(), test.ends)):
				t.Errorf("ends with %v, want %q", err, test.ends)
			}
			if r.concluded != 1 || r.contacts[0].Outcome != metrics.Answered {
				t.Errorf("what came before has become %+v", r.contacts)
			}
			if c := r.translator.Counts; c.Events != int64(5+test.more) {
				t.Errorf("%+v, want %d events", c, 5+test.more)
			}
		})
	}
}

// TestHostileEvents: each event is well framed and says something that cannot
// be. It is counted as malformed, or as a fault of the clock, and what comes
// before and after it is not touched.
func TestHostileEvents(t *testing.T) {
	custom := func(at string, headers string) []byte {
		b := "Event-Subclass: callcenter::info\nEvent-Name: CUSTOM\nCC-Action: member-queue-start\n" + headers
		if at != "none" {
			b += "Event-Date-Timestamp: " + at + "\n"
		}
		b += "\n"
		return fmt.Appendf(nil, "Content-Length: %d\nContent-Type: text/event-plain\n\n%s", len(b), b)
	}
	const member = "CC-Queue: q\nCC-Member-UUID: bad\nCC-Member-Session-UUID: cbad\n"
	good := fmt.Sprint(int64(someDay+20_000) * 1000)
	for _, test := range []struct {
		name   string
		event  []byte
		visits int // made by the event itself
		clock  bool
		bad    int64
	}{
		{"no stamp", custom("none", member), 0, false, 1},
		{"a stamp of 0", custom("0", member), 0, false, 1},
		{"a stamp before 1970", custom("-1795449167000000", member), 0, false, 1},
		{"a stamp that is no number", custom("yesterday", member), 0, false, 1},
		{"a stamp of more digits than a number has", custom(strings.Repeat("9", 40), member), 0, false, 1},
		{"the greatest stamp", custom("9223372036854775807", member), 1, true, 0},
		{"a stamp in 1970", custom("5000000", member), 1, true, 0},
		{"a queue without a name", custom(good, "CC-Queue: \nCC-Member-UUID: bad\nCC-Member-Session-UUID: cbad\n"), 0, false, 0},
		{"no visit", custom(good, "CC-Queue: q\n"), 0, false, 0},
		{"no caller", custom(good, "CC-Queue: q\nCC-Member-UUID: bad\n"), 1, false, 0},
		{"escapes that are none", custom(good, "CC-Queue: %zz%4%%\nCC-Member-UUID: bad%\nCC-Member-Session-UUID: %x\n"), 1, false, 0},
		{"NULs", custom(good, "CC-Queue: q%00r\x00s\nCC-Member-UUID: %00\nCC-Member-Session-UUID: \x00\n"), 1, false, 0},
		{"not UTF-8", custom(good, "CC-Queue: %FF%FE\xc3\nCC-Member-UUID: %C0%80\nCC-Member-Session-UUID: \xff\n"), 1, false, 0},
		{"names of 4 kB", custom(good, "CC-Queue: "+strings.Repeat("ü", 2048)+"\nCC-Member-UUID: "+strings.Repeat("v", 4096)+"\nCC-Member-Session-UUID: "+strings.Repeat("%41", 4096)+"\n"), 1, false, 0},
		{"line breaks in a name", custom(good, "CC-Queue: q%0ACC-Agent: x\nCC-Member-UUID: bad%0D%0A\nCC-Member-Session-UUID: %0A\n"), 1, false, 0},
		{"an own length of more than there is", custom(good, member+"Content-Length: 70\n"), 0, false, 1},
		{"a header without a name", custom(good, ": x\n"+member), 0, false, 1},
		{"joined in the year 292277026596", custom(good, member+"CC-Member-Joined-Time: 9223372036854775807\n"), 1, false, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := feed(t, bytes.NewReader(slices.Concat(call(someDay, "v1"), test.event, call(someDay+30_000, "v2"))))
			if err != nil {
				t.Fatal(err)
			}
			if c := r.translator.Counts; c.Events != 11 || c.Malformed != test.bad {
				t.Errorf("%+v, want 11 events, %d malformed", c, test.bad)
			}
			if f := r.tracker.Faults; (f.Clock > 0) != test.clock || f.Dropped != 0 {
				t.Errorf("faults %+v", f)
			}
			mine := 0
			for _, c := range r.contacts {
				if c.Visit != "v1" && c.Visit != "v2" {
					mine++
				} else if c.Outcome != metrics.Answered || c.Wait() != 3000 || c.Talk() != 6000 {
					t.Errorf("a call before or after it has become %+v", c)
				}
			}
			if mine != test.visits || len(r.contacts) != 2+test.visits {
				t.Errorf("%d visits, %d of the event's own; want %d", len(r.contacts), mine, test.visits)
			}
			for _, s := range r.sealed {
				for _, x := range s.Rollups {
					if len(x.Name) > metrics.MaxNameBytes || !slices.Equal([]byte(x.Name), []byte(strings.ToValidUTF8(x.Name, "?"))) {
						t.Errorf("a rollup's name is %q", x.Name)
					}
				}
			}
		})
	}
}

// TestHostileFacts: combinations of headers that no switch sends, and that made
// something fail.
func TestHostileFacts(t *testing.T) {
	nobody := []string{"CC-Queue", "q", "CC-Member-UUID", "v", "CC-Member-Session-UUID", "c", "CC-Cause", "Terminated", "CC-Agent-UUID", "a"}
	for _, test := range []struct {
		name   string
		events [][]byte
	}{
		{"answered by nobody, and then put on hold", [][]byte{
			action(someDay, "member-queue-start", nobody[:6]...),
			plainEvent(someDay, "Event-Name", "CHANNEL_CREATE", "Unique-ID", "a", "variable_cc_side", "agent", "variable_cc_member_uuid", "v"),
			action(someDay+1000, "member-queue-end", nobody...),
			plainEvent(someDay+2000, "Event-Name", "CHANNEL_HOLD", "Unique-ID", "a"),
			plainEvent(someDay+3000, "Event-Name", "CHANNEL_UNHOLD", "Unique-ID", "a"),
			plainEvent(someDay+4000, "Event-Name", "CHANNEL_HANGUP_COMPLETE", "Unique-ID", "a")}},
		{"a bridge of nobody's", [][]byte{
			plainEvent(someDay, "Event-Name", "CHANNEL_BRIDGE"), plainEvent(someDay, "Event-Name", "CHANNEL_UNBRIDGE"),
			plainEvent(someDay, "Event-Name", "CHANNEL_HOLD"), plainEvent(someDay, "Event-Name", "CHANNEL_HANGUP_COMPLETE")}},
		{"every action of a visit and an agent that nobody heard of", [][]byte{
			action(someDay, "bridge-agent-end", nobody...), action(someDay, "bridge-agent-fail", nobody...), action(someDay, "bridge-agent-start", nobody...),
			action(someDay, "agent-offering", nobody...), action(someDay, "agent-state-change", "CC-Agent-State", "In a queue call"),
			action(someDay, "agent-status-change"), action(someDay, "member-queue-resume", nobody...), action(someDay, "no-such-action", nobody...)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			defer func() {
				if p := recover(); p != nil {
					t.Errorf("panic: %v", p)
				}
			}()
			if _, err := feed(t, bytes.NewReader(slices.Concat(test.events...))); err != nil {
				t.Error(err)
			}
		})
	}
}

// heapOf is how much more memory is live after f than before, while what f
// returned is kept.
func heapOf(f func() any) int64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	kept := f()
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(kept)
	return int64(after.HeapAlloc) - int64(before.HeapAlloc)
}

// untold is a translator and a tracker whose results nobody keeps.
func untold() (*Translator, *metrics.Tracker) {
	names := metrics.NewNames()
	tracker := metrics.NewTracker(names, metrics.Options{})
	return NewTranslator(names, tracker.Apply), tracker
}

// many is how many of something a hostile stream makes up; fewer under the race
// detector, the full number runs without it, for the name of the tests.
func many() int {
	if raceEnabled {
		return 30_000
	}
	return 1_000_000
}

func TestMemoryOfNames(t *testing.T) {
	n := many()
	var tracker *metrics.Tracker
	used := heapOf(func() any {
		var tr *Translator
		tr, tracker = untold()
		src := &stream{n: n, next: func(i int) []byte {
			at := someDay + metrics.Millis(i/100)
			return append(action(at, "agent-status-change", "CC-Agent", fmt.Sprintf("agent %d@default", i), "CC-Agent-Status", fmt.Sprintf("status %d", i)),
				action(at, "member-queue-end", "CC-Queue", fmt.Sprintf("queue %d", i), "CC-Member-UUID", fmt.Sprint(i), "CC-Cause", "Cancel", "CC-Cancel-Reason", "TIMEOUT")...)
		}}
		if err := Replay(context.Background(), src, tr); err != nil {
			t.Error(err)
		}
		return tr
	})
	for k := range metrics.ReasonName + 1 {
		if l := tracker.Names().Len(k); l > metrics.MaxNames {
			t.Errorf("%d names of kind %d", l, k)
		}
	}
	t.Logf("%d agents, queues and reasons: %d MB", n, used>>20)
	// Of each kind 65,535 are told apart, and each has a row of counters; a queue
	// that somebody left has its histogram of waits too, 3 kB.
	if used > 512<<20 {
		t.Errorf("%d names take %d MB", n, used>>20)
	}
}

func TestMemoryOfVisitsThatNeverEnd(t *testing.T) {
	n := many()
	var r *replayed
	used := heapOf(func() any {
		var err error
		r, err = feed(t, &stream{n: n, next: func(i int) []byte {
			at := someDay + metrics.Millis(i)
			id := fmt.Sprintf("%08d-visit", i)
			return append(action(at, "member-queue-start", "CC-Queue", "support@default", "CC-Member-UUID", id, "CC-Member-Session-UUID", "c"+id),
				action(at, "agent-offering", "CC-Queue", "support@default", "CC-Agent", "1001@default", "CC-Member-UUID", id, "CC-Member-Session-UUID", "c"+id)...)
		}})
		if err != nil {
			t.Error(err)
		}
		return r.tracker // and not the contacts, which the test itself keeps
	})
	t.Logf("%d visits that never end: %d MB, of which %d are open, faults %+v", n, used>>20, len(r.contacts), r.tracker.Faults)
	if used > 256<<20 {
		t.Errorf("%d visits take %d MB", n, used>>20)
	}
	if dropped := r.tracker.Faults.Dropped; !raceEnabled && (dropped == 0 || int(dropped) < n-len(r.contacts)) {
		t.Errorf("%d visits are not there, %d counted as dropped", n-len(r.contacts), dropped)
	}
}

// TestMemoryOfGaps: the time in which nothing was seen is marked in intervals
// of a quarter of an hour. However long it was, or is said to have been by a
// clock that was set right (a machine without a clock of its own starts in
// 1970), that must not cost more than the counting itself.
func TestMemoryOfGaps(t *testing.T) {
	const day metrics.Millis = 24 * 3600 * 1000
	beat := func(at metrics.Millis, core string) []byte {
		b := plainEvent(at, "Event-Name", "HEARTBEAT")
		return bytes.Replace(b, []byte("Core-UUID: c0"), []byte("Core-UUID: "+core), 1)
	}
	for _, test := range []struct {
		name   string
		agents int
		gap    metrics.Millis
		after  func(at metrics.Millis) []byte
	}{
		{"the clock is set a month on, eight events agree", 10, 30 * day, func(at metrics.Millis) []byte {
			return bytes.Repeat(beat(at, "c0"), 8)
		}},
		{"a new run whose stamps are a month on", 10, 30 * day, func(at metrics.Millis) []byte { return beat(at, "c1") }},
		{"a thousand agents, a weekend unseen", 1000, 60 * 3600 * 1000, func(at metrics.Millis) []byte { return beat(at, "c1") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			var tr *Translator
			var peak, before int64
			measure := func() {
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				peak = max(peak, int64(m.HeapAlloc))
			}
			first := true // of what is handed on after the gap, when most of it is held
			names := metrics.NewNames()
			tracker := metrics.NewTracker(names, metrics.Options{Sealed: func(*metrics.Sealed) {
				if first && before != 0 {
					first = false
					measure()
				}
			}})
			tr = NewTranslator(names, tracker.Apply)
			replay := func(b []byte) {
				if err := Replay(context.Background(), bytes.NewReader(b), tr); err != nil {
					t.Error(err)
				}
			}
			var b []byte
			for i := range test.agents {
				b = append(b, action(someDay, "agent-status-change", "CC-Agent", fmt.Sprintf("%d@default", i), "CC-Agent-Status", "Available")...)
			}
			replay(append(b, call(someDay, "v1")...))
			measure()
			before, peak = peak, 0
			replay(test.after(someDay + test.gap))
			measure()
			runtime.KeepAlive(tracker)
			used := peak - before
			t.Logf("%d intervals: %d MB", test.gap/metrics.IntervalLength, used>>20)
			if used > 32<<20 {
				t.Errorf("a gap of %d hours takes %d MB, %d kB for each quarter of an hour, and all of it at once", test.gap/3_600_000, used>>20,
					used/int64(test.gap/metrics.IntervalLength)>>10)
			}
		})
	}
}

// TestTruncatedAnywhere cuts one visit's events off at every byte: what came
// before the cut counts, and the fault says that there was one.
func TestTruncatedAnywhere(t *testing.T) {
	p := newTape(t, []string{"testdata/lab-restart/plain.seg4.raw"})
	s := p.where(t, 1, func(s *stay) bool { return s.reason() == "Terminated/" && s.count("agent-offering", nil) == 1 })[0]
	var b []byte
	ends := map[int]int{0: 0} // frames by where they end
	for _, e := range append([]*told{s.start}, s.events...) {
		b = append(b, e.frame...)
		ends[len(b)] = len(ends)
	}
	step := 1
	if raceEnabled {
		step = 29 // every byte is cut at without the race detector
	}
	frames := 0
	for cut := 0; cut <= len(b); cut++ {
		n, whole := ends[cut]
		if whole {
			frames = n
		}
		if cut%step != 0 && !whole {
			continue
		}
		r, err := feed(t, bytes.NewReader(b[:cut]))
		if !whole && !errors.Is(err, eventsocket.ErrTruncated) || whole && err != nil {
			t.Fatalf("cut at byte %d of %d: %v", cut, len(b), err)
		}
		if r.translator.Counts.Events != int64(frames) {
			t.Fatalf("cut at byte %d: %d events, want %d", cut, r.translator.Counts.Events, frames)
		}
	}
	t.Logf("%d bytes, %d events", len(b), frames)
}
