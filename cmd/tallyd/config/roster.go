package config

import (
	"os"
	"slices"
	"time"

	"tallyd/metrics"
	"tallyd/metrics/roster"
)

// Roster is a roster that was read from a file and found sound. A nil one knows
// nobody.
type Roster struct{ *roster.Roster }

// LoadRoster reads a roster; the error is a Faults where its content is wrong.
// Zone is where its dates and shifts are unless the file says otherwise; nil is
// UTC.
func LoadRoster(path string, zone *time.Location) (*Roster, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return ReadRoster(path, b, zone)
}

// ReadRoster reads one from a text, whose faults are told as the file's.
func ReadRoster(file string, text []byte, zone *time.Location) (*Roster, error) {
	r, faults := readRoster(file, text, zone)
	if len(faults) > 0 {
		return nil, faults
	}
	return r, nil
}

func readRoster(path string, b []byte, zone *time.Location) (*Roster, Faults) {
	d := newDecoder(path)
	var f rosterFile
	d.Decode(b, &f)
	r := d.roster(&f, zone)
	return &Roster{r}, d.Faults.InOrder()
}

// Apply makes the names that a switch uses, now, stand for the agents.
func (r *Roster) Apply(n *metrics.Names, switches ...string) { r.ApplyAt(time.Now(), n, switches...) }

// ApplyAt makes the names that a switch uses at a moment stand for the agents.
// Where the switch is named in several ways, the first goes before the others.
func (r *Roster) ApplyAt(at time.Time, n *metrics.Names, switches ...string) {
	if r == nil {
		return
	}
	owner := map[string]string{}
	for _, sw := range slices.Backward(switches) {
		for login, agent := range r.Logins(at, sw, sw) {
			owner[login] = agent
		}
	}
	for _, a := range r.Agents() {
		stay, here := a.At(at)
		if !here {
			continue
		}
		for _, sw := range switches {
			for _, login := range stay.Logins[sw] {
				if owner[login] == a.ID {
					n.Alias(metrics.AgentName, login, a.ID)
				}
			}
		}
	}
}

// Shared tells which agents more than one of the switches, each named with its
// kind, may tell of; nil where there is but one switch. The same name on two of
// them is the same agent, unless the roster has it as one switch's alone, now
// and at any other time.
func (r *Roster) Shared(switches map[string]string) func(agent string) bool {
	if len(switches) < 2 {
		return nil
	}
	alone := map[string]bool{}
	if r != nil {
		for _, a := range r.Agents() {
			n := 0
			for name, kind := range switches {
				if slices.ContainsFunc(a.Stays, func(s roster.Stay) bool { return len(s.Logins[name]) > 0 || len(s.Logins[kind]) > 0 }) {
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
	a, ok := r.Agent(id)
	if !ok {
		return ""
	}
	return a.Name
}
