package callrecords

import (
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"tallyd/connectors/source/records"
	"tallyd/metrics"
)

// ErrNoCEL: what was read is something else. ErrNoQueue: it is CEL, and there is
// nothing of queues in it.
var (
	ErrNoCEL   = records.Foreign("this is no CEL: comma-separated eventtype,eventtime,…,channame,appname,appdata,…,uniqueid,linkedid,…")
	ErrNoQueue = records.Foreign("this CEL has nothing of queues: cel.conf needs events=ALL and apps=queue")
)

// Why CEL is known to differ.
const (
	NoBeginning = "CEL has no beginning of a Queue that follows another at once"
	SwappedIn   = "a transfer put another channel in the caller's place, and CEL goes on under that"
)

// celSlack is how far CEL's moments may be from those of the events of the same
// steps: both are taken when a step is told, and a Queue that another application
// runs is told to begin when that does (65 ms before, on a busy machine).
const celSlack metrics.Millis = 100

// ReadCEL reads what cel_custom wrote. zone is that of its stamps where these
// have no zone and no unique id tells it. The error is the reader's own,
// ErrNoCEL or ErrNoQueue.
func ReadCEL(in io.Reader, zone *time.Location) (*records.Record, error) {
	l := &cel{clock: clock{fallback: zone}, open: map[string]*celStay{}, stays: map[string][]*celStay{}, bridges: map[string]string{}}
	faults, err := records.Rows(in, func(n int, fields []string) error {
		row, err := l.columns.parse(n, fields)
		if err == nil {
			l.take(row)
		}
		return err
	})
	switch {
	case errors.Is(err, records.ErrForeign):
		err = ErrNoCEL
	case err == nil && len(l.all) == 0:
		err = ErrNoQueue
	}
	return l.record(faults), err
}

// cel puts rows together.
type cel struct {
	columns     celColumns
	clock       clock
	open        map[string]*celStay   // by unique id
	stays       map[string][]*celStay // by unique id, all of them
	all         []*celStay
	bridges     map[string]string // who entered a bridge last but the caller: channel, by bridge
	first, last *celRow
}

// celStay is one run of the application Queue on a channel.
type celStay struct {
	row      *celRow // its first
	began    bool    // with that row
	answered *celRow // the caller's BRIDGE_ENTER
	agent    string
	left     *celRow // where nobody answered: the end of the application, or of the channel
	hangup   *celRow // of the caller's channel
	inSub    bool    // in a subroutine, which ends the application for CEL
	wentOn   bool
	ended    bool    // left is when it ended, not when another was seen
	swapped  *celRow // the transfer that put another channel in the caller's place
	blind    bool
}

func (l *cel) take(r *celRow) {
	if l.first == nil {
		l.first = r
	}
	l.last = r
	if r.kind == "CHAN_START" && !r.utc {
		l.clock.learn(r.line, r.at, r.id)
	}
	s := l.open[r.id]
	switch r.kind {
	case "BLINDTRANSFER":
		if t := l.open[r.extra.Transferee]; t != nil && t.answered != nil {
			t.blind = true
		}
		return
	case "ATTENDEDTRANSFER":
		if t := l.open[r.extra.Second]; t != nil && t.answered == nil {
			t.swapped = r
		}
		return
	}
	switch {
	case r.kind == "APP_START" && r.app == "Queue":
		if s != nil && s.inSub && s.row.data == r.data {
			s.inSub = false
			return
		}
		l.begin(r, true)
	case s == nil && r.kind == "BRIDGE_ENTER":
		l.bridges[r.extra.Bridge] = r.channel
	case s == nil:
		if r.kind == "BRIDGE_EXIT" && l.bridges[r.extra.Bridge] == r.channel {
			delete(l.bridges, r.extra.Bridge)
		}
	case r.app == "Queue" && r.data != s.row.data && s.left == nil && s.swapped == nil:
		l.begin(r, false) // another Queue, without an end of the one before
		s = l.open[r.id]
		if l.enter(s, r); r.kind == "APP_END" {
			s.left, s.ended = r, true
		}
	case r.kind == "HANGUP":
		s.hangup = r
		if s.left == nil {
			s.left, s.ended = r, true
		}
	case r.kind == "CHAN_END":
		delete(l.open, r.id)
	case r.kind == "APP_END" && r.app == "Queue":
		// Option B runs a subroutine on the caller when he has joined.
		if s.inSub = strings.Contains(r.data, "B(") && s.answered == nil && s.began && s.left == nil && !s.inSub; !s.inSub {
			s.left, s.ended = r, true
		}
	case s.left != nil:
		s.wentOn = true // something else, and no stay any more
		delete(l.open, r.id)
	default:
		l.enter(s, r)
	}
}

func (l *cel) begin(r *celRow, began bool) {
	if s := l.open[r.id]; s != nil {
		s.wentOn = true
		if s.left == nil {
			s.left = r
		}
	}
	s := &celStay{row: r, began: began}
	l.open[r.id], l.stays[r.id], l.all = s, append(l.stays[r.id], s), append(l.all, s)
}

// enter notes the caller's entering a bridge: somebody has answered.
func (l *cel) enter(s *celStay, r *celRow) {
	if r.kind != "BRIDGE_ENTER" || r.app != "Queue" || s.answered != nil {
		return
	}
	s.answered, s.agent = r, r.peer
	if s.agent == "" {
		s.agent = l.bridges[r.extra.Bridge]
	}
}

func (l *cel) record(faults []records.Fault) *records.Record {
	rec := &records.Record{Name: "CEL", Faults: faults, Zoneless: l.first != nil && !l.first.utc && !l.clock.known(), Missing: l.missing, Alias: aliasOf, CannotTell: []string{
		"why a caller left whom nobody answered and who did not hang up, and refusals",
		"stays that follow another at once, without another application between",
		"how long an agent talked: the caller's bridge goes on after a transfer",
	}}
	if l.first != nil {
		rec.Span = records.Span{From: l.moment(l.first), To: l.moment(l.last) + 1}
	}
	for _, s := range l.all {
		rec.Visits = append(rec.Visits, l.visit(s))
	}
	return rec
}

func (l *cel) moment(r *celRow) metrics.Millis {
	if r.utc {
		return metrics.MillisOf(r.at)
	}
	return l.clock.moment(r.line, r.at)
}

// hungUp is how long after the end of the application a channel ends that did not
// go on in the dialplan.
const hungUp = 100 * time.Millisecond

func (l *cel) visit(s *celStay) *records.Visit {
	v := &records.Visit{Line: s.row.line, ID: s.row.id, Queue: queueOf(s.row.data), Caller: s.row.caller, Joined: l.moment(s.row), Slack: celSlack}
	v.Last = v.Joined
	end := s.left
	switch {
	case s.answered != nil:
		end = s.answered
		v.Outcomes, v.Agent = []metrics.Outcome{metrics.Answered}, interfaceOf(s.agent)
		v.EndedBy = s.endedBy()
	case s.swapped != nil || s.left == nil:
		end = nil
		v.Open = s.left == nil
		v.Outcomes = records.Unanswered(metrics.Abandoned, metrics.Answered, metrics.InProgress)
	case s.hangup == nil || s.wentOn || s.hangup.at.Sub(s.left.at) > hungUp || strings.HasPrefix(s.hangup.extra.Source, "dialplan/"):
		v.Outcomes = records.Unanswered()
	case s.hangup.extra.Source == s.row.channel:
		v.Outcomes = []metrics.Outcome{metrics.Abandoned}
	default:
		v.Outcomes = records.Unanswered(metrics.Abandoned)
	}
	if end != nil {
		v.Last, v.Wait = l.moment(end), l.moment(end)-v.Joined
		v.Waited = s.began && (s.answered != nil || s.ended)
	}
	v.Uncounted = func() string { return l.standIn(s) }
	return v
}

// endedBy is who may have ended the talk. A caller who hung up may have been
// transferred before, but it was not the agent who did.
func (s *celStay) endedBy() []metrics.EndedBy {
	switch {
	case s.blind:
		return []metrics.EndedBy{metrics.ByBlindTransfer}
	case s.hangup == nil:
	case s.hangup.extra.Source == s.row.channel:
		return []metrics.EndedBy{metrics.ByCaller, metrics.ByAttendedTransfer, metrics.ByBlindTransfer}
	case s.hangup.extra.Source == s.agent:
		return []metrics.EndedBy{metrics.ByAgent, metrics.ByAttendedTransfer, metrics.ByBlindTransfer}
	}
	return nil // somebody behind a Local channel, or the switch
}

// standIn tells whether a stay is that of a channel which a transfer put in the
// place of another that waited.
func (l *cel) standIn(s *celStay) string {
	if slices.ContainsFunc(l.all, func(o *celStay) bool {
		return o.swapped != nil && o.row.data == s.row.data && o.swapped.line < s.row.line
	}) {
		return SwappedIn
	}
	return ""
}

// missing tells why CEL has nothing of a stay: the channel was in Queue all the
// while, as far as CEL knows.
func (l *cel) missing(c *metrics.Contact) string {
	for _, s := range l.stays[c.Leg] {
		from := l.moment(s.row)
		if from < c.Joined-celSlack && (s.left == nil || l.moment(s.left) > c.Joined+celSlack) {
			return NoBeginning
		}
	}
	return ""
}
