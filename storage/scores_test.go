package storage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// cardsFor are cards of some agents, whose bodies tell the sealing apart.
func cardsFor(of string, agents ...string) (list []SealedCard) {
	for _, a := range agents {
		list = append(list, SealedCard{a, "agent", []byte(`{"of":"` + of + `","agent":"` + a + `"}`)})
	}
	return list
}

// inputsFor are lines about the agents of cards, each rated by the one before.
func inputsFor(t testing.TB, cards []SealedCard) *Inputs {
	t.Helper()
	in, rater := &Inputs{}, "mia"
	for _, c := range cards {
		for i := range 300 {
			line, err := json.Marshal(map[string]any{"agent": c.Agent, "form": map[string]any{"rater": rater, "points": i}, "note": `"agent":"ann"`})
			if err == nil {
				err = in.Add(line)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		rater = c.Agent
	}
	return in
}

// linesOf are what a revision was made of.
func linesOf(t testing.TB, s *Store, cycle string, revision uint32) string {
	t.Helper()
	v, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	var b strings.Builder
	for lines, err := range v.Inputs(t.Context(), cycle, revision) {
		if err != nil {
			t.Fatal(err)
		}
		b.Write(lines)
	}
	return b.String()
}

func seal(t testing.TB, s *Store, cycle, scheme string, cards []SealedCard) Sealing {
	t.Helper()
	x := Sealing{Cycle: cycle, At: 1_790_000_000_000, By: "hr", Scheme: scheme, Head: json.RawMessage(`{"name":"` + cycle + `"}`)}
	if err := s.SealScores(t.Context(), &x, []byte(strings.Repeat("scheme "+scheme+"\n", 1000)), cards, inputsFor(t, cards)); err != nil {
		t.Fatal(err)
	}
	return x
}

// sealedScores is all that is there, by cycle, revision and agent.
func sealedScores(t testing.TB, s *Store, cycle string) (out []string) {
	t.Helper()
	v, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	list, err := v.Sealings(t.Context(), cycle)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range list {
		text, there, err := v.Scheme(x.Scheme)
		if err != nil || !there || !bytes.HasPrefix(text, []byte("scheme "+x.Scheme)) || len(text) != 1000*len("scheme \n"+x.Scheme) {
			t.Fatalf("scheme %s: %v, %d bytes, error %v", x.Scheme, there, len(text), err)
		}
		line := fmt.Sprintf("%s/%d by %s, %d cards %s:", x.Cycle, x.Revision, x.By, x.Cards, x.Head)
		for c, err := range v.Cards(t.Context(), x.Cycle, x.Revision, "") {
			if err != nil {
				t.Fatal(err)
			}
			line += " " + c.Agent + "/" + c.Role + string(c.Body)
		}
		out = append(out, line)
	}
	return out
}

// TestSealScores: revisions stand beside each other, and each is told to others once.
func TestSealScores(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	long := strings.Repeat("客", 900)
	seal(t, s, "oct", "s1", cardsFor("first", "ann", "b\x00b", long))
	seal(t, s, "nov", "s1", cardsFor("other", "ann"))
	seal(t, s, "oct", "s2", cardsFor("second", "ann"))
	want := []string{
		`oct/0 by hr, 3 cards {"name":"oct"}: ann/agent{"of":"first","agent":"ann"} ` + "b\x00b/agent" + `{"of":"first","agent":"` + "b\x00b" + `"} ` + long + `/agent{"of":"first","agent":"` + long + `"}`,
		`oct/1 by hr, 1 cards {"name":"oct"}: ann/agent{"of":"second","agent":"ann"}`,
	}
	if got := sealedScores(t, s, "oct"); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q, want %q", got, want)
	}
	if n := len(sealedScores(t, s, "")); n != 3 {
		t.Errorf("%d sealings in all", n)
	}
	v, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	var items []string
	for item, err := range v.Outbox(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		cycle, is := item.Scores()
		items = append(items, fmt.Sprintln(item.Number, is, cycle, item.Revision))
		for range v.ItemRollups(t.Context(), &item) {
			t.Error("a sealing has rollups")
		}
	}
	if got := fmt.Sprint(items); got != "[1 true oct 0\n 2 true nov 0\n 3 true oct 1\n]" {
		t.Error(got)
	}
	for c, err := range v.Cards(t.Context(), "oct", 0, "ann") {
		if err != nil || c.Agent != "ann" {
			t.Error(c, err)
		}
	}
	if _, there, err := v.Scheme("s3"); there || err != nil {
		t.Error(there, err)
	}
}

// TestSealInterrupted: what an interrupted sealing left is not there, and not mixed with
// the next.
func TestSealInterrupted(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	var many []string
	for i := range 3*cardsInStep + 7 {
		many = append(many, fmt.Sprintf("agent%04d", i))
	}
	for try := range 2 {
		ctx := &cutAfter{Context: context.Background(), looks: 3}
		x := Sealing{Cycle: "oct", By: "hr", Scheme: "s1"}
		if err := s.SealScores(ctx, &x, []byte("scheme"), cardsFor("torn", many...), inputsFor(t, cardsFor("torn", many[:9]...))); !errors.Is(err, context.Canceled) {
			t.Fatalf("try %d: %v", try, err)
		}
		if got := sealedScores(t, s, ""); len(got) != 0 {
			t.Fatal(got)
		}
	}
	if countKeys(t, s, []byte{cardKey}) == 0 {
		t.Fatal("nothing was left by what was interrupted")
	}
	seal(t, s, "oct", "s1", cardsFor("whole", "zoe"))
	if got := sealedScores(t, s, ""); len(got) != 1 || !strings.HasSuffix(got[0], `: zoe/agent{"of":"whole","agent":"zoe"}`) {
		t.Error(got)
	}
	if n := countKeys(t, s, []byte{cardKey}); n != 1 {
		t.Errorf("%d cards lie there", n)
	}
	if lines := linesOf(t, s, "oct", 0); strings.Count(lines, "\n") != 300 || !strings.HasPrefix(lines, `{"agent":"zoe"`) {
		t.Errorf("it was made of %.200s…", lines)
	}
}

// TestForgetCards: who is forgotten has no cards any more; those of others stay, and so
// does the sealing.
func TestForgetCards(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	seal(t, s, "oct", "s1", cardsFor("x", "ann", "bob"))
	seal(t, s, "nov", "s1", cardsFor("x", "ann"))
	f, err := s.Forget(t.Context(), Forgetting{Kind: ForgetAgent, Agent: "ann", At: 1, By: "admin"})
	if err != nil || f.Cards != 2 {
		t.Fatalf("%+v, error %v", f, err)
	}
	want := []string{`nov/0 by hr, 1 cards {"name":"nov"}:`, `oct/0 by hr, 2 cards {"name":"oct"}: bob/agent{"of":"x","agent":"bob"}`} // sealed in one moment
	if got := sealedScores(t, s, ""); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q, want %q", got, want)
	}
	// What the scores of others rest on carries another name.
	lines := linesOf(t, s, "oct", 0)
	if strings.Count(lines, "\n") != 600 || strings.Contains(lines, `"agent":"ann"`) || strings.Contains(lines, `"rater":"ann"`) ||
		strings.Count(lines, `{"agent":"`+f.Name+`"`) != 300 || strings.Count(lines, `"rater":"`+f.Name+`"`) != 300 || strings.Count(lines, `{"agent":"bob"`) != 300 {
		t.Errorf("%.300s…", lines)
	}
}

// TestSealNames: what has no name, or one that is too long, is refused.
func TestSealNames(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	for _, cycle := range []string{"", strings.Repeat("x", maxText+1)} {
		if err := s.SealScores(t.Context(), &Sealing{Cycle: cycle, Scheme: "s"}, nil, nil, nil); err == nil {
			t.Errorf("%d bytes: no error", len(cycle))
		}
	}
}
