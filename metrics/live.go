package metrics

import (
	"runtime"
	"sync/atomic"
)

// State is what an agent is doing; exactly one at any moment. Unknown (nothing
// was heard of the agent yet, or not since the switch was lost) is no state:
// its time is not counted.
type State uint8

const (
	Unknown State = iota
	Offline
	Available
	RingingState
	Talking
	Holding
	WrappingUp
	PausedState
	OnOtherCall
	states
)

var stateNames = [states]string{"unknown", "offline", "available", "ringing", "talking", "holding", "wrapping_up", "paused", "on_other_call"}

func (s State) String() string { return nameOf(stateNames[:], int(s)) }

// stateCounter is the counter that a state's time adds to; only states with
// LoggedIn have one.
var stateCounter = [states]Counter{Available: AvailableTime, RingingState: RingingTime, Talking: TalkingTime,
	Holding: HoldingTime, WrappingUp: WrappingUpTime, PausedState: PausedTime, OnOtherCall: OnOtherCallTime}

// Counter is the counter that the state's time adds to; only states that are
// LoggedIn have one.
func (s State) Counter() Counter { return stateCounter[s] }

// LoggedIn tells whether the state's time is logged-in time.
func (s State) LoggedIn() bool { return s > Offline }

// AgentNow is what an agent is doing now.
type AgentNow struct {
	State  State
	Reason ReasonID // while paused
	Queue  QueueID  // of the call offered, talked on or wrapped up
	Since  Millis   // since when in this state (and pause reason)
	// Counted is up to when this state's time is in the counters.
	Counted Millis
	// Change counts the changes, so that a reader sees that there was one.
	Change uint64
}

// QueueNow is who waits in a queue now.
type QueueNow struct {
	Waiting int
	// Oldest is when the longest-waiting caller joined; 0 where nobody waits.
	Oldest Millis
	// Talking is how many callers talk with an agent.
	Talking int
	Change  uint64
}

// Live shows the present to readers in any goroutine, without delaying the
// tracker.
type Live struct {
	agents, queues liveRows
	at             atomic.Int64
	blind          atomic.Bool
	gaps           atomic.Int64
	unobserved     atomic.Int64
}

// Now is the latest moment that the switch told of; 0 before the first.
func (l *Live) Now() Millis { return Millis(l.at.Load()) }

// Blind tells whether the switch cannot be seen.
func (l *Live) Blind() bool { return l.blind.Load() }

// Gaps is how many times the switch was out of sight and came back.
func (l *Live) Gaps() int { return int(l.gaps.Load()) }

// Unobserved is the sum of these gaps.
func (l *Live) Unobserved() Millis { return Millis(l.unobserved.Load()) }

// Agents is how many agents may be read; they run from 1.
func (l *Live) Agents() int { return l.agents.len() }

// Queues is how many queues may be read; they run from 1.
func (l *Live) Queues() int { return l.queues.len() }

// Agent reads what an agent is doing.
func (l *Live) Agent(id AgentID) AgentNow {
	var c [liveCells]uint64
	seq := l.agents.read(uint32(id), &c)
	return AgentNow{State: State(c[0]), Reason: ReasonID(c[1]), Queue: QueueID(c[2]), Since: Millis(c[3]), Change: seq,
		Counted: l.agents.counted(uint32(id))}
}

// Queue reads who waits in a queue.
func (l *Live) Queue(id QueueID) QueueNow {
	var c [liveCells]uint64
	seq := l.queues.read(uint32(id), &c)
	return QueueNow{Waiting: int(c[0]), Oldest: Millis(c[1]), Talking: int(c[2]), Change: seq}
}

const liveCells = 4

type liveRow struct {
	seq   atomic.Uint64
	cells [liveCells]atomic.Uint64
	// counted is apart: it moves on without anything having changed.
	counted atomic.Int64
	_       [16]byte // to a cache line
}

func (r *liveRow) write(c [liveCells]uint64) {
	same := true
	for i := range c {
		same = same && r.cells[i].Load() == c[i]
	}
	if same {
		return
	}
	r.seq.Add(1)
	for i := range c {
		r.cells[i].Store(c[i])
	}
	r.seq.Add(1)
}

const liveChunk = 64

// liveRows grows like Rows.
type liveRows struct {
	chunks atomic.Pointer[[]*[liveChunk]liveRow]
}

func (t *liveRows) len() int {
	if l := t.chunks.Load(); l != nil {
		return len(*l) * liveChunk
	}
	return 0
}

func (t *liveRows) at(i uint32) *liveRow {
	if l := t.chunks.Load(); l != nil && int(i/liveChunk) < len(*l) {
		return &(*l)[i/liveChunk][i%liveChunk]
	}
	return t.grow(i)
}

func (t *liveRows) grow(i uint32) *liveRow {
	var list []*[liveChunk]liveRow
	if l := t.chunks.Load(); l != nil {
		list = *l
	}
	for int(i/liveChunk) >= len(list) {
		list = append(list, new([liveChunk]liveRow))
	}
	t.chunks.Store(&list)
	return &list[i/liveChunk][i%liveChunk]
}

func (t *liveRows) counted(i uint32) Millis {
	l := t.chunks.Load()
	if l == nil || int(i/liveChunk) >= len(*l) {
		return 0
	}
	return Millis((*l)[i/liveChunk][i%liveChunk].counted.Load())
}

func (t *liveRows) read(i uint32, c *[liveCells]uint64) uint64 {
	l := t.chunks.Load()
	if l == nil || int(i/liveChunk) >= len(*l) {
		return 0
	}
	r := &(*l)[i/liveChunk][i%liveChunk]
	for try := 0; ; try++ {
		if try > 8 {
			runtime.Gosched()
		}
		seq := r.seq.Load()
		if seq&1 != 0 {
			continue
		}
		for k := range c {
			c[k] = r.cells[k].Load()
		}
		if r.seq.Load() == seq {
			return seq / 2
		}
	}
}
