package metrics

import (
	"cmp"
	"maps"
	"slices"
	"sync"
)

// AllSwitches is what rollups carry instead of a switch's name that no single
// switch can count: the states of agents who have logins at several.
const AllSwitches = "(all)"

// Busier orders the states of one agent at several switches: talking goes before
// holding, ringing, wrapping up, another call, available, paused and offline.
func Busier(s State) int { return busier[min(s, states-1)] }

var busier = [states]int{Unknown: 0, Offline: 1, PausedState: 2, Available: 3, OnOtherCall: 4, WrappingUp: 5, RingingState: 6, Holding: 7, Talking: 8}

// People makes one state at a time out of what several switches tell of the same
// agents. It takes what their trackers hand over and hands on what it comes to,
// once every switch has handed over an interval. What comes of it depends on the
// stretches alone, not on the order in which the trackers came.
type People struct {
	mu       sync.Mutex
	switches []string
	out      func(*Sealed)
	// Patient waits for every switch however long it takes (a replay has all of
	// it in the end); else a switch that is an interval behind the others is left
	// out, and what it hands over later is a correction.
	patient bool

	through  map[string]Interval // handed over by each switch
	held     map[Interval]*combined
	done     Interval // combined up to here
	any      bool     // done has a meaning
	last     map[string]standing
	revision uint64
}

// standing is what an agent did at the end of what was combined.
type standing struct {
	state            State
	reason           string
	until, idleSince Millis
}

// combined is one interval.
type combined struct {
	spans   map[string][]NamedSpan // by switch
	before  map[string]standing    // as of its beginning, once it was combined
	rollups map[Key]*Rollup        // handed on
}

// maxHeld bounds for how many intervals stretches are kept for a switch that
// cannot be seen: a week.
const maxHeld = 7 * 96

// NewPeople returns what combines the switches' spans. out is given, besides
// everything that Take is given, what they come to.
func NewPeople(switches []string, patient bool, out func(*Sealed)) *People {
	return &People{switches: slices.Sorted(slices.Values(switches)), out: out, patient: patient,
		through: map[string]Interval{}, held: map[Interval]*combined{}, last: map[string]standing{}}
}

// Take is for a tracker's Options.Sealed.
func (p *People) Take(s *Sealed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(s.Rollups) > 0 || len(s.Contacts) > 0 || len(s.Spans) > 0 {
		p.out(s)
	}
	spans := sharedOf(s.Spans)
	if !s.Correction {
		p.through[s.Switch] = max(p.through[s.Switch], s.Interval)
	}
	if len(spans) > 0 {
		p.keep(s.Interval, s.Switch, spans)
	}
	if !p.patient {
		p.combine(p.ready())
	}
}

// keep adds a switch's spans to an interval; one that was combined before is
// corrected.
func (p *People) keep(i Interval, sw string, spans []NamedSpan) {
	c := p.held[i]
	if c == nil {
		if p.any && i <= p.done {
			return // too long ago to be told from what was counted
		}
		c = &combined{spans: map[string][]NamedSpan{}}
		p.held[i] = c
	}
	c.spans[sw] = append(c.spans[sw], spans...)
	if p.any && i <= p.done {
		p.correct(i, c)
	}
}

// ready is the interval up to which all switches have handed over, or all but
// those that are an interval behind.
func (p *People) ready() Interval {
	least, most := Interval(0), Interval(0)
	for n, sw := range p.switches {
		i := p.through[sw]
		if n == 0 || i < least {
			least = i
		}
		most = max(most, i)
	}
	return max(least, most-1)
}

// Finish combines all that is left.
func (p *People) Finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	to := p.done
	for i := range p.held {
		to = max(to, i)
	}
	p.combine(to)
}

// combine hands on the intervals up to one.
func (p *People) combine(to Interval) {
	if p.any {
		for i := max(p.done+1, to-maxHeld); i <= to; i++ { // nobody told of anything, yet somebody may
			if p.held[i] == nil {
				p.held[i] = &combined{spans: map[string][]NamedSpan{}}
			}
		}
	}
	for _, i := range slices.Sorted(maps.Keys(p.held)) {
		c := p.held[i]
		if i > to || c.rollups != nil {
			continue
		}
		c.before = p.last
		c.rollups, p.last = sweep(i, c.spans, p.last)
		p.revision++
		if len(c.rollups) > 0 || len(p.last) > 0 {
			p.out(&Sealed{Switch: AllSwitches, Interval: i, Rollups: inOrder(c.rollups), Standing: p.standing()})
		}
	}
	if to > p.done && len(p.through) > 0 {
		p.done, p.any = to, true
	}
	behind := to
	for _, sw := range p.switches {
		behind = min(behind, p.through[sw])
	}
	for i := range p.held {
		if i <= behind || i < to-maxHeld {
			delete(p.held, i)
		}
	}
}

// correct hands on what a late switch's spans change of an interval.
func (p *People) correct(i Interval, c *combined) {
	now, _ := sweep(i, c.spans, c.before)
	diff := map[Key]*Rollup{}
	for k, r := range now {
		d := &Rollup{Switch: AllSwitches, Interval: i, Kind: r.Kind, Name: r.Name, Second: r.Second}
		old := c.rollups[k]
		for n := range d.Values {
			d.Values[n] = r.Values[n]
			if old != nil && !counterInfo[n].Max {
				d.Values[n] -= old.Values[n]
			}
		}
		diff[k] = d
	}
	for k, r := range c.rollups {
		if now[k] == nil {
			d := &Rollup{Switch: AllSwitches, Interval: i, Kind: r.Kind, Name: r.Name, Second: r.Second}
			for n := range d.Values {
				if !counterInfo[n].Max {
					d.Values[n] = -r.Values[n]
				}
			}
			diff[k] = d
		}
	}
	if !changes(diff, c.rollups) {
		return
	}
	c.rollups = now
	p.revision++
	p.out(&Sealed{Switch: AllSwitches, Interval: i, Correction: true, Rollups: inOrder(diff)})
}

// changes tells whether adding diff to what was handed on changes anything.
func changes(diff, was map[Key]*Rollup) bool {
	for k, d := range diff {
		for n, v := range d.Values {
			if counterInfo[n].Max && (was[k] == nil && v != 0 || was[k] != nil && v > was[k].Values[n]) || !counterInfo[n].Max && v != 0 {
				return true
			}
		}
	}
	return false
}

// Revision changes whenever something was handed on.
func (p *People) Revision() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.revision
}

// OpenSpans are the stretches of one switch that are not handed over yet.
type OpenSpans struct {
	Switch   string
	Interval Interval
	Spans    []NamedSpan
}

// Pending is what the intervals come to so far that were not handed on, together
// with the stretches that the trackers still have.
func (p *People) Pending(open []OpenSpans) []*Rollup {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := map[Interval]map[string][]NamedSpan{}
	add := func(i Interval, sw string, spans []NamedSpan) {
		if all[i] == nil {
			all[i] = map[string][]NamedSpan{}
		}
		all[i][sw] = append(slices.Clip(all[i][sw]), spans...)
	}
	for i, c := range p.held {
		if c.rollups == nil {
			for sw, spans := range c.spans {
				add(i, sw, spans)
			}
		}
	}
	for _, o := range open {
		if through, ok := p.through[o.Switch]; (!ok || o.Interval > through) && (!p.any || o.Interval > p.done) {
			add(o.Interval, o.Switch, o.Spans)
		}
	}
	var out []*Rollup
	last := p.last
	for _, i := range slices.Sorted(maps.Keys(all)) {
		var rows map[Key]*Rollup
		rows, last = sweep(i, all[i], last)
		for _, r := range inOrder(rows) {
			out = append(out, &r)
		}
	}
	return out
}

func inOrder(rows map[Key]*Rollup) []Rollup {
	out := make([]Rollup, 0, len(rows))
	for _, r := range rows {
		if !r.isZero() {
			out = append(out, *r)
		}
	}
	slices.SortFunc(out, func(a, b Rollup) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Second, b.Second))
	})
	return out
}
