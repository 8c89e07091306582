package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// SessionsFile is the sessions' name in the data folder.
const SessionsFile = "sessions.json"

const (
	// sessionIdle is how long a person may do nothing, sessionLasts how long a session
	// lasts at most. A wallboard, which nobody sits at, stays as long as its token.
	sessionIdle  = 8 * time.Hour
	sessionLasts = 7 * 24 * time.Hour
	// seenEvery is how often it is written down that somebody is still there.
	seenEvery   = 5 * time.Minute
	maxSessions = 10_000
)

// Session is a browser that has signed in with a token, and may what the token may.
// Only hashes are kept.
type Session struct {
	Hash  string    `json:"sha256"`       // of what the browser shows
	Token string    `json:"token_sha256"` // of the token
	Began time.Time `json:"began"`
	Seen  time.Time `json:"seen"` // when a person last did something
}

// Sessions are who has signed in, kept in a file so that a restart signs nobody out.
// The daemon alone opens it. Any goroutine may call the methods.
type Sessions struct {
	file   string
	tokens *Tokens
	now    func() time.Time

	mu      sync.Mutex
	byHash  map[string]*Session
	written map[string]time.Time // when each was last seen, as the file has it
	passes  passes
}

// OpenSessions opens the sessions of a data folder. After an error there are none:
// whoever was signed in signs in again.
func OpenSessions(dir string, tokens *Tokens) (*Sessions, error) {
	s := &Sessions{file: filepath.Join(dir, SessionsFile), tokens: tokens, now: time.Now, byHash: map[string]*Session{}, written: map[string]time.Time{}, passes: passes{}}
	b, err := os.ReadFile(s.file)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	var f sessionsFile
	if err == nil {
		err = json.Unmarshal(b, &f)
	}
	if err == nil && f.V != 1 {
		err = fmt.Errorf("version %d is not known", f.V)
	}
	if err != nil {
		return s, fmt.Errorf("who is signed in cannot be read, everybody signs in again: %s: %w", s.file, err)
	}
	for _, x := range f.Sessions {
		s.byHash[x.Hash], s.written[x.Hash] = x, x.Seen
	}
	return s, nil
}

// SetClock has the sessions read another clock, for tests.
func (s *Sessions) SetClock(now func() time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = now
}

// sessionsFile is what the file holds.
type sessionsFile struct {
	V        int        `json:"v"`
	Sessions []*Session `json:"sessions"`
}

// Signed is who is signed in by a session.
type Signed struct {
	Token *Token
	ID    string    // of the session; says nothing about what the browser shows
	Until time.Time // when it ends unless something is done; zero: never
}

// SignIn begins a session with a token, or with a code of Invite. secret is what
// the browser shows from now on.
func (s *Sessions) SignIn(shown, from string) (secret string, who *Signed, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	hash := digest(shown)
	if p, is := s.passes.use(hash, aCode, now); is {
		hash = p.of
	} else if _, err := s.tokens.Check(shown, from); err != nil {
		return "", nil, err
	}
	k, there := s.tokens.Of(hash)
	if !there {
		return "", nil, fmt.Errorf("%w: it is unknown, or was revoked", ErrToken)
	}
	if k.Name == internalName {
		return "", nil, fmt.Errorf("%w: %q is the daemon's own", ErrForbidden, k.Name)
	}
	secret = NewSecret()
	x := &Session{Hash: digest(secret), Token: hash, Began: now.UTC(), Seen: now.UTC()}
	s.byHash[x.Hash] = x
	if err := s.write(now); err != nil {
		delete(s.byHash, x.Hash)
		return "", nil, fmt.Errorf("who is signed in cannot be written down: %w", err)
	}
	return secret, &Signed{k, x.Hash, x.until(k)}, nil
}

// Check tells who is signed in. attended tells that a person did something, and not
// a page by itself.
func (s *Sessions) Check(secret string, attended bool) (*Signed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	x, k := s.open(digest(secret), now)
	if x == nil {
		return nil, fmt.Errorf("%w: the session has ended, sign in again", ErrToken)
	}
	if attended {
		x.Seen = now.UTC()
		if now.Sub(s.written[x.Hash]) >= seenEvery {
			_ = s.write(now) // it is tried again, and told to who signs in next
		}
	}
	return &Signed{k, x.Hash, x.until(k)}, nil
}

// Known tells whether a session has not ended.
func (s *Sessions) Known(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, _ := s.open(id, s.now())
	return x != nil
}

// SignOut ends a session.
func (s *Sessions) SignOut(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byHash, id)
	return s.write(s.now())
}

// open is a session that has not ended, and its token.
func (s *Sessions) open(hash string, now time.Time) (*Session, *Token) {
	x := s.byHash[hash]
	if x == nil {
		return nil, nil
	}
	k, there := s.tokens.Of(x.Token)
	if !there {
		return nil, nil
	}
	if until := x.until(k); !until.IsZero() && !now.Before(until) {
		return nil, nil
	}
	return x, k
}

// until is when a session ends if nobody does anything; zero: never.
func (x *Session) until(k *Token) time.Time {
	if k.Role == WallboardRole {
		return k.Expires
	}
	until := x.Began.Add(sessionLasts)
	for _, t := range []time.Time{x.Seen.Add(sessionIdle), k.Expires} {
		if !t.IsZero() && t.Before(until) {
			until = t
		}
	}
	return until
}

// write writes the sessions down that have not ended, in the order in which they
// began; where there are too many, the oldest end.
func (s *Sessions) write(now time.Time) error {
	f := sessionsFile{V: 1, Sessions: []*Session{}}
	for hash := range s.byHash {
		if x, _ := s.open(hash, now); x != nil {
			f.Sessions = append(f.Sessions, x)
		}
	}
	slices.SortFunc(f.Sessions, func(a, b *Session) int { return a.Began.Compare(b.Began) })
	f.Sessions = f.Sessions[max(0, len(f.Sessions)-maxSessions):]
	clear(s.byHash)
	clear(s.written)
	for _, x := range f.Sessions {
		s.byHash[x.Hash], s.written[x.Hash] = x, x.Seen
	}
	b, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	return WriteSecret(s.file, string(b)+"\n")
}
