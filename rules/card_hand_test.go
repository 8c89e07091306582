package rules

import (
	"fmt"
	"strings"
	"testing"
)

// told is a card in a line: who, score and grade, and what each indicator adds.
func told(c *Card) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", c.Agent, c.Role)
	if c.Score == nil {
		b.WriteString(" -")
	} else {
		fmt.Fprintf(&b, " %v %s", *c.Score, c.Grade)
	}
	if c.BeforeGates != nil {
		fmt.Fprintf(&b, " (%v)", *c.BeforeGates)
	}
	for _, r := range c.Indicators {
		if r.Rated {
			fmt.Fprintf(&b, "; %s %v: %v points x %v = %v", r.ID, *r.Shrunk, *r.Points, r.Weight, *r.Contribution)
		} else {
			fmt.Fprintf(&b, "; %s not rated: %s", r.ID, r.Why)
		}
	}
	for _, g := range c.Gates {
		if g.Failed {
			fmt.Fprintf(&b, "; %s", g.Because)
		}
	}
	return b.String()
}

// cardsOf are the cards of October 2026 by a scheme whose roles are given, over facts
// that are written as lines.
func cardsOf(t *testing.T, roles, facts string) []string {
	t.Helper()
	s, faults, _ := Read("s.yaml", []byte("scheme: s\nversion: '1'\nperiod: month\ntime_zone: UTC\ngrades: {A: 95, B: 80, C: 60, D: 0}\nroles:\n"+roles))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	a := NewAppraisal(s, Date{2026, 10, 1}, Date{2026, 11, 1})
	bad, err := ReadFacts(strings.NewReader(facts), func(f *Fact) error { a.Add(f); return nil })
	if err != nil || len(bad) > 0 {
		t.Fatal(err, bad)
	}
	scores, err := a.Scores()
	if err != nil || !scores.Intact() {
		t.Fatal(err)
	}
	var out []string
	for i := range scores.Cards {
		out = append(out, told(&scores.Cards[i]))
	}
	return out
}

// at is a fact of an agent on a day of October.
func at(day int, agent, rest string) string {
	return fmt.Sprintf(`{"at":"2026-10-%02dT09:00:00Z","agent":%q,%s}`+"\n", day, agent, rest)
}

// callsAt is a fact of a queue's callers on a day of October.
func callsAt(day int, queue, calls string) string {
	return fmt.Sprintf(`{"at":"2026-10-%02dT09:00:00Z","queue":%q,"calls":{%s}}`+"\n", day, queue, calls)
}

// TestCardsByHand: each curve, renormalisation, gate, season, expression and kind of
// role, to the last digit. What is drawn towards peers is not used here.
func TestCardsByHand(t *testing.T) {
	agent := `"role":"agent","team":"t1",`
	for _, x := range []struct {
		name, roles, facts string
		want               []string
	}{{
		"linear, up and down: below floor, halfway, at target, beyond, beyond stretch", `
  agent:
    indicators:
      - {id: volume, kpi: answered_per_hour, dimension: output, floor: 3, target: 8, stretch: 11, weight: 60%}
      - {id: acw, kpi: acw, dimension: output, floor: 60s, target: 20s, stretch: 10s, weight: 40%}
`,
		at(1, "a", agent+`"counts":{"answered":20,"logged_in_ms":36000000,"wrapup_ms":1400000}`) +
			at(1, "b", agent+`"counts":{"answered":55,"logged_in_ms":36000000,"wrapup_ms":2200000}`) +
			at(1, "c", agent+`"counts":{"answered":80,"logged_in_ms":36000000,"wrapup_ms":1600000}`) +
			at(1, "d", agent+`"counts":{"answered":95,"logged_in_ms":36000000,"wrapup_ms":1425000}`) +
			at(1, "e", agent+`"counts":{"answered":120,"logged_in_ms":36000000,"wrapup_ms":600000}`),
		[]string{
			"a agent 0 D; volume 2: 0 points x 0.6 = 0; acw 70000: 0 points x 0.4 = 0",
			"b agent 50 D; volume 5.5: 50 points x 0.6 = 30; acw 40000: 50 points x 0.4 = 20",
			"c agent 100 A; volume 8: 100 points x 0.6 = 60; acw 20000: 100 points x 0.4 = 40",
			"d agent 110 A; volume 9.5: 110 points x 0.6 = 66; acw 15000: 110 points x 0.4 = 44",
			"e agent 120 A; volume 12: 120 points x 0.6 = 72; acw 5000: 120 points x 0.4 = 48",
		},
	}, {
		"band, steps and zones", `
  agent:
    indicators:
      - {id: att, kpi: att, dimension: output, curve: band, band: [180s, 300s], falls_to_floor_in: 120s, weight: 50%}
      - {id: hold, kpi: avg_hold, dimension: service, curve: steps, steps: [{to: 10s, points: 100}, {from: 10s, to: 30s, points: 70}, {from: 30s, points: 0}], weight: 25%}
      - {id: acw, kpi: acw, dimension: output, curve: zones, zones: [{at: 10s, points: 120}, {at: 20s, points: 100}, {at: 60s, points: 20}], weight: 25%}
`,
		at(1, "a", agent+`"counts":{"answered":10,"talk_ms":1800000,"hold_ms":0,"wrapup_ms":100000}`) + // 180 s, 0, 10 s
			at(1, "b", agent+`"counts":{"answered":10,"talk_ms":3700000,"hold_ms":100000,"wrapup_ms":400000}`) + // 360 s, 10 s, 40 s
			at(1, "c", agent+`"counts":{"answered":10,"talk_ms":1600000,"hold_ms":300000,"wrapup_ms":900000}`), // 130 s, 30 s, 90 s
		[]string{
			"a agent 105 A; att 180000: 100 points x 0.5 = 50; hold 0: 100 points x 0.25 = 25; acw 10000: 120 points x 0.25 = 30",
			"b agent 57.5 D; att 360000: 50 points x 0.5 = 25; hold 10000: 70 points x 0.25 = 17.5; acw 40000: 60 points x 0.25 = 15",
			// (130 − 60) / 120 of 100 are 58.3333, half of that 29.16665.
			"c agent 34.17 D; att 130000: 58.3333 points x 0.5 = 29.17; hold 30000: 0 points x 0.25 = 0; acw 90000: 20 points x 0.25 = 5",
		},
	}, {
		"what is not rated gives its weight to the others, in their proportions", `
  agent:
    indicators:
      - {id: volume, kpi: answered_per_hour, dimension: output, floor: 0, target: 10, weight: 30%, minimum: {answered: 20}}
      - {id: acw, kpi: acw, dimension: output, floor: 60s, target: 20s, weight: 20%}
      - {id: qa, kpi: form.qa, dimension: service, floor: 50, target: 90, weight: 50%, minimum: {forms: 2}}
`,
		at(1, "a", agent+`"counts":{"answered":20,"logged_in_ms":14400000,"wrapup_ms":600000}`) + at(2, "a", `"form":{"id":"qa","rater":"s","points":9,"of":10}`) +
			at(1, "b", agent+`"counts":{"answered":19,"logged_in_ms":14400000}`) +
			at(1, "c", agent+`"counts":{"logged_in_ms":14400000}`),
		[]string{
			// 5 an hour are 50 points, 30 s are 75: (30 × 50 + 20 × 75) / 50.
			"a agent 60 C; volume 5: 50 points x 0.3 = 30; acw 30000: 75 points x 0.2 = 30; qa not rated: forms: 1, at least 2 are needed",
			"b agent 100 A; volume not rated: answered: 19, at least 20 are needed; acw 0: 100 points x 0.2 = 100; qa not rated: there is nothing to form it over",
			"c agent -; volume not rated: answered: 0, at least 20 are needed; acw not rated: there is nothing to form it over; qa not rated: there is nothing to form it over",
		},
	}, {
		"gates: the lowest cap of those that fail, also of what is not rated", `
  agent:
    indicators:
      - {id: volume, kpi: answered_per_hour, dimension: output, floor: 0, target: 10, weight: 100%}
    gates:
      - {when: "form.qa.critical_failed > 0", cap: 60, because: critical}
      - {when: "form.qa.critical_failed >= 2 || fcr < 0.5", cap: 0, because: twice}
`,
		at(1, "a", agent+`"counts":{"answered":9,"logged_in_ms":3600000}`) +
			at(1, "b", agent+`"counts":{"answered":9,"logged_in_ms":3600000}`) + at(1, "b", `"form":{"id":"qa","rater":"s","points":9,"of":10,"critical":true}`) +
			at(1, "c", agent+`"counts":{"answered":5,"logged_in_ms":3600000}`) + at(1, "c", `"form":{"id":"qa","rater":"s","points":9,"of":10,"critical":true}`) +
			at(1, "d", agent+`"counts":{"answered":9,"logged_in_ms":3600000,"fcr_eligible":10,"fcr_repeat":6}`) +
			at(1, "e", agent+`"counts":{"answered":9,"logged_in_ms":3600000,"fcr_eligible":10,"fcr_repeat":5}`),
		[]string{
			"a agent 90 B; volume 9: 90 points x 1 = 90",
			"b agent 60 C (90); volume 9: 90 points x 1 = 90; critical",
			"c agent 50 D; volume 5: 50 points x 1 = 50; critical",
			"d agent 0 D (90); volume 9: 90 points x 1 = 90; twice",
			"e agent 90 B; volume 9: 90 points x 1 = 90",
		},
	}, {
		"expressions: every number is a fraction, and what divides by 0 is not rated", `
  agent:
    indicators:
      - {id: training, expr: "training.passed / training.due", dimension: development, floor: 0%, target: 100%, weight: 50%}
      - {id: kept, expr: "answered * 3 / 4 - missed", unit: number, dimension: output, floor: 0, target: 20, weight: 50%}
`,
		at(1, "a", agent+`"counts":{"answered":20,"missed":5}`) + at(2, "a", `"training":{"course":"x","passed":true}`) + at(2, "a", `"training":{"course":"y","passed":true}`) +
			at(3, "a", `"training":{"course":"z","passed":true}`) + at(3, "a", `"training":{"course":"w","passed":false}`) +
			at(1, "b", agent+`"counts":{"answered":8}`),
		[]string{
			"a agent 62.5 C; training 0.75: 75 points x 0.5 = 37.5; kept 10: 50 points x 0.5 = 25",
			"b agent 30 D; training not rated: the expression comes to no number: it divides by 0; kept 6: 30 points x 0.5 = 30",
		},
	}, {
		"a season: each day counts by its own weights", `
  agent:
    indicators:
      - {id: volume, kpi: answered_per_hour, dimension: output, floor: 0, target: 10, weight: 40%}
      - {id: acw, kpi: acw, dimension: output, floor: 60s, target: 20s, weight: 60%}
    weights:
      - {from: 2026-10-02, to: 2026-10-03, because: sale, set: {volume: 100%, acw: 0%}}
`,
		// One day before the season and two in it: volume (40 + 100 + 100) / 3.
		at(1, "a", agent+`"counts":{"answered":5,"logged_in_ms":3600000,"wrapup_ms":150000}`) + at(2, "a", agent+`"counts":{"answered":5,"logged_in_ms":3600000,"wrapup_ms":150000}`) +
			at(3, "a", agent+`"counts":{"answered":5,"logged_in_ms":3600000,"wrapup_ms":150000}`) +
			at(4, "b", agent+`"counts":{"answered":5,"logged_in_ms":3600000,"wrapup_ms":150000}`),
		[]string{
			"a agent 55 D; volume 5: 50 points x 0.8 = 40; acw 30000: 75 points x 0.2 = 15",
			"b agent 65 C; volume 5: 50 points x 0.4 = 20; acw 30000: 75 points x 0.6 = 45",
		},
	}, {
		"contributions add up to the score", `
  agent:
    indicators:
      - {id: x, expr: "answered", unit: number, dimension: output, floor: 0, target: 100, weight: 33.33%}
      - {id: y, expr: "offers", unit: number, dimension: output, floor: 0, target: 100, weight: 33.33%}
      - {id: z, expr: "missed", unit: number, dimension: output, floor: 0, target: 100, weight: 33.34%}
`,
		at(1, "a", agent+`"counts":{"answered":50,"offers":50,"missed":50}`),
		[]string{"a agent 50 D; x 50: 50 points x 0.3333 = 16.67; y 50: 50 points x 0.3333 = 16.66; z 50: 50 points x 0.3334 = 16.67"},
	}, {
		"a role that is like another, and a month in two roles", `
  agent:
    indicators:
      - {id: volume, kpi: answered_per_hour, dimension: output, floor: 0, target: 10, weight: 100%}
  senior:
    like: agent
    indicators:
      - {id: volume, kpi: answered_per_hour, dimension: output, floor: 0, target: 5, weight: 50%}
      - {id: acw, kpi: acw, dimension: output, floor: 60s, target: 20s, weight: 50%}
`,
		at(1, "a", agent+`"counts":{"answered":4,"logged_in_ms":3600000,"wrapup_ms":40000}`) + at(9, "a", `"role":"senior","counts":{"answered":4,"logged_in_ms":3600000,"wrapup_ms":160000}`),
		[]string{
			"a agent 40 D; volume 4: 40 points x 1 = 40",
			"a senior 65 C; volume 4: 80 points x 0.5 = 40; acw 40000: 50 points x 0.5 = 25",
		},
	}, {
		"a team lead: the team's work and scores while it was led, and what is said of the lead", `
  agent:
    indicators:
      - {id: volume, kpi: answered_per_hour, dimension: output, floor: 3, target: 8, weight: 100%}
  team_lead:
    of: team
    indicators:
      - {id: scores, kpi: team.score, dimension: team, floor: 0, target: 100, weight: 50%, minimum: {members: 2}}
      - {id: acw, kpi: acw, dimension: team, floor: 60s, target: 20s, weight: 30%}
      - {id: upward, kpi: form.upward, dimension: soft, floor: 50, target: 90, weight: 20%}
    gates:
      - {when: "team.members < 2 || team.form.upward.forms > 0", cap: 40, because: small}
`,
		at(1, "ann", agent+`"counts":{"answered":55,"logged_in_ms":36000000,"wrapup_ms":2200000}`) + at(1, "bob", agent+`"counts":{"answered":80,"logged_in_ms":36000000,"wrapup_ms":1600000}`) +
			at(2, "bob", `"role":"agent","team":"t2","counts":{"answered":80,"logged_in_ms":36000000,"wrapup_ms":9000000}`) +
			at(1, "lea", `"role":"team_lead","team":"t1","counts":{}`) + at(2, "lea", `"form":{"id":"upward","rater":"ann","points":70,"of":100}`) +
			at(2, "max", `"role":"team_lead","team":"t2","counts":{}`),
		[]string{
			"ann agent 50 D; volume 5.5: 50 points x 1 = 50",
			"bob agent 100 A; volume 8: 100 points x 1 = 100",
			// 3,800 s after 135 calls are 28.148 s.
			"lea team_lead 71.39 C; scores 75: 75 points x 0.5 = 37.5; acw 28148: 79.63 points x 0.3 = 23.89; upward 70: 50 points x 0.2 = 10",
			"max team_lead 0 D; scores not rated: members: 1, at least 2 are needed; acw 112500: 0 points x 0.3 = 0; upward not rated: there is nothing to form it over; small",
		},
	}, {
		"a team lead by the calls of the queues in which the team worked, on the days on which it did", `
  agent:
    indicators:
      - {id: volume, kpi: answered_per_hour, dimension: output, floor: 3, target: 8, weight: 100%}
  team_lead:
    of: team
    indicators:
      - {id: level, kpi: service_level, dimension: team, floor: 50%, target: 80%, weight: 50%, minimum: {offered: 20}}
      - {id: asa, kpi: asa, dimension: team, floor: 60s, target: 10s, weight: 30%}
      - {id: lost, kpi: abandon_rate, dimension: team, floor: 20%, target: 0%, weight: 20%}
`,
		at(1, "ann", `"role":"agent","team":"t1","queue":"q1","counts":{"answered":55,"logged_in_ms":36000000}`) +
			at(1, "ann", `"queue":"q2","counts":{"answered":1}`) + // of no team: of the day's
			at(1, "bob", `"role":"agent","team":"t1","queue":"q1","counts":{"answered":5,"logged_in_ms":36000000}`) +
			at(1, "lea", `"role":"team_lead","team":"t1","counts":{}`) +
			at(1, "max", `"role":"team_lead","team":"t2","counts":{}`) +
			// Of 20 who called q1 and q2, 13 were answered within 20 s (bins up to 20), 3 later.
			callsAt(1, "q1", `"counts":{"offered":15,"answered":12,"abandoned":3,"wait_answered_ms":200000},"waits":{"answered_waits":{"5":8,"20":3,"21":1},"abandoned_waits":{"9":3}}`) +
			callsAt(1, "q2", `"counts":{"offered":5,"answered":4,"abandoned":1,"wait_answered_ms":120000},"waits":{"answered_waits":{"1":2,"60":2},"abandoned_waits":{"3":1}}`) +
			callsAt(1, "q3", `"counts":{"offered":99,"answered":1,"abandoned":98},"waits":{"abandoned_waits":{"3":98}}`) +
			callsAt(2, "q1", `"counts":{"offered":99,"answered":1,"abandoned":98},"waits":{"abandoned_waits":{"3":98}}`),
		[]string{
			"ann agent 52 D; volume 5.6: 52 points x 1 = 52",
			"bob agent 0 D; volume 0.5: 0 points x 1 = 0",
			// 13 of 20 are 65 %: halfway. 320 s over 16 are 20 s: 80. 4 of 20 are 20 %: 0.
			"lea team_lead 49 D; level 0.65: 50 points x 0.5 = 25; asa 20000: 80 points x 0.3 = 24; lost 0.2: 0 points x 0.2 = 0",
		},
	}} {
		t.Run(x.name, func(t *testing.T) {
			got := cardsOf(t, x.roles, x.facts)
			if g, w := strings.Join(got, "\n"), strings.Join(x.want, "\n"); g != w {
				t.Errorf("\n%s\nwant\n%s", g, w)
			}
		})
	}
}
