package callrecords

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tallyd/connectors/source/records"
	"tallyd/metrics"
)

// ErrNoLists: what was read is something else, or has no list that tells of
// calls.
var ErrNoLists = records.Foreign("this has neither agents nor callers of mod_callcenter: callcenter_config agent list, callcenter_config queue list members QUEUE")

// lists are the tables that callcenter_config prints, once or again and again.
type lists struct {
	columns map[string]int // of the table that is being read
	kind    tableKind
	width   int
	printed metrics.Millis // as a line "=== seconds" says; 0: none did
	agents  []*agentTable
	members map[memberKey]*memberRow
	order   []memberKey
	newest  metrics.Millis // of any moment in them
}

type tableKind int

const (
	noTable tableKind = iota
	agentList
	memberList
	tierList
	queueList
)

// agentTable is one print of agent list.
type agentTable struct {
	at   metrics.Millis // when it was printed, or the newest moment in it
	rows []agentRow
}

// agentRow is what it says of an agent's latest call.
type agentRow struct {
	line       int
	agent      string
	start, end metrics.Millis
}

// kindOfTable tells which list a line of column names heads.
func kindOfTable(columns map[string]int) tableKind {
	has := func(names ...string) bool {
		for _, n := range names {
			if _, ok := columns[n]; !ok {
				return false
			}
		}
		return true
	}
	switch {
	case has("name", "last_bridge_start", "last_bridge_end", "last_status_change"):
		return agentList
	case has("queue", "uuid", "joined_epoch", "bridge_epoch", "abandoned_epoch", "serving_agent", "state"):
		return memberList
	case has("queue", "agent", "level"):
		return tierList
	case has("name", "strategy"):
		return queueList
	}
	return noTable
}

// aside is what may stand between tables: answers, marks and prompts.
var aside = regexp.MustCompile(`^(\+OK|-ERR|-USAGE|===|---|#|freeswitch@|callcenter_config |show |\d+$|\d+ total\.$)`)

func (l *lists) line(n int, text string) error {
	if text == "" {
		return nil
	}
	fields := strings.Split(text, "|")
	if len(fields) == 1 {
		if mark, ok := strings.CutPrefix(text, "=== "); ok {
			if at, err := strconv.ParseFloat(mark, 64); err == nil && at > 0 && at < 1e11 {
				l.printed = metrics.Millis(at * 1000)
			}
		}
		if !aside.MatchString(text) {
			return fmt.Errorf("%.40q is no row of a list", text)
		}
		return errAside
	}
	columns := map[string]int{}
	for i, f := range fields {
		columns[f] = i
	}
	if kind := kindOfTable(columns); kind != noTable {
		l.columns, l.kind, l.width = columns, kind, len(fields)
		if kind == agentList {
			l.agents = append(l.agents, &agentTable{at: l.printed})
		}
		return nil
	}
	if l.kind == noTable || len(fields) != l.width {
		return fmt.Errorf("%.40q is no row of a list: it has %d columns, not %d", text, len(fields), l.width)
	}
	get := func(column string) string {
		if i, ok := l.columns[column]; ok {
			return fields[i]
		}
		return ""
	}
	switch l.kind {
	case agentList:
		l.agent(n, get)
	case memberList:
		l.member(n, get)
	}
	return nil
}

// errAside: a line is neither a row nor a fault.
var errAside = errors.New("between tables")

func (l *lists) agent(n int, get func(string) string) {
	t := l.agents[len(l.agents)-1]
	r := agentRow{line: n, agent: get("name"), start: seconds(get("last_bridge_start")), end: seconds(get("last_bridge_end"))}
	t.rows = append(t.rows, r)
	newest := max(r.start, r.end, seconds(get("last_offered_call")), seconds(get("last_status_change")))
	l.newest = max(l.newest, newest)
	if l.printed == 0 {
		t.at = max(t.at, newest)
	}
}

// ReadLists reads what callcenter_config agent list, tier list, queue list and
// queue list members printed, in any order, and again and again with "=== seconds
// since 1970" before each time. It gives a record of the agents' latest calls
// and one of the callers in the queues, whichever there is. The error is the
// reader's own, or ErrNoLists, with a record of the faults alone.
func ReadLists(in io.Reader) ([]*records.Record, error) {
	l := &lists{members: map[memberKey]*memberRow{}}
	faults, err := records.Lines(in, func(n int, text string) error {
		if err := l.line(n, text); err != nil && !errors.Is(err, errAside) {
			return err
		}
		return nil
	})
	var out []*records.Record
	if len(l.members) > 0 {
		out = append(out, l.memberRecord())
	}
	if slices.ContainsFunc(l.agents, func(t *agentTable) bool { return len(t.rows) > 0 }) {
		out = append(out, l.agentRecord())
	}
	if err == nil && len(out) == 0 || errors.Is(err, records.ErrForeign) {
		return []*records.Record{{Faults: faults}}, ErrNoLists
	}
	if len(out) > 0 {
		out[0].Faults = faults
	}
	return out, err
}
