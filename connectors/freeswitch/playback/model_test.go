package playback

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// checkpoints are the answers that a recorded switch gave, by command, in the
// order in which it was asked.
func checkpoints(text string) map[string][]string {
	answers := make(map[string][]string)
	for block := range strings.SplitSeq("\n"+text, "\n=== ") {
		for part := range strings.SplitSeq(block, "\n--- ") {
			if command, answer, ok := strings.Cut(part, "\n"); ok && strings.Contains(command, " ") {
				answers[command] = append(answers[command], answer)
			}
		}
	}
	return answers
}

// The recorded client asked the switch for its tables every 15 seconds, and the
// stream shows when: each command is an event. At each of these moments the
// model must answer as the switch did, to the cell, in the columns that events
// decide. The exceptions are a second's rounding, once, in when an agent's talk
// began, and the numbers of channels: FreeSWITCH writes its table of those some
// tenths of a second late, so that in 9 of 31 answers a channel that has begun is
// not there yet, or one that has ended still is. The model is on time.
func TestModelAnswersAsTheSwitchDid(t *testing.T) {
	answers := checkpoints(string(unzip(t, "runA/snapshots.txt")))
	snapshot, err := ReadSnapshot(bytes.NewReader(unzip(t, "runA/snapshots.txt")))
	if err != nil {
		t.Fatal(err)
	}
	agents := []string{"name", "uuid", "type", "contact", "status", "state", "wrap_up_time", "last_bridge_start", "last_bridge_end",
		"last_offered_call", "last_status_change", "no_answer_count", "calls_answered", "talk_time", "ready_time"}
	tiers := []string{"queue", "agent", "state", "level", "position"}
	queues := []string{"name", "strategy", "calls_answered", "calls_abandoned"}
	members := []string{"queue", "uuid", "session_uuid", "cid_number", "cid_name", "system_epoch", "joined_epoch", "rejoined_epoch",
		"bridge_epoch", "abandoned_epoch", "serving_agent", "state"}
	compare := map[string]struct {
		columns []string
		differ  int
	}{
		"callcenter_config agent list":                          {agents, 5},
		"callcenter_config tier list":                           {tiers, 0},
		"callcenter_config queue list":                          {queues, 0},
		"callcenter_config queue list members support@default":  {members, 0},
		"callcenter_config queue list members sales@default":    {members, 0},
		"callcenter_config queue list members overflow@default": {members, 0},
		"show channels count":                                   {nil, 9},
		"show calls count":                                      {nil, 11},
	}
	m := newModel(snapshot)
	asked := make(map[string]int)
	differ := make(map[string]int)
	cells := make(map[string]int)
	for _, ev := range open(t, "runA/plain.raw").Segments[0].Events {
		if ev.Name == "API" {
			command := header(ev.Plain, "API-Command") + " " + header(ev.Plain, "API-Command-Argument")
			want, ok := compare[command]
			if !ok || asked[command] >= len(answers[command]) {
				continue
			}
			recorded := answers[command][asked[command]]
			asked[command]++
			m.now = max(m.now, ev.At)
			for _, d := range differences(strings.TrimRight(m.api(command), "\n"), strings.TrimRight(recorded, "\n"), want.columns, cells, command) {
				differ[command]++
				t.Logf("%d %s: %s", ev.At, command, d)
			}
			continue
		}
		if follows(ev.Name, ev.Subclass) {
			if err := m.apply(appendFrame(nil, "plain", ev.Plain)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for command, want := range compare {
		t.Logf("%-55s asked %d times, %d of %d cells differ", command, asked[command], differ[command], cells[command])
		if asked[command] < 30 || differ[command] != want.differ {
			t.Errorf("%s: asked %d times, %d cells differ, want %d", command, asked[command], differ[command], want.differ)
		}
	}
}

// differences compares two answers row by row, by the named columns; answers
// without columns are compared as a whole.
func differences(got, want string, columns []string, cells map[string]int, command string) (all []string) {
	if columns == nil {
		cells[command]++
		if strings.TrimSpace(got) != strings.TrimSpace(want) {
			all = append(all, fmt.Sprintf("%q, want %q", got, want))
		}
		return all
	}
	index := func(text string) (table, map[string][]string) {
		var tab table
		rows := make(map[string][]string)
		for line := range strings.SplitSeq(text, "\n") {
			switch {
			case line == "+OK" || line == "":
			case tab.columns == nil:
				tab.columns = strings.Split(line, "|")
			default:
				row := strings.Split(line, "|")
				key := row[0]
				if slices.Contains(columns, "uuid") && slices.Contains(columns, "joined_epoch") {
					key = tab.get(row, "uuid")
				} else if slices.Contains(columns, "level") {
					key = row[0] + " " + row[1]
				}
				rows[key] = row
			}
		}
		return tab, rows
	}
	gotTable, gotRows := index(got)
	wantTable, wantRows := index(want)
	for key, row := range wantRows {
		cells[command] += len(columns)
		mine, ok := gotRows[key]
		if !ok {
			all = append(all, "no row "+key)
			continue
		}
		for _, column := range columns {
			if a, b := gotTable.get(mine, column), wantTable.get(row, column); a != b {
				all = append(all, fmt.Sprintf("%s: %s is %q, want %q", key, column, a, b))
			}
		}
	}
	for key := range gotRows {
		if _, ok := wantRows[key]; !ok {
			all = append(all, "row "+key+" too much")
		}
	}
	return all
}
