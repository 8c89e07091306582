package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"tallyd/metrics/calendar"
)

// agent makes the agent of an id; at is the path that it will have.
func (t *table) agent(id, at string) rosterAgent {
	rows := t.rows[id]
	slices.SortStableFunc(rows, func(a, b row) int { return int(a.from - b.from) })
	a := rosterAgent{ID: id}
	t.Places[at], t.Places[at+".id"] = rows[0].at, rows[0].at
	now := map[string]string{} // the value of each column as of the row before
	for i, r := range rows {
		if i > 0 && r.from == rows[i-1].from {
			t.wrong(r.at, "agent %q is on line %d too: a further row needs its own from, the date from which on it holds", id, rows[i-1].line)
			continue
		}
		if n, ok := r.cells["name"]; ok && a.Name == "" {
			a.Name, t.Places[at+".name"] = n.text, n.at
		} else if ok && a.Name != n.text {
			t.wrong(n.at, "name %q is not the one of another row of agent %q, %q", n.text, id, a.Name)
		}
		t.apply(&a, at, i, r, now)
		t.until(&a, at, i, rows)
	}
	return a
}

// apply puts a row into its agent: the first as what holds at first, others as
// changes, of which only what differs is told.
func (t *table) apply(a *rosterAgent, at string, i int, r row, now map[string]string) {
	in := at
	var c rosterChange
	if i > 0 {
		in = fmt.Sprintf("%s.changes.%d", at, len(a.Changes))
		t.Places[in] = r.at
		c.From = r.cells["from"].text
	} else {
		a.From = r.cells["from"].text
	}
	places := map[string]place{}
	if f, ok := r.cells["from"]; ok {
		places[in+".from"] = f.at
	}
	changed := i == 0 || len(a.Changes) > 0 && a.Changes[len(a.Changes)-1].Away
	for key, v := range map[string][2]*string{"team": {&a.Team, &c.Team}, "role": {&a.Role, &c.Role}, "shift": {&a.Shift, &c.Shift}} {
		x, ok := r.cells[key]
		if x.text == noValue {
			x.text = ""
		}
		if !ok || i > 0 && now[key] == x.text {
			continue
		}
		now[key] = x.text
		*v[min(i, 1)] = x.text
		places[in+"."+key] = x.at
		changed = true
	}
	for _, sw := range t.switches() {
		x, ok := r.cells[loginColumn+sw]
		list := logins(x.text)
		joined := strings.Join(list, ";")
		if !ok || now[loginColumn+sw] == joined {
			continue
		}
		now[loginColumn+sw] = joined
		given := &a.Logins
		if i > 0 {
			given = &c.Logins
		}
		if *given == nil {
			*given = map[string][]string{}
		}
		(*given)[sw] = list
		places[in+".logins"], places[in+".logins."+sw] = x.at, x.at
		for j := range list {
			places[fmt.Sprintf("%s.logins.%s.%d", in, sw, j)] = x.at
		}
		changed = true
	}
	if changed {
		maps.Copy(t.Places, places)
		if i > 0 {
			a.Changes = append(a.Changes, c)
		}
	}
}

// until ends what row i says: the agent goes for good, or comes back with the
// next row.
func (t *table) until(a *rosterAgent, at string, i int, rows []row) {
	u, ok := rows[i].cells["until"]
	if !ok {
		return
	}
	if i+1 == len(rows) {
		a.Until = u.text
		t.Places[at+".until"] = u.at
		return
	}
	d, err := calendar.ParseDate(u.text)
	next := rows[i+1]
	switch {
	case err != nil:
	case d <= rows[i].from:
		t.wrong(u.at, "until %q is not after from %q", u.text, rows[i].cells["from"].text)
	case d > next.from:
		t.wrong(u.at, "until %q is after %q, from which on line %d holds: the two overlap", u.text, next.cells["from"].text, next.line)
	case d < next.from:
		in := fmt.Sprintf("%s.changes.%d", at, len(a.Changes))
		t.Places[in], t.Places[in+".from"], t.Places[in+".away"] = rows[i].at, u.at, u.at
		a.Changes = append(a.Changes, rosterChange{From: u.text, Away: true})
	}
}
