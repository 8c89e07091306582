package api

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tallyd/metrics"
	"tallyd/metrics/roster"
	"tallyd/rules"
)

const labScheme = `scheme: lab
version: "1"
period: month
time_zone: Asia/Shanghai
grades: {A: 90, B: 60, C: 0}
roles:
  agent:
    indicators:
      - {id: talk, kpi: att, dimension: output, floor: 0s, target: 60s, weight: 60%, adjust: mix}
      - {id: csat, kpi: csat, dimension: soft, floor: 0%, target: 100%, weight: 40%, minimum: {surveys: 2}}
  lead:
    of: team
    indicators:
      - {id: scores, kpi: team.score, dimension: team, floor: 0, target: 100, weight: 50%}
      - {id: level, kpi: service_level, dimension: team, floor: 0%, target: 100%, weight: 50%}
`

// scoredLab is a centre of two agents and a lead, with a scheme.
func scoredLab(t *testing.T) *lab {
	t.Helper()
	l := newLab(t, "fs1")
	people := roster.New(time.UTC, []roster.Team{{ID: "north", Lead: "lea"}}, nil, []roster.Agent{
		{ID: "ann", Stays: []roster.Stay{{Team: "north", Role: "agent"}}}, {ID: "bob", Stays: []roster.Stay{{Team: "south", Role: "agent"}}},
		{ID: "lea", Stays: []roster.Stay{{Role: "lead"}}}})
	l.service.cfg.Roster = func() *roster.Roster { return people }
	text := []byte(labScheme)
	scheme, faults, _ := rules.Read("lab.yaml", text)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	l.service.cfg.Schemes = func() []Scheme { return []Scheme{{scheme, text}} }
	fs := l.switches[0]
	fs.ready("ann")
	fs.ready("bob")
	fs.call("support", "ann", 5000, 30_000) // half of the target: 50 points
	l.pass(55_000)
	fs.call("support", "bob", 5000, 60_000)
	l.pass(3600_000)
	return l
}

func scoresOf(list *ScoreList) string {
	var b strings.Builder
	for _, c := range list.Cards {
		b.WriteString(" " + c.Agent + "/" + c.Role)
		if c.Score != nil {
			fmt.Fprintf(&b, " %v", *c.Score)
		}
	}
	return strings.TrimSpace(b.String())
}

// TestScoresStandAndSealed: how scores stand, how they are sealed when the period is
// over, once for the same facts and anew for others; and who sees which.
func TestScoresStandAndSealed(t *testing.T) {
	l := scoredLab(t)
	ask := func(q ScoreQuery) *ScoreList {
		t.Helper()
		list, err := l.service.Scores(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	now := ask(ScoreQuery{})
	if formed := metrics.Millis(now.AsOf); formed != l.now {
		t.Errorf("formed at %v, it is %v", formed, l.now)
	}
	l.now += 1000
	if again := ask(ScoreQuery{}); again.AsOf != now.AsOf {
		t.Errorf("the same scores were formed at %v and %v", now.AsOf, again.AsOf)
	}
	if got := scoresOf(now); got != "ann/agent 50 bob/agent 100 lea/lead 75" || now.Sealed != nil || now.Cycle != "lab-2026-10" {
		t.Errorf("%s of %s, sealed %v", got, now.Cycle, now.Sealed)
	}
	october := ScoreQuery{From: rules.Date{Year: 2026, Month: 10, Day: 1}, To: rules.Date{Year: 2026, Month: 11, Day: 1}}
	if _, err := l.service.Seal(t.Context(), october, "hr"); err == nil || !strings.Contains(err.Error(), "is not over before 2026-11-01T00:00:00+08:00") {
		t.Errorf("sealed before the end: %v", err)
	}
	l.now = metrics.MillisOf(time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC))
	sealed, err := l.service.Seal(t.Context(), october, "hr")
	if err != nil || scoresOf(sealed) != "ann/agent 50 bob/agent 100 lea/lead 75" || sealed.Sealed == nil || sealed.Sealed.By != "hr" || sealed.Sealed.Revision != 0 {
		t.Fatalf("%+v, error %v", sealed, err)
	}
	again, err := l.service.Seal(t.Context(), october, "boss")
	if err != nil || again.Sealed.Revision != 0 || again.Sealed.By != "hr" || again.SHA256 != sealed.SHA256 {
		t.Errorf("sealed again: %+v, error %v", again.Sealed, err)
	}
	// As it stands it is the same.
	if list := ask(october); list.SHA256 != sealed.SHA256 || list.Facts != sealed.Facts {
		t.Errorf("as it stands it is %s, sealed %s", list.SHA256, sealed.SHA256)
	}
	for _, id := range []string{"1", "2"} {
		l.took("survey", `{"id":"`+id+`","at":"2026-10-01T01:01:00Z","agent":"ann","survey":{"csat":5}}`)
	}
	l.now += metrics.Millis(2 * standingFor / time.Millisecond)
	third, err := l.service.Seal(t.Context(), october, "hr")
	if err != nil || third.Sealed.Revision != 1 || third.SHA256 == sealed.SHA256 {
		t.Fatalf("%+v, error %v", third, err)
	}
	// Formed again from what they were made of they are the same, whatever came later.
	first := ask(ScoreQuery{Cycle: "lab-2026-10", Revision: new(uint32), Recompute: true})
	if first.Recomputed != sealed.SHA256 {
		t.Errorf("formed again it is %q, sealed %s", first.Recomputed, sealed.SHA256)
	}
	if list := ask(ScoreQuery{Cycle: "lab-2026-10", Recompute: true}); list.Recomputed != third.SHA256 {
		t.Errorf("formed again it is %q, sealed %s", list.Recomputed, third.SHA256)
	}
	if first.AsOf != 0 {
		t.Errorf("sealed scores are as of %v", first.AsOf)
	}
	if scoresOf(first) != "ann/agent 50 bob/agent 100 lea/lead 75" || first.SHA256 != sealed.SHA256 {
		t.Errorf("the first revision is %s", scoresOf(first))
	}
	cycles, err := l.service.Cycles(t.Context())
	if err != nil || len(cycles) != 2 || cycles[1].Cards != 3 || cycles[1].Revision != 1 {
		t.Errorf("%+v, error %v", cycles, err)
	}
	for _, x := range []struct {
		who  Asker
		want string
	}{
		{Asker{Name: "hr", Role: ScoringRole}, "ann/agent bob/agent lea/lead"},
		{Asker{Name: "boss", Role: SupervisorRole, Teams: []string{"north"}}, "ann/agent"},
		{Asker{Name: "ann", Role: AgentRole, Agent: "ann"}, "ann/agent"},
		{Asker{Name: "wall", Role: WallboardRole}, "not allowed"},
		{Asker{Name: "feed", Role: IngestRole}, "not allowed"},
	} {
		for _, q := range []ScoreQuery{{Cycle: "lab-2026-10"}, october} {
			list, err := l.service.As(x.who, "test").Scores(t.Context(), q)
			got := ""
			if errors.Is(err, ErrForbidden) {
				got = "not allowed"
			} else if err != nil {
				t.Fatal(err)
			} else {
				for i, c := range list.Cards {
					got += " "[:min(i, 1)] + c.Agent + "/" + c.Role
				}
			}
			if got != x.want {
				t.Errorf("%s sees %s, want %s", x.who.Name, got, x.want)
			}
		}
		_, err := l.service.As(x.who, "test").Seal(t.Context(), october)
		if may := x.who.Role == ScoringRole; may != (err == nil) {
			t.Errorf("%s seals: %v", x.who.Name, err)
		}
	}
	if _, err := l.service.As(Asker{Name: "ann", Role: AgentRole, Agent: "ann"}, "test").Explain(t.Context(), ExplainQuery{ScoreQuery: ScoreQuery{Cycle: "lab-2026-10", Agent: "bob"}}); !errors.Is(err, ErrForbidden) {
		t.Errorf("ann has bob's card explained: %v", err)
	}
}

// TestExplain: a card with what it is made of, what would raise it, and what if.
func TestExplain(t *testing.T) {
	l := scoredLab(t)
	ask := func(q ExplainQuery) (*ExplainResult, error) {
		q.Agent = "ann"
		return l.service.Explain(t.Context(), q)
	}
	e, err := ask(ExplainQuery{})
	if err != nil {
		t.Fatal(err)
	}
	r := e.Card.Indicators[0]
	if *r.Raw != 30_000 || r.Counts["talk_ms"] != 30_000 || r.Counts["answered"] != 1 || e.Reasons[0].Unit != "ms" || e.Reasons[0].Formula == "" {
		t.Errorf("%+v %+v", r, e.Reasons[0])
	}
	if len(e.Raises) != 1 || e.Raises[0] != (rules.Raise{ID: "talk", To: 60_000, Points: 100, Adds: 50}) {
		t.Errorf("%+v", e.Raises)
	}
	if x := e.Evidence[0]; !strings.HasPrefix(x.Contacts, "/api/v1/contacts?agent=ann&from=2026-10-01T00%3A00%3A00%2B08%3A00") || x.Facts != "" {
		t.Errorf("%+v", x)
	}
	if x := e.Evidence[1]; !strings.HasPrefix(x.Facts, "/api/v1/facts?agent=ann&") || x.Contacts != "" {
		t.Errorf("%+v", x)
	}
	e, err = ask(ExplainQuery{Values: map[string]string{"talk": "45s", "csat": "50%"}, Weights: map[string]string{"talk": "20%", "csat": "80%"}})
	if err != nil || e.WhatIf == nil || *e.WhatIf.Score != 55 || *e.Card.Score != 50 {
		t.Errorf("%+v, error %v", e, err)
	}
	for want, q := range map[string]ExplainQuery{
		`talk "long" is not a time, such as 180s`: {Values: map[string]string{"talk": "long"}},
		`"fcr" is no indicator of the role agent`: {Values: map[string]string{"fcr": "80%"}},
		`the weights add up to 90%, not 100%`:     {Weights: map[string]string{"talk": "50%"}},
		`cycle "lab-2026-09" was not sealed`:      {ScoreQuery: ScoreQuery{Cycle: "lab-2026-09"}},
		`scheme "other" is none of lab`:           {ScoreQuery: ScoreQuery{Scheme: "other"}},
		`agent "ann" has no card of lab-2026-10`:  {ScoreQuery: ScoreQuery{Role: "lead"}},
		`is not one of 1 to 1830 days`:            {ScoreQuery: ScoreQuery{From: rules.Date{Year: 2026, Month: 10, Day: 2}, To: rules.Date{Year: 2026, Month: 10, Day: 1}}},
	} {
		if _, err := ask(q); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestCycleNames: months and quarters have short names.
func TestCycleNames(t *testing.T) {
	day := func(y int, m time.Month, d int) rules.Date { return rules.Date{Year: y, Month: m, Day: d} }
	for want, p := range map[string]rules.SpanOfDays{
		"s-2026-10":               {From: day(2026, 10, 1), To: day(2026, 11, 1)},
		"s-2026-12":               {From: day(2026, 12, 1), To: day(2027, 1, 1)},
		"s-2026-Q4":               {From: day(2026, 10, 1), To: day(2027, 1, 1)},
		"s-2026-02-01-2026-05-01": {From: day(2026, 2, 1), To: day(2026, 5, 1)},
		"s-2026-10-01-2026-10-31": {From: day(2026, 10, 1), To: day(2026, 10, 31)},
	} {
		if got := CycleName("s", p); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
