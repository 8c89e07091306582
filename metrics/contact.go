package metrics

// Contact is the evidence of one visit: what the counters counted of it. A
// caller is kept as a keyed hash and a masked form only.
type Contact struct {
	Switch  string
	Visit   string // the switch's id of the stay; a caller who comes back may take it up again
	Leg     string // the switch's id of the caller's leg
	Queue   string
	Agent   string // who answered; "" for nobody
	Caller  string // masked
	Hash    [16]byte
	Outcome Outcome
	EndedBy EndedBy

	Joined   Millis
	Answered Millis // 0 where nobody did
	Ended    Millis // when the stay, or the agent's part of it, was over; 0 while in progress
	Hold     Millis
	Holds    int
	Offers   int

	// Partial: the beginning was not seen. Unseen: the end was not seen.
	Partial, Unseen bool
	// Offset is where in the switch's stream the stay began, in bytes.
	Offset int64
}

// Wait is how long the caller waited.
func (c *Contact) Wait() Millis {
	switch {
	case c.Answered != 0:
		return c.Answered - c.Joined
	case c.Ended != 0:
		return c.Ended - c.Joined
	}
	return 0
}

// Talk is the agent's part, holds inside it.
func (c *Contact) Talk() Millis {
	if c.Answered == 0 || c.Ended == 0 {
		return 0
	}
	return c.Ended - c.Answered
}

func (t *Tracker) contact(v *visit) Contact {
	c := Contact{
		Switch: t.opt.Switch, Visit: v.id.String(), Leg: v.leg.String(),
		Queue: t.names.Name(QueueName, uint32(v.queue.id)), Caller: Mask(v.caller), Hash: t.callerHash(v.caller),
		Outcome: v.outcome, EndedBy: v.endedBy, Joined: v.joined, Hold: v.holdSum, Holds: v.holds, Offers: v.offered,
		Partial: v.partial, Unseen: v.unseen, Offset: v.offset,
	}
	switch v.state {
	case waiting, picked:
		c.Outcome = InProgress
		if v.acrossGap {
			c.Outcome, c.Ended = Unobserved, v.lastSeen(t)
		}
		return c
	case talking:
		c.Answered = v.answered
	default:
		c.Answered, c.Ended = v.answered, v.ended
		if v.outcome != Answered {
			c.Answered, c.Ended = 0, v.left
		}
	}
	if v.agent != 0 {
		c.Agent = t.names.Name(AgentName, uint32(v.agent))
	}
	return c
}

// callerHash is the keyed hash of the caller's digits, zeros for a blank one.
func (t *Tracker) callerHash(c Caller) (out [16]byte) {
	if c.n == 0 {
		return out
	}
	t.mac.Reset()
	t.mac.Write(c.b[:c.n])
	copy(out[:], t.mac.Sum(t.sum[:0]))
	return out
}

// Mask shows of a number what tells a person apart from a switchboard, and no
// more: the first three and the last two characters of a number of eight or
// more, the last two of a shorter one.
func Mask(c Caller) string {
	n := int(c.n)
	if n == 0 {
		return ""
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = '*'
		if n >= 8 && i < 3 || n > 3 && i >= n-2 {
			if ch := c.b[i]; ch >= '0' && ch <= '9' || ch == '+' {
				b[i] = ch
			}
		}
	}
	return string(b)
}
