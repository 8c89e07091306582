package metrics

// A call outside the queues is a leg of an agent's own device that no queue
// rang: somebody calls the agent directly, or the agent calls out. It has a
// contact of its own, one for each that OtherCalls counts:
//
//	Visit, Leg   the switch's id of the agent's leg
//	Joined       when the leg began: to ring, or to dial
//	Answered     when it was answered; of a call that the agent made, that is
//	             what the switch told the agent's phone
//	Ended        when the leg was gone
//	Outcome      Answered, Unanswered or, where the end was not seen, Unobserved
//	Caller, Hash of the far end, as far as the switch tells it with the leg
//
// Somebody whose direct call the agent did not take left no call of the agent's:
// it is neither counted nor on record.

// Way is a call's direction as its agent sees it.
type Way uint8

const (
	UnknownWay Way = iota
	// Incoming: the agent was called.
	Incoming
	// Outgoing: the agent called.
	Outgoing
	ways
)

var wayNames = [ways]string{"", "in", "out"}

func (w Way) String() string { return nameOf(wayNames[:], int(w)) }

// call is what is known of a leg besides what queues make of it.
type call struct {
	partial           bool // its beginning was not seen
	started, answered Millis
	held              Millis    // on hold since; 0 for not
	holds             []Stretch // that are over
	far               Caller    // who is at the other end
	offset            int64
	media             Media
}

// begin notes that the leg began. A leg can be told again: by a snapshot, or once
// more is known of it.
func (c *call) begin(e *Event, at Millis) {
	if e.Caller.n > 0 {
		c.far = e.Caller
	}
	if c.started == 0 {
		c.started, c.partial, c.offset = at, e.Known, e.Offset
		// Another channel's stamp may have told of it before.
		for _, m := range [...]Millis{c.answered, c.held} {
			if m != 0 {
				c.started = min(c.started, m)
			}
		}
		if len(c.holds) > 0 {
			c.started = min(c.started, c.holds[0].From)
		}
	}
}

func (c *call) answer(at Millis) {
	if c.answered == 0 {
		c.answered = max(at, c.started)
	}
}

func (c *call) hold(held bool, at Millis) {
	switch {
	case held && c.held == 0:
		c.held = max(at, c.started)
	case !held && c.held != 0:
		if at > c.held {
			c.holds = append(c.holds, Stretch{c.held, at})
		}
		c.held = 0
	}
}

// endedBy is what the end of the agent's leg shows.
func (c *call) endedBy(e *Event) EndedBy {
	switch {
	case e.Moved == Blind:
		return ByBlindTransfer
	case e.Moved == Attended:
		return ByAttendedTransfer
	case e.By == Self:
		return ByAgent
	case e.By == Switch:
		return ByOther
	}
	return EndUnknown
}

// code codes the fields, for both directions.
func (c *call) code(code *Coder, version byte) {
	code.Bool(&c.partial)
	for _, m := range [...]*Millis{&c.started, &c.answered, &c.held} {
		CodeInt(code, m)
	}
	codeStretches(code, &c.holds)
	code.Caller(&c.far)
	CodeInt(code, &c.offset)
	if version >= 4 {
		c.media.code(code)
	}
}

// concludeCall hands over the contact of a call that is over.
func (t *Tracker) concludeCall(l *leg, at Millis, by EndedBy) {
	if t.opt.Sealed == nil {
		return
	}
	t.setDone(append(t.done, t.callContact(l, at, by)))
}

func (t *Tracker) callContact(l *leg, at Millis, by EndedBy) Contact {
	x := &l.call
	at = max(at, x.started, x.answered)
	x.hold(false, at)
	c := Contact{
		Kind: CallContact, Switch: t.opt.Switch, Visit: l.id.String(), Leg: l.id.String(),
		Agent: t.names.Name(AgentName, uint32(l.agent)), Caller: Mask(x.far), Hash: t.callerHash(x.far),
		Outcome: Unanswered, EndedBy: by, Joined: x.started, Answered: x.answered, Ended: at,
		Partial: x.partial, Offset: x.offset, Holds: len(x.holds), HeldSpans: append([]Stretch(nil), x.holds...),
	}
	if x.answered != 0 {
		c.Outcome, c.Media = Answered, x.media
	}
	if x.started < t.started {
		c.Since = t.started
	}
	for _, h := range x.holds {
		c.Hold += h.To - h.From
	}
	switch l.direction {
	case Inbound:
		c.Way = Outgoing // the agent's phone called the switch
	case Outbound:
		c.Way = Incoming
	}
	return c
}

// callUnseen concludes a call whose end was not seen.
func (t *Tracker) callUnseen(l *leg) {
	if !l.other || t.opt.Sealed == nil {
		return
	}
	at := t.now
	if t.blindSince != 0 {
		at = t.blindSince
	}
	c := t.callContact(l, at, EndUnknown)
	c.Unseen = true
	if c.Outcome == Unanswered {
		c.Outcome = Unobserved
	}
	t.setDone(append(t.done, c))
}
