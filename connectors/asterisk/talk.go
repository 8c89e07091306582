package asterisk

import (
	"slices"

	"tallyd/connectors/asterisk/arievent"
	"tallyd/metrics"
)

// enteredBridge takes that a channel joined a bridge: a caller the agent's, an
// agent the caller's, or another channel in the place of one of them.
func (t *Translator) enteredBridge(c *channel, e *arievent.Event, at metrics.Millis) {
	c.bridge, c.bridgedAt = metrics.MakeID(e.Bridge.ID), at
	if s := t.talks[c.bridge]; s != nil && c != s.ch && c != s.winner.ch {
		t.replaces(c, s)
		return
	}
	if s := c.stay; s != nil && s.ch == c && (s.state == inLine || s.state == left) {
		for _, o := range s.offers {
			if o.ch.bridge == c.bridge || o.phone != nil && o.phone.bridge == c.bridge || among(o.ch.id, &e.Bridge) {
				t.connect(s, o, c.bridge, at, false)
				return
			}
		}
		if s.abandoned == 0 {
			t.meets(s, &e.Bridge, at)
		}
		return
	}
	o := c.offer
	if o == nil || o.ch != c {
		return
	}
	switch s := o.stay; {
	case s.state == talking && s.winner == o && c.bridge == s.bridge:
		t.put(metrics.Event{Kind: metrics.LegResumed, At: at, Leg: o.leg}) // back from a consultation
	case s.state == talking && s.winner == o:
		if s.ender == nobodyYet && s.ch.bridge == s.bridge {
			t.consult(o, at)
		}
	case !o.closed && s.ch.bridge == c.bridge:
		t.connect(s, o, c.bridge, s.ch.bridgedAt, false)
	}
}

// meets connects a caller with a member whose ring was out of sight.
func (t *Translator) meets(s *stay, b *arievent.Bridge, at metrics.Millis) {
	for _, id := range b.Channels() {
		x := t.channels[metrics.MakeID(id)]
		if x == nil || x == s.ch || x.member == nil || x.stay != nil || x.offer != nil {
			continue
		}
		o := &offer{stay: s, member: x.member, agent: x.member.agent, ch: x, leg: x.id}
		x.offer = o
		t.serves(o.member, s.queue)
		t.connect(s, o, s.ch.bridge, at, false)
		return
	}
}

// replaces puts a channel in the place of half a Local channel that Asterisk
// optimises away: it is the phone behind it, or comes from the bridge that the
// other half is in.
func (t *Translator) replaces(c *channel, s *stay) {
	w := s.winner
	switch {
	case c.behind != nil && c.behind == w || leadsTo(w.ch, c):
		w.ch.offer, w.ch, c.offer = nil, c, w
		if w.phone == c {
			w.phone = nil
		}
	case leadsTo(s.ch, c):
		s.ch.stay, s.ch, c.stay = nil, c, s
		c.transferring = false
	default:
		s.third = c
	}
}

// leadsTo tells whether a channel came from the bridge at the far end of a Local
// channel.
func leadsTo(local, c *channel) bool {
	far := local.other()
	return far != nil && !c.before.IsZero() && (c.before == far.bridge || c.before == far.before)
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
func (t *Translator) connect(s *stay, o *offer, bridge metrics.ID, at metrics.Millis, known bool) {
	s.state, s.winner, s.bridge = talking, o, bridge
	s.ch.bridged = true
	o.member.talks = append(o.member.talks, o)
	t.talks[bridge] = s
	t.closeOffer(o)
	t.put(metrics.Event{Kind: metrics.Connected, At: at, Leg: s.leg, Visit: s.leg, Queue: s.queue, Agent: o.agent, Peer: o.leg, Known: known})
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
	if s := t.talks[bridge]; s != nil && s.unsure && c == s.winner.ch {
		t.stillTalked(s, at)
	}
}

// stillTalked takes proof that a talk had lasted over a time when the switch was
// out of sight: the agent leaves the caller only now. Who hung up first tells who
// ended it, unless that may have been before.
func (t *Translator) stillTalked(s *stay, at metrics.Millis) {
	w := s.winner.ch
	first, who := s.ch.hungUp, callerEnded
	if first == 0 || w.hungUp != 0 && w.hungUp < first {
		first, who = w.hungUp, agentEnded
	}
	if first != 0 && first-t.seenFrom < sightSlack {
		return
	}
	s.unsure = false
	if first != 0 && s.ender == nobodyYet && !s.ch.transferring && !w.transferring {
		t.ended(s, who, first)
	}
}

// sightSlack is how long after the switch is seen again an end may have begun
// before.
const sightSlack metrics.Millis = 200

// endedUnseen ends a talk of which nothing has told, since the switch was out of
// sight, whether and how it went on.
func (t *Translator) endedUnseen(s *stay, at metrics.Millis, gone bool) bool {
	if !s.unsure || s.ender != nobodyYet {
		return false
	}
	w := s.winner
	if i := slices.Index(w.member.talks, w); i >= 0 {
		w.member.talks = slices.Delete(w.member.talks, i, i+1)
	}
	t.over(s)
	t.put(metrics.Event{Kind: metrics.VisitLeft, At: at, Leg: s.leg, Visit: s.leg, Queue: s.queue, Outcome: metrics.Unobserved, LegGone: gone})
	return true
}

// elsewhere tells whether a channel is in another bridge now: it consults.
func (t *Translator) elsewhere(c *channel) bool { return !c.bridge.IsZero() }

// consult takes that an agent left the caller alone in order to talk with
// somebody else: that is no hold.
func (t *Translator) consult(o *offer, at metrics.Millis) {
	t.put(metrics.Event{Kind: metrics.Consulted, At: at, Leg: o.leg, Visit: o.stay.leg, Queue: o.stay.queue, Agent: o.agent})
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
		m.consulted = at
		t.consult(with, at)
	}
}

// consultSlack is how much later than the call that it is made for a hold may
// come: events of two channels step back by up to 45 ms.
const consultSlack metrics.Millis = 100

// held takes a hold or its end, on whichever side the phone is that asked for it.
func (t *Translator) held(c *channel, hold bool, at metrics.Millis) {
	out := metrics.Event{Kind: metrics.LegResumed, At: at}
	since := metrics.Millis(0)
	if hold {
		out.Kind, since = metrics.LegHeld, at
	}
	o := c.behind
	if c.offer != nil && c.offer.ch == c {
		o = c.offer
	}
	switch {
	case o != nil && (o.ch == c || o.phone == c):
		out.Leg, o.held = o.leg, since
		if off := at - o.member.consulted; hold && off < consultSlack && off > -consultSlack {
			return
		}
	case c.stay != nil && c.stay.state == talking:
		out.Leg = c.stay.leg
	default:
		return
	}
	t.put(out)
}

// softHangupShutdown is the "cause" of a soft hangup that a stop of Asterisk
// makes, of every channel that is up (AST_SOFTHANGUP_SHUTDOWN).
const softHangupShutdown = 4

// hangup takes that a channel was asked to hang up. The first of the two ended
// the call, unless a transfer moves it, or the agent is away consulting.
func (t *Translator) hangup(c *channel, e *arievent.Event, at metrics.Millis) {
	byCaller, byAgent := callerEnded, agentEnded
	if e.Soft && e.Cause == softHangupShutdown {
		byCaller, byAgent = switchEnded, switchEnded
		if !t.down {
			t.down = true
			t.put(metrics.Event{Kind: metrics.SwitchDown, At: at})
		}
	}
	if c.hungUp == 0 {
		c.hungUp, c.itself = at, !e.Soft
	}
	if s := c.stay; s != nil && s.ch == c {
		switch up := s.state == talking && s.ender == nobodyYet && !c.transferring && !s.unsure; {
		case up && byCaller == callerEnded && s.replaced():
			t.handedOver(s, at)
		case up:
			t.ended(s, byCaller, at)
		case s.state == left && s.abandoned != 0 && !s.unsure:
			t.leave(s, metrics.Abandoned, false)
		}
	}
	if o := c.offer; o != nil && o.ch == c {
		s := o.stay
		if s.state == talking && s.winner == o && s.ender == nobodyYet && !c.transferring && !s.unsure && c.bridge == s.bridge {
			t.ended(s, byAgent, at)
		}
	}
}

// replaced tells whether somebody came in the caller's place as the caller left:
// who called had consulted, and joins the agent to whoever is waiting. Asterisk
// tells of the transfer only then, and may hang the caller up before it does.
func (s *stay) replaced() bool {
	x := s.third
	return x != nil && x.bridge == s.bridge && s.ch.bridge != s.bridge && x.bridgedAt >= s.ch.bridgedAt-consultSlack
}

// handedOver ends a stay whose caller was transferred away from the agent, who
// talks on with somebody else.
func (t *Translator) handedOver(s *stay, at metrics.Millis) {
	t.transferred(s, attendedTransferred, at)
	t.goesOn(s.winner.ch, s.winner.agent, at)
}

// ended notes who or what ended the talk, and tells that the agent's part is
// over.
func (t *Translator) ended(s *stay, who ender, at metrics.Millis) {
	s.ender = who
	out := metrics.Event{At: at}
	switch who {
	case callerEnded, switchEnded:
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
	out.Kind, out.Leg, out.Visit, out.Queue, out.Agent, out.Peer = metrics.Disconnected, s.leg, s.leg, s.queue, w.agent, w.leg
	t.put(out)
}

// finish tells that an answered stay is over.
func (t *Translator) finish(s *stay, at metrics.Millis) {
	out := metrics.Event{Kind: metrics.VisitLeft, At: at, Leg: s.leg, Visit: s.leg, Queue: s.queue, Outcome: metrics.Answered,
		Agent: s.winner.agent, Peer: s.winner.leg}
	switch s.ender {
	case callerEnded:
		out.By, out.LegGone = metrics.Self, true
	case agentEnded, switchEnded:
		out.By, out.LegGone = metrics.Switch, !s.departed
	case blindTransferred:
		out.Moved = metrics.Blind
	case attendedTransferred:
		out.Moved = metrics.Attended
	}
	t.over(s)
	t.put(out)
	if x := s.third; s.ender == callerEnded && x != nil && x.bridge == s.bridge && s.winner.ch.bridge == s.bridge {
		t.goesOn(s.winner.ch, s.winner.agent, at)
	}
}

// agentGone takes that the agent's channel was destroyed. Where nothing told who
// ended the call, a caller who is elsewhere was moved there.
func (t *Translator) agentGone(s *stay, at metrics.Millis) {
	if t.endedUnseen(s, at, true) {
		return
	}
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
	if s == nil || string(e.Result) != "Success" || s.ender != nobodyYet {
		return
	}
	agent := s.winner.ch
	t.transferred(s, blindTransferred, at)
	if string(e.Channel.ID) == s.ch.id.String() {
		t.goesOn(agent, s.winner.agent, at) // it was the agent who was sent on
	}
}

// attendedTransfer takes that two calls of one party were joined.
func (t *Translator) attendedTransfer(e *arievent.Event, at metrics.Millis) {
	if string(e.Result) != "Success" || string(e.DestinationType) == "threeway" {
		return
	}
	defer t.standsIn(e)
	for _, b := range [2]*arievent.Bridge{&e.FirstLegBridge, &e.SecondBridge} {
		s := t.talks[metrics.MakeID(b.ID)]
		if s == nil || s.ender != nobodyYet {
			continue // a party had hung up before
		}
		agent := s.winner.ch
		t.transferred(s, attendedTransferred, at)
		if id := agent.id.String(); string(e.FirstLeg.ID) != id && string(e.SecondLeg.ID) != id {
			t.goesOn(agent, s.winner.agent, at) // the caller's side was transferred to the agent
		}
	}
}

// standsIn takes that a caller was put into the place of the one who stood in
// line for it: an agent who consulted a queue and transferred before anybody
// there answered. The stay goes on, under another channel.
func (t *Translator) standsIn(e *arievent.Event) {
	next := t.channel(&e.Transferee)
	if next == nil {
		return
	}
	for _, leg := range [2]*arievent.Channel{&e.SecondLeg, &e.FirstLeg} {
		c := t.channels[metrics.MakeID(leg.ID)]
		if c == nil || c == next || c.stay == nil || c.stay.state != inLine || next.stay != nil {
			continue
		}
		next.stay, c.stay.ch, c.stay = c.stay, next, nil
		next.data, next.bridged, next.shown, next.transferring = c.data, false, false, false
		c.void, c.instead = true, next
		return
	}
}

func (t *Translator) transferred(s *stay, how ender, at metrics.Millis) {
	s.unsure = false
	if w := s.winner.ch; w.bridge != s.bridge && w.bridgedAt != 0 && !t.elsewhere(w) {
		at = min(at, w.bridgedAt)
	}
	s.departed = true
	t.ended(s, how, at)
	t.finish(s, at)
}
