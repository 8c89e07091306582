package records

import (
	"maps"
	"slices"
)

// agents pairs the names that a record has of agents with agents.
type agents struct {
	// known gives the names by which the record may know an agent.
	known  func(agent string) []string
	counts map[string]map[string]int // of visits that both have, by the record's name and agent
}

// newAgents takes from the record and the count how agents may be named: by
// their logins, or by what the record makes of these, or by the names that
// people gave them.
func newAgents(rec *Record, counted *Counted) *agents {
	memo := map[string][]string{}
	return &agents{counts: map[string]map[string]int{}, known: func(agent string) []string {
		if names, ok := memo[agent]; ok {
			return names
		}
		names := []string{agent}
		if counted.Logins != nil {
			names = append(names, counted.Logins(agent)...)
		}
		for _, login := range slices.Clone(names) {
			alias := ""
			switch {
			case rec.Alias != nil:
				alias = rec.Alias(login)
			case counted.Name != nil:
				alias = counted.Name(login)
			}
			if alias != "" && !slices.Contains(names, alias) {
				names = append(names, alias)
			}
		}
		memo[agent] = names
		return names
	}}
}

// is tells whether the record may know an agent by a name.
func (w *agents) is(name, agent string) bool { return slices.Contains(w.known(agent), name) }

func (w *agents) see(name, agent string) {
	if name == "" || agent == "" {
		return
	}
	if w.counts[name] == nil {
		w.counts[name] = map[string]int{}
	}
	w.counts[name][agent]++
}

// same tells whether an agent is meant by a name: the record knows him by it, or,
// where no agent is known by it, it mostly stands for him.
func (w *agents) same(name, agent string) bool {
	if w.is(name, agent) {
		return true
	}
	if w.taken(name) {
		return false
	}
	best, most := "", 0
	for _, a := range slices.Sorted(maps.Keys(w.counts[name])) {
		if n := w.counts[name][a]; n > most {
			best, most = a, n
		}
	}
	return agent != "" && agent == best
}

// taken tells whether any agent is known by this name.
func (w *agents) taken(name string) bool {
	for a := range w.counts[name] {
		if w.is(name, a) {
			return true
		}
	}
	return false
}

// ambiguous tells whether a name stood for several agents.
func (w *agents) ambiguous(name string) bool { return len(w.counts[name]) > 1 && !w.taken(name) }
