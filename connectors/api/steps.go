package api

import (
	"fmt"
	"math"
	"time"

	"tallyd/metrics"
	"tallyd/metrics/calendar"
)

// shiftStep is the step that is not calendar's: shifts need not cover all time.
const shiftStep = "shift"

// maxPeriods bounds what a span can be cut into: eleven years of hours, or three of their quarters.
const maxPeriods = 100_000

// period is one that rows are formed for.
type period struct {
	calendar.Period
	from, to metrics.Interval // what was counted in it
	ongoing  bool             // the present is in it
	shift    string
}

// through is the interval up to which a period counts: a switch's clock may be
// ahead of ours, and what it counted is there.
func (p *period) through(open bool) metrics.Interval {
	if open && p.ongoing {
		return math.MaxInt64
	}
	return p.to
}

func (p *period) holds(i metrics.Interval, open bool) bool { return i >= p.from && i < p.through(open) }

// periods cuts a span up, and names the zone that it is cut by. An interval
// belongs to the period that holds its beginning, so that none is lost and none
// counts twice whatever a zone's clock did in the past.
func (a *asked) periods(from, to metrics.Interval, until Moment) ([]period, string, error) {
	end := metrics.Millis(until).Time()
	span := calendar.Period{From: from.Start().Time(), To: end}
	switch step, known := calendar.ParseStep(a.Step); {
	case a.Step == "":
		return []period{{Period: span, from: from, to: to, ongoing: true}}, "", nil
	case a.Step == shiftStep:
		return a.shiftPeriods(span)
	case !known:
		return nil, "", fmt.Errorf("step %q is none of 15m, hour, shift, day, week, month", a.Step)
	default:
		var list []period
		for p := range step.Periods(span.From.In(a.zone), end) {
			if err := a.push(&list, p, "", end); err != nil {
				return nil, "", err
			}
		}
		return list, a.zone.String(), nil
	}
}

// shiftPeriods are the shifts that begin in the span, each to its end or to the
// present.
func (a *asked) shiftPeriods(span calendar.Period) ([]period, string, error) {
	if len(a.roster.Shifts()) == 0 {
		return nil, "", fmt.Errorf("step %q needs a roster with shifts", a.Step)
	}
	if days := span.Length() / (24 * time.Hour); int(days)*len(a.roster.Shifts()) > maxPeriods {
		return nil, "", a.tooMany()
	}
	now := a.service.Now()
	var list []period
	for _, o := range a.roster.Occurrences(span.From, span.To) {
		p := o.Period
		if p.To.After(now) {
			p.To = now.In(p.To.Location())
		}
		if p.Empty() {
			continue // it has not begun
		}
		if err := a.push(&list, p, o.Shift, now); err != nil {
			return nil, "", err
		}
	}
	return list, a.roster.Zone().String(), nil
}

// push adds a period, unless no interval begins in it.
func (a *asked) push(list *[]period, p calendar.Period, shift string, end time.Time) error {
	if len(*list) == maxPeriods {
		return a.tooMany()
	}
	x := period{Period: p, from: intervalUp(p.From), to: intervalUp(p.To), ongoing: !p.To.Before(end), shift: shift}
	if x.from >= x.to {
		return nil
	}
	x.From, x.To = x.from.Start().Time().In(p.From.Location()), x.to.Start().Time().In(p.From.Location())
	if x.To.After(p.To) && x.ongoing {
		x.To = p.To // the present
	}
	*list = append(*list, x)
	return nil
}

func (a *asked) tooMany() error {
	return fmt.Errorf("the span has more than %d periods of step %q: ask for a shorter one", maxPeriods, a.Step)
}
