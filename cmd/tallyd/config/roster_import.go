package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Imported is what became of a table.
type Imported struct {
	// YAML is the roster that it makes, or makes of another.
	YAML []byte
	// Added and Replaced are how many agents are new, and were there before.
	Added, Replaced int
}

// ImportRoster makes a roster of a CSV file, or puts its agents into another
// roster: those whose id is there take its place, but keep what the file has no
// column for; everything else in it stays, with its comments. The error is a
// Faults where something is wrong with either.
//
// The first line names the columns: id, name, team, role, shift, from, until,
// and login:SWITCH for each switch. Several rows of one id say what holds from
// their from on; what they leave empty stays as it was, and "-" is none. Several
// logins in a cell are separated by ; or |. Columns are separated by commas,
// semicolons or tabulators.
func ImportRoster(file string, content []byte, intoFile string, into []byte) (*Imported, error) {
	t := readTable(file, content)
	d := newDecoder(intoFile)
	var f rosterFile
	if into != nil {
		d.Decode(into, &f)
		if d.roster(&f, nil); len(d.Faults) > 0 {
			return nil, d.Faults.InOrder()
		}
	}
	m := &merge{table: t, into: d, old: f.Agents}
	f.Agents = m.agents()
	// The places of the roster's teams and shifts are in its own file.
	for path, p := range d.Places {
		if !strings.HasPrefix(path, "agents") {
			t.Places[path] = place{Line: p.Line, Col: p.Col, File: intoFile}
		}
	}
	want := t.roster(&f, nil)
	if faults := t.Faults.InOrder(); len(faults) > 0 {
		return nil, faults
	}
	// The YAML is read once more, whichever way it was written: it must come to the
	// same people.
	means := func(b []byte) bool {
		got, faults := readRoster(file, b, nil)
		return len(faults) == 0 && fmt.Sprint(got.Agents()) == fmt.Sprint(want.Agents())
	}
	out, err := m.splice(into, f.Agents)
	if err != nil || !means(out) {
		if out, err = m.write(into, f.Agents); err != nil {
			return nil, err
		}
		if !means(out) {
			return nil, fmt.Errorf("%s cannot be written as YAML that means the same", file)
		}
	}
	return &Imported{out, len(m.added), len(m.replaced)}, nil
}

// merge puts a table's agents among a roster's.
type merge struct {
	*table
	into *decoder
	old  []rosterAgent

	replaced map[int]int // of the old ones, by which of all
	added    []int       // the others that are new
}

// agents lists the old agents with those that the table has in their places, and
// then the new ones; the table has the place of everything then.
func (m *merge) agents() []rosterAgent {
	m.replaced = map[int]int{}
	var all []rosterAgent
	for i, a := range m.old {
		from, to := "agents."+strconv.Itoa(i), "agents."+strconv.Itoa(len(all))
		if m.rows[a.ID] == nil {
			m.copyPlaces(from, to)
			all = append(all, a)
			continue
		}
		m.replaced[i] = len(all)
		all = append(all, m.keep(a, m.agent(a.ID, to), from, to))
	}
	for _, id := range m.order {
		if slices.ContainsFunc(m.old, func(a rosterAgent) bool { return a.ID == id }) {
			continue
		}
		m.added = append(m.added, len(all))
		all = append(all, m.agent(id, "agents."+strconv.Itoa(len(all))))
	}
	return all
}

// keep takes over from an agent's old entry what the table has no column for.
func (m *merge) keep(old, now rosterAgent, from, to string) rosterAgent {
	for _, x := range []struct {
		column   string
		old, now *string
	}{{"name", &old.Name, &now.Name}, {"team", &old.Team, &now.Team}, {"role", &old.Role, &now.Role}, {"shift", &old.Shift, &now.Shift},
		{"from", &old.From, &now.From}, {"until", &old.Until, &now.Until}} {
		if !m.has(x.column) {
			*x.now = *x.old
			m.copyPlaces(from+"."+x.column, to+"."+x.column)
		}
	}
	for sw, list := range old.Logins {
		if m.has(loginColumn + sw) {
			continue
		}
		if now.Logins == nil {
			now.Logins = map[string][]string{}
		}
		now.Logins[sw] = list
		m.copyPlaces(from+".logins", to+".logins")
	}
	if column := m.undoes(old, from); column != "" {
		p := m.into.Places[from+".changes"]
		m.wrong(m.rows[old.ID][0].at, "agent %q has changes at %s:%d:%d that a file without a column %s would undo", old.ID, m.into.File, p.Line, p.Col, column)
	}
	return now
}

// undoes names a column without which the table cannot take the place of an
// agent's changes; "" for none.
func (m *merge) undoes(old rosterAgent, at string) string {
	for j, c := range old.Changes {
		for _, column := range []string{"from", "team", "role", "shift"} {
			if !m.has(column) && m.into.Set(fmt.Sprintf("%s.changes.%d.%s", at, j, column)) {
				return column
			}
		}
		for _, sw := range slices.Sorted(maps.Keys(c.Logins)) {
			if !m.has(loginColumn + sw) {
				return loginColumn + sw
			}
		}
	}
	return ""
}

// copyPlaces takes over where a value and what is in it stand in the roster.
func (m *merge) copyPlaces(from, to string) {
	for path, p := range m.into.Places {
		if rest, ok := strings.CutPrefix(path, from); ok && (rest == "" || rest[0] == '.') {
			if _, mine := m.Places[to+rest]; !mine {
				m.Places[to+rest] = place{Line: p.Line, Col: p.Col, File: m.into.File}
			}
		}
	}
}
