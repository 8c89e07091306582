package records

import (
	"cmp"

	"tallyd/metrics"
)

// Visit is one caller's stay in one queue, as a record tells it. What a record
// cannot tell it leaves at zero, and nobody compares.
type Visit struct {
	File string // where the record is a folder of files
	Line int    // of its beginning; 0 where the file is the visit
	// ID is the switch's own of the stay, or of the caller's channel.
	ID string
	// Leg is the caller's channel, where the record has no id of the stay.
	Leg    string
	Queue  string
	Caller string // the number

	// Outcomes holds what may have become of it: a record may not tell a caller
	// who ran into the time limit from one who pressed a key.
	Outcomes []metrics.Outcome
	Agent    string
	EndedBy  []metrics.EndedBy // any of these ended the talk
	End      string            // the record's own word for how it ended

	Joined, Answered, Ended metrics.Millis
	// Earliest is when at the earliest the caller joined, where Joined is not known.
	Earliest metrics.Millis
	// Latest is up to when it may have gone on after Ended; 0: not at all.
	Latest metrics.Millis
	// Wait is the record's own, where Waited.
	Wait   metrics.Millis
	Waited bool
	// Slack is how far its times may be off: 1050 where they are whole seconds.
	Slack metrics.Millis
	// Last is the latest moment at which the record speaks of it.
	Last metrics.Millis
	// Open: the record does not have its end.
	Open bool
	// Perhaps: it may be none of its own, but part of one before.
	Perhaps bool
	// Rest: it may be the rest of the one before it with the same id. Where both are
	// of one agent, whichever a contact goes with better is then the visit.
	Rest bool
	// Why tells why the record is known to differ in that from what was counted of
	// it, "" where it is not; nil: in nothing.
	Why func(what string, c *metrics.Contact) string
	// Uncounted tells why it is known that nothing was counted of it, and "" where
	// something should have been; nil: it should.
	Uncounted func() string
}

// at is the earliest moment of it that the record tells.
func (v *Visit) at() metrics.Millis { return cmp.Or(v.Joined, v.Answered, v.Ended) }

// WholeSeconds is the slack of a record that counts whole seconds.
const WholeSeconds metrics.Millis = 1050

// Record is one of a switch's records, as far as it is about queues.
type Record struct {
	Name   string // as differences call it: queue_log
	Visits []*Visit
	// Span is from the first to the last that it tells of: what happened in it must
	// be in the record.
	Span Span
	// AtEnd: it is written when a call is over, and not before.
	AtEnd bool
	// Look shows the reader what was counted, before anything is compared, and the
	// names by which the record may know an agent; nil: it need not see it.
	Look func(counted []metrics.Contact, names func(agent string) []string)
	// Needs tells whether a visit that was counted must be in it; nil: every one of
	// its span must. A list of who waits now has but a few.
	Needs func(c *metrics.Contact) bool
	// Missing tells why it is known not to have a visit that was counted; nil, and
	// "", where it should have it.
	Missing func(c *metrics.Contact) string
	// Alias is what the record makes of an agent's login; nil: it knows agents by
	// their logins, or by the names that people gave them.
	Alias func(agent string) string
	// CannotTell names what cannot be compared, and why: "it cannot tell …".
	CannotTell []string
	// Zoneless: its stamps have no zone, and nothing tells in which they are.
	Zoneless bool
	Faults   []Fault
}

// Span is from one moment to before another; To 0: without end.
type Span struct{ From, To metrics.Millis }

func (s Span) has(m metrics.Millis) bool { return m >= s.From && (s.To == 0 || m < s.To) }

// Unanswered are the outcomes of callers whom nobody answered.
func Unanswered(o ...metrics.Outcome) []metrics.Outcome {
	return append([]metrics.Outcome{metrics.TimedOut, metrics.LeftEmpty, metrics.ExitedByKey, metrics.Withdrawn, metrics.JoinRefused}, o...)
}
