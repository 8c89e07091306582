package rules

import (
	"fmt"
	"math"
	"slices"

	"tallyd/metrics"
)

// rated is an indicator of a person, while cards are made.
type rated struct {
	result Result
	points int64   // in ten-thousandths
	spread float64 // of the points, one standard deviation
}

// rate forms an indicator of everybody with a role: they are each other's peers.
func (s *settled) rate(x *Indicator, people []*person) []rated {
	out := make([]rated, len(people))
	figures := make([]Figure, len(people))
	counts := x.Measure.counts()
	for k, p := range people {
		r := &out[k].result
		r.ID, r.KPI, r.Expr = x.ID, x.Measure.ID, x.Expr
		figures[k], r.Why = s.scheme.figure(x, p)
		if r.Why != "" {
			continue
		}
		r.Raw, r.N = x.Unit.shown(figures[k].Value), figures[k].N
		r.Why = x.short(p)
		if x.Measure.Calls {
			r.Counts = map[string]int64{"offered": p.calls.Get(metrics.Offered), "answered": p.calls.Get(metrics.AnsweredCount), "abandoned": p.calls.Get(metrics.AbandonedCount),
				"answered_in_time": p.calls.Histograms[metrics.AnsweredWaits].Within(s.scheme.params().Threshold)}
		}
		if len(counts) > 0 {
			r.Counts = make(map[string]int64, len(counts))
			for _, c := range counts {
				r.Counts[c.String()] = p.sums(&x.Measure).Counts[c]
			}
		}
	}
	if x.Mix {
		for k, v := range s.adjust(x, people, figures) {
			if r := &out[k].result; r.Raw != nil {
				r.Adjusted = x.Unit.shown(v)
				figures[k].set(v)
			}
		}
	}
	for k, f := range shrink(figures) {
		r := &out[k].result
		if r.Raw == nil {
			continue
		}
		r.Shrunk = x.Unit.shown(f.Value)
		if figures[k].Shares || figures[k].Means {
			r.Interval = &[2]float64{*x.Unit.shown(f.Low), *x.Unit.shown(f.High)}
		}
		if r.Why != "" {
			continue
		}
		// The points are those of what the card shows.
		out[k].points = x.points(*r.Shrunk)
		points := float64(out[k].points) / pointsUnit
		r.Points, r.Rated = &points, true
		out[k].spread = x.spread(r)
	}
	return out
}

// points are those of a value, in ten-thousandths.
func (x *Indicator) points(v float64) int64 { return int64(math.Round(mul(x.Curve.At(v), pointsUnit))) }

// spread is how much chance there is in the points, as one standard deviation.
func (x *Indicator) spread(r *Result) float64 {
	if r.Interval == nil {
		return 0
	}
	return math.Abs(x.Curve.At(r.Interval[1])-x.Curve.At(r.Interval[0])) / (2 * normalQuantile)
}

// pointsUnit: points are rounded to ten-thousandths.
const pointsUnit = 10_000

// figure is what an indicator comes to for a person, or why it does not.
func (s *Scheme) figure(x *Indicator, p *person) (f Figure, why string) {
	switch {
	case x.expr != nil:
		v, err := x.expr.Number(p.value)
		if err != nil {
			return f, err.Error()
		}
		return Figure{Value: v}, ""
	case x.Measure.ID == teamScore:
		if p.score == nil {
			return f, whyNoMember
		}
		return Figure{Value: *p.score, N: p.members}, ""
	}
	if x.Measure.Calls {
		k, _ := metrics.FindKPI(s.formulaOf(x)) // schemes are checked
		v, ok := k.Value(p.calls, s.params())
		if !ok {
			return f, whyNoCalls
		}
		return Figure{Value: v, N: p.calls.Get(metrics.Offered)}, ""
	}
	f, ok := x.Measure.Of(p.sums(&x.Measure))
	if !ok {
		return f, whyNothing
	}
	return f, ""
}

// formulaOf is the id of the figure of the catalogue that an indicator is.
func (s *Scheme) formulaOf(x *Indicator) string {
	if x.Measure.ID == serviceLevel {
		return s.ServiceLevel
	}
	return x.Measure.ID
}

// params are what service levels are formed with.
func (s *Scheme) params() metrics.Params {
	return metrics.Params{Threshold: metrics.Millis(s.Threshold.Milliseconds()), ShortAbandon: metrics.Millis(metrics.DefaultQueueSettings().ShortAbandon)}
}

// shown is a figure as cards show it, and as points are made of it: times in whole
// milliseconds, the rest with six decimals.
func (u Unit) shown(v float64) *float64 {
	if u == Millis {
		v = math.Round(v)
	} else {
		v = math.Round(mul(v, 1e6)) / 1e6
	}
	v += 0 // no -0
	return &v
}

// short says which minimum is not reached, "" if all are.
func (x *Indicator) short(p *person) string {
	for _, m := range x.Minimum {
		n := p.members
		switch m.Count {
		case "members":
		case "offered":
			n = 0
			if p.calls != nil {
				n = p.calls.Get(metrics.Offered)
			}
		default:
			of := x.Measure
			of.Own = of.Own || m.Count == "forms" || m.Count == "trainings"
			n = p.sums(&of).volume(m.Count, x.Measure.ID)
		}
		if n < m.Least {
			return fmt.Sprintf(whyMinimum, m.Count, n, m.Least)
		}
	}
	return ""
}

// set replaces the value of a figure by an adjusted one.
func (f *Figure) set(v float64) {
	if f.Means {
		// The cases differ from the adjusted mean as they did from the raw one.
		f.Squares += mul(float64(f.N), mul(v, v)-mul(f.Value, f.Value))
	}
	f.Value, f.adjusted = v, true
}

// reached is how many of a share's cases are as they should be.
func (f *Figure) reached() float64 {
	switch {
	case f.adjusted:
		return mul(f.Value, float64(f.N))
	case f.Inverse:
		return float64(f.N - f.Hits)
	}
	return float64(f.Hits)
}

// adjust gives what an indicator would be on the mix that all peers have together.
func (s *settled) adjust(x *Indicator, people []*person, figures []Figure) []float64 {
	cells := s.cells(slices.Index(s.mixed, x.Measure), people)
	out := AdjustMix(cells, len(people), caseVariance(cells, figures))
	for k := range out {
		f := &figures[k]
		if f.Shares {
			out[k] = math.Min(math.Max(out[k], 0), 1)
		}
		if f.Inverse {
			out[k] = 1 - out[k]
		}
	}
	return out
}

// cells are a measure's strata of all people: queues by their names, so that sums are
// formed in the same order whatever that of the facts was.
func (s *settled) cells(mixed int, people []*person) (out []Cell) {
	order := make([]int, len(s.queues))
	for i, name := range sorted(s.queues) {
		order[s.queues[name]] = i
	}
	for k, p := range people {
		begin := len(out)
		for at, c := range p.own.cells {
			if n := c[2*mixed+1]; n > 0 {
				out = append(out, Cell{k, order[at.queue], int(at.part), n, float64(c[2*mixed])})
			}
		}
		slices.SortFunc(out[begin:], func(a, b Cell) int { return (a.Queue-b.Queue)*partsOfWeek + a.Part - b.Part })
	}
	return out
}

// caseVariance is that of one case: by the model for shares, within the peers where
// their squares are known, else within their strata.
func caseVariance(cells []Cell, figures []Figure) float64 {
	var n, hits, within, free float64
	for _, f := range figures {
		switch {
		case f.Shares:
			n += float64(f.N)
			hits += float64(f.Hits)
		case f.Means:
			within += f.about()
			free += float64(f.N - 1)
		}
	}
	switch {
	case n > 0:
		p := (hits + 0.5) / (n + 1)
		return mul(p, 1-p)
	case free > 0:
		return within / free
	}
	for k := range figures {
		if figures[k].N > 0 {
			free--
		}
	}
	for i := range cells {
		c := &cells[i]
		off := c.Sum/float64(c.N) - figures[c.Agent].Value
		within += mul(float64(c.N), mul(off, off))
		free++
	}
	if free <= 0 {
		return 0
	}
	return within / free
}

// about is Σ of the squared distances of the cases from their mean. What was rounded may
// make the squares too small.
func (f *Figure) about() float64 {
	return math.Max(f.Squares-mul(float64(f.N), mul(f.Value, f.Value)), 0)
}

// shrink shrinks the figures of peers, each kind by its model; what has none stays.
func shrink(figures []Figure) []Shrunk {
	out := make([]Shrunk, len(figures))
	for k, f := range figures {
		out[k] = Shrunk{f.Value, f.Value, f.Value}
	}
	peers := make([]Observed, len(figures))
	i := slices.IndexFunc(figures, func(f Figure) bool { return f.N > 0 && (f.Shares || f.Means) })
	if i < 0 {
		return out
	}
	if figures[i].Means {
		for k, f := range figures {
			peers[k] = Observed{N: f.N, Mean: f.Value, About: f.about()}
		}
		return ShrinkMeans(peers)
	}
	for k, f := range figures {
		peers[k] = Observed{N: f.N, Hits: f.reached()}
	}
	return ShrinkShares(peers)
}
