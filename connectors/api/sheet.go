package api

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sort"
	"time"

	"golang.org/x/sync/errgroup"

	"tallyd/metrics"
	"tallyd/metrics/roster"
	"tallyd/storage"
)

// asked is a query that is being answered. It sees one roster, whatever is read
// anew meanwhile.
type asked struct {
	KPIQuery
	service *Service
	roster  *roster.Roster
	kinds   []metrics.RowKind
	kpis    []*metrics.KPI
	zone    *time.Location
	spans   []period  // that it is cut into
	open    bool      // the span goes on until now
	since   time.Time // when anything was counted first; zero where it does not matter
}

// The rows of an answer about a span that is cut up, about.
const (
	pageRows = 1000
	// MaxRows is the most that may be asked for: a week of a thousand agents by hour.
	MaxRows = 200_000
)

// answer fills in the rows. Of a span that is cut up it takes some periods at a
// time, so that memory is bounded by rows, not by the span.
func (a *asked) answer(ctx context.Context, periods []period, out *KPIResult) (err error) {
	if a.ofShifts() {
		if a.since, err = a.service.since(ctx); err != nil {
			return err
		}
	}
	page := cmp.Or(a.Limit, pageRows)
	for n := 1; len(periods) > 0; {
		n = min(n, len(periods))
		rows, err := a.rows(ctx, periods[:n])
		if err != nil {
			return err
		}
		out.Rows = append(out.Rows, rows...)
		periods = periods[n:]
		if len(out.Rows) > page && out.cut(page) {
			return nil
		}
		// As many more as there is room for, going by these.
		n = min(4*n, max(1, (page-len(out.Rows))/max(1, len(rows)/n)))
	}
	return nil
}

// cut leaves at most n rows, or one period if that has more; false where nothing
// is left out by that.
func (r *KPIResult) cut(n int) bool {
	for n < len(r.Rows) && n > 0 && r.Rows[n].From.Equal(r.Rows[n-1].From) {
		n--
	}
	if n == 0 {
		first := r.Rows[0].From
		n = sort.Search(len(r.Rows), func(i int) bool { return r.Rows[i].From.After(first) })
	}
	if n >= len(r.Rows) {
		return false
	}
	r.To, r.More = Moment(metrics.MillisOf(r.Rows[n].From)), true
	r.Rows = r.Rows[:n]
	return true
}

// Halve leaves the first half of the rows, in whole periods, for who has room
// for no more; false where that cannot be.
func (r *KPIResult) Halve() bool { return r.Step != "" && len(r.Rows) > 1 && r.cut(len(r.Rows)/2) }

// rows are the rows of some periods that follow one another.
func (a *asked) rows(ctx context.Context, periods []period) ([]KPIRow, error) {
	q := storage.Query{From: periods[0].from, To: periods[0].through(a.open), Kinds: a.kinds}
	for _, p := range periods {
		q.To = max(q.To, p.through(a.open))
	}
	names, some := a.counting(q.From, periods)
	q.Names = names
	fresh := func() *sheet { return newSheet(a, periods) }
	s := fresh()
	if some {
		var err error
		whole := len(periods) == 1 && s.group == nil && !s.shifts
		if s, err = gather(ctx, a.service, q, whole, fresh); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(a.kpis, (*metrics.KPI).OfContacts) {
			if err := a.service.resolved(ctx, q, nil, s.add); err != nil {
				return nil, err
			}
		}
	}
	return s.list(ctx)
}

// sheet adds rollups up by period and row.
type sheet struct {
	asked   *asked
	periods []period
	longest metrics.Interval
	group   *roster.Group // nil where rows are not of groups
	shifts  bool          // what is counted in shifts is asked for
	rows    map[line]*metrics.Rollup
	counted map[line]*metrics.Rollup // of this, what was counted by agents who have a shift
}

// line is one row of one period.
type line struct {
	period int
	name   string
}

func newSheet(a *asked, periods []period) *sheet {
	s := &sheet{asked: a, periods: periods, group: groupOf(a.Kind), rows: map[line]*metrics.Rollup{}, counted: map[line]*metrics.Rollup{}}
	for _, p := range periods {
		s.longest = max(s.longest, p.to-p.from)
	}
	s.shifts = a.ofShifts()
	return s
}

// ofShifts tells whether figures of the roster's shifts are asked for.
func (a *asked) ofShifts() bool {
	return len(a.roster.Shifts()) > 0 && slices.ContainsFunc(a.kpis, (*metrics.KPI).OfShifts)
}

// add adds a rollup of one interval, or of the whole span, which it does not
// keep.
func (s *sheet) add(r *metrics.Rollup) {
	var stay *roster.Stay
	if r.Kind == metrics.AgentRow && (s.group != nil || s.shifts) {
		stay, _ = s.asked.roster.At(r.Name, r.Interval.Start().Time())
	}
	inShift := s.shifts && stay != nil && stay.Shift != ""
	// Periods of one step may overlap, but none is longer than the longest.
	for i := s.last(r.Interval); i >= 0 && r.Interval-s.periods[i].from <= s.longest; i-- {
		if !s.periods[i].holds(r.Interval, s.asked.open) {
			continue
		}
		if s.group == nil && s.asked.Kind != Site {
			s.count(line{i, r.Name}, r, inShift)
			continue
		}
		for _, name := range s.names(r, stay) {
			s.count(line{i, name}, r, inShift)
		}
	}
}

func (s *sheet) count(at line, r *metrics.Rollup, inShift bool) {
	s.merge(s.rows, at, r)
	if inShift {
		s.merge(s.counted, at, r)
	}
}

// absorb adds another sheet of the same question, which is not used any more.
func (s *sheet) absorb(o *sheet) {
	for _, m := range [2][2]map[line]*metrics.Rollup{{s.rows, o.rows}, {s.counted, o.counted}} {
		for at, r := range m[1] {
			if sum := m[0][at]; sum != nil {
				sum.Merge(r)
			} else {
				m[0][at] = r
			}
		}
	}
}

// last is the last period that does not begin after an interval; -1 for none.
func (s *sheet) last(i metrics.Interval) int {
	return sort.Search(len(s.periods), func(n int) bool { return s.periods[n].from > i }) - 1
}

// names are the rows of a site, or of groups, that a rollup counts for.
func (s *sheet) names(r *metrics.Rollup, stay *roster.Stay) []string {
	if s.asked.Kind == Site {
		return []string{s.asked.service.cfg.Site}
	}
	groups := s.asked.roster.Of(*s.group, stay)
	if len(s.asked.Names) > 0 {
		return slices.DeleteFunc(groups, func(g string) bool { return !slices.Contains(s.asked.Names, g) })
	}
	if len(groups) == 0 {
		return []string{""} // lost to no team, and to no sum of all
	}
	return groups
}

func (s *sheet) merge(rows map[line]*metrics.Rollup, at line, r *metrics.Rollup) {
	sum := rows[at]
	if sum == nil {
		sum = &metrics.Rollup{Switch: r.Switch, Interval: r.Interval, Kind: r.Kind, Name: at.name}
		rows[at] = sum
	}
	if s.asked.Kind == Site {
		part := sitePart(*r)
		r = &part
	}
	sum.Merge(r)
}

// list forms the rows, by period and name: those that counted something, those
// that were asked for by name, and, where figures of shifts are asked for by
// their ids, those who were to work.
func (s *sheet) list(ctx context.Context) ([]KPIRow, error) {
	lines := map[line]bool{}
	for at := range s.rows {
		lines[at] = true
	}
	for i := range s.periods {
		for _, name := range s.expected(i) {
			lines[line{i, name}] = true
		}
	}
	order := slices.SortedFunc(maps.Keys(lines), func(a, b line) int {
		return cmp.Or(cmp.Compare(a.period, b.period), cmp.Compare(a.name, b.name))
	})
	out := make([]KPIRow, len(order))
	forming, ctx := errgroup.WithContext(ctx)
	left := out
	for part := range slices.Chunk(order, max(leastRows, (len(order)+atOnce-1)/atOnce)) {
		rows := left[:len(part)]
		left = left[len(part):]
		forming.Go(func() error { return s.form(ctx, part, rows) })
	}
	return out, forming.Wait()
}

// leastRows is how many rows are worth a goroutine.
const leastRows = 1000

// form forms rows.
func (s *sheet) form(ctx context.Context, of []line, rows []KPIRow) error {
	for i, at := range of {
		if err := ctx.Err(); err != nil {
			return err
		}
		a, p := s.asked, &s.periods[at.period]
		rows[i] = a.service.row(a.Kind, at.name, s.rows[at], a.kpis, a.Threshold, s.shiftsOf(at), a.Bare)
		rows[i].Label = a.label(at.name)
		if a.Step != "" {
			rows[i].From, rows[i].To, rows[i].Shift = p.From, p.To, p.shift
		}
	}
	return nil
}
