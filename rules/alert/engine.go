package alert

import (
	"maps"
	"slices"
	"sync"
	"time"

	"tallyd/rules/expression"
)

// Subject is a queue, an agent or the site as it is at a moment.
type Subject struct {
	Of   Kind
	Name string // "" for the site
	// Unseen: nothing is known of it, because a switch is out of sight.
	Unseen bool
	Values expression.Values
}

// Event is what happens to an alert.
type Event string

// The events.
const (
	Raised  Event = "raised"
	Cleared Event = "cleared"
)

// Alert is a rule's about a subject.
type Alert struct {
	Rule    *Rule
	Subject string
	Since   time.Time // since when the condition had held
	Raised  time.Time
	Cleared time.Time // zero while it is raised
	// Values are what the rule's expressions ask for, as of the last event: float64,
	// string, or nil where there is nothing.
	Values map[string]any
}

// Change is what happened to an alert.
type Change struct {
	Event Event
	Alert
}

// Bounds are what an engine holds at the most.
type Bounds struct {
	Subjects int // in a step
	Active   int // alerts that are raised
	Tracked  int // alerts that are raised, or will be if their condition goes on
}

// DefaultBounds suit one box: 1,000 agents and 200 queues are its design point.
func DefaultBounds() Bounds { return Bounds{Subjects: 20_000, Active: 1000, Tracked: 50_000} }

// Engine holds rules against subjects, step by step. One goroutine uses it.
type Engine struct {
	set     *Set
	bounds  Bounds
	tracks  []map[string]*track // by rule and subject: those whose condition holds, or that are raised
	steps   uint64
	tracked int
	active  int
	left    int
}

// track is what became of a rule's condition about a subject. There is none while
// the condition does not hold and nothing is raised.
type track struct {
	since  time.Time // since when the condition has held
	raised time.Time // zero: not yet
	over   time.Time // since when the condition to clear has held; zero: it does not
	values map[string]any
	seen   uint64    // the step
	until  time.Time // before which it is not ended for want of its subject
}

// NewEngine returns an engine that nothing is raised in.
func NewEngine(set *Set, b Bounds) *Engine {
	e := &Engine{bounds: b}
	e.take(set)
	return e
}

func (e *Engine) take(set *Set) {
	if set == nil {
		set = &Set{}
	}
	e.set, e.tracks = set, make([]map[string]*track, len(set.Rules))
	for i := range e.tracks {
		e.tracks[i] = map[string]*track{}
	}
}

// Active is how many alerts are raised.
func (e *Engine) Active() int { return e.active }

// Left is how many subjects and alerts the last step left out because of the bounds.
func (e *Engine) Left() int { return e.left }

// verdict is what an expression comes to. What cannot be told neither holds nor does
// not.
type verdict int8

const (
	untold verdict = iota
	no
	yes
)

func judge(x *expression.Expression, s *Subject) verdict {
	if s.Unseen {
		return untold
	}
	switch holds, err := x.Holds(s.Values); {
	case err != nil:
		return untold
	case holds:
		return yes
	}
	return no
}

// over tells whether what a rule was raised for is over.
func (r *Rule) over(s *Subject) verdict {
	if r.Clear != nil {
		return judge(r.Clear, s)
	}
	switch judge(r.When, s) {
	case yes:
		return no
	case no:
		return yes
	}
	return untold
}

// values are what a rule's expressions ask for.
func (r *Rule) values(s *Subject) map[string]any {
	out := make(map[string]any, len(r.Names))
	for _, n := range r.Names {
		out[n] = nil
		if s.Unseen {
			continue
		}
		if v, is := s.Values(n); is {
			out[n] = v
		}
	}
	return out
}

// Step holds every rule against every subject, each of which is there once, and tells
// what changed: rule by rule, in the order of the subjects, and then of those who are
// there no more. now does not go back.
func (e *Engine) Step(now time.Time, subjects []Subject) []Change {
	e.steps++
	e.left = max(0, len(subjects)-e.bounds.Subjects)
	subjects = subjects[:len(subjects)-e.left]
	var out []Change
	for i := range e.set.Rules {
		r, tracks := &e.set.Rules[i], e.tracks[i]
		quiet := sync.OnceValue(func() bool { return r.Quiet(now) }) // the same for all of them
		for k := range subjects {
			s := &subjects[k]
			if s.Of != r.Of || !r.About(s.Name) {
				continue
			}
			t := tracks[s.Name]
			if t != nil {
				t.seen = e.steps
			}
			if t != nil && !t.raised.IsZero() {
				out = e.watch(now, r, tracks, t, s, out)
			} else {
				out = e.wait(now, r, quiet, tracks, t, s, out)
			}
		}
		out = e.sweep(now, r, tracks, out)
	}
	return out
}

// wait is a step of what is not raised.
func (e *Engine) wait(now time.Time, r *Rule, quiet func() bool, tracks map[string]*track, t *track, s *Subject, out []Change) []Change {
	if judge(r.When, s) != yes {
		if t != nil {
			e.forget(tracks, s.Name)
		}
		return out
	}
	if t == nil {
		if e.tracked >= e.bounds.Tracked {
			e.left++
			return out
		}
		t = &track{since: now, seen: e.steps}
		tracks[s.Name] = t
		e.tracked++
	}
	if now.Sub(t.since) < r.Hold || quiet() {
		return out
	}
	if e.active >= e.bounds.Active {
		e.left++
		return out
	}
	e.active++
	t.raised, t.values = now, r.values(s)
	return append(out, Change{Raised, t.alert(r, s.Name)})
}

// watch is a step of what is raised.
func (e *Engine) watch(now time.Time, r *Rule, tracks map[string]*track, t *track, s *Subject, out []Change) []Change {
	if r.over(s) != yes {
		t.over = time.Time{}
		return out
	}
	if t.over.IsZero() {
		t.over = now
	}
	if now.Sub(t.over) < r.ClearHold {
		return out
	}
	t.values = r.values(s)
	return append(out, e.clear(now, r, tracks, s.Name))
}

// sweep ends what is about subjects that are there no more.
func (e *Engine) sweep(now time.Time, r *Rule, tracks map[string]*track, out []Change) []Change {
	var gone []string
	for name, t := range tracks {
		if t.seen != e.steps && !now.Before(t.until) {
			gone = append(gone, name)
		}
	}
	slices.Sort(gone)
	for _, name := range gone {
		if tracks[name].raised.IsZero() {
			e.forget(tracks, name)
		} else {
			out = append(out, e.clear(now, r, tracks, name))
		}
	}
	return out
}

// clear ends what is raised.
func (e *Engine) clear(now time.Time, r *Rule, tracks map[string]*track, name string) Change {
	a := tracks[name].alert(r, name)
	a.Cleared = now
	e.active--
	e.forget(tracks, name)
	return Change{Cleared, a}
}

func (e *Engine) forget(tracks map[string]*track, name string) {
	delete(tracks, name)
	e.tracked--
}

func (t *track) alert(r *Rule, name string) Alert {
	return Alert{Rule: r, Subject: name, Since: t.since, Raised: t.raised, Values: t.values}
}

// Replace goes on with other rules. What holds or is raised by a rule that is the same
// in both goes on; what any other raised is cleared.
func (e *Engine) Replace(now time.Time, set *Set) []Change {
	old, tracks := e.set, e.tracks
	var out []Change
	e.take(set)
	for i := range old.Rules {
		r := &old.Rules[i]
		same := func(n Rule) bool { return n.text == r.text }
		if k := slices.IndexFunc(e.set.Rules, same); k >= 0 {
			e.tracks[k] = tracks[i]
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(tracks[i])) {
			if tracks[i][name].raised.IsZero() {
				e.forget(tracks[i], name)
			} else {
				out = append(out, e.clear(now, r, tracks[i], name))
			}
		}
	}
	return out
}
