package api

import "tallyd/metrics"

// peopleRevision changes when something of agents of several switches was handed
// on.
func (s *Service) peopleRevision() uint64 {
	if s.cfg.People == nil {
		return 0
	}
	return s.cfg.People.Revision()
}

// together is what the states of agents of several switches come to that was not
// handed on yet: in the open windows, and up to the present.
func (s *Service) together(windows []openWindow, from, to metrics.Interval) []*metrics.Rollup {
	if s.cfg.People == nil {
		return nil
	}
	var open []metrics.OpenSpans
	for _, w := range windows {
		if spans := w.source.Tracker.SharedSpans(w.window); len(spans) > 0 {
			open = append(open, metrics.OpenSpans{Switch: w.source.Name, Interval: w.window.Interval, Spans: spans})
		}
	}
	for i := range s.cfg.Sources {
		src := &s.cfg.Sources[i]
		for id := 1; id < min(src.Tracker.Live.Agents(), src.Tracker.Names().Len(metrics.AgentName)); id++ {
			span, ok := src.Tracker.Underway(metrics.AgentID(id))
			for ok && span.From < span.To { // it may reach over a border
				in := metrics.IntervalOf(span.From)
				part := span
				part.To = min(part.To, in.End())
				open = append(open, metrics.OpenSpans{Switch: src.Name, Interval: in, Spans: []metrics.NamedSpan{part}})
				span.From = part.To
			}
		}
	}
	var out []*metrics.Rollup
	for _, r := range s.cfg.People.Pending(open) {
		if r.Interval >= from && r.Interval < to {
			out = append(out, r)
		}
	}
	return out
}
