package api

import "tallyd/metrics"

// underway adds the time that agents have spent in their present state and that
// is not in the counters yet: a state is counted when it ends, and at the end of
// each interval. What is added for a moment in which the tracker counts may be
// off by that change; it is shown, never stored. It calls add with a rollup for
// each such agent and interval, which add may keep.
func (s *Service) underway(from, to metrics.Interval, add func(*metrics.Rollup)) {
	for i := range s.cfg.Sources {
		src := &s.cfg.Sources[i]
		live := &src.Tracker.Live
		if live.Blind() {
			continue
		}
		names := src.Tracker.Names()
		now := live.Now()
		if to <= metrics.IntervalOf(now) { // to may be beyond any time
			now = to.Start()
		}
		for id := 1; id < min(live.Agents(), names.Len(metrics.AgentName)); id++ {
			a := live.Agent(metrics.AgentID(id))
			begin := max(a.Counted, from.Start())
			if !a.State.LoggedIn() || now <= begin || a.Counted == 0 {
				continue
			}
			if _, several := src.Tracker.Underway(metrics.AgentID(id)); several {
				continue // together adds it
			}
			for begin < now { // it may reach over a border
				in := metrics.IntervalOf(begin)
				end := min(in.End(), now)
				r := metrics.Rollup{Switch: src.Name, Interval: in, Kind: metrics.AgentRow, Name: names.Name(metrics.AgentName, uint32(id))}
				r.Values[a.State.Counter()] = int64(end - begin)
				r.Values[metrics.LoggedInTime] = int64(end - begin)
				add(&r)
				begin = end
			}
		}
	}
}
