package config

import (
	"strconv"

	"tallyd/metrics/calendar"
	"tallyd/metrics/roster"
)

// teams checks the teams and the list of roles.
func (d *decoder) teams(f *rosterFile) []roster.Team {
	agents := map[string]bool{}
	for _, a := range f.Agents {
		agents[a.ID] = true
	}
	parents := map[string]string{}
	for i, t := range f.Teams {
		at := "teams." + strconv.Itoa(i)
		_, twice := parents[t.ID]
		switch {
		case t.ID == "":
			d.Fault(at, "a team needs an id")
			continue
		case twice:
			d.Fault(at+".id", "team id %q is used twice", t.ID)
			continue
		}
		parents[t.ID] = t.Parent
		if t.Lead != "" && !agents[t.Lead] {
			d.Fault(at+".lead", "lead %q is not among the agents", t.Lead)
		}
	}
	list := make([]roster.Team, 0, len(f.Teams))
	for i, t := range f.Teams {
		at := "teams." + strconv.Itoa(i)
		if _, ok := parents[t.Parent]; t.Parent != "" && !ok {
			d.Fault(at+".parent", "parent %q is not among the teams", t.Parent)
			t.Parent = ""
		} else if within(t.ID, t.Parent, parents) {
			d.Fault(at+".parent", "parent %q is itself part of %q", t.Parent, t.ID)
			t.Parent = ""
		}
		list = append(list, roster.Team(t))
	}
	roles := map[string]bool{}
	for i, r := range f.Roles {
		switch at := "roles." + strconv.Itoa(i); {
		case r == "":
			d.Fault(at, "a role needs a name")
		case roles[r]:
			d.Fault(at, "role %q is listed twice", r)
		}
		roles[r] = true
	}
	return list
}

// within tells whether a team is reached from another one by way of its parents.
func within(team, from string, parents map[string]string) bool {
	for range len(parents) + 1 {
		if from == "" {
			return false
		}
		if from == team {
			return true
		}
		from = parents[from]
	}
	return false // a circle of others
}

// shifts checks the shifts.
func (d *decoder) shifts(f *rosterFile) []roster.Shift {
	list := make([]roster.Shift, 0, len(f.Shifts))
	seen := map[string]bool{}
	for i := range f.Shifts {
		s, at := &f.Shifts[i], "shifts."+strconv.Itoa(i)
		switch {
		case s.ID == "":
			d.Fault(at, "a shift needs an id")
		case seen[s.ID]:
			d.Fault(at+".id", "shift id %q is used twice", s.ID)
		}
		seen[s.ID] = true
		out := roster.Shift{ID: s.ID}
		if len(s.Days) == 0 {
			d.Fault(at, "a shift needs days, such as [mon-fri]")
		}
		out.Days = d.Days(at+".days", s.Days)
		from, ok := d.clock(at, "a shift", "from", s.From)
		to, also := d.clock(at, "a shift", "to", s.To)
		switch {
		case !ok || !also:
			continue
		case from == calendar.Midnight24:
			d.Fault(at+".from", "from %q is 00:00 of the next day", s.From)
			continue
		case from == to:
			d.Fault(at+".to", "to %q is from: a whole day is from 00:00 to 24:00", s.To)
			continue
		}
		if from%15 != 0 {
			d.Fault(at+".from", "from %q is not on a quarter hour, and figures are kept by quarter hours", s.From)
		}
		if to%15 != 0 {
			d.Fault(at+".to", "to %q is not on a quarter hour, and figures are kept by quarter hours", s.To)
		}
		out.From, out.To = from, to
		d.breaks(at, s, &out.Shift)
		list = append(list, out)
	}
	return list
}

// clock reads a time of day.
func (d *decoder) clock(at, what, key, s string) (calendar.Clock, bool) {
	if s == "" {
		d.Fault(at, "%s needs %s, a time of day such as 08:30", what, key)
		return 0, false
	}
	c, err := calendar.ParseClock(s)
	if err != nil {
		d.Fault(at+"."+key, "%s %v", key, err)
	}
	return c, err == nil
}

// breaks checks a shift's breaks: within it, in order, one at a time.
func (d *decoder) breaks(at string, s *rosterShift, out *calendar.Shift) {
	last := out.From
	for i, b := range s.Breaks {
		in := at + ".breaks." + strconv.Itoa(i)
		from, ok := d.clock(in, "a break", "from", b.From)
		to, also := d.clock(in, "a break", "to", b.To)
		if !ok || !also {
			continue
		}
		begin, end := out.Within(from), out.Within(to)
		switch {
		case begin >= out.End() || end > out.End() || end <= begin:
			d.Fault(in, "the break from %s to %s is not within the shift from %s to %s", b.From, b.To, s.From, s.To)
			continue
		case begin < last:
			d.Fault(in+".from", "from %q is before the end of the break before it", b.From)
			continue
		}
		last = end
		out.Breaks = append(out.Breaks, calendar.Break{From: from, To: to})
	}
}
