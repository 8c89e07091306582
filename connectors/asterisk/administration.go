package asterisk

import (
	"bytes"
	"slices"

	"tallyd/connectors/asterisk/ami"
	"tallyd/metrics"
)

// Name is the name of a member, "" where it is not known.
func (t *Translator) Name(interf string) string {
	if m := t.members.byInterface[interf]; m != nil {
		return m.name
	}
	return ""
}

// AMI takes one message of the manager interface. Only what ARI cannot show is
// taken from it: members, their names, and their pauses with reasons.
func (t *Translator) AMI(m *ami.Message) {
	if t.keeper != nil {
		t.keeper.keepMessage(m)
	}
	t.tellOf(m)
}

// isTold tells whether anything is made of a manager event.
func isTold(event []byte) bool {
	return bytes.HasPrefix(event, []byte("QueueMember")) || string(event) == "Shutdown" || string(event) == "QueueEntry"
}

func (t *Translator) tellOf(m *ami.Message) {
	t.Counts.AMI++
	event := m.Event()
	at := metrics.Millis(m.Millis())
	if at == 0 {
		at = metrics.Millis(m.Received)
	}
	if at == 0 {
		at = t.last
	}
	if bytes.HasPrefix(event, []byte("QueueMember")) {
		t.memberEvent(m, string(event), at)
		return
	}
	switch string(event) {
	case "Shutdown":
		t.put(metrics.Event{Kind: metrics.SwitchDown, At: at})
	case "QueueEntry": // who waits, and how long: the answer to QueueStatus
		if wait, ok := m.Int("Wait"); ok && at > 0 && len(t.waiting) < maxChannels {
			// Whole seconds that have passed: half of one more is the best guess.
			t.waiting[metrics.MakeID(m.Get("Uniqueid"))] = at - metrics.Millis(wait*1000+500)
		}
	}
}

// listMembers notes that the manager interface will tell of all members: who is
// not among them serves no more.
func (t *Translator) listMembers() {
	t.members.ami = true
	t.members.listing++
}

func (t *Translator) membersListed(at metrics.Millis) {
	for _, m := range t.members.list {
		for _, s := range slices.Clone(m.queues) {
			if s.listed != t.members.listing {
				t.quits(m, s.queue, at)
			}
		}
	}
}

func (t *Translator) memberEvent(in *ami.Message, event string, at metrics.Millis) {
	interf := in.Get("Interface")
	if len(interf) == 0 {
		interf = in.Get("Location") // QueueMember, the answer to QueueStatus
	}
	m := t.member(interf)
	queue := in.Get("Queue")
	if m == nil || len(queue) == 0 {
		return
	}
	t.members.ami = true
	t.last = max(t.last, at)
	q := t.queue(queue)
	name := in.Get("MemberName")
	if len(name) == 0 {
		name = in.Get("Name")
	}
	if len(name) > 0 && string(name) != m.interf {
		m.name = string(name)
	}
	if state := in.Get("StateInterface"); len(state) > 0 && string(state) != m.device {
		m.device = string(state)
		t.own(m.device, m)
		m.away = t.members.away[m.device]
	}
	if event == "QueueMemberRemoved" {
		t.quits(m, q, at)
		return
	}
	if status, ok := in.Int("Status"); ok {
		t.reach(m.device, status == 4 || status == 5, at)
	}
	if wrap, ok := in.Int("Wrapuptime"); ok && wrap > 0 && wrap != m.wrapUp {
		m.wrapUp = wrap
		t.put(metrics.Event{Kind: metrics.AgentWrapUp, At: at, Agent: m.agent, Value: wrap * 1000})
	}
	t.joins(m, q, at)
	m.service(q).listed = t.members.listing
	if paused, ok := in.Int("Paused"); ok {
		reason := in.Get("PausedReason")
		if len(reason) == 0 {
			reason = in.Get("Reason")
		}
		t.pause(m, q, paused != 0, t.reason(reason), at)
	}
}
