package playback

import (
	"io"
	"testing"
	"time"

	es "tallyd/connectors/freeswitch/eventsocket"
)

// pass is what one playing of the demo looks like to a client.
type pass struct {
	first, last    int64 // µs
	events         int
	recorded       int            // of the events: the others send agents back to the start
	created, ended map[string]int // by channel
	joined, left   int
	began, status  map[string]string // of agents: where they were sent, and at the end
	cores          map[string]bool
}

func newPass() *pass {
	return &pass{created: make(map[string]int), ended: make(map[string]int), began: make(map[string]string), status: make(map[string]string), cores: make(map[string]bool)}
}

func (p *pass) take(e *es.Event) {
	at, _ := e.Micros()
	if p.events == 0 {
		p.first = at
	}
	p.events++
	if e.Get(es.KeyEventSequence) != nil {
		p.recorded++
	}
	p.last = max(p.last, at)
	p.cores[string(e.Get(es.KeyCoreUUID))] = true
	channel := string(e.Get(es.KeyUniqueID))
	switch string(e.Get(es.KeyEventName)) {
	case "CHANNEL_CREATE":
		p.created[channel]++
	case "CHANNEL_HANGUP_COMPLETE":
		p.ended[channel]++
	case "CUSTOM":
		switch string(e.Get(es.KeyCCAction)) {
		case "member-queue-start", "member-queue-resume":
			p.joined++
		case "member-queue-end":
			p.left++
		case "agent-status-change":
			statuses := p.status
			if e.Get(es.KeyEventSequence) == nil {
				statuses = p.began
			}
			statuses[string(e.Get(es.KeyCCAgent))] = string(e.Get(es.KeyCCAgentStatus))
		}
	}
}

// The demo plays again and again: later, with calls of its own, from the same
// start, and without a call that never ends.
func TestLoop(t *testing.T) {
	rec, snapshot, err := Demo()
	if err != nil {
		t.Fatal(err)
	}
	play := func() (passes []*pass) {
		addr := serve(t, &Server{Recording: rec, Snapshot: snapshot, Loop: true, ShiftTo: time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)})
		p := login(t, addr, "plain ALL")
		for len(passes) < 3 {
			one := newPass()
			for one.recorded < len(rec.Segments[0].Events) {
				one.take(p.event())
			}
			passes = append(passes, one)
		}
		return passes
	}
	passes := play()
	for i, one := range passes {
		for channel, n := range one.created {
			if n != 1 || one.ended[channel] != 1 {
				t.Errorf("pass %d: channel %s is created %d times and ended %d times", i, channel, n, one.ended[channel])
			}
			for j, other := range passes {
				if j != i && other.created[channel] > 0 {
					t.Errorf("channel %s is in passes %d and %d", channel, i, j)
				}
			}
		}
		if len(one.created) < 250 || len(one.created) != len(one.ended) {
			t.Errorf("pass %d: %d channels created, %d ended", i, len(one.created), len(one.ended))
		}
		if len(one.cores) != 1 || !one.cores["e51c14a8-fd6c-42a8-ba53-efce792d8130"] {
			t.Errorf("pass %d: Core-UUIDs %v", i, one.cores)
		}
		if i > 0 && one.first <= passes[i-1].last {
			t.Errorf("pass %d begins at %d, before %d, the last one's end", i, one.first, passes[i-1].last)
		}
		if i == 0 {
			continue
		}
		// What sends agents back comes before the pass that needs it.
		for agent, status := range passes[i-1].status {
			want := snapshot.agents.get(snapshot.agents.find("name", agent), "status")
			if back, ok := one.began[agent]; ok != (status != want) || ok && back != want {
				t.Errorf("pass %d: %s was %q, is sent back to %q, and began as %q", i, agent, status, back, want)
			}
		}
	}
	again := play()
	for i := range passes {
		if len(again) <= i || again[i].first != passes[i].first || len(again[i].created) != len(passes[i].created) {
			t.Fatalf("pass %d is not the same when played again", i)
		}
		for channel := range passes[i].created {
			if again[i].created[channel] != 1 {
				t.Errorf("pass %d: channel %s has another name when played again", i, channel)
			}
		}
	}
}

// Every call of the demo is whole, and every visit to a queue ends.
func TestDemoIsWhole(t *testing.T) {
	rec, snapshot, err := Demo()
	if err != nil {
		t.Fatal(err)
	}
	addr := serve(t, &Server{Recording: rec, Snapshot: snapshot, CloseAtEnd: true})
	p := login(t, addr, "json ALL")
	all := newPass()
	for {
		f, err := p.r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if f.Kind == es.JSONEvent {
			if err := f.Decode(&p.e); err != nil {
				t.Fatal(err)
			}
			all.take(&p.e)
		}
	}
	t.Logf("%d events, %d channels, %d visits in %v", all.events, len(all.created), all.joined, time.Duration(all.last-all.first)*time.Microsecond)
	if all.joined != all.left || all.joined < 100 {
		t.Errorf("%d visits begin and %d end", all.joined, all.left)
	}
}
