package api

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tallyd/metrics/roster"
)

// Who may ask for what is decided here and in view.go, for every way in.

// Role is what somebody who asks is to the call centre.
type Role string

// The roles.
const (
	AdminRole      Role = "admin"      // everything
	SupervisorRole Role = "supervisor" // queues, and the agents of some teams
	AgentRole      Role = "agent"      // themselves alone
	WallboardRole  Role = "wallboard"  // what hangs on the wall: queues and who is doing what now
	ScoringRole    Role = "scoring"    // all figures and contacts, to appraise by
	IngestRole     Role = "ingest"     // feeds in facts, reads nothing
)

// AllRoles lists them.
func AllRoles() []Role {
	return []Role{AdminRole, SupervisorRole, AgentRole, WallboardRole, ScoringRole, IngestRole}
}

// Right is a kind of question or of feed.
type Right string

// The rights.
const (
	SeeSite     Right = "site"     // how the site, its switches and its store fare
	SeeQueues   Right = "queues"   // queues' present states and figures of the day
	SeeAgents   Right = "agents"   // agents' present states and figures of the day
	AskKPI      Right = "kpi"      // figures of any span
	AskContacts Right = "contacts" // what became of single callers
	SeeRoster   Right = "roster"   // who is who
	AskFacts    Right = "facts"    // surveys, dispositions, training, forms
	Export      Right = "export"   // all that appraisals rest on
	SeeScores   Right = "scores"   // cards
	SealScores  Right = "seal"     // to make cards final
	ReadRecords Right = "records"  // the streams of rollups and contacts
	Feed        Right = "feed"     // surveys, dispositions, training, forms
	SeeMetrics  Right = "metrics"  // how the daemon itself fares, for Prometheus
	SeeAlerts   Right = "alerts"   // what is raised, about what may be seen otherwise
	SetUp       Right = "setup"    // to try switches and rosters
)

// AllRights lists them.
func AllRights() []Right {
	return []Right{SeeSite, SeeQueues, SeeAgents, AskKPI, AskContacts, SeeRoster, AskFacts, Export, SeeScores, SealScores, ReadRecords, Feed, SeeMetrics, SeeAlerts, SetUp}
}

// granted is what each role may. Where it is about agents, supervisors get those
// of their teams, agents themselves.
var granted = map[Role][]Right{
	AdminRole:      AllRights(),
	SupervisorRole: {SeeSite, SeeQueues, SeeAgents, AskKPI, AskContacts, SeeRoster, AskFacts, SeeScores, SeeAlerts},
	AgentRole:      {SeeAgents, AskKPI, AskContacts, SeeRoster, AskFacts, SeeScores, SeeAlerts},
	WallboardRole:  {SeeSite, SeeQueues, SeeAgents, AskKPI, SeeMetrics, SeeAlerts},
	ScoringRole:    {SeeSite, SeeQueues, SeeAgents, AskKPI, AskContacts, SeeRoster, AskFacts, Export, SeeScores, SealScores, ReadRecords, SeeAlerts},
	IngestRole:     {Feed},
}

// Asker is who asks.
type Asker struct {
	Name  string   `json:"name"` // the token's
	Role  Role     `json:"role"`
	Teams []string `json:"teams,omitempty"` // a supervisor's
	Agent string   `json:"agent,omitempty"` // who an agent is
}

// ErrForbidden is wrapped by what tells that somebody may not ask for something.
var ErrForbidden = errors.New("not allowed")

// Valid tells what is wrong with an asker.
func (a *Asker) Valid() error {
	switch {
	case !slices.Contains(AllRoles(), a.Role):
		return fmt.Errorf("role %q is none of %s", a.Role, joined(AllRoles()))
	case a.Role == SupervisorRole && len(a.Teams) == 0:
		return errors.New("a supervisor needs the teams whose agents may be seen")
	case a.Role != SupervisorRole && len(a.Teams) > 0:
		return fmt.Errorf("teams are a supervisor's, not a role %s's", a.Role)
	case a.Role == AgentRole && a.Agent == "":
		return errors.New("an agent's token needs the agent's id")
	case a.Role != AgentRole && a.Agent != "":
		return fmt.Errorf("an agent's id belongs to the role agent, not %s", a.Role)
	}
	return nil
}

// May tells whether somebody may ask for a kind of thing at all.
func (a *Asker) May(r Right) bool { return slices.Contains(granted[a.Role], r) }

// Sees tells whether somebody may see anything of the present.
func (a *Asker) Sees() bool { return a.May(SeeAgents) || a.May(SeeQueues) || a.May(SeeSite) }

// check is an error that says who may, where the asker may not.
func (a *Asker) check(r Right) error {
	if a.May(r) {
		return nil
	}
	var may []Role
	for _, role := range AllRoles() {
		if slices.Contains(granted[role], r) {
			may = append(may, role)
		}
	}
	return fmt.Errorf("%w: %q (role %s) may not use %s: that needs a token with the role %s", ErrForbidden, a.Name, a.Role, r, joined(may))
}

// Everybody tells whether the asker may see every agent.
func (a *Asker) Everybody() bool { return a.Role != SupervisorRole && a.Role != AgentRole }

// People is whom an asker may see at a moment.
type People struct {
	all   bool
	names map[string]bool
}

// Has tells whether an agent may be seen.
func (p *People) Has(agent string) bool { return p.all || p.names[agent] }

// List names those who may be seen, in order; nil where all may.
func (p *People) List() []string {
	if p.all {
		return nil
	}
	return sorted(p.names)
}

// people is whom the asker may see by a roster at a moment: a supervisor those
// who are in one of the teams then, or in a team that is part of one.
func (a *Asker) people(r *roster.Roster, at time.Time) *People {
	p := &People{all: a.Everybody(), names: map[string]bool{}}
	switch a.Role {
	case AgentRole:
		p.names[a.Agent] = true
	case SupervisorRole:
		for _, team := range a.Teams {
			for _, m := range r.Members(roster.ByTeam, team, at, at.Add(time.Millisecond)) {
				p.names[m.Agent] = true
			}
		}
	}
	return p
}

// teams are the supervisor's, and those that are part of them.
func (a *Asker) teams(r *roster.Roster) map[string]bool {
	mine := map[string]bool{}
	for _, t := range a.Teams {
		mine[t] = true
	}
	for _, id := range r.Names(roster.ByTeam) {
		for _, above := range r.Of(roster.ByTeam, &roster.Stay{Team: id}) {
			if slices.Contains(a.Teams, above) {
				mine[id] = true
			}
		}
	}
	return mine
}

func joined[T ~string](list []T) string {
	out := make([]string, len(list))
	for i := range list {
		out[i] = string(list[i])
	}
	return strings.Join(out, ", ")
}
