package api

import "tallyd/metrics"

// openWindow is a window that a tracker has not handed over.
type openWindow struct {
	source *Source
	index  int
	window *metrics.Window
}

// windows lists what the trackers show. It is read before the moment: what is
// handed over between the two is then found there, and dropped here by open.
func (s *Service) windows() []openWindow {
	var list []openWindow
	for i := range s.cfg.Sources {
		src := &s.cfg.Sources[i]
		for _, w := range src.Tracker.Windows() {
			list = append(list, openWindow{src, i, w})
		}
	}
	return list
}

// open drops the windows that were handed over, and those outside a span.
func open(list []openWindow, through map[string]metrics.Interval, from, to metrics.Interval) []openWindow {
	var out []openWindow
	for _, w := range list {
		sealed, any := through[w.source.Name]
		if any && w.window.Interval <= sealed || w.window.Interval < from || w.window.Interval >= to {
			continue
		}
		out = append(out, w)
	}
	return out
}

// key is that of row i.
func (w *openWindow) key(k metrics.RowKind, i int) metrics.Key {
	name, second := w.source.Tracker.RowName(k, i)
	return metrics.Key{Kind: k, Name: name, Second: second}
}

// read copies row i, and tells whether anything was counted.
func (w *openWindow) read(k metrics.RowKind, i int, r *metrics.Rollup) bool {
	key := w.key(k, i)
	*r = metrics.Rollup{Switch: w.source.Name, Interval: w.window.Interval, Kind: k, Name: key.Name, Second: key.Second}
	row := w.window.Rows(k).Peek(i)
	row.Read(&r.Values)
	r.Histograms = row.Histograms()
	if !r.Values.IsZero() {
		return true
	}
	for _, h := range r.Histograms {
		if h != nil {
			return true
		}
	}
	return false
}

// each calls f with every row of a kind in which something was counted.
func (w *openWindow) each(k metrics.RowKind, f func(*metrics.Rollup)) {
	rows := w.window.Rows(k)
	for i, n := 0, rows.Len(); i < n; i++ {
		var r metrics.Rollup
		if w.read(k, i, &r) {
			f(&r)
		}
	}
}
