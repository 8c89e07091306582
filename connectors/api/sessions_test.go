package api

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestSessionsFile: sessions outlive the daemon; a file that cannot be read signs
// everybody out, says so, and is written anew by who signs in next.
func TestSessionsFile(t *testing.T) {
	dir := t.TempDir()
	tokens := OpenTokens(dir)
	token, err := tokens.Create(Asker{Name: "boss", Role: AdminRole}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	signIn := func(s *Sessions) string {
		t.Helper()
		secret, by, err := s.SignIn(token, "here")
		if err != nil || by.Token.Name != "boss" || by.Until.IsZero() {
			t.Fatalf("%+v, %v", by, err)
		}
		return secret
	}
	s, err := OpenSessions(dir, tokens)
	if err != nil {
		t.Fatal(err)
	}
	first := signIn(s)
	if s, err = OpenSessions(dir, tokens); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Check(first, true); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "{", `{"v":2,"sessions":[]}`} {
		if err := os.WriteFile(filepath.Join(dir, SessionsFile), []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := OpenSessions(dir, tokens)
		if err == nil || !strings.Contains(err.Error(), "everybody signs in again") {
			t.Errorf("%q: %v", bad, err)
		}
		if _, err := s.Check(first, true); !errors.Is(err, ErrToken) {
			t.Errorf("%q: %v", bad, err)
		}
		again := signIn(s)
		if s, err = OpenSessions(dir, tokens); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Check(again, false); err != nil {
			t.Error(err)
		}
	}
}

// TestSessionsIdle: what was done is written down now and then, so that a restart does
// not end a session that somebody uses.
func TestSessionsIdle(t *testing.T) {
	dir := t.TempDir()
	tokens := OpenTokens(dir)
	token, err := tokens.Create(Asker{Name: "boss", Role: AdminRole}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := OpenSessions(dir, tokens)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	clock := func() time.Time { return now }
	s.SetClock(clock)
	secret, _, err := s.SignIn(token, "here")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		now = now.Add(7 * time.Hour)
		if _, err := s.Check(secret, true); err != nil {
			t.Fatal(err)
		}
		if s, err = OpenSessions(dir, tokens); err != nil {
			t.Fatal(err)
		}
		s.SetClock(clock)
	}
	now = now.Add(sessionIdle)
	if _, err := s.Check(secret, true); !errors.Is(err, ErrToken) {
		t.Errorf("idle for %s: %v", sessionIdle, err)
	}
}

// TestDaemonsOwn: nobody signs in as the daemon itself, whose connection may everything.
func TestDaemonsOwn(t *testing.T) {
	dir := t.TempDir()
	tokens := OpenTokens(dir)
	tokens.Builtin(InternalAsker(), "internal secret")
	tokens.Builtin(WallboardAsker(), "wallboard secret")
	s, err := OpenSessions(dir, tokens)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.SignIn("internal secret", "here"); !errors.Is(err, ErrForbidden) {
		t.Error(err)
	}
	secret, by, err := s.SignIn("wallboard secret", "here")
	if err != nil || !by.Until.IsZero() {
		t.Fatalf("%+v %v", by, err)
	}
	if _, _, err := s.Ticket(by.ID); err != nil {
		t.Error(err)
	}
	if err := s.SignOut(by.ID); err != nil {
		t.Error(err)
	}
	if _, err := s.Check(secret, true); !errors.Is(err, ErrToken) {
		t.Error(err)
	}
}
