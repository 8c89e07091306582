package main

import (
	"context"
	"math"
	"time"

	"tallyd/metrics"
	"tallyd/storage"
)

// lookBack bounds how far back a switch can still tell more of agents that others
// have told of: a week.
const lookBack metrics.Interval = 7 * 96

// restorePeople gives back to People what an earlier run knew of agents with
// logins at several switches.
func (d *daemon) restorePeople(ctx context.Context) error {
	if d.people == nil {
		return nil
	}
	v, err := d.store.Snapshot()
	if err != nil {
		return err
	}
	defer v.Close()
	through := map[string]metrics.Interval{}
	last := metrics.Interval(math.MinInt64)
	recent := metrics.IntervalOf(metrics.MillisOf(time.Now())) - 5*lookBack // a switch's clock may be off
	for seal, err := range v.Seals(ctx, recent, math.MaxInt64/2) {
		if err != nil {
			return err
		}
		if seal.Correction || seal.Switch == metrics.AllSwitches {
			continue
		}
		through[seal.Switch] = max(seal.Interval, through[seal.Switch])
		last = max(last, seal.Interval)
	}
	if len(through) == 0 {
		return nil
	}
	first := last + 1
	for _, sw := range d.cfg.Switches {
		first = min(first, through[sw.Name]+1) // one that was never seen may tell of any
	}
	first = max(first, last-lookBack)
	before, err := standingBefore(v, first)
	if err != nil {
		return err
	}
	intervals, err := earlier(ctx, v, first, last)
	if err != nil {
		return err
	}
	return d.people.Restore(through, before, intervals)
}

// standingBefore is how agents stood at the beginning of an interval.
func standingBefore(v *storage.Snapshot, first metrics.Interval) ([]byte, error) {
	for i := first - 1; i > first-lookBack; i-- {
		if b, err := v.Standing(i); b != nil || err != nil {
			return b, err
		}
	}
	return nil, nil
}

// earlier reads what is known of the intervals from first to last.
func earlier(ctx context.Context, v *storage.Snapshot, first, last metrics.Interval) ([]metrics.Earlier, error) {
	byInterval := map[metrics.Interval]*metrics.Earlier{}
	for s, err := range v.Spans(ctx, first, last+1) {
		if err != nil {
			return nil, err
		}
		x := byInterval[s.Interval]
		if x == nil {
			x = &metrics.Earlier{Interval: s.Interval, Spans: map[string][]metrics.NamedSpan{}}
			byInterval[s.Interval] = x
		}
		x.Spans[s.Switch] = append(x.Spans[s.Switch], s.Spans...)
	}
	var out []metrics.Earlier
	for i := first; i <= last; i++ {
		x := byInterval[i]
		standing, err := v.Standing(i)
		if err != nil {
			return nil, err
		}
		if x == nil && standing == nil {
			continue
		}
		if x == nil {
			x = &metrics.Earlier{Interval: i}
		}
		if x.Standing = standing; standing != nil {
			if x.Rollups, err = v.Sum(ctx, storage.Query{From: i, To: i + 1, Switch: metrics.AllSwitches}); err != nil {
				return nil, err
			}
		}
		out = append(out, *x)
	}
	return out, nil
}
