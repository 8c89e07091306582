package metrics

import (
	"maps"
	"slices"
)

// sweep counts what agents did in an interval, of whom several switches tell:
// at every moment the busiest state that one of them tells. It returns the rows,
// and what everybody did at the end.
func sweep(i Interval, bySwitch map[string][]NamedSpan, before map[string]standing) (map[Key]*Rollup, map[string]standing) {
	agents := map[string][][]NamedSpan{}
	for _, sw := range slices.Sorted(maps.Keys(bySwitch)) {
		own := map[string][]NamedSpan{}
		for _, s := range bySwitch[sw] {
			own[s.Agent] = append(own[s.Agent], s)
		}
		for name, list := range own {
			slices.SortStableFunc(list, compareSpans)
			agents[name] = append(agents[name], list)
		}
	}
	w := sweeper{interval: i, rows: map[Key]*Rollup{}}
	after := maps.Clone(before)
	for _, name := range slices.Sorted(maps.Keys(agents)) {
		after[name] = w.agent(name, agents[name], before[name])
	}
	return w.rows, after
}

type sweeper struct {
	interval Interval
	rows     map[Key]*Rollup
}

func (w *sweeper) row(k RowKind, name, second string) *Rollup {
	key := Key{k, name, second}
	r := w.rows[key]
	if r == nil {
		r = &Rollup{Switch: AllSwitches, Interval: w.interval, Kind: k, Name: name, Second: second}
		w.rows[key] = r
	}
	return r
}

// agent counts one agent; lists are what each switch tells, in order of time.
func (w *sweeper) agent(name string, lists [][]NamedSpan, at standing) standing {
	var borders []Millis
	for _, l := range lists {
		for _, s := range l {
			borders = append(borders, s.From, s.To)
		}
	}
	slices.Sort(borders)
	borders = slices.Compact(borders)
	place := make([]int, len(lists))
	for n := 0; n+1 < len(borders); n++ {
		from, to := borders[n], borders[n+1]
		var best *NamedSpan
		blind := false
		for k, l := range lists {
			for place[k] < len(l) && l[place[k]].To <= from {
				place[k]++
			}
			if place[k] == len(l) || l[place[k]].From > from {
				continue
			}
			s := &l[place[k]]
			if s.State == Unknown {
				blind = true
			} else if best == nil || Busier(s.State) > Busier(best.State) {
				best = s
			}
		}
		if blind {
			w.row(AgentRow, name, "").Values[UnobservedTime] += int64(to - from)
		}
		if best != nil {
			at = w.count(name, best, from, to, at)
		}
	}
	return at
}

// count adds one stretch of one state.
func (w *sweeper) count(name string, s *NamedSpan, from, to Millis, was standing) standing {
	r := w.row(AgentRow, name, "")
	now := standing{state: s.State, reason: s.Reason, until: to, idleSince: from}
	if s.State.LoggedIn() {
		r.Values[stateCounter[s.State]] += int64(to - from)
		r.Values[LoggedInTime] += int64(to - from)
		if was.state == Offline {
			r.Values[Logins]++
		}
	}
	switch s.State {
	case WrappingUp:
		if s.Queue != "" {
			w.row(QueueRow, s.Queue, "").Values[WrappingUpTime] += int64(to - from)
			w.row(PairRow, name, s.Queue).Values[WrappingUpTime] += int64(to - from)
		}
	case PausedState:
		p := w.row(PauseRow, name, s.Reason)
		p.Values[PausedTime] += int64(to - from)
		if was.state != PausedState || was.reason != s.Reason {
			r.Values[Pauses]++
			p.Values[Pauses]++
		}
	case Available:
		if was.state == Available && was.until == from {
			now.idleSince = was.idleSince
		}
		r.Values[LongestIdle] = max(r.Values[LongestIdle], int64(to-now.idleSince))
	}
	return now
}
