package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"syscall"
	"time"
)

// TokensFile is the tokens' name in the data folder.
const TokensFile = "tokens.json"

// tokenPrefix begins every token, so that people and scanners for secrets
// recognise one.
const tokenPrefix = "tally_"

// Token is what somebody shows who asks. Only its hash is kept: it has 256 random
// bits, so that a plain one will do.
type Token struct {
	Asker
	Hash    string    `json:"sha256"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"` // zero: never
}

// Errors of tokens.
var (
	// ErrToken is wrapped where a token is not accepted.
	ErrToken = errors.New("no valid token")
	// ErrTooOften is wrapped where too many tokens were wrong.
	ErrTooOften = errors.New("too many wrong tokens")
	// ErrNoToken: none of that name is there.
	ErrNoToken = errors.New("no such token")
)

var tokenName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)

// Tokens is the book of tokens, kept in a file that commands change while the
// daemon reads it. Any goroutine may call its methods.
type Tokens struct {
	file string
	now  func() time.Time

	mu      sync.Mutex
	version os.FileInfo // of the file as it was read
	byHash  map[string]*Token
	builtin map[string]*Token
	err     error // why the file cannot be read: nobody but the built-in gets in
	wrong   attempts
}

// OpenTokens returns the book of a data folder. A file that is not there has no
// tokens.
func OpenTokens(dir string) *Tokens {
	return &Tokens{file: filepath.Join(dir, TokensFile), now: time.Now, byHash: map[string]*Token{}, builtin: map[string]*Token{}}
}

// Builtin accepts the daemon's own token of an asker.
func (t *Tokens) Builtin(who Asker, secret string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.builtin[digest(secret)] = &Token{Asker: who}
}

// Check tells whose a token is. from is where it came from, whose wrong tokens are
// counted. The error says no more than that it is not valid.
func (t *Tokens) Check(secret, from string) (*Token, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	t.look()
	hash := digest(secret)
	k := t.builtin[hash]
	if k == nil {
		k = t.byHash[hash]
	}
	switch {
	case k != nil && (k.Expires.IsZero() || now.Before(k.Expires)):
		return k, nil
	case secret == "":
		return nil, fmt.Errorf("%w was sent: `tallyd token create` makes one", ErrToken)
	case t.wrong.note(from, now):
		return nil, fmt.Errorf("%w from %s: wait a minute", ErrTooOften, from)
	case k != nil:
		return nil, fmt.Errorf("%w: %q has expired", ErrToken, k.Name)
	}
	return nil, fmt.Errorf("%w: it is unknown, or was revoked", ErrToken)
}

// Known tells whether a token is still one.
func (t *Tokens) Known(k *Token) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	t.look()
	if k.Hash == "" {
		return true // built in
	}
	is := t.byHash[k.Hash]
	return is != nil && (is.Expires.IsZero() || now.Before(is.Expires))
}

// Of is the token that has a hash, while it is one. The daemon's own are told as
// others are.
func (t *Tokens) Of(hash string) (*Token, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.look()
	k := t.builtin[hash]
	if k == nil {
		k = t.byHash[hash]
	}
	return k, k != nil && (k.Expires.IsZero() || t.now().Before(k.Expires))
}

// look reads the file anew where it has changed.
func (t *Tokens) look() {
	info, err := os.Stat(t.file)
	if errors.Is(err, fs.ErrNotExist) {
		t.version, t.err = nil, nil
		clear(t.byHash)
		return
	}
	if err == nil && t.version != nil && t.err == nil && os.SameFile(info, t.version) && info.ModTime().Equal(t.version.ModTime()) && info.Size() == t.version.Size() {
		return
	}
	var list []Token
	if err == nil {
		list, err = readTokens(t.file)
	}
	clear(t.byHash)
	t.version, t.err = info, err
	for i := range list {
		t.byHash[list[i].Hash] = &list[i]
	}
}

// Err tells why the file cannot be read.
func (t *Tokens) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.look()
	if t.err == nil {
		return nil
	}
	return fmt.Errorf("the tokens cannot be read, nobody gets in with one: %w", t.err)
}

// List gives all tokens, in the order of their making.
func (t *Tokens) List() ([]Token, error) {
	list, err := readTokens(t.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return list, err
}

// Create makes a token and returns it; it is told this once.
func (t *Tokens) Create(who Asker, expires time.Time) (secret string, err error) {
	if !tokenName.MatchString(who.Name) {
		return "", fmt.Errorf("name %q is not 1 to 32 of a-z, 0-9, - and _, beginning with a letter or digit", who.Name)
	}
	if who.Name == internalName || who.Name == wallboardName {
		return "", fmt.Errorf("name %q is the daemon's own", who.Name)
	}
	if err := who.Valid(); err != nil {
		return "", err
	}
	secret = tokenPrefix + NewSecret()
	return secret, t.change(func(list []Token) ([]Token, error) {
		if slices.ContainsFunc(list, func(k Token) bool { return k.Name == who.Name }) {
			return nil, fmt.Errorf("there is a token %q already: revoke it first", who.Name)
		}
		return append(list, Token{Asker: who, Hash: digest(secret), Created: t.now().UTC().Truncate(time.Second), Expires: expires.UTC()}), nil
	})
}

// Revoke ends a token.
func (t *Tokens) Revoke(name string) error {
	return t.change(func(list []Token) ([]Token, error) {
		n := len(list)
		list = slices.DeleteFunc(list, func(k Token) bool { return k.Name == name })
		if len(list) == n {
			return nil, fmt.Errorf("%w as %q", ErrNoToken, name)
		}
		return list, nil
	})
}

// change replaces the file; of several commands at once each waits for the other.
func (t *Tokens) change(f func([]Token) ([]Token, error)) error {
	lock, err := os.OpenFile(t.file+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	list, err := t.List()
	if err == nil {
		list, err = f(list)
	}
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(tokensFile{V: 1, Tokens: list}, "", "  ")
	if err != nil {
		return err
	}
	return WriteSecret(t.file, string(b)+"\n")
}

// tokensFile is what the file holds.
type tokensFile struct {
	V      int     `json:"v"`
	Tokens []Token `json:"tokens"`
}

func readTokens(file string) ([]Token, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var f tokensFile
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if f.V != 1 {
		return nil, fmt.Errorf("%s: version %d is not known", file, f.V)
	}
	for i := range f.Tokens {
		if err := f.Tokens[i].Valid(); err != nil {
			return nil, fmt.Errorf("%s: token %q: %w", file, f.Tokens[i].Name, err)
		}
	}
	return f.Tokens, nil
}

func digest(secret string) string {
	h := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(h[:])
}

// attempts counts wrong tokens by where they come from.
type attempts struct {
	minute time.Time
	count  map[string]int
}

const (
	// wrongPerMinute is how many wrong tokens from one place are looked at; more are
	// refused as such. Right ones are taken all the same: nobody guesses 256 bits,
	// and somebody else behind the same address must not lock others out.
	wrongPerMinute = 20
	placesCounted  = 10_000
)

// note counts a wrong token, and tells whether there were too many.
func (a *attempts) note(from string, now time.Time) bool {
	if now.Sub(a.minute) >= time.Minute || now.Before(a.minute) {
		a.minute, a.count = now, map[string]int{}
	}
	if _, known := a.count[from]; !known && len(a.count) >= placesCounted {
		from = "elsewhere"
	}
	a.count[from]++
	return a.count[from] > wrongPerMinute
}
