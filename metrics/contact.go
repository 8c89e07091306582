package metrics

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
)

// ContactKind tells visits from calls.
type ContactKind uint8

const (
	// VisitContact is a caller's stay in a queue.
	VisitContact ContactKind = iota
	// CallContact is a call of an agent's own device that is not from a queue
	// (call.go).
	CallContact
	contactKinds
)

var contactKindNames = [contactKinds]string{"visit", "call"}

func (k ContactKind) String() string { return nameOf(contactKindNames[:], int(k)) }

// ContactKindNames lists the kinds in the order of their numbers.
func ContactKindNames() []string { return contactKindNames[:] }

// Contact is the evidence of one visit: what the counters counted of it. A
// caller is kept as a keyed hash and a masked form only. The words are a visit's;
// call.go says what they mean of a call.
type Contact struct {
	Kind    ContactKind
	Way     Way // of a call
	Switch  string
	Visit   string // the switch's id of the stay; a caller who comes back may take it up again
	Leg     string // the switch's id of the caller's leg: visits of one call have the same
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
	// AnswerUnseen: it was answered while the switch was out of sight. Answered is
	// when that was seen, and the wait is too long by up to the gap.
	AnswerUnseen bool
	// Open: it is not over. Ended is then up to when its talk was counted.
	Open bool
	// Short: it was counted as a short abandon, by the queue's limit of then.
	Short bool
	// Since is when the switch was first seen, where that was after Joined: what
	// was before counts from then. 0 else.
	Since Millis
	// Attempts are the offers, in the order in which they began, HeldSpans the
	// holds that were counted, Consulted when the agent turned to a colleague.
	Attempts  []Attempt
	HeldSpans []Stretch
	Consulted []Millis
	// Offset is where in the switch's stream the stay began, in bytes.
	Offset int64
	// Media is how the audio went, on the caller's leg and the agent's, of an answered
	// one.
	Media Media
}

// Attempt is one agent being rung for a visit.
type Attempt struct {
	Agent   string
	Started Millis
	Ended   Millis // 0 while it rings
	Result  Result
}

// Stretch is from a moment (inclusive) to another (exclusive).
type Stretch struct{ From, To Millis }

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
		Partial: v.partial, Unseen: v.unseen, AnswerUnseen: v.answerUnseen, Short: v.short, Offset: v.offset,
	}
	t.evidence(v, &c)
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
	if c.Answered != 0 {
		c.Media = v.media
	}
	if v.agent != 0 {
		c.Agent = t.names.Name(AgentName, uint32(v.agent))
	}
	return c
}

// evidence fills in what was counted of a visit besides its outcome.
func (t *Tracker) evidence(v *visit, c *Contact) {
	if v.joined < t.started {
		c.Since = t.started
	}
	for _, x := range v.attempts {
		c.Attempts = append(c.Attempts, Attempt{t.names.Name(AgentName, uint32(x.agent)), x.started, x.ended, x.result})
	}
	c.HeldSpans = append(c.HeldSpans, v.heldSpans...)
	if v.held != 0 && v.holdFrom > v.held {
		c.HeldSpans = append(c.HeldSpans, Stretch{v.held, v.holdFrom})
	}
	c.Consulted = append(c.Consulted, v.consulted...)
}

// callerHash is the keyed hash of the caller's normalised number, zeros for a blank
// one.
func (t *Tracker) callerHash(c Caller) [16]byte {
	return hashCaller(t.mac, t.sum[:0], t.opt.Numbers.Normalise(c))
}

// CallerHash is what contacts carry as the Hash of a caller's normalised number;
// key is that of the trackers' Options.
func CallerHash(key []byte, c Caller) [16]byte { return hashCaller(hmac.New(sha256.New, key), nil, c) }

func hashCaller(mac hash.Hash, room []byte, c Caller) (out [16]byte) {
	if c.n == 0 {
		return out
	}
	mac.Reset()
	mac.Write(c.b[:c.n])
	copy(out[:], mac.Sum(room))
	return out
}

// Mask shows of a number what tells a person apart from a switchboard, and no
// more: the first three and the last two characters of a number of eight or
// more, the last two of a shorter one. It is of the number as the switch wrote it:
// so people know it, and the switch's own records are found by it.
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
