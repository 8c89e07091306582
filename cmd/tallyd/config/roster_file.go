package config

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"tallyd/metrics"
	"tallyd/metrics/calendar"
	"tallyd/metrics/roster"
	"tallyd/rules/document"
)

// rosterFile is a roster as people write it. A date is the local midnight at
// which it begins.
type rosterFile struct {
	TimeZone string        `yaml:"time_zone"`
	Teams    []rosterTeam  `yaml:"teams"`
	Roles    []string      `yaml:"roles"`
	Shifts   []rosterShift `yaml:"shifts"`
	Agents   []rosterAgent `yaml:"agents"`
}

type rosterTeam struct {
	ID     string `yaml:"id"`
	Name   string `yaml:"name"`
	Lead   string `yaml:"lead"`
	Parent string `yaml:"parent"`
}

type rosterShift struct {
	ID     string        `yaml:"id"`
	Days   []string      `yaml:"days"`
	From   string        `yaml:"from"`
	To     string        `yaml:"to"`
	Breaks []rosterBreak `yaml:"breaks"`
}

type rosterBreak struct {
	From string `yaml:"from"`
	To   string `yaml:"to"`
}

// rosterAgent is a person: as of the beginning, and what changes.
type rosterAgent struct {
	ID      string              `yaml:"id"`
	Name    string              `yaml:"name"`
	Team    string              `yaml:"team"`
	Role    string              `yaml:"role"`
	Shift   string              `yaml:"shift"`
	Logins  map[string][]string `yaml:"logins"`
	From    string              `yaml:"from"`
	Until   string              `yaml:"until"`
	Changes []rosterChange      `yaml:"changes"`
}

// rosterChange says what is new from a date on; the rest stays as it was.
type rosterChange struct {
	From   string              `yaml:"from"`
	Away   bool                `yaml:"away"`
	Team   string              `yaml:"team"`
	Role   string              `yaml:"role"`
	Shift  string              `yaml:"shift"`
	Logins map[string][]string `yaml:"logins"`
}

// The open ends of a life.
const (
	ever  calendar.Date = -1 << 30
	never calendar.Date = 1 << 30
)

// spell is a time between two dates in which nothing about an agent changes.
type spell struct {
	from, to          calendar.Date
	away              bool
	team, role, shift string
	logins            map[string][]login
}

// login is one of a switch's names for an agent, and where it is written.
type login struct{ name, path string }

// roster makes the roster of what was read, and notes everything that is wrong
// with it.
func (d *decoder) roster(f *rosterFile, zone *time.Location) *roster.Roster {
	if zone == nil {
		zone = time.UTC
	}
	if d.Set("time_zone") {
		z, err := time.LoadLocation(f.TimeZone)
		if err != nil || f.TimeZone == "Local" || f.TimeZone == "" {
			d.Fault("time_zone", "time_zone %q is not a time zone's name, such as Asia/Shanghai", f.TimeZone)
		} else {
			zone = z
		}
	}
	shifts := d.shifts(f)
	teams := d.teams(f)
	lives := d.lives(f)
	d.checkLogins(f, lives)

	agents := make([]roster.Agent, len(f.Agents))
	for i, a := range f.Agents {
		agents[i] = roster.Agent{ID: a.ID, Name: a.Name}
		for _, s := range lives[i] {
			if !s.away {
				agents[i].Stays = append(agents[i].Stays, s.stay(zone))
			}
		}
	}
	return roster.New(zone, teams, shifts, agents)
}

func (s *spell) stay(zone *time.Location) roster.Stay {
	out := roster.Stay{Team: s.team, Role: s.role, Shift: s.shift, Logins: map[string][]string{}}
	if s.from != ever {
		out.From = s.from.Start(zone)
	}
	if s.to != never {
		out.To = s.to.Start(zone)
	}
	for sw, list := range s.logins {
		for _, l := range list {
			out.Logins[sw] = append(out.Logins[sw], l.name)
		}
	}
	return out
}

// lives is every agent's spells, one after the other.
func (d *decoder) lives(f *rosterFile) [][]spell {
	known := map[string][]string{"team": {""}, "role": append([]string{""}, f.Roles...), "shift": {""}}
	for _, t := range f.Teams {
		known["team"] = append(known["team"], t.ID)
	}
	for _, s := range f.Shifts {
		known["shift"] = append(known["shift"], s.ID)
	}
	check := func(at, key, id string) {
		// Without a list of teams or roles every name is one; a shift has hours.
		if listed := key == "shift" || d.Set(key+"s"); listed && !slices.Contains(known[key], id) {
			d.Fault(at+"."+key, "%s %q is not among the %ss", key, id, key)
		}
	}
	lives := make([][]spell, len(f.Agents))
	seen := map[string]bool{}
	for i := range f.Agents {
		a, at := &f.Agents[i], "agents."+strconv.Itoa(i)
		switch {
		case a.ID == "":
			d.Fault(at, "an agent needs an id")
			continue
		case seen[a.ID]:
			d.Fault(at+".id", "agent id %q is used twice", a.ID)
		case len(a.ID) > metrics.MaxNameBytes:
			d.Fault(at+".id", "agent id %q has more than %d bytes", a.ID, metrics.MaxNameBytes)
		}
		seen[a.ID] = true
		check(at, "team", a.Team)
		check(at, "role", a.Role)
		check(at, "shift", a.Shift)
		for j, c := range a.Changes {
			in := at + ".changes." + strconv.Itoa(j)
			check(in, "team", c.Team)
			check(in, "role", c.Role)
			check(in, "shift", c.Shift)
		}
		lives[i] = d.life(at, a)
	}
	return lives
}

// life is one agent's spells. What is wrong is left out of it.
func (d *decoder) life(at string, a *rosterAgent) []spell {
	now := spell{from: d.date(at+".from", a.From, ever), to: d.date(at+".until", a.Until, never),
		team: a.Team, role: a.Role, shift: a.Shift, logins: d.logins(at, nil, a.Logins)}
	if now.to <= now.from && now.to != never {
		d.Fault(at+".until", "until %q is not after from %q", a.Until, a.From)
		now.to = never
	}
	until, last := now.to, "" // the date of the change before
	var list []spell
	for j := range a.Changes {
		c, in := &a.Changes[j], at+".changes."+strconv.Itoa(j)
		if c.From == "" {
			d.Fault(in, "a change needs from, the date on which it takes effect")
			continue
		}
		from := d.date(in+".from", c.From, ever)
		switch {
		case from == ever:
			continue
		case from == now.from && last != "":
			d.Fault(in+".from", "from %q is the date of the change before too: the two overlap", c.From)
			continue
		case from < now.from && last != "":
			d.Fault(in+".from", "from %q is before %q, the date of the change before: changes stand in order", c.From, last)
			continue
		case from <= now.from:
			d.Fault(in+".from", "from %q is not after %q, when the agent joins", c.From, a.From)
			continue
		case from >= until:
			d.Fault(in+".from", "from %q is not before %q, when the agent leaves", c.From, a.Until)
			continue
		}
		changed := d.Set(in+".team") || d.Set(in+".role") || d.Set(in+".shift") || d.Set(in+".logins")
		switch {
		case c.Away && changed:
			d.Fault(in, "who is away has no team, role, shift or logins to change")
		case c.Away && now.away:
			d.Fault(in+".away", "the agent is away already")
		case !c.Away && !changed && !now.away:
			d.Fault(in, "the change of %q changes nothing: it may have team, role, shift, logins or away", c.From)
		}
		now.to = from
		list = append(list, now)
		last = c.From
		now.from, now.to, now.away = from, until, c.Away
		for _, x := range []struct {
			key string
			now *string
			to  string
		}{{"team", &now.team, c.Team}, {"role", &now.role, c.Role}, {"shift", &now.shift, c.Shift}} {
			if d.Set(in + "." + x.key) {
				*x.now = x.to
			}
		}
		now.logins = d.logins(in, now.logins, c.Logins)
	}
	return append(list, now)
}

// date reads a date; one that is missing or wrong is the open end.
func (d *decoder) date(at, s string, open calendar.Date) calendar.Date {
	if s == "" {
		if d.Set(at) {
			d.Fault(at, "%s %q is not a date, such as 2026-10-15", document.Label(at), s)
		}
		return open
	}
	date, err := calendar.ParseDate(s)
	if err != nil {
		d.Fault(at, "%s %v", document.Label(at), err)
		return open
	}
	return date
}

// logins is what an agent had and what is new: of each switch that is named, all.
func (d *decoder) logins(at string, had map[string][]login, given map[string][]string) map[string][]login {
	now := maps.Clone(had)
	if now == nil {
		now = map[string][]login{}
	}
	for _, sw := range slices.Sorted(maps.Keys(given)) {
		now[sw] = nil
		for j, name := range given[sw] {
			path := at + ".logins." + sw + "." + strconv.Itoa(j)
			if name == "" {
				d.Fault(path, "a login needs a name")
				continue
			}
			now[sw] = append(now[sw], login{name, path})
		}
	}
	return now
}
