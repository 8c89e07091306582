package metrics

import "slices"

// AgentID, QueueID and ReasonID are dense numbers from Names; 0 means none.
type (
	AgentID  uint32
	QueueID  uint32
	ReasonID uint32
)

// Kind names a fact. The set is closed: a connector says what its switch
// reports in these words, and nothing behind it knows the switch.
type Kind uint8

const (
	// NoEvent is never sent.
	NoEvent Kind = iota

	// LegStarted: Leg exists. Direction is the switch's view. Agent names the
	// agent whose device it is, where known; Visit is set on a leg that the
	// switch rang for a visit; Peer is the leg that it was made for, if any. Caller
	// is the number at the far end: who calls the agent, or whom the agent calls.
	LegStarted
	// LegAnswered: Leg was answered.
	LegAnswered
	// LegBridged and LegUnbridged: media flows, or no longer flows, between Leg
	// and Peer.
	LegBridged
	LegUnbridged
	// LegHeld and LegResumed: Leg put its peer on hold, or took it back.
	LegHeld
	LegResumed
	// LegEnded: Leg is gone. By is who ended it, as far as the leg itself shows;
	// Moved is set where it went by a transfer that its own party asked for.
	LegEnded

	// VisitJoined: the caller on Leg joined Queue; Visit names the stay. Caller
	// is the caller's number as the switch wrote it.
	VisitJoined
	// VisitLeft: the stay is over with Outcome. For Answered, By and Moved tell
	// what the caller's leg shows of how it ended. Joined may be set (whole
	// seconds do), for a stay whose beginning was not seen.
	VisitLeft

	// OfferStarted: Agent is offered Visit (a phone begins to ring).
	OfferStarted
	// OfferAnswered: Agent picked up, on leg Peer; not yet proof that the two
	// talked. Answered may hold the exact moment.
	OfferAnswered
	// OfferEnded: the offer came to nothing, for Cause.
	OfferEnded
	// Connected: Agent, who picked up, talks with the caller. Visit may be zero:
	// then it is the one that Agent picked up last.
	Connected
	// Disconnected: the agent's part of Visit ended at At, on leg Peer; By and
	// Moved tell what the agent's leg shows. With GoesOn the queue's call goes on
	// without the agent, and VisitLeft comes when it is over.
	Disconnected
	// Consulted: Agent, who talks in Visit on Leg, turned to somebody else while
	// the caller waits. The hold that was made for it is none.
	Consulted

	// AgentStatus: Agent is LoggedOut, Ready or Paused (for Reason), in all queues.
	AgentStatus
	// AgentFree: the switch would offer Agent a call now, or after its wrap-up.
	AgentFree
	// AgentBusy: the switch will not offer Agent a call until it is told to.
	AgentBusy
	// AgentWrapUp: Agent's wrap-up time is Value milliseconds from now on.
	AgentWrapUp
	// MemberAdded and MemberRemoved: Agent serves Queue, or no longer does.
	MemberAdded
	MemberRemoved
	// MemberPaused: Agent is Paused (for Reason) in Queue, or Ready again there.
	MemberPaused

	// SwitchDown: the switch says that it is stopping: whoever leaves a queue
	// from now on is its doing.
	SwitchDown
	// SwitchLost: nothing is seen of the switch from At on.
	SwitchLost
	// SwitchUp: the switch is seen again from At on. Restarted tells that it is
	// a new run: nothing that was open before exists any more.
	SwitchUp
	// SnapshotBegin … SnapshotEnd: the switch is asked what exists now, and says
	// so in LegStarted, VisitJoined, Connected, AgentStatus, … with the flag
	// Known; other events may come in between. What nothing between the two has
	// named has ended unseen.
	SnapshotBegin
	SnapshotEnd
	// QueuesGone: the switch's queue service stopped, agents with it.
	QueuesGone
	// ClockTick: nothing happened until At.
	ClockTick
	// ClockSet: the switch's clock was set, and is At now. The time between was not
	// lived, or is lived for the second time; a snapshot follows.
	ClockSet

	// LegMedia: Leg's audio was as Media says, in one direction or the worse of both.
	LegMedia
)

// Outcome is how a stay in a queue ended. InProgress is the zero value.
type Outcome uint8

const (
	InProgress Outcome = iota
	Answered
	Abandoned
	TimedOut
	LeftEmpty
	ExitedByKey
	Withdrawn
	JoinRefused
	SwitchFailed
	Unobserved
	// Unanswered is a call outside the queues that nobody answered; no visit ends so.
	Unanswered
	outcomes
)

var outcomeNames = [outcomes]string{"in_progress", "answered", "abandoned", "timed_out", "left_empty",
	"exited_by_key", "withdrawn", "join_refused", "switch_failed", "unobserved", "unanswered"}

func (o Outcome) String() string { return nameOf(outcomeNames[:], int(o)) }

// OutcomeNames lists the outcomes in the order of their numbers.
func OutcomeNames() []string { return outcomeNames[:] }

// Cause is why an offer came to nothing.
type Cause uint8

const (
	// NoCause: the switch did not say.
	NoCause Cause = iota
	// NoAnswer: it rang and nobody answered.
	NoAnswer
	// Busy: the phone was busy, or its user declined.
	Busy
	// Failed: the phone could not be reached, or the call to it broke.
	Failed
	// CallerLeft: the caller left while it rang.
	CallerLeft
	// TakenElsewhere: another member took the call.
	TakenElsewhere
	// NotConnected: the agent picked up, but the caller had gone.
	NotConnected
)

// Result is what became of an offer.
type Result uint8

const (
	// Ringing is an offer that has not ended.
	Ringing Result = iota
	// Accepted: the agent and the caller talked.
	Accepted
	// Missed: it rang for a second or longer and nobody answered.
	Missed
	// Rejected: busy, declined or failed.
	Rejected
	// Cancelled: the caller left, or another member won.
	Cancelled
	// Unseen: it ended while the switch could not be observed.
	Unseen
	// CallerGone: the agent picked up, but the caller had gone.
	CallerGone
	results
)

var resultNames = [results]string{"ringing", "answered", "missed", "rejected", "cancelled", "unobserved", "caller_gone"}

func (r Result) String() string { return nameOf(resultNames[:], int(r)) }

// Party is who ended something.
type Party uint8

const (
	// Nobody known.
	Nobody Party = iota
	// Self: the leg's own party hung up.
	Self
	// Switch: the switch hung the leg up (for the other party's sake, or its own).
	Switch
)

// Move is how a leg left a conversation that goes on, or how a caller went on
// after the agent's part.
type Move uint8

const (
	NoMove Move = iota
	// Blind: sent to a place in the dialplan without talking to it first.
	Blind
	// Attended: joined to another leg.
	Attended
)

// EndedBy is who or what ended an answered visit, or a call outside the queues.
type EndedBy uint8

const (
	EndUnknown EndedBy = iota
	ByCaller
	ByAgent
	ByBlindTransfer
	ByAttendedTransfer
	BySwitch
	// ByOther: of a call outside the queues, the other side, or the switch for its
	// sake. No visit ends so.
	ByOther
	enders
)

var enderNames = [enders]string{"unknown", "caller", "agent", "blind_transfer", "attended_transfer", "switch", "other"}

func (e EndedBy) String() string { return nameOf(enderNames[:], int(e)) }

// ParseEndedBy reads what String writes.
func ParseEndedBy(s string) (EndedBy, bool) {
	i := slices.Index(enderNames[:], s)
	return EndedBy(max(i, 0)), i >= 0
}

// Direction is a leg's direction as the switch sees it.
type Direction uint8

const (
	UnknownDirection Direction = iota
	// Inbound: the party called the switch.
	Inbound
	// Outbound: the switch called the party.
	Outbound
)

// Status is what people set of an agent.
type Status uint8

const (
	UnknownStatus Status = iota
	LoggedOut
	Ready
	Paused
)

// Event is one fact. Only the fields that its Kind names mean anything. It is
// a plain value without pointers: a connector fills one in and hands it on.
type Event struct {
	Kind      Kind
	Outcome   Outcome
	Cause     Cause
	By        Party
	Moved     Move
	Direction Direction
	Status    Status
	// Known marks a fact of a snapshot that may have been reported before.
	Known bool
	// Restarted goes with SwitchUp.
	Restarted bool
	// LegGone tells that a leg no longer exists: the caller's with VisitLeft, the
	// agent's with Disconnected.
	LegGone bool
	// GoesOn goes with Disconnected.
	GoesOn bool

	Agent  AgentID
	Queue  QueueID
	Reason ReasonID

	// At is when it happened, by the switch's clock; 0 where it does not know.
	At Millis
	// Joined and Answered are moments that the switch repeats later; 0 = unknown.
	Joined, Answered Millis
	// Value is the number that AgentWrapUp carries, in milliseconds.
	Value int64
	// Offset is where in the stream the fact was read, in bytes.
	Offset int64

	Leg, Peer, Visit ID
	Caller           Caller
	Media            Media
}

// Caller is a caller's number as dialled or presented, held in place. Longer
// ones are cut: no numbering plan has more than 15 digits.
type Caller struct {
	n uint8
	b [31]byte
}

// MakeCaller copies s.
func MakeCaller(s []byte) Caller {
	var c Caller
	c.n = uint8(copy(c.b[:], s))
	return c
}

// String is the number as it was given; for tests and masking only, it must
// not be stored.
func (c Caller) String() string { return string(c.b[:c.n]) }

func nameOf(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return "invalid"
}
