package freeswitch

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"tallyd/connectors/freeswitch/eventsocket"
	"tallyd/metrics"
)

// near tells whether two moments are within a stamp's resolution and a bit.
func near(a, b, by metrics.Millis) bool { return a-b <= by && b-a <= by }

func trap1(t *testing.T, p *tape) {
	open := map[string]*stay{}
	next := map[*stay]*stay{}
	byStart := map[*told]*stay{}
	for _, s := range p.stays {
		byStart[s.start] = s
	}
	for _, e := range p.events {
		session := e.get(eventsocket.KeyCCMemberSessionUUID)
		switch e.action {
		case "member-queue-start":
			if old := open[session]; old != nil {
				next[old] = byStart[e]
			}
			open[session] = byStart[e]
		case "member-queue-end":
			if o := open[session]; o != nil && o.start.visit() == e.visit() {
				delete(open, session)
			}
		}
	}
	old := p.where(t, 3, func(s *stay) bool { return next[s] != nil && s.reason() == "Terminated/" })
	for _, s := range old {
		n := next[s]
		want(t, s, metrics.Answered)
		if s.contact.EndedBy != metrics.ByBlindTransfer && s.contact.EndedBy != metrics.ByAttendedTransfer {
			t.Errorf("visit %s: ended by %v, its caller went on to %s", s.start.visit(), s.contact.EndedBy, n.start.get(eventsocket.KeyCCQueue))
		}
		if n.contact == nil || n.contact.Leg != s.contact.Leg || n.contact.Joined > s.end.at {
			t.Fatalf("visit %s: the stay that follows is %+v", s.start.visit(), n.contact)
		}
		if n.end != nil {
			if answered := n.reason() == "Terminated/"; answered != (n.contact.Outcome == metrics.Answered) {
				t.Errorf("visit %s: %v, its own end says %s", n.start.visit(), n.contact.Outcome, n.reason())
			}
			if n.contact.Ended < s.end.at {
				t.Errorf("visit %s was closed by the end of %s", n.start.visit(), s.start.visit())
			}
		}
	}
}

func trap2(t *testing.T, p *tape) {
	least := map[string]int{"testdata/runA/plain.raw": 1, "testdata/lab-races/plain.raw": 16}[p.files[0]]
	nobodyTalked(t, p, p.where(t, least, func(s *stay) bool {
		b, f := s.first("bridge-agent-start"), s.first("bridge-agent-end")
		return s.reason() == "Cancel/NONE" && b != nil && f != nil && notBridged(f) && b.offset < s.end.offset && f.at-s.end.at > 2_000
	}))
}

func trap3(t *testing.T, p *tape) {
	gone := func(s *stay) *told { return p.hungUp[s.start.get(eventsocket.KeyCCMemberSessionUUID)] }
	list := p.where(t, 75, func(s *stay) bool {
		return s.reason() == "Terminated/" && gone(s) != nil && gone(s).offset < s.end.offset
	})
	for _, s := range list {
		want(t, s, metrics.Answered)
		if s.contact.EndedBy == metrics.EndUnknown || s.contact.Unseen || s.contact.Agent != s.end.agent() {
			t.Errorf("visit %s: ended by %v, agent %q; the event says %q", s.start.visit(), s.contact.EndedBy, s.contact.Agent, s.end.agent())
		}
	}
	for _, s := range p.where(t, 20, func(s *stay) bool { return strings.HasPrefix(s.reason(), "Cancel/BREAK_OUT") }) {
		if g := gone(s); g != nil && g.offset < s.end.offset {
			t.Errorf("visit %s: for Cancel the queue speaks first, here it did not", s.start.visit())
		}
	}
}

func trap4(t *testing.T, p *tape) {
	by := map[metrics.EndedBy]int{}
	list := p.where(t, 100, func(s *stay) bool {
		b := s.first("bridge-agent-end")
		return b != nil && !notBridged(b) && b.get(eventsocket.KeyCCHangupCause) == "SUCCESS" && s.reason() == "Terminated/" && s.end.get(eventsocket.KeyCCHangupCause) == "SUCCESS"
	})
	for _, s := range list {
		want(t, s, metrics.Answered)
		by[s.contact.EndedBy]++
		b := s.first("bridge-agent-end")
		if b.get(eventsocket.KeyVarSIPHangupDisposition) == "recv_bye" && s.contact.EndedBy != metrics.ByAgent && s.contact.EndedBy != metrics.ByAttendedTransfer {
			t.Errorf("visit %s: ended by %v, but the agent's phone sent BYE", s.start.visit(), s.contact.EndedBy)
		}
	}
	for _, e := range []metrics.EndedBy{metrics.ByCaller, metrics.ByAgent, metrics.ByBlindTransfer, metrics.ByAttendedTransfer} {
		if by[e] == 0 {
			t.Errorf("none of %v was ended by %v", by, e)
		}
	}
}

func trap5(t *testing.T, p *tape) {
	lost := 0
	for _, s := range p.where(t, 3, func(s *stay) bool {
		return s.count("bridge-agent-start", nil) == 1 && s.count("bridge-agent-fail", cause("LOSE_RACE")) > 1
	}) {
		n := s.count("bridge-agent-fail", cause("LOSE_RACE"))
		lost += n
		queue := p.alone(t, s.start.visit()).sum()[metrics.Key{Kind: metrics.QueueRow, Name: s.start.get(eventsocket.KeyCCQueue)}]
		if got := queue.Get(metrics.CancelledCount); got < int64(n) {
			t.Errorf("visit %s: %d cancelled, %d lost the race", s.start.visit(), got, n)
		}
		missed := s.count("bridge-agent-fail", cause("NO_ANSWER"))
		if got := queue.Get(metrics.MissedCount); got > int64(missed) {
			t.Errorf("visit %s: %d missed, only %d rang out", s.start.visit(), got, missed)
		}
		if got := queue.Get(metrics.AnsweredCount); got != 1 || s.contact.Offers < n+1 {
			t.Errorf("visit %s: %d answered, %d offers", s.start.visit(), got, s.contact.Offers)
		}
	}
	t.Log(lost, "races lost")
}

func trap6(t *testing.T, p *tape) {
	var e eventsocket.Event
	var gaps, disorder, back int
	var last, stamp, deepest int64
	for _, raw := range p.frames {
		f, err := eventsocket.NewReader(bytes.NewReader(raw), eventsocket.DefaultLimits).Next()
		if err != nil || f.Decode(&e) != nil {
			continue
		}
		seq, _ := e.Int(eventsocket.KeyEventSequence)
		us, _ := e.Micros()
		switch {
		case last != 0 && seq < last:
			disorder++
		case last != 0 && seq > last+1:
			gaps++
		}
		if us < stamp {
			back++
			deepest = max(deepest, stamp-us)
		}
		last, stamp = max(last, seq), max(stamp, us)
	}
	t.Logf("%d gaps, %d out of order, %d stamps step back, by up to %d ms", gaps, disorder, back, deepest/1000)
	if gaps < 100 || disorder < 1 || back < 1 {
		t.Fatal("the recording does not show it")
	}
	if u, f := p.tracker.Unobserved(), p.tracker.Faults; u != 0 || f != (metrics.Faults{}) {
		t.Errorf("%d ms unobserved, faults %+v: a gap was taken for a loss", u, f)
	}
	for _, c := range p.contacts {
		if c.Wait() < 0 || c.Talk() < 0 || c.Partial || c.Unseen {
			t.Errorf("visit %s: %+v", c.Visit, c)
		}
	}
}

func trap7(t *testing.T, p *tape) {
	fine := 0
	for _, s := range p.where(t, 100, func(s *stay) bool { return s.contact != nil && s.contact.Outcome == metrics.Answered }) {
		b := s.first("bridge-agent-start")
		if b == nil || s.first("bridge-agent-end") == nil {
			t.Fatalf("visit %s has no pick-up", s.start.visit())
		}
		var answered int64
		fmt.Sscan(b.get(eventsocket.KeyCallerChannelAnsweredTime), &answered)
		if !near(s.contact.Answered, metrics.Millis(answered/1000), 1) {
			t.Errorf("visit %s: answered at %d, the agent's channel at %d µs", s.start.visit(), s.contact.Answered, answered)
		}
		var seconds metrics.Millis
		fmt.Sscan(s.first("bridge-agent-end").get(eventsocket.KeyCCAgentAnsweredTime), &seconds)
		if !near(s.contact.Answered, seconds*1000, 1_500) {
			t.Errorf("visit %s: answered at %d, mod_callcenter at second %d", s.start.visit(), s.contact.Answered, seconds)
		}
		if s.contact.Answered%1000 != 0 {
			fine++
		}
	}
	if fine < 90 {
		t.Errorf("only %d answers lie between two whole seconds", fine)
	}
}

func trap8(t *testing.T, p *tape) {
	held := map[string]bool{}
	for _, e := range p.events {
		if e.kind == channelHold {
			held[e.leg()] = true
		}
	}
	leg := func(s *stay) string {
		if b := s.first("bridge-agent-end"); b != nil {
			return b.get(eventsocket.KeyCCAgentUUID)
		}
		return ""
	}
	n := 0
	for _, s := range p.where(t, 3, func(s *stay) bool {
		h := p.hungUp[leg(s)]
		// After a blind transfer the leg's transfer disposition is the same.
		return h != nil && s.reason() == "Terminated/" && h.get(eventsocket.KeyVarTransferDisposition) == "recv_replace" &&
			h.get(eventsocket.KeyVarEndpointDisposition) != "BLIND_TRANSFER"
	}) {
		want(t, s, metrics.Answered)
		h := p.hungUp[leg(s)]
		if s.contact.EndedBy != metrics.ByAttendedTransfer {
			t.Errorf("visit %s: ended by %v", s.start.visit(), s.contact.EndedBy)
		}
		if !near(s.contact.Ended, h.at, 60) {
			t.Errorf("visit %s: the agent's part ends at %d, the agent's leg at %d", s.start.visit(), s.contact.Ended, h.at)
		}
		if held[leg(s)] {
			n++
			if s.contact.Hold <= 0 || s.contact.Holds < 1 || s.contact.Hold > s.contact.Talk() {
				t.Errorf("visit %s: held %d times for %d ms of %d ms", s.start.visit(), s.contact.Holds, s.contact.Hold, s.contact.Talk())
			}
		}
		if r := p.alone(t, append(s.ids(), leg(s))...); r.count(metrics.AgentRow, metrics.TransferredAttended) < 1 {
			t.Errorf("visit %s: no attended transfer is counted", s.start.visit())
		}
	}
	if n == 0 {
		t.Error("nobody was put on hold before a transfer")
	}
}

func trap9(t *testing.T, p *tape) {
	loopback := map[string]string{} // visit of a leg made for it, by leg
	for _, e := range p.events {
		if e.kind == channelCreate && e.get(eventsocket.KeyVarCCSide) == "agent" && strings.HasPrefix(e.get(eventsocket.KeyChannelName), "loopback/") {
			loopback[e.get(eventsocket.KeyVarCCMemberUUID)] = e.get(eventsocket.KeyVarCCAgent)
		}
	}
	for _, s := range p.where(t, 1, func(s *stay) bool {
		return loopback[s.start.visit()] != "" && s.count("bridge-agent-fail", cause("NORMAL_CLEARING")) > 0
	}) {
		if r := p.alone(t, s.ids()...); r.count(metrics.AgentRow, metrics.MissedCount) != 1 || r.count(metrics.AgentRow, metrics.RejectedCount) != 0 {
			t.Errorf("visit %s: missed %d, rejected %d", s.start.visit(), r.count(metrics.AgentRow, metrics.MissedCount), r.count(metrics.AgentRow, metrics.RejectedCount))
		}
	}
	for _, s := range p.where(t, 3, func(s *stay) bool { return loopback[s.start.visit()] != "" && s.reason() == "Terminated/" }) {
		want(t, s, metrics.Answered)
		if s.contact.Agent != loopback[s.start.visit()] || s.contact.EndedBy == metrics.EndUnknown {
			t.Errorf("visit %s: answered by %q, ended by %v", s.start.visit(), s.contact.Agent, s.contact.EndedBy)
		}
		if r := p.alone(t, s.ids()...); r.count(metrics.AgentRow, metrics.OtherCalls) != 0 {
			t.Errorf("visit %s: a loopback's legs count as %d calls of the agent's own", s.start.visit(), r.count(metrics.AgentRow, metrics.OtherCalls))
		}
	}
}

func trap10(t *testing.T, p *tape) {
	talks := map[string]bool{}
	after := map[string]metrics.State{} // what the agent must be once the call is over
	changed, ended := 0, 0
	p.watch(t, func(e *told, now func(string) metrics.State) {
		a := e.agent()
		switch e.action {
		case "agent-state-change":
			switch e.get(eventsocket.KeyCCAgentState) {
			case "In a queue call":
				talks[a] = true
			case "Receiving":
				delete(after, a)
			}
		case "agent-status-change":
			st, ok := map[string]metrics.State{"On Break": metrics.PausedState, "Logged Out": metrics.Offline}[e.get(eventsocket.KeyCCAgentStatus)]
			if delete(after, a); ok && talks[a] {
				changed++
				after[a] = st
				if s := now(a); s != metrics.Talking && s != metrics.Holding {
					t.Errorf("byte %d: agent %s became %s in mid-call and is %v", e.offset, a, e.get(eventsocket.KeyCCAgentStatus), s)
				}
			}
		case "bridge-agent-end":
			delete(talks, a)
			if want, ok := after[a]; ok {
				ended++
				delete(after, a)
				if s := now(a); s != want {
					t.Errorf("byte %d: agent %s is %v after the call, want %v", e.offset, a, s, want)
				}
			}
		}
	})
	t.Logf("%d changes in mid-call, %d of them hold after it", changed, ended)
	if changed < 4 || ended < 3 {
		t.Fatal("the recording does not show it")
	}
}
