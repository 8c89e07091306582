package config

import (
	"maps"
	"slices"

	"tallyd/metrics/calendar"
)

// holding is a time in which an agent has a login.
type holding struct {
	agent    int
	path     string // where it is written
	from, to calendar.Date
}

// checkLogins finds the logins that two have at the same time. It is told where
// the second of them is written, once.
func (d *decoder) checkLogins(f *rosterFile, lives [][]spell) {
	held := map[[2]string][]holding{} // by switch and login
	told := map[string]bool{}
	for i, life := range lives {
		for _, s := range life {
			if s.away {
				continue
			}
			for _, sw := range slices.Sorted(maps.Keys(s.logins)) {
				for _, l := range s.logins[sw] {
					key, h := [2]string{sw, l.name}, holding{i, l.path, s.from, s.to}
					if o := conflict(held[key], h); o != nil && !told[h.path] {
						told[h.path] = true
						d.heldTwice(f, key, h, *o)
					}
					held[key] = append(held[key], h)
				}
			}
		}
	}
}

// conflict finds who else has a login at the same time.
func conflict(list []holding, h holding) *holding {
	for i := range list {
		if o := &list[i]; o.path != h.path && o.from < h.to && h.from < o.to {
			return o
		}
	}
	return nil
}

func (d *decoder) heldTwice(f *rosterFile, key [2]string, h, o holding) {
	since := ""
	if from := max(h.from, o.from); from != ever {
		since = ", from " + from.String()
	}
	if h.agent == o.agent {
		d.Fault(h.path, "login %q of %q is given twice%s", key[1], key[0], since)
		return
	}
	d.Fault(h.path, "login %q of %q belongs to agent %q too%s", key[1], key[0], f.Agents[o.agent].ID, since)
}
