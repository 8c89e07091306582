package roster

import (
	"cmp"
	"slices"
	"time"

	"tallyd/metrics/calendar"
)

// Team is a group of agents, which may be part of another.
type Team struct {
	ID, Name string
	Lead     string // an agent's id; "" for none
	Parent   string // a team's id; "" for none
}

// Shift is when those who have it are to work.
type Shift struct {
	ID string
	calendar.Shift
}

// Agent is a person through time.
type Agent struct {
	ID, Name string
	// Stays follow one another without overlap. Between two of them, before the
	// first and after the last the agent is not here.
	Stays []Stay
}

// Stay is a time in which nothing about an agent changes. It begins and ends at
// a local midnight.
type Stay struct {
	From, To          time.Time // zero: since ever; for ever
	Team, Role, Shift string    // "" for none
	// Logins are the names that each switch, by its name or kind, knows the agent
	// by.
	Logins map[string][]string
}

// Holds tells whether a moment is in the stay.
func (s *Stay) Holds(at time.Time) bool {
	return (s.From.IsZero() || !at.Before(s.From)) && (s.To.IsZero() || at.Before(s.To))
}

// cut is the part of a period that is in the stay.
func (s *Stay) cut(p calendar.Period) calendar.Period {
	if !s.From.IsZero() && s.From.After(p.From) {
		p.From = s.From
	}
	if !s.To.IsZero() && s.To.Before(p.To) {
		p.To = s.To
	}
	return p
}

// Roster is everybody.
type Roster struct {
	zone   *time.Location
	teams  []Team
	shifts []Shift
	agents []Agent

	team, shift, agent map[string]int
	relogins           []time.Time // when a login changes, in order
}

// New makes a roster of what must be sound: ids are there once, what is referred
// to is there, and no login is held twice at any moment. Zone is where its dates
// and shifts are.
func New(zone *time.Location, teams []Team, shifts []Shift, agents []Agent) *Roster {
	r := &Roster{zone: zone, teams: teams, shifts: shifts, agents: agents,
		team: map[string]int{}, shift: map[string]int{}, agent: map[string]int{}}
	for i, t := range teams {
		r.team[t.ID] = i
	}
	for i, s := range shifts {
		r.shift[s.ID] = i
	}
	for i, a := range agents {
		r.agent[a.ID] = i
	}
	r.relogins = r.findRelogins()
	return r
}

// Zone is where the roster's dates and shifts are; UTC of a nil roster.
func (r *Roster) Zone() *time.Location {
	if r == nil {
		return time.UTC
	}
	return r.zone
}

// Agents lists everybody, also who is gone or not here yet, as given to New. The
// list must not be changed.
func (r *Roster) Agents() []Agent {
	if r == nil {
		return nil
	}
	return r.agents
}

// Teams lists the teams as given to New. The list must not be changed.
func (r *Roster) Teams() []Team {
	if r == nil {
		return nil
	}
	return r.teams
}

// Shifts lists the shifts as given to New. The list must not be changed.
func (r *Roster) Shifts() []Shift {
	if r == nil {
		return nil
	}
	return r.shifts
}

// Agent finds an agent, here or gone.
func (r *Roster) Agent(id string) (*Agent, bool) {
	if r == nil {
		return nil, false
	}
	i, ok := r.agent[id]
	if !ok {
		return nil, false
	}
	return &r.agents[i], true
}

// Team finds a team.
func (r *Roster) Team(id string) (*Team, bool) {
	if r == nil {
		return nil, false
	}
	i, ok := r.team[id]
	if !ok {
		return nil, false
	}
	return &r.teams[i], true
}

// At is what holds for an agent at a moment; false while the agent is not here.
func (r *Roster) At(id string, at time.Time) (*Stay, bool) {
	a, ok := r.Agent(id)
	if !ok {
		return nil, false
	}
	return a.At(at)
}

// At is what holds for the agent at a moment; false while the agent is not here.
func (a *Agent) At(at time.Time) (*Stay, bool) {
	// The first stay that ends after the moment.
	i, _ := slices.BinarySearchFunc(a.Stays, at, func(s Stay, at time.Time) int {
		if s.To.IsZero() || s.To.After(at) {
			return 1
		}
		return -1
	})
	if i == len(a.Stays) || !a.Stays[i].Holds(at) {
		return nil, false
	}
	return &a.Stays[i], true
}

// compareMoments orders moments; equal ones in two zones are one.
func compareMoments(a, b time.Time) int { return cmp.Compare(a.UnixNano(), b.UnixNano()) }
