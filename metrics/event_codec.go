package metrics

// Code codes a fact: a mask of what it carries, then that. The numbers of names
// stand in the table of the tracker that it is meant for.
func (e *Event) Code(c *Coder) {
	CodeUint(c, &e.Kind)
	mask := e.mask()
	CodeUint(c, &mask)
	CodeInt(c, &e.At)
	e.flags(mask)
	if mask&hasWords != 0 {
		CodeUint(c, &e.Outcome)
		CodeUint(c, &e.Cause)
		CodeUint(c, &e.By)
		CodeUint(c, &e.Moved)
		CodeUint(c, &e.Direction)
		CodeUint(c, &e.Status)
	}
	if mask&hasAgent != 0 {
		codeName(c, &e.Agent)
	}
	if mask&hasQueue != 0 {
		codeName(c, &e.Queue)
	}
	if mask&hasReason != 0 {
		codeName(c, &e.Reason)
	}
	if mask&hasMoments != 0 {
		CodeInt(c, &e.Joined)
		CodeInt(c, &e.Answered)
	}
	if mask&hasValue != 0 {
		CodeInt(c, &e.Value)
	}
	if mask&hasOffset != 0 {
		CodeInt(c, &e.Offset)
	}
	if mask&hasLeg != 0 {
		c.ID(&e.Leg)
	}
	if mask&hasPeer != 0 {
		c.ID(&e.Peer)
	}
	if mask&hasVisit != 0 {
		c.ID(&e.Visit)
	}
	if mask&hasCaller != 0 {
		c.Caller(&e.Caller)
	}
	if mask&hasMedia != 0 {
		e.Media.code(c)
	}
}

const (
	hasWords uint32 = 1 << iota
	hasAgent
	hasQueue
	hasReason
	hasMoments
	hasValue
	hasOffset
	hasLeg
	hasPeer
	hasVisit
	hasCaller
	isKnown
	isRestarted
	isLegGone
	isGoingOn
	hasMedia
)

func (e *Event) mask() (m uint32) {
	set := func(b bool, bit uint32) {
		if b {
			m |= bit
		}
	}
	set(e.Outcome|Outcome(e.Cause)|Outcome(e.By)|Outcome(e.Moved)|Outcome(e.Direction)|Outcome(e.Status) != 0, hasWords)
	set(e.Agent != 0, hasAgent)
	set(e.Queue != 0, hasQueue)
	set(e.Reason != 0, hasReason)
	set(e.Joined|e.Answered != 0, hasMoments)
	set(e.Value != 0, hasValue)
	set(e.Offset != 0, hasOffset)
	set(e.Leg.n != 0, hasLeg)
	set(e.Peer.n != 0, hasPeer)
	set(e.Visit.n != 0, hasVisit)
	set(e.Caller.n != 0, hasCaller)
	set(e.Known, isKnown)
	set(e.Restarted, isRestarted)
	set(e.LegGone, isLegGone)
	set(e.GoesOn, isGoingOn)
	set(e.Media != Media{}, hasMedia)
	return m
}

func (e *Event) flags(mask uint32) {
	e.Known, e.Restarted = mask&isKnown != 0, mask&isRestarted != 0
	e.LegGone, e.GoesOn = mask&isLegGone != 0, mask&isGoingOn != 0
}
