package metrics

// offer is one agent being rung for one visit.
type offer struct {
	agent   AgentID
	started Millis
	picked  bool
}

// attempt is what was counted of an offer.
type attempt struct {
	agent          AgentID
	started, ended Millis
	result         Result
}

// tried notes what became of the agent's offer that was not over.
func (v *visit) tried(id AgentID, r Result, at Millis) {
	for i := len(v.attempts) - 1; i >= 0; i-- {
		if a := &v.attempts[i]; a.agent == id && a.result == Ringing {
			a.ended, a.result = at, r
			break
		}
	}
	v.amended = v.amended || v.state == gone
}

// offer returns the place of the agent's open offer, -1 where there is none.
func (v *visit) offer(id AgentID) int {
	for i := range v.offers {
		if v.offers[i].agent == id {
			return i
		}
	}
	return -1
}

// addOffer counts that an agent is rung.
func (t *Tracker) addOffer(v *visit, id AgentID, at Millis) {
	a := t.agentOf(id)
	if a == nil || v.offer(id) >= 0 {
		return
	}
	if len(v.offers) >= maxOffers {
		t.Faults.Dropped++
		return
	}
	at = max(at, v.joined)
	v.offers = append(v.offers, offer{agent: id, started: at})
	v.offered++
	v.attempts = append(v.attempts, attempt{agent: id, started: at})
	v.amended = v.amended || v.state == gone
	t.countOffer(v, a, Offers, at)
	if a.status == UnknownStatus {
		a.status = Ready // only who is logged in is rung
	}
	a.wrapUntil, a.idle = 0, false
	a.ringing++
	a.rungFor, a.queue = v, v.queue.id
	t.restate(a, at)
}

func (t *Tracker) countOffer(v *visit, a *agent, c Counter, at Millis) {
	t.row(at, QueueRow, uint32(v.queue.id)).Add(c, 1)
	t.row(at, AgentRow, a.row).Add(c, 1)
	t.row(at, PairRow, t.pairs.ID(uint32(a.id), uint32(v.queue.id))).Add(c, 1)
}

// resultOf classifies an offer that came to nothing. A ring of less than a
// second is no chance to answer; a ring that the caller's leaving or another
// member's answer ended is nobody's fault, whatever cause the switch gives it
// (FreeSWITCH ends a loopback agent's with NORMAL_CLEARING).
func resultOf(c Cause, rang Millis, v *visit) Result {
	switch c {
	case Busy, Failed:
		return Rejected
	case CallerLeft, TakenElsewhere:
		return Cancelled
	case NotConnected:
		return CallerGone
	}
	switch {
	case v.state != waiting:
		return Cancelled
	case rang < missedAfter:
		return Rejected
	}
	return Missed
}

var resultCounter = [results]Counter{Missed: MissedCount, Rejected: RejectedCount, Cancelled: CancelledCount, Unseen: UnseenOffers,
	CallerGone: CallerGoneCount}

// endOffer counts what became of an offer that was not answered.
func (t *Tracker) endOffer(v *visit, id AgentID, c Cause, at Millis) {
	i := v.offer(id)
	if i < 0 {
		return
	}
	t.closeOffer(v, i, resultOf(c, at-v.offers[i].started, v), at)
}

func (t *Tracker) closeOffer(v *visit, i int, r Result, at Millis) {
	a := t.agents[v.offers[i].agent]
	ended := max(at, v.offers[i].started)
	t.countOffer(v, a, resultCounter[r], ended)
	v.tried(a.id, r, ended)
	t.dropOffer(v, i)
	t.restate(a, at)
}

// endOffers closes all offers of a visit that are open.
func (t *Tracker) endOffers(v *visit, r Result, at Millis) {
	for len(v.offers) > 0 {
		t.closeOffer(v, len(v.offers)-1, r, at)
	}
}

// dropOffer takes an offer off the visit and the agent, without counting.
func (t *Tracker) dropOffer(v *visit, i int) {
	a := t.agents[v.offers[i].agent]
	v.offers = append(v.offers[:i], v.offers[i+1:]...)
	a.ringing--
	if a.rungFor == v {
		a.rungFor = nil
	}
	if a.picked == v {
		a.picked = nil
	}
}

// offersOverdue closes the offer of an agent who was free again and whom no
// event told what became of the ring: with ring-progressively and a loopback
// contact FreeSWITCH reports neither an answer nor a failure.
func (t *Tracker) offersOverdue(v *visit, id AgentID, at Millis) {
	if i := v.offer(id); i >= 0 && !v.offers[i].picked {
		t.closeOffer(v, i, Cancelled, at)
	}
}
