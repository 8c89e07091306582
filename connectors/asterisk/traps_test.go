package asterisk

import (
	"fmt"
	"testing"
	"time"

	"tallyd/metrics"
)

// Each test is one thing in which Asterisk misleads who reads its events. What
// needs a real one is elsewhere: TestShuffled (stamps step back), TestSocketCut
// (nothing is replayed after a reconnection), TestReplaced (one application name
// twice), TestStalled and TestBehind (slow readers), TestAllocs (most events are
// variables), TestMidCall (what REST shows, and what it does not), TestKilled
// (unique ids begin anew), TestCentre (everything together, without set*var
// settings and without a systemname, in a zone of half hours).

const caller, alice, bob = "PJSIP/trunk-00000001", "PJSIP/1001-00000002", "PJSIP/1002-00000003"

// ABANDONED=TRUE is set for callers whose time was up and for queues that became
// empty too.
func TestTrapAbandoned(t *testing.T) {
	for status, want := range map[string]string{"TIMEOUT": "timed_out", "LEAVEEMPTY": "left_empty", "LEAVEUNAVAIL": "left_empty", "": "abandoned"} {
		s := newScript(t).made(caller, "Ring").runs(caller, "Queue", "support,tT,,,7")
		s.pass(7000)
		if status == "" {
			s.hangs(caller)
		}
		s.sets(caller, "ABANDONED", "TRUE").sets(caller, "QUEUEPOSITION", "1")
		if status != "" {
			s.pass(1).sets(caller, "QUEUESTATUS", status).runs(caller, "Hangup", "")
		}
		s.gone(caller).want("support " + want + " wait 7000")
	}
}

// Queue is shown again whenever the place in the dialplan changes while it runs:
// for an exit key, a subroutine, a transfer. That is no new entry.
func TestTrapShownAgain(t *testing.T) {
	newScript(t).made(caller, "Ring").runs(caller, "Queue", "support,tT").pass(2000).
		runs(caller, "Queue", "support,tT"). // a Redirect to another priority has come
		pass(1000).rings(caller, alice, "PJSIP/1001").pass(1000).answers(caller, alice, "PJSIP/1001", "b1").
		pass(3000).runs(caller, "Queue", "support,tT"). // a subroutine on the caller
		pass(2000).ends(caller, alice, "b1").
		want("support answered wait 4001 by PJSIP/1001 talk 5000 caller")
	newScript(t).made(caller, "Ring").runs(caller, "Queue", "support,tT").pass(3000).
		about("ChannelDtmfReceived", caller, `,"digit":"9","duration_ms":100`).
		runs(caller, "Queue", "support,tT").sets(caller, "QUEUEPOSITION", "1").pass(1).runs(caller, "Playback", "goodbye").
		pass(500).hangs(caller).gone(caller).
		want("support exited_by_key wait 3000")
}

// Time stamps have the switch's zone, without a colon.
func TestTrapZones(t *testing.T) {
	for name, offset := range map[string]int{"Kolkata": 19_800, "St. John's": -12_600, "Kathmandu": 20_700, "UTC": 0} {
		s := newScript(t)
		s.zone = time.FixedZone(name, offset)
		s.made(caller, "Ring").runs(caller, "Queue", "support").pass(2000).hangs(caller).sets(caller, "ABANDONED", "TRUE").sets(caller, "QUEUEPOSITION", "1").gone(caller)
		s.want("support abandoned wait 2000")
		if s.contacts[0].Joined != scriptStart {
			t.Errorf("%s: joined %d, want %d", name, s.contacts[0].Joined, scriptStart)
		}
	}
}

// Taking a paused member out of a queue shows as the end of the pause, with the
// member still there; another reason for a pause shows nowhere in ARI.
func TestTrapPauses(t *testing.T) {
	s := newScript(t).device("Queue:support_pause_PJSIP/1001", "NOT_INUSE").pass(1000).device("Queue:support_pause_PJSIP/1001", "INUSE").
		pass(5000).device("Queue:support_pause_PJSIP/1001", "NOT_INUSE").pass(2000).device("Queue:support_pause_PJSIP/1001", "UNKNOWN").pass(1000).device("PJSIP/1002", "NOT_INUSE")
	s.want()
	if p, l := s.count(metrics.AgentRow, "PJSIP/1001", metrics.PausedTime), s.count(metrics.AgentRow, "PJSIP/1001", metrics.LoggedInTime); p != 5000 || l != 8000 {
		t.Errorf("by ARI alone: paused for %d ms, logged in for %d", p, l)
	}

	s = newScript(t)
	member := []string{"Event: QueueMemberPause", "Queue: support", "MemberName: Alice", "Interface: PJSIP/1001", "StateInterface: PJSIP/1001", "Status: 1"}
	s.ami(append(member, "Paused: 0", "PausedReason: ")...).pass(1000)
	s.ami(append(member, "Paused: 1", "PausedReason: lunch")...).device("Queue:support_pause_PJSIP/1001", "INUSE").pass(5000)
	s.ami(append(member, "Paused: 1", "PausedReason: training")...).pass(3000)
	s.device("Queue:support_pause_PJSIP/1001", "NOT_INUSE") // it is being removed
	member[0] = "Event: QueueMemberRemoved"
	s.ami(append(member, "Paused: 0", "PausedReason: ")...).pass(4000).device("PJSIP/1002", "NOT_INUSE")
	s.want()
	for reason, want := range map[string]int64{"lunch": 5000, "training": 3000} {
		if got := s.sum[metrics.Key{Kind: metrics.PauseRow, Name: "PJSIP/1001", Second: reason}].Get(metrics.PausedTime); got != want {
			t.Errorf("paused for %s for %d ms, want %d", reason, got, want)
		}
	}
	if l := s.count(metrics.AgentRow, "PJSIP/1001", metrics.LoggedInTime); l != 9000 {
		t.Errorf("logged in for %d ms", l)
	}
}

// A queue's own pause goes by the interface, which may look like one.
func TestTrapPauseNames(t *testing.T) {
	for name, want := range map[string][2]string{
		"Queue:support_pause_PJSIP/1001":            {"support", "PJSIP/1001"},
		"Queue:a_pause_b_pause_Local/1006@agents/n": {"a_pause_b", "Local/1006@agents/n"},
		"Queue:客服_pause_SIP/x_pause_y":              {"客服", "SIP/x_pause_y"},
	} {
		s := newScript(t).device(name, "INUSE").pass(1000).device(name, "NOT_INUSE")
		s.want()
		if n := s.count(metrics.AgentRow, want[1], metrics.PausedTime); n != 1000 {
			t.Errorf("%s: %q was paused for %d ms", name, want[1], n)
		}
		if q := s.names.InternString(metrics.QueueName, want[0]); q != 1 {
			t.Errorf("%s: the queue %q was not seen", name, want[0])
		}
	}
}

// Members behind Local/ ring twice, ;1 and the phone, and may be optimised away.
func TestTrapLocal(t *testing.T) {
	const one, two, phone = "Local/1006@agents-00000001;1", "Local/1006@agents-00000001;2", "PJSIP/1006-00000004"
	local := func(interf string) *script {
		s := newScript(t).made(caller, "Ring").runs(caller, "Queue", "support").pass(1000).made(one, "Down").made(two, "Ring")
		s.channel(one).app = "AppQueue"
		s.dial(caller, one, interf, "").runs(two, "Dial", "PJSIP/1006,30").made(phone, "Down")
		s.channel(phone).app = "AppDial"
		s.dial(two, phone, "1006", "").pass(2000).dial(two, phone, "1006", "ANSWER").dial(caller, one, interf, "ANSWER")
		return s.enters("b2", phone, two).sets(caller, "QUEUEPOSITION", "1").enters("b1", one, caller)
	}
	local("Local/1006@agents/n").pass(4000).about("ChannelHold", phone, "").pass(1000).about("ChannelUnhold", phone, "").pass(1000).
		hangs(phone).leaves("b2", phone).gone(phone).hangs(one).leaves("b1", one).leaves("b1", caller).gone(one).hangs(caller).gone(caller).
		want("support answered wait 3000 by Local/1006@agents/n talk 6000 agent hold 1×1000")
	// The phone takes the place of ;1, and both halves go, while the call goes on.
	local("Local/1006@agents").pass(20).leaves("b2", phone).enters("b1", phone).leaves("b1", one).hangs(one).gone(one).leaves("b2", two).gone(two).
		pass(5980).ends(caller, phone, "b1").
		want("support answered wait 3000 by Local/1006@agents talk 6000 caller")
}

// Holds that a consultation makes are none, and many an end of a hold has no
// beginning.
func TestTrapHolds(t *testing.T) {
	talk := func() *script {
		return newScript(t).made(caller, "Ring").runs(caller, "Queue", "support").pass(1000).rings(caller, alice, "PJSIP/1001").pass(1000).
			answers(caller, alice, "PJSIP/1001", "b1")
	}
	talk().pass(1000).about("ChannelUnhold", caller, "").about("ChannelUnhold", alice, "").pass(1000).about("ChannelHold", alice, "").pass(3000).
		about("ChannelUnhold", alice, "").pass(1000).ends(caller, alice, "b1").
		want("support answered wait 2001 by PJSIP/1001 talk 6000 caller hold 1×3000")
	const consult = "PJSIP/1001-00000009"
	s := talk().pass(1000).about("ChannelHold", alice, "").pass(500).made(consult, "Ring").runs(consult, "Dial", "PJSIP/1009").pass(3000).
		hangs(consult).gone(consult).about("ChannelUnhold", alice, "").pass(1000).ends(caller, alice, "b1")
	s.want("support answered wait 2001 by PJSIP/1001 talk 5500 caller")
	if n := s.count(metrics.AgentRow, "PJSIP/1001", metrics.Consults); n != 1 {
		t.Errorf("%d consultations", n)
	}
}

// From queue to queue without another application between: the old queue shows
// once more at the new place before the new one does. The same queue twice in a
// row has the same argument.
func TestTrapQueueToQueue(t *testing.T) {
	up := func(queue string) *script { return newScript(t).made(caller, "Ring").runs(caller, "Queue", queue) }
	over := func(s *script, status string) *script {
		return s.sets(caller, "ABANDONED", "TRUE").sets(caller, "QUEUEPOSITION", "1").sets(caller, "QUEUESTATUS", status)
	}
	over(over(up("support,,,,5").pass(5000), "TIMEOUT").pass(1).runs(caller, "Queue", "support,,,,5").sets(caller, "ABANDONED", "").pass(5000), "TIMEOUT").
		pass(1).runs(caller, "Queue", "sales").pass(2000).hangs(caller).sets(caller, "ABANDONED", "TRUE").sets(caller, "QUEUEPOSITION", "1").gone(caller).
		want("support timed_out wait 5000", "support timed_out wait 5000", "sales abandoned wait 2000")
	// Full, and full again, within a millisecond: two refusals, and each is kept.
	s := up("small").sets(caller, "QUEUESTATUS", "FULL").runs(caller, "Queue", "small").sets(caller, "QUEUESTATUS", "FULL").runs(caller, "Queue", "sales").
		pass(1000).hangs(caller).sets(caller, "ABANDONED", "TRUE").sets(caller, "QUEUEPOSITION", "1").gone(caller)
	s.want("small join_refused wait 0", "small join_refused wait 0", "sales abandoned wait 998")
	moments := map[metrics.Millis]bool{}
	for _, c := range s.contacts {
		moments[c.Joined] = true
	}
	if len(moments) != 3 {
		t.Error("two visits of one call bear the same moment")
	}
}

// BridgeBlindTransfer may come after the application of the place transferred to.
func TestTrapBlindTransfer(t *testing.T) {
	for _, late := range []bool{false, true} {
		s := newScript(t).made(caller, "Ring").runs(caller, "Queue", "support").pass(1000).rings(caller, alice, "PJSIP/1001").pass(1000).
			answers(caller, alice, "PJSIP/1001", "b1").pass(3000)
		told := func() {
			s.about("BridgeBlindTransfer", alice, `,"bridge":{"id":"b1","channels":[]},"exten":"1010","context":"internal","result":"Success","is_external":true,"transferee":`+s.channel(caller).json())
		}
		s.sets(caller, "BLINDTRANSFER", "PJSIP/1001-00000002").leaves("b1", caller)
		if !late {
			told()
		}
		s.runs(caller, "Dial", "PJSIP/1010")
		if late {
			told()
		}
		s.hangs(alice).leaves("b1", alice).gone(alice).pass(9000).hangs(caller).gone(caller)
		s.want("support answered wait 2001 by PJSIP/1001 talk 3000 blind_transfer")
	}
}

// Who consulted a queue and joins its agent to somebody else may be hung up before
// BridgeAttendedTransfer tells why. The agent talks on either way.
func TestTrapHandedOver(t *testing.T) {
	for _, late := range []bool{false, true} {
		const colleague, first, half = "PJSIP/1005-00000002", "PJSIP/1005-00000001", "Local/_attended@transfer-00000001;2"
		s := newScript(t).made(caller, "Ring").made(first, "Down").enters("b0", caller, first).
			made(colleague, "Ring").runs(colleague, "Queue", "sales").pass(1000).rings(colleague, alice, "PJSIP/1001").pass(1000).
			answers(colleague, alice, "PJSIP/1001", "b1").pass(570).made(half, "Up").leaves("b1", colleague).enters("b1", half).pass(3)
		told := func() {
			s.send("BridgeAttendedTransfer", fmt.Sprintf(`"transferer_first_leg":%s,"transferer_second_leg":%s,"transferee":%s,"transfer_target":%s,`+
				`"transferer_first_leg_bridge":{"id":"b0","channels":[]},"transferer_second_leg_bridge":{"id":"b1","channels":[]},"result":"Success","destination_type":"link"`,
				s.channel(first).json(), s.channel(colleague).json(), s.channel(caller).json(), s.channel(alice).json()))
		}
		if !late {
			told()
		}
		s.hangs(colleague)
		if late {
			told()
		}
		s.pass(3).gone(colleague).pass(3000).hangs(alice).leaves("b1", alice).gone(alice)
		s.want("sales answered wait 2001 by PJSIP/1001 talk 573 attended_transfer")
		if n := s.count(metrics.AgentRow, "PJSIP/1001", metrics.OnOtherCallTime); n != 3003 {
			t.Errorf("told late %v: the agent was on another call for %d ms, talked on for 3003", late, n)
		}
	}
}

// A caller who is redirected while waiting is withdrawn, whatever ABANDONED says.
func TestTrapRedirected(t *testing.T) {
	newScript(t).made(caller, "Ring").runs(caller, "Queue", "support").pass(4000).
		sets(caller, "ABANDONED", "TRUE").sets(caller, "QUEUEPOSITION", "1").pass(1).runs(caller, "Dial", "PJSIP/1010").pass(1000).hangs(caller).gone(caller).
		want("support withdrawn wait 4000")
}

// One ended ring can be told twice, NOANSWER and then CANCEL; who loses a
// ring-all is cancelled, not missed.
func TestTrapRings(t *testing.T) {
	s := newScript(t).made(caller, "Ring").runs(caller, "Queue", "front").pass(1000).rings(caller, alice, "PJSIP/1001").rings(caller, bob, "PJSIP/1002").pass(5000).
		dial(caller, alice, "", "NOANSWER").dial(caller, alice, "PJSIP/1001", "CANCEL").gone(alice).pass(1000).
		rings(caller, "PJSIP/1003-00000007", "PJSIP/1003").pass(300).dial(caller, "PJSIP/1003-00000007", "", "NOANSWER").gone("PJSIP/1003-00000007").
		rings(caller, "PJSIP/1004-00000008", "PJSIP/1004").pass(700).answers(caller, bob, "PJSIP/1002", "b1").
		dial(caller, "PJSIP/1004-00000008", "PJSIP/1004", "CANCEL").gone("PJSIP/1004-00000008").pass(2000).ends(bob, caller, "b1")
	s.want("front answered wait 8001 by PJSIP/1002 talk 2000 agent")
	for agent, want := range map[string][3]int64{"PJSIP/1001": {1, 0, 0}, "PJSIP/1002": {0, 0, 0}, "PJSIP/1003": {0, 1, 0}, "PJSIP/1004": {0, 0, 1}} {
		got := [3]int64{s.count(metrics.AgentRow, agent, metrics.MissedCount), s.count(metrics.AgentRow, agent, metrics.RejectedCount), s.count(metrics.AgentRow, agent, metrics.CancelledCount)}
		if got != want {
			t.Errorf("%s: missed, rejected, cancelled %v, want %v", agent, got, want)
		}
	}
}

// Two interfaces with one name are two agents; each has its own rings.
func TestTrapOneName(t *testing.T) {
	s := newScript(t)
	for _, interf := range []string{"PJSIP/1001", "PJSIP/1021"} {
		s.ami("Event: QueueMemberAdded", "Queue: front", "MemberName: Alice", "Interface: "+interf, "StateInterface: "+interf, "Status: 1", "Paused: 0")
	}
	s.made(caller, "Ring").runs(caller, "Queue", "front").pass(1000).rings(caller, alice, "PJSIP/1001").rings(caller, "PJSIP/1021-00000008", "PJSIP/1021").pass(1000).
		answers(caller, "PJSIP/1021-00000008", "PJSIP/1021", "b1").dial(caller, alice, "PJSIP/1001", "CANCEL").gone(alice).pass(2000).ends(caller, "PJSIP/1021-00000008", "b1")
	s.want("front answered wait 2001 by PJSIP/1021 talk 2000 caller")
	if s.translator.Name("PJSIP/1001") != "Alice" || s.translator.Name("PJSIP/1021") != "Alice" || s.count(metrics.AgentRow, "PJSIP/1001", metrics.CancelledCount) != 1 {
		t.Error("they are not told apart")
	}
}

// Refusals have no line in queue_log, and are not offered; who hangs up before
// Queue has never been there.
func TestTrapRefused(t *testing.T) {
	for _, status := range []string{"FULL", "JOINEMPTY", "JOINUNAVAIL"} {
		s := newScript(t).made(caller, "Ring").runs(caller, "Answer", "").runs(caller, "Queue", "vip").sets(caller, "QUEUESTATUS", status).runs(caller, "Hangup", "").gone(caller)
		s.made(bob, "Ring").runs(bob, "Answer", "").pass(200).hangs(bob).gone(bob)
		s.want("vip join_refused wait 0")
		if s.count(metrics.QueueRow, "vip", metrics.Offered) != 0 || s.count(metrics.QueueRow, "vip", metrics.JoinRefusedCount) != 1 {
			t.Errorf("%s: offered %d", status, s.count(metrics.QueueRow, "vip", metrics.Offered))
		}
	}
}

// The phone behind a Local member is the member's; a trunk that one leads
// through, or whom a transfer rings, is nobody's.
func TestTrapWhosePhone(t *testing.T) {
	other := func(dialled, device string) int64 {
		const one, two = "Local/1006@agents-00000001;1", "Local/1006@agents-00000001;2"
		s := newScript(t).made(caller, "Ring").runs(caller, "Queue", "support").pass(1000).made(one, "Down").made(two, "Ring").dial(caller, one, "Local/1006@agents/n", "")
		s.runs(two, "Dial", "x").made(device+"-00000001", "Down").dial(two, device+"-00000001", dialled, "").pass(1000).
			dial(two, device+"-00000001", dialled, "NOANSWER").gone(device+"-00000001").dial(caller, one, "Local/1006@agents/n", "NOANSWER").gone(one).gone(two)
		s.made(device+"-00000005", "Ring").about("ChannelStateChange", device+"-00000005", "").pass(4000).gone(device + "-00000005")
		s.hangs(caller).sets(caller, "ABANDONED", "TRUE").sets(caller, "QUEUEPOSITION", "1").gone(caller)
		s.want("support abandoned wait 6000")
		return s.count(metrics.AgentRow, "Local/1006@agents/n", metrics.OnOtherCallTime)
	}
	for _, c := range []struct {
		dialled, device string
		want            int64
	}{{"1006", "PJSIP/1006", 4000}, {"1006/sip:1006@192.0.2.7:5060", "PJSIP/1006", 4000}, {"5550100@gateway", "PJSIP/gateway", 0}, {"gateway/5550100", "SIP/gateway", 0}} {
		if got := other(c.dialled, c.device); got != c.want {
			t.Errorf("%s: on another call for %d ms, want %d", c.dialled, got, c.want)
		}
	}
}
