package asterisk

import (
	"bytes"

	"tallyd/connectors/asterisk/arievent"
	"tallyd/metrics"
)

// A stay of a caller in a queue is one execution of the dialplan application
// Queue. What tells of it, in Asterisk 16 and 22 alike:
//
//   - It begins with ChannelDialplan, dialplan_app=Queue; in 22 also with
//     QUEUEWAIT="", in both with ABANDONED="" where an earlier stay of the call
//     left it TRUE.
//   - QUEUEPOSITION is set when the caller leaves the line: the moment before
//     the agent is bridged in, or at the end of a stay that nobody answered.
//   - ABANDONED=TRUE comes before that unless the caller left by a key; it is
//     set for time limits, empty queues and redirections too.
//   - QUEUESTATUS says why, unless the caller hung up, was moved, or pressed a key.
//
// ChannelDialplan with app Queue comes again whenever context, extension or
// priority change while the application still runs: an exit key, a transfer, a
// subroutine that the queue runs on the caller. These come while the caller
// stands in line or is in the queue's bridge, a true entry never does: that
// alone tells the two apart, in all 402 such events of the recordings.
type stayState uint8

const (
	inLine  stayState = iota
	left              // the line; whether for an agent or for good is not seen yet
	talking           // with an agent
	over
)

type stay struct {
	ch     *channel   // the caller's, now
	leg    metrics.ID // the caller's when the stay began, by which facts name it
	queue  metrics.QueueID
	state  stayState
	joined metrics.Millis

	abandoned metrics.Millis // ABANDONED=TRUE
	leftLine  metrics.Millis
	offers    []*offer // open ones
	winner    *offer   // who picked up, or talks

	bridge   metrics.ID
	ender    ender
	third    *channel // who joined the two, or came in the caller's place
	partOver bool     // the agent's part was told to be over
	departed bool     // the caller runs another application
	unsure   bool     // what became of it may have been out of sight
}

type ender uint8

const (
	nobodyYet ender = iota
	callerEnded
	agentEnded
	blindTransferred
	attendedTransferred
	switchEnded // it is stopping
)

// isQueue tells whether a channel runs Queue, as an event's snapshot shows it.
func isQueue(c *arievent.Channel) bool { return string(c.App) == "Queue" }

// dialplan takes that a channel began another application or moved in the
// dialplan.
func (t *Translator) dialplan(c *channel, e *arievent.Event, at metrics.Millis) {
	if c.void {
		return
	}
	c.movedOn = !c.bridge.IsZero()
	if c.unsure && isQueue(&e.Channel) {
		// An entry, or the place where a talk that was out of sight has ended: what
		// follows tells.
		c.wrapper, c.wrapperAt = true, at
		return
	}
	c.unsure = false
	if isQueue(&e.Channel) {
		if t.inside(c) || c.ghost(e.Channel.AppData) {
			return // the application that runs already, at another place
		}
		t.enter(c, e.Channel.AppData, e.Channel.CallerNumber, at)
		return
	}
	c.wrapper = false
	switch string(e.Channel.App) {
	case "ExecIf", "Exec", "TryExec":
		c.wrapper, c.wrapperAt = true, at
	case "AddQueueMember", "RemoveQueueMember", "PauseQueueMember", "UnpauseQueueMember":
		t.request(c, e, at)
	}
	s := c.stay
	if s != nil && s.unsure && s.state == inLine && c.bridge.IsZero() {
		t.leave(s, metrics.Unobserved, true) // how it left was out of sight
		return
	}
	if t.inside(c) {
		return // in a subroutine of the queue's, or moved while it is still bridged
	}
	c.bridged = false
	if s == nil {
		return
	}
	if s.state == left {
		t.leave(s, s.outcome(true), true)
		return
	}
	s.departed = true
}

// ghost tells whether Queue is shown for the first time again after it bridged
// the caller, unchanged: then the caller was sent to another place of the
// dialplan and the application is about to end. Mostly that shows while the
// caller is still in the bridge, but not where parking times out.
func (c *channel) ghost(data []byte) bool {
	if !c.bridged || c.shown || string(data) != c.data {
		return false
	}
	c.shown = true
	return true
}

// inside tells whether a channel is where Queue keeps it: in line, or in the
// bridge with the agent, or with whom the agent joined it to.
func (t *Translator) inside(c *channel) bool {
	return c.stay != nil && c.stay.state == inLine || c.bridged && !c.bridge.IsZero()
}

// enter begins a stay.
func (t *Translator) enter(c *channel, data, number []byte, at metrics.Millis) *stay {
	if old := c.stay; old != nil {
		t.conclude(old, at)
	}
	// A refusal and the next stay may bear one stamp; visits of one call are told
	// apart by it.
	at = max(at, c.joined+1)
	c.joined = at
	s := &stay{ch: c, leg: c.id, joined: at, queue: t.queue(queueOf(data))}
	s.unsure = c.unsure
	c.stay, c.key, c.transferring, c.wrapper, c.bridged, c.unsure = s, 0, false, false, false, false
	c.data, c.shown = string(data), false
	t.put(metrics.Event{Kind: metrics.VisitJoined, At: at, Leg: s.leg, Visit: s.leg, Queue: s.queue, Caller: metrics.MakeCaller(number), Known: s.unsure})
	return s
}

// missed begins a stay whose beginning ChannelDialplan did not tell of: Queue
// was run by another application, or at the very place that an earlier event had
// shown, where a transfer led.
func (t *Translator) missed(c *channel, in *arievent.Channel, at metrics.Millis) *stay {
	switch {
	case c.wrapper:
		at = c.wrapperAt
	case (c.bridged || c.movedOn) && c.bridge.IsZero() && c.bridgedAt > 0:
		at = c.bridgedAt // it was sent there from the bridge that it left then
	}
	return t.enter(c, in.AppData, in.CallerNumber, at)
}

// present is the stay that an event of a waiting caller belongs to.
func (t *Translator) present(c *channel, in *arievent.Channel, at metrics.Millis) *stay {
	if s := c.stay; s != nil && s.state == inLine {
		if !s.unsure || !isQueue(in) || s.queue == t.queue(queueOf(in.AppData)) {
			return s
		}
	}
	return t.missed(c, in, at)
}

// queueOf is the queue that an argument of Queue names.
func queueOf(data []byte) []byte {
	if i := bytes.IndexByte(data, ','); i >= 0 {
		data = data[:i]
	}
	return bytes.TrimSpace(data)
}

// varset takes a variable that tells of a stay or of a queue's members.
func (t *Translator) varset(c *channel, e *arievent.Event, at metrics.Millis) {
	switch e.Variable {
	case arievent.BlindTransfer, arievent.AttendedTransfer:
		c.transferring = len(e.Value) > 0
		return
	case arievent.MemberName:
		if s := c.stay; s != nil && s.winner != nil {
			s.winner.member.name = string(e.Value)
		}
		return
	case arievent.AudioQuality:
		t.legMedia(c, e.Value, at)
		return
	case arievent.AddMemberStatus, arievent.RemoveMemberStatus, arievent.PauseStatus, arievent.UnpauseStatus:
		t.granted(c, e, at)
		return
	}
	if c.void || !isQueue(&e.Channel) && (c.stay == nil || c.stay.state != inLine) {
		return // set by a dialplan, or for a subroutine
	}
	switch e.Variable {
	case arievent.QueueWait:
		if len(e.Value) == 0 && !t.inside(c) {
			t.missed(c, &e.Channel, at)
		}
	case arievent.Abandoned:
		switch {
		case string(e.Value) == "TRUE":
			s := t.present(c, &e.Channel, at)
			s.abandoned, s.unsure = at, false // until now it waited
		case !t.inside(c):
			t.missed(c, &e.Channel, at)
		}
	case arievent.QueuePosition:
		t.leftTheLine(t.present(c, &e.Channel, at), at)
	case arievent.QueueStatus:
		t.status(c, e, at)
	}
}

// leftTheLine takes that the caller stands in line no longer. Without an agent
// it is over at once where the caller hung up; else the next event tells why.
func (t *Translator) leftTheLine(s *stay, at metrics.Millis) {
	if s.state != inLine {
		return
	}
	s.state, s.leftLine = left, at
	if s.abandoned != 0 && s.ch.hungUp >= s.joined {
		t.leave(s, metrics.Abandoned, false)
	}
}

// status takes QUEUESTATUS.
func (t *Translator) status(c *channel, e *arievent.Event, at metrics.Millis) {
	switch string(e.Value) {
	case "": // cleared
	case "JOINEMPTY", "JOINUNAVAIL", "FULL", "UNKNOWN":
		s := t.present(c, &e.Channel, at)
		s.leftLine = at
		t.leave(s, metrics.JoinRefused, true)
	case "TIMEOUT":
		t.statusLeft(c, metrics.TimedOut, at)
	case "LEAVEEMPTY", "LEAVEUNAVAIL":
		t.statusLeft(c, metrics.LeftEmpty, at)
	case "WITHDRAW":
		t.statusLeft(c, metrics.Withdrawn, at)
	case "CONTINUE": // the agent hung up, and the caller goes on
		c.bridged = false
		if s := c.stay; s != nil && s.state == talking {
			s.departed = true
			if t.endedUnseen(s, at, false) {
				return
			}
			if s.ender == nobodyYet {
				who := agentEnded
				if s.winner.ch.bridge == s.bridge {
					who = callerEnded // by a transfer that put somebody else in its place
				}
				t.ended(s, who, at)
			}
			t.finish(s, at)
		}
	}
}

func (t *Translator) statusLeft(c *channel, o metrics.Outcome, at metrics.Millis) {
	if s := c.stay; s != nil && (s.state == left || s.state == inLine) {
		if s.leftLine == 0 {
			s.leftLine = at
		}
		t.leave(s, o, true)
	}
}

// outcome tells how a stay ended that nobody answered and QUEUESTATUS did not
// explain.
func (s *stay) outcome(goesOn bool) metrics.Outcome {
	switch {
	case s.unsure:
		return metrics.Unobserved // somebody may have answered, or the time was up
	case s.state == left && s.abandoned == 0 && !goesOn && s.winner == nil && len(s.offers) == 0:
		return metrics.Unobserved // it left the line for a member whose ring was out of sight
	case s.abandoned == 0 && (goesOn || s.ch.key >= s.joined && s.ch.key != 0):
		return metrics.ExitedByKey
	case goesOn:
		return metrics.Withdrawn // moved elsewhere; queue_log calls that ABANDON
	}
	return metrics.Abandoned
}

// leave ends a stay that nobody answered.
func (t *Translator) leave(s *stay, o metrics.Outcome, goesOn bool) {
	at := s.leftLine
	if s.abandoned != 0 {
		at = s.abandoned
	}
	at = max(at, s.joined)
	for len(s.offers) > 0 {
		cause := metrics.CallerLeft
		if s.offers[0] == s.winner {
			cause = metrics.NotConnected
		}
		t.endOffer(s.offers[0], cause, at)
	}
	t.over(s)
	out := metrics.Event{Kind: metrics.VisitLeft, At: at, Leg: s.leg, Visit: s.leg, Queue: s.queue, Outcome: o, LegGone: !goesOn}
	if o == metrics.Abandoned {
		out.By = metrics.Self
	}
	t.put(out)
}

// over lets go of a stay.
func (t *Translator) over(s *stay) {
	s.state = over
	if s.ch.stay == s {
		s.ch.stay = nil
	}
	if t.talks[s.bridge] == s {
		delete(t.talks, s.bridge)
	}
}

// callerGone takes that the caller's channel was destroyed.
func (t *Translator) callerGone(s *stay, at metrics.Millis) {
	switch s.state {
	case inLine, left:
		if s.leftLine == 0 {
			s.leftLine = at
		}
		t.leave(s, s.outcome(false), false)
	case talking:
		if t.endedUnseen(s, at, true) {
			return
		}
		if s.ender == nobodyYet {
			who := callerEnded
			if w := s.winner.ch; w.bridge != s.bridge && w.bridgedAt != 0 && w.bridgedAt < s.ch.bridgedAt && !t.elsewhere(w) {
				who = agentEnded
			}
			t.ended(s, who, at)
		}
		t.finish(s, at)
	}
}

// conclude ends a stay that a new one of the same call shows to be over.
func (t *Translator) conclude(s *stay, at metrics.Millis) {
	switch s.state {
	case inLine, left:
		if s.leftLine == 0 {
			s.leftLine = at
		}
		t.leave(s, s.outcome(true), true)
	case talking:
		if t.endedUnseen(s, at, false) {
			return
		}
		if s.ender == nobodyYet {
			t.ended(s, blindTransferred, at)
		}
		t.finish(s, at)
	}
}
