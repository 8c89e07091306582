package metrics

// Rollup is what one row counted in one interval, or in any union of intervals:
// rollups of the same row merge by addition, so sites, shards, hours and days
// are all the same operation.
type Rollup struct {
	Switch     string
	Interval   Interval // the first one, after a merge
	Kind       RowKind
	Name       string // the queue's or agent's; "" for the site
	Second     string // the pair's queue, the pause's reason
	Values     Values
	Histograms [histogramKinds]Histogram
}

func (r *Rollup) isZero() bool {
	for _, h := range r.Histograms {
		if h != nil {
			return false
		}
	}
	return r.Values.IsZero()
}

// Get reads a counter.
func (r *Rollup) Get(c Counter) int64 { return r.Values[c] }

// Merge adds o, a rollup of the same row.
func (r *Rollup) Merge(o *Rollup) {
	r.Interval = min(r.Interval, o.Interval)
	r.Values.Merge(&o.Values)
	for k := range r.Histograms {
		r.Histograms[k].Merge(o.Histograms[k])
	}
}

// Key identifies a row whatever the interval and the switch.
type Key struct {
	Kind         RowKind
	Name, Second string
}

// Key is the row's.
func (r *Rollup) Key() Key { return Key{r.Kind, r.Name, r.Second} }
