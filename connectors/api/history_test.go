package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tallyd/metrics"
	"tallyd/rules"
	"tallyd/storage"
)

// sealCards stores a revision of a month's cards, AGENT/ROLE, whose score is the month and
// the revision, not what any scheme comes to.
func (l *lab) sealCards(month time.Month, revision int, cards ...string) {
	l.t.Helper()
	score := float64(month) + float64(revision)/10
	p := rules.SpanOfDays{From: rules.Date{Year: 2026, Month: month, Day: 1}, To: rules.Date{Year: 2026, Month: month + 1, Day: 1}}
	var stored []storage.SealedCard
	for _, c := range cards {
		agent, role, _ := strings.Cut(c, "/")
		body, err := json.Marshal(rules.Card{Agent: agent, Role: role, Score: &score})
		if err != nil {
			l.t.Fatal(err)
		}
		stored = append(stored, storage.SealedCard{Agent: agent, Role: role, Body: body})
	}
	head, err := json.Marshal(rules.Scores{Scheme: rules.SchemeID{Name: "lab", Version: fmt.Sprint(month)}, Period: p})
	if err == nil {
		err = l.store.SealScores(l.t.Context(), &storage.Sealing{Cycle: CycleName("lab", p), At: metrics.Millis(1000*int(month) + revision), By: "hr", Scheme: "sum", Head: head}, []byte("no scheme"), stored, nil)
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// TestHistory: of each cycle the latest revision, in the order of the periods whatever
// that of sealing was, of one role or all, as far back as asked; and whose one may see.
func TestHistory(t *testing.T) {
	l := scoredLab(t)
	l.sealCards(7, 0, "ann/agent", "bob/agent")
	l.sealCards(9, 0, "bob/agent")
	l.sealCards(6, 0, "ann/agent", "ann/lead")
	l.sealCards(8, 0, "ann/agent")
	l.sealCards(7, 1, "ann/agent") // bob is in it no more
	seen := func(h *History) string {
		var b strings.Builder
		for _, p := range h.Scores {
			if p.Scheme.Version != fmt.Sprint(p.Period.From.Month) || p.By != "hr" {
				t.Errorf("%s was sealed by %s with the scheme %s", p.Cycle, p.By, p.Scheme.Version)
			}
			fmt.Fprintf(&b, "%s %s/%s %v; ", p.Cycle, p.Card.Agent, p.Card.Role, *p.Card.Score)
		}
		return fmt.Sprint(b.String(), h.More)
	}
	for _, x := range []struct {
		q    HistoryQuery
		want string
	}{
		{HistoryQuery{Agent: "ann"}, "lab-2026-06 ann/agent 6; lab-2026-06 ann/lead 6; lab-2026-07 ann/agent 7.1; lab-2026-08 ann/agent 8; false"},
		{HistoryQuery{Agent: "ann", Role: "lead"}, "lab-2026-06 ann/lead 6; false"},
		{HistoryQuery{Agent: "ann", Limit: 2}, "lab-2026-07 ann/agent 7.1; lab-2026-08 ann/agent 8; true"},
		{HistoryQuery{Agent: "ann", Limit: 3}, "lab-2026-06 ann/agent 6; lab-2026-06 ann/lead 6; lab-2026-07 ann/agent 7.1; lab-2026-08 ann/agent 8; false"},
		{HistoryQuery{Agent: "bob"}, "lab-2026-09 bob/agent 9; false"},
		{HistoryQuery{Agent: "eve"}, "false"},
	} {
		h, err := l.service.History(t.Context(), x.q)
		if err != nil {
			t.Fatal(err)
		}
		if got := seen(h); got != x.want {
			t.Errorf("%+v: %s, want %s", x.q, got, x.want)
		}
	}
	var bad *BadQuestion
	for _, q := range []HistoryQuery{{}, {Agent: "ann", Limit: MaxHistory + 1}, {Agent: "ann", Limit: -1}} {
		if _, err := l.service.History(t.Context(), q); !errors.As(err, &bad) {
			t.Errorf("%+v: %v", q, err)
		}
	}
	as := func(who Asker, agent string) string {
		h, err := l.service.As(who, "test").History(t.Context(), HistoryQuery{Agent: agent, Limit: 1})
		if errors.Is(err, ErrForbidden) {
			return "not allowed"
		}
		if err != nil {
			t.Fatal(err)
		}
		return h.Agent
	}
	ann, boss := Asker{Name: "ann", Role: AgentRole, Agent: "ann"}, Asker{Name: "boss", Role: SupervisorRole, Teams: []string{"north"}}
	got := []string{as(ann, ""), as(ann, "ann"), as(ann, "bob"), as(boss, "ann"), as(boss, "bob"), as(Asker{Name: "wall", Role: WallboardRole}, "ann")}
	if want := "ann ann not allowed ann not allowed not allowed"; strings.ReplaceAll(strings.Join(got, " "), "  ", " ") != want {
		t.Errorf("seen are %v, want %s", got, want)
	}
}

// TestSchemesAsked: those of now, one by its name, and the one that a cycle was sealed by,
// though the site has another by then.
func TestSchemesAsked(t *testing.T) {
	l := scoredLab(t)
	l.now = metrics.MillisOf(time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC))
	october := ScoreQuery{From: rules.Date{Year: 2026, Month: 10, Day: 1}, To: rules.Date{Year: 2026, Month: 11, Day: 1}}
	if _, err := l.service.Seal(t.Context(), october, "hr"); err != nil {
		t.Fatal(err)
	}
	text := []byte(strings.Replace(strings.Replace(labScheme, `version: "1"`, `version: "2"`, 1), "period: month", "period: quarter", 1))
	next, faults, _ := rules.Read("lab.yaml", text)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	l.service.cfg.Schemes = func() []Scheme { return []Scheme{{next, text}} }
	for _, x := range []struct {
		q    SchemeQuery
		want string
	}{
		{SchemeQuery{}, "lab 2 2026-10-01 to 2027-01-01, agent lead"},
		{SchemeQuery{Name: "lab"}, "lab 2 2026-10-01 to 2027-01-01, agent lead"},
		{SchemeQuery{Cycle: "lab-2026-10"}, "lab 1 2026-10-01 to 2026-11-01, agent lead sealed by hr"},
		{SchemeQuery{Name: "other"}, `error scheme "other" is none of lab`},
		{SchemeQuery{Cycle: "lab-2026-09"}, `error cycle "lab-2026-09" was not sealed`},
	} {
		list, err := l.service.As(Asker{Name: "ann", Role: AgentRole, Agent: "ann"}, "test").Schemes(t.Context(), x.q)
		got := fmt.Sprint("error ", err)
		if err == nil {
			s := list.Schemes[0]
			got = fmt.Sprintf("%s %s %s to %s,", s.Scheme.Name, s.Scheme.Version, s.Current.From, s.Current.To)
			for _, r := range s.Roles {
				got += " " + r.Role
			}
			if list.Sealed != nil {
				got += " sealed by " + list.Sealed.By
			}
		}
		if got != x.want {
			t.Errorf("%+v: %s, want %s", x.q, got, x.want)
		}
	}
	if _, err := l.service.As(Asker{Name: "wall", Role: WallboardRole}, "test").Schemes(t.Context(), SchemeQuery{}); !errors.Is(err, ErrForbidden) {
		t.Errorf("a wallboard gets %v", err)
	}
}
