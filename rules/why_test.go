package rules

import (
	"fmt"
	"strings"
	"testing"
)

// TestWhys: each way in which an indicator is not rated, or a gate cannot be told, on real
// cards, has its code.
func TestWhys(t *testing.T) {
	s, faults, _ := Read("s.yaml", []byte(`scheme: s
version: "1"
period: month
time_zone: UTC
grades: {A: 0}
roles:
  agent:
    indicators:
      - {id: volume, kpi: answered_per_hour, dimension: output, floor: 3, target: 8, weight: 30%, minimum: {answered: 40}}
      - {id: csat, kpi: csat, dimension: soft, floor: 0%, target: 100%, weight: 30%}
      - {id: trained, expr: "training.passed / training.due", dimension: development, floor: 0%, target: 100%, weight: 20%}
      - {id: quick, expr: "aht / 1000", unit: number, dimension: output, floor: 9, target: 3, weight: 20%}
    gates:
      - {when: "form.qa < 50", cap: 60, because: "poor quality"}
      - {when: "days > 40", cap: 60, because: "never"}
  lead:
    of: team
    indicators:
      - {id: scores, kpi: team.score, dimension: team, floor: 0, target: 100, weight: 50%}
      - {id: level, kpi: sl.offered, dimension: team, floor: 0%, target: 100%, weight: 50%}
`))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	a := NewAppraisal(s, Date{2026, 10, 1}, Date{2026, 11, 1})
	facts := at(1, "ann", `"role":"agent","counts":{"answered":3,"logged_in_ms":3600000}`) + at(1, "bob", `"role":"agent","counts":{"logged_in_ms":3600000}`) + at(1, "bob", `"role":"agent","team":"t1","counts":{}`) + at(1, "lea", `"role":"lead","team":"t1","counts":{}`)
	if bad, err := ReadFacts(strings.NewReader(facts), func(f *Fact) error { a.Add(f); return nil }); err != nil || len(bad) > 0 {
		t.Fatal(err, bad)
	}
	cards := a.Cards()
	var got []string
	for i := range cards {
		e := s.Explain(&cards[i])
		for _, r := range e.Reasons {
			line := cards[i].Agent + " " + r.ID
			if r.NotRated != nil {
				line += fmt.Sprintf(" %s %s %d %d", r.NotRated.Code, r.NotRated.Of, r.NotRated.N, r.NotRated.Least)
			}
			got = append(got, line)
		}
		for _, u := range e.Undecided {
			got = append(got, fmt.Sprintf("%s if %s %s %s", cards[i].Agent, u.When, u.Why.Code, u.Why.Of))
		}
	}
	want := []string{"ann volume minimum answered 3 40", "ann csat nothing  0 0", "ann trained no_number  0 0", "ann quick", "ann if form.qa < 50 missing form.qa",
		"bob volume minimum answered 0 40", "bob csat nothing  0 0", "bob trained no_number  0 0", "bob quick missing aht 0 0", "bob if form.qa < 50 missing form.qa",
		"lea scores no_member  0 0", "lea level no_calls  0 0"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if w := readWhy("it rained"); w == nil || w.Code != "other" {
		t.Errorf("a text that nobody knows is %+v", w)
	}
	if w := readWhy("answered: 3, at least 40 are needed, perhaps"); w == nil || w.Code != "other" {
		t.Errorf("a text that only begins like one is %+v", w)
	}
}
