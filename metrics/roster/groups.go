package roster

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"tallyd/metrics/calendar"
)

// Group is what agents are put together by.
type Group uint8

// The groups.
const (
	ByTeam Group = iota
	ByRole
)

// Membership is a time without a break in which an agent is of a group.
type Membership struct {
	Agent string
	calendar.Period
}

// Of names the groups that a stay belongs to: its team, and the teams that this
// one is part of; its role; or none.
func (r *Roster) Of(g Group, s *Stay) []string {
	if r == nil || s == nil {
		return nil
	}
	if g == ByRole {
		if s.Role == "" {
			return nil
		}
		return []string{s.Role}
	}
	var list []string
	for id := s.Team; id != ""; {
		list = append(list, id)
		t, _ := r.Team(id)
		if t == nil {
			break
		}
		id = t.Parent
	}
	return list
}

// Names lists the teams or roles that there are: those that somebody has at any
// time, and every team that is described; in order.
func (r *Roster) Names(g Group) []string {
	names := map[string]bool{}
	if g == ByTeam {
		for _, t := range r.Teams() {
			names[t.ID] = true
		}
	}
	for _, a := range r.Agents() {
		for i := range a.Stays {
			for _, n := range r.Of(g, &a.Stays[i]) {
				names[n] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// Members lists who is in a team, or in one that is part of it, or has a role,
// and when, between two moments; in the order of agents and times. The members
// of "" are those who are here and in none.
func (r *Roster) Members(g Group, name string, from, to time.Time) []Membership {
	var list []Membership
	for _, a := range r.Agents() {
		begin := len(list)
		for i := range a.Stays {
			p := a.Stays[i].cut(calendar.Period{From: from, To: to})
			groups := r.Of(g, &a.Stays[i])
			if p.Empty() || !slices.Contains(groups, name) && (name != "" || len(groups) > 0) {
				continue
			}
			if last := len(list) - 1; last >= begin && list[last].To.Equal(p.From) {
				list[last].To = p.To // something else changed
				continue
			}
			list = append(list, Membership{a.ID, p})
		}
	}
	slices.SortStableFunc(list, func(a, b Membership) int { return cmp.Compare(a.Agent, b.Agent) })
	return list
}
