package playback

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// Snapshot is what mod_callcenter had configured when a recording began: no
// event tells it. Without one the agents and queues of a recording appear as
// they are first heard of, with default settings.
type Snapshot struct {
	agents, tiers, queues table
}

// The columns of FreeSWITCH 1.10.12.
const (
	agentColumns = "name|instance_id|uuid|type|contact|status|state|max_no_answer|wrap_up_time|reject_delay_time|busy_delay_time|no_answer_delay_time|" +
		"last_bridge_start|last_bridge_end|last_offered_call|last_status_change|no_answer_count|calls_answered|talk_time|ready_time|external_calls_count"
	tierColumns  = "queue|agent|state|level|position"
	queueColumns = "name|strategy|moh_sound|time_base_score|tier_rules_apply|tier_rule_wait_second|tier_rule_wait_multiply_level|tier_rule_no_agent_no_wait|" +
		"discard_abandoned_after|abandoned_resume_allowed|max_wait_time|max_wait_time_with_no_agent|max_wait_time_with_no_agent_time_reached|record_template|" +
		"calls_answered|calls_abandoned|ring_progressively_delay|skip_agents_with_external_calls|agent_no_answer_status"
	memberColumns = "queue|instance_id|uuid|session_uuid|cid_number|cid_name|system_epoch|joined_epoch|rejoined_epoch|bridge_epoch|abandoned_epoch|" +
		"base_score|skill_score|serving_agent|serving_system|state|score"
)

func emptySnapshot() *Snapshot {
	return &Snapshot{newTable(agentColumns), newTable(tierColumns), newTable(queueColumns)}
}

// ReadSnapshot reads the answers of callcenter_config: each after a line
// `--- callcenter_config agent list` (or tier list, or queue list). Other
// answers are passed over, and so is all from a second line that starts with
// === on: the recordings hold a snapshot every 15 seconds.
func ReadSnapshot(r io.Reader) (*Snapshot, error) {
	s := emptySnapshot()
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	var into *table
	begun, n := false, 0
	for lines.Scan() {
		n++
		line := lines.Text()
		command, isCommand := strings.CutPrefix(line, "--- ")
		switch {
		case strings.HasPrefix(line, "==="):
			if begun {
				return s, nil
			}
			begun = true
		case isCommand:
			into = map[string]*table{
				"callcenter_config agent list": &s.agents,
				"callcenter_config tier list":  &s.tiers,
				"callcenter_config queue list": &s.queues,
			}[command]
			if into != nil {
				*into = table{}
			}
		case line == "+OK":
			into = nil
		case into == nil || line == "":
		case into.columns == nil:
			into.columns = strings.Split(line, "|")
		default:
			row := strings.Split(line, "|")
			if len(row) != len(into.columns) {
				return nil, fmt.Errorf("snapshot line %d has %d cells, its table %d columns: %q", n, len(row), len(into.columns), line)
			}
			into.rows = append(into.rows, row)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("snapshot line %d: %w", n+1, err)
	}
	if s.agents.columns == nil || s.tiers.columns == nil || s.queues.columns == nil {
		return nil, fmt.Errorf("snapshot of %d lines names no columns of a table that it lists", n)
	}
	return s, nil
}

// moved is a copy whose times are the rewriter's.
func (s *Snapshot) moved(w *rewriter) *Snapshot {
	to := &Snapshot{s.agents.clone(), s.tiers.clone(), s.queues.clone()}
	for _, t := range []table{to.agents, to.tiers, to.queues} {
		for _, row := range t.rows {
			for i := range row {
				row[i] = string(w.text([]byte(row[i])))
			}
		}
	}
	return to
}
