package api

import (
	"fmt"
	"strings"
	"time"
)

// A pass is a secret that is good once, and soon no more: a code signs a browser in
// without its token being typed; a ticket lets the pages of a session connect to NATS.
// Passes are in memory alone.

type passKind int

const (
	aCode passKind = iota
	aTicket
)

const (
	codeLasts   = time.Hour
	ticketLasts = time.Minute
	// ticketPrefix tells a ticket from a token.
	ticketPrefix = "once_"
	// maxPasses bounds those that nobody has used yet.
	maxPasses = 10_000
)

type pass struct {
	kind  passKind
	of    string // the token's hash, or the session's
	until time.Time
}

// passes are by the hash of the secret.
type passes map[string]pass

func (p passes) add(hash string, x pass, now time.Time) error {
	for h, old := range p {
		if !now.Before(old.until) {
			delete(p, h)
		}
	}
	if len(p) >= maxPasses {
		return fmt.Errorf("%w: %d passes are not used yet", ErrTooOften, len(p))
	}
	p[hash] = x
	return nil
}

// use takes a pass, which is good once.
func (p passes) use(hash string, kind passKind, now time.Time) (pass, bool) {
	x, there := p[hash]
	if !there || x.kind != kind {
		return pass{}, false
	}
	delete(p, hash)
	return x, now.Before(x.until)
}

// Invite makes a code that signs in one browser as the token of a name does.
func (s *Sessions) Invite(name string) (code string, err error) {
	list, err := s.tokens.List()
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range list {
		if k := &list[i]; k.Name == name {
			now := s.now()
			code = NewSecret()
			return code, s.passes.add(digest(code), pass{aCode, k.Hash, now.Add(codeLasts)}, now)
		}
	}
	return "", fmt.Errorf("%w as %q", ErrNoToken, name)
}

// Ticket lets a session connect to NATS, once and soon, as a user of the token's name.
func (s *Sessions) Ticket(session string) (user, password string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	x, k := s.open(session, now)
	if x == nil {
		return "", "", fmt.Errorf("%w: the session has ended, sign in again", ErrToken)
	}
	password = ticketPrefix + NewSecret()
	return k.Name, password, s.passes.add(digest(password), pass{aTicket, session, now.Add(ticketLasts)}, now)
}

// IsTicket tells whether a secret is a ticket rather than a token.
func IsTicket(secret string) bool { return strings.HasPrefix(secret, ticketPrefix) }

// Admit takes a ticket, and tells whose it is.
func (s *Sessions) Admit(ticket string) (*Signed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if p, is := s.passes.use(digest(ticket), aTicket, now); is {
		if x, k := s.open(p.of, now); x != nil {
			return &Signed{k, x.Hash, x.until(k)}, nil
		}
	}
	return nil, fmt.Errorf("%w: the pass is unknown, used or too old", ErrToken)
}
