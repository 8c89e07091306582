package metrics

// A KPI is a figure that is formed when it is asked for, from counters and
// histograms that merge by addition. No ratio is ever stored.
type KPI struct {
	ID        string
	Unit      string // "1" (a count), "ratio", "ms", "per hour"
	Direction string // "higher", "lower" or "band": which is better; "" for neither
	Formula   string
	Source    string // who else defines it so
	Doc       string
	Rows      []RowKind // whose figure it can be

	value func(r *Rollup, p Params) (float64, bool)
}

// Params are what the asker decides.
type Params struct {
	// Threshold is the service level's T: exact for whole seconds up to 120 s.
	Threshold Millis
	// ShortAbandon is S, the wait below which an abandoned caller counts as short.
	ShortAbandon Millis
	// Paid is how long the row's agents were to work by the roster's shifts, where
	// Rostered tells that they had any.
	Paid     Millis
	Rostered bool
}

// Value forms the figure from a rollup of any span. It is false where there is
// no data: never 0, never 100 %.
func (k *KPI) Value(r *Rollup, p Params) (float64, bool) { return k.value(r, p) }

// For tells whether rows of a kind have this figure.
func (k *KPI) For(kind RowKind) bool {
	for _, x := range k.Rows {
		if x == kind {
			return true
		}
	}
	return false
}

// OfShifts tells whether the figure is formed with the roster's shifts. What was
// counted while an agent had none is then left out of it.
func (k *KPI) OfShifts() bool {
	return k.ID == "scheduled" || k.ID == "utilisation" || k.ID == "conformance"
}

// OfContacts tells whether the figure is formed from contacts, of which the
// rollups that are stored do not tell: it depends on what came after.
func (k *KPI) OfContacts() bool { return k.ID == "fcr" || k.ID == "repeat_rate" }

// FindKPI finds a KPI by its id.
func FindKPI(id string) (*KPI, bool) {
	for i := range catalogue {
		if catalogue[i].ID == id {
			return &catalogue[i], true
		}
	}
	return nil, false
}

// Catalogue lists every KPI; it must not be changed.
func Catalogue() []KPI { return catalogue }

var (
	queueRows = []RowKind{QueueRow}
	agentRows = []RowKind{AgentRow, PairRow}
	stateRows = []RowKind{AgentRow}
	// contactRows have what is formed from contacts, each of which counts once.
	contactRows = []RowKind{QueueRow, AgentRow}
)

func ratio(num, den int64) (float64, bool) {
	if den <= 0 {
		return 0, false
	}
	return float64(num) / float64(den), true
}

// count is a counter as it stands: 0 is a count, not a lack of data.
func count(c Counter) func(*Rollup, Params) (float64, bool) {
	return func(r *Rollup, _ Params) (float64, bool) { return float64(r.Get(c)), true }
}

func quotient(num, den Counter) func(*Rollup, Params) (float64, bool) {
	return func(r *Rollup, _ Params) (float64, bool) { return ratio(r.Get(num), r.Get(den)) }
}

// handled is how many calls were handled to their end: one that is still going
// on has no handling time yet.
func handled(r *Rollup) int64 {
	return r.Get(EndedByCaller) + r.Get(EndedByAgent) + r.Get(EndedBySwitch) + r.Get(EndedUnknown) +
		r.Get(TransferredBlind) + r.Get(TransferredAttended)
}

// perHandled is the sum of counters per handled call.
func perHandled(plus ...Counter) func(*Rollup, Params) (float64, bool) {
	return func(r *Rollup, _ Params) (float64, bool) {
		var sum int64
		for _, c := range plus {
			sum += r.Get(c)
		}
		return ratio(sum, handled(r))
	}
}

// perPaid is the sum of counters per paid time.
func perPaid(plus ...Counter) func(*Rollup, Params) (float64, bool) {
	return func(r *Rollup, p Params) (float64, bool) {
		var sum int64
		for _, c := range plus {
			sum += r.Get(c)
		}
		return ratio(sum, int64(p.Paid))
	}
}

// maximum is a maximum, which exists where what it is the maximum of does.
func maximum(c, of Counter) func(*Rollup, Params) (float64, bool) {
	return func(r *Rollup, _ Params) (float64, bool) { return float64(r.Get(c)), r.Get(of) > 0 }
}

// serviceLevel forms (num) / (den) of the cohort that joined in the span, whose
// waits are in the histograms: O = A + B + F is known for it even where the
// calls ended in a later interval.
func serviceLevel(f func(a, aT, b, bT, bS, left int64) (num, den int64)) func(*Rollup, Params) (float64, bool) {
	return func(r *Rollup, p Params) (float64, bool) {
		a, b := r.Histograms[AnsweredWaits], r.Histograms[AbandonedWaits]
		return ratio(f(a.Total(), a.Within(p.Threshold), b.Total(), b.Within(p.Threshold), b.Within(p.ShortAbandon),
			r.Histograms[LeftWaits].Total()))
	}
}

var catalogue = []KPI{
	{"offered", "1", "", "O", "", "callers who joined the queue", queueRows, count(Offered)},
	{"answered", "1", "higher", "A", "", "visits in which an agent and the caller talked", []RowKind{QueueRow, AgentRow, PairRow}, count(AnsweredCount)},
	{"abandoned", "1", "lower", "B", "", "callers who hung up while waiting", queueRows, count(AbandonedCount)},
	{"short_abandoned", "1", "", "B<S", "", "abandoned below the queue's short_abandon limit", queueRows, count(ShortAbandoned)},
	{"timed_out", "1", "lower", "timed_out", "", "visits that the queue's time limit ended", queueRows, count(TimedOutCount)},
	{"left_empty", "1", "lower", "left_empty", "", "visits ended because no agent was there", queueRows, count(LeftEmptyCount)},
	{"exited_by_key", "1", "", "exited_by_key", "", "waiting callers who left by a key", queueRows, count(ExitedByKeyCount)},
	{"join_refused", "1", "lower", "refused, not in O", "", "callers whom the queue did not let in: full, or no agent there", queueRows, count(JoinRefusedCount)},
	{"withdrawn", "1", "", "withdrawn", "", "waiting callers moved elsewhere", queueRows, count(WithdrawnCount)},
	{"sl.offered", "ratio", "higher", "A≤T / (A+B)", "default", "service level over answered and abandoned", queueRows,
		serviceLevel(func(a, aT, b, bT, bS, left int64) (int64, int64) { return aT, a + b })},
	{"sl.answered", "ratio", "higher", "A≤T / A", "Asterisk ServicelevelPerf, Wazo", "service level over answered only", queueRows,
		serviceLevel(func(a, aT, b, bT, bS, left int64) (int64, int64) { return aT, a })},
	{"sl.credit_abandon", "ratio", "higher", "(A≤T + B≤T) / (A+B)", "Asterisk ServicelevelPerf2, Amazon Connect", "abandons within T count as served", queueRows,
		serviceLevel(func(a, aT, b, bT, bS, left int64) (int64, int64) { return aT + bT, a + b })},
	{"sl.late_abandon", "ratio", "higher", "A≤T / (A + B>T)", "", "abandons within T are left out", queueRows,
		serviceLevel(func(a, aT, b, bT, bS, left int64) (int64, int64) { return aT, a + b - bT })},
	{"sl.short_credit", "ratio", "higher", "(A≤T + B≤S) / (A+B)", "", "short abandons count as served", queueRows,
		serviceLevel(func(a, aT, b, bT, bS, left int64) (int64, int64) { return aT + bS, a + b })},
	{"sl.short_excluded", "ratio", "higher", "A≤T / (A+B−B≤S)", "Genesys, RingCentral", "short abandons are left out", queueRows,
		serviceLevel(func(a, aT, b, bT, bS, left int64) (int64, int64) { return aT, a + b - bS })},
	{"sl.flowout", "ratio", "higher", "A≤T / (A+B+F)", "Genesys", "F: timed out, left empty, by key, withdrawn or lost", queueRows,
		serviceLevel(func(a, aT, b, bT, bS, left int64) (int64, int64) { return aT, a + b + left })},
	{"asa", "ms", "lower", "Σ wait of answered / A", "", "average speed of answer", queueRows, quotient(WaitAnswered, AnsweredCount)},
	{"abandon_rate", "ratio", "lower", "B / O", "", "share of callers who hung up while waiting", queueRows, quotient(AbandonedCount, Offered)},
	{"avg_abandon_time", "ms", "", "Σ wait of abandoned / B", "", "average time to abandon", queueRows, quotient(WaitAbandoned, AbandonedCount)},
	{"answer_rate", "ratio", "higher", "A / O", "", "share of callers who were answered", queueRows, quotient(AnsweredCount, Offered)},
	{"max_wait", "ms", "lower", "max wait", "", "longest wait of any visit that ended", queueRows, maximum(MaxWait, Offered)},
	{"handled", "1", "", "answered calls that ended", "", "answered visits whose agent's part is over", []RowKind{QueueRow, AgentRow, PairRow},
		func(r *Rollup, _ Params) (float64, bool) { return float64(handled(r)), true }},
	{"aht", "ms", "band", "(talk + hold + wrap-up) / handled", "Amazon Connect", "average handling time", []RowKind{QueueRow, AgentRow, PairRow},
		perHandled(Talk, WrappingUpTime)}, // talk_ms has the holds inside it
	{"att", "ms", "band", "talk net of hold / handled", "Amazon Connect", "average talk time", []RowKind{QueueRow, AgentRow, PairRow},
		func(r *Rollup, _ Params) (float64, bool) { return ratio(r.Get(Talk)-r.Get(Hold), handled(r)) }},
	{"avg_hold", "ms", "lower", "hold / handled", "", "average hold time", []RowKind{QueueRow, AgentRow, PairRow}, perHandled(Hold)},
	{"acw", "ms", "lower", "wrap-up / handled", "", "average wrap-up; neither switch reports it: by timer, or explicit where the agent ends it", []RowKind{QueueRow, AgentRow, PairRow}, perHandled(WrappingUpTime)},
	{"occupancy", "ratio", "band", "(ringing + talking + holding + wrapping_up) / (those + available)", "", "share of on-queue time in which the agent was busy with it", stateRows,
		func(r *Rollup, _ Params) (float64, bool) {
			busy := r.Get(RingingTime) + r.Get(TalkingTime) + r.Get(HoldingTime) + r.Get(WrappingUpTime)
			return ratio(busy, busy+r.Get(AvailableTime))
		}},
	{"fcr", "ratio", "higher", "1 − repeat contacts / eligible contacts", "", "first-call resolution: share of callers who were answered and did not come back to the same queues within the window, 7 days by default", contactRows,
		func(r *Rollup, _ Params) (float64, bool) {
			return ratio(r.Get(FCREligible)-r.Get(FCRRepeat), r.Get(FCREligible))
		}},
	{"repeat_rate", "ratio", "lower", "repeat contacts / eligible contacts", "", "share of callers who were answered and came back to the same queues within the window", contactRows, quotient(FCRRepeat, FCREligible)},
	{"offers", "1", "", "offers", "", "calls offered", []RowKind{QueueRow, AgentRow, PairRow}, count(Offers)},
	{"missed", "1", "lower", "missed", "", "rang for 1 s or longer and nobody answered", []RowKind{QueueRow, AgentRow, PairRow}, count(MissedCount)},
	{"rejected", "1", "lower", "rejected", "", "busy, declined, or failed", []RowKind{QueueRow, AgentRow, PairRow}, count(RejectedCount)},
	{"cancelled", "1", "", "cancelled", "", "the caller left or another member won while it rang", []RowKind{QueueRow, AgentRow, PairRow}, count(CancelledCount)},
	{"answer_rate.agent", "ratio", "higher", "answered / offers", "", "share of offers answered", agentRows, quotient(AnsweredCount, Offers)},
	{"answer_rate.agent_net", "ratio", "higher", "answered / (offers − cancelled − caller gone)", "", "share of offers answered, without those that the agent had no say in", agentRows,
		func(r *Rollup, _ Params) (float64, bool) {
			return ratio(r.Get(AnsweredCount), r.Get(Offers)-r.Get(CancelledCount)-r.Get(CallerGoneCount)-r.Get(UnseenOffers))
		}},
	{"hung_up_first", "ratio", "lower", "calls the agent ended first / handled", "", "share of calls that the agent hung up", agentRows, perHandled(EndedByAgent)},
	{"transfer_rate", "ratio", "lower", "transferred out / handled", "", "share of calls passed on, blind or attended", []RowKind{QueueRow, AgentRow, PairRow},
		perHandled(TransferredBlind, TransferredAttended)},
	{"short_calls", "1", "lower", "answered with talk < 10 s", "", "very short calls", []RowKind{QueueRow, AgentRow, PairRow}, count(ShortCalls)},
	{"holds", "1", "", "holds", "", "times a talking party was put on hold", []RowKind{QueueRow, AgentRow, PairRow}, count(Holds)},
	{"consults", "1", "", "consults", "", "times an agent asked somebody else while the caller waited; such holds are no holds", []RowKind{QueueRow, AgentRow, PairRow}, count(Consults)},
	{"logged_in", "ms", "", "Σ state times", "", "logged-in time", stateRows, count(LoggedInTime)},
	{"available", "ms", "", "state time", "", "waiting for a call", stateRows, count(AvailableTime)},
	{"paused", "ms", "", "state time", "", "paused, all reasons", []RowKind{AgentRow, PauseRow}, count(PausedTime)},
	{"scheduled", "ms", "", "Σ shifts − unpaid breaks", "", "paid time: how long the roster's shifts ask agents to work", stateRows,
		func(_ *Rollup, p Params) (float64, bool) { return float64(p.Paid), p.Rostered }},
	{"utilisation", "ratio", "band", "(talking + holding + wrapping_up) / paid time", "", "share of paid time spent on calls; needs the roster's shifts", stateRows,
		perPaid(TalkingTime, HoldingTime, WrappingUpTime)},
	{"conformance", "ratio", "band", "logged-in time / paid time", "", "how much of what was scheduled was worked, whenever; may exceed 100 %", stateRows,
		perPaid(LoggedInTime)},
	{"longest_idle", "ms", "", "longest unbroken available", "", "longest unbroken stretch of available", stateRows, maximum(LongestIdle, AvailableTime)},
	{"answered_per_hour", "per hour", "higher", "answered / logged-in hours", "", "calls answered per logged-in hour", stateRows,
		func(r *Rollup, _ Params) (float64, bool) {
			return ratio(r.Get(AnsweredCount)*3_600_000, r.Get(LoggedInTime))
		}},
}
