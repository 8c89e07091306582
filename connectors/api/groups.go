package api

import (
	"fmt"
	"slices"
	"time"

	"tallyd/metrics"
	"tallyd/metrics/calendar"
	"tallyd/metrics/roster"
)

// groupOf is what the rows of a kind put agents together by; nil for the kinds
// that put nobody together.
func groupOf(kind string) *roster.Group {
	g := roster.ByTeam
	switch kind {
	case Teams:
	case Roles:
		g = roster.ByRole
	default:
		return nil
	}
	return &g
}

// check holds the names that are asked for against the roster.
func (a *asked) check() error {
	if a.Kind == Site {
		a.Names = nil
	}
	g := groupOf(a.Kind)
	if g == nil {
		return nil
	}
	if a.roster == nil {
		return fmt.Errorf("there is no roster, and so no %s is known", a.Kind)
	}
	known := a.roster.Names(*g)
	for _, n := range a.Names {
		if !slices.Contains(known, n) {
			return fmt.Errorf("%s %q is not on the roster", a.Kind, n)
		}
	}
	return nil
}

// label is what the roster calls a row.
func (a *asked) label(name string) string {
	switch a.Kind {
	case Agents:
		if p, ok := a.roster.Agent(name); ok {
			return p.Name
		}
	case Teams:
		if t, ok := a.roster.Team(name); ok {
			return t.Name
		}
	}
	return ""
}

// counting names the rows of the store that count for what is asked, none being
// all; false where nothing does.
func (a *asked) counting(from metrics.Interval, periods []period) ([]string, bool) {
	g := groupOf(a.Kind)
	if g == nil || len(a.Names) == 0 {
		return a.Names, true
	}
	end := from.Start().Time()
	for _, p := range periods {
		if p.To.After(end) {
			end = p.To
		}
	}
	if a.open {
		end = end.Add(24 * time.Hour) // by a switch's clock it may be tomorrow
	}
	var names []string
	for _, group := range a.Names {
		for _, m := range a.roster.Members(*g, group, from.Start().Time(), end) {
			names = append(names, m.Agent)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return names, len(names) > 0
}

// shifts is what a row has to do with the roster's shifts.
type shifts struct {
	any     bool // there are some
	paid    metrics.Millis
	counted *metrics.Rollup // what was counted by who has one; nil where there are none
}

// watched is the part of a period since when anything is counted: before that
// nobody can tell who came to work.
func (a *asked) watched(p calendar.Period) calendar.Period {
	if a.since.After(p.From) {
		p.From = a.since
	}
	return p
}

// shiftsOf is what a line has to do with shifts.
func (s *sheet) shiftsOf(at line) shifts {
	if !s.shifts {
		return shifts{}
	}
	p := s.asked.watched(s.periods[at.period].Period)
	var in shifts
	add := func(agent string, p calendar.Period) {
		if s.asked.roster.HasShift(agent, p.From, p.To) {
			in.any = true
			in.paid += metrics.Millis(s.asked.roster.Paid(agent, p.From, p.To).Milliseconds())
		}
	}
	switch {
	case s.asked.Kind == Agents:
		add(at.name, p)
	case s.asked.Kind == Site:
		for _, agent := range s.asked.roster.Agents() {
			add(agent.ID, p)
		}
	case s.group != nil:
		for _, m := range s.asked.roster.Members(*s.group, at.name, p.From, p.To) {
			add(m.Agent, m.Period)
		}
	}
	if in.any {
		if in.counted = s.counted[at]; in.counted == nil {
			in.counted = &metrics.Rollup{}
		}
	}
	return in
}

// expected are the names that a period has rows of even if nothing was counted.
func (s *sheet) expected(i int) []string {
	a := s.asked
	switch {
	case a.Kind == Site:
		return []string{a.service.cfg.Site}
	case len(a.Names) > 0:
		return a.Names
	case !s.shifts || len(a.KPIs) == 0:
		return nil
	}
	p := a.watched(s.periods[i].Period)
	var names []string
	if s.group != nil {
		for _, name := range a.roster.Names(*s.group) {
			if slices.ContainsFunc(a.roster.Members(*s.group, name, p.From, p.To), func(m roster.Membership) bool {
				return a.roster.Paid(m.Agent, m.From, m.To) > 0
			}) {
				names = append(names, name)
			}
		}
		return names
	}
	if a.Kind == Agents {
		for _, agent := range a.roster.Agents() {
			if a.roster.Paid(agent.ID, p.From, p.To) > 0 {
				names = append(names, agent.ID)
			}
		}
	}
	return names
}

// dayShifts is what an agent's row of a day has to do with shifts, if the agent
// has one all day: the row is not cut at the moment at which that changes.
func dayShifts(people *roster.Roster, agent string, p calendar.Period, r *metrics.Rollup) shifts {
	a, ok := people.Agent(agent)
	if !ok {
		return shifts{}
	}
	for at := p.From; at.Before(p.To); {
		stay, here := a.At(at)
		if !here || stay.Shift == "" {
			return shifts{}
		}
		if stay.To.IsZero() {
			break
		}
		at = stay.To
	}
	if r == nil {
		r = &metrics.Rollup{}
	}
	return shifts{true, metrics.Millis(people.Paid(agent, p.From, p.To).Milliseconds()), r}
}
