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
	Switch     string
	Interval   Interval
	Correction bool
	Rollups    []Rollup
	Contacts   []Contact
	// Spans are the stretches of state of agents of several switches, for People.
	Spans []NamedSpan
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
	t.hand(w, t.done)
	t.done = t.done[:0:0]
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
		t.countIdle(a, seen)
	}
	t.countPauses(seen)
	for v := t.open; v != nil; v = v.next {
		if v.state == talking {
			t.countTalk(v, seen)
			t.countHold(v, seen)
		}
	}
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
	if len(s.Rollups) > 0 || len(s.Contacts) > 0 || len(s.Spans) > 0 || t.opt.Shared != nil {
		t.opt.Sealed(s)
	}
}

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
			r.Name, r.Second = t.rowName(k, i)
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

func (t *Tracker) rowName(k RowKind, i int) (name, second string) {
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
			contacts, t.done = t.done, nil
		}
		t.hand(w, contacts)
	}
	t.handLate()
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
