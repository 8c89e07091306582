package rules

import (
	"cmp"
	"math/bits"
	"slices"
	"time"

	"tallyd/metrics"
)

// work is what was counted and told of somebody in a role.
type work struct {
	sums  Sums
	days  []uint64 // a bit for each day of the period on which something was counted
	cells map[stratum][]int64
	// queues are those of work that names no team.
	queues map[string]bool
}

// stratum is a queue in a part of the week. Of each mixed measure it has the sum over
// the cases, and their number.
type stratum struct{ queue, part int32 }

func (s stratum) compare(o stratum, queues []string) int {
	return cmp.Or(cmp.Compare(queues[s.queue], queues[o.queue]), cmp.Compare(s.part, o.part))
}

func (w *work) worked(day int) {
	for len(w.days) <= day/64 {
		w.days = append(w.days, 0)
	}
	w.days[day/64] |= 1 << (day % 64)
}

// on tells whether something was counted on a day.
func (w *work) on(day int) bool {
	return day/64 < len(w.days) && w.days[day/64]>>(day%64)&1 == 1
}

// cell is what there is of a stratum.
func (w *work) cell(at stratum, mixed int) []int64 {
	if w.cells == nil {
		w.cells = map[stratum][]int64{}
	}
	c := w.cells[at]
	if c == nil {
		c = make([]int64, 2*mixed)
		w.cells[at] = c
	}
	return c
}

func (w *work) merge(o *work) {
	w.sums.Merge(&o.sums)
	for i, b := range o.days {
		for ; b != 0; b &= b - 1 {
			w.worked(64*i + bits.TrailingZeros64(b))
		}
	}
	for at, from := range o.cells {
		to := w.cell(at, len(from)/2)
		for i, n := range from {
			to[i] += n
		}
	}
}

// dates are the days on which something was counted.
func (w *work) dates(from Date) (out []Date) {
	for i, b := range w.days {
		for ; b != 0; b &= b - 1 {
			out = append(out, from.plus(64*i+bits.TrailingZeros64(b)))
		}
	}
	return out
}

// hourOfWeek is 0 for Monday's first, 167 for Sunday's last, on the clock of its zone.
func hourOfWeek(local time.Time) int {
	return (int(local.Weekday())+6)%7*24 + local.Hour()
}

// person is somebody in a role: the days on which something was counted, of the agent
// or of the team that the agent answers for, and what.
type person struct {
	agent string
	days  []Date
	own   *work
	// team is what the teams did on the days on which the agent answered for them; nil
	// in a role that is of agents.
	team    *Sums
	teams   []string
	members int64
	calls   *metrics.Rollup // of the teams' queues; nil in a role that is of agents
	score   *float64        // the mean of the members' scores, by days; nil where none has one
}

// sums are those that a measure of the person is formed over: forms and trainings are
// about the person, the rest is the team's where the role is of teams.
func (p *person) sums(m *Measure) *Sums {
	if p.team == nil || m.Own {
		return &p.own.sums
	}
	return p.team
}

// people are those with a role who have something to appraise, in the order of their
// names. scores are the members' for roles of teams.
func (s *settled) people(role *Role, scores map[string]map[string]float64) (out []*person) {
	for _, name := range s.names {
		w, days := s.workers[name], s.days[name]
		p := &person{agent: name, own: w.inRole(role.Name, days)}
		p.days = p.own.dates(s.from)
		if role.Team {
			s.answersFor(p, role, days, scores)
		}
		if len(p.days) > 0 {
			out = append(out, p)
		}
	}
	return out
}

// inRole is what an agent did in a role.
func (w *worker) inRole(role string, days []workday) *work {
	own, copied := w.roles[role], false
	for key, x := range w.loose {
		if key.role != role && (key.role != "" || days[key.day].role != role) {
			continue
		}
		if !copied { // what was gathered is not changed: more may come
			both := &work{}
			if own != nil {
				both.merge(own)
			}
			own, copied = both, true
		}
		own.merge(x)
	}
	if own == nil {
		own = &work{}
	}
	return own
}

// answersFor gathers what the teams of a person did while the person had the role.
func (s *settled) answersFor(p *person, role *Role, days []workday, scores map[string]map[string]float64) {
	p.days, p.team, p.calls = nil, &Sums{}, &metrics.Rollup{}
	counted := map[queueDay]bool{}
	seen := map[string]bool{}
	sum, n := 0.0, int64(0)
	// The members' scores are added in the order of days, teams and names.
	for i := range days {
		if days[i].role != role.Name {
			continue
		}
		worked := false
		for _, team := range days[i].teams {
			t := s.teams[teamDay{team, i}]
			if t == nil {
				continue
			}
			if !slices.Contains(p.teams, team) {
				p.teams = append(p.teams, team)
			}
			p.team.Merge(&t.sums)
			t.callsOf(s.calls, i, counted, p.calls)
			worked = worked || len(t.members) > 0
			for _, name := range sorted(t.members) {
				seen[name] = true
				if score, has := scores[name][s.days[name][i].role]; has {
					sum += score
					n++
				}
			}
		}
		if worked {
			p.days = append(p.days, s.from.plus(i))
		}
	}
	p.members = int64(len(seen))
	if n > 0 {
		mean := sum / float64(n)
		p.score = &mean
	}
}

// weights are the role's over a person's days, each counted by the weights of that
// day: in hundredths of a percent times days.
func (p *person) weights(r *Role) []int64 {
	out := make([]int64, len(r.Indicators))
	for _, d := range p.days {
		s := r.season(d)
		for i := range r.Indicators {
			out[i] += int64(r.Indicators[i].weightIn(s))
		}
	}
	return out
}
