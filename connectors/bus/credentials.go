package bus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats.go"

	"tallyd/connectors/api"
)

// The two tokens that the daemon makes itself, and the files in the data folder
// that hold them as user:password, so that nats://$(cat FILE)@127.0.0.1:4222
// connects.
const (
	// WallboardFile is in the data folder.
	WallboardFile = "nats-wallboard.creds"
	// InternalFile is the daemon's own, and its commands'.
	InternalFile = "nats-internal.creds"
)

// internalInbox is where answers to the daemon and its commands go.
var internalInbox = inboxOf(api.InternalAsker().Name)

// ownTokens has the daemon's own tokens accepted, and gives that of its own
// connection.
func (b *Bus) ownTokens() (internal login, err error) {
	if b.cfg.Dir == "" {
		return internal, errors.New("nats needs the data folder, for its credentials")
	}
	for _, own := range []struct {
		file string
		who  api.Asker
	}{{WallboardFile, api.WallboardAsker()}, {InternalFile, api.InternalAsker()}} {
		if internal, err = keepLogin(filepath.Join(b.cfg.Dir, own.file), own.who.Name); err != nil {
			return internal, err
		}
		b.cfg.Tokens.Builtin(own.who, internal.password)
	}
	return internal, nil
}

// login is a user and its password.
type login struct{ user, password string }

// keepLogin reads a user's file, or makes one with a new password that only the
// daemon's own user can read.
func keepLogin(file, user string) (login, error) {
	l, err := readLogin(file)
	if !errors.Is(err, fs.ErrNotExist) {
		if err == nil && l.user != user {
			err = fmt.Errorf("credentials file %q is of user %q, want %q", file, l.user, user)
		}
		return l, err
	}
	l = login{user, api.NewSecret()}
	if err := api.WriteSecret(file, l.user+":"+l.password+"\n"); err != nil {
		return login{}, fmt.Errorf("credentials file %q cannot be written: %w", file, err)
	}
	return l, nil
}

func readLogin(file string) (login, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return login{}, fmt.Errorf("credentials file cannot be read: %w", err)
	}
	user, password, ok := strings.Cut(strings.TrimSpace(string(b)), ":")
	if !ok || user == "" || password == "" {
		return login{}, fmt.Errorf("credentials file %q is not user:password", file)
	}
	return login{user, password}, nil
}

// externalLogin is how to log in to somebody else's server: with a NATS
// credentials file, with one of ours, or with what its address says.
func externalLogin(file string) (nats.Option, error) {
	if file == "" {
		return nil, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("credentials file cannot be read: %w", err)
	}
	if strings.HasPrefix(strings.TrimSpace(string(b)), "-----BEGIN") {
		return nats.UserCredentials(file), nil
	}
	l, err := readLogin(file)
	return nats.UserInfo(l.user, l.password), err
}
