package playback

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	es "tallyd/connectors/freeswitch/eventsocket"
)

// A planned cut comes after exactly so many bytes, wherever a frame is then.
func TestCutAfter(t *testing.T) {
	rec := open(t, "runC-reload/plain.raw")
	for _, after := range []int64{0, 1, 27, 28, 29, 81, 82, 83, 5_000, 5_001, 123_456} {
		t.Run(fmt.Sprint(after), func(t *testing.T) {
			addr := serve(t, &Server{Recording: rec, Faults: []Fault{{Connection: 1, After: after}}})
			p := dial(t, addr)
			// Refused writes are part of the game.
			io.WriteString(p, "auth ClueCon\n\nevent plain ALL\n\n")
			err := p.end()
			if err != io.EOF && !errors.Is(err, es.ErrTruncated) && !strings.Contains(err.Error(), "reset") {
				t.Fatal(err)
			}
			if n := int64(p.raw.Len()); n != after && !strings.Contains(err.Error(), "reset") {
				t.Errorf("%d bytes came, want %d", n, after)
			}
			// The next connection is not concerned.
			p = login(t, addr, "plain ALL")
			p.event()
		})
	}
}

func TestCut(t *testing.T) {
	s := &Server{Recording: synthetic(100), Speed: 1, Clock: newClock()}
	addr := serve(t, s)
	first, second := login(t, addr, "plain ALL"), login(t, addr, "plain ALL")
	s.Cut()
	for _, p := range []*peer{first, second} {
		if err := p.end(); err == nil || p.raw.Len() == 0 {
			t.Errorf("after a cut: %v", err)
		}
	}
	login(t, addr, "plain ALL")
}

func TestRefuseAndReject(t *testing.T) {
	addr := serve(t, &Server{Recording: synthetic(1), Faults: []Fault{{Connection: 1, Action: Refuse}, {Connection: 2, Action: Reject}}})
	p := dial(t, addr)
	if err := p.end(); p.raw.Len() != 0 {
		t.Errorf("a refused client got %q, then %v", p.raw.Bytes(), err)
	}
	p = dial(t, addr)
	if f := p.expect(es.RudeRejection); string(f.Body()) != "Access Denied, go away.\n" {
		t.Errorf("rejected with %q", f.Body())
	}
	if err := p.end(); err != io.EOF {
		t.Errorf("after a rejection: %v", err)
	}
	login(t, addr, "")
}

// A stalled connection says nothing more, answers included, until its time is
// over; the others go on.
func TestStall(t *testing.T) {
	clock := newClock()
	addr := serve(t, &Server{Recording: synthetic(100), Speed: 1, Clock: clock, Faults: []Fault{
		{Connection: 1, After: 300, Action: Stall, For: 5 * time.Second},
		{Connection: 2, After: 300, Action: Stall},
	}})
	clock.advance(0)
	short, long, free := login(t, addr, "plain ALL"), login(t, addr, "plain ALL"), login(t, addr, "plain ALL")
	clock.advance(time.Second)
	free.event()
	clock.awaitWaiting(4 * time.Second) // the short stall has begun
	clock.advance(10 * time.Second)
	for want := int64(1); want <= 11; want++ {
		if n, _ := short.event().Int(es.KeyEventSequence); n != want {
			t.Fatalf("after the stall comes event %d, want %d", n, want)
		}
	}
	long.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if err := long.end(); err == io.EOF || long.raw.Len() != 300 {
		t.Errorf("a stalled client has %d bytes, then %v; want 300", long.raw.Len(), err)
	}
}

// After a restart the switch is another one, and knows nothing of the calls that
// were up.
func TestRestart(t *testing.T) {
	rec, snapshot, err := Demo()
	if err != nil {
		t.Fatal(err)
	}
	clock := newClock()
	s := &Server{Recording: rec, Snapshot: snapshot, Speed: 1, Clock: clock}
	addr := serve(t, s)
	clock.advance(60 * time.Second)
	p := login(t, addr, "")
	if p.api("show channels count") == "\n0 total.\n" {
		t.Fatal("no call is up in the demo's second minute")
	}
	before := p.api("global_getvar core_uuid")

	s.Restart(10 * time.Second)
	if err := p.end(); err == nil {
		t.Error("a restart leaves connections open")
	}
	p = dial(t, addr)
	if err := p.end(); p.raw.Len() != 0 {
		t.Errorf("while it is down the switch says %q, then %v", p.raw.Bytes(), err)
	}
	clock.advance(10 * time.Second)
	p = login(t, addr, "plain ALL")
	after := p.api("global_getvar core_uuid")
	if before == after || !isUUID([]byte(after)) {
		t.Errorf("Core-UUID was %s, now %s", before, after)
	}
	dead := len(s.dead)
	clock.advance(60 * time.Second)
	events := 0
	p.say("exit")
	for {
		f := p.next()
		if f.Kind == es.DisconnectNotice {
			break
		}
		if f.Kind != es.PlainEvent {
			continue
		}
		events++
		if err := f.Decode(&p.e); err != nil {
			t.Fatal(err)
		}
		if got := string(p.e.Get(es.KeyCoreUUID)); got != after {
			t.Fatalf("an event is of the switch %s, want %s", got, after)
		}
		if id := string(p.e.Get(es.KeyUniqueID)); s.dead[id] {
			t.Fatalf("%s of the dead channel %s", p.e.Get(es.KeyEventName), id)
		}
	}
	if events == 0 || dead == 0 {
		t.Errorf("%d events after the restart, %d channels died", events, dead)
	}
}

func TestPlannedRestart(t *testing.T) {
	addr := serve(t, &Server{Recording: synthetic(3000), Faults: []Fault{{Connection: 1, After: 1000, Action: Restart}}})
	p := login(t, addr, "plain ALL")
	core := string(p.event().Get(es.KeyCoreUUID))
	if err := p.end(); err == io.EOF && p.raw.Len() != 1000 {
		t.Errorf("%d bytes before the restart, want 1000", p.raw.Len())
	}
	p = login(t, addr, "plain ALL")
	if got := string(p.event().Get(es.KeyCoreUUID)); got == core {
		t.Errorf("Core-UUID is %s still", got)
	}
}
