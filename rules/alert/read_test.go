package alert

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"
)

const soundFile = `time_zone: Asia/Shanghai
alerts:
  - id: waiting_long
    of: queue
    when: longest_wait > 120000 && waiting >= 3
    hold: 30s
    clear: longest_wait < 60000
    clear_hold: 30s
    owner: floor-lead
    severity: critical
    because: callers wait longer than two minutes
    quiet: [{days: [sat, sun]}, {from: "22:00", to: "07:00"}]
    only: [support@default]
  - {id: level, of: site, when: "sl.offered < 0.7 && offered >= 20", owner: lead, because: fewer than 70 % are answered in time}
`

// TestFilesOfConfigs: the example that comes along has no fault, and the three kinds
// of rule that it is there for.
func TestFilesOfConfigs(t *testing.T) {
	const file = "../../configs/alerts.yaml"
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s, faults := Read(file, b, nil)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	var got []string
	for _, r := range s.Rules {
		got = append(got, r.ID+" of "+string(r.Of))
	}
	if !slices.Equal(got, []string{"waiting_long of queue", "long_pause of agent", "level of queue"}) {
		t.Error(got)
	}
}

func TestRead(t *testing.T) {
	s, faults := Read("a.yaml", []byte(soundFile), nil)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	r := &s.Rules[0]
	if r.ID != "waiting_long" || r.Of != Queue || r.Hold != 30*time.Second || r.ClearHold != 30*time.Second || r.Severity != Critical || r.Owner != "floor-lead" ||
		fmt.Sprint(r.Names) != "[longest_wait waiting]" || !r.About("support@default") || r.About("sales@default") || r.zone.String() != "Asia/Shanghai" {
		t.Errorf("%+v", r)
	}
	if r = &s.Rules[1]; r.Severity != Warning || r.Clear != nil || fmt.Sprint(r.Names) != "[offered sl.offered]" || !r.About("") {
		t.Errorf("%+v", r)
	}
	if got := fmt.Sprint(s.Has(Agent), s.Has(Queue), s.Figures(Queue), s.Figures(Site), s.Len()); got != "false true [] [offered sl.offered] 2" {
		t.Error(got)
	}
	if none := (*Set)(nil); none.Has(Queue) || none.Figures(Queue) != nil || none.Len() != 0 {
		t.Error("no set has rules")
	}
	// The zone of who asks is that of a file that names none.
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	s, faults = Read("a.yaml", []byte(strings.Replace(soundFile, "time_zone: Asia/Shanghai\n", "", 1)), berlin)
	if len(faults) > 0 || s.Rules[0].zone != berlin {
		t.Error(faults, s.Rules[0].zone)
	}
}

// TestNames: what an expression asks for is found, and nothing that only looks like
// it; names of states and of figures are not confused.
func TestNames(t *testing.T) {
	for _, of := range []Kind{Queue, Agent, Site} {
		seen := map[string]bool{}
		for _, v := range Variables(of) {
			if seen[v.Name] {
				t.Errorf("%s: %s is there twice", of, v.Name)
			}
			seen[v.Name] = true
		}
	}
	for _, x := range []struct {
		of   Kind
		text string
		want string
	}{
		{Agent, "state == 'paused' && in_state > 900000", "[in_state state]"},
		{Agent, "paused > 900000.0 || state == \"offers\"", "[paused state]"},
		{Agent, "answered_per_hour < 3", "[answered_per_hour]"},
		{Agent, "answer_rate.agent < 0.5 && true", "[answer_rate.agent]"},
		{Site, "answer_rate.agent < 0.5 || answer_rate > 0.1", "[answer_rate answer_rate.agent]"},
		{Site, "answer_rate . agent < 0.5", "[answer_rate.agent]"},
		{Site, "agents.paused > agents.available && paused > 1", "[agents.available agents.paused paused]"},
		{Queue, "math.greatest(waiting, talking) > 3", "[talking waiting]"},
		{Queue, "true", "[]"},
	} {
		s, faults := Read("a.yaml", fmt.Appendf(nil, "alerts: [{id: a, of: %s, when: %q, owner: o, because: b}]", x.of, x.text), nil)
		if len(faults) > 0 {
			t.Errorf("%s: %v", x.text, faults)
		} else if got := fmt.Sprint(s.Rules[0].Names); got != x.want {
			t.Errorf("%s names %s, want %s", x.text, got, x.want)
		}
	}
}

// TestBadFiles: each fault is told, with its place and what stands there.
func TestBadFiles(t *testing.T) {
	for _, x := range []struct{ old, new, want string }{
		{soundFile, "", `a.yaml: alerts are missing`},
		{soundFile, "alerts: [", `a.yaml:2:1: did not find expected node content`},
		{soundFile, "alerts: 3", `a.yaml:1:9: alerts must be a list`},
		{soundFile, "time_zone: UTC", `a.yaml:1:1: alerts are missing`},
		{"alerts:", "alarms:", `a.yaml:2:1: key "alarms" is not known here (known: time_zone, alerts)`},
		{"Asia/Shanghai", "Shanghai", `a.yaml:1:12: time_zone "Shanghai" is not a time zone's name, such as Asia/Shanghai`},
		{"Asia/Shanghai", "Local", `a.yaml:1:12: time_zone "Local" is not a time zone's name, such as Asia/Shanghai`},
		{"  - id: waiting_long\n    of", "  - of", `a.yaml:3:5: id is missing`},
		{"id: waiting_long", "id: waiting-long", `a.yaml:3:9: id "waiting-long" is none: a letter, then letters, digits and _, 64 at most`},
		{"id: level", "id: waiting_long", `a.yaml:14:10: id "waiting_long" is there twice`},
		{"of: queue\n", "of: team\n", `a.yaml:4:9: of "team" is none of queue, agent, site`},
		{"    of: queue\n", "", `a.yaml:3:5: of is missing`},
		{"    when: longest_wait > 120000 && waiting >= 3\n", "", `a.yaml:3:5: when is missing`},
		{"longest_wait > 120000 && waiting >= 3", "longest_wait >", `a.yaml:5:11: when "longest_wait >", at character 15: Syntax error`},
		{"longest_wait > 120000 && waiting >= 3", "wating >= 3", `a.yaml:5:11: when "wating >= 3", at character 1: undeclared reference to 'wating' (did you mean 'waiting'?); known here are waiting, longest_wait, talking, agents.ringing, agents.talking, agents.holding, agents.wrapping_up and a queue's figures but fcr and repeat_rate (tallyd metrics)`},
		{"longest_wait > 120000 && waiting >= 3", "state == 'paused'", `a.yaml:5:11: when "state == 'paused'", at character 1: undeclared reference to 'state'; known here are waiting,`},
		{"longest_wait > 120000 && waiting >= 3", "fcr < 0.5", `a.yaml:5:11: when "fcr < 0.5", at character 1: undeclared reference to 'fcr'; known here`},
		{"longest_wait > 120000 && waiting >= 3", "longest_wait / 1000", `a.yaml:5:11: when "longest_wait / 1000" comes to a double, not to a bool`},
		{"longest_wait > 120000 && waiting >= 3", "waiting >= '3'", `a.yaml:5:11: when "waiting >= '3'", at character 9: found no matching overload`},
		{"longest_wait < 60000", "longest < 60000", `a.yaml:7:12: clear "longest < 60000", at character 1: undeclared reference to 'longest'`},
		{"longest_wait < 60000", `""`, `a.yaml:7:12: clear is missing`},
		{"hold: 30s", "hold: 30", `a.yaml:6:11: hold "30" is not a duration, such as 20s`},
		{"hold: 30s", "hold: -30s", `a.yaml:6:11: hold -30s is not between 0 and 24h`},
		{"clear_hold: 30s", "clear_hold: 2d", `a.yaml:8:17: clear_hold 48h0m0s is not between 0 and 24h`},
		{"    owner: floor-lead\n", "", `a.yaml:3:5: owner is missing`},
		{"owner: floor-lead", "owner: " + strings.Repeat("x", 101), `a.yaml:9:12: owner has 101 bytes, 100 are the most`},
		{"owner: floor-lead", `owner: "a\nb"`, `a.yaml:9:12: owner "a\nb" has a control character`},
		{"severity: critical", "severity: loud", `a.yaml:10:15: severity "loud" is none of info, warning, critical`},
		{"    because: callers wait longer than two minutes\n", "", `a.yaml:3:5: because is missing`},
		{"{days: [sat, sun]}", "{}", `a.yaml:12:13: quiet needs days, or from and to, or all three: {days: [sat, sun]}`},
		{"{days: [sat, sun]}", "{days: []}", `a.yaml:12:20: days are missing, such as [sat, sun]`},
		{"{days: [sat, sun]}", "{days: [sat, sunday]}", `a.yaml:12:26: day "sunday" is none of mon, tue, wed, thu, fri, sat, sun, nor a range such as mon-fri`},
		{"{days: [sat, sun]}", "{days: [fri-sun, sat]}", `a.yaml:12:30: day "sat" is given twice`},
		{`to: "07:00"`, `until: "07:00"`, `a.yaml:12:49: key "until" is not known here (known: days, from, to)`},
		{`, to: "07:00"`, ``, `a.yaml:12:33: quiet needs from and to, both or neither`},
		{`"07:00"`, `"7:00"`, `a.yaml:12:53: to "7:00" is not a time of day, such as 08:30`},
		{`"07:00"`, `"22:00"`, `a.yaml:12:53: to "22:00" is from: a whole day is from 00:00 to 24:00`},
		{`"22:00"`, `"24:00"`, `a.yaml:12:40: from "24:00" is 00:00 of the next day`},
		{"[support@default]", "[]", `a.yaml:13:11: only names nobody: leave it out for all`},
		{"[support@default]", "[a, b, a]", `a.yaml:13:18: name "a" is there twice`},
		{"[support@default]", `[""]`, `a.yaml:13:12: a name is empty`},
		{"of: site", "only: [main], of: site", `a.yaml:14:23: there is but one site: only is for queues and agents`},
		{soundFile, "alerts:" + strings.Repeat("\n  - {id: a, of: site, when: 'true', owner: o, because: b}", 101), `a.yaml:2:3: there are 101 alerts, 100 are the most`},
		{soundFile, strings.Repeat("#", maxFile+1), `a.yaml: the file has 1048577 bytes, 1048576 are the most`},
	} {
		text := strings.Replace(soundFile, x.old, x.new, 1)
		if text == soundFile {
			t.Fatalf("%q is not in the file", x.old)
		}
		_, faults := Read("a.yaml", []byte(text), nil)
		var got []string
		for _, f := range faults {
			got = append(got, f.Error())
		}
		if !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, x.want) }) {
			t.Errorf("%.100s:\n%s\nwant\n%s", x.new, strings.Join(got, "\n"), x.want)
		}
	}
	// All at once, in order.
	text := strings.NewReplacer("hold: 30s\n    clear:", "hold: x\n    clear:", "severity: critical", "severity: loud", "of: site", "of: sites").Replace(soundFile)
	_, faults := Read("a.yaml", []byte(text), nil)
	if len(faults) != 3 || faults[0].Line != 6 || faults[1].Line != 10 || faults[2].Line != 14 {
		t.Errorf("three faults are told as %v", faults)
	}
}

// FuzzAlerts: whatever stands in a file, reading it ends, faults have places, and a
// file without a fault has rules that can be held against anything.
func FuzzAlerts(f *testing.F) {
	f.Add([]byte(soundFile))
	f.Add([]byte("alerts: [{id: a, of: agent, when: \"state == 'paused' && in_state / paused > 1\", owner: o, because: b, quiet: [{days: [fri-mon], from: '23:00', to: '01:00'}]}]"))
	f.Add([]byte("time_zone: America/Sao_Paulo\nalerts: [{id: a, of: site, when: 'waiting > 0 || !(asa < 1)', clear: 'false', hold: 1m, owner: o, because: b}]"))
	at := time.Date(2026, 10, 24, 22, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text []byte) {
		s, faults := Read("a.yaml", text, nil)
		if len(faults) > 0 {
			_ = faults.Error()
			return
		}
		e := NewEngine(s, DefaultBounds())
		for i := range 10 {
			e.Step(at.Add(time.Duration(i)*time.Hour), []Subject{
				{Of: Queue, Name: "q", Values: func(name string) (any, bool) { return float64(i), i%3 > 0 }},
				{Of: Site, Values: func(name string) (any, bool) { return 1e6, true }},
				{Of: Agent, Name: "a", Values: func(name string) (any, bool) {
					if slices.Contains([]string{State, Reason, OfQueue, Team, Role}, name) {
						return "paused", true
					}
					return 0.0, true
				}},
			})
		}
		if changes := e.Step(at.Add(24*time.Hour), nil); e.Active() != 0 || len(changes) > 3*s.Len() {
			t.Fatalf("%d alerts about nobody, %d changes", e.Active(), len(changes))
		}
	})
}
