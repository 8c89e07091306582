package callrecords

import (
	"archive/tar"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"tallyd/connectors/source/records"
	"tallyd/metrics"
)

// answered is the caller's document of a call that an agent answered; agents is
// that agent's.
const (
	answered = `{"core-uuid":"c","variables":{"uuid":"s1","cc_side":"member","cc_queue":"q@d","cc_member_uuid":"m1","cc_agent_uuid":"a1","cc_agent":"1@d","cc_cause":"answered",` +
		`"cc_queue_joined_epoch":"1000","cc_queue_answered_epoch":"1004","bridge_uepoch":"1004100000","start_uepoch":"999000000","end_uepoch":"1010000000","sip_hangup_disposition":"recv_bye","start_stamp":"1970-01-01 00:16:39"},` +
		`"app_log":{"applications":[{"app_name":"callcenter","app_data":"q@d","app_stamp":"1000500000"}]},"callflow":[{"caller_profile":{"caller_id_number":"701"}}]}`
	agents = `{"core-uuid":"c","variables":{"uuid":"a1","cc_side":"agent","cc_queue":"q@d","cc_agent":"1@d","cc_member_uuid":"m1","cc_member_session_uuid":"s1","cc_agent_bridged":"true",` +
		`"start_uepoch":"1001000000","answer_uepoch":"1004050000","bridge_uepoch":"1004100000","end_uepoch":"1010020000","sip_hangup_disposition":"send_bye","start_stamp":"1970-01-01 00:16:39"}}`
)

func readJSON(t *testing.T, text string) (*records.Record, error) {
	t.Helper()
	j := &JSON{}
	if err := j.Read("", strings.NewReader(text)); err != nil && !errors.Is(err, records.ErrForeign) {
		t.Fatal(err)
	}
	return j.Record()
}

func describe(v *records.Visit) string {
	var outcomes, ends []string
	for _, o := range v.Outcomes {
		outcomes = append(outcomes, o.String())
	}
	for _, e := range v.EndedBy {
		ends = append(ends, e.String())
	}
	s := fmt.Sprintf("%s %s in %s of %s: %s by %q", v.ID, v.Leg, v.Queue, v.Caller, strings.Join(outcomes, "/"), v.Agent)
	if v.Waited {
		s += fmt.Sprintf(", waited %d±%d", v.Wait, v.Slack)
	}
	if v.Ended != 0 {
		s += fmt.Sprintf(", ended %d %s", v.Ended, strings.Join(ends, "/"))
	}
	return s
}

// TestJSON: documents in any form in which they may be kept come to the same
// visit.
func TestJSON(t *testing.T) {
	const want = `m1 s1 in q@d of 701: answered by "1@d", waited 3550±300, ended 1010020 caller`
	indented := strings.ReplaceAll(strings.ReplaceAll(answered+agents, ",", ",\n  "), "{", "{ ")
	encoded := strings.NewReplacer("q@d", "q%40d", "1@d", "1%40d", "1970-01-01 00:16:39", "1970-01-01%2000%3A16%3A39").Replace(answered + "\n" + agents)
	for name, text := range map[string]string{
		"one a line": answered + "\n" + agents + "\n", "the agent's first": agents + "\n" + answered, "one after another": answered + agents, "indented": indented, "encoded": encoded,
		"one flow": strings.Replace(answered, `[{"caller_profile":{"caller_id_number":"701"}}]`, `{"caller_profile":{"caller_id_number":"701"}}`, 1) + agents,
		"numbers":  strings.NewReplacer(`"1000"`, `1000`, `"1004050000"`, `1004050000`).Replace(answered + agents),
	} {
		rec, err := readJSON(t, text)
		if err != nil || len(rec.Faults) > 0 || len(rec.Visits) != 1 || describe(rec.Visits[0]) != want {
			t.Errorf("%s: %v %v", name, err, rec.Faults)
			for _, v := range rec.Visits {
				t.Log(describe(v))
			}
		}
	}
	rec, err := readJSON(t, answered)
	if err != nil || describe(rec.Visits[0]) != `m1 s1 in q@d of 701: answered by "1@d", waited 3500±1050` || !strings.Contains(strings.Join(rec.CannotTell, ""), "log-b-leg") {
		t.Error(err, describe(rec.Visits[0]))
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i, doc := range []string{answered, agents} {
		_ = w.WriteHeader(&tar.Header{Name: fmt.Sprintf("json_cdr/%d.json", i), Size: int64(len(doc)), Mode: 0o600})
		_, _ = w.Write([]byte(doc))
	}
	w.Close()
	if rec, err := readJSON(t, b.String()); err != nil || describe(rec.Visits[0]) != want || rec.Visits[0].File != "json_cdr/0.json" || rec.Visits[0].Line != 0 {
		t.Errorf("%v %+v", err, rec.Visits)
	}
}

// TestJSONFaults: what is broken is told with its place, and costs no more than
// itself.
func TestJSONFaults(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		faults []string
	}{
		"cut off in the middle of many": {answered[:300] + answered + agents, []string{"f:1: "}},
		"cut off at the end":            {answered + "\n" + agents + "\n" + agents[:200], []string{"f:3: "}},
		"rubbish before":                {"rubbish\n" + answered + "\n" + agents, []string{`f:1: "rubbish" is no document`}},
		"rubbish between":               {answered + "\nrubbish\n{\"rubbish\":1}\n" + agents, []string{`f:2: "rubbish" is no document`, `f:3: "{\"rubbish\":1}"… is no JSON CDR: it has no uuid`}},
		"zeros":                         {answered + strings.Repeat("\x00", 10_000) + agents, nil},
		"a string that never ends":      {answered + agents + `{"core-uuid":"` + strings.Repeat("x", maxDocument+10), []string{"f:1: a document is longer than", `f:1: "xxx`}},
		"not JSON":                      {answered + agents + `{"core-uuid":"c","variables":{"uuid"}}`, []string{"f:1: "}},
	} {
		rec, err := readJSON(t, c.text)
		var told []string
		for _, f := range rec.Faults {
			told = append(told, f.In("f"))
		}
		fine := len(told) == len(c.faults)
		for i := range c.faults {
			fine = fine && strings.HasPrefix(told[i], c.faults[i])
		}
		if err != nil || !fine || len(rec.Visits) != 1 || rec.Visits[0].Agent != "1@d" || !rec.Visits[0].Waited {
			t.Errorf("%s: %v, %.300q, want %q", name, err, told, c.faults)
		}
	}
	for _, text := range []string{"", "rubbish", strings.Repeat("rubbish\n", 100_000), strings.Repeat("{", 9<<20), "[1,2]"} {
		if rec, err := readJSON(t, text); !errors.Is(err, ErrNoJSONCDR) || len(rec.Faults) > 5 {
			t.Errorf("%.20q: %v, %d faults", text, err, len(rec.Faults))
		}
	}
}

// TestStays: a caller who was in several queues, and what is known of each.
func TestStays(t *testing.T) {
	apps := func(list ...string) string {
		var out []string
		for _, x := range list {
			name, rest, _ := strings.Cut(x, " ")
			data, at, _ := strings.Cut(rest, "|")
			out = append(out, fmt.Sprintf(`{"app_name":"%s","app_data":"%s","app_stamp":"%s000"}`, name, data, at))
		}
		return `"app_log":{"applications":[` + strings.Join(out, ",") + `]}`
	}
	caller := func(variables, log string) string {
		return `{"core-uuid":"c","variables":{"uuid":"s","cc_side":"member",` + variables + `},` + log + "}"
	}
	agent := func(id, queue, member string, start, answer, end int, bridged string) string {
		bridge := 0
		if bridged == "true" {
			bridge = answer
		}
		return fmt.Sprintf(`{"core-uuid":"c","variables":{"uuid":"%s","cc_side":"agent","cc_queue":"%s","cc_agent":"%s","cc_member_uuid":"%s","cc_member_session_uuid":"s","cc_agent_bridged":"%s",`+
			`"start_uepoch":"%d000","answer_uepoch":"%d000","bridge_uepoch":"%d000","end_uepoch":"%d000","sip_hangup_disposition":"send_bye"}}`, id, queue, id, member, bridged, start, answer, bridge, end)
	}
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"transferred to another queue, where he gave up": {
			caller(`"cc_queue":"b","cc_member_uuid":"m2","cc_cause":"cancel","cc_cancel_reason":"BREAK_OUT","cc_queue_joined_epoch":"2000","cc_queue_canceled_epoch":"2005","end_uepoch":"2005500000"`,
				apps("callcenter a|1000000", "callcenter b|2000100")) + agent("x", "a", "m1", 1001000, 1004000, 2000100, "true"),
			[]string{`m1 s in a of : answered by "x", waited 4000±300, ended 2000100 blind_transfer/attended_transfer/switch`, `m2 s in b of : abandoned by "", waited 5400±300`}},
		"ran into the time limit, and on": {
			caller(`"cc_queue":"a","cc_member_uuid":"m1","cc_cause":"cancel","cc_cancel_reason":"TIMEOUT","cc_queue_joined_epoch":"1000","cc_queue_canceled_epoch":"1008","end_uepoch":"1020000000"`,
				apps("callcenter a|1000000", "playback x|1008050")),
			[]string{`m1 s in a of : timed_out by "", waited 8050±300`}},
		"moved elsewhere": {
			caller(`"cc_queue":"a","cc_member_uuid":"m1","cc_cause":"cancel","cc_cancel_reason":"BREAK_OUT","cc_queue_joined_epoch":"1000","cc_queue_canceled_epoch":"1008","end_uepoch":"1020000000"`,
				apps("callcenter a|1000000", "park |1008050")),
			[]string{`m1 s in a of : withdrawn by "", waited 8050±300`}},
		"first a queue that nobody knows": {
			caller(`"cc_queue":"a","cc_member_uuid":"m1","cc_cause":"cancel","cc_cancel_reason":"NO_AGENT_TIMEOUT","cc_queue_joined_epoch":"1000","cc_queue_canceled_epoch":"1000","end_uepoch":"1000200000"`,
				apps("callcenter nosuch|999900", "callcenter a|1000000")) + agent("x", "z", "m9", 5, 6, 7, "true"),
			[]string{`perhaps  s in nosuch of : timed_out/left_empty/exited_by_key/withdrawn/join_refused by ""`, `m1 s in a of : left_empty by "", waited 200±300`}},
		"the switch was stopped": {
			caller(`"cc_queue":"a","cc_member_uuid":"m1","cc_cause":"cancel","cc_cancel_reason":"BREAK_OUT","hangup_cause":"SYSTEM_SHUTDOWN","cc_queue_joined_epoch":"1000","cc_queue_canceled_epoch":"1001","end_uepoch":"1001000000"`,
				apps("callcenter a|1000000")),
			[]string{`m1 s in a of : switch_failed by "", waited 1000±300`}},
		"nobody was bridged": {
			caller(`"cc_queue":"a","cc_member_uuid":"m1","cc_cause":"answered","cc_agent_uuid":"x","bridge_uepoch":"0","cc_queue_joined_epoch":"1000","end_uepoch":"1003000000"`,
				apps("callcenter a|1000000")) + agent("x", "a", "m1", 1001000, 1002990, 1006000, "false"),
			[]string{`m1 s in a of : answered by ""`}},
		"a standby agent's channel lives on": {
			caller(`"cc_queue":"a","cc_member_uuid":"m1","cc_cause":"answered","cc_agent_uuid":"x","cc_agent":"x","bridge_uepoch":"1003000000","cc_queue_joined_epoch":"1000","cc_queue_answered_epoch":"1003","end_uepoch":"1009000000"`,
				apps("callcenter a|1000000")) + agent("x", "a", "m7", 500000, 501000, 9000000, "true"),
			[]string{`m1 s in a of : answered by "x", waited 3000±1050`}},
	} {
		rec, err := readJSON(t, c.text)
		if err != nil || len(rec.Faults) > 0 {
			t.Fatal(name, err, rec.Faults)
		}
		var got []string
		for _, v := range rec.Visits {
			s := describe(v)
			if v.Perhaps {
				s = "perhaps " + s
			}
			got = append(got, s)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

// TestTemplate: what people are told to configure is what is read.
func TestTemplate(t *testing.T) {
	b, err := os.ReadFile("../../../configs/freeswitch/cdr_csv.conf.xml")
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Templates []string `xml:"templates>template"`
	}
	if err := xml.Unmarshal(b, &c); err != nil || len(c.Templates) != 1 {
		t.Fatal(err, c)
	}
	want := ""
	for _, name := range Template {
		want += `,"${` + name + `}"`
	}
	if c.Templates[0] != want[1:] {
		t.Errorf("configured %s, read %s", c.Templates[0], want[1:])
	}
}

func TestCSVFaults(t *testing.T) {
	row := func(values map[string]string) string {
		var f []string
		for _, name := range Template {
			f = append(f, `"`+values[name]+`"`)
		}
		return strings.Join(f, ",") + "\n"
	}
	const id = "065b7d42-f0f3-43ee-9941-4aeb4b7e5942"
	good := row(map[string]string{"uuid": id, "end_uepoch": "1010000000", "cc_side": "member", "cc_queue": "q", "cc_member_uuid": "m", "cc_cause": "cancel", "cc_cancel_reason": "NONE",
		"cc_queue_joined_epoch": "1000", "cc_queue_canceled_epoch": "1009", "caller_id_name": `the "boss"`, "caller_id_number": "701"})
	rec, err := ReadCSV(strings.NewReader(good+"rubbish\n"+good[:90]+"\n"), time.UTC)
	if err != nil || len(rec.Faults) != 2 || rec.Faults[0].Line != 2 || len(rec.Visits) != 1 || describe(rec.Visits[0]) != fmt.Sprintf(`m %s in q of 701: abandoned by "", waited 10000±1050`, id) {
		t.Error(err, rec.Faults, describe(rec.Visits[0]))
	}
	// The template that comes with FreeSWITCH.
	const shipped = `"José","701","7001","default","2026-11-23 15:52:47","2026-11-23 15:52:47","2026-11-23 15:52:52","5","5","NORMAL_CLEARING","065b7d42-f0f3-43ee-9941-4aeb4b7e5942","","","PCMU","PCMU"` + "\n"
	if _, err := ReadCSV(strings.NewReader(strings.Repeat(shipped, 30)), time.UTC); !errors.Is(err, ErrNoCSV) || !errors.Is(err, records.ErrForeign) {
		t.Error(err)
	}
}

const (
	memberHead = "queue|instance_id|uuid|session_uuid|cid_number|cid_name|system_epoch|joined_epoch|rejoined_epoch|bridge_epoch|abandoned_epoch|base_score|skill_score|serving_agent|serving_system|state|score\n"
	agentHead  = "name|instance_id|uuid|type|contact|status|state|max_no_answer|wrap_up_time|reject_delay_time|busy_delay_time|no_answer_delay_time|last_bridge_start|last_bridge_end|last_offered_call|last_status_change|no_answer_count|calls_answered|talk_time|ready_time|external_calls_count\n"
)

func TestLists(t *testing.T) {
	text := "=== 1050.5\n--- callcenter_config queue list members q\n" + memberHead +
		"q|box|m1||701|A|1000|1000|0|0|1005|0|0|||Abandoned|1\n" +
		"q|box|m2|s2|702|B|1010|1010|0|1015|0|0|0|1@d|box|Answered|1\n" +
		"q|box|m3|s3|703|C|1030|1030|0|0|0|0|0|||Waiting|1\n" +
		"q|box|m4|s4|704|D|1000|1000|1040|1045|1002|0|0|2@d|box|Answered|1\n" +
		"+OK\n--- callcenter_config agent list\n" + agentHead +
		"1@d|box||callback|user/1|Available|Waiting|3|3|5|6|8|1015|1020|1014|900|0|1|5|0|0\n" +
		"2@d|box||callback|user/2|Available|In a queue call|3|3|5|6|8|1045|900|1041|900|0|1|5|0|0\n" +
		"3@d|box||callback|user/3|Available|Waiting|3|3|5|6|8|0|0|0|900|0|0|0|0|0\n+OK\n" +
		"queue|agent|state|level|position\nq|1@d|Ready|1|1\n+OK\nname|strategy|x\nq|ring-all|y\nrubbish\nq|too|many|columns\n"
	list, err := ReadLists(strings.NewReader(text))
	if err != nil || len(list) != 2 || len(list[0].Faults) != 2 || list[0].Faults[0].In("f") != `f:20: "rubbish" is no row of a list` {
		t.Fatal(err, list[0].Faults)
	}
	var got []string
	for _, rec := range list {
		for _, v := range rec.Visits {
			got = append(got, describe(v))
		}
	}
	want := []string{
		`m1  in q of 701: timed_out/left_empty/exited_by_key/withdrawn/join_refused/abandoned/switch_failed by "", waited 5000±1050`,
		`m2  in q of 702: answered by "1@d", waited 5000±1050`,
		`m3  in q of 703: timed_out/left_empty/exited_by_key/withdrawn/join_refused/answered/abandoned/switch_failed/in_progress by "", ended 1050500 `,
		`m4  in q of 704: timed_out/left_empty/exited_by_key/withdrawn/join_refused/abandoned/switch_failed by "", waited 2000±1050`,
		`m4  in q of 704: answered by "2@d", waited 5000±1050`,
		`  in  of : answered by "1@d", ended 1020000 `,
		`  in  of : answered by "2@d", ended 1050500 `,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}

	// What was counted of the agents, against the list of agents.
	call := func(id, agent string, answered, ended metrics.Millis) metrics.Contact {
		return metrics.Contact{Visit: id, Leg: id, Queue: "q", Agent: agent, Outcome: metrics.Answered, Joined: answered - 1000, Answered: answered, Ended: ended}
	}
	fine := []metrics.Contact{call("m2", "1@d", 1_015_300, 1_020_900), call("m4", "2@d", 1_045_100, 1_060_000)}
	for name, c := range map[string]struct {
		counted []metrics.Contact
		says    string
	}{
		"as in the list":                        {fine, ""},
		"a later call, after it was printed":    {append(slices.Clone(fine), call("m9", "1@d", 1_049_000, 1_055_000)), ""},
		"a later call, before it was printed":   {append(slices.Clone(fine), call("m9", "1@d", 1_030_000, 1_035_000)), "visit m9 in queue q: visit: agent list does not have it, counted has it"},
		"an earlier call":                       {append(slices.Clone(fine), call("m9", "1@d", 1_005_000, 1_007_000)), ""},
		"the latest was not counted":            {fine[1:], "line 11: visit of 1@d at 00:16:55Z: visit: agent list has it, counted not"},
		"the caller had hung up":                {append(slices.Clone(fine[1:]), metrics.Contact{Visit: "m2", Leg: "m2", Queue: "q", Outcome: metrics.Abandoned, Joined: 1_010_000, Ended: 1_015_100}), NotBridged},
		"it ended at another time":              {[]metrics.Contact{call("m2", "1@d", 1_015_300, 1_025_000), fine[1]}, "ended: agent list 00:17:00Z, counted 00:17:05.000Z"},
		"it was over when the list was printed": {[]metrics.Contact{fine[0], call("m4", "2@d", 1_045_100, 1_047_000)}, "ended: agent list 00:17:30Z, counted 00:17:27.000Z"},
	} {
		r := records.Compare(list[1], &records.Counted{Contacts: c.counted}, records.Span{})
		var text []string
		for _, d := range r.Differences {
			text = append(text, d.In("agent list"))
		}
		if c.says == "" && len(text) > 0 || c.says != "" && (len(text) != 1 || !strings.Contains(text[0], c.says)) {
			t.Errorf("%s: %q, want %q", name, text, c.says)
		}
	}
	for _, text := range []string{"", "rubbish", "queue|agent|state|level|position\nq|1@d|Ready|1|1\n+OK\n"} {
		if list, err := ReadLists(strings.NewReader(text)); !errors.Is(err, ErrNoLists) || len(list) != 1 {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}
