package freeswitch

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"tallyd/connectors/freeswitch/eventsocket"
	"tallyd/metrics"
)

const someDay metrics.Millis = 1795449167000

func trap11(t *testing.T, _ *tape) {
	phone := []string{"Event-Name", "CHANNEL_CREATE", "Channel-Name", "sofia/internal/1001@10.0.0.1:5060"}
	p := made(t,
		action(someDay, "agent-status-change", "CC-Agent", "1001@default", "CC-Agent-Status", "Available"),
		action(someDay, "agent-state-change", "CC-Agent", "1001@default", "CC-Agent-State", "Waiting"),
		action(someDay, "agent-contact-change", "CC-Agent", "1001@default", "CC-Agent-Contact", "[leg_timeout=12]user/1001@10.0.0.1"),
		plainEvent(someDay+1000, append(phone, "Unique-ID", "own", "Call-Direction", "inbound")...),
		plainEvent(someDay+5000, "Event-Name", "CHANNEL_HANGUP_COMPLETE", "Unique-ID", "own"),
		plainEvent(someDay+6000, append(phone, "Unique-ID", "rung", "Call-Direction", "outbound")...),
		plainEvent(someDay+8000, "Event-Name", "CHANNEL_ANSWER", "Unique-ID", "rung"),
		plainEvent(someDay+9000, "Event-Name", "CHANNEL_HANGUP_COMPLETE", "Unique-ID", "rung"),
		plainEvent(someDay+10_000, "Event-Name", "HEARTBEAT"))
	var got []metrics.State
	p.watch(t, func(_ *told, now func(string) metrics.State) { got = append(got, now("1001@default")) })
	if want := []metrics.State{metrics.Available, metrics.Available, metrics.Available, metrics.OnOtherCall, metrics.Available, metrics.Available,
		metrics.OnOtherCall, metrics.Available, metrics.Available}; !slices.Equal(got, want) {
		t.Errorf("states %v, want %v", got, want)
	}
	if n, ms := p.count(metrics.AgentRow, metrics.OtherCalls), p.count(metrics.AgentRow, metrics.OnOtherCallTime); n != 2 || ms != 5000 {
		t.Errorf("%d other calls of %d ms, want 2 of 5000", n, ms)
	}
	conserved(t, p.replayed)
}

// trap12 gives the translator the answers recorded with runA, one snapshot in
// which callers are listed as abandoned after another.
func trap12(t *testing.T, p *tape) {
	b, err := io.ReadAll(openRecording(t, "testdata/runA/snapshots.txt"))
	if err != nil {
		t.Fatal(err)
	}
	abandoned, served, fell := 0, 0, 0
	last := map[string]int{}
	for _, snap := range strings.Split(string(b), "=== ")[1:] {
		s := newSnapshot()
		s.at = someDay
		for _, part := range strings.Split(snap, "--- ")[1:] {
			cmd, body, _ := strings.Cut(part, "\n")
			if cmd == "callcenter_config agent list" || strings.HasPrefix(cmd, "callcenter_config queue list members ") {
				s.asked = cmd
				if err := s.answer(body); err != nil {
					t.Fatal(err)
				}
			}
		}
		listed := 0
		for _, m := range s.members {
			if m["state"] == "Abandoned" {
				abandoned++
			} else {
				listed++
			}
		}
		for _, a := range s.agents {
			n := 0
			fmt.Sscan(a["calls_answered"], &n)
			if n < last[a["name"]] {
				fell++
			}
			last[a["name"]] = n
		}
		joins := 0
		tr := NewTranslator(metrics.NewNames(), func(e *metrics.Event) {
			if e.Kind == metrics.VisitJoined {
				joins++
			}
		})
		tr.Snapshot(s)
		served += joins
		if joins != listed {
			t.Errorf("%d callers, %d of %d rows are not abandoned", joins, listed, len(s.members))
		}
	}
	t.Logf("%d rows of abandoned callers, %d of others; calls_answered fell %d times", abandoned, served, fell)
	if abandoned == 0 || served == 0 || fell == 0 {
		t.Fatal("the recording does not show it")
	}
	// Whatever the switch's counters say, the recording's own events are counted.
	if got := p.count(metrics.AgentRow, metrics.AnsweredCount); got != 107 {
		t.Errorf("%d answered, want 107", got)
	}
}

func trap13(t *testing.T, p *tape) {
	var down *told
	for _, e := range p.events {
		if e.kind == shutdown && down == nil {
			down = e
		}
	}
	if down == nil {
		t.Fatal("the recording has no SHUTDOWN")
	}
	for _, s := range p.where(t, 2, func(s *stay) bool {
		return strings.HasPrefix(s.reason(), "Cancel/BREAK_OUT") && s.end.get(eventsocket.KeyHangupCause) == "SYSTEM_SHUTDOWN"
	}) {
		want(t, s, metrics.SwitchFailed)
		if s.start.of == 0 && s.end.offset < down.offset {
			t.Errorf("visit %s ends before SHUTDOWN", s.start.visit())
		}
	}
	for _, s := range p.stays {
		if s.reason() == "Terminated/" && s.end.get(eventsocket.KeyHangupCause) == "SYSTEM_SHUTDOWN" && s.contact.EndedBy != metrics.BySwitch {
			t.Errorf("visit %s was cut off by the shutdown, but ended by %v", s.start.visit(), s.contact.EndedBy)
		}
	}
}

func trap13Killed(t *testing.T, p *tape) {
	const killed = 2 // the third segment ends without a word
	core := map[int]string{}
	said := false
	for _, e := range p.events {
		core[e.of] = e.get(eventsocket.KeyCoreUUID)
		said = said || e.of == killed && e.kind == shutdown
	}
	if said || core[killed] == core[killed+1] || core[killed] == "" {
		t.Fatal("the recording does not show it")
	}
	waited, talked := 0, 0
	for _, s := range p.where(t, 10, func(s *stay) bool { return s.start.of == killed && s.end == nil }) {
		if s.first("bridge-agent-start") == nil || s.first("bridge-agent-end") != nil {
			waited++
			want(t, s, metrics.SwitchFailed)
		} else {
			talked++
			want(t, s, metrics.Answered)
			if s.contact.EndedBy != metrics.BySwitch || s.contact.Ended == 0 {
				t.Errorf("visit %s: ended by %v at %d", s.start.visit(), s.contact.EndedBy, s.contact.Ended)
			}
		}
	}
	t.Logf("%d waited, %d talked", waited, talked)
	if waited != 6 || talked != 4 {
		t.Errorf("%d waited and %d talked, the phones say 6 and 4", waited, talked)
	}
	if p.tracker.Unobserved() <= 0 {
		t.Error("no gap is counted over the restart")
	}
}

func trap14(t *testing.T, p *tape) {
	var unloaded, loaded bool
	added := map[string]string{}
	p.watch(t, func(e *told, now func(string) metrics.State) {
		callcenter := strings.Contains(e.get(eventsocket.KeyKey), "callcenter")
		switch {
		case e.kind == moduleUnload && callcenter:
			unloaded = true
			for _, a := range []string{"1001@default", "1006@default"} {
				if s := now(a); s != metrics.Unknown {
					t.Errorf("agent %s is %v though there are no queues", a, s)
				}
			}
		case e.action == "agent-status-change" && unloaded && !loaded:
			added[e.agent()] = e.get(eventsocket.KeyCCAgentStatus)
		case e.kind == moduleLoad && callcenter && !loaded:
			loaded = true
			for a, status := range added {
				want := map[string]metrics.State{"Available": metrics.Available, "Available (On Demand)": metrics.Available,
					"On Break": metrics.PausedState, "Logged Out": metrics.Offline}[status]
				if s := now(a); s != want {
					t.Errorf("agent %s is %v once loaded, the file's status is %s", a, s, status)
				}
			}
		}
	})
	if !unloaded || !loaded || len(added) == 0 {
		t.Fatalf("unloaded %t, loaded %t, agents before MODULE_LOAD %v", unloaded, loaded, added)
	}
	if !p.translator.QueuesLoaded {
		t.Error("the load of the module asks for no snapshot")
	}
}

func trap14Refused(t *testing.T, p *tape) {
	asked := 0
	var e eventsocket.Event
	for _, raw := range p.frames {
		if f, err := eventsocket.NewReader(bytes.NewReader(raw), eventsocket.DefaultLimits).Next(); err == nil && f.Decode(&e) == nil {
			if string(e.Get(eventsocket.KeyAPICommand)) == "reload" && string(e.Get(eventsocket.KeyAPICommandArgument)) == "mod_callcenter" {
				asked++
			}
		}
	}
	if asked == 0 {
		t.Fatal("the recording has no reload")
	}
	for _, c := range p.contacts {
		if c.Outcome == metrics.SwitchFailed || c.EndedBy == metrics.BySwitch {
			t.Errorf("visit %s: %v, ended by %v, though nothing was reloaded", c.Visit, c.Outcome, c.EndedBy)
		}
	}
	if p.translator.QueuesLoaded {
		t.Error("a refused reload asks for a snapshot")
	}
}

func trap16(t *testing.T, p *tape) {
	least := map[string]int{"testdata/lab-races/plain.raw": 14, "testdata/lab-narrow/plain.raw": 2}[p.files[0]]
	nobodyTalked(t, p, p.where(t, least, func(s *stay) bool {
		f := s.first("bridge-agent-end")
		return s.end == nil && s.first("bridge-agent-start") != nil && f != nil && notBridged(f)
	}))
}
