package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"tallyd/connectors/api"
)

// gate lets clients into the embedded server by their tokens, and puts those out
// whose token has ended or whose rights are others now.
type gate struct {
	service  *api.Service
	tokens   *api.Tokens
	sessions *api.Sessions // nil for none
	subjects Subjects
	log      *slog.Logger

	mu   sync.Mutex
	open map[uint64]*visitor // by the server's number of the connection
}

// visitor is a connection and what it was let in with.
type visitor struct {
	token   *api.Token
	session string   // of the pages that hold it; "" for none
	people  []string // whom it may see, by name; nil for all
}

func newGate(b *Bus) *gate {
	return &gate{service: b.cfg.Service, tokens: b.cfg.Tokens, sessions: b.cfg.Sessions, subjects: b.subjects, log: b.cfg.Logger, open: map[uint64]*visitor{}}
}

// Check lets a client in, or does not. The token is NATS's token, or the password
// of a user who is called as the token is. Pages show a ticket of their session
// instead, and are out when the session is.
func (g *gate) Check(c server.ClientAuthentication) bool {
	o := c.GetOpts()
	secret, from := o.Token, "the same machine"
	if secret == "" {
		secret = o.Password
	}
	if addr := c.RemoteAddress(); addr != nil {
		from = addr.String()
		if host, _, err := net.SplitHostPort(from); err == nil {
			from = host
		}
	}
	k, session, err := g.who(secret, from)
	if err == nil && o.Username != "" && o.Username != k.Name {
		err = fmt.Errorf("%w: the user is called %q, the token %q", api.ErrToken, o.Username, k.Name)
	}
	if err != nil {
		if !errors.Is(err, api.ErrTooOften) { // told of by those before
			g.log.Warn("nats: a client was not let in", "from", from, "err", err)
		}
		return false
	}
	user := &server.User{Username: k.Name, ConnectionDeadline: k.Expires}
	v := &visitor{token: k, session: session}
	if k.Name != api.InternalAsker().Name {
		people := g.service.As(k.Asker, "nats").People()
		v.people = people.List()
		user.Permissions = g.subjects.permissions(k.Asker, people)
	}
	g.mu.Lock()
	g.open[c.GetID()] = v
	g.mu.Unlock()
	c.RegisterUser(user)
	return true
}

// who tells whose a token or ticket is.
func (g *gate) who(secret, from string) (k *api.Token, session string, err error) {
	if g.sessions != nil && api.IsTicket(secret) {
		if signed, err := g.sessions.Admit(secret); err == nil {
			return signed.Token, signed.ID, nil
		}
	}
	k, err = g.tokens.Check(secret, from) // a ticket that is none counts as a wrong token
	return k, "", err
}

// gateEvery is how often connections are held against the tokens.
const gateEvery = time.Second

// watch puts out who may not be in any more, until the context ends. Who may see
// others now comes back at once and is let in anew.
func (g *gate) watch(ctx context.Context, s *server.Server) {
	tick := time.NewTicker(gateEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for id, why := range g.stale(s) {
			if err := s.DisconnectClientByID(id); err == nil {
				g.log.Info("nats: a client was put out", "token", why)
			}
		}
	}
}

// stale are the connections that may not stay, with the names of their tokens.
func (g *gate) stale(s *server.Server) map[uint64]string {
	out := map[uint64]string{}
	g.mu.Lock()
	defer g.mu.Unlock()
	for id, v := range g.open {
		switch {
		case s.GetClient(id) == nil:
			delete(g.open, id)
		case !g.tokens.Known(v.token), v.session != "" && !g.sessions.Known(v.session), !slices.Equal(v.people, g.service.As(v.token.Asker, "nats").People().List()):
			out[id] = v.token.Name
		}
	}
	return out
}

// named is who has a connection under a token's name.
func (g *gate) named(name string) (api.Asker, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, v := range g.open {
		if v.token.Name == name {
			return v.token.Asker, true
		}
	}
	return api.Asker{}, false
}

// TokenHeader carries the token of a question through somebody else's server,
// which does not say who asks.
const TokenHeader = "Tally-Token"

// asker tells who asks. The embedded server lets each token read answers under an
// inbox of its own alone: whoever may read an answer is who asked, whatever
// connection the question came from.
func (b *Bus) asker(m request) (api.Asker, error) {
	if b.gate == nil {
		k, err := b.cfg.Tokens.Check(m.token, "nats")
		if err != nil {
			return api.Asker{}, fmt.Errorf("%w (in the header %s)", err, TokenHeader)
		}
		return k.Asker, nil
	}
	inbox, _, _ := strings.Cut(m.reply, ".")
	name, own := strings.CutPrefix(inbox, inboxOf(""))
	switch {
	case name == api.InternalAsker().Name:
		return api.InternalAsker(), nil
	case own:
		if who, ok := b.gate.named(name); ok {
			return who, nil
		}
	case inbox == nats.InboxPrefix[:len(nats.InboxPrefix)-1]:
		return api.WallboardAsker(), nil
	}
	return api.Asker{}, fmt.Errorf("%w: the reply subject %q is in nobody's inbox: connect with the inbox prefix %s and your token's name", api.ErrForbidden, m.reply, inboxOf(""))
}

// inboxOf is the prefix of a token's answers. Wallboards may also use the common
// one: the answers that they get are for every wallboard.
func inboxOf(name string) string { return "_INBOX_" + name }
