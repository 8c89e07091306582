package records

import (
	"cmp"
	"slices"

	"tallyd/metrics"
)

// atBorder is how far from a border of its span a record may have on the other
// side what was counted on this: its stamps may be whole seconds, and late.
const atBorder metrics.Millis = 2000

// covers tells whether a visit must be in the record: not in what was written
// before it, or after.
func (rec *Record) covers(c *metrics.Contact, border metrics.Millis) bool {
	at := c.Joined
	if rec.AtEnd {
		at, border = cmp.Or(c.Ended, c.Joined), atBorder
	}
	return rec.Span.has(at-border) && rec.Span.has(at+border)
}

// lacks tells why a record does not have a visit, as far as that is known.
func (rec *Record) lacks(c *metrics.Contact) string {
	if rec.Missing != nil {
		if why := rec.Missing(c); why != "" {
			return why
		}
	}
	switch {
	case !rec.AtEnd:
	case c.Outcome == metrics.SwitchFailed, c.EndedBy == metrics.BySwitch:
		return SwitchFailed
	case c.Outcome == metrics.Unobserved || c.Unseen:
		return NotSeen
	case mayGoOn(c, rec.Span.To):
		return NotOver
	}
	return ""
}

// atOnce is how soon a stay follows another without anything between.
const atOnce metrics.Millis = 100

// takenIn are the visits that were followed at once by one which the record is
// known not to have, and why: what the record tells of the one may be of both.
func takenIn(rec *Record, counted []metrics.Contact, paired map[*metrics.Contact]bool) map[*metrics.Contact]string {
	out := map[*metrics.Contact]string{}
	if rec.Missing == nil {
		return out
	}
	last := map[string]*metrics.Contact{} // of a leg
	for _, i := range byJoined(counted) {
		c := &counted[i]
		if before := last[c.Leg]; before != nil && before.Ended != 0 && near(c.Joined, before.Ended, atOnce) && !paired[c] {
			if why := rec.Missing(c); why != "" {
				out[before] = why
			}
		}
		last[c.Leg] = c
	}
	return out
}

// byJoined are the places of contacts in the order of joining.
func byJoined(counted []metrics.Contact) []int {
	order := make([]int, len(counted))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(counted[a].Joined, counted[b].Joined) })
	return order
}

// longestCall is for how long a caller may be on the line after a visit.
const longestCall metrics.Millis = 3600 * 1000

// mayGoOn tells whether a call may have gone on until then after a visit: the
// caller did not hang up.
func mayGoOn(c *metrics.Contact, until metrics.Millis) bool {
	return c.Ended == 0 || c.Ended > until-longestCall && c.Outcome != metrics.Abandoned && !(c.Outcome == metrics.Answered && c.EndedBy == metrics.ByCaller)
}
