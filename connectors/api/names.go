package api

import (
	"time"

	"tallyd/metrics"
	"tallyd/metrics/roster"
)

// NameList is what is shown beside the live states: what agents and teams are called
// now, of those whose states may be seen, and by what each queue is measured.
type NameList struct {
	TimeZone string       `json:"time_zone"` // of the site's days
	Agents   []AgentNamed `json:"agents"`
	Teams    []RosterTeam `json:"teams"`
	Queues   []QueueNamed `json:"queues"`
}

// AgentNamed is what an agent is called, and the teams that it is in: the own one
// first, then those which that is part of.
type AgentNamed struct {
	Agent string   `json:"agent"`
	Name  string   `json:"name,omitempty"`
	Teams []string `json:"teams,omitempty"`
}

// QueueNamed is by what a queue is measured.
type QueueNamed struct {
	Queue     string         `json:"queue"`
	Threshold metrics.Millis `json:"threshold_ms"` // of the service levels
	Target    float64        `json:"target"`       // share of callers, 0 to 1
}

// Zone is where the site's days begin.
func (s *Service) Zone() *time.Location { return s.cfg.Zone }

// Names tells what those are called whose states the asker may see. It is no reading
// of the roster: of agents it has their names and teams alone.
func (v *View) Names() (*NameList, error) {
	if err := v.Sees(); err != nil {
		return nil, err
	}
	s := v.service
	out := &NameList{TimeZone: s.cfg.Zone.String(), Agents: []AgentNamed{}, Teams: []RosterTeam{}, Queues: []QueueNamed{}}
	if v.May(SeeAgents) == nil {
		out.agents(s.cfg.Roster(), v.People(), s.Now())
	}
	if v.May(SeeQueues) == nil {
		for _, name := range s.names(metrics.QueueRow) {
			out.Queues = append(out.Queues, QueueNamed{name, s.cfg.Queue(name).ServiceLevel, s.cfg.Target(name)})
		}
	}
	return out, nil
}

func (l *NameList) agents(r *roster.Roster, people *People, at time.Time) {
	teams := map[string]bool{}
	for _, a := range r.Agents() {
		stay, ok := a.At(at)
		if !ok || !people.Has(a.ID) {
			continue
		}
		in := r.Of(roster.ByTeam, stay)
		for _, t := range in {
			teams[t] = true
		}
		l.Agents = append(l.Agents, AgentNamed{a.ID, a.Name, in})
	}
	for _, t := range r.Teams() {
		if teams[t.ID] {
			l.Teams = append(l.Teams, RosterTeam{t.ID, t.Name, t.Parent})
		}
	}
}
