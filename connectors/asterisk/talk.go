package asterisk

import (
	"slices"

	"tallyd/connectors/asterisk/arievent"
	"tallyd/metrics"
)

// enteredBridge takes that a channel joined a bridge: a caller the agent's, or
// an agent the caller's.
func (t *Translator) enteredBridge(c *channel, e *arievent.Event, at metrics.Millis) {
	c.bridge, c.bridgedAt = metrics.MakeID(e.Bridge.ID), at
	if o := c.offer; o != nil && o.ch == c && !o.stay.bridge.IsZero() && o.stay.winner == o && c.bridge == o.stay.bridge {
		t.back(o, at) // from a consultation
		return
	}
	if s := c.stay; s != nil && s.ch == c && (s.state == inLine || s.state == left) {
		for _, o := range s.offers {
			if o.ch.bridge == c.bridge || o.phone != nil && o.phone.bridge == c.bridge || among(o.ch.id, &e.Bridge) {
				t.connect(s, o, c.bridge, at)
				return
			}
		}
		return
	}
	if o := c.offer; o != nil && o.ch == c && !o.closed && o.stay.state != talking && o.stay.ch.bridge == c.bridge {
		t.connect(o.stay, o, c.bridge, o.stay.ch.bridgedAt)
	}
}

func among(id metrics.ID, b *arievent.Bridge) bool {
	for _, c := range b.Channels() {
		if string(c) == id.String() {
			return true
		}
	}
	return false
}

// connect begins the talk: the caller is in one bridge with the member. CEL has
// the same moment.
func (t *Translator) connect(s *stay, o *offer, bridge metrics.ID, at metrics.Millis) {
	s.state, s.winner, s.bridge = talking, o, bridge
	s.ch.bridged = true
	o.member.talks = append(o.member.talks, o)
	t.talks[bridge] = s
	t.closeOffer(o)
	t.put(metrics.Event{Kind: metrics.Connected, At: at, Leg: s.leg, Visit: s.leg, Queue: s.queue, Agent: o.member.agent, Peer: o.leg})
	for len(s.offers) > 0 {
		t.endOffer(s.offers[0], metrics.TakenElsewhere, at)
	}
	s.winner = o
}

// leftBridge takes that a channel left a bridge. That alone ends nothing: it
// may be replaced by the channel that a Local channel led to, or come back from
// a consultation.
func (t *Translator) leftBridge(c *channel, e *arievent.Event, at metrics.Millis) {
	bridge := metrics.MakeID(e.Bridge.ID)
	if c.bridge == bridge {
		c.bridge, c.before, c.bridgedAt = metrics.ID{}, bridge, at
	}
	s := t.talks[bridge]
	if s == nil {
		return
	}
	w := s.winner
	switch c {
	case s.ch:
		if n := t.successor(c, &e.Bridge, s); n != nil {
			c.stay, s.ch, n.stay = nil, n, s
			n.transferring = false
		}
	case w.ch:
		if n := t.successor(c, &e.Bridge, s); n != nil {
			c.offer, w.ch, n.offer = nil, n, w
			if w.phone == n {
				w.phone = nil
			}
			return
		}
		if s.ender == nobodyYet && !c.transferring && c.hungUp == 0 && s.ch.bridge == s.bridge {
			t.consult(w, at)
		}
	}
}

// successor finds the channel that took the place of half a Local channel in a
// bridge, when Asterisk optimised it away: it came from the bridge that the
// other half was in.
func (t *Translator) successor(c *channel, b *arievent.Bridge, s *stay) *channel {
	far := c.other()
	if c.half == nil {
		return nil
	}
	for _, id := range b.Channels() {
		n := t.channels[metrics.MakeID(id)]
		if n == nil || n == s.ch || n == s.winner.ch || n == c {
			continue
		}
		if n == s.winner.phone && c == s.winner.ch || n.behind != nil && n.behind == c.offer ||
			far != nil && !n.before.IsZero() && (n.before == far.bridge || n.before == far.before) {
			return n
		}
	}
	return nil
}

// elsewhere tells whether a channel is in another bridge now: it consults.
func (t *Translator) elsewhere(c *channel) bool { return !c.bridge.IsZero() }

// consult takes that an agent left the caller alone in order to talk with
// somebody else: that is no hold.
func (t *Translator) consult(o *offer, at metrics.Millis) {
	t.put(metrics.Event{Kind: metrics.Consulted, At: at, Leg: o.leg, Visit: o.stay.leg, Queue: o.stay.queue, Agent: o.member.agent})
}

// consults takes that a device of a member's begins a call of its own; if the
// member talks with a caller, it is a consultation.
func (t *Translator) consults(m *member, at metrics.Millis) {
	var with *offer
	for _, o := range m.talks {
		if with == nil || o.held > with.held {
			with = o // of two calls the one that was put on hold for it
		}
	}
	if with != nil {
		t.consult(with, at)
	}
}

// back takes that the agent is with the caller again.
func (t *Translator) back(o *offer, at metrics.Millis) {
	t.put(metrics.Event{Kind: metrics.LegResumed, At: at, Leg: o.leg})
}

// held takes a hold or its end, on whichever side the phone is that asked for it.
func (t *Translator) held(c *channel, hold bool, at metrics.Millis) {
	out := metrics.Event{Kind: metrics.LegResumed, At: at}
	since := metrics.Millis(0)
	if hold {
		out.Kind, since = metrics.LegHeld, at
	}
	switch {
	case c.offer != nil && c.offer.ch == c:
		out.Leg, c.offer.held = c.offer.leg, since
	case c.behind != nil && c.behind.phone == c:
		out.Leg, c.behind.held = c.behind.leg, since
	case c.stay != nil && c.stay.state == talking:
		out.Leg = c.stay.leg
	default:
		return
	}
	t.put(out)
}

// hangup takes that a channel was asked to hang up. The first of the two that
// are in the queue's bridge ended the call, unless a transfer moves it.
func (t *Translator) hangup(c *channel, at metrics.Millis) {
	if c.hungUp == 0 {
		c.hungUp = at
	}
	if s := c.stay; s != nil && s.ch == c {
		switch {
		case s.state == talking && s.ender == nobodyYet && !c.transferring && c.bridge == s.bridge:
			t.ended(s, callerEnded, at)
		case s.state == left && s.abandoned != 0:
			t.leave(s, metrics.Abandoned, false)
		}
	}
	if o := c.offer; o != nil && o.ch == c {
		s := o.stay
		if s.state == talking && s.winner == o && s.ender == nobodyYet && !c.transferring && c.bridge == s.bridge {
			t.ended(s, agentEnded, at)
		}
	}
}

// ended notes who or what ended the talk, and tells that the agent's part is
// over.
func (t *Translator) ended(s *stay, who ender, at metrics.Millis) {
	s.ender = who
	out := metrics.Event{At: at}
	switch who {
	case callerEnded:
		out.By = metrics.Switch
	case agentEnded:
		out.By = metrics.Self
	case blindTransferred:
		out.Moved = metrics.Blind
	case attendedTransferred:
		out.Moved = metrics.Attended
	}
	out.LegGone = true
	t.agentsPart(s, out)
}

func (t *Translator) agentsPart(s *stay, out metrics.Event) {
	s.partOver = true
	w := s.winner
	if i := slices.Index(w.member.talks, w); i >= 0 {
		w.member.talks = slices.Delete(w.member.talks, i, i+1)
	}
	out.Kind, out.Leg, out.Visit, out.Queue, out.Agent, out.Peer = metrics.Disconnected, s.leg, s.leg, s.queue, w.member.agent, w.leg
	t.put(out)
}

// finish tells that an answered stay is over.
func (t *Translator) finish(s *stay, at metrics.Millis) {
	out := metrics.Event{Kind: metrics.VisitLeft, At: at, Leg: s.leg, Visit: s.leg, Queue: s.queue, Outcome: metrics.Answered,
		Agent: s.winner.member.agent, Peer: s.winner.leg}
	switch s.ender {
	case callerEnded:
		out.By, out.LegGone = metrics.Self, true
	case agentEnded:
		out.By, out.LegGone = metrics.Switch, !s.departed
	case blindTransferred:
		out.Moved = metrics.Blind
	case attendedTransferred:
		out.Moved = metrics.Attended
	}
	t.over(s)
	t.put(out)
}

// agentGone takes that the agent's channel was destroyed. Where nothing told who
// ended the call, a caller who is elsewhere was moved there.
func (t *Translator) agentGone(s *stay, at metrics.Millis) {
	if s.ender == nobodyYet {
		who := agentEnded
		if s.ch.bridge != s.bridge && (s.departed || s.ch.hungUp == 0) {
			who = blindTransferred
		} else if s.ch.bridge != s.bridge {
			who = callerEnded
		}
		t.ended(s, who, at)
	}
	t.finish(s, at)
}

// phoneGone takes that the phone behind a Local member is gone. The queue's call
// goes on with the Local channel: where the phone transferred the caller, with
// somebody else (asterisk22, visit ast22-1795449065.1). The agent's part is over.
func (t *Translator) phoneGone(o *offer, c *channel, at metrics.Millis) {
	o.phone = nil
	s := o.stay
	if s.state == talking && s.winner == o && !s.partOver {
		if c.bridge.IsZero() && c.bridgedAt != 0 {
			at = c.bridgedAt
		}
		t.agentsPart(s, metrics.Event{At: at, LegGone: true, GoesOn: true})
	}
}

// blindTransfer takes that the bridge's other channel was sent to a place in the
// dialplan.
func (t *Translator) blindTransfer(e *arievent.Event, at metrics.Millis) {
	s := t.talks[metrics.MakeID(e.Bridge.ID)]
	if s == nil || string(e.Result) != "Success" || s.state != talking {
		return
	}
	agent := s.winner.ch
	t.transferred(s, blindTransferred, at)
	if string(e.Channel.ID) == s.ch.id.String() {
		t.goesOn(agent, s.winner.member.agent, at) // it was the agent who was sent on
	}
}

// attendedTransfer takes that two calls of one party were joined.
func (t *Translator) attendedTransfer(e *arievent.Event, at metrics.Millis) {
	if string(e.Result) != "Success" || string(e.DestinationType) == "threeway" {
		return
	}
	for _, b := range [2]*arievent.Bridge{&e.FirstLegBridge, &e.SecondBridge} {
		s := t.talks[metrics.MakeID(b.ID)]
		if s == nil || s.state != talking {
			continue
		}
		agent := s.winner.ch
		t.transferred(s, attendedTransferred, at)
		if id := agent.id.String(); string(e.FirstLeg.ID) != id && string(e.SecondLeg.ID) != id {
			t.goesOn(agent, s.winner.member.agent, at) // the caller's side was transferred to the agent
		}
	}
}

func (t *Translator) transferred(s *stay, how ender, at metrics.Millis) {
	if w := s.winner.ch; w.bridge != s.bridge && w.bridgedAt != 0 && !t.elsewhere(w) {
		at = min(at, w.bridgedAt)
	}
	s.departed = true
	t.ended(s, how, at)
	t.finish(s, at)
}
