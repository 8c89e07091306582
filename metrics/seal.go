package metrics

import (
	"bytes"
	"slices"
	"strings"
)

// Sealed is what a closed interval leaves: its rollups, in order of kind and
// name, and the contacts that were concluded since the last seal. A correction
// adds to an interval that was sealed before.
type Sealed struct {
	Switch string
	// Number counts what the switch's tracker handed over, from 1. The same events
	// give the same number to the same content: who has stored it already can
	// leave it out. 0 where nobody counts.
	Number     uint64
	Interval   Interval
	Correction bool
	Rollups    []Rollup
	Contacts   []Contact
	// Spans are what the counts of states rest on.
	Spans []NamedSpan
	// Standing is what People must know to go on after this interval; nil from
	// anybody else.
	Standing []byte
	// Open are the visits that are not over, as far as they were counted; a
	// correction has none.
	Open []Contact
}

// seal closes an interval: counts what is under way up to its end, hands its
// rows on, and the corrections that came in for earlier ones.
func (t *Tracker) seal(i Interval) {
	t.flush(i.End())
	w := t.window(i)
	list := make([]*Window, 0, len(t.windows))
	for _, o := range t.windows {
		if o != w {
			list = append(list, o)
		}
	}
	t.sealed = i
	t.hand(w, settled(t.done))
	t.setDone(nil)
	t.show(list)
	t.handLate()
}

// flush counts everything that is under way up to a moment.
func (t *Tracker) flush(to Millis) {
	seen := to
	if t.blind {
		seen = min(seen, t.blindSince)
		t.markUnobserved(to)
	}
	for _, a := range t.agents {
		if a == nil || a.since >= seen {
			continue
		}
		t.countState(a, seen)
	}
	t.countPauses(seen)
	for v := t.open; v != nil; v = v.next {
		if v.state == talking {
			t.countTalk(v, seen)
			t.countHold(v, seen)
		}
		t.amend(v)
	}
}

// amend hands over a contact again of which something became known since. The one
// before is given up for it, sooner or later: to move others each time would be
// work, and to keep all would be memory.
func (t *Tracker) amend(v *visit) {
	if !v.amended || t.opt.Sealed == nil {
		return
	}
	v.amended = false
	t.setDone(append(t.done, t.contact(v)))
	if t.amends++; t.amends > 64+len(t.done)/8 {
		t.amends = 0
		t.setDone(settled(t.done))
	}
}

// settled has of each contact the latest alone, in the place of the first. The list
// itself is others' to read, and stays as it is.
func settled(list []Contact) []Contact {
	type key struct {
		kind   ContactKind
		visit  string
		joined Millis
	}
	at := make(map[key]int, len(list))
	out := list[:0:0]
	for i := range list {
		c := &list[i]
		k := key{c.Kind, c.Visit, c.Joined}
		if n, again := at[k]; again {
			out[n] = *c
			continue
		}
		at[k] = len(out)
		out = append(out, *c)
	}
	return out
}

// setDone changes the list of what was concluded, of which readers hold shorter
// parts.
func (t *Tracker) setDone(list []Contact) {
	t.done = list
	t.doneShown.Store(&list)
}

// Concluded lists the contacts that will be handed over with the next interval.
// Any goroutine may call it; what it returns must not be changed.
func (t *Tracker) Concluded() []Contact {
	if l := t.doneShown.Load(); l != nil {
		return *l
	}
	return nil
}

func (t *Tracker) handLate() {
	if len(t.late) == 0 {
		return
	}
	slices.SortFunc(t.late, func(a, b *Window) int { return int(a.Interval - b.Interval) })
	for _, w := range t.late {
		t.hand(w, nil)
	}
	t.late = nil
}

func (t *Tracker) hand(w *Window, contacts []Contact) {
	if t.opt.Sealed == nil {
		return
	}
	s := &Sealed{Switch: t.opt.Switch, Interval: w.Interval, Correction: w.Revision > 0, Contacts: contacts}
	s.Rollups, s.Spans = t.Rollups(w), t.Spans(w)
	if !s.Correction {
		s.Open = t.underway()
	}
	if len(s.Rollups) > 0 || len(s.Contacts) > 0 || len(s.Spans) > 0 || t.opt.Shared != nil {
		t.handed++
		s.Number = t.handed
		t.opt.Sealed(s)
	}
}

// Handed is how many times the tracker handed something over.
func (t *Tracker) Handed() uint64 { return t.handed }

// Rollups reads a window's rows. Any goroutine may call it while the tracker
// goes on counting; each row is then as it was at one moment.
func (t *Tracker) Rollups(w *Window) []Rollup {
	var out []Rollup
	for k := RowKind(0); k < rowKinds; k++ {
		rows := w.Rows(k)
		for i, n := 0, rows.Len(); i < n; i++ {
			row := rows.Peek(i)
			r := Rollup{Switch: t.opt.Switch, Interval: w.Interval, Kind: k}
			row.Read(&r.Values)
			r.Histograms = row.Histograms()
			if r.isZero() {
				continue
			}
			r.Name, r.Second = t.RowName(k, i)
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b Rollup) int {
		if a.Kind != b.Kind {
			return int(a.Kind) - int(b.Kind)
		}
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.Second, b.Second)
	})
	return out
}

// RowName names row i of a kind. Any goroutine may call it.
func (t *Tracker) RowName(k RowKind, i int) (name, second string) {
	switch k {
	case QueueRow:
		return t.names.Name(QueueName, uint32(i)), ""
	case AgentRow:
		return t.names.Name(AgentName, uint32(i)), ""
	case PairRow:
		if l := t.Pairs(); i < len(l) {
			return t.names.Name(AgentName, l[i].A), t.names.Name(QueueName, l[i].B)
		}
	case PauseRow:
		if l := t.Pauses(); i < len(l) {
			return t.names.Name(AgentName, l[i].A), t.names.Name(ReasonName, l[i].B)
		}
	}
	return "", ""
}

// Finish counts what is under way up to now and hands on every open interval.
// What comes after it for these intervals is a correction.
func (t *Tracker) Finish() {
	for v := t.open; v != nil; v = v.next {
		if v.state == ending {
			t.finish(v)
		}
	}
	t.flush(t.now)
	open := t.windows
	t.show(nil)
	for n, w := range open {
		t.sealed = max(t.sealed, w.Interval)
		var contacts []Contact
		if n == len(open)-1 {
			contacts = settled(t.done)
			t.setDone(nil)
		}
		t.hand(w, contacts)
	}
	t.handLate()
	if len(t.done) > 0 { // concluded when no interval was open
		t.hand(&Window{Interval: IntervalOf(t.now), Revision: 1}, settled(t.done))
		t.setDone(nil)
	}
}

// underway lists the visits that are not over, as far as they were counted.
func (t *Tracker) underway() (out []Contact) {
	for v := t.open; v != nil; v = v.next {
		if v.state == gone {
			continue
		}
		c := t.contact(v)
		c.Open, c.Outcome = true, InProgress
		switch v.state {
		case waiting, picked:
			c.Answered, c.Ended, c.Agent = 0, 0, ""
		case talking:
			c.Ended = max(v.talkFrom, v.answered)
		}
		out = append(out, c)
	}
	return out
}

// Open calls f for every visit that has not ended, oldest first.
func (t *Tracker) Open(f func(*Contact)) {
	for v := t.open; v != nil; v = v.next {
		if v.state != gone {
			c := t.contact(v)
			f(&c)
		}
	}
}

func (t *Tracker) sortedLegs() []*leg {
	l := make([]*leg, 0, len(t.legs))
	for _, x := range t.legs {
		l = append(l, x)
	}
	slices.SortFunc(l, func(a, b *leg) int { return bytes.Compare(a.id.Bytes(), b.id.Bytes()) })
	return l
}
