package freeswitch

import (
	"bytes"

	"tallyd/connectors/freeswitch/eventsocket"
	"tallyd/metrics"
)

func (t *Translator) channel(k kind) {
	in, out := &t.in, &t.out
	out.Leg = t.id(eventsocket.KeyUniqueID)
	switch k {
	case channelCreate:
		switch string(in.Get(eventsocket.KeyCallDirection)) {
		case "inbound":
			out.Direction = metrics.Inbound
		case "outbound":
			out.Direction = metrics.Outbound
		}
		out.Peer = t.id(eventsocket.KeyOtherLegUniqueID)
		if string(in.Get(eventsocket.KeyVarCCSide)) == "agent" {
			out.Agent = t.agent(eventsocket.KeyVarCCAgent)
			out.Visit = t.id(eventsocket.KeyVarCCMemberUUID)
			t.learn(in.Get(eventsocket.KeyChannelName), out.Agent)
		} else {
			out.Agent = t.memory.phone(device(in.Get(eventsocket.KeyChannelName)))
			out.Caller = farEnd(out, in.Get(eventsocket.KeyCallerCallerIDNumber), in.Get(eventsocket.KeyCallerDestinationNumber))
		}
		t.emit(metrics.LegStarted)
	case channelExecute:
		if string(in.Get(eventsocket.KeyApplication)) == "callcenter" {
			t.enter()
		} else {
			t.Counts.Ignored++
		}
	case channelAnswer:
		if string(in.Get(eventsocket.KeyVarCurrentApplication)) == "callcenter" {
			t.enter() // mod_callcenter answers a caller whom nobody has answered yet
		}
		t.emit(metrics.LegAnswered)
	case channelBridge, channelUnbridge:
		out.Leg, out.Peer = t.id(eventsocket.KeyBridgeAUniqueID), t.id(eventsocket.KeyBridgeBUniqueID)
		if k == channelBridge {
			t.emit(metrics.LegBridged)
		} else {
			t.emit(metrics.LegUnbridged)
		}
	case channelHold:
		t.emit(metrics.LegHeld)
	case channelUnhold:
		t.emit(metrics.LegResumed)
	case channelHangup:
		// When it was hung up is by the switch's clock, which may just have been set: what
		// counts is how long before the event that was.
		if h := t.millis(eventsocket.KeyCallerChannelHangupTime); h > 0 {
			out.At -= t.stamp - h
		}
		t.forgetEntry(out.Leg)
		t.legMedia()
		t.legEnd()
		t.emit(metrics.LegEnded)
	}
}

// farEnd is who is at the other end of an agent's leg: whom its phone called, or
// who calls it.
func farEnd(leg *metrics.Event, caller, dialled []byte) metrics.Caller {
	switch {
	case leg.Agent == 0:
		return metrics.Caller{}
	case leg.Direction == metrics.Inbound:
		return metrics.MakeCaller(dialled)
	}
	return metrics.MakeCaller(caller)
}

// enter notes when a channel went into the queue application: under load
// member-queue-start is stamped up to 0.9 s later, after the module's database
// has had its turn.
func (t *Translator) enter() {
	t.remember(metrics.Event{Kind: noteEntry, Leg: t.out.Leg, Joined: t.out.At})
}

func (t *Translator) forgetEntry(leg metrics.ID) {
	if _, ok := t.memory.entered[leg]; ok {
		t.remember(metrics.Event{Kind: noteEntryOver, Leg: leg})
	}
}

// joined is when the caller on a channel truly joined; 0 where only the report
// tells.
func (t *Translator) joined(leg metrics.ID, at metrics.Millis) metrics.Millis {
	e, ok := t.memory.entered[leg]
	if !ok {
		return 0
	}
	t.forgetEntry(leg)
	if at-e > maxEntryDelay {
		return 0
	}
	return e
}

// maxEntryDelay is how late a report of joining may be; more is another entry's.
const maxEntryDelay metrics.Millis = 5_000

// legEnd tells what a leg that was hung up shows of who did it.
func (t *Translator) legEnd() {
	switch string(t.in.Get(eventsocket.KeyVarSIPHangupDisposition)) {
	case "recv_bye", "recv_cancel", "recv_refuse":
		t.out.By = metrics.Self
	case "send_bye", "send_cancel", "send_refuse":
		t.out.By = metrics.Switch
	}
	// A phone's REFER: to a number, or (Replaces) to its other call.
	switch {
	case string(t.in.Get(eventsocket.KeyVarEndpointDisposition)) == "BLIND_TRANSFER":
		t.out.Moved = metrics.Blind
	case string(t.in.Get(eventsocket.KeyVarEndpointDisposition)) == "ATTENDED_TRANSFER",
		string(t.in.Get(eventsocket.KeyVarTransferDisposition)) == "recv_replace":
		t.out.Moved = metrics.Attended
	}
}

// learn notes whose phone a channel or contact leads to.
func (t *Translator) learn(channel []byte, a metrics.AgentID) {
	d := device(channel)
	if len(d) > 0 && a != 0 && t.memory.phone(d) != a {
		t.remember(metrics.Event{Kind: notePhone, Leg: metrics.MakeID(d), Agent: a})
	}
}

// device is the user@host of a channel's name ("sofia/internal/1001@host:6101")
// or of a contact ("[leg_timeout=12]user/1001@host"); nil for a loopback, whose
// phone shows only in the leg that it becomes.
func device(channel []byte) []byte {
	i := bytes.LastIndexByte(channel, '/')
	if i < 0 || bytes.Contains(channel, []byte("loopback/")) {
		return nil
	}
	d := channel[i+1:]
	at := bytes.IndexByte(d, '@')
	if at <= 0 {
		return nil
	}
	if colon := bytes.IndexByte(d[at:], ':'); colon > 0 {
		d = d[:at+colon]
	}
	return d
}
