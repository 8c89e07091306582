package metrics

// Counter numbers a cell of a row. One list serves queues, agents and
// (agent, queue) pairs; a row uses those that apply to it. The numbers are part
// of the rollup's binary form: add at the end, never renumber.
type Counter uint8

const (
	Offered Counter = iota
	AnsweredCount
	AbandonedCount
	ShortAbandoned
	TimedOutCount
	LeftEmptyCount
	ExitedByKeyCount
	WithdrawnCount
	JoinRefusedCount
	SwitchFailedCount
	UnobservedCount
	Offers
	MissedCount
	RejectedCount
	CancelledCount
	UnseenOffers
	EndedByCaller
	EndedByAgent
	EndedBySwitch
	EndedUnknown
	TransferredBlind
	TransferredAttended
	Holds
	ShortCalls
	Logins
	Pauses
	OtherCalls
	WaitAnswered
	WaitAbandoned
	WaitTimedOut
	WaitLeftEmpty
	WaitExitedByKey
	WaitWithdrawn
	MaxWaitAnswered
	MaxWaitAbandoned
	MaxWait
	Talk
	Hold
	HandleSquared
	AvailableTime
	RingingTime
	TalkingTime
	HoldingTime
	WrappingUpTime
	PausedTime
	OnOtherCallTime
	LoggedInTime
	LongestIdle
	UnobservedTime
	CallerGoneCount
	Consults
	// No tracker counts these: they come from contacts, when they are asked for.
	FCREligible
	FCRRepeat
	FCRCensored
	numCounters
)

// rowCells is a row's width: a whole number of 64-byte cache lines, so that two
// rows never share one.
const rowCells = 56

var _ [rowCells - int(numCounters)]struct{} // the row holds every counter

// CounterInfo describes a counter.
type CounterInfo struct {
	Name string // as published
	Unit string // "1", "ms" or "s2" (seconds squared)
	Max  bool   // merges by the greater, not by addition
	Doc  string
}

var counterInfo = [numCounters]CounterInfo{
	Offered:             {"offered", "1", false, "callers who joined the queue"},
	AnsweredCount:       {"answered", "1", false, "visits in which an agent and the caller talked"},
	AbandonedCount:      {"abandoned", "1", false, "callers who hung up while waiting"},
	ShortAbandoned:      {"short_abandoned", "1", false, "of these, below the queue's short_abandon limit"},
	TimedOutCount:       {"timed_out", "1", false, "visits that the queue's time limit ended"},
	LeftEmptyCount:      {"left_empty", "1", false, "visits ended because no agent was there"},
	ExitedByKeyCount:    {"exited_by_key", "1", false, "callers who left by a key"},
	WithdrawnCount:      {"withdrawn", "1", false, "waiting callers moved elsewhere"},
	JoinRefusedCount:    {"join_refused", "1", false, "callers refused (empty, full, closed); not in offered"},
	SwitchFailedCount:   {"switch_failed", "1", false, "waiting callers lost when the switch went down"},
	UnobservedCount:     {"unobserved", "1", false, "visits whose end could not be seen"},
	Offers:              {"offers", "1", false, "calls offered to an agent"},
	MissedCount:         {"missed", "1", false, "rang for 1 s or longer and nobody answered"},
	RejectedCount:       {"rejected", "1", false, "busy, declined, or failed"},
	CancelledCount:      {"cancelled", "1", false, "the caller left or another member won while it rang"},
	UnseenOffers:        {"offers_unobserved", "1", false, "offers whose end could not be seen"},
	EndedByCaller:       {"ended_by_caller", "1", false, "answered visits that the caller ended"},
	EndedByAgent:        {"ended_by_agent", "1", false, "answered visits that the agent hung up first"},
	EndedBySwitch:       {"ended_by_switch", "1", false, "answered visits that the switch ended"},
	EndedUnknown:        {"ended_by_unknown", "1", false, "answered visits whose ender was not seen"},
	TransferredBlind:    {"blind_transfers", "1", false, "answered visits that ended in a blind transfer"},
	TransferredAttended: {"attended_transfers", "1", false, "answered visits that ended in an attended transfer"},
	Holds:               {"holds", "1", false, "times a talking party was put on hold"},
	ShortCalls:          {"short_calls", "1", false, "answered visits with less than 10 s of talk"},
	Logins:              {"logins", "1", false, "times an agent became logged in"},
	Pauses:              {"pauses", "1", false, "pauses begun, a change of reason begins a new one"},
	OtherCalls:          {"other_calls", "1", false, "calls of the agent's own device that are not from a queue"},
	WaitAnswered:        {"wait_answered_ms", "ms", false, "waits of answered visits"},
	WaitAbandoned:       {"wait_abandoned_ms", "ms", false, "waits of abandoned visits"},
	WaitTimedOut:        {"wait_timed_out_ms", "ms", false, "waits of timed-out visits"},
	WaitLeftEmpty:       {"wait_left_empty_ms", "ms", false, "waits of visits that ended for want of agents"},
	WaitExitedByKey:     {"wait_exited_by_key_ms", "ms", false, "waits of visits left by a key"},
	WaitWithdrawn:       {"wait_withdrawn_ms", "ms", false, "waits of withdrawn visits"},
	MaxWaitAnswered:     {"max_wait_answered_ms", "ms", true, "longest wait of an answered visit"},
	MaxWaitAbandoned:    {"max_wait_abandoned_ms", "ms", true, "longest wait of an abandoned visit"},
	MaxWait:             {"max_wait_ms", "ms", true, "longest wait of any visit"},
	Talk:                {"talk_ms", "ms", false, "from the agent's answer to the end of the agent's part, holds inside it"},
	Hold:                {"hold_ms", "ms", false, "of talk_ms, on hold"},
	HandleSquared:       {"handle_s2", "s2", false, "sum of squared handling times in whole seconds"},
	AvailableTime:       {"available_ms", "ms", false, "state time: waiting for a call"},
	RingingTime:         {"ringing_ms", "ms", false, "state time: offered a call"},
	TalkingTime:         {"talking_ms", "ms", false, "state time: talking with a caller from a queue, not holding"},
	HoldingTime:         {"holding_ms", "ms", false, "state time: that call on hold"},
	WrappingUpTime:      {"wrapping_up_ms", "ms", false, "state time: wrap-up after such a call"},
	PausedTime:          {"paused_ms", "ms", false, "state time: paused"},
	OnOtherCallTime:     {"on_other_call_ms", "ms", false, "state time: on a call that is not from a queue"},
	LoggedInTime:        {"logged_in_ms", "ms", false, "the sum of the state times"},
	LongestIdle:         {"longest_idle_ms", "ms", true, "longest unbroken stretch of available"},
	CallerGoneCount:     {"caller_gone", "1", false, "the agent picked up, but the caller had gone: neither answered nor cancelled while it rang"},
	Consults:            {"consults", "1", false, "times a talking agent turned to a colleague while the caller waited; not holds"},
	FCREligible:         {"fcr_eligible", "1", false, "contacts in which an agent and the caller talked, older than the window of the queue's group"},
	FCRRepeat:           {"fcr_repeat", "1", false, "of these, with a further contact of the caller within the window"},
	FCRCensored:         {"fcr_censored", "1", false, "contacts in which an agent and the caller talked, too young to tell; not in fcr_eligible"},
	UnobservedTime:      {"unobserved_ms", "ms", false, "time in which the switch could not be seen"},
}

// Info describes the counter.
func (c Counter) Info() CounterInfo {
	if int(c) < len(counterInfo) {
		return counterInfo[c]
	}
	return CounterInfo{Name: "invalid", Unit: "1"}
}

func (c Counter) String() string { return c.Info().Name }

// Counters lists every counter in the order of their numbers.
func Counters() []Counter {
	l := make([]Counter, numCounters)
	for i := range l {
		l[i] = Counter(i)
	}
	return l
}

// CounterByName finds a counter by its published name.
func CounterByName(name string) (Counter, bool) {
	for i, c := range counterInfo {
		if c.Name == name {
			return Counter(i), true
		}
	}
	return 0, false
}

// Values are a row's counters read at one moment.
type Values [numCounters]int64

// Merge adds o to v (the greater, for maxima).
func (v *Values) Merge(o *Values) {
	for i := range v {
		if counterInfo[i].Max {
			v[i] = max(v[i], o[i])
		} else {
			v[i] += o[i]
		}
	}
}

// IsZero tells whether nothing was counted.
func (v *Values) IsZero() bool { return *v == Values{} }
