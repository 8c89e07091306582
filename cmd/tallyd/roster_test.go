package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tallyd/cmd/tallyd/config"
	"tallyd/connectors/api"
	"tallyd/metrics/calendar"
	"tallyd/metrics/roster"
)

// TestRosterOfTheRepository: the example that people copy is sound and says what
// its comments say.
func TestRosterOfTheRepository(t *testing.T) {
	const file = "../../configs/roster.yaml"
	if code, out, errs := command(t, "roster", "check", file); code != exitDone || !strings.Contains(out, file+" is sound: ") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	r, err := config.LoadRoster(file, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	change := calendar.MakeDate(2026, 10, 15).Start(r.Zone())
	for _, c := range []struct {
		agent                    string
		at                       time.Time
		team, role, shift, login string
	}{
		{"bob", change.Add(-1), "north", "agent", "early", "bob"},
		{"bob", change, "harbour", "senior", "late", "cho"},
		{"cho", change, "harbour", "agent", "night", "cho"},
	} {
		s, here := r.At(c.agent, c.at)
		if !here || s.Team != c.team || s.Role != c.role || s.Shift != c.shift {
			t.Errorf("%s is %+v", c.agent, s)
		}
		if got := r.Logins(c.at, "ast1", "asterisk")["PJSIP/1002"]; got != c.login {
			t.Errorf("PJSIP/1002 is %q's, want %q's", got, c.login)
		}
	}
	if at, ok := r.NextLogins(calendar.MakeDate(2026, 10, 1).Start(r.Zone())); !ok || !at.Equal(change) {
		t.Errorf("logins change at %s", at)
	}
	if n := len(r.Members(roster.ByTeam, "sales", change, change.Add(time.Hour))); n != 2 {
		t.Errorf("%d people are in sales, which harbour is part of", n)
	}
}

func TestRosterCommands(t *testing.T) {
	good := keep(t, "good.yaml", []byte(`time_zone: Europe/Berlin
shifts:
  - {id: early, days: [mon-fri], from: "06:00", to: "14:00", breaks: [{from: "10:00", to: "10:30"}]}
agents:
  - {id: ann, name: Ann Lee, team: north, shift: early, logins: {fs1: [1001]}, changes: [{from: 2026-10-15, team: south}]}
  - {id: bob, from: 2026-11-01}
`))
	bad := keep(t, "bad.yaml", []byte("agents:\n  - {id: a, shift: x}\n  - {id: a}\n"))
	code, out, errs := command(t, "roster", "check", good, bad)
	if code != exitNotSo || !strings.Contains(out, "good.yaml is sound: 2 agents, 2 teams, 0 roles, 1 shifts") ||
		!strings.Contains(errs, "bad.yaml:2:20: shift \"x\" is not among the shifts\n") || !strings.Contains(errs, "bad.yaml:3:10: agent id \"a\" is used twice") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	code, out, _ = command(t, "roster", "show", good, "--at", "2026-10-15", "--json")
	var doc rosterJSON
	if err := json.Unmarshal([]byte(out), &doc); err != nil || code != exitDone {
		t.Fatal(code, err)
	}
	if len(doc.Agents) != 1 || doc.Agents[0].Team != "south" || doc.Agents[0].Since != "2026-10-15" || doc.Agents[0].Paid != 27_000_000 ||
		len(doc.Agents[0].Scheduled) != 2 || len(doc.Away) != 1 || doc.At.Format(time.RFC3339) != "2026-10-15T00:00:00+02:00" || len(doc.Teams) != 2 {
		t.Errorf("%+v", doc)
	}
	code, out, _ = command(t, "roster", "show", good, "--at", "2026-10-14T23:59")
	if code != exitDone || !strings.Contains(out, "north") || !strings.Contains(out, "06:00–10:00 10:30–14:00") || !strings.Contains(out, "not here: bob") {
		t.Errorf("exit %d: %s", code, out)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"roster", "shwo"}, exitUsage, `unknown command "shwo"`},
		{[]string{"roster", "check"}, exitUsage, "requires at least 1 arg"},
		{[]string{"roster", "check", "/nowhere.yaml"}, exitCannot, "/nowhere.yaml"},
		{[]string{"roster", "show", bad}, exitUsage, "bad.yaml:2:20"},
		{[]string{"roster", "show", good, "--at", "tomorrow"}, exitUsage, `--at "tomorrow" is not a time`},
		{[]string{"roster", "import", keep(t, "p.csv", []byte("id,from\na,1.2.2026\n"))}, exitUsage, `p.csv:2:3: from "1.2.2026" is not a date`},
	} {
		if code, _, errs := command(t, c.args...); code != c.code || !strings.Contains(errs, c.says) {
			t.Errorf("%v: exit %d: %s", c.args, code, errs)
		}
	}
}

// TestRosterImport: what is printed loads, and what is put into a roster takes
// its place at once, with its rights; a faulty table changes nothing.
func TestRosterImport(t *testing.T) {
	table := keep(t, "people.csv", []byte("\xef\xbb\xbfid;name;team;login:fs1\r\nann;Ann Lee;north;\"1001@default;1002@default\"\r\nbob;Bo;north;\r\n"))
	code, out, errs := command(t, "roster", "import", table)
	if code != exitDone {
		t.Fatal(errs)
	}
	made := keep(t, "made.yaml", []byte(out))
	if code, _, errs := command(t, "roster", "check", made); code != exitDone {
		t.Error(errs)
	}
	into := keep(t, "roster.yaml", []byte("# ours\nagents:\n  - {id: ann, role: senior}\n  - {id: cid} # kept\n"))
	if err := os.Chmod(into, 0o640); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link.yaml")
	if err := os.Symlink(into, link); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := command(t, "roster", "import", table, "--into", link); code != exitDone || !strings.Contains(out, "1 agents added, 1 replaced") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	b, err := os.ReadFile(into)
	if err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(into)
	if err != nil || st.Mode().Perm() != 0o640 {
		t.Errorf("%v, error %v", st.Mode(), err)
	}
	r, err := config.LoadRoster(into, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s, _ := r.At("ann", time.Now()); s.Role != "senior" || s.Team != "north" || r.NameOf("ann") != "Ann Lee" || !strings.Contains(string(b), "# ours") ||
		!strings.Contains(string(b), "- {id: cid} # kept") || len(r.Agents()) != 3 {
		t.Errorf("%+v\n%s", s, b)
	}
	bad := keep(t, "bad.csv", []byte("id,login:fs1\ncid,1001@default\n"))
	if code, _, errs := command(t, "roster", "import", bad, "--into", into); code != exitUsage || !strings.Contains(errs, "belongs to agent") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if after, err := os.ReadFile(into); err != nil || string(after) != string(b) {
		t.Error("the roster is another one after a faulty import")
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(into), ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestRosterReload: a running daemon answers by the new roster once it is told
// of it, and by the old one as long as the new one is faulty.
func TestRosterReload(t *testing.T) {
	data := t.TempDir()
	file := filepath.Join(data, "roster.yaml")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("agents:\n  - {id: 1001@default, name: Ann Lee, team: north}\n")
	cfg := keep(t, "tallyd.yaml", []byte("switches:\n  - {name: gone, kind: freeswitch, address: '127.0.0.1:1', password: x}\nroster_file: "+file+"\n"))
	args := []string{"--config", cfg, "--data", data}
	d := serveInBackground(t, args...)
	ask := func(team string) (code int, errs string) {
		code, _, errs = command(t, append([]string{"kpi", "teams", team, "--json"}, args...)...)
		return code, errs
	}
	hangUp := func() {
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	if code, errs := ask("north"); code != exitDone {
		t.Errorf("exit %d: %s", code, errs)
	}
	if code, errs := ask("south"); code != exitUsage || !strings.Contains(errs, `team "south" is not on the roster`) {
		t.Errorf("exit %d: %s", code, errs)
	}
	write("agents:\n  - {id: 1001@default, team: south, role: [x]}\n  - {id: 1001@default}\n")
	hangUp()
	eventually(t, d.errs.String, func() bool {
		return strings.Contains(d.errs.String(), "roster.yaml:2:43: role must be a single value") && strings.Contains(d.errs.String(), "roster.yaml:3:10: agent id")
	})
	if code, errs := ask("north"); code != exitDone {
		t.Errorf("after a faulty roster: exit %d: %s", code, errs)
	}
	write("agents:\n  - {id: 1001@default, name: Ann Ray, team: south}\n")
	hangUp()
	eventually(t, d.errs.String, func() bool { return strings.Contains(d.errs.String(), "the roster was read anew") })
	if code, errs := ask("south"); code != exitDone {
		t.Errorf("after a new roster: exit %d: %s", code, errs)
	}
	if code, _ := ask("north"); code != exitUsage {
		t.Errorf("the team that went is still known: exit %d", code)
	}
	if a := askKPI(t, data, "agents", "1001@default", "--config", cfg); len(a.Rows) != 1 || a.Rows[0].Label != "Ann Ray" {
		t.Errorf("%+v", a.Rows)
	}
	if code := d.stop(); code != exitDone {
		t.Errorf("the daemon ended with %d: %s", code, d.errs.String())
	}
}

// TestKPISteps: rows per period of local time, as table and document.
func TestKPISteps(t *testing.T) {
	data := t.TempDir()
	cfg := keep(t, "tallyd.yaml", []byte("time_zone: Europe/Berlin\nswitches:\n  - {name: gone, kind: freeswitch, address: '127.0.0.1:1', password: x}\n"))
	serveInBackground(t, "--config", cfg, "--data", data)
	span := []string{"--config", cfg, "--from", "2026-10-24", "--to", "2026-10-27"}
	a := askKPI(t, data, append([]string{"site", "--step", "day"}, span...)...)
	if len(a.Rows) != 3 || a.Rows[1].To.Sub(a.Rows[1].From) != 25*time.Hour || a.Rows[1].From.Format(time.RFC3339) != "2026-10-25T00:00:00+02:00" ||
		a.Rows[1].To.Format(time.RFC3339) != "2026-10-26T00:00:00+01:00" || a.Zone != "Europe/Berlin" || a.Kind != api.Site {
		t.Errorf("%+v", a.KPIResult)
	}
	code, out, errs := command(t, append([]string{"kpi", "site", "--data", data, "--step", "hour"}, span...)...)
	if code != exitDone || strings.Count(out, "Sun 2026-10-25 02:00 CE") != 2 || !strings.Contains(out, "Sun 2026-10-25 02:00 CEST") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	for args, want := range map[string]string{"--step=minute": `--step "minute" is none of 15m, hour, shift, day, week, month`, "trunks": `"trunks" is none of queues, agents, teams, roles, site`} {
		if code, _, errs := command(t, "kpi", "--data", data, args); code != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("exit %d: %s", code, errs)
		}
	}
}
