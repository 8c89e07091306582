package roster

import (
	"slices"
	"time"

	"tallyd/metrics/calendar"
)

// A shift belongs to the stay in which it begins, and goes on to its end also
// where the next stay has another shift: who leaves the night shift at midnight
// works that night to its end. It ends early where the agent goes away, and
// where the next shift begins.

// Occurrence is one shift on one date.
type Occurrence struct {
	Shift string
	calendar.Period
}

// Occurrences lists the shifts that begin between two moments, whoever works
// them, in the order of their beginnings.
func (r *Roster) Occurrences(from, to time.Time) []Occurrence {
	var list []Occurrence
	for d := calendar.DateOf(from.In(r.Zone())) - 1; d.Start(r.Zone()).Before(to); d++ {
		begin := len(list)
		for _, s := range r.Shifts() {
			if p, ok := s.On(d, r.zone); ok && !p.From.Before(from) && p.From.Before(to) {
				list = append(list, Occurrence{s.ID, p})
			}
		}
		slices.SortStableFunc(list[begin:], func(a, b Occurrence) int { return compareMoments(a.From, b.From) })
	}
	return list
}

// Paid is how long an agent is to work between two moments: the shifts without
// their breaks.
func (r *Roster) Paid(id string, from, to time.Time) time.Duration {
	var sum time.Duration
	for _, p := range r.Scheduled(id, from, to) {
		sum += p.Length()
	}
	return sum
}

// HasShift tells whether an agent has a shift, worked or not, at any moment
// between two.
func (r *Roster) HasShift(id string, from, to time.Time) bool {
	a, ok := r.Agent(id)
	return ok && slices.ContainsFunc(a.Stays, func(s Stay) bool {
		return s.Shift != "" && !s.cut(calendar.Period{From: from, To: to}).Empty()
	})
}

// Scheduled lists when an agent is to work between two moments: the shifts
// without their breaks, in order.
func (r *Roster) Scheduled(id string, from, to time.Time) []calendar.Period {
	a, ok := r.Agent(id)
	if !ok || len(r.shifts) == 0 {
		return nil
	}
	var list []calendar.Period
	span := calendar.Period{From: from, To: to}
	for i := range a.Stays {
		list = append(list, r.scheduled(a, i, span)...)
	}
	return list
}

// scheduled lists when the agent is to work in the shifts that begin in a stay.
func (r *Roster) scheduled(a *Agent, stay int, span calendar.Period) []calendar.Period {
	s := &a.Stays[stay]
	i, ok := r.shift[s.Shift]
	if s.Shift == "" || !ok {
		return nil
	}
	shift := &r.shifts[i].Shift
	within := s.cut(calendar.Period{From: span.From.AddDate(0, 0, -2), To: span.To}) // a shift that began before may reach into the span
	if within.Empty() {
		return nil
	}
	here := leaves(a, stay)
	var list []calendar.Period
	for d := calendar.DateOf(within.From.In(r.zone)); d.Start(r.zone).Before(within.To); d++ {
		p, ok := shift.On(d, r.zone)
		if !ok || !s.Holds(d.Start(r.zone)) {
			continue
		}
		if !here.IsZero() && here.Before(p.To) {
			p.To = here
		}
		if next, ok := r.nextShift(a, d+1); ok && next.Before(p.To) {
			p.To = next
		}
		from := p.From
		for _, b := range append(shift.Unpaid(d, r.zone), calendar.Period{From: p.To, To: p.To}) {
			if w := (calendar.Period{From: from, To: b.From}).Cut(p).Cut(span); !w.Empty() {
				list = append(list, w)
			}
			from = b.To
		}
	}
	return list
}

// leaves is when the agent goes away after a stay; zero for never.
func leaves(a *Agent, stay int) time.Time {
	for ; stay+1 < len(a.Stays) && a.Stays[stay+1].From.Equal(a.Stays[stay].To); stay++ {
	}
	return a.Stays[stay].To
}

// nextShift is when the shift begins that the agent has on a date.
func (r *Roster) nextShift(a *Agent, d calendar.Date) (time.Time, bool) {
	s, here := a.At(d.Start(r.zone))
	if !here || s.Shift == "" {
		return time.Time{}, false
	}
	i, ok := r.shift[s.Shift]
	if !ok {
		return time.Time{}, false
	}
	p, ok := r.shifts[i].On(d, r.zone)
	return p.From, ok
}
