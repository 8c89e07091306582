package api

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestAskers: what a token cannot be.
func TestAskers(t *testing.T) {
	for _, c := range []struct {
		who  Asker
		want string
	}{
		{Asker{Role: "boss"}, `role "boss" is none of admin, supervisor, agent, wallboard, scoring, ingest`},
		{Asker{Role: SupervisorRole}, "a supervisor needs the teams whose agents may be seen"},
		{Asker{Role: AgentRole}, "an agent's token needs the agent's id"},
		{Asker{Role: AdminRole, Teams: []string{"north"}}, "teams are a supervisor's, not a role admin's"},
		{Asker{Role: ScoringRole, Agent: "ann"}, "an agent's id belongs to the role agent, not scoring"},
		{Asker{Role: SupervisorRole, Teams: []string{"north"}}, ""},
		{Asker{Role: AgentRole, Agent: "ann"}, ""},
	} {
		if err := c.who.Valid(); err == nil && c.want != "" || err != nil && err.Error() != c.want {
			t.Errorf("%+v: %v, want %s", c.who, err, c.want)
		}
	}
}

// testTokens is a book at a clock of its own.
func testTokens(t *testing.T) (*Tokens, *time.Time) {
	t.Helper()
	now := time.Date(2026, 10, 1, 9, 0, 0, 0, time.UTC)
	k := OpenTokens(t.TempDir())
	k.now = func() time.Time { return now }
	return k, &now
}

func TestTokens(t *testing.T) {
	k, now := testTokens(t)
	pass := func(d time.Duration) { *now = now.Add(d) }
	secret, err := k.Create(Asker{Name: "hr", Role: ScoringRole}, now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(k.file)
	if err != nil || strings.Contains(string(b), secret) || !strings.HasPrefix(secret, tokenPrefix) {
		t.Errorf("the file holds the token: %s, %v", b, err)
	}
	if info, err := os.Stat(k.file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	got, err := k.Check(secret, "here")
	if err != nil || got.Name != "hr" || got.Role != ScoringRole || !k.Known(got) {
		t.Errorf("%+v, %v", got, err)
	}
	for what, wrong := range map[string]string{"nothing": "", "another": tokenPrefix + "x", "its hash": got.Hash, "a part": secret[:len(secret)-1], "more": secret + " "} {
		if _, err := k.Check(wrong, "here"); !errors.Is(err, ErrToken) {
			t.Errorf("with %s: %v", what, err)
		}
	}
	pass(time.Hour)
	if _, err := k.Check(secret, "here"); !errors.Is(err, ErrToken) || k.Known(got) {
		t.Errorf("after its time: %v", err)
	}
	pass(-time.Hour)
	if err := k.Revoke("hr"); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Check(secret, "here"); !errors.Is(err, ErrToken) || k.Known(got) {
		t.Errorf("revoked: %v", err)
	}
	if err := k.Revoke("hr"); !errors.Is(err, ErrNoToken) {
		t.Errorf("revoked again: %v", err)
	}
	for _, name := range []string{"", "internal", "wallboard", "Ann", "a b", "a.b", "*", ">", strings.Repeat("a", 33), "a\n", "über"} {
		if _, err := k.Create(Asker{Name: name, Role: AdminRole}, time.Time{}); err == nil {
			t.Errorf("a token can be called %q", name)
		}
	}
	if _, err := k.Create(Asker{Name: "wall", Role: WallboardRole}, time.Time{}); err != nil {
		t.Error(err)
	}
	if _, err := k.Create(Asker{Name: "wall", Role: AdminRole}, time.Time{}); err == nil {
		t.Error("two tokens have one name")
	}
}

// TestWrongTokens: who tries many is refused as such, and whoever has a right one
// is let in all the same.
func TestWrongTokens(t *testing.T) {
	k, now := testTokens(t)
	secret, err := k.Create(Asker{Name: "hr", Role: ScoringRole}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for range wrongPerMinute {
		if _, err := k.Check("wrong", "10.0.0.1"); !errors.Is(err, ErrToken) {
			t.Fatal(err)
		}
	}
	if _, err := k.Check("wrong", "10.0.0.1"); !errors.Is(err, ErrTooOften) {
		t.Errorf("after many: %v", err)
	}
	if _, err := k.Check("wrong", "10.0.0.2"); !errors.Is(err, ErrToken) {
		t.Errorf("from elsewhere: %v", err)
	}
	if _, err := k.Check(secret, "10.0.0.1"); err != nil {
		t.Errorf("a right one: %v", err)
	}
	*now = now.Add(time.Minute)
	if _, err := k.Check("wrong", "10.0.0.1"); !errors.Is(err, ErrToken) {
		t.Errorf("a minute later: %v", err)
	}
	for i := range 2 * placesCounted {
		_, _ = k.Check("wrong", string(rune('0'+i%10))+strings.Repeat("x", i%7)+time.Duration(i).String())
	}
	if n := len(k.wrong.count); n > placesCounted+1 {
		t.Errorf("%d places are remembered", n)
	}
}

// TestDamagedTokens: a file that cannot be read lets nobody in but the daemon
// itself.
func TestDamagedTokens(t *testing.T) {
	k, _ := testTokens(t)
	k.Builtin(InternalAsker(), "internal secret")
	secret, err := k.Create(Asker{Name: "hr", Role: ScoringRole}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"{":                     "unexpected end of JSON input",
		`{"v":2,"tokens":[]}`:   "version 2 is not known",
		`{"v":1,"tokens":[{}]}`: `role "" is none of`,
	} {
		if err := os.WriteFile(k.file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := k.Check(secret, "here"); !errors.Is(err, ErrToken) {
			t.Errorf("%s: %v", text, err)
		}
		if err := k.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want … %s", text, err, want)
		}
		if _, err := k.Check("internal secret", "here"); err != nil {
			t.Error(err)
		}
		if _, err := k.Create(Asker{Name: "new", Role: AdminRole}, time.Time{}); err == nil {
			t.Errorf("%s is written over", text)
		}
	}
}

func TestAudit(t *testing.T) {
	dir := t.TempDir()
	a, err := OpenAudit(dir)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 10, 1, 9, 0, 0, 0, time.UTC)
	a.Note(AuditEntry{At: at, Who: "hr", Role: ScoringRole, Via: "nats", What: AskContacts, Names: []string{"ann"}})
	b, err := os.ReadFile(filepath.Join(dir, AuditFile))
	if want := `{"at":"2026-10-01T09:00:00Z","who":"hr","role":"scoring","via":"nats","what":"contacts","names":["ann"]}` + "\n"; err != nil || string(b) != want {
		t.Errorf("%s, %v", b, err)
	}
	many := make([]string, 1000)
	for i := range many {
		many[i] = strings.Repeat("x", 100)
	}
	for range auditBytes/(auditNames*100) + 1 {
		a.Note(AuditEntry{At: at, Who: "hr", Role: ScoringRole, Via: "nats", What: AskKPI, Names: many})
	}
	if err := errors.Join(a.Err(), a.Close()); err != nil {
		t.Fatal(err)
	}
	list, err := filepath.Glob(filepath.Join(dir, AuditFile+"*"))
	slices.Sort(list)
	if err != nil || len(list) != 2 {
		t.Errorf("the files are %v, %v", list, err)
	}
	for _, f := range list {
		if info, err := os.Stat(f); err != nil || info.Size() > auditBytes || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f, info, err)
		}
	}
}
