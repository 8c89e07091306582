package callrecords

import (
	"cmp"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"tallyd/connectors/source/records"
	"tallyd/metrics"
)

// ErrNoCDR: what was read is something else.
var ErrNoCDR = records.Foreign("this is no Asterisk CDR: comma-separated accountcode,src,dst,…,start,answer,end,duration,billsec,disposition,…")

// Why a CDR is known to differ.
const (
	NoRow     = "CDR has no row of a stay in which no phone rang and after which the call went on"
	OtherApp  = "CDR names the last application of a channel, and a subroutine on the caller was it"
	StoodIn   = "a transfer put another channel in the caller's place, and CDR goes on under that"
	SecondRow = "CDR has another row where a caller is transferred within the application Queue; it may be one stay"
	OneRow    = "CDR cannot tell two stays in one queue apart that follow each other"
	Consulted = "CDR ends the agent's part when the agent consults somebody"
	LocalRow  = "the row of a Local channel ends when that is taken out of the call, or when whoever stands behind it is gone"
	LeftOut   = "CDR leaves out calls that nobody answered and no phone was rung for, unless cdr.conf has unanswered=yes"
)

// ReadCDR reads what cdr_csv or cdr_custom wrote. zone is that of its stamps
// where it has no unique ids, which would tell. The error is the reader's own,
// or ErrNoCDR.
func ReadCDR(in io.Reader, zone *time.Location) (*records.Record, error) {
	d := &cdr{clock: clock{fallback: zone}, calls: map[string]*cdrCall{}, rung: map[string][]*cdrStay{}}
	faults, err := records.Rows(in, func(n int, fields []string) error {
		row, err := parseCDR(n, fields)
		if err == nil {
			d.take(row)
		}
		return err
	})
	if errors.Is(err, records.ErrForeign) {
		err = ErrNoCDR
	}
	return d.record(faults), err
}

// cdr puts rows together.
type cdr struct {
	clock      clock
	calls      map[string]*cdrCall
	stays      []*cdrStay
	from, to   time.Time                     // the first and the last end
	line       int                           // of the latest row
	ids        bool                          // it has unique ids
	unanswered bool                          // it has a call that nobody answered and no phone was rung for
	rung       map[string][]*cdrStay         // by the channel that answered them
	passed     map[string][]*metrics.Contact // from one channel to another, by the first and by agent
}

// cdrCall is what is remembered of a channel.
type cdrCall struct {
	open     *cdrStay // nobody has answered it yet
	answered *cdrStay // the latest that somebody answered
	parts    []cdrPart
	last     time.Time // end of its last row
	line     int
}

// cdrPart is a row of another application than Queue, in which a phone rang.
type cdrPart struct {
	rung       string
	answered   bool
	start, end time.Time
	line       int
}

// goesOn tells whether a row is of the talk that began in the part: the Local
// channel that rang was taken out of it.
func (p *cdrPart) goesOn(r *cdrRow) bool {
	return p.answered && isLocal(p.rung) && r.answered && r.start.Equal(p.end)
}

// cdrStay is a stay in a queue.
type cdrStay struct {
	row    *cdrRow // its first
	began  time.Time
	ended  time.Time
	latest time.Time // where nobody answered: when the call's next row began
	agent  *cdrRow   // the row of who answered
	by     string    // the interface that rang there, or before it, where a Local channel was taken out
	second bool      // of another before it under another channel, perhaps
	rest   bool      // of the one before it under this channel, perhaps
}

func (d *cdr) take(r *cdrRow) {
	d.line, d.ids = r.line, d.ids || r.id != ""
	c := d.calls[r.call()]
	if c == nil {
		c = &cdrCall{}
		d.calls[strings.Clone(r.call())] = c // a part of a row holds all of it
		d.clock.learn(r.line, r.start, r.id)
	}
	if d.from.IsZero() || r.end.Before(d.from) {
		d.from = r.end
	}
	if r.end.After(d.to) {
		d.to = r.end
	}
	d.unanswered = d.unanswered || r.rung == "" && !r.answered
	c.last, c.line = r.end, r.line
	if c.open != nil && (r.app != "Queue" || r.data != c.open.row.data) {
		c.open.latest, c.open = r.start, nil
	}
	if r.app != "Queue" {
		if r.rung != "" {
			c.parts = append(c.parts, cdrPart{strings.Clone(interfaceOf(r.rung)), r.answered, r.start, r.end, r.line})
		}
		return
	}
	if c.open == nil {
		if c.answered != nil && r.rung == "" && c.answered.row.data == r.data {
			return // the rest of what somebody answered
		}
		c.open = &cdrStay{row: r, began: r.start, rest: c.answered != nil && c.answered.row.data == r.data}
		if n := len(c.parts); n > 0 && c.parts[n-1].goesOn(r) {
			c.open.began, c.open.by = c.parts[n-1].start, c.parts[n-1].rung
		}
		d.stays = append(d.stays, c.open)
	}
	c.open.ended = r.end
	if r.answered && r.rung != "" {
		c.open.agent, c.open.by = r, cmp.Or(c.open.by, interfaceOf(r.rung))
		c.open.second = d.rung[r.rung] != nil
		d.rung[r.rung] = append(d.rung[r.rung], c.open)
		c.answered, c.open = c.open, nil
	}
}

func (d *cdr) record(faults []records.Fault) *records.Record {
	rec := &records.Record{
		Name: "CDR", Faults: faults, Zoneless: !d.clock.known(), AtEnd: true, Missing: d.missing, Alias: aliasOf,
		Span: records.Span{From: d.clock.moment(0, d.from), To: d.clock.moment(d.line, d.to) + 1000},
		Look: d.look,
		CannotTell: []string{
			"when a caller joined and when an agent answered: it has the beginning of the call, and who ended a talk",
			"why a caller left whom nobody answered, and refusals",
			"stays in which no phone rang, where the call went on",
			"a caller who comes back to a queue at once from one who is transferred there by the agent: both have one more row",
		},
	}
	for _, s := range d.stays {
		rec.Visits = append(rec.Visits, d.visit(s))
	}
	return rec
}

func (d *cdr) visit(s *cdrStay) *records.Visit {
	v := &records.Visit{Line: s.row.line, ID: s.row.id, Queue: queueOf(s.row.data), Caller: s.row.caller, Slack: records.WholeSeconds,
		Earliest: d.clock.moment(s.row.line, s.began), Perhaps: s.second, Rest: s.rest, Outcomes: records.Unanswered(), Ended: d.clock.moment(s.row.line, s.ended), End: s.row.disposition}
	v.Last = v.Ended
	if s.agent != nil {
		v.Outcomes, v.Agent = []metrics.Outcome{metrics.Answered}, s.by
	} else if s.latest.IsZero() {
		// The last row is of the last ring, not of the wait after it.
		v.Outcomes, v.Latest = append(v.Outcomes, metrics.Abandoned), math.MaxInt64
	} else {
		v.Latest = d.clock.moment(s.row.line, s.latest)
	}
	v.Why = func(what string, c *metrics.Contact) string { return d.why(s, what, c) }
	v.Uncounted = func() string { return d.uncounted(s) }
	return v
}

// why tells why a stay differs from what was counted.
func (d *cdr) why(s *cdrStay, what string, c *metrics.Contact) string {
	switch {
	case s.agent == nil && what == records.WhatOutcome && d.stoodIn(c):
		return StoodIn
	case s.agent == nil:
	case d.hidden(c):
		return OtherApp
	case what != records.WhatEnded:
	case isLocal(s.row.channel) || isLocal(s.agent.rung):
		return LocalRow
	case slices.ContainsFunc(d.rung[s.agent.rung], func(o *cdrStay) bool { return o != s && d.near(o.row.line, o.ended, c.Ended) }):
		return StoodIn
	case c.EndedBy == metrics.ByAttendedTransfer && d.clock.moment(s.agent.line, s.agent.end) < c.Ended:
		return Consulted
	}
	return ""
}

func (d *cdr) near(line int, at time.Time, ended metrics.Millis) bool {
	off := d.clock.moment(line, at) - ended
	return off <= records.WholeSeconds && off >= -records.WholeSeconds
}

// hidden tells whether a stay is in a row that does not name Queue.
func (d *cdr) hidden(c *metrics.Contact) bool {
	call := d.calls[c.Leg]
	return call != nil && slices.ContainsFunc(call.parts, func(p cdrPart) bool {
		if c.Outcome == metrics.Answered {
			return p.answered && p.rung == aliasOf(c.Agent) && d.near(p.line, p.end, c.Ended)
		}
		at := d.clock.moment(p.line, p.end)
		return !p.answered && at >= c.Joined-records.WholeSeconds && at <= c.Ended+records.WholeSeconds
	})
}

// missing tells why CDR has nothing of a stay.
func (d *cdr) missing(c *metrics.Contact) string {
	call := d.calls[c.Leg]
	switch {
	case call == nil && c.Outcome != metrics.Answered && c.Offers == 0 && !d.unanswered:
		return LeftOut
	case call == nil && c.Outcome != metrics.Answered && c.Offers == 0 && !d.ids:
		return NoRow
	case call == nil:
	case d.hidden(c):
		return OtherApp
	case c.Outcome != metrics.Answered && c.Offers == 0:
		return NoRow
	case d.stoodIn(c):
		return StoodIn
	}
	return ""
}

// stoodIn tells whether a stay went on after the caller's channel had gone:
// another had taken its place.
func (d *cdr) stoodIn(c *metrics.Contact) bool {
	call := d.calls[c.Leg]
	return call != nil && d.clock.moment(call.line, call.last) < c.Ended-records.WholeSeconds
}

// look notes what was counted of stays that went on under another channel.
func (d *cdr) look(counted []metrics.Contact, _ func(string) []string) {
	d.passed = map[string][]*metrics.Contact{}
	for i := range counted {
		if c := &counted[i]; d.stoodIn(c) {
			for _, of := range [2]string{c.Leg, aliasOf(c.Agent)} {
				d.passed[of] = append(d.passed[of], c)
			}
		}
	}
}

// uncounted tells why nothing was counted of a stay under this channel: it is
// the beginning or the end of one that passed from one channel to another.
func (d *cdr) uncounted(s *cdrStay) string {
	begins := len(d.passed[s.row.id]) > 0
	ends := s.agent != nil && slices.ContainsFunc(d.passed[s.by], func(c *metrics.Contact) bool {
		return c.Queue == queueOf(s.row.data) && d.near(s.row.line, s.ended, c.Ended)
	})
	if begins || ends {
		return StoodIn
	}
	return ""
}
