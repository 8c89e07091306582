package alert

import (
	"fmt"

	"tallyd/metrics/calendar"
)

// quiet reads the hours at which nothing is raised.
func (r *reader) quiet(at string, f []quietFile, out *Rule) {
	if len(f) > maxQuiet {
		r.Fault(at, "quiet has %d entries, %d are the most", len(f), maxQuiet)
		return
	}
	for i := range f {
		x, in := &f[i], fmt.Sprintf("%s.%d", at, i)
		q := calendar.Shift{Days: [7]bool{true, true, true, true, true, true, true}, To: calendar.Midnight24}
		days, from, to := r.Set(in+".days"), r.Set(in+".from"), r.Set(in+".to")
		switch {
		case !days && !from && !to:
			r.Fault(in, "quiet needs days, or from and to, or all three: {days: [sat, sun]}")
			continue
		case from != to:
			r.Fault(in, "quiet needs from and to, both or neither")
			continue
		}
		if days {
			if len(x.Days) == 0 && !r.Faulty(in+".days") {
				r.Fault(in+".days", "days are missing, such as [sat, sun]")
			}
			q.Days = r.Days(in+".days", x.Days)
		}
		if from && !r.clocks(in, x, &q) {
			continue
		}
		out.quiet = append(out.quiet, q)
	}
}

// clocks reads the times of day between which it is quiet.
func (r *reader) clocks(in string, x *quietFile, q *calendar.Shift) bool {
	sound := true
	for _, c := range []struct {
		key, text string
		to        *calendar.Clock
	}{{"from", x.From, &q.From}, {"to", x.To, &q.To}} {
		clock, err := calendar.ParseClock(c.text)
		if err != nil {
			sound = false
			if !r.Faulty(in + "." + c.key) {
				r.Fault(in+"."+c.key, "%s %v", c.key, err)
			}
		}
		*c.to = clock
	}
	switch {
	case !sound:
	case q.From == calendar.Midnight24:
		r.Fault(in+".from", "from %q is 00:00 of the next day", x.From)
		return false
	case q.From == q.To:
		r.Fault(in+".to", "to %q is from: a whole day is from 00:00 to 24:00", x.To)
		return false
	}
	return sound
}
