package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"tallyd/metrics"
	"tallyd/storage"
)

// Verification is what counting a span once more from its evidence came to.
type Verification struct {
	From Moment `json:"from"`
	To   Moment `json:"to"`
	// Intervals and Rollups were compared; Skipped are intervals of a switch whose
	// evidence is not kept (any more).
	Intervals int `json:"intervals"`
	Skipped   int `json:"skipped"`
	Rollups   int `json:"rollups"`
	Contacts  int `json:"contacts"`
	Spans     int `json:"spans"`
	// Differences are the first thousand, Different is how many there are.
	Different   int           `json:"different"`
	Differences []Discrepancy `json:"differences"`
}

// Add adds what another span came to.
func (v *Verification) Add(o *Verification) {
	v.Intervals += o.Intervals
	v.Skipped += o.Skipped
	v.Rollups += o.Rollups
	v.Contacts += o.Contacts
	v.Spans += o.Spans
	v.Different += o.Different
	v.Differences = append(v.Differences, o.Differences[:min(len(o.Differences), maxDiscrepancies-len(v.Differences))]...)
}

// Discrepancy is a counter that does not come out of the evidence.
type Discrepancy struct {
	Interval  Moment `json:"interval"`
	Switch    string `json:"switch"`
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Second    string `json:"second,omitempty"`
	Counter   string `json:"counter"` // or a histogram's bin
	Stored    int64  `json:"stored"`
	Recounted int64  `json:"recounted"`
}

func (d Discrepancy) String() string {
	row := d.Kind
	for _, s := range [...]string{d.Name, d.Second} {
		if s != "" {
			row += fmt.Sprintf(" %q", s)
		}
	}
	return fmt.Sprintf("%s %s, %s: %s is %d, the evidence comes to %d", metrics.Millis(d.Interval).Time().Format("2006-01-02T15:04Z"), d.Switch, row, d.Counter, d.Stored, d.Recounted)
}

const (
	maxDiscrepancies = 1000
	// verifyAtOnce bounds how many intervals are in memory together.
	verifyAtOnce metrics.Interval = 8
	// lateEvidence is how long after a visit's end its offers may end.
	lateEvidence metrics.Millis = 10 * 60_000
	// longestVisit is how long a visit lasts at most that is looked for.
	longestVisit metrics.Millis = 7 * 24 * 3600_000
	// idleBefore is how far back an unbroken stretch of available is looked for.
	idleBefore metrics.Interval = 96
)

// Verify counts the intervals from (inclusive) to (exclusive) once more from the
// contacts and the spans of states, and compares every rollup that is stored with
// what that comes to. done is told of the intervals that are finished; it may be
// nil.
func Verify(ctx context.Context, s *storage.Store, from, to metrics.Interval, done func(metrics.Interval)) (*Verification, error) {
	v, err := s.Snapshot()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	x := &verifier{snap: v, out: &Verification{From: Moment(from.Start()), To: Moment(to.Start()), Differences: []Discrepancy{}},
		idle: map[string]*metrics.Recount{}}
	if x.open, err = v.Open(ctx); err != nil {
		return nil, err
	}
	if err := x.seals(ctx, from, to); err != nil {
		return nil, err
	}
	if len(x.sealed) == 0 {
		return x.out, nil
	}
	first, last := x.intervals[0], x.intervals[len(x.intervals)-1]
	if err := x.idleUpTo(ctx, first); err != nil {
		return nil, err
	}
	for i := first; i <= last; i += verifyAtOnce {
		if err := x.some(ctx, i, min(i+verifyAtOnce, last+1)); err != nil {
			return nil, err
		}
		if err := x.together(ctx, i, min(i+verifyAtOnce, last+1)); err != nil {
			return nil, err
		}
		if done != nil {
			done(min(i+verifyAtOnce, last+1))
		}
	}
	return x.out, nil
}

// Verify is Verify of the service's store.
func (s *Service) Verify(ctx context.Context, from, to metrics.Interval) (*Verification, error) {
	if s.cfg.Store == nil {
		return nil, errors.New("nothing is stored here")
	}
	return Verify(ctx, s.cfg.Store, from, to, nil)
}

type sealedPart struct {
	interval metrics.Interval
	sw       string
}

type verifier struct {
	snap      *storage.Snapshot
	out       *Verification
	open      []metrics.Contact
	sealed    map[sealedPart]bool // those with evidence
	intervals []metrics.Interval
	idle      map[string]*metrics.Recount // since when agents are idle, by switch
}

// seals finds what was stored, and of which there is evidence.
func (x *verifier) seals(ctx context.Context, from, to metrics.Interval) error {
	x.sealed = map[sealedPart]bool{}
	for seal, err := range x.snap.Seals(ctx, from, to) {
		if err != nil {
			return err
		}
		part := sealedPart{seal.Interval, seal.Switch}
		evidence, known := x.sealed[part]
		x.sealed[part] = seal.Evidence && (evidence || !known)
	}
	for part, evidence := range x.sealed {
		if part.sw == metrics.AllSwitches {
			delete(x.sealed, part)
			continue
		}
		if !evidence {
			x.out.Skipped++
		}
		x.intervals = append(x.intervals, part.interval)
	}
	slices.Sort(x.intervals)
	x.intervals = slices.Compact(x.intervals)
	return nil
}

func (x *verifier) recount(sw string) *metrics.Recount {
	r := x.idle[sw]
	if r == nil {
		r = metrics.NewRecount(sw)
		x.idle[sw] = r
	}
	return r
}

// idleUpTo finds since when agents are idle at the beginning of an interval.
func (x *verifier) idleUpTo(ctx context.Context, first metrics.Interval) error {
	if err := x.spans(ctx, first-idleBefore, first); err != nil {
		return err
	}
	for _, r := range x.idle {
		r.Forget()
	}
	x.out.Spans = 0
	return nil
}

// spans counts the spans of some intervals.
func (x *verifier) spans(ctx context.Context, from, to metrics.Interval) error {
	var list []storage.Spans
	flush := func() {
		slices.SortStableFunc(list, func(a, b storage.Spans) int { return cmp.Compare(a.Switch, b.Switch) })
		for len(list) > 0 {
			n := 1
			all := list[0].Spans
			for n < len(list) && list[n].Switch == list[0].Switch { // corrections
				all = append(all, list[n].Spans...)
				n++
			}
			metrics.SortSpans(all)
			r := x.recount(list[0].Switch)
			for i := range all {
				r.Span(&all[i])
			}
			x.out.Spans += len(all)
			list = list[n:]
		}
	}
	for s, err := range x.snap.Spans(ctx, from, to) {
		if err != nil {
			return err
		}
		if len(list) > 0 && list[0].Interval != s.Interval {
			flush()
		}
		list = append(list, s)
	}
	flush()
	return nil
}

// some verifies some intervals.
func (x *verifier) some(ctx context.Context, from, to metrics.Interval) error {
	if err := x.spans(ctx, from, to); err != nil {
		return err
	}
	begin, end := from.Start(), to.Start()
	contacts := map[string]bool{}
	for c, err := range x.snap.Contacts(ctx, storage.ContactQuery{From: begin - lateEvidence, To: end + longestVisit}) {
		if err != nil {
			return err
		}
		if c.Joined < end || c.Since != 0 && c.Since < end {
			x.recount(c.Switch).Contact(&c)
			if c.Ended >= begin && c.Ended < end {
				x.out.Contacts++
			}
			contacts[c.Switch+"\x00"+c.Visit+"\x00"+fmt.Sprint(c.Joined)] = true
		}
	}
	for i := range x.open {
		c := &x.open[i]
		if !contacts[c.Switch+"\x00"+c.Visit+"\x00"+fmt.Sprint(c.Joined)] {
			x.recount(c.Switch).Contact(c)
		}
	}
	for sw, r := range x.idle {
		if err := x.compare(ctx, sw, r, from, to); err != nil {
			return err
		}
		r.Forget()
	}
	return nil
}

// together verifies what agents with logins at several switches come to.
func (x *verifier) together(ctx context.Context, from, to metrics.Interval) error {
	bySwitch := map[metrics.Interval]map[string][]metrics.NamedSpan{}
	for s, err := range x.snap.Spans(ctx, from, to) {
		if err != nil {
			return err
		}
		if bySwitch[s.Interval] == nil {
			bySwitch[s.Interval] = map[string][]metrics.NamedSpan{}
		}
		bySwitch[s.Interval][s.Switch] = append(bySwitch[s.Interval][s.Switch], s.Spans...)
	}
	for i := from; i < to; i++ {
		after, err := x.snap.Standing(i)
		if err != nil {
			return err
		}
		if after == nil {
			continue // it was not put together (yet)
		}
		before, err := x.snap.Standing(i - 1)
		if err != nil {
			return err
		}
		rollups, _, err := metrics.Together(i, bySwitch[i], before)
		if err != nil {
			return err
		}
		again := map[metrics.Key]metrics.Rollup{}
		for _, r := range rollups {
			again[r.Key()] = r
		}
		if err := x.match(ctx, metrics.AllSwitches, i, i+1, func(metrics.Interval) map[metrics.Key]metrics.Rollup { return again }); err != nil {
			return err
		}
	}
	return nil
}

// compare holds what is stored of a switch against what was recounted.
func (x *verifier) compare(ctx context.Context, sw string, r *metrics.Recount, from, to metrics.Interval) error {
	rows := map[metrics.Interval]map[metrics.Key]metrics.Rollup{}
	for i := from; i < to; i++ {
		if !x.sealed[sealedPart{i, sw}] {
			continue
		}
		x.out.Intervals++
		rows[i] = map[metrics.Key]metrics.Rollup{}
		for _, rollup := range r.Rollups(i) {
			rows[i][rollup.Key()] = rollup
		}
	}
	return x.match(ctx, sw, from, to, func(i metrics.Interval) map[metrics.Key]metrics.Rollup { return rows[i] })
}

// match compares a switch's stored rollups with those of each interval that were
// counted again; nil where an interval is left out.
func (x *verifier) match(ctx context.Context, sw string, from, to metrics.Interval, again func(metrics.Interval) map[metrics.Key]metrics.Rollup) error {
	for stored, err := range x.snap.Rollups(ctx, storage.Query{From: from, To: to, Switch: sw}) {
		if err != nil {
			return err
		}
		rows := again(stored.Interval)
		if rows == nil {
			continue
		}
		r := rows[stored.Key()]
		delete(rows, stored.Key())
		x.out.Rollups++
		x.differ(&stored, &r)
	}
	for i := from; i < to; i++ {
		rows := again(i)
		for _, k := range slices.SortedFunc(maps.Keys(rows), compareKeys) {
			r := rows[k]
			x.differ(&metrics.Rollup{Switch: sw, Interval: i, Kind: k.Kind, Name: k.Name, Second: k.Second}, &r)
		}
	}
	return nil
}

func (x *verifier) differ(stored, again *metrics.Rollup) {
	note := func(counter string, a, b int64) {
		if a == b {
			return
		}
		x.out.Different++
		if len(x.out.Differences) < maxDiscrepancies {
			x.out.Differences = append(x.out.Differences, Discrepancy{Moment(stored.Interval.Start()), stored.Switch, stored.Kind.String(),
				stored.Name, stored.Second, counter, a, b})
		}
	}
	for _, c := range metrics.Counters() {
		note(c.String(), stored.Get(c), again.Get(c))
	}
	for k := range stored.Histograms {
		a, b := stored.Histograms[k], again.Histograms[k]
		for bin := range max(len(a), len(b)) {
			var x, y int64
			if bin < len(a) {
				x = a[bin]
			}
			if bin < len(b) {
				y = b[bin]
			}
			note(fmt.Sprintf("%v bin %d", metrics.HistogramKind(k), bin), x, y)
		}
	}
}
