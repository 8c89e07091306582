package metrics

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"sync/atomic"
)

// QueueSettings are what the reader of the figures decides for a queue.
type QueueSettings struct {
	// ShortAbandon is the wait below which an abandoned caller counts as short.
	ShortAbandon Millis
	// ServiceLevel is the threshold of the queue's service level.
	ServiceLevel Millis
	// WrapUp is the wrap-up time where the switch does not tell one; 0 for none.
	WrapUp Millis
}

// DefaultQueueSettings are used for a queue that nobody configured.
func DefaultQueueSettings() QueueSettings {
	return QueueSettings{ShortAbandon: 5_000, ServiceLevel: 20_000}
}

// Options configure a Tracker. The zero value works.
type Options struct {
	// Switch is the name that contacts and rollups carry.
	Switch string
	// Queue gives a queue's settings by its name.
	Queue func(name string) QueueSettings
	// SealAfter is how long after its end an interval waits for late events.
	SealAfter Millis
	// Shared tells whether an agent has logins at other switches too; nil where
	// there is one switch. Such an agent's states are handed over as Spans, for
	// People to count.
	Shared func(agent string) bool
	// Handed is how many times an earlier tracker of the switch handed something
	// over, whose state is lost.
	Handed uint64
	// CallerKey keys the hashes of callers' numbers, Numbers says how these are
	// written.
	CallerKey []byte
	Numbers   Numbers
	// Sealed receives each closed interval, and each correction of one.
	Sealed func(*Sealed)
	// Visit receives each finished visit at once, before its interval is sealed.
	Visit func(*Contact)
}

// The bounds that keep a hostile or broken stream from using up memory.
const (
	maxOpenVisits = 100_000
	maxOpenLegs   = 200_000
	maxOffers     = 4096 // of one visit at a time
)

// How long, in event time, to wait for what should still come.
const (
	defaultSealAfter Millis = 60_000
	overdueEnd       Millis = 10_000  // an end that should follow at once
	overdueCaller    Millis = 30_000  // a caller whose leg is gone without the queue saying so
	overdueOffer     Millis = 2_000   // an offer whose agent is free again
	forgetAfter      Millis = 120_000 // late events of a finished visit
)

// maxClockJump is how far two successive events may lie apart without a gap in
// between: more is a broken stamp, unless several in a row agree on it.
const (
	// maxGap is the longest gap whose intervals are marked unobserved one by one.
	maxGap         Millis = 31 * 24 * 3600 * 1000
	maxClockJump   Millis = 24 * 3600 * 1000
	maxStamp       Millis = 253_402_300_799_999 // the end of the year 9999
	agreeOnJump           = 8
	shortCallLimit Millis = 10_000
	missedAfter    Millis = 1_000
)

// Faults counts what a stream should not contain.
type Faults struct {
	Clock   int64 // stamps that cannot be true
	Dropped int64 // facts past a bound on memory
}

// Tracker makes agents, visits and counters out of one switch's events. One
// goroutine calls its methods; Live and Windows may be read by any number.
type Tracker struct {
	opt   Options
	names *Names
	mac   hash.Hash
	sum   [sha256.Size]byte

	now     Millis // the latest moment that an event has told of
	started Millis // since when this tracker observes
	livedTo Millis // up to where moments come for the second time
	setAt   Millis // what the switch's clock was last set to; moments before are another clock's
	jumps   int    // successive events that disagree with now
	jumpTo  Millis
	down    bool // the switch said that it is stopping

	blind      bool
	blindSince Millis
	marked     Millis // the gap is marked on the rows up to here
	unobserved Millis
	generation uint32 // of the snapshot under way

	legs   map[ID]*leg
	visits map[ID]*visit
	agents []*agent
	queues []*queue
	timers timerHeap
	open   *visit // list of all visits that are not forgotten, oldest first
	newest *visit

	freeLegs   []*leg
	freeVisits []*visit

	pairs   Pairs     // agent, queue
	pauses  Pairs     // agent, reason
	serving []serving // by the number of the (agent, queue) pair
	sealed  Interval
	windows []*Window // open, in order
	late    []*Window // corrections to sealed intervals
	shown   atomic.Pointer[[]*Window]
	done    []Contact // finished since the last seal
	// doneShown is done, for readers.
	doneShown atomic.Pointer[[]Contact]
	handed    uint64 // how many times something was handed over
	amends    int    // contacts that done has twice, at the most

	Live   Live
	Faults Faults
}

// NewTracker returns a tracker that reads names from n.
func NewTracker(n *Names, opt Options) *Tracker {
	if opt.SealAfter <= 0 {
		opt.SealAfter = defaultSealAfter
	}
	if opt.Queue == nil {
		opt.Queue = func(string) QueueSettings { return DefaultQueueSettings() }
	}
	t := &Tracker{opt: opt, names: n, handed: opt.Handed, legs: map[ID]*leg{}, visits: map[ID]*visit{}}
	t.mac = hmac.New(sha256.New, opt.CallerKey)
	t.shown.Store(&[]*Window{})
	return t
}

// Now is the latest moment that the events have told of.
func (t *Tracker) Now() Millis { return t.now }

// Unobserved is the sum of all gaps so far.
func (t *Tracker) Unobserved() Millis { return t.unobserved }

// Apply takes one event. Events of one leg, visit or agent must come in the
// order in which the switch reported them; across them stamps may step back.
func (t *Tracker) Apply(e *Event) {
	if e.Kind == SnapshotBegin { // it may be the first event of all, without a time
		t.generation++
		return
	}
	at, ok := t.clock(e)
	if !ok {
		return
	}
	t.advance(at)
	if t.blind && e.Kind != SwitchUp && e.Kind != SwitchLost && e.Kind != ClockTick && e.Kind != ClockSet {
		t.switchUp(&Event{Kind: SwitchUp}, at) // it is seen again, whoever says so
	}
	switch e.Kind {
	case LegStarted:
		t.legStarted(e, at)
	case LegAnswered:
		t.legAnswered(e, at)
	case LegBridged:
		t.legBridged(e, at)
	case LegUnbridged:
		t.legUnbridged(e, at)
	case LegHeld, LegResumed:
		t.legHeld(e, at)
	case LegEnded:
		t.legEnded(e, at)
	case LegMedia:
		t.legMedia(e)
	case VisitJoined:
		t.visitJoined(e, at)
	case VisitLeft, OfferStarted, OfferAnswered, OfferEnded, Disconnected, Consulted:
		t.visitEvent(e, at)
	case Connected:
		t.connected(e, at)
	case AgentStatus:
		t.agentStatus(e, at)
	case AgentFree, AgentBusy:
		t.agentFree(e, at)
	case AgentWrapUp:
		if a := t.agentOf(e.Agent); a != nil {
			a.wrapUp, a.wrapUpKnown = Millis(e.Value), true
		}
	case MemberAdded, MemberRemoved, MemberPaused:
		t.member(e, at)
	case SwitchDown:
		t.down = true
	case SwitchLost:
		t.switchLost(at)
	case SwitchUp:
		t.switchUp(e, at)
	case SnapshotEnd:
		t.snapshotEnd(at)
	case ClockSet:
		t.switchUp(&Event{Kind: SwitchUp, At: at}, at)
	case QueuesGone:
		t.queuesGone(at)
	}
}

// clock gives the event's moment, or tells that the stamp cannot be true. A
// stamp far from all others is not believed until several agree on it: one
// broken stamp must not seal the intervals of a century.
func (t *Tracker) clock(e *Event) (Millis, bool) {
	at := e.At
	switch {
	case at > maxStamp:
		t.Faults.Clock++
		return t.now, t.now != 0
	case at <= 0:
		if t.now == 0 {
			t.Faults.Clock++
			return 0, false
		}
		return t.now, true
	case t.now == 0:
		t.now, t.started = at, at
		t.sealed = IntervalOf(at) - 1
		return at, true
	case e.Kind == ClockSet:
		t.jumps = 0
		t.clockSet(at)
		return at, true
	case e.Kind == SwitchUp && (at-t.now > maxGap || t.now-at > maxGap):
		t.jumps = 0
		t.skip(at)
		return at, true
	case e.Kind == SwitchUp, at-t.now <= maxClockJump && t.now-at <= maxClockJump:
		t.jumps = 0
		return at, true
	}
	t.Faults.Clock++
	if t.jumps > 0 && at-t.jumpTo <= maxClockJump && t.jumpTo-at <= maxClockJump {
		t.jumps++
	} else {
		t.jumps, t.jumpTo = 1, at
	}
	if t.jumps < agreeOnJump {
		return t.now, true
	}
	// The switch's clock was set for good: the time between was not lived.
	t.jumps = 0
	t.clockSet(at)
	t.advance(at)
	t.switchUp(&Event{Kind: SwitchUp, At: at}, at)
	return at, true
}

// advance moves event time on: runs what is due and seals what is over.
func (t *Tracker) advance(at Millis) {
	if at < t.now {
		return
	}
	for {
		x, ok := t.timers.due(at)
		if !ok {
			break
		}
		t.now = max(t.now, x.at)
		t.runTimer(&x)
	}
	t.now = max(t.now, at)
	t.Live.at.Store(int64(t.now))
	for (t.sealed+1).End()+t.opt.SealAfter <= t.now {
		t.seal(t.sealed + 1)
	}
}

func (t *Tracker) runTimer(x *timer) {
	switch x.kind {
	case wrapUpOver:
		if a := t.agents[x.agent]; a.gen == x.gen && a.wrapUntil != 0 {
			a.wrapUntil = 0
			t.restate(a, x.at)
		}
	case visitOverdue:
		if x.visit.gen == x.gen {
			t.overdue(x.visit, x.at)
		}
	case offerOverdue:
		if x.visit.gen == x.gen {
			t.offersOverdue(x.visit, x.agent, x.at-overdueOffer)
		}
	case visitForgotten:
		if x.visit.gen == x.gen {
			t.forget(x.visit)
		}
	}
}

// agentOf returns the agent's state, made at first sight; nil for none.
func (t *Tracker) agentOf(id AgentID) *agent {
	if id == 0 || id >= MaxNames {
		return nil
	}
	for int(id) >= len(t.agents) {
		t.agents = append(t.agents, nil)
	}
	a := t.agents[id]
	if a == nil {
		a = &agent{id: id, row: uint32(id)}
		a.shared = t.opt.Shared != nil && t.opt.Shared(t.names.Name(AgentName, uint32(id)))
		t.agents[id] = a
		t.Live.agents.at(uint32(id))
	}
	return a
}

// queueOf returns the queue's state, made at first sight.
func (t *Tracker) queueOf(id QueueID) *queue {
	for int(id) >= len(t.queues) {
		t.queues = append(t.queues, nil)
	}
	q := t.queues[id]
	if q == nil {
		q = &queue{id: id, settings: t.opt.Queue(t.names.Name(QueueName, uint32(id)))}
		t.queues[id] = q
		t.Live.queues.at(uint32(id))
	}
	return q
}

// row returns the row that a moment counts in.
func (t *Tracker) row(at Millis, k RowKind, i uint32) *Row {
	return t.window(IntervalOf(max(at, t.started))).rows[k].At(i)
}

// window returns the cells of an interval: open, or a correction.
func (t *Tracker) window(i Interval) *Window {
	if i <= t.sealed {
		for _, w := range t.late {
			if w.Interval == i {
				return w
			}
		}
		w := &Window{Interval: i, Revision: 1}
		t.late = append(t.late, w)
		return w
	}
	for n := len(t.windows) - 1; n >= 0; n-- {
		if t.windows[n].Interval == i {
			return t.windows[n]
		}
	}
	w := &Window{Interval: i}
	list := make([]*Window, 0, len(t.windows)+1)
	for _, o := range t.windows {
		if o.Interval < i {
			list = append(list, o)
		}
	}
	list = append(list, w)
	for _, o := range t.windows {
		if o.Interval > i {
			list = append(list, o)
		}
	}
	t.show(list)
	return w
}

func (t *Tracker) show(list []*Window) {
	t.windows = list
	t.shown.Store(&list)
}

// Windows returns the intervals that are open, for readers in any goroutine.
func (t *Tracker) Windows() []*Window { return *t.shown.Load() }

// Pairs lists the (agent, queue) pairs in the order of their rows.
func (t *Tracker) Pairs() []Pair { return t.pairs.List() }

// Pauses lists the (agent, reason) pairs in the order of their rows.
func (t *Tracker) Pauses() []Pair { return t.pauses.List() }

// Names is the table that the tracker's numbers stand in.
func (t *Tracker) Names() *Names { return t.names }

// span adds a stretch of time to a counter of a row, split at interval borders.
func (t *Tracker) span(k RowKind, i uint32, c Counter, from, to Millis) {
	from = max(from, t.started)
	for from < to {
		in := IntervalOf(from)
		end := min(in.End(), to)
		t.window(in).rows[k].At(i).Add(c, int64(end-from))
		from = end
	}
}
