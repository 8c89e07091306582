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

// The traps that mod_callcenter sets, by number. Each test first counts in the
// raw events how often the recording has the situation, so that it cannot hold
// for want of one, and then looks at what became of exactly those.

// elsewhere are the traps of other layers, and where they are tested.
var elsewhere = []string{
	"13 the same Core-UUID after the stream ended: TestPlainAndJSONAgree",
	"15 always reading, whatever becomes of counting: the session's; text/disconnect-notice: eventsocket",
}

func TestTraps(t *testing.T) {
	s := shelf{}
	for _, trap := range []struct {
		name, tape string
		f          func(*testing.T, *tape)
	}{
		{"1 runA: sent to another queue, the new stay begins before the old ends", "runA", trap1},
		{"1 lab-races: the same by blind transfer", "lab-races", trap1},
		{"1 lab-narrow: the same by uuid_transfer of a talking caller", "lab-narrow", trap1},
		{"2 runA: picked up, Cancel/NONE, and three seconds later not bridged", "runA", trap2},
		{"2 lab-races: the same, sixteen times", "lab-races", trap2},
		{"3 runA: the caller's channel is gone before the queue says so", "runA", trap3},
		{"4 runA: CC-Hangup-Cause is SUCCESS whoever hung up", "runA", trap4},
		{"5 runA: ring-all, the losers of the race are cancelled", "runA", trap5},
		{"6 runA: sequence numbers with gaps, stamps that step back", "runA", trap6},
		{"7 runA: times of whole seconds beside stamps of milliseconds", "runA", trap7},
		{"8 runA: attended transfer after a hold and a consultation", "runA", trap8},
		{"8 lab-races: attended transfer", "lab-races", trap8},
		{"9 runC-reload: a loopback contact that nobody answers", "runC-reload", trap9},
		{"10 lab-races: On Break or Logged Out in mid-call", "lab-races", trap10},
		{"10 runA: On Break or Logged Out in mid-call", "runA", trap10},
		{"11 synthetic: a call of the agent's own leaves mod_callcenter's state alone", "", trap11},
		{"12 runA: the switch's counters go back to zero, its lists hold who has left", "runA", trap12},
		{"13 lab-restart: whoever waits at the shutdown did not abandon", "lab-restart", trap13},
		{"13 runD-restart: the same, with nobody talking", "runD-restart", trap13},
		{"13 lab-restart: killed, the stream just ends", "lab-restart", trap13Killed},
		{"14 runA: reloaded, agents come before MODULE_LOAD", "runA", trap14},
		{"14 runC-reload: a reload that is refused", "runC-reload", trap14Refused},
		{"16 lab-races: picked up, caller gone, and no member-queue-end at all", "lab-races", trap16},
		{"16 lab-narrow: the same twice", "lab-narrow", trap16},
		{"17 lab-races: hung up after the pick-up, told as BREAK_OUT", "lab-races", trap17},
		{"17 lab-standby: a phone answered for nobody, neither start nor fail", "lab-standby", trap17Phantom},
		{"17 lab-races: a phone answered for nobody, neither start nor fail", "lab-races", trap17Phantom},
		{"18 lab-races: waiting callers who are moved are withdrawn", "lab-races", trap18},
		{"18 lab-races: a consultation leg that waits when the transfer is made", "lab-races", trap18Consult},
		{"18 lab-races: callcenter_break, and the two talk on", "lab-races", trap18Break},
		{"19 lab-standby: one leg for many calls, answered long before", "lab-standby", trap19},
		{"19 lab-standby: on standby without a line", "lab-standby", trap19NoLine},
		{"20 lab-runtime: queue reload sets statuses back", "lab-runtime", trap20},
		{"20 lab-runtime: an agent deleted while ringing", "lab-runtime", trap20Deleted},
		{"20 lab-runtime: a queue that does not exist", "lab-runtime", trap20NoQueue},
		{"21 lab-twodomains: a quote in the caller's name", "lab-twodomains", trap21},
		{"22 lab-races: On Break while ringing, the caller waits on", "lab-races", trap22},
		{"22 lab-races: On Break while ringing, and answered all the same", "lab-races", trap22Answered},
		{"23 lab-standby: two phones of one agent, neither answers", "lab-standby", trap23},
		{"24 lab-narrow: Reserved before each Receiving", "lab-narrow", trap24},
		{"25 lab-twodomains: joining is told late", "lab-twodomains", trap25},
		{"26 lab-twodomains: one name in two domains, names of any letters", "lab-twodomains", trap26},
	} {
		t.Run(trap.name, func(t *testing.T) {
			if trap.tape == "" {
				trap.f(t, nil)
				return
			}
			trap.f(t, s.tape(t, trap.tape))
		})
	}
	for _, e := range elsewhere {
		t.Log("elsewhere:", e)
	}
}

// told is one event of a recording, with all headers that have a Key.
type told struct {
	at     metrics.Millis
	kind   kind
	action string
	frame  []byte
	offset int64
	of     int // which of the recording's files
	h      map[eventsocket.Key]string
}

func (e *told) get(k eventsocket.Key) string { return e.h[k] }
func (e *told) agent() string                { return e.h[eventsocket.KeyCCAgent] }
func (e *told) visit() string                { return e.h[eventsocket.KeyCCMemberUUID] }
func (e *told) leg() string                  { return e.h[eventsocket.KeyUniqueID] }

// stay is one stay in a queue, as the raw events have it.
type stay struct {
	start, end *told
	events     []*told // of mod_callcenter that name it, after start
	contact    *metrics.Contact
}

func (s *stay) first(action string) *told {
	i := slices.IndexFunc(s.events, func(e *told) bool { return e.action == action })
	if i < 0 {
		return nil
	}
	return s.events[i]
}

func (s *stay) count(action string, cond func(*told) bool) int {
	n := 0
	for _, e := range s.events {
		if e.action == action && (cond == nil || cond(e)) {
			n++
		}
	}
	return n
}

func (s *stay) reason() string {
	if s.end == nil {
		return ""
	}
	return s.end.get(eventsocket.KeyCCCause) + "/" + s.end.get(eventsocket.KeyCCCancelReason)
}

// tape is a recording with what tallyd makes of it.
type tape struct {
	files  []string
	events []*told
	frames [][]byte // all of the first file, unwanted ones too
	stays  []*stay
	hungUp map[string]*told // CHANNEL_HANGUP_COMPLETE by channel
	*replayed
}

type shelf map[string]*tape

func (s shelf) tape(t *testing.T, name string) *tape {
	if s[name] == nil {
		dir := "testdata/" + name
		s[name] = newTape(t, append([]string{dir + "/plain.raw"}, segments(dir)...))
	}
	return s[name]
}

func newTape(t *testing.T, files []string) *tape {
	t.Helper()
	p := &tape{files: files, hungUp: map[string]*told{}, replayed: replayFiles(t, files...)}
	for i, f := range files {
		b, err := io.ReadAll(openRecording(t, f))
		if err != nil {
			t.Fatal(err)
		}
		in := eventsocket.NewReader(bytes.NewReader(b), eventsocket.DefaultLimits)
		var e eventsocket.Event
		for {
			f, err := in.Next()
			if err != nil {
				break // the end, or where the switch was killed
			}
			raw := b[f.Offset : f.Offset+int64(f.Size())]
			if i == 0 {
				p.frames = append(p.frames, raw)
			}
			k := eventKind(f.Name())
			if k == unwanted || f.Decode(&e) != nil {
				continue
			}
			x := &told{kind: k, frame: raw, offset: f.Offset, of: i, h: map[eventsocket.Key]string{}}
			for key := range eventsocket.KeyAPICommandArgument + 1 {
				if v := e.Get(key); v != nil {
					x.h[key] = string(v)
				}
			}
			micros, _ := e.Micros()
			x.at = metrics.Millis(micros / 1000)
			if k == callcenter {
				x.action = x.get(eventsocket.KeyCCAction)
			}
			if k == channelHangup {
				p.hungUp[x.leg()] = x
			}
			p.events = append(p.events, x)
		}
	}
	p.index()
	return p
}

// index finds the stays, and the contact of each by where it began.
func (p *tape) index() {
	now := map[string]*stay{}
	for _, e := range p.events {
		switch v := now[e.visit()]; {
		case e.action == "member-queue-start" || e.action == "member-queue-resume":
			s := &stay{start: e}
			for i := range p.contacts {
				if c := &p.contacts[i]; c.Visit == e.visit() && c.Offset == e.offset {
					s.contact = c
				}
			}
			now[e.visit()], p.stays = s, append(p.stays, s)
		case v != nil && e.action != "":
			v.events = append(v.events, e)
			if e.action == "member-queue-end" {
				v.end = e
			}
		}
	}
}

// where lists the stays in a situation, of which there must be some; each has
// a contact then.
func (p *tape) where(t *testing.T, least int, cond func(*stay) bool) []*stay {
	t.Helper()
	var out []*stay
	for _, s := range p.stays {
		if cond(s) {
			out = append(out, s)
		}
	}
	if len(out) < least {
		t.Fatalf("the recording has %d instances, it should have %d", len(out), least)
	}
	t.Logf("%d instances, the first is visit %s", len(out), out[0].start.visit())
	for _, s := range out {
		if s.contact == nil {
			t.Fatalf("visit %s is not in the replay", s.start.visit())
		}
	}
	return out
}

// alone replays, of the first file, the events that name one of the ids: what
// one visit comes to on its own.
func (p *tape) alone(t *testing.T, ids ...string) *replayed {
	t.Helper()
	var b []byte
	for _, e := range p.events {
		if e.of == 0 && slices.ContainsFunc(ids, func(id string) bool { return id != "" && bytes.Contains(e.frame, []byte(id)) }) {
			b = append(b, e.frame...)
		}
	}
	r := replayStreams(t, bytes.NewReader(b))
	conserved(t, r)
	return r
}

// ids are what the events of a stay are found by.
func (s *stay) ids() []string {
	return []string{s.start.visit(), s.start.get(eventsocket.KeyCCMemberSessionUUID)}
}

// count adds a counter up over the rows of a kind.
func (r *replayed) count(k metrics.RowKind, c metrics.Counter) int64 {
	var n int64
	for key, x := range r.sum() {
		if key.Kind == k {
			n += x.Get(c)
		}
	}
	return n
}

// watch replays a recording's first file and calls f after each event.
func (p *tape) watch(t *testing.T, f func(e *told, now func(agent string) metrics.State)) {
	t.Helper()
	names := metrics.NewNames()
	tracker := metrics.NewTracker(names, metrics.Options{})
	tr := NewTranslator(names, tracker.Apply)
	now := func(agent string) metrics.State {
		return tracker.Live.Agent(metrics.AgentID(names.InternString(metrics.AgentName, agent))).State
	}
	for _, e := range p.events {
		if e.of != 0 {
			return
		}
		fr, err := eventsocket.NewReader(bytes.NewReader(e.frame), eventsocket.DefaultLimits).Next()
		if err != nil {
			t.Fatal(err)
		}
		tr.Frame(fr)
		f(e, now)
	}
}

func want(t *testing.T, s *stay, outcomes ...metrics.Outcome) {
	t.Helper()
	if !slices.Contains(outcomes, s.contact.Outcome) {
		t.Errorf("visit %s at byte %d: %v by %q, want %v", s.start.visit(), s.start.offset, s.contact.Outcome, s.contact.Agent, outcomes)
	}
}

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

func notBridged(e *told) bool { return e.get(eventsocket.KeyCCAgentBridged) == "false" }

// nobodyTalked checks visits in which an agent picked up for a caller who had gone.
func nobodyTalked(t *testing.T, p *tape, list []*stay) {
	t.Helper()
	for _, s := range list {
		want(t, s, metrics.Abandoned)
		gone := p.hungUp[s.start.get(eventsocket.KeyCCMemberSessionUUID)]
		if gone == nil {
			t.Fatalf("visit %s: the caller never hung up", s.start.visit())
		}
		if s.contact.Agent != "" || s.contact.Talk() != 0 || !near(s.contact.Ended, gone.at, 60) {
			t.Errorf("visit %s: %+v, the caller left at %d", s.start.visit(), *s.contact, gone.at)
		}
		r := p.alone(t, s.ids()...)
		picked := s.count("bridge-agent-start", nil)
		if got := r.count(metrics.AgentRow, metrics.CallerGoneCount); got != int64(picked) {
			t.Errorf("visit %s: %d agents found nobody, want %d", s.start.visit(), got, picked)
		}
		if got := r.count(metrics.AgentRow, metrics.AnsweredCount) + r.count(metrics.AgentRow, metrics.TalkingTime); got != 0 {
			t.Errorf("visit %s: somebody is said to have talked", s.start.visit())
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

func cause(c string) func(*told) bool {
	return func(e *told) bool { return e.get(eventsocket.KeyCCHangupCause) == c }
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

// plainEvent writes an event as the switch would: name, value, name, value.
func plainEvent(at metrics.Millis, headers ...string) []byte {
	var b strings.Builder
	for i := 0; i+1 < len(headers); i += 2 {
		fmt.Fprintf(&b, "%s: %s\n", headers[i], escaped(headers[i+1]))
	}
	fmt.Fprintf(&b, "Core-UUID: c0\nEvent-Date-Timestamp: %d\n\n", int64(at)*1000)
	return fmt.Appendf(nil, "Content-Length: %d\nContent-Type: text/event-plain\n\n%s", b.Len(), b.String())
}

func escaped(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '%' || c == '@' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// action writes an event of mod_callcenter.
func action(at metrics.Millis, action string, headers ...string) []byte {
	return plainEvent(at, append([]string{"Event-Subclass", "callcenter::info", "Event-Name", "CUSTOM", "CC-Action", action}, headers...)...)
}

// made is a tape of events that a test wrote.
func made(t *testing.T, events ...[]byte) *tape {
	t.Helper()
	p := &tape{hungUp: map[string]*told{}}
	var e eventsocket.Event
	for _, raw := range events {
		f, err := eventsocket.NewReader(bytes.NewReader(raw), eventsocket.DefaultLimits).Next()
		if err != nil {
			t.Fatal(err)
		}
		x := &told{frame: raw, h: map[eventsocket.Key]string{}}
		if x.kind = eventKind(f.Name()); f.Decode(&e) != nil {
			t.Fatal("a made event cannot be read")
		}
		for key := range eventsocket.KeyAPICommandArgument + 1 {
			x.h[key] = string(e.Get(key))
		}
		x.action = x.get(eventsocket.KeyCCAction)
		p.events = append(p.events, x)
	}
	p.replayed = replayStreams(t, bytes.NewReader(slices.Concat(events...)))
	return p
}

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

func standby(s *stay) bool {
	b := s.first("bridge-agent-end")
	return b != nil && b.get(eventsocket.KeyCCAgentCalledTime) == "0" && b.get(eventsocket.KeyCCHangupCause) == "NONE"
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

// broke finds, in a stay, the offer of an agent who went On Break or logged out
// while it rang, and the event that ended it.
func broke(p *tape, s *stay) (end *told) {
	for _, o := range s.events {
		if o.action != "agent-offering" {
			continue
		}
		i := slices.IndexFunc(s.events, func(e *told) bool {
			return e.offset > o.offset && e.agent() == o.agent() && (e.action == "bridge-agent-start" || e.action == "bridge-agent-fail")
		})
		if i < 0 {
			continue
		}
		for _, e := range p.events {
			st := e.get(eventsocket.KeyCCAgentStatus)
			if e.action == "agent-status-change" && e.agent() == o.agent() && (st == "On Break" || st == "Logged Out") && e.offset > o.offset && e.offset < s.events[i].offset {
				return s.events[i]
			}
		}
	}
	return nil
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
