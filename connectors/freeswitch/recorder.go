package freeswitch

import (
	"fmt"

	"tallyd/connectors/source"
	"tallyd/metrics"
)

// recorder keeps every fact in a journal before the tracker is given it, with the
// names that facts number and what the translator's memory has learnt.
type recorder struct {
	names    *metrics.Names
	tracker  *metrics.Tracker
	memory   memory // as of the last fact
	journal  source.Journal
	coder    metrics.Coder
	named    [len(nameKinds)]int // names that the journal knows
	kept     bool                // there is a journal
	position int64               // in the stream, of the latest fact's event
}

var nameKinds = [...]metrics.NameKind{metrics.AgentName, metrics.QueueName, metrics.ReasonName}

// The kinds of record.
const (
	factRecord = 'f' // a fact, or a note
	nameRecord = 'n' // the next name of a kind
)

const recorderVersion = 1

func newRecorder(names *metrics.Names, tracker *metrics.Tracker, j source.Journal) *recorder {
	_, none := j.(source.NoJournal)
	r := &recorder{names: names, tracker: tracker, memory: newMemory(), journal: j, kept: !none}
	r.allNamed()
	return r
}

func (r *recorder) allNamed() {
	for i, k := range nameKinds {
		r.named[i] = r.names.Len(k)
	}
}

// take keeps a fact and counts it.
func (r *recorder) take(e *metrics.Event) {
	if !r.kept {
		r.apply(e)
		return
	}
	r.keep(e)
	r.apply(e)
	if r.journal.Full() {
		r.rest()
	}
}

func (r *recorder) apply(e *metrics.Event) {
	if isNote(e.Kind) {
		r.memory.learn(e)
		return
	}
	r.position = max(r.position, e.Offset)
	r.tracker.Apply(e)
}

func (r *recorder) keep(e *metrics.Event) {
	r.keepNames()
	c := &r.coder
	c.Reset(append(c.Written()[:0], factRecord))
	e.Code(c)
	r.journal.Append(c.Written())
}

// keepNames keeps the names that are new since the last time.
func (r *recorder) keepNames() {
	c := &r.coder
	for i, k := range nameKinds {
		for n := r.names.Len(k); r.named[i] < n; r.named[i]++ {
			name := r.names.Name(k, uint32(r.named[i]))
			c.Reset(append(c.Written()[:0], nameRecord))
			metrics.CodeUint(c, &k)
			c.String(&name)
			r.journal.Append(c.Written())
		}
	}
}

// rest hands on what was kept, and a checkpoint when one is wanted.
func (r *recorder) rest() {
	if !r.kept {
		return
	}
	r.keepNames()
	r.journal.Rest()
	if r.journal.Wanted() {
		r.journal.Checkpoint(r.state())
	}
}

// state is everything that later facts meet.
func (r *recorder) state() []byte {
	c := metrics.Encoder(nil)
	c.Version("state", recorderVersion)
	metrics.CodeInt(c, &r.position)
	r.memory.code(c)
	state := r.tracker.AppendState(nil)
	c.Bytes(&state)
	r.allNamed()
	return c.Written()
}

// restore takes up what a journal kept.
func (r *recorder) restore(k source.Kept) error {
	c := metrics.Decoder(k.State)
	c.Version("state", recorderVersion)
	metrics.CodeInt(c, &r.position)
	r.memory.code(c)
	var state []byte
	c.Bytes(&state)
	if err := c.Done(); err != nil {
		return err
	}
	if err := r.tracker.RestoreState(state); err != nil {
		return err
	}
	if err := k.Records(r.again); err != nil {
		return err
	}
	r.allNamed()
	return nil
}

// again takes a record.
func (r *recorder) again(record []byte) error {
	if len(record) == 0 {
		return fmt.Errorf("an empty record")
	}
	c := &r.coder
	c.ResetReader(record[1:])
	switch record[0] {
	case factRecord:
		var e metrics.Event
		e.Code(c)
		if err := c.Done(); err != nil {
			return fmt.Errorf("a fact: %w", err)
		}
		r.apply(&e)
	case nameRecord:
		var k metrics.NameKind
		var name string
		metrics.CodeUint(c, &k)
		c.String(&name)
		if err := c.Done(); err != nil || int(k) >= len(nameKinds) {
			return fmt.Errorf("a name: %w", err)
		}
		r.names.Append(k, name)
	default:
		return fmt.Errorf("a record of the unknown kind %q", record[0])
	}
	return nil
}
