package asterisk

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"tallyd/connectors/asterisk/ami"
)

// palette is what a fuzzed stream is made of: the events of some calls of each
// kind in the recordings, in their order, and messages of the manager interface.
type palette struct {
	events   [][]byte
	messages []*ami.Message
}

func newPalette(t testing.TB) *palette {
	p := &palette{}
	for _, folder := range []string{"testdata/asterisk22", "testdata/asterisk16"} {
		r := replay(t, folder, false)
		kinds := map[string]int{}
		wanted := map[string]bool{}
		for i := range r.contacts {
			c := &r.contacts[i]
			if kind := fmt.Sprint(c.Outcome, c.EndedBy, c.Offers > 1, c.Holds > 0, strings.HasPrefix(c.Agent, "Local/")); kinds[kind] < 1 {
				kinds[kind]++
				wanted[c.Leg] = true
			}
		}
		// Whatever names one of these callers, and the channels that those name.
		list := recordedEvents(t, folder)
		for _, b := range list {
			for id := range wanted {
				if bytes.Contains(b, []byte(`"Dial"`)) && bytes.Contains(b, []byte(`"`+id+`"`)) {
					for _, part := range bytes.Split(b, []byte(`"id":"`))[1:] {
						other, _, _ := bytes.Cut(part, []byte(`"`))
						if bytes.ContainsRune(other, '.') && len(wanted) < 400 {
							wanted[string(other)] = true
						}
					}
					break
				}
			}
		}
		for _, b := range list {
			if bytes.Contains(b, []byte(`"ChannelVarset"`)) && !bytes.Contains(b, []byte(`"QUEUE`)) && !bytes.Contains(b, []byte(`"ABANDONED"`)) {
				continue
			}
			for id := range wanted {
				if bytes.Contains(b, []byte(`"`+id+`"`)) {
					p.events = append(p.events, b)
					break
				}
			}
		}
	}
	in := ami.NewReader(open(t, "testdata/asterisk22/ami-events.txt.gz"))
	for len(p.messages) < 200 {
		m, err := in.Next()
		if err != nil {
			break
		}
		if bytes.HasPrefix(m.Event(), []byte("QueueMember")) {
			kept := &ami.Message{}
			m.CopyTo(kept)
			p.messages = append(p.messages, kept)
		}
	}
	return p
}

// perform makes a stream of a program: two bytes say which event comes next, or
// what else happens.
func (p *palette) perform(t testing.TB, program []byte) *replayed {
	r := newReplayed()
	tr := r.translator
	at := 0
	for i := 0; i+1 < len(program); i += 2 {
		op, arg := program[i], int(program[i+1])
		switch {
		case op < 160: // on in the recording
			for range 1 + arg%8 {
				tr.Event(p.events[at%len(p.events)], int64(i))
				at++
			}
		case op < 200: // some are lost
			at += 1 + arg
		case op < 220: // some come again, or late
			at = max(0, at-1-arg)
		case op < 235:
			at = (int(op)*256 + arg) % len(p.events)
		case op < 245:
			tr.AMI(p.messages[(int(op)*256+arg)%len(p.messages)])
		case op < 249:
			tr.Lost()
		case op < 251:
			tr.Restarted(tr.Last())
		case op < 253: // a snapshot that knows of some of what is up
			p.snapshot(tr, arg)
		case op == 253:
			tr.listMembers()
			tr.membersListed(tr.Last())
		default:
			tr.Event(program[i:], int64(i)) // rubbish
		}
	}
	r.finish()
	r.adds(t)
	return r
}

func (p *palette) snapshot(tr *Translator, arg int) {
	tr.begin()
	s := &snapshot{devices: map[string]bool{"PJSIP/1001": arg%2 == 0}, asked: arg%3 == 0,
		members: []restMember{{"support", "PJSIP/1001", arg%5 == 0}, {"support", "Local/1006@agents/n", false}}}
	var bridge restBridge
	channels := slices.SortedFunc(maps.Values(tr.channels), func(a, b *channel) int { return strings.Compare(a.id.String(), b.id.String()) })
	for i, c := range channels {
		dice := (arg + i*7) % 256
		if dice%3 == 0 {
			continue
		}
		s.channels = append(s.channels, restChannel{id: c.id.String(), name: "PJSIP/1001-00000001", state: "Up", app: []string{"Queue", "AppQueue", "AppDial", ""}[dice/3%4], data: "support,t"})
		if dice%7 < 3 {
			bridge.channels = append(bridge.channels, c.id.String())
			if len(bridge.channels) == 2 {
				s.bridges, bridge = append(s.bridges, restBridge{fmt.Sprint("b", i), bridge.channels}), restBridge{}
			}
		}
	}
	tr.Snapshot(s, tr.Last())
	tr.end(tr.Last())
}

// FuzzTranslate: whatever comes in whatever order, nothing panics, the same
// stream gives the same bytes, and what is counted is conserved.
func FuzzTranslate(f *testing.F) {
	p := newPalette(f)
	if len(p.events) < 500 || len(p.messages) < 20 {
		f.Fatalf("%d events, %d messages", len(p.events), len(p.messages))
	}
	// On larger seeds the fuzzer spends its time minimising.
	for i := range 8 {
		at := byte(i * len(p.events) / 8 / 256)
		f.Add([]byte{220 + at, 0, 0, 7, 0, 7, 0, 7, 0, 7, 0, 7, 205, 3, 0, 7, 0, 7, 0, 7})
	}
	f.Add([]byte{0, 7, 0, 7, 246, 0, 170, 60, 252, 9, 0, 7, 0, 7})
	f.Add([]byte{0, 3, 205, 2, 0, 5, 165, 0, 240, 1, 250, 0})
	f.Add([]byte{0, 7, 0, 7, 251, 77, 253, 0, 236, 200})
	f.Fuzz(func(t *testing.T, program []byte) {
		defer func() { // so that one panic does not hide what else there is
			if e := recover(); e != nil {
				t.Errorf("%v\n%s", e, debug.Stack())
			}
		}()
		program = program[:min(len(program), 1024)]
		a, b := p.perform(t, program), p.perform(t, program)
		if !bytes.Equal(a.bytes, b.bytes) {
			t.Error("the same stream comes to different results")
		}
	})
}

// TestAnyOrder performs programs drawn at random: whatever is lost, comes late or
// comes twice.
func TestAnyOrder(t *testing.T) {
	p := newPalette(t)
	for seed := range uint64(150) {
		rnd := rand.NewChaCha8([32]byte{byte(seed)})
		program := make([]byte, 200+seed*4)
		rnd.Read(program)
		if a, b := p.perform(t, program), p.perform(t, program); !bytes.Equal(a.bytes, b.bytes) {
			t.Errorf("%d: the same stream comes to different results", seed)
		}
		if t.Failed() {
			t.Fatalf("program %d", seed)
		}
	}
}
