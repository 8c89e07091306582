package api

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"tallyd/metrics"
	"tallyd/metrics/roster"
	"tallyd/rules"
)

// View is the service as somebody may see it. Every question of somebody else than
// the daemon itself goes through one.
type View struct {
	service *Service
	who     Asker
	via     string // where the question comes from
}

// As is the service as somebody may see it; via says where the questions come
// from, for the audit log.
func (s *Service) As(who Asker, via string) *View { return &View{s, who, via} }

// Who is who asks.
func (v *View) Who() Asker { return v.who }

// May is an error unless the asker may use a right.
func (v *View) May(r Right) error { return v.who.check(r) }

// Sees is an error where the asker may see nothing of the present.
func (v *View) Sees() error {
	if v.who.Sees() {
		return nil
	}
	return v.May(SeeSite)
}

// People is whom the asker may see now.
func (v *View) People() *People { return v.who.people(v.service.cfg.Roster(), v.service.Now()) }

// MaySeeAgent is an error unless the asker may see an agent.
func (v *View) MaySeeAgent(agent string) error {
	if err := v.May(SeeAgents); err != nil {
		return err
	}
	if !v.People().Has(agent) {
		return fmt.Errorf("%w: %q (role %s) may not see agent %q", ErrForbidden, v.who.Name, v.who.Role, agent)
	}
	return nil
}

// KPI answers as Service.KPI does: a supervisor about queues, the site, the own
// teams and whoever is in them now; an agent about itself; a wallboard about
// queues and the site.
func (v *View) KPI(ctx context.Context, q KPIQuery) (*KPIResult, error) {
	if err := v.May(AskKPI); err != nil {
		return nil, err
	}
	if err := v.limitKPI(&q); err != nil {
		return nil, err
	}
	if q.Kind == Agents {
		v.audit(AskKPI, q.Names, q.From, q.To)
	}
	return v.service.KPI(ctx, q)
}

// limitKPI leaves what the asker may see of a question, or is an error where that
// is nothing, or less than was asked for.
func (v *View) limitKPI(q *KPIQuery) error {
	who := &v.who
	refused := func(what string) error {
		return fmt.Errorf("%w: %q (role %s) may not ask for the figures of %s", ErrForbidden, who.Name, who.Role, what)
	}
	var mine []string
	switch {
	case who.Role == AdminRole || who.Role == ScoringRole:
		return nil
	case q.Kind == Queues || q.Kind == Site:
		if who.Role == AgentRole {
			return refused("every " + q.Kind)
		}
		return nil
	case who.Role == WallboardRole:
		return refused("any span by " + q.Kind)
	case q.Kind == Agents:
		mine = v.People().List()
	case q.Kind == Teams && who.Role == SupervisorRole:
		mine = sorted(who.teams(v.service.cfg.Roster()))
	default:
		return refused("a " + q.Kind)
	}
	for _, n := range q.Names {
		if !slices.Contains(mine, n) {
			return refused(fmt.Sprintf("%s %q", q.Kind, n))
		}
	}
	if len(mine) == 0 {
		return refused("agents: nobody is in the teams " + joined(who.Teams) + " now")
	}
	if len(q.Names) == 0 {
		q.Names = mine
	}
	return nil
}

// Contacts answers as Service.Contacts does: a supervisor with what the agents did
// who are in the own teams now, and with callers whom nobody answered; an agent
// with its own. For whom such an agent was rung they see too, but not who else
// answered, nor how that went.
func (v *View) Contacts(ctx context.Context, q ContactQuery) (*ContactList, error) {
	if err := v.May(AskContacts); err != nil {
		return nil, err
	}
	people := v.People()
	if !people.all {
		for _, agent := range []string{q.Agent, q.Rung} {
			if agent != "" && !people.Has(agent) {
				return nil, fmt.Errorf("%w: %q (role %s) may not see the contacts of agent %q", ErrForbidden, v.who.Name, v.who.Role, agent)
			}
		}
		if q.Rung == "" {
			q.of = people.names
			if v.who.Role == AgentRole {
				q.Agent = v.who.Agent
			}
		}
	}
	about := q.Agent
	if about == "" {
		about = q.Rung
	}
	v.audit(AskContacts, []string{about}, q.From, q.To)
	list, err := v.service.Contacts(ctx, q)
	if err != nil {
		return nil, err
	}
	for i := range list.Contacts {
		people.show(&list.Contacts[i])
	}
	return list, nil
}

// Facts answers as Service.Facts does: a supervisor about who is in the own teams
// now; an agent about itself, without who rated it.
func (v *View) Facts(ctx context.Context, q FactQuery) (*FactList, error) {
	if err := v.May(AskFacts); err != nil {
		return nil, err
	}
	people := v.People()
	if !people.all {
		if q.Agent != "" && !people.Has(q.Agent) {
			return nil, fmt.Errorf("%w: %q (role %s) may not see the facts of agent %q", ErrForbidden, v.who.Name, v.who.Role, q.Agent)
		}
		if v.who.Role == AgentRole {
			q.Agent = v.who.Agent
		}
		q.of = people.names
	}
	v.audit(AskFacts, []string{q.Agent}, q.From, q.To)
	list, err := v.service.Facts(ctx, q)
	if err != nil || v.who.Role != AgentRole {
		return list, err
	}
	for i := range list.Facts {
		if f := list.Facts[i].Form; f != nil {
			f.Rater = ""
		}
	}
	return list, nil
}

// Export answers as Service.Export does, to who may see everybody.
func (v *View) Export(ctx context.Context, q ExportQuery) (*ExportList, error) {
	if err := v.May(Export); err != nil {
		return nil, err
	}
	v.audit(Export, nil, q.From, q.To)
	return v.service.Export(ctx, q)
}

// Scores answers as Service.Scores does: a supervisor with the cards of who is in the
// own teams now, an agent with its own.
func (v *View) Scores(ctx context.Context, q ScoreQuery) (*ScoreList, error) {
	if err := v.limitScores(&q); err != nil {
		return nil, err
	}
	return v.service.Scores(ctx, q)
}

// Explain answers as Service.Explain does, about whom Scores may be asked.
func (v *View) Explain(ctx context.Context, q ExplainQuery) (*ExplainResult, error) {
	if err := v.limitScores(&q.ScoreQuery); err != nil {
		return nil, err
	}
	return v.service.Explain(ctx, q)
}

func (v *View) limitScores(q *ScoreQuery) error {
	if err := v.May(SeeScores); err != nil {
		return err
	}
	people := v.People()
	if !people.all {
		if q.Agent != "" && !people.Has(q.Agent) {
			return fmt.Errorf("%w: %q (role %s) may not see the card of agent %q", ErrForbidden, v.who.Name, v.who.Role, q.Agent)
		}
		if v.who.Role == AgentRole {
			q.Agent = v.who.Agent
		}
		q.of = people.names
	}
	v.audit(SeeScores, []string{q.Agent}, dayOf(q.From), dayOf(q.To))
	return nil
}

// dayOf is when a day begins, zero for none.
func dayOf(d rules.Date) time.Time {
	if d == (rules.Date{}) {
		return time.Time{}
	}
	return d.Midnight(time.UTC)
}

// Cycles answers as Service.Cycles does.
func (v *View) Cycles(ctx context.Context) ([]Cycle, error) {
	if err := v.May(SeeScores); err != nil {
		return nil, err
	}
	return v.service.Cycles(ctx)
}

// Schemes answers as Service.Schemes does: whoever may see scores may know what they
// are formed by.
func (v *View) Schemes(ctx context.Context, q SchemeQuery) (*SchemeList, error) {
	if err := v.May(SeeScores); err != nil {
		return nil, err
	}
	return v.service.Schemes(ctx, q)
}

// History answers as Service.History does, about whom Scores may be asked.
func (v *View) History(ctx context.Context, q HistoryQuery) (*History, error) {
	whose := ScoreQuery{Agent: q.Agent}
	if err := v.limitScores(&whose); err != nil {
		return nil, err
	}
	q.Agent = whose.Agent // an agent need not say whose
	return v.service.History(ctx, q)
}

// Seal does as Service.Seal does.
func (v *View) Seal(ctx context.Context, q ScoreQuery) (*ScoreList, error) {
	if err := v.May(SealScores); err != nil {
		return nil, err
	}
	v.audit(SealScores, nil, dayOf(q.From), dayOf(q.To))
	return v.service.Seal(ctx, q, v.who.Name)
}

// show leaves out of a contact whom else it was offered to.
func (p *People) show(c *Contact) {
	c.Attempts = slices.DeleteFunc(c.Attempts, func(a Attempt) bool { return !p.Has(a.Agent) })
	if b := c.CallBack; b != nil && !p.Has(b.Agent) {
		b.Agent, b.ID = "", ""
	}
	if c.Agent != "" && !p.Has(c.Agent) {
		c.Agent, c.EndedBy, c.Talk, c.Hold, c.Holds, c.HeldSpans, c.Consulted, c.Media = "", "", 0, 0, 0, nil, nil, nil
	}
}

// RosterEntry is one agent of the roster as of a moment.
type RosterEntry struct {
	Agent string `json:"agent"`
	Name  string `json:"name,omitempty"`
	Team  string `json:"team,omitempty"`
	Role  string `json:"role,omitempty"`
	Shift string `json:"shift,omitempty"`
}

// RosterTeam is a team.
type RosterTeam struct {
	ID     string `json:"id"`
	Name   string `json:"name,omitempty"`
	Parent string `json:"parent,omitempty"`
}

// RosterList is who is who at a moment.
type RosterList struct {
	At     Moment        `json:"at"`
	Agents []RosterEntry `json:"agents"`
	Teams  []RosterTeam  `json:"teams"`
}

// Roster tells who is who at a moment (zero: now) of those whom the asker may see.
func (v *View) Roster(at time.Time) (*RosterList, error) {
	if err := v.May(SeeRoster); err != nil {
		return nil, err
	}
	if at.IsZero() {
		at = v.service.Now()
	}
	r := v.service.cfg.Roster()
	people := v.People()
	out := &RosterList{At: Moment(metrics.MillisOf(at)), Agents: []RosterEntry{}, Teams: []RosterTeam{}}
	teams := map[string]bool{}
	for _, a := range r.Agents() {
		stay, ok := a.At(at)
		if !ok || !people.Has(a.ID) {
			continue
		}
		out.Agents = append(out.Agents, RosterEntry{a.ID, a.Name, stay.Team, stay.Role, stay.Shift})
		for _, t := range r.Of(roster.ByTeam, stay) {
			teams[t] = true
		}
	}
	for _, t := range r.Teams() {
		if people.all || teams[t.ID] {
			out.Teams = append(out.Teams, RosterTeam{t.ID, t.Name, t.Parent})
		}
	}
	v.audit(SeeRoster, nil, at, at)
	return out, nil
}

func sorted(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
