package config

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tallyd/metrics"
	"tallyd/metrics/calendar"
	"tallyd/metrics/roster"
)

func loadRoster(t *testing.T, text string) *Roster {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	r, err := LoadRoster(write(t, "roster.yaml", text), zone)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const changing = `
time_zone: Europe/Berlin
teams:
  - {id: north, name: The North, lead: ann}
  - {id: harbour, parent: north}
roles: [agent, senior]
shifts:
  - {id: early, days: [mon-fri], from: "06:00", to: "14:00", breaks: [{from: "10:00", to: "10:30"}]}
  - {id: night, days: [sun, fri-sat], from: "22:00", to: "06:00"}
agents:
  - id: ann
    name: Ann Lee
    team: north
    role: agent
    shift: early
    from: 2026-01-15
    until: 2027-01-01
    logins: {fs1: [1001@default], asterisk: [PJSIP/1001]}
    changes:
      - {from: 2026-03-29, team: harbour, role: senior}
      - {from: 2026-05-01, away: true}
      - {from: 2026-07-01, shift: night, logins: {fs1: [1009@default]}}
      - {from: 2026-08-01, shift: "", logins: {asterisk: []}}
  - {id: bob, from: 2026-07-01, logins: {fs1: [1001@default]}}
`

// TestRosterChanges: what is written comes to what holds when.
func TestRosterChanges(t *testing.T) {
	r := loadRoster(t, changing)
	if r.Zone().String() != "Europe/Berlin" {
		t.Errorf("the zone is %s", r.Zone())
	}
	at := func(s string) time.Time {
		d, err := calendar.ParseDate(s)
		if err != nil {
			t.Fatal(err)
		}
		return d.Start(r.Zone())
	}
	for _, c := range []struct{ at, want string }{
		{"2026-01-14", ""},
		{"2026-01-15", "north agent early fs1=1001@default asterisk=PJSIP/1001"},
		{"2026-03-28", "north agent early fs1=1001@default asterisk=PJSIP/1001"},
		{"2026-03-29", "harbour senior early fs1=1001@default asterisk=PJSIP/1001"},
		{"2026-05-01", ""},
		{"2026-06-30", ""},
		{"2026-07-01", "harbour senior night fs1=1009@default asterisk=PJSIP/1001"},
		{"2026-08-01", "harbour senior  fs1=1009@default asterisk="},
		{"2026-12-31", "harbour senior  fs1=1009@default asterisk="},
		{"2027-01-01", ""},
	} {
		got := ""
		if s, here := r.At("ann", at(c.at)); here {
			got = strings.Join([]string{s.Team, s.Role, s.Shift, "fs1=" + strings.Join(s.Logins["fs1"], ","), "asterisk=" + strings.Join(s.Logins["asterisk"], ",")}, " ")
		}
		if got != c.want {
			t.Errorf("on %s ann is %q, want %q", c.at, got, c.want)
		}
	}
	// A local midnight is the first moment of its day.
	if s, here := r.At("ann", at("2026-03-29").Add(-1)); !here || s.Team != "north" {
		t.Error("the change comes before its day")
	}
	if got := r.Members(roster.ByTeam, "north", at("2026-01-01"), at("2027-06-01")); len(got) != 2 || !got[0].To.Equal(at("2026-05-01")) || !got[1].To.Equal(at("2027-01-01")) {
		t.Errorf("in the north, which the harbour is part of: %v", got)
	}
	// A week of early shifts with a break, and nobody paid while away.
	if got := r.Paid("ann", at("2026-04-13"), at("2026-04-20")); got != 5*(7*time.Hour+30*time.Minute) {
		t.Errorf("paid for a week: %s", got)
	}
	if got := r.Paid("ann", at("2026-05-01"), at("2026-07-01")); got != 0 {
		t.Errorf("paid for %s while away", got)
	}
	if got := r.Paid("ann", at("2026-07-10"), at("2026-07-13").Add(6*time.Hour)); got != 24*time.Hour {
		t.Errorf("paid for three nights: %s", got)
	}
}

// TestRosterApplies: a login stands for whoever has it at the time.
func TestRosterApplies(t *testing.T) {
	r := loadRoster(t, changing)
	for _, c := range []struct{ at, login, want string }{
		{"2026-01-01", "1001@default", "1001@default"}, // nobody's yet
		{"2026-02-01", "1001@default", "ann"},
		{"2026-07-01", "1001@default", "bob"},
		{"2026-07-01", "1009@default", "ann"},
		{"2026-07-01", "PJSIP/1001", "ann"},
		{"2026-08-01", "PJSIP/1001", "PJSIP/1001"},
	} {
		d, err := calendar.ParseDate(c.at)
		if err != nil {
			t.Fatal(err)
		}
		n := metrics.NewNames()
		r.ApplyAt(d.Start(r.Zone()), n, "fs1", "asterisk")
		if got := n.Name(metrics.AgentName, n.InternString(metrics.AgentName, c.login)); got != c.want {
			t.Errorf("on %s %s is %q, want %q", c.at, c.login, got, c.want)
		}
	}
	shared := r.Shared(map[string]string{"fs1": "freeswitch", "a": "asterisk"})
	if !shared("ann") || shared("bob") {
		t.Error("who has ever logins on two switches is not told from who has not")
	}
}

// TestRosterZone: without a zone of its own a roster's dates are those of the
// configuration.
func TestRosterZone(t *testing.T) {
	r := loadRoster(t, "agents:\n  - {id: ann, from: 2026-10-15}\n")
	begin := time.Date(2026, 10, 14, 16, 0, 0, 0, time.UTC)
	if _, here := r.At("ann", begin.Add(-1)); here {
		t.Error("ann is here before midnight")
	}
	if _, here := r.At("ann", begin); !here {
		t.Error("ann is not here at midnight")
	}
	plain := loadRoster(t, "agents:\n  - {id: ann, team: any, role: thing}\n")
	if got := plain.Names(roster.ByTeam); !slices.Equal(got, []string{"any"}) {
		t.Errorf("teams that are not described are %v", got)
	}
}

// TestRosterNames: a roster without any dates.
func TestRosterNames(t *testing.T) {
	path := write(t, "roster.yaml", `
agents:
  - {id: a1, name: Ann, team: north, role: agent, logins: {fs1: ["1001@default", "2001@default"]}}
  - {id: a2, name: Bo, logins: {freeswitch: [1002@default]}}
`)
	r, err := LoadRoster(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.NameOf("a1") != "Ann" || r.NameOf("nobody") != "" || len(r.Agents()) != 2 {
		t.Errorf("%+v", r)
	}
	if got := (*Roster)(nil).NameOf("a1"); got != "" {
		t.Error(got)
	}
}
