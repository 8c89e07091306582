package rules

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Appraisal gathers what cards are made of: the facts of a period, by agent and day of
// the scheme's calendar. One goroutine adds.
type Appraisal struct {
	scheme   *Scheme
	from, to time.Time // the period: midnights of the scheme's zone
	agents   map[string]map[Date]*workday
	// Outside counts facts that are not of the period.
	Outside int
}

// workday is what an agent did, and was told of, on a day.
type workday struct {
	role string // the latest one that a fact names
	at   time.Time
	work bool // it was counted, not only told of
	sums Sums
}

// NewAppraisal begins the appraisal of a period, from a day to another, exclusive.
func NewAppraisal(s *Scheme, from, to Date) *Appraisal {
	return &Appraisal{scheme: s, from: from.midnight(s.Zone), to: to.midnight(s.Zone), agents: map[string]map[Date]*workday{}}
}

func (d Date) midnight(zone *time.Location) time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, zone)
}

// DateOf is the day that a moment is in.
func DateOf(t time.Time, zone *time.Location) Date {
	y, m, d := t.In(zone).Date()
	return Date{y, m, d}
}

// Add adds a fact. The order of facts does not matter.
func (a *Appraisal) Add(f *Fact) {
	if f.At.Before(a.from) || !f.At.Before(a.to) {
		a.Outside++
		return
	}
	days := a.agents[f.Agent]
	if days == nil {
		days = map[Date]*workday{}
		a.agents[f.Agent] = days
	}
	day := DateOf(f.At, a.scheme.Zone)
	w := days[day]
	if w == nil {
		w = &workday{}
		days[day] = w
	}
	// Of two roles at one moment the greater name, so that the order does not matter.
	if f.Role != "" && (w.role == "" || cmp.Or(f.At.Compare(w.at), cmp.Compare(f.Role, w.role)) > 0) {
		w.role, w.at = f.Role, f.At
	}
	w.work = w.work || f.Counts != nil
	w.sums.Add(f)
}

// person is an agent in a role: the days of the period on which the agent had it.
type person struct {
	agent string
	days  []Date // on which something was counted
	sums  Sums
}

// people are those with a role, in the order of their names. A day on which no fact
// names a role has that of the day before, or, at the period's beginning, of the day
// after.
func (a *Appraisal) people(role string) (out []*person) {
	for _, agent := range slices.Sorted(maps.Keys(a.agents)) {
		days := a.agents[agent]
		order := slices.SortedFunc(maps.Keys(days), func(x, y Date) int {
			return cmp.Or(cmp.Compare(x.Year, y.Year), cmp.Compare(x.Month, y.Month), cmp.Compare(x.Day, y.Day))
		})
		now := ""
		for _, d := range order {
			if now == "" {
				now = days[d].role
			}
		}
		p := &person{agent: agent}
		for _, d := range order {
			w := days[d]
			if now = cmp.Or(w.role, now); now != role {
				continue
			}
			if w.work {
				p.days = append(p.days, d)
			}
			p.sums.Merge(&w.sums)
		}
		if len(p.days) > 0 {
			out = append(out, p)
		}
	}
	return out
}

// weights are the role's over a person's days, each counted by the weights of that
// day: in hundredths of a percent times days.
func (p *person) weights(r *Role) []int64 {
	out := make([]int64, len(r.Indicators))
	for _, d := range p.days {
		on := r.WeightsOn(d)
		for i := range r.Indicators {
			out[i] += int64(on[r.Indicators[i].ID])
		}
	}
	return out
}
