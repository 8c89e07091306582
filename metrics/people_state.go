package metrics

import (
	"fmt"
	"maps"
	"slices"
)

const standingVersion = 1

// standing is what the next interval rests on.
func (p *People) standing() []byte {
	c := Encoder(nil)
	codeStanding(c, p.last)
	return c.Written()
}

func codeStanding(c *Coder, m map[string]standing) {
	c.Version("standing", standingVersion)
	names := slices.Sorted(maps.Keys(m))
	for i := range c.Len(len(names)) {
		var name string
		var s standing
		if !c.Reading() {
			name = names[i]
			s = m[name]
		}
		c.String(&name)
		CodeUint(c, &s.state)
		c.String(&s.reason)
		CodeInt(c, &s.until)
		CodeInt(c, &s.idleSince)
		if c.Err() != nil || s.state >= states {
			c.Fail("standing")
			return
		}
		m[name] = s
	}
}

// Earlier is what is known of an interval from an earlier run.
type Earlier struct {
	Interval Interval
	Spans    map[string][]NamedSpan // by switch
	// Standing is that of the interval's Sealed, and Rollups what was counted
	// since: nil and none where the interval was not combined yet.
	Standing []byte
	Rollups  []Rollup
}

// Restore goes on where an earlier run ended: through is the latest interval that
// each switch had handed over, before the standing at the beginning of the first
// interval of which a switch can still tell more (nil where nobody stood), and
// intervals, in order, are that one and those after it, as far as anything is
// known of them. It comes before the first Take. What had not come to the rollups
// by then comes now.
func (p *People) Restore(through map[string]Interval, before []byte, intervals []Earlier) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if before != nil {
		code := Decoder(before)
		codeStanding(code, p.last)
		if err := code.Done(); err != nil {
			return fmt.Errorf("how agents stood: %w", err)
		}
	}
	maps.Copy(p.through, through)
	if len(intervals) == 0 {
		return nil
	}
	known := map[Interval]*Earlier{}
	for n := range intervals {
		known[intervals[n].Interval] = &intervals[n]
		if intervals[n].Standing != nil || len(intervals[n].Rollups) > 0 {
			p.done, p.any = intervals[n].Interval, true
		}
	}
	first, last := intervals[0].Interval, intervals[len(intervals)-1].Interval
	for i := max(first, last-maxHeld); i <= last; i++ {
		if err := p.restore(i, known[i]); err != nil {
			return err
		}
	}
	for i := first; i <= p.done; i++ {
		if c := p.held[i]; c != nil {
			p.correct(i, c)
		}
	}
	if !p.patient {
		p.combine(p.ready())
	}
	return nil
}

// restore takes up one interval, of which nothing may be known.
func (p *People) restore(i Interval, x *Earlier) error {
	c := &combined{spans: map[string][]NamedSpan{}, before: p.last}
	p.held[i] = c
	if p.any && i <= p.done {
		c.rollups = map[Key]*Rollup{}
	}
	if x == nil {
		return nil
	}
	for sw, spans := range x.Spans {
		if kept := sharedOf(spans); len(kept) > 0 {
			c.spans[sw] = kept
		}
	}
	for k := range x.Rollups {
		c.rollups[x.Rollups[k].Key()] = &x.Rollups[k]
	}
	if x.Standing == nil {
		return nil
	}
	after := map[string]standing{}
	code := Decoder(x.Standing)
	codeStanding(code, after)
	if err := code.Done(); err != nil {
		return fmt.Errorf("the standing after interval %s: %w", i.Start().Time().Format("2006-01-02T15:04Z"), err)
	}
	p.last = after
	return nil
}

func sharedOf(spans []NamedSpan) (out []NamedSpan) {
	for _, x := range spans {
		if x.Shared && x.Mark == 0 {
			out = append(out, x)
		}
	}
	return out
}

// Together counts what agents of several switches did in an interval, of which
// the spans are given by switch, and tells how they stood after it. before is how
// they stood before it, nil where nobody did.
func Together(i Interval, bySwitch map[string][]NamedSpan, before []byte) (rollups []Rollup, after []byte, err error) {
	p := NewPeople(nil, true, nil)
	if before != nil {
		c := Decoder(before)
		codeStanding(c, p.last)
		if err := c.Done(); err != nil {
			return nil, nil, fmt.Errorf("how agents stood: %w", err)
		}
	}
	shared := map[string][]NamedSpan{}
	for sw, spans := range bySwitch {
		shared[sw] = sharedOf(spans)
	}
	rows, last := sweep(i, shared, p.last)
	p.last = last
	return inOrder(rows), p.standing(), nil
}
