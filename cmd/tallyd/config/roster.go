package config

import (
	"fmt"
	"os"

	"tallyd/metrics"
)

// Roster says who the agents are, whatever their switches call them.
type Roster struct {
	Agents []Agent `yaml:"agents"`

	names map[string]string
}

// Agent is a person.
type Agent struct {
	ID   string `yaml:"id"`
	Name string `yaml:"name"`
	Team string `yaml:"team"`
	Role string `yaml:"role"`
	// Logins are the names that each switch, by its name or kind, knows the
	// agent by.
	Logins map[string][]string `yaml:"logins"`
}

// LoadRoster reads a roster; the error is a Faults where its content is wrong.
func LoadRoster(path string) (*Roster, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := &Roster{names: map[string]string{}}
	d := &decoder{file: path, places: map[string]place{}}
	d.decode(b, r)
	taken := map[[2]string]string{}
	for i, a := range r.Agents {
		at := fmt.Sprintf("agents.%d", i)
		if a.ID == "" {
			d.fault(at, "an agent needs an id")
			continue
		}
		if _, twice := r.names[a.ID]; twice {
			d.fault(at+".id", "agent id %q is used twice", a.ID)
		}
		r.names[a.ID] = a.Name
		for sw, logins := range a.Logins {
			for j, login := range logins {
				if other, ok := taken[[2]string{sw, login}]; ok {
					d.fault(fmt.Sprintf("%s.logins.%s.%d", at, sw, j), "login %q of %q belongs to agent %q too", login, sw, other)
				}
				taken[[2]string{sw, login}] = a.ID
			}
		}
	}
	if len(d.faults) > 0 {
		return nil, d.faults
	}
	return r, nil
}

// Apply makes the names that a switch uses stand for the agents.
func (r *Roster) Apply(n *metrics.Names, switches ...string) {
	if r == nil {
		return
	}
	for _, a := range r.Agents {
		for _, sw := range switches {
			for _, login := range a.Logins[sw] {
				n.Alias(metrics.AgentName, login, a.ID)
			}
		}
	}
}

// Shared tells which agents more than one of the switches, each named with its
// kind, may tell of; nil where there is but one switch. The same name on two of
// them is the same agent, unless the roster has it as one switch's alone.
func (r *Roster) Shared(switches map[string]string) func(agent string) bool {
	if len(switches) < 2 {
		return nil
	}
	alone := map[string]bool{}
	if r != nil {
		for _, a := range r.Agents {
			n := 0
			for name, kind := range switches {
				if len(a.Logins[name]) > 0 || len(a.Logins[kind]) > 0 {
					n++
				}
			}
			alone[a.ID] = n < 2
		}
	}
	return func(agent string) bool { return !alone[agent] }
}

// NameOf is the agent's name, "" where the roster does not know the agent.
func (r *Roster) NameOf(id string) string {
	if r == nil {
		return ""
	}
	return r.names[id]
}
