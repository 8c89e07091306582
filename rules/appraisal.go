package rules

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"tallyd/metrics"
)

// Appraisal gathers what cards are made of: the facts of a period, by agent and role.
// One goroutine adds.
type Appraisal struct {
	scheme   *Scheme
	from, to Date
	start    time.Time // the period: midnights of the scheme's zone
	end      time.Time
	mixed    []Measure // those that are told by queue and part of the week
	queues   map[string]int32
	workers  map[string]*worker
	teams    map[teamDay]*teamwork // nil where nobody is appraised by a team's work
	calls    map[queueDay]*metrics.Rollup
	// Facts were added; Outside counts those besides that are not of the period.
	Facts, Outside int
}

// worker is an agent, in whatever roles.
type worker struct {
	days  []workday // of the period
	roles map[string]*work
	// loose is what names no role, or no team where that matters: it is of those that
	// the agent had on that day.
	loose map[looseDay]*work
}

// workday is what facts say of a day: the latest role and team that they name, and all
// teams.
type workday struct {
	role, team     string
	roleAt, teamAt time.Time
	teams          []string // in order
}

type looseDay struct {
	day        int
	role, team string
}

func (d looseDay) compare(o looseDay) int {
	return cmp.Or(cmp.Compare(d.day, o.day), cmp.Compare(d.role, o.role), cmp.Compare(d.team, o.team))
}

type teamDay struct {
	team string
	day  int
}

func (d teamDay) compare(o teamDay) int {
	return cmp.Or(cmp.Compare(d.team, o.team), cmp.Compare(d.day, o.day))
}

// teamwork is what a team did on a day.
type teamwork struct {
	sums    Sums
	members map[string]bool // who worked
	queues  map[string]bool // in which they did
}

// NewAppraisal begins the appraisal of a period, from a day to another, exclusive.
func NewAppraisal(s *Scheme, from, to Date) *Appraisal {
	a := &Appraisal{scheme: s, from: from, to: to, start: from.Midnight(s.Zone), end: to.Midnight(s.Zone), queues: map[string]int32{}, workers: map[string]*worker{}}
	for i := range s.Roles {
		if s.Roles[i].Team {
			a.teams, a.calls = map[teamDay]*teamwork{}, map[queueDay]*metrics.Rollup{}
		}
		for k := range s.Roles[i].Indicators {
			if x := &s.Roles[i].Indicators[k]; x.Mix && !slices.Contains(a.mixed, x.Measure) {
				a.mixed = append(a.mixed, x.Measure)
			}
		}
	}
	return a
}

// Midnight is the beginning of the day in a zone.
func (d Date) Midnight(zone *time.Location) time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, zone)
}

// DateOf is the day that a moment is in.
func DateOf(t time.Time, zone *time.Location) Date {
	y, m, d := t.In(zone).Date()
	return Date{y, m, d}
}

// MostDays bounds a period.
const MostDays = 5 * 366

// Since is how many days a day is after another.
func (d Date) Since(o Date) int {
	return int(d.Midnight(time.UTC).Sub(o.Midnight(time.UTC)) / (24 * time.Hour))
}

func (d Date) plus(days int) Date {
	return DateOf(d.Midnight(time.UTC).AddDate(0, 0, days), time.UTC)
}

// Add adds a fact. The order of facts does not matter.
func (a *Appraisal) Add(f *Fact) {
	if f.At.Before(a.start) || !f.At.Before(a.end) {
		a.Outside++
		return
	}
	a.Facts++
	if f.Calls != nil {
		a.addCalls(f)
		return
	}
	w := a.workers[f.Agent]
	if w == nil {
		w = &worker{make([]workday, a.to.Since(a.from)), map[string]*work{}, map[looseDay]*work{}}
		a.workers[f.Agent] = w
	}
	local := f.At.In(a.scheme.Zone)
	y, m, d := local.Date()
	day := Date{y, m, d}.Since(a.from)
	w.days[day].names(f)

	var s Sums
	s.Add(f)
	in := w.in(f.Role)
	if f.Role == "" || a.teams != nil && f.Team == "" {
		key := looseDay{day, f.Role, f.Team}
		if in = w.loose[key]; in == nil {
			in = &work{}
			w.loose[key] = in
		}
	}
	in.sums.Merge(&s)
	if f.work() {
		in.worked(day)
		if a.teams != nil && f.Team == "" {
			if in.queues == nil {
				in.queues = map[string]bool{}
			}
			maps.Copy(in.queues, queuesOf(f))
		}
	}
	queue := int32(-1)
	for i := range a.mixed {
		sum, n := a.mixed[i].parts(&s.Counts)
		if n == 0 && sum == 0 {
			continue
		}
		if queue < 0 {
			queue = a.queue(f.Queue)
		}
		cell := in.cell(stratum{queue, int32(partOfWeek(hourOfWeek(local)))}, len(a.mixed))
		cell[2*i] += sum
		cell[2*i+1] += n
	}
	if a.teams != nil && f.Role != "" && f.Team != "" {
		a.ofTeam(a.teams, teamDay{f.Team, day}, f.Role, f.Agent, &s, queuesOf(f))
	}
}

// queuesOf is the queue that an agent worked in; nil where a fact is not of work, and
// empty where it is of none.
func queuesOf(f *Fact) map[string]bool {
	switch {
	case !f.work():
		return nil
	case f.Queue == "":
		return map[string]bool{}
	}
	return map[string]bool{f.Queue: true}
}

// addCalls adds what a queue's callers came to, where it is asked for.
func (a *Appraisal) addCalls(f *Fact) {
	if a.calls == nil {
		return
	}
	r, _ := f.Calls.rollup() // it was checked
	at := queueDay{f.Queue, DateOf(f.At, a.scheme.Zone).Since(a.from)}
	if sum := a.calls[at]; sum != nil {
		sum.Merge(r)
	} else {
		a.calls[at] = r
	}
}

// names notes the role and team that a fact names, if it is the latest one of its day.
// Of two at one moment the greater name holds, so that the order does not matter.
func (w *workday) names(f *Fact) {
	if f.Role != "" && (w.role == "" || cmp.Or(f.At.Compare(w.roleAt), cmp.Compare(f.Role, w.role)) > 0) {
		w.role, w.roleAt = f.Role, f.At
	}
	if f.Team != "" && (w.team == "" || cmp.Or(f.At.Compare(w.teamAt), cmp.Compare(f.Team, w.team)) > 0) {
		w.team, w.teamAt = f.Team, f.At
	}
	if i, known := slices.BinarySearch(w.teams, f.Team); f.Team != "" && !known {
		w.teams = slices.Insert(w.teams, i, f.Team)
	}
}

func (w *worker) in(role string) *work {
	if role == "" {
		return nil
	}
	if w.roles[role] == nil {
		w.roles[role] = &work{}
	}
	return w.roles[role]
}

func (a *Appraisal) queue(name string) int32 {
	i, known := a.queues[name]
	if !known {
		i = int32(len(a.queues))
		a.queues[name] = i
	}
	return i
}

// ofTeam adds to what a team did on a day, unless it is about somebody who is appraised
// by the team.
func (a *Appraisal) ofTeam(teams map[teamDay]*teamwork, at teamDay, role, agent string, s *Sums, queues map[string]bool) {
	if r := a.scheme.role(role); r != nil && r.Team {
		return
	}
	t := teams[at]
	if t == nil {
		t = &teamwork{members: map[string]bool{}, queues: map[string]bool{}}
		teams[at] = t
	}
	t.sums.Merge(s)
	if queues != nil {
		t.members[agent] = true
		maps.Copy(t.queues, queues)
	}
}

func (s *Scheme) role(name string) *Role {
	i := slices.IndexFunc(s.Roles, func(r Role) bool { return r.Name == name })
	if i < 0 {
		return nil
	}
	return &s.Roles[i]
}

// settle gives each day its role and team: a day on which no fact names one has that
// of the day before, or, at the period's beginning, of the first day that has.
func (w *worker) settle() []workday {
	out := slices.Clone(w.days)
	var role string
	var team workday
	for i := len(out) - 1; i >= 0; i-- { // the first day that has
		role, team = cmp.Or(out[i].role, role), team.or(&out[i])
	}
	for i := range out {
		role, team = cmp.Or(out[i].role, role), team.or(&out[i])
		out[i].role, out[i].team, out[i].teams = role, team.team, team.teams
	}
	return out
}

// or is a day's teams, or those of w where it has none.
func (w *workday) or(day *workday) workday {
	if day.team == "" {
		return *w
	}
	return *day
}

// settled is an appraisal whose facts all have the role and team that they are of.
type settled struct {
	*Appraisal
	names []string // of workers, in order
	days  map[string][]workday
	teams map[teamDay]*teamwork
}

func (a *Appraisal) settle() *settled {
	out := &settled{a, slices.Sorted(maps.Keys(a.workers)), make(map[string][]workday, len(a.workers)), nil}
	if a.teams != nil {
		out.teams = map[teamDay]*teamwork{}
	}
	for at, t := range a.teams {
		x := &teamwork{members: maps.Clone(t.members), queues: maps.Clone(t.queues)}
		x.sums.Merge(&t.sums)
		out.teams[at] = x
	}
	for _, name := range out.names {
		w := a.workers[name]
		days := w.settle()
		out.days[name] = days
		for key, x := range w.loose {
			role, team := cmp.Or(key.role, days[key.day].role), cmp.Or(key.team, days[key.day].team)
			if a.teams != nil && team != "" {
				var queues map[string]bool
				if x.on(key.day) {
					queues = x.queues
				}
				a.ofTeam(out.teams, teamDay{team, key.day}, role, name, &x.sums, queues)
			}
		}
	}
	return out
}
