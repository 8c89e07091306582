package roster

import (
	"slices"
	"time"
)

// Logins says whose each of a switch's names for agents is at a moment. A login
// under the switch's own name goes before the same one under its kind.
func (r *Roster) Logins(at time.Time, switchName, kind string) map[string]string {
	owners := map[string]string{}
	for _, key := range []string{kind, switchName} {
		for _, a := range r.Agents() {
			if s, here := a.At(at); here {
				for _, login := range s.Logins[key] {
					owners[login] = a.ID
				}
			}
		}
	}
	return owners
}

// NextLogins is the first moment after at from which on Logins says something
// else of any switch; false where it never does.
func (r *Roster) NextLogins(at time.Time) (time.Time, bool) {
	if r == nil {
		return time.Time{}, false
	}
	i, found := slices.BinarySearchFunc(r.relogins, at, compareMoments)
	if found {
		i++
	}
	if i == len(r.relogins) {
		return time.Time{}, false
	}
	return r.relogins[i], true
}

// findRelogins lists the moments at which some login becomes or is no more some
// agent's.
func (r *Roster) findRelogins() []time.Time {
	var list []time.Time
	for _, a := range r.agents {
		for i := range a.Stays {
			s := &a.Stays[i]
			var before, after *Stay
			if i > 0 && a.Stays[i-1].To.Equal(s.From) {
				before = &a.Stays[i-1]
			}
			if i+1 < len(a.Stays) && a.Stays[i+1].From.Equal(s.To) {
				after = &a.Stays[i+1]
			}
			if !s.From.IsZero() && !sameLogins(before, s) {
				list = append(list, s.From)
			}
			if !s.To.IsZero() && !sameLogins(s, after) {
				list = append(list, s.To)
			}
		}
	}
	slices.SortFunc(list, compareMoments)
	return slices.CompactFunc(list, time.Time.Equal)
}

// sameLogins tells whether two stays, nil for none, have the same logins.
func sameLogins(a, b *Stay) bool {
	type login struct{ key, name string }
	set := func(s *Stay) map[login]bool {
		m := map[login]bool{}
		if s != nil {
			for key, names := range s.Logins {
				for _, n := range names {
					m[login{key, n}] = true
				}
			}
		}
		return m
	}
	x, y := set(a), set(b)
	for l := range x {
		if !y[l] {
			return false
		}
	}
	return len(x) == len(y)
}
