package callrecords

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"tallyd/connectors/source/records"
	"tallyd/metrics"
)

func TestNames(t *testing.T) {
	for channel, want := range map[string]string{"PJSIP/1001-00000007": "PJSIP/1001", "PJSIP/desk-2-00000007": "PJSIP/desk-2",
		"Local/1006@agents-00000002;1": "Local/1006@agents", "": "", "DAHDI/4-1": "DAHDI/4"} {
		if got := interfaceOf(channel); got != want {
			t.Errorf("%s: %s, want %s", channel, got, want)
		}
	}
	for interf, want := range map[string]string{"PJSIP/1001": "PJSIP/1001", "Local/1006@agents/n": "Local/1006@agents", "PJSIP/1001/sip:a@b": "PJSIP/1001", "x": "x/"} {
		if got := aliasOf(interf); got != want {
			t.Errorf("%s: %s, want %s", interf, got, want)
		}
	}
	for id, want := range map[string]int64{"1795449065.0": 1795449065, "ast22-1795449065.17": 1795449065, "a-b-1795449065.1": 1795449065, "1795449065": 0, "x.1": 0, "": 0} {
		if got, _ := began(id); got != want {
			t.Errorf("%s: %d, want %d", id, got, want)
		}
	}
}

// TestClock: stamps of a zone that puts its clock back are of the offset of their
// time; a channel's later stamps teach nothing.
func TestClock(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	c := clock{fallback: time.UTC}
	asUTC := func(at time.Time) time.Time {
		stamp, _ := parseStamp(at.In(berlin).Format(time.DateTime))
		return stamp
	}
	start := time.Date(2026, 10, 24, 22, 0, 0, 0, time.UTC) // the clock goes back at 01:00
	for i := range 24 {
		at := start.Add(time.Duration(i) * 20 * time.Minute)
		c.learn(i, asUTC(at), fmt.Sprintf("%d.%d", at.Unix(), i))
		c.learn(i, asUTC(at.Add(7*time.Minute)), fmt.Sprintf("%d.%d", at.Unix(), i))
		if got := c.moment(i, asUTC(at)); got != metrics.MillisOf(at) {
			t.Errorf("%v: %v", at, got.Time())
		}
	}
	if !c.known() || len(c.steps) != 2 || c.moment(0, asUTC(start)) != metrics.MillisOf(start) {
		t.Error(c.steps)
	}
	none := clock{fallback: berlin}
	none.learn(1, asUTC(start), "no id")
	if none.known() || none.moment(1, asUTC(start)) != metrics.MillisOf(start) || none.moment(1, time.Time{}) != 0 {
		t.Error(none.moment(1, asUTC(start)).Time())
	}
}

const queueRow = `"","7100001","6001","from-trunk","""Cust 1"" <7100001>","PJSIP/trunk-00000000","PJSIP/1001-00000002","Queue","support,tT,,,90",` +
	`"2026-11-23 15:51:05","2026-11-23 15:51:05","2026-11-23 15:51:10",5,5,"ANSWERED","DOCUMENTATION","ast-1795449065.0","","","ast-1795449065.0",0`

func TestCDRFaults(t *testing.T) {
	for _, bad := range []string{"one,two", strings.Replace(queueRow, ",5,5,", ",x,5,", 1), strings.Replace(queueRow, "ANSWERED", "MAYBE", 1), queueRow[:100],
		strings.Replace(queueRow, ",5,5,", ",-5,5,", 1), strings.Replace(queueRow, `"2026-11-23 15:51:10"`, `""`, 1), strings.Replace(queueRow, ",5,5,", ",1e300,5,", 1)} {
		rec, err := ReadCDR(strings.NewReader(queueRow+"\n"+bad+"\n"), time.UTC)
		if err != nil || len(rec.Faults) != 1 || len(rec.Visits) != 1 || !strings.Contains(rec.Faults[0].In("Master.csv"), "Master.csv:2: ") {
			t.Errorf("%s: %v %v", bad, err, rec.Faults)
		}
	}
	if rec, err := ReadCDR(strings.NewReader("1795449065|ast-1|support|NONE|ENTERQUEUE||5|1\n"), time.UTC); !errors.Is(err, ErrNoCDR) || !errors.Is(err, records.ErrForeign) || len(rec.Faults) != 1 {
		t.Error(err)
	}
}

// TestCDRStays: what rows of calls come to.
func TestCDRStays(t *testing.T) {
	row := func(rung, app, data string, from, to int, disposition string) string {
		at := func(s int) string {
			return time.Unix(1795449065, 0).UTC().Add(time.Duration(s) * time.Second).Format(time.DateTime)
		}
		return fmt.Sprintf(`"","701","60","c","x","PJSIP/t-00000000","%s","%s","%s","%s","%s","%s",%d,%d,"%s","D","1795449065.0",""`+"\n", rung, app, data, at(from), at(from), at(to), to-from, to-from, disposition)
	}
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"answered":                   {row("PJSIP/1-0000000a", "Queue", "q,t", 0, 9, "ANSWERED"), []string{"q answered PJSIP/1 9+0"}},
		"nobody answered":            {row("PJSIP/1-0000000a", "Queue", "q,t", 0, 9, "NO ANSWER"), []string{"q unanswered, or abandoned 9+for ever"}},
		"two rang, one answered":     {row("PJSIP/1-0000000a", "Queue", "q,t", 0, 9, "NO ANSWER") + row("PJSIP/2-0000000b", "Queue", "q,t", 10, 15, "ANSWERED"), []string{"q answered PJSIP/2 15+0"}},
		"went on":                    {row("PJSIP/1-0000000a", "Queue", "q,t", 0, 9, "BUSY") + row("", "Hangup", "", 12, 15, "ANSWERED"), []string{"q unanswered 9+3"}},
		"another queue":              {row("PJSIP/1-0000000a", "Queue", "q,t", 0, 9, "BUSY") + row("PJSIP/2-0000000b", "Queue", "r,t", 12, 15, "ANSWERED"), []string{"q unanswered 9+3", "r answered PJSIP/2 15+0"}},
		"transferred":                {row("PJSIP/1-0000000a", "Queue", "q,t", 0, 9, "ANSWERED") + row("PJSIP/2-0000000b", "Queue", "q,t", 9, 15, "ANSWERED"), []string{"q answered PJSIP/1 9+0", "perhaps q answered PJSIP/2 15+0"}},
		"no queue":                   {row("PJSIP/1-0000000a", "Dial", "PJSIP/1", 0, 9, "ANSWERED"), nil},
		"the rest of what was heard": {row("PJSIP/1-0000000a", "Queue", "q,t", 0, 9, "ANSWERED") + row("", "Queue", "q,t", 9, 15, "ANSWERED"), []string{"q answered PJSIP/1 9+0"}},
	} {
		rec, err := ReadCDR(strings.NewReader(c.text), time.UTC)
		if err != nil || len(rec.Faults) > 0 {
			t.Fatal(name, err, rec.Faults)
		}
		var got []string
		for _, v := range rec.Visits {
			s := v.Queue
			if v.Perhaps || v.Rest {
				s = "perhaps " + s
			}
			switch {
			case slices.Contains(v.Outcomes, metrics.Answered):
				s += " answered " + v.Agent
			case slices.Contains(v.Outcomes, metrics.Abandoned):
				s += " unanswered, or abandoned"
			default:
				s += " unanswered"
			}
			s += fmt.Sprintf(" %d+", v.Ended/1000-1795449065)
			switch {
			case v.Latest > 1e15:
				s += "for ever"
			default:
				s += fmt.Sprint(max(0, v.Latest-v.Ended) / 1000)
			}
			got = append(got, s)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestCDRLocal: the row of a Local channel that is taken out of the talk ends
// then. Where a subroutine hid that the row was Queue's, the next one still tells
// of a stay that had begun with it, and with whom.
func TestCDRLocal(t *testing.T) {
	row := func(rung, app, from, to string) string {
		return fmt.Sprintf(`"","701","60","c","x","PJSIP/t-00000000","%s","%s","q,t","2026-11-23 15:51:%s","2026-11-23 15:51:%s","2026-11-23 15:51:%s",1,1,"ANSWERED","D","1795449060.0",""`+"\n", rung, app, from, from, to)
	}
	hidden := row("Local/1@a-00000001;1", "Return", "01", "08")
	for next, want := range map[string]string{"08": "Local/1@a from 1795449061000", "09": "PJSIP/1 from 1795449069000"} { // at once; a second later: another call
		rec, err := ReadCDR(strings.NewReader(hidden+row("PJSIP/1-00000002", "Queue", next, "15")), time.UTC)
		if err != nil || len(rec.Visits) != 1 {
			t.Fatal(err, rec.Visits)
		}
		if v := rec.Visits[0]; fmt.Sprintf("%s from %d", v.Agent, v.Earliest) != want || v.Ended != 1795449075_000 {
			t.Errorf("the next row at %s: a stay with %s from %d to %d, want with %s", next, v.Agent, v.Earliest, v.Ended, want)
		}
	}
	// The caller is transferred back to the queue, and to the same agent: three rows
	// of Queue, two stays.
	rows := hidden + row("PJSIP/1-00000002", "Queue", "08", "12") +
		strings.ReplaceAll(row("Local/1@a-00000003;1", "Queue", "13", "14")+row("PJSIP/1-00000004", "Queue", "14", "18"), "q,t", "q,tT")
	rec, err := ReadCDR(strings.NewReader(rows), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	stay := func(joined, answered, ended metrics.Millis) metrics.Contact {
		return metrics.Contact{Visit: "1795449060.0", Leg: "1795449060.0", Queue: "q", Agent: "Local/1@a", Outcome: metrics.Answered,
			Joined: 1795449060_000 + joined, Answered: 1795449060_000 + answered, Ended: 1795449060_000 + ended}
	}
	r := records.Compare(rec, &records.Counted{Contacts: []metrics.Contact{stay(1000, 8000, 12_720), stay(12_720, 14_000, 18_300)}}, records.Span{})
	if r.Visits != 2 || r.Compared != 2 || len(r.Unexplained()) != 0 {
		t.Errorf("%d visits, %d compared, unexplained: %+v", r.Visits, r.Compared, r.Unexplained())
	}
}

// sample is a call as the sample of cel_custom.conf has it: twenty columns, and
// seconds since 1970.
func sample(rows ...string) string {
	var b strings.Builder
	for _, r := range rows {
		f := strings.Split(r, "|") // event, seconds, channel, application, data, unique id, peer, extra
		fmt.Fprintf(&b, `"%s","179544906%s","Cust 1","701","701","","60","60","c","%s","%s","%s","3","","%s","1795449065.0","%s","","","%s"`+"\n",
			f[0], f[1], f[2], f[3], f[4], f[5], f[6], strings.ReplaceAll(f[7], `"`, `""`))
	}
	return b.String()
}

func TestCELStays(t *testing.T) {
	const caller, agent = "PJSIP/t-00000000", "PJSIP/1-0000000a"
	begin := "CHAN_START|5.000000|" + caller + "|||1795449065.0||"
	for name, c := range map[string]struct {
		rows []string
		want string
	}{
		"answered": {[]string{begin, "APP_START|5.5|" + caller + "|Queue|q,t|1795449065.0||", "BRIDGE_ENTER|8.25|" + caller + "|Queue|q,t|1795449065.0|" + agent + "|",
			"HANGUP|9.0|" + caller + `||||| {"hangupsource":"` + caller + `"}`}, "q 701 answered PJSIP/1 after 2750"},
		"answered, and the caller hung up": {[]string{begin, "APP_START|5.5|" + caller + "|Queue|q,t|1795449065.0||", "BRIDGE_ENTER|8.25|" + caller + "|Queue|q,t|1795449065.0|" + agent + "|",
			"HANGUP|9.0|" + caller + `|||1795449065.0||{"hangupsource":"` + caller + `"}`}, "q 701 answered PJSIP/1 after 2750 caller or attended_transfer or blind_transfer"},
		"abandoned": {[]string{begin, "APP_START|5.5|" + caller + "|Queue|q,t|1795449065.0||", "APP_END|8.5|" + caller + "|Queue|q,t|1795449065.0||",
			"HANGUP|8.501|" + caller + `|||1795449065.0||{"hangupsource":"` + caller + `"}`}, "q 701 abandoned after 3000"},
		"left, and the dialplan hung up": {[]string{begin, "APP_START|5.5|" + caller + "|Queue|q,t|1795449065.0||", "APP_END|8.5|" + caller + "|Queue|q,t|1795449065.0||",
			"HANGUP|8.501|" + caller + `|||1795449065.0||{"hangupsource":"dialplan/builtin"}`}, "q 701 timed_out or left_empty or exited_by_key or withdrawn or join_refused after 3000"},
		"left, and hung up later": {[]string{begin, "APP_START|5.5|" + caller + "|Queue|q,t|1795449065.0||", "APP_END|8.5|" + caller + "|Queue|q,t|1795449065.0||",
			"HANGUP|9.501|" + caller + `|||1795449065.0||{"hangupsource":"` + caller + `"}`}, "q 701 timed_out or left_empty or exited_by_key or withdrawn or join_refused after 3000"},
		"one queue after another, unseen": {[]string{begin, "APP_START|5.5|" + caller + "|Queue|q,t|1795449065.0||", "BRIDGE_ENTER|8.25|" + caller + "|Queue|r,t|1795449065.0|" + agent + "|"},
			"q 701 timed_out or left_empty or exited_by_key or withdrawn or join_refused; r 701 answered PJSIP/1"},
		"a subroutine on the caller": {[]string{begin, "APP_START|5.5|" + caller + "|Queue|q,tB(s^1)|1795449065.0||", "APP_END|5.501|" + caller + "|Queue|q,tB(s^1)|1795449065.0||",
			"APP_START|5.502|" + caller + "|Queue|q,tB(s^1)|1795449065.0||", "BRIDGE_ENTER|8.5|" + caller + "|Queue|q,tB(s^1)|1795449065.0|" + agent + "|"}, "q 701 answered PJSIP/1 after 3000"},
		"cut off": {[]string{begin, "APP_START|5.5|" + caller + "|Queue|q,t|1795449065.0||"}, "q 701 timed_out or left_empty or exited_by_key or withdrawn or join_refused or abandoned or answered or in_progress open"},
	} {
		rec, err := ReadCEL(strings.NewReader(sample(c.rows...)), time.UTC)
		if err != nil || len(rec.Faults) > 0 || rec.Zoneless {
			t.Fatal(name, err, rec.Faults)
		}
		var got []string
		for _, v := range rec.Visits {
			var outcomes, ends []string
			for _, o := range v.Outcomes {
				outcomes = append(outcomes, o.String())
			}
			for _, e := range v.EndedBy {
				ends = append(ends, e.String())
			}
			s := strings.TrimSpace(v.Queue + " " + v.Caller + " " + strings.Join(outcomes, " or ") + " " + v.Agent)
			if v.Waited {
				s += fmt.Sprint(" after ", v.Wait)
			}
			if v.Open {
				s += " open"
			}
			got = append(got, strings.TrimSpace(s+" "+strings.Join(ends, " or ")))
		}
		if g := strings.Join(got, "; "); g != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, g, c.want)
		}
	}
}

func TestCELFaults(t *testing.T) {
	good := sample("CHAN_START|5.0|PJSIP/t-00000000|||1795449065.0||", "APP_START|5.5|PJSIP/t-00000000|Queue|q,t|1795449065.0||")
	rec, err := ReadCEL(strings.NewReader(good+"rubbish\n\"HANGUP\",\"noon\"\n\"HANGUP\",\"1795449066.0\"\n"), time.UTC)
	if err != nil || len(rec.Faults) != 3 || rec.Faults[0].Line != 3 || len(rec.Visits) != 1 {
		t.Error(err, rec.Faults)
	}
	for text, want := range map[string]error{
		"": ErrNoCEL, queueRow: ErrNoCEL,
		sample("CHAN_START|5.0|PJSIP/t-00000000|||1795449065.0||", "APP_START|5.5|PJSIP/t-00000000|Dial|PJSIP/1|1795449065.0||"): ErrNoQueue,
	} {
		if _, err := ReadCEL(strings.NewReader(text), time.UTC); !errors.Is(err, want) || !errors.Is(err, records.ErrForeign) {
			t.Errorf("%.40q: %v, want %v", text, err, want)
		}
	}
}
