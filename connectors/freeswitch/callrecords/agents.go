package callrecords

import (
	"cmp"
	"math"
	"slices"

	"tallyd/connectors/source/records"
	"tallyd/metrics"
)

// agentRecord tells of each agent's latest call at each time that the list was
// printed.
func (l *lists) agentRecord() *records.Record {
	seen := &agentCheck{tables: l.agents}
	rec := &records.Record{Name: "agent list", Look: seen.look, Needs: seen.needs,
		CannotTell: []string{
			"agents' calls_answered, talk_time and no_answer_count: mod_callcenter sets them to 0 whenever an agent becomes Available",
			"agents' status, state and ready_time: what is compared are calls",
			"more than each agent's latest call at the time it was printed, and in which queue that was",
		}}
	type call struct {
		agent string
		start metrics.Millis
	}
	latest := map[call]*records.Visit{}
	for _, t := range l.agents {
		for _, r := range t.rows {
			if r.start == 0 {
				continue
			}
			v := latest[call{r.agent, r.start}]
			if v == nil {
				v = &records.Visit{Line: r.line, Agent: r.agent, Answered: r.start, Slack: records.WholeSeconds, Outcomes: []metrics.Outcome{metrics.Answered}}
				v.Uncounted = func() string { return seen.uncounted(v) }
				latest[call{r.agent, r.start}] = v
				rec.Visits = append(rec.Visits, v)
			}
			if v.Ended, v.Latest = r.end, 0; r.end < r.start {
				v.Ended, v.Latest = t.at, math.MaxInt64 // they talk
			}
			v.Last = max(v.Last, v.Answered, v.Ended)
			rec.Span.To = max(rec.Span.To, v.Last+1000)
			if rec.Span.From == 0 || r.start < rec.Span.From {
				rec.Span.From = r.start
			}
		}
	}
	return rec
}

// agentCheck knows what was counted, beside the lists.
type agentCheck struct {
	tables   []*agentTable
	expected map[*metrics.Contact]bool // later than an agent's latest in a list that was printed after it
	left     []metrics.Millis          // when callers left whom nobody answered, in order
}

// near is how far whole seconds, and a stamp before or after the step, may be
// off.
const near metrics.Millis = 2000

// look finds which calls of the agents the lists should have had.
func (s *agentCheck) look(counted []metrics.Contact, names func(agent string) []string) {
	s.expected, s.left = map[*metrics.Contact]bool{}, nil
	calls := map[string][]*metrics.Contact{} // by the list's name of the agent
	for i := range counted {
		switch c := &counted[i]; {
		case c.Outcome == metrics.Answered:
			for _, name := range names(c.Agent) {
				calls[name] = append(calls[name], c)
			}
		case c.Ended != 0:
			s.left = append(s.left, c.Ended)
		}
	}
	slices.Sort(s.left)
	for _, list := range calls {
		slices.SortFunc(list, func(a, b *metrics.Contact) int { return cmp.Compare(a.Answered, b.Answered) })
	}
	for _, t := range s.tables {
		for _, r := range t.rows {
			list := calls[r.agent]
			i, _ := slices.BinarySearchFunc(list, t.at-near, func(c *metrics.Contact, at metrics.Millis) int { return cmp.Compare(c.Answered, at) })
			if i > 0 && r.start != 0 && list[i-1].Answered > r.start+near { // 0 after a reload
				s.expected[list[i-1]] = true
			}
		}
	}
}

func (s *agentCheck) needs(c *metrics.Contact) bool { return s.expected[c] }

// uncounted tells why there is no such call: the caller hung up while the agent picked
// up.
func (s *agentCheck) uncounted(v *records.Visit) string {
	i, _ := slices.BinarySearch(s.left, v.Answered-near)
	if i < len(s.left) && s.left[i] <= v.Answered+near {
		return NotBridged
	}
	return ""
}
