package asterisk

import (
	"bytes"

	"tallyd/connectors/asterisk/arievent"
	"tallyd/metrics"
)

// offer is a member being rung for a stay.
type offer struct {
	stay   *stay
	member *member
	agent  metrics.AgentID // who the member was when it was rung
	ch     *channel        // the channel that Queue dialled, or what took its place
	leg    metrics.ID      // what Queue dialled, by which facts name it
	phone  *channel        // the phone behind a Local channel, where there is one
	picked bool
	held   metrics.Millis // on hold since
	closed bool
}

// dial takes that one channel rings another.
func (t *Translator) dial(e *arievent.Event, at metrics.Millis) {
	peer := t.channel(&e.Peer)
	if peer == nil {
		t.Counts.Ignored++
		return
	}
	if len(e.DialStatus) == 0 {
		if caller := t.channel(&e.Caller); caller != nil {
			if caller.instead != nil && caller.instead.stay != nil {
				caller = caller.instead // what rings already rings for who took its place
			}
			t.rings(caller, peer, e, at)
			t.calledBy(&e.Caller, peer, at)
		}
		return
	}
	o := peer.offer
	if o == nil || o.ch != peer || o.closed {
		return
	}
	if caller := t.channel(&e.Caller); caller != nil && caller.void {
		return // it goes on ringing for who took that caller's place
	}
	switch string(e.DialStatus) {
	case "RINGING", "PROGRESS", "PROCEEDING":
	case "ANSWER":
		o.picked = true
		if o.stay.winner == nil {
			o.stay.winner = o
		}
	case "CANCEL":
		if next := t.channel(&e.Forwarded); next != nil && len(e.Forward) > 0 {
			peer.offer, next.offer, o.ch = nil, o, next // the phone forwards its calls
			return
		}
		cause := metrics.CallerLeft
		if o.stay.winner != nil {
			cause = metrics.TakenElsewhere
		}
		t.endOffer(o, cause, at)
	default: // NOANSWER (a refusal too), BUSY, CONGESTION, CHANUNAVAIL
		t.endOffer(o, metrics.NoAnswer, at)
	}
}

// rings takes that a call to a phone begins.
func (t *Translator) rings(caller, peer *channel, e *arievent.Event, at metrics.Millis) {
	// After a subroutine on the caller the snapshot may show that still.
	if (isQueue(&e.Caller) || caller.stay != nil && caller.stay.state == inLine) && byQueue(e) {
		if caller.bridged && !caller.bridge.IsZero() {
			return
		}
		s := t.present(caller, &e.Caller, at)
		s.unsure = false // it waits still
		if peer.offer != nil || len(s.offers) >= maxOffers {
			return
		}
		interf := e.DialString
		if len(interf) == 0 {
			interf = device(e.Peer.Name)
		}
		m := t.member(interf)
		if m == nil {
			return
		}
		t.serves(m, s.queue)
		o := &offer{stay: s, member: m, agent: m.agent, ch: peer, leg: peer.id}
		peer.offer = o
		if peer.half == nil {
			peer.member = m
		}
		s.offers = append(s.offers, o)
		if peer.early != nil && !peer.early.leaving {
			t.leadsTo(o, peer.early, []byte(peer.earlyDialled))
		}
		t.put(metrics.Event{Kind: metrics.OfferStarted, At: at, Leg: s.leg, Visit: s.leg, Queue: s.queue, Agent: m.agent, Peer: o.leg})
		return
	}
	// The dialplan behind a Local channel that a queue rang calls the phone.
	far := caller.other()
	if far == nil {
		return
	}
	o := far.offer
	if o == nil {
		o = far.behind
	}
	switch {
	case o == nil && peer.offer == nil:
		// Two threads tell of the two rings: this one may come first.
		far.early, far.earlyDialled = peer, string(e.DialString)
	case o == nil || o.closed || peer.offer != nil:
		return // once it is answered, the dialplan behind it calls somebody else
	default:
		t.leadsTo(o, peer, e.DialString)
	}
}

// leadsTo takes that the dialplan behind a Local channel that a queue rang calls a
// phone, or another Local channel.
func (t *Translator) leadsTo(o *offer, peer *channel, dialled []byte) {
	peer.behind = o
	if peer.half == nil {
		o.phone = peer
		if isPhone([]byte(peer.device), dialled) {
			t.learn([]byte(peer.device), o.member)
		}
		peer.member = o.member
	}
}

// byQueue tells whether Queue dials, which names the whole interface
// (PJSIP/1001); Dial leaves the technology out (1001).
func byQueue(e *arievent.Event) bool {
	tech := e.Peer.Name[:bytes.IndexByte(e.Peer.Name, '/')+1]
	return len(e.DialString) == 0 || len(tech) > 1 && bytes.HasPrefix(e.DialString, tech)
}

// isPhone tells whether what was dialled is a device itself (1006, or its contact
// 1006/sip:…), not a number at the far end of a trunk.
func isPhone(device, dialled []byte) bool {
	_, resource, _ := bytes.Cut(device, []byte("/"))
	rest, ok := bytes.CutPrefix(dialled, resource)
	return ok && len(resource) > 0 && (len(rest) == 0 || bytes.HasPrefix(rest, []byte("/sip:")))
}

// endOffer ends an offer that came to nothing.
func (t *Translator) endOffer(o *offer, cause metrics.Cause, at metrics.Millis) {
	if o.closed {
		return
	}
	t.closeOffer(o)
	s := o.stay
	if s.winner == o {
		s.winner = nil
	}
	t.put(metrics.Event{Kind: metrics.OfferEnded, At: at, Leg: s.leg, Visit: s.leg, Queue: s.queue, Agent: o.agent, Peer: o.leg, Cause: cause})
}

func (t *Translator) closeOffer(o *offer) {
	o.closed = true
	s := o.stay
	for i, x := range s.offers {
		if x == o {
			s.offers = append(s.offers[:i], s.offers[i+1:]...)
			return
		}
	}
}

// offeredGone takes that the channel which a queue dialled was destroyed.
func (t *Translator) offeredGone(o *offer, at metrics.Millis) {
	s := o.stay
	if s.state == talking && s.winner == o {
		t.agentGone(s, at)
		return
	}
	// Dial says so first, unless the member hung up on an announcement.
	t.endOffer(o, metrics.Failed, at)
}
