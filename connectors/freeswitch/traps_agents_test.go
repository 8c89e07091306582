package freeswitch

import (
	"slices"
	"strings"
	"testing"

	"tallyd/connectors/freeswitch/eventsocket"
	"tallyd/metrics"
)

func trap17(t *testing.T, p *tape) {
	nobodyTalked(t, p, p.where(t, 6, func(s *stay) bool {
		b, f := s.first("bridge-agent-start"), s.first("bridge-agent-end")
		return strings.HasPrefix(s.reason(), "Cancel/BREAK_OUT") && b != nil && f != nil && notBridged(f)
	}))
}

// trap17Phantom: a phone was rung and answered, but neither a start nor a fail
// ever comes of the offer: it is cancelled, and nobody is left ringing.
func trap17Phantom(t *testing.T, p *tape) {
	type of struct{ visit, agent string }
	answered := map[of]bool{}
	for _, e := range p.events {
		if e.kind == channelAnswer && e.get(eventsocket.KeyVarCCSide) == "agent" {
			answered[of{e.get(eventsocket.KeyVarCCMemberUUID), e.get(eventsocket.KeyVarCCAgent)}] = true
		}
	}
	silent := func(s *stay) (agents []string) {
		for _, e := range s.events {
			about := func(x *told) bool { return x.agent() == e.agent() }
			if e.action == "agent-offering" && answered[of{s.start.visit(), e.agent()}] && s.count("bridge-agent-start", about)+s.count("bridge-agent-fail", about) == 0 {
				agents = append(agents, e.agent())
			}
		}
		return agents
	}
	for _, s := range p.where(t, 3, func(s *stay) bool { return len(silent(s)) > 0 }) {
		want(t, s, metrics.Answered, metrics.Abandoned, metrics.TimedOut, metrics.LeftEmpty, metrics.ExitedByKey, metrics.Withdrawn)
		if slices.Contains(silent(s), s.contact.Agent) {
			t.Errorf("visit %s: answered by %s, whom nobody heard", s.start.visit(), s.contact.Agent)
		}
		ids := s.ids()
		for _, a := range silent(s) {
			ids = append(ids, escaped(a)) // its going back to Waiting names no visit
		}
		r := p.alone(t, ids...)
		for _, a := range silent(s) {
			x := r.sum()[metrics.Key{Kind: metrics.PairRow, Name: a, Second: s.start.get(eventsocket.KeyCCQueue)}]
			if x == nil || x.Get(metrics.Offers) == 0 {
				t.Fatalf("visit %s: agent %s has no offer", s.start.visit(), a)
			}
			results := x.Get(metrics.AnsweredCount) + x.Get(metrics.MissedCount) + x.Get(metrics.RejectedCount) + x.Get(metrics.CancelledCount) + x.Get(metrics.CallerGoneCount)
			if results != x.Get(metrics.Offers) || x.Get(metrics.UnseenOffers) != 0 {
				t.Errorf("visit %s: agent %s has %d offers, %d results", s.start.visit(), a, x.Get(metrics.Offers), results)
			}
		}
	}
}

func trap18(t *testing.T, p *tape) {
	next := func(s *stay) *stay {
		for _, n := range p.stays {
			if n != s && n.contact != nil && s.end != nil && n.contact.Leg == s.start.get(eventsocket.KeyCCMemberSessionUUID) && n.start.offset > s.start.offset {
				return n
			}
		}
		return nil
	}
	on := 0
	for _, s := range p.where(t, 8, func(s *stay) bool {
		return strings.HasPrefix(s.reason(), "Cancel/BREAK_OUT") && s.end.get(eventsocket.KeyHangupCause) == "" && s.end.get(eventsocket.KeyCallerChannelHangupTime) == "0"
	}) {
		want(t, s, metrics.Withdrawn)
		r := p.alone(t, s.ids()[0])
		if r.count(metrics.QueueRow, metrics.WithdrawnCount) < 1 || r.count(metrics.QueueRow, metrics.AbandonedCount) != 0 {
			t.Errorf("visit %s: counted as abandoned", s.start.visit())
		}
		if n := next(s); n != nil {
			on++
		}
	}
	if on == 0 {
		t.Error("none of them went on to another queue")
	}
}

func trap18Consult(t *testing.T, p *tape) {
	for _, s := range p.where(t, 4, func(s *stay) bool {
		return strings.HasPrefix(s.reason(), "Cancel/BREAK_OUT") && s.end.get(eventsocket.KeyHangupCause) == "ATTENDED_TRANSFER"
	}) {
		want(t, s, metrics.Withdrawn)
	}
}

// trap18Break: callcenter_break lets the agent go from the queue's point of
// view, but the two stay bridged until one hangs up.
func trap18Break(t *testing.T, p *tape) {
	for _, s := range p.where(t, 2, func(s *stay) bool {
		b := s.first("bridge-agent-end")
		if b == nil || b.get(eventsocket.KeyCCAgentCalledTime) == "0" || b.get(eventsocket.KeyHangupCause) != "" || notBridged(b) {
			return false
		}
		h := p.hungUp[b.get(eventsocket.KeyCCAgentUUID)]
		return h != nil && h.at > b.at+3_000
	}) {
		want(t, s, metrics.Answered)
		b := s.first("bridge-agent-end")
		h := p.hungUp[b.get(eventsocket.KeyCCAgentUUID)]
		if !near(s.contact.Ended, h.at, 60) {
			t.Errorf("visit %s: ends at %d, the queue let go at %d, the agent's leg ended at %d", s.start.visit(), s.contact.Ended, b.at, h.at)
		}
		if s.contact.EndedBy != metrics.ByCaller && s.contact.EndedBy != metrics.ByAgent {
			t.Errorf("visit %s: ended by %v", s.start.visit(), s.contact.EndedBy)
		}
	}
}

func trap19(t *testing.T, p *tape) {
	calls := map[string]int{}
	for _, s := range p.where(t, 29, standby) {
		want(t, s, metrics.Answered)
		calls[s.first("bridge-agent-end").get(eventsocket.KeyCCAgentUUID)]++
		b, e := s.first("bridge-agent-start"), s.first("bridge-agent-end")
		if s.contact.Answered < s.contact.Joined || !near(s.contact.Answered, b.at, 150) {
			t.Errorf("visit %s: answered at %d, picked up at %d", s.start.visit(), s.contact.Answered, b.at)
		}
		if s.contact.Ended > e.at || s.contact.Ended < e.at-1_100 || s.contact.Agent != e.agent() {
			t.Errorf("visit %s: %s until %d, reported at %d", s.start.visit(), s.contact.Agent, s.contact.Ended, e.at)
		}
	}
	most := 0
	for _, n := range calls {
		most = max(most, n)
	}
	if most < 3 {
		t.Errorf("no leg served several calls: %v", calls)
	}
}

func trap19NoLine(t *testing.T, p *tape) {
	for _, s := range p.where(t, 2, func(s *stay) bool { return s.count("bridge-agent-fail", cause("NONE")) > 0 }) {
		f := s.events[slices.IndexFunc(s.events, func(e *told) bool { return e.action == "bridge-agent-fail" && cause("NONE")(e) })]
		if v := f.get(eventsocket.KeyCCAgentCalledTime); v != "0" && v != "" {
			t.Errorf("visit %s: called at %s", s.start.visit(), v)
		}
		r := p.alone(t, s.ids()...)
		x := r.sum()[metrics.Key{Kind: metrics.AgentRow, Name: f.agent()}]
		if x == nil || x.Get(metrics.RejectedCount) < 1 || x.Get(metrics.MissedCount) != 0 {
			t.Errorf("visit %s: agent %s without a line has %v", s.start.visit(), f.agent(), x)
		}
	}
}

func trap20(t *testing.T, p *tape) {
	set := map[string]string{}
	back := 0
	p.watch(t, func(e *told, now func(string) metrics.State) {
		if e.action != "agent-status-change" {
			return
		}
		status := e.get(eventsocket.KeyCCAgentStatus)
		if old := set[e.agent()]; (old == "On Break" || old == "Logged Out") && status == "Available" {
			back++
			if s := now(e.agent()); s == metrics.PausedState || s == metrics.Offline || s == metrics.Unknown {
				t.Errorf("byte %d: agent %s is Available again, but %v", e.offset, e.agent(), s)
			}
		}
		set[e.agent()] = status
	})
	if back < 2 {
		t.Fatalf("%d statuses were set back, the recording should have 2", back)
	}
}

// trap20Deleted: of an agent who is deleted while it rings, no state is told
// any more, but the pick-up and the call are.
func trap20Deleted(t *testing.T, p *tape) {
	inCall := func(s *stay) bool {
		b := s.first("bridge-agent-start")
		return b != nil && slices.ContainsFunc(p.events, func(e *told) bool {
			return e.action == "agent-state-change" && e.agent() == b.agent() && e.get(eventsocket.KeyCCAgentState) == "In a queue call" && e.offset > b.offset && e.at <= b.at+1_000
		})
	}
	for _, s := range p.where(t, 1, func(s *stay) bool { return s.first("bridge-agent-start") != nil && !inCall(s) }) {
		want(t, s, metrics.Answered)
		if s.contact.Agent != "1003@default" || s.contact.Talk() < 5_000 {
			t.Errorf("visit %s: %q for %d ms", s.start.visit(), s.contact.Agent, s.contact.Talk())
		}
	}
}

func trap20NoQueue(t *testing.T, p *tape) {
	n := 0
	for _, v := range readTruth(t, "testdata/lab-runtime/truth.json").Visits {
		if v.Outcome != "no_queue" {
			continue
		}
		n++
		for _, e := range p.events {
			if e.action != "" && e.get(eventsocket.KeyCCMemberSessionUUID) == v.UUID && e.get(eventsocket.KeyCCQueue) == v.Queue {
				t.Errorf("call %s: mod_callcenter says something: %s", v.UUID, e.action)
			}
		}
		if slices.ContainsFunc(p.contacts, func(c metrics.Contact) bool { return c.Leg == v.UUID && c.Queue == v.Queue }) {
			t.Errorf("call %s is a visit of %s", v.UUID, v.Queue)
		}
	}
	if n == 0 {
		t.Fatal("the recording has no such call")
	}
}

func trap21(t *testing.T, p *tape) {
	quoted := func(e *told) bool {
		return strings.Contains(e.get(eventsocket.KeyCCMemberCIDName), `"`) && cause("DESTINATION_OUT_OF_ORDER")(e)
	}
	for _, s := range p.where(t, 2, func(s *stay) bool { return s.count("bridge-agent-fail", quoted) > 0 }) {
		n := s.count("bridge-agent-fail", quoted)
		r := p.alone(t, s.ids()...)
		if rej, mis := r.count(metrics.AgentRow, metrics.RejectedCount), r.count(metrics.AgentRow, metrics.MissedCount); rej < int64(n) || mis != 0 {
			t.Errorf("visit %s: %d rejected, %d missed, %d offers failed by the quote", s.start.visit(), rej, mis, n)
		}
	}
}

func trap22(t *testing.T, p *tape) {
	for _, s := range p.where(t, 3, func(s *stay) bool {
		e := broke(p, s)
		return e != nil && e.action == "bridge-agent-fail" && cause("ORIGINATOR_CANCEL")(e) && s.end != nil && s.end.at > e.at+500
	}) {
		e := broke(p, s)
		if s.contact.Ended != 0 && s.contact.Ended <= e.at {
			t.Errorf("visit %s: over at %d, but only %s stopped ringing", s.start.visit(), s.contact.Ended, e.agent())
		}
		x := p.alone(t, s.ids()...).sum()[metrics.Key{Kind: metrics.AgentRow, Name: e.agent()}]
		if x == nil || x.Get(metrics.CancelledCount) < 1 || x.Get(metrics.MissedCount) != 0 {
			t.Errorf("visit %s: agent %s has %v", s.start.visit(), e.agent(), x)
		}
	}
}

func trap22Answered(t *testing.T, p *tape) {
	for _, s := range p.where(t, 5, func(s *stay) bool {
		e := broke(p, s)
		return e != nil && e.action == "bridge-agent-start" && s.reason() == "Terminated/" && s.end.agent() == e.agent()
	}) {
		want(t, s, metrics.Answered)
		if e := broke(p, s); s.contact.Agent != e.agent() {
			t.Errorf("visit %s: answered by %q, want %q", s.start.visit(), s.contact.Agent, e.agent())
		}
	}
}

func trap23(t *testing.T, p *tape) {
	two := 0
	for _, s := range p.where(t, 2, func(s *stay) bool { return s.count("bridge-agent-fail", cause("ALLOTTED_TIMEOUT")) > 0 }) {
		legs := map[string]int{}
		for _, e := range p.events {
			if e.kind == channelCreate && e.get(eventsocket.KeyVarCCMemberUUID) == s.start.visit() {
				legs[e.get(eventsocket.KeyVarCCAgent)]++
			}
		}
		r := p.alone(t, s.ids()...)
		for _, e := range s.events {
			if e.action != "bridge-agent-fail" || !cause("ALLOTTED_TIMEOUT")(e) {
				continue
			}
			if legs[e.agent()] > 1 {
				two++
			}
			counter := metrics.MissedCount
			if b := s.first("bridge-agent-start"); b != nil && b.offset < e.offset && b.agent() != e.agent() {
				counter = metrics.CancelledCount // visit 36c46da0: they rang on after another agent had won
			}
			x := r.sum()[metrics.Key{Kind: metrics.AgentRow, Name: e.agent()}]
			if x == nil || x.Get(counter) != 1 || x.Get(metrics.MissedCount)+x.Get(metrics.RejectedCount)+x.Get(metrics.CancelledCount) != 1 {
				t.Errorf("visit %s: agent %s has %v, want one %v", s.start.visit(), e.agent(), x, counter)
			}
		}
	}
	if two == 0 {
		t.Fatal("no agent has two phones")
	}
}

func trap24(t *testing.T, p *tape) {
	reserved, offers := 0, 0
	p.watch(t, func(e *told, now func(string) metrics.State) {
		switch {
		case e.action == "agent-offering":
			offers++
		case e.action == "agent-state-change" && e.get(eventsocket.KeyCCAgentState) == "Reserved":
			reserved++
			if s := now(e.agent()); s == metrics.RingingState || s == metrics.Talking {
				t.Errorf("byte %d: agent %s is %v, but only reserved", e.offset, e.agent(), s)
			}
		}
	})
	if reserved < 100 {
		t.Fatalf("%d times Reserved, the recording should have 100", reserved)
	}
	if got := p.count(metrics.AgentRow, metrics.Offers); got != int64(offers) {
		t.Errorf("%d offers counted of %d", got, offers)
	}
}

func trap25(t *testing.T, p *tape) {
	entered := map[string]metrics.Millis{}
	for _, e := range p.events {
		if e.kind == channelExecute && e.get(eventsocket.KeyApplication) == "callcenter" && entered[e.leg()] == 0 {
			entered[e.leg()] = e.at
		}
	}
	late := metrics.Millis(0)
	for _, s := range p.where(t, 5, func(s *stay) bool {
		at := entered[s.start.get(eventsocket.KeyCCMemberSessionUUID)]
		return at != 0 && s.start.action == "member-queue-start" && s.start.at-at > 200 && s.start.at-at < 2_000
	}) {
		at := entered[s.start.get(eventsocket.KeyCCMemberSessionUUID)]
		late = max(late, s.start.at-at)
		if s.contact.Joined != at {
			t.Errorf("visit %s: joined at %d, entered at %d, told at %d", s.start.visit(), s.contact.Joined, at, s.start.at)
		}
	}
	t.Log("up to", late, "ms late")
}

func trap26(t *testing.T, p *tape) {
	offered := map[string]int64{}
	local := map[string][]string{}
	strange := 0
	for _, s := range p.stays {
		q := s.start.get(eventsocket.KeyCCQueue)
		if offered[q]++; offered[q] == 1 {
			name, domain, _ := strings.Cut(q, "@")
			local[name] = append(local[name], domain)
			if strings.ContainsAny(name, " .+") || len([]rune(name)) != len(name) {
				strange++
			}
		}
	}
	if len(local["support"]) < 2 || strange < 3 {
		t.Fatalf("queues %v", local)
	}
	sum := p.sum()
	for q, n := range offered {
		if x := sum[metrics.Key{Kind: metrics.QueueRow, Name: q}]; x == nil || x.Get(metrics.Offered) != n {
			t.Errorf("queue %s: %v, want %d offered", q, x, n)
		}
	}
}
