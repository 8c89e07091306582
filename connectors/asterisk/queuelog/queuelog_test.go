package queuelog

import (
	"compress/gzip"
	"fmt"
	"os"
	"strings"
	"testing"

	"tallyd/connectors/source/records"
	"tallyd/metrics"
)

func recorded(t *testing.T, version string) []Entry {
	t.Helper()
	f, err := os.Open("../testdata/asterisk" + version + "/queue_log.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	entries, faults, err := Read(z)
	if err != nil || len(faults) > 0 {
		t.Fatal(err, faults)
	}
	return entries
}

// TestVisits: the recordings' own oracle counted 157 and 133 visits, with ends.
func TestVisits(t *testing.T) {
	for version, want := range map[string]string{
		"22": "157 visits: answered 118 (caller 60, agent 35, blind 11, attended 12), abandoned 33, timed out 2, empty 2, key 2",
		"16": "133 visits: answered 102 (caller 44, agent 38, blind 10, attended 10), abandoned 26, timed out 1, empty 2, key 2",
	} {
		all := Visits(recorded(t, version))
		o, e := map[metrics.Outcome]int{}, map[metrics.EndedBy]int{}
		for _, v := range all {
			o[v.Outcome]++
			if v.Outcome == metrics.Answered {
				e[v.EndedBy]++
			}
		}
		got := fmt.Sprintf("%d visits: answered %d (caller %d, agent %d, blind %d, attended %d), abandoned %d, timed out %d, empty %d, key %d", len(all),
			o[metrics.Answered], e[metrics.ByCaller], e[metrics.ByAgent], e[metrics.ByBlindTransfer], e[metrics.ByAttendedTransfer],
			o[metrics.Abandoned], o[metrics.TimedOut], o[metrics.LeftEmpty], o[metrics.ExitedByKey])
		if got != want {
			t.Errorf("Asterisk %s: %s, want %s", version, got, want)
		}
	}
}

func TestReadFaults(t *testing.T) {
	entries, faults, err := Read(strings.NewReader("1|a|q|NONE|ENTERQUEUE||5|1\r\n\nnonsense\nx|a|q|NONE|ABANDON|1\n2|a|q|NONE|ABANDON|1|1|7\n"))
	if err != nil || len(entries) != 2 || len(faults) != 2 {
		t.Fatal(entries, faults, err)
	}
	if faults[0].In("queue_log") != `queue_log:3: "nonsense" is not time|id|queue|agent|event` || entries[1].Line != 5 || entries[1].Number(2) != 7 || entries[1].Arg(9) != "" {
		t.Error(faults, entries)
	}
	if _, _, err := Read(strings.NewReader(strings.Repeat("x", 2*records.MaxLine))); err == nil {
		t.Error("a line without end was read")
	}
}

// TestCutOff: a log may be copied while a line is being written.
func TestCutOff(t *testing.T) {
	const log = "1|a|q|NONE|ENTERQUEUE||5|1\n2|a|q|Al|CONNECT|1|b|1\n9|a|q|Al|ATTENDEDTRANSFER|BRIDGE|x|1|7|1\n"
	for n := range len(log) {
		if entries, _, err := Read(strings.NewReader(log[:n])); err == nil {
			Record(entries, nil)
		}
	}
}

// TestCompare names each kind of difference, and the reasons that are known.
func TestCompare(t *testing.T) {
	log := strings.Join([]string{
		"100|c1|q|NONE|ENTERQUEUE||701|1", "103|c1|q|Alice|CONNECT|3|a1|2", "110|c1|q|Alice|COMPLETECALLER|3|7|1",
		"100|c2|q|NONE|ENTERQUEUE||702|1", "104|c2|q|NONE|ABANDON|1|1|4",
		"100|c3|q|NONE|ENTERQUEUE||703|1", "103|c3|q|Bob|CONNECT|3|a3|2", "110|c3|q|Bob|COMPLETEAGENT|3|7|1",
		"100|c4|q|NONE|ENTERQUEUE||704|1", "103|c4|q|Alice|CONNECT|3|a4|2",
		"100|c5|q|NONE|ENTERQUEUE||705|1", "109|c5|q|NONE|EXITWITHTIMEOUT|1|1|9",
		"100|c6|q|NONE|ENTERQUEUE||706|1", "103|c6|q|Bob|CONNECT|3|local|2", "120|other|q|Bob|COMPLETEAGENT|3|17|1",
	}, "\n")
	entries, _, err := Read(strings.NewReader(log))
	if err != nil {
		t.Fatal(err)
	}
	answered := func(id, agent string, by metrics.EndedBy) metrics.Contact {
		return metrics.Contact{Leg: id, Visit: id, Queue: "q", Agent: agent, Outcome: metrics.Answered, EndedBy: by, Joined: 100_500, Answered: 103_100, Ended: 110_000}
	}
	counted := []metrics.Contact{
		answered("c1", "PJSIP/1", metrics.ByAgent),
		{Leg: "c2", Visit: "c2", Queue: "q", Outcome: metrics.Withdrawn, Joined: 100_500, Ended: 104_000},
		answered("c3", "PJSIP/2", metrics.ByAttendedTransfer),
		answered("c4", "PJSIP/1", metrics.ByBlindTransfer),
		{Leg: "c5", Visit: "c5", Queue: "q", Outcome: metrics.TimedOut, Joined: 100_500, Ended: 105_000},
		answered("c6", "PJSIP/1", metrics.ByAgent),
		{Leg: "c7", Visit: "c7", Queue: "q", Outcome: metrics.JoinRefused, Joined: 100_500, Ended: 100_500},
		{Leg: "c8", Visit: "c8", Queue: "q", Outcome: metrics.Abandoned, Joined: 100_500, Ended: 104_000},
	}
	names := map[string]string{"PJSIP/1": "Alice", "PJSIP/2": "Bob"}
	r := records.Compare(Record(entries, nil), &records.Counted{Contacts: counted, Name: func(a string) string { return names[a] }}, records.Span{})
	var got []string
	for _, d := range r.Differences {
		got = append(got, d.In("queue_log"))
	}
	want := `line 1: visit c1 in queue q: ended_by: queue_log caller COMPLETECALLER, counted agent
line 4: visit c2 in queue q: outcome: queue_log abandoned, counted withdrawn (a caller who is redirected while waiting is logged ABANDON)
line 6: visit c3 in queue q: ended_by: queue_log agent COMPLETEAGENT, counted attended_transfer (an attended transfer may be logged as if a party had hung up, as Asterisk's threads come)
line 9: visit c4 in queue q: ended_by: queue_log unknown, counted blind_transfer (queue_log has no end of this talk: the caller was redirected, or the switch stopped)
line 11: visit c5 in queue q: wait: queue_log 9 s, counted 4500 ms
line 13: visit c6 in queue q: agent: queue_log Bob, counted PJSIP/1
visit c8 in queue q: visit: queue_log does not have it, counted has it`
	if g := strings.Join(got, "\n"); g != want {
		t.Errorf("got\n%s\nwant\n%s", g, want)
	}
	if r.Compared != 6 || r.Refused != 1 || len(r.Unexplained()) != 4 {
		t.Errorf("%d compared, %d refused, %d unexplained", r.Compared, r.Refused, len(r.Unexplained()))
	}
}
