package freeswitch

import (
	"bytes"
	"strings"

	"tallyd/connectors/freeswitch/eventsocket"
	"tallyd/metrics"
)

// Counts tells what a stream held.
type Counts struct {
	Events    int64 // whole events of any kind
	Ignored   int64 // of these, those that say nothing that is counted
	Malformed int64 // of these, those whose content could not be read
	Unknown   int64 // frames of an unknown content type
}

// Translator turns events of one FreeSWITCH into facts. One goroutine uses it.
type Translator struct {
	// Counts may be read when no call is under way.
	Counts Counts

	names   *metrics.Names
	sink    func(*metrics.Event)
	in      eventsocket.Event
	out     metrics.Event
	core    []byte // the run of the switch that the last event came from
	last    metrics.Millis
	lost    bool                          // nothing is seen since last
	devices map[string]metrics.AgentID    // whose phone it is, by user@host
	entered map[metrics.ID]metrics.Millis // when a channel went into the queue application
	// QueuesLoaded is set when mod_callcenter was loaded: agents added at run
	// time come back without an event, so only a snapshot shows them.
	QueuesLoaded bool
}

// NewTranslator returns a translator that hands each fact to sink, which must
// not keep the pointer.
func NewTranslator(names *metrics.Names, sink func(*metrics.Event)) *Translator {
	return &Translator{names: names, sink: sink, devices: map[string]metrics.AgentID{}, entered: map[metrics.ID]metrics.Millis{}}
}

// maxEntered bounds what is remembered of channels on their way into a queue.
const maxEntered = 1 << 14

// maxDevices bounds what is learnt of agents' phones.
const maxDevices = 1 << 16

// Frame takes one frame; other frames than events are only counted.
func (t *Translator) Frame(f *eventsocket.Frame) {
	switch f.Kind {
	case eventsocket.PlainEvent, eventsocket.JSONEvent:
	case eventsocket.Unknown:
		t.Counts.Unknown++
		return
	default:
		return
	}
	t.Counts.Events++
	name, subclass := f.Name()
	kind := eventKind(name, subclass)
	if kind == unwanted {
		t.Counts.Ignored++
		return
	}
	if err := f.Decode(&t.in); err != nil {
		t.Counts.Malformed++
		return
	}
	t.translate(kind, f.Offset)
}

// Lost says that the connection broke: nothing is seen until the next event.
func (t *Translator) Lost() {
	if t.last == 0 || t.lost {
		return
	}
	t.lost = true
	t.out = metrics.Event{Kind: metrics.SwitchLost, At: t.last}
	t.sink(&t.out)
}

// Last is the moment of the latest event; 0 before the first.
func (t *Translator) Last() metrics.Millis { return t.last }

// Seen takes notice of a run of the switch at a moment, and tells the sink if
// it is another than before or if it was out of sight. An empty run is unknown.
func (t *Translator) Seen(core []byte, at metrics.Millis) {
	restarted := len(core) > 0 && len(t.core) > 0 && !bytes.Equal(core, t.core)
	if t.lost || restarted {
		if !t.lost {
			t.Lost()
		}
		t.out = metrics.Event{Kind: metrics.SwitchUp, At: at, Restarted: restarted}
		t.sink(&t.out)
		t.lost = false
	}
	if len(core) > 0 && !bytes.Equal(core, t.core) {
		t.core = append(t.core[:0], core...)
	}
}

type kind uint8

const (
	unwanted kind = iota
	callcenter
	channelCreate
	channelAnswer
	channelBridge
	channelUnbridge
	channelHold
	channelUnhold
	channelHangup
	channelExecute
	heartbeat
	moduleLoad
	moduleUnload
	shutdown
)

func eventKind(name, subclass []byte) kind {
	switch string(name) {
	case "CUSTOM":
		if string(subclass) == "callcenter::info" {
			return callcenter
		}
	case "CHANNEL_CREATE":
		return channelCreate
	case "CHANNEL_ANSWER":
		return channelAnswer
	case "CHANNEL_BRIDGE":
		return channelBridge
	case "CHANNEL_UNBRIDGE":
		return channelUnbridge
	case "CHANNEL_HOLD":
		return channelHold
	case "CHANNEL_UNHOLD":
		return channelUnhold
	case "CHANNEL_HANGUP_COMPLETE":
		return channelHangup
	case "CHANNEL_EXECUTE":
		return channelExecute
	case "HEARTBEAT":
		return heartbeat
	case "MODULE_LOAD":
		return moduleLoad
	case "MODULE_UNLOAD":
		return moduleUnload
	case "SHUTDOWN":
		return shutdown
	}
	return unwanted
}

func (t *Translator) translate(k kind, offset int64) {
	in := &t.in
	micros, ok := in.Micros()
	if !ok || micros <= 0 {
		t.Counts.Malformed++
		return
	}
	at := metrics.Millis(micros / 1000)
	t.Seen(in.Get(eventsocket.KeyCoreUUID), at)
	t.last = at
	t.out = metrics.Event{At: at, Offset: offset}
	switch k {
	case callcenter:
		t.callcenter()
	case heartbeat:
		t.emit(metrics.ClockTick)
	case shutdown:
		t.emit(metrics.SwitchDown)
	case moduleLoad, moduleUnload:
		t.module(k)
	default:
		t.channel(k)
	}
}

func (t *Translator) emit(k metrics.Kind) {
	t.out.Kind = k
	t.sink(&t.out)
}

func (t *Translator) id(k eventsocket.Key) metrics.ID { return metrics.MakeID(t.in.Get(k)) }

func (t *Translator) agent(k eventsocket.Key) metrics.AgentID {
	return metrics.AgentID(t.names.Intern(metrics.AgentName, t.in.Get(k)))
}

// millis reads a channel's time stamp (microseconds), 0 where there is none.
func (t *Translator) millis(k eventsocket.Key) metrics.Millis {
	v, _ := t.in.Int(k)
	return metrics.Millis(v / 1000)
}

// seconds reads one of mod_callcenter's whole-second stamps.
func (t *Translator) seconds(k eventsocket.Key) metrics.Millis {
	v, _ := t.in.Int(k)
	return metrics.Millis(v * 1000)
}

func (t *Translator) module(k kind) {
	name := t.in.Get(eventsocket.KeyKey)
	if !bytes.Contains(name, []byte("callcenter")) {
		name = t.in.Get(eventsocket.KeyFilename)
	}
	if !bytes.Contains(name, []byte("callcenter")) && string(t.in.Get(eventsocket.KeyName)) != "callcenter" {
		t.emit(metrics.ClockTick)
		return
	}
	if k == moduleUnload {
		t.emit(metrics.QueuesGone)
		return
	}
	t.QueuesLoaded = true
	t.emit(metrics.ClockTick)
}

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
			out.Agent = t.devices[string(device(in.Get(eventsocket.KeyChannelName)))]
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
		if h := t.millis(eventsocket.KeyCallerChannelHangupTime); h > 0 {
			out.At = h
		}
		delete(t.entered, out.Leg)
		t.legEnd()
		t.emit(metrics.LegEnded)
	}
}

// enter notes when a channel went into the queue application: under load
// member-queue-start is stamped up to 0.9 s later, after the module's database
// has had its turn.
func (t *Translator) enter() {
	if len(t.entered) < maxEntered {
		t.entered[t.out.Leg] = t.out.At
	}
}

// joined is when the caller on a channel truly joined; 0 where only the report
// tells.
func (t *Translator) joined(leg metrics.ID, at metrics.Millis) metrics.Millis {
	e, ok := t.entered[leg]
	if !ok {
		return 0
	}
	delete(t.entered, leg)
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

// callerEnd tells what the caller's channel shows when the queue lets it go.
func (t *Translator) callerEnd() {
	in, out := &t.in, &t.out
	if len(in.Get(eventsocket.KeyHangupCause)) > 0 || t.millis(eventsocket.KeyCallerChannelHangupTime) > 0 {
		out.LegGone = true
		switch string(in.Get(eventsocket.KeyVarSIPHangupDisposition)) {
		case "recv_bye", "recv_cancel":
			out.By = metrics.Self
		case "send_bye", "send_cancel", "send_refuse":
			out.By = metrics.Switch
		}
		return
	}
	// "<epoch>:<uuid>:bl_xfer:<place>" or "…:uuid_br:<other leg>", the latest move.
	source := in.Get(eventsocket.KeyVarTransferSource)
	if bytes.Contains(source, []byte(":bl_xfer:")) {
		out.Moved = metrics.Blind
	} else if _, other, ok := bytes.Cut(source, []byte(":uuid_br:")); ok && !bytes.Equal(other, in.Get(eventsocket.KeyCCAgentUUID)) {
		out.Moved = metrics.Attended
	}
}

func (t *Translator) callcenter() {
	in, out := &t.in, &t.out
	action := string(in.Get(eventsocket.KeyCCAction))
	if strings.HasPrefix(action, "agent-") && action != "agent-offering" {
		t.agentAction(action)
		return
	}
	out.Visit = t.id(eventsocket.KeyCCMemberUUID)
	if out.Visit.IsZero() {
		t.Counts.Ignored++ // members-count
		return
	}
	out.Leg = t.id(eventsocket.KeyCCMemberSessionUUID)
	out.Queue = metrics.QueueID(t.names.Intern(metrics.QueueName, in.Get(eventsocket.KeyCCQueue)))
	out.Joined = t.seconds(eventsocket.KeyCCMemberJoinedTime)
	out.Caller = metrics.MakeCaller(in.Get(eventsocket.KeyCCMemberCIDNumber))
	switch action {
	case "member-queue-start", "member-queue-resume":
		// A resumed stay repeats when it first began; it begins anew here.
		out.Joined = t.joined(out.Leg, out.At)
		t.emit(metrics.VisitJoined)
	case "agent-offering":
		out.Agent = t.agent(eventsocket.KeyCCAgent)
		t.emit(metrics.OfferStarted)
	case "bridge-agent-start":
		out.Agent = t.agent(eventsocket.KeyCCAgent)
		out.Peer = t.id(eventsocket.KeyCCAgentUUID)
		out.Answered = t.millis(eventsocket.KeyCallerChannelAnsweredTime)
		t.learn(in.Get(eventsocket.KeyChannelName), out.Agent)
		t.emit(metrics.OfferAnswered)
	case "bridge-agent-end":
		out.Agent = t.agent(eventsocket.KeyCCAgent)
		out.Peer = t.id(eventsocket.KeyCCAgentUUID)
		if string(in.Get(eventsocket.KeyCCAgentBridged)) != "true" {
			out.Cause = metrics.NotConnected
			t.emit(metrics.OfferEnded)
			return
		}
		out.Answered = t.seconds(eventsocket.KeyCCAgentAnsweredTime)
		if h := t.millis(eventsocket.KeyCallerChannelHangupTime); h > 0 {
			out.At, out.LegGone = h, true
		}
		if out.LegGone = out.LegGone || len(in.Get(eventsocket.KeyHangupCause)) > 0; out.LegGone {
			t.legEnd()
		}
		t.emit(metrics.Disconnected)
	case "bridge-agent-fail":
		out.Agent = t.agent(eventsocket.KeyCCAgent)
		out.Cause = offerCause(in.Get(eventsocket.KeyCCHangupCause))
		t.emit(metrics.OfferEnded)
	case "member-queue-end":
		t.memberEnd()
	default:
		t.Counts.Ignored++
	}
}

func (t *Translator) memberEnd() {
	in, out := &t.in, &t.out
	t.callerEnd()
	if string(in.Get(eventsocket.KeyCCCause)) == "Terminated" {
		out.Outcome = metrics.Answered
		out.Agent = t.agent(eventsocket.KeyCCAgent)
		out.Peer = t.id(eventsocket.KeyCCAgentUUID)
		out.Answered = t.seconds(eventsocket.KeyCCAgentAnsweredTime)
		t.emit(metrics.VisitLeft)
		return
	}
	switch string(in.Get(eventsocket.KeyCCCancelReason)) {
	case "TIMEOUT":
		out.Outcome = metrics.TimedOut
	case "NO_AGENT_TIMEOUT":
		out.Outcome = metrics.LeftEmpty
	case "EXIT_WITH_KEY":
		out.Outcome = metrics.ExitedByKey
	default: // BREAK_OUT, NONE
		// Who was moved elsewhere leaves the queue with the channel alive.
		// The consultation leg of an attended transfer into a queue ends, but the
		// caller whom the agent consulted for takes its place.
		out.Outcome = metrics.Withdrawn
		if out.LegGone && !replaced(in) {
			out.Outcome = metrics.Abandoned
		}
	}
	if string(in.Get(eventsocket.KeyHangupCause)) == "SYSTEM_SHUTDOWN" {
		out.Outcome = metrics.SwitchFailed
	}
	t.emit(metrics.VisitLeft)
}

// replaced tells that a transfer ended the caller's channel, not its party.
func replaced(in *eventsocket.Event) bool {
	cause := string(in.Get(eventsocket.KeyHangupCause))
	return cause == "ATTENDED_TRANSFER" || cause == "BLIND_TRANSFER" ||
		string(in.Get(eventsocket.KeyVarTransferDisposition)) == "replaced"
}

// offerCause sorts a hangup cause of an agent's leg. A loopback contact that
// nobody answers ends NORMAL_CLEARING, one with two phones ALLOTTED_TIMEOUT.
func offerCause(cause []byte) metrics.Cause {
	switch string(cause) {
	case "NO_ANSWER", "NO_USER_RESPONSE", "ALLOTTED_TIMEOUT", "PROGRESS_TIMEOUT", "NORMAL_CLEARING", "NORMAL_UNSPECIFIED", "NONE", "":
		return metrics.NoAnswer
	case "USER_BUSY", "CALL_REJECTED":
		return metrics.Busy
	case "ORIGINATOR_CANCEL":
		return metrics.CallerLeft
	case "LOSE_RACE", "PICKED_OFF":
		return metrics.TakenElsewhere
	}
	return metrics.Failed
}

func (t *Translator) agentAction(action string) {
	in, out := &t.in, &t.out
	out.Agent = t.agent(eventsocket.KeyCCAgent)
	switch action {
	case "agent-status-change":
		t.status(in.Get(eventsocket.KeyCCAgentStatus))
		t.emit(metrics.AgentStatus)
	case "agent-state-change":
		switch string(in.Get(eventsocket.KeyCCAgentState)) {
		case "Waiting":
			t.emit(metrics.AgentFree)
		case "Idle":
			t.emit(metrics.AgentBusy)
		case "In a queue call":
			t.emit(metrics.Connected)
		default: // Receiving and Reserved: the offer says it
			t.emit(metrics.ClockTick)
		}
	case "agent-add":
		out.Status = metrics.LoggedOut // until a status is set
		t.emit(metrics.AgentStatus)
	case "agent-contact-change":
		t.learn(in.Get(eventsocket.KeyCCAgentContact), out.Agent)
		t.emit(metrics.ClockTick)
	default: // agent-status-get, agent-state-get, agent-max-no-answer: no change
		t.Counts.Ignored++
	}
}

// status fills in what a status of mod_callcenter means.
func (t *Translator) status(s []byte) {
	switch string(s) {
	case "Available", "Available (On Demand)":
		t.out.Status = metrics.Ready
	case "Logged Out":
		t.out.Status = metrics.LoggedOut
	default:
		t.out.Status = metrics.Paused
		t.out.Reason = metrics.ReasonID(t.names.Intern(metrics.ReasonName, s))
	}
}

// learn notes whose phone a channel or contact leads to.
func (t *Translator) learn(channel []byte, a metrics.AgentID) {
	d := device(channel)
	if len(d) == 0 || a == 0 || t.devices[string(d)] == a || len(t.devices) >= maxDevices {
		return
	}
	t.devices[string(d)] = a
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
