package asterisk

import (
	"fmt"
	"time"

	"tallyd/connectors/asterisk/ami"
	"tallyd/connectors/asterisk/arievent"
	"tallyd/connectors/source"
	"tallyd/metrics"
)

// recorder keeps everything that the translator is given in a journal, before it
// is given it: what it has come to know of channels, stays and members is made
// again by giving it the same once more.
type recorder struct {
	names      *metrics.Names
	tracker    *metrics.Tracker
	translator *Translator
	journal    source.Journal
	kept       bool // there is a journal
	coder      metrics.Coder

	started time.Time      // when the switch was started, that this is about
	bytes   int64          // of its events so far
	offset  metrics.Millis // of its clock from ours, as of the last checkpoint

	heard int64       // of the manager interface: where the latest message began
	msg   ami.Message // of a record
}

// The kinds of record.
const (
	eventRecord      = 'e'
	messageRecord    = 'a'
	lostRecord       = 'l'
	seenRecord       = 's'
	restartedRecord  = 'r'
	startedRecord    = 'u'
	beginRecord      = 'b'
	answerRecord     = 'S'
	membersRecord    = 'M'
	endRecord        = 'z'
	listBeginsRecord = 'L'
	listEndsRecord   = 'T'
	noManagerRecord  = 'm'
	tickRecord       = 't'
	renameRecord     = 'N'
	clockRecord      = 'c'
)

// Version 2 has which channels were hung up by their own party.
const recorderVersion = 2

func newRecorder(names *metrics.Names, tracker *metrics.Tracker, j source.Journal) *recorder {
	_, none := j.(source.NoJournal)
	r := &recorder{names: names, tracker: tracker, translator: NewTranslator(names, tracker.Apply), journal: j, kept: !none}
	if r.kept {
		r.translator.keeper = r
	}
	return r
}

// event takes one event's JSON.
func (r *recorder) event(b []byte) {
	r.translator.Event(b, r.bytes)
	r.bytes += int64(len(b))
	if r.journal.Full() {
		r.rest()
	}
}

// keepEvent keeps an event that the translator makes something of.
func (r *recorder) keepEvent(e *arievent.Event, offset int64) {
	c := r.begin(eventRecord)
	metrics.CodeInt(c, &r.translator.Counts.Events)
	metrics.CodeInt(c, &offset)
	e.Code(c)
	r.journal.Append(c.Written())
}

// keepClock keeps that the switch's clock was set.
func (r *recorder) keepClock(at metrics.Millis) { r.keepAt(clockRecord, at) }

func (r *recorder) begin(kind byte) *metrics.Coder {
	r.coder.Reset(append(r.coder.Written()[:0], kind))
	return &r.coder
}

// keep keeps something rare; code adds what there is to it.
func (r *recorder) keep(kind byte, code func(*metrics.Coder)) {
	if !r.kept {
		return
	}
	c := r.begin(kind)
	if code != nil {
		code(c)
	}
	r.journal.Append(c.Written())
}

func (r *recorder) keepAt(kind byte, at metrics.Millis) {
	r.keep(kind, func(c *metrics.Coder) { metrics.CodeInt(c, &at) })
}

func (r *recorder) keepSnapshot(kind byte, s *snapshot, at metrics.Millis) {
	r.keep(kind, func(c *metrics.Coder) {
		metrics.CodeInt(c, &at)
		s.code(c)
	})
}

func (r *recorder) lost() {
	r.keep(lostRecord, nil)
	r.translator.Lost()
}

func (r *recorder) seen(at metrics.Millis) {
	r.keepAt(seenRecord, at)
	r.translator.Seen(at)
}

func (r *recorder) restarted(at metrics.Millis) {
	r.keepAt(restartedRecord, at)
	r.translator.Restarted(at)
}

// run notes which run of the switch is seen.
func (r *recorder) run(started time.Time) {
	r.started = started
	r.keepAt(startedRecord, metrics.MillisOf(started))
}

func (r *recorder) beginSnapshot() {
	r.keep(beginRecord, nil)
	r.translator.begin()
}

func (r *recorder) snapshot(s *snapshot, at metrics.Millis) {
	r.keepSnapshot(answerRecord, s, at)
	r.translator.Snapshot(s, at)
}

func (r *recorder) members(s *snapshot, at metrics.Millis) {
	r.keepSnapshot(membersRecord, s, at)
	r.translator.Members(s, at)
}

func (r *recorder) endSnapshot(at metrics.Millis) {
	r.keepAt(endRecord, at)
	r.translator.end(at)
}

func (r *recorder) message(m *ami.Message) { r.translator.AMI(m) }

func (r *recorder) keepMessage(m *ami.Message) {
	if isTold(m.Event()) {
		r.heard = m.Offset
		r.keep(messageRecord, m.Code)
	}
}

func (r *recorder) listBegins() {
	r.keep(listBeginsRecord, nil)
	r.translator.listMembers()
}

func (r *recorder) listEnds(at metrics.Millis) {
	r.keepAt(listEndsRecord, at)
	r.translator.membersListed(at)
}

func (r *recorder) noManager() {
	r.keep(noManagerRecord, nil)
	r.translator.members.ami = false
}

func (r *recorder) tick(at metrics.Millis) {
	r.keepAt(tickRecord, at)
	r.tracker.Apply(&metrics.Event{Kind: metrics.ClockTick, At: at})
}

// rename takes whom interfaces stand for from now on.
func (r *recorder) rename(aliases map[string]string, at metrics.Millis) {
	r.keep(renameRecord, func(c *metrics.Coder) {
		metrics.CodeInt(c, &at)
		codeTexts(c, aliases, (*metrics.Coder).String)
	})
	r.translator.rename(aliases, at)
}

// rest hands on what was kept, and a checkpoint when one is wanted.
func (r *recorder) rest() {
	if !r.kept {
		return
	}
	r.journal.Rest()
	if r.journal.Wanted() {
		r.journal.Checkpoint(r.state())
	}
}

// state is everything that what is taken later meets.
func (r *recorder) state() []byte {
	c := metrics.Encoder(nil)
	r.code(c)
	state := r.tracker.AppendState(nil)
	c.Bytes(&state)
	return c.Written()
}

func (r *recorder) code(c *metrics.Coder) {
	version := c.Version("state", recorderVersion)
	started := metrics.MillisOf(r.started)
	if r.started.IsZero() {
		started = 0
	}
	metrics.CodeInt(c, &started)
	if c.Reading() && started != 0 {
		r.started = started.Time()
	}
	metrics.CodeInt(c, &r.bytes)
	metrics.CodeInt(c, &r.offset)
	metrics.CodeInt(c, &r.heard)
	r.translator.code(c, version)
}

// restore takes up what a journal kept.
func (r *recorder) restore(k source.Kept) error {
	c := metrics.Decoder(k.State)
	r.code(c)
	var state []byte
	c.Bytes(&state)
	if err := c.Done(); err != nil {
		return err
	}
	if err := r.tracker.RestoreState(state); err != nil {
		return err
	}
	return k.Records(r.again)
}

// again takes a record.
func (r *recorder) again(record []byte) error {
	if len(record) == 0 {
		return fmt.Errorf("an empty record")
	}
	c := &r.coder
	c.ResetReader(record[1:])
	t := r.translator
	var at metrics.Millis
	switch record[0] {
	case eventRecord:
		metrics.CodeInt(c, &t.Counts.Events)
		metrics.CodeInt(c, &r.bytes)
		t.in.Code(c)
		if c.Done() == nil {
			t.take(r.bytes)
		}
	case messageRecord:
		r.msg.Code(c)
		if c.Done() == nil {
			r.heard = r.msg.Offset
			t.tellOf(&r.msg)
		}
	case answerRecord, membersRecord:
		s := &snapshot{}
		metrics.CodeInt(c, &at)
		s.code(c)
		switch {
		case c.Done() != nil:
		case record[0] == answerRecord:
			t.Snapshot(s, at)
		default:
			t.Members(s, at)
		}
	case renameRecord:
		aliases := map[string]string{}
		metrics.CodeInt(c, &at)
		codeTexts(c, aliases, (*metrics.Coder).String)
		if c.Done() == nil {
			t.rename(aliases, at)
		}
	case lostRecord:
		t.Lost()
	case beginRecord:
		t.begin()
	case listBeginsRecord:
		t.listMembers()
	case noManagerRecord:
		t.members.ami = false
	default:
		metrics.CodeInt(c, &at)
		if c.Done() == nil {
			return r.moment(record[0], at)
		}
	}
	if err := c.Done(); err != nil {
		return fmt.Errorf("a record of kind %q: %w", record[0], err)
	}
	return nil
}

// moment takes a record that is but a moment.
func (r *recorder) moment(kind byte, at metrics.Millis) error {
	switch t := r.translator; kind {
	case seenRecord:
		t.Seen(at)
	case restartedRecord:
		t.Restarted(at)
	case clockRecord:
		t.set(at)
	case startedRecord:
		r.started = at.Time()
	case endRecord:
		t.end(at)
	case listEndsRecord:
		t.membersListed(at)
	case tickRecord:
		r.tracker.Apply(&metrics.Event{Kind: metrics.ClockTick, At: at})
	default:
		return fmt.Errorf("a record of the unknown kind %q", kind)
	}
	return nil
}
