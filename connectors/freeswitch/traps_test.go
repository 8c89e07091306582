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

func cause(c string) func(*told) bool {
	return func(e *told) bool { return e.get(eventsocket.KeyCCHangupCause) == c }
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

func standby(s *stay) bool {
	b := s.first("bridge-agent-end")
	return b != nil && b.get(eventsocket.KeyCCAgentCalledTime) == "0" && b.get(eventsocket.KeyCCHangupCause) == "NONE"
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
