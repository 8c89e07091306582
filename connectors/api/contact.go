package api

import (
	"tallyd/metrics"
)

// Contact is the evidence of one visit, or of one call outside the queues, as
// published. The number at the other end is masked.
type Contact struct {
	Kind   string `json:"kind"` // visit or call
	ID     string `json:"id"`
	Switch string `json:"switch"`
	Queue  string `json:"queue,omitempty"`
	Agent  string `json:"agent,omitempty"` // who answered; of a call, whose it is
	Caller string `json:"caller"`
	// Direction of a call is in or out, as the agent sees it.
	Direction string `json:"direction,omitempty"`
	Outcome   string `json:"outcome"`
	EndedBy   string `json:"ended_by,omitempty"`

	Joined   metrics.Millis `json:"joined_ms"`
	Answered metrics.Millis `json:"answered_ms,omitempty"`
	Ended    metrics.Millis `json:"ended_ms"`
	Wait     metrics.Millis `json:"wait_ms"` // of a call: until it was answered, or given up
	Talk     metrics.Millis `json:"talk_ms"`
	Hold     metrics.Millis `json:"hold_ms"`
	Holds    int            `json:"holds"`
	Offers   int            `json:"offers"`
	Short    bool           `json:"short,omitempty"`   // abandoned below the queue's limit
	Partial  bool           `json:"partial,omitempty"` // the beginning was not seen
	Unseen   bool           `json:"unseen,omitempty"`  // the end was not seen
	// AnswerUnseen: it was answered while the switch was out of sight; the wait may
	// be too long by as much.
	AnswerUnseen bool `json:"answer_unseen,omitempty"`
	// Media is how the audio went, of an answered one whose switch measured it.
	Media *Media `json:"media,omitempty"`

	// Call is the same in all visits of one call. Path names the queues that the
	// call went through, in order, and Step which of them this visit is, from 1: for
	// calls with several visits alone.
	Call string   `json:"call"`
	Step int      `json:"step,omitempty"`
	Path []string `json:"path,omitempty"`

	// CallBack is what came of a caller whom nobody answered, where it is asked for.
	CallBack *CallBack `json:"call_back,omitempty"`

	Attempts  []Attempt        `json:"attempts,omitempty"`
	HeldSpans []Held           `json:"held,omitempty"`
	Consulted []metrics.Millis `json:"consulted_ms,omitempty"` // when the agent turned to a colleague
}

// Media is how a call's audio went, of the stream that went worst: what the switch
// received or, where the other side reports it, what that received.
type Media struct {
	MOS       float64 `json:"mos"`                     // mean opinion score, 1 to 4.5
	Loss      float64 `json:"loss_percent,omitempty"`  // packets that did not come
	Jitter    int     `json:"jitter_ms,omitempty"`     // interarrival jitter
	RoundTrip int     `json:"round_trip_ms,omitempty"` // there and back
}

func mediaOf(m metrics.Media) *Media {
	if m.MOS == 0 {
		return nil
	}
	return &Media{float64(m.MOS) / 100, float64(m.Loss) / 100, int(m.Jitter), int(m.RoundTrip)}
}

// Attempt is one agent being rung for a visit. Ended is missing where the ringing
// had no end when the visit was written down.
type Attempt struct {
	Agent   string         `json:"agent"`
	Started metrics.Millis `json:"started_ms"`
	Ended   metrics.Millis `json:"ended_ms,omitempty"`
	Result  string         `json:"result"`
}

// Held is a hold that is over, from a moment (inclusive) to another (exclusive).
type Held struct {
	From metrics.Millis `json:"from_ms"`
	To   metrics.Millis `json:"to_ms"`
}

// ContactOf is a contact as published, without the way that the call went.
func ContactOf(c *metrics.Contact) Contact {
	out := Contact{
		Kind: c.Kind.String(), ID: c.Visit, Switch: c.Switch, Queue: c.Queue, Agent: c.Agent, Caller: c.Caller,
		Direction: c.Way.String(), Outcome: c.Outcome.String(),
		Joined: c.Joined, Answered: c.Answered, Ended: c.Ended, Wait: c.Wait(), Talk: c.Talk(), Hold: c.Hold,
		Holds: c.Holds, Offers: c.Offers, Short: c.Short, Partial: c.Partial, Unseen: c.Unseen, AnswerUnseen: c.AnswerUnseen,
		Call: c.Leg, Consulted: c.Consulted, Media: mediaOf(c.Media),
	}
	if c.Outcome == metrics.Answered || c.Kind == metrics.CallContact {
		out.EndedBy = c.EndedBy.String()
	}
	for _, a := range c.Attempts {
		out.Attempts = append(out.Attempts, Attempt{a.Agent, a.Started, a.Ended, a.Result.String()})
	}
	for _, h := range c.HeldSpans {
		out.HeldSpans = append(out.HeldSpans, Held(h))
	}
	return out
}

// ContactPlace is a contact's place in the order of contacts of one kind.
type ContactPlace struct {
	Ended  metrics.Millis `json:"ended_ms"`
	Switch string         `json:"switch"`
	ID     string         `json:"id"`
	Joined metrics.Millis `json:"joined_ms"`
}

func placeOf(c *metrics.Contact) *ContactPlace {
	return &ContactPlace{c.Ended, c.Switch, c.Visit, c.Joined}
}

// Halve leaves half of the contacts, or of a single one's evidence, and tells
// whether it could: one message does not hold any number.
func (l *ContactList) Halve() bool {
	switch n := len(l.Contacts); {
	case n > 1:
		l.Contacts = l.Contacts[:n/2]
		c := &l.Contacts[n/2-1]
		l.Next = &ContactPlace{c.Ended, c.Switch, c.ID, c.Joined}
	case n == 1:
		return l.Contacts[0].Halve()
	default:
		return false
	}
	return true
}

// Halve leaves half of the evidence, and tells whether there was any.
func (c *Contact) Halve() bool {
	if len(c.Attempts)+len(c.HeldSpans)+len(c.Consulted) == 0 {
		return false
	}
	c.Attempts = c.Attempts[:len(c.Attempts)/2]
	c.HeldSpans = c.HeldSpans[:len(c.HeldSpans)/2]
	c.Consulted = c.Consulted[:len(c.Consulted)/2]
	return true
}
