package rules

import (
	"cmp"
	"fmt"
	"slices"

	"tallyd/metrics"
)

// Calls are what the callers of a queue came to in an hour: of a fact that is about no
// agent. Whoever answers for teams can be appraised by those of their queues.
type Calls struct {
	// Counts are a queue's counters that are not 0, named as in its rollups.
	Counts map[string]int64 `json:"counts"`
	// Waits have how many waits lie in each bin, as in rollups: answered_waits,
	// abandoned_waits, left_waits.
	Waits map[string]map[int]int64 `json:"waits,omitempty"`
}

// rollup is the calls as figures of the catalogue are formed of them.
func (c *Calls) rollup() (*metrics.Rollup, error) {
	r := &metrics.Rollup{Kind: metrics.QueueRow}
	for name, n := range c.Counts {
		i, known := metrics.CounterByName(name)
		if !known {
			return nil, fmt.Errorf("count %q is not known", name)
		}
		if n < 0 || n > most {
			return nil, fmt.Errorf("%s %d is out of bounds", name, n)
		}
		r.Values[i] = n
	}
	for name, bins := range c.Waits {
		k := slices.Index(waitNames(), name)
		if k < 0 {
			return nil, fmt.Errorf("waits %q are none of %v", name, waitNames())
		}
		for bin, n := range bins {
			if bin < 0 || bin >= metrics.WaitBins || n < 0 || n > maxWaits {
				return nil, fmt.Errorf("%s: %d in bin %d are out of bounds", name, n, bin)
			}
			if r.Histograms[k] == nil {
				r.Histograms[k] = make(metrics.Histogram, metrics.WaitBins)
			}
			r.Histograms[k][bin] = n
		}
	}
	return r, nil
}

// maxWaits bounds how many waits a bin has.
const maxWaits = 1e8

// waitNames are those of the histograms of waits, which are the first ones.
func waitNames() []string {
	return []string{metrics.AnsweredWaits.String(), metrics.AbandonedWaits.String(), metrics.LeftWaits.String()}
}

// queueDay is a queue on a day of the period.
type queueDay struct {
	queue string
	day   int
}

func (d queueDay) compare(o queueDay) int {
	return cmp.Or(cmp.Compare(d.queue, o.queue), cmp.Compare(d.day, o.day))
}

// callsOf is what the calls of a team's queues came to, on the days and in the queues
// in which its members worked.
func (t *teamwork) callsOf(calls map[queueDay]*metrics.Rollup, day int, seen map[queueDay]bool, into *metrics.Rollup) {
	for queue := range t.queues {
		at := queueDay{queue, day}
		if r := calls[at]; r != nil && !seen[at] {
			seen[at] = true
			into.Merge(r)
		}
	}
}
