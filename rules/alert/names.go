package alert

import (
	"slices"
	"strings"

	"tallyd/metrics"
	"tallyd/rules/expression"
)

// The names of what is so now. Times are milliseconds.
const (
	Waiting     = "waiting"      // callers
	LongestWait = "longest_wait" // of those who wait; 0 for nobody
	Talking     = "talking"      // callers
	State       = "state"        // an agent's
	Reason      = "reason"       // of a pause
	OfQueue     = "queue"        // of the call that an agent is offered, talks on or wraps up
	InState     = "in_state"     // how long
	Team        = "team"         // of the roster
	Role        = "role"

	// AgentsPrefix begins the name of how many agents are in a state.
	AgentsPrefix = "agents."
)

// AgentsIn is the name of how many agents are in a state: of a queue those who work
// on its calls.
func AgentsIn(s metrics.State) string { return AgentsPrefix + s.String() }

// present are the names of what is so now.
func present(of Kind) []expression.Variable {
	var out []expression.Variable
	number := func(names ...string) {
		for _, n := range names {
			out = append(out, expression.Variable{Name: n})
		}
	}
	switch of {
	case Agent:
		for _, n := range []string{State, Reason, OfQueue, Team, Role} {
			out = append(out, expression.Variable{Name: n, Text: true})
		}
		number(InState)
	case Queue:
		number(Waiting, LongestWait, Talking)
		for _, s := range []metrics.State{metrics.RingingState, metrics.Talking, metrics.Holding, metrics.WrappingUp} {
			number(AgentsIn(s))
		}
	case Site:
		number(Waiting, LongestWait, Talking)
		for s := metrics.Unknown; s <= metrics.OnOtherCall; s++ {
			number(AgentsIn(s))
		}
	}
	return out
}

// isFigure tells whether a name is a figure of the day that a kind has. Those that
// are formed from contacts depend on days to come.
func isFigure(of Kind, id string) bool {
	k, known := metrics.FindKPI(id)
	if !known || k.OfContacts() {
		return false
	}
	queue, agent := k.For(metrics.QueueRow), k.For(metrics.AgentRow)
	return of == Queue && queue || of == Agent && agent || of == Site && (queue || agent)
}

// Variables are the names that expressions of a kind know.
func Variables(of Kind) []expression.Variable {
	out := present(of)
	for _, k := range metrics.Catalogue() {
		if isFigure(of, k.ID) {
			out = append(out, expression.Variable{Name: k.ID})
		}
	}
	return out
}

// named are the names that sound expressions ask for: those without which one of
// them is not sound any more.
func named(known []expression.Variable, texts ...string) (names []string) {
	for i, v := range known {
		needs := func(text string) bool {
			if !strings.Contains(strings.Join(strings.Fields(text), ""), v.Name) {
				return false
			}
			_, faults := expression.Condition(text, slices.Delete(slices.Clone(known), i, i+1))
			return len(faults) > 0
		}
		if slices.ContainsFunc(texts, needs) {
			names = append(names, v.Name)
		}
	}
	slices.Sort(names)
	return names
}
