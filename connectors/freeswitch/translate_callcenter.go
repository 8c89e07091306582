package freeswitch

import (
	"bytes"
	"strings"

	"tallyd/connectors/freeswitch/eventsocket"
	"tallyd/metrics"
)

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
