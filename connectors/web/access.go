package web

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"tallyd/connectors/api"
)

// rightKey is where an operation says which right it needs.
const rightKey = "right"

// tokenScheme is the name of the tokens in the OpenAPI document.
const tokenScheme = "token"

// presence is the right to see anything of the present at all.
const presence api.Right = "presence"

type guestKey struct{}

// guest is who asks, and the token that said so, or the session that was begun with
// it.
type guest struct {
	view    *api.View
	token   *api.Token
	session *api.Signed // nil for none
}

func guestOf(ctx context.Context) *guest { return ctx.Value(guestKey{}).(*guest) }

func viewOf(ctx context.Context) *api.View { return guestOf(ctx).view }

// admit lets a request in whose token, or session, has the right that the operation
// needs.
func (s *Server) admit(ctx huma.Context, next func(huma.Context)) {
	right, needed := ctx.Operation().Metadata[rightKey].(api.Right)
	if !needed {
		next(ctx)
		return
	}
	g, known := ctx.Context().Value(guestKey{}).(*guest)
	var err error
	if !known {
		r, _ := humago.Unwrap(ctx)
		g, err = s.guest(r)
	}
	switch {
	case err != nil:
	case right == presence:
		err = g.view.Sees()
	default:
		err = g.view.May(right)
	}
	if err != nil {
		if errors.Is(err, api.ErrToken) {
			ctx.SetHeader("WWW-Authenticate", `Bearer realm="tallyd"`)
		}
		if errors.Is(err, api.ErrTooOften) {
			ctx.SetHeader("Retry-After", "60")
		}
		_ = huma.WriteErr(s.api, ctx, codeOf(err), err.Error()) // whoever asked may be gone
		return
	}
	next(huma.WithValue(ctx, guestKey{}, g))
}

// Internal is a handler of requests that are known to come from whoever owns the
// data folder: they need no token.
func (s *Server) Internal() http.Handler {
	g := &guest{s.cfg.Service.As(api.InternalAsker(), "the data folder's owner"), &api.Token{Asker: api.InternalAsker()}, nil}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), guestKey{}, g)))
	})
}

// guest finds out who asks: by a token, or else by a session.
func (s *Server) guest(r *http.Request) (*guest, error) {
	authorization, from := r.Header.Get("Authorization"), placeOf(r)
	if authorization == "" && s.cfg.Sessions != nil {
		if c, err := r.Cookie(cookieName(r)); err == nil {
			attended := r.Header.Get(unattended) == "" && r.URL.Path != path(eventsPath) // which browsers ask for again by themselves
			signed, err := s.cfg.Sessions.Check(c.Value, attended)
			if err != nil {
				return nil, err
			}
			return s.signed(signed, from), nil
		}
	}
	secret, _ := strings.CutPrefix(authorization, "Bearer ")
	k, err := s.cfg.Tokens.Check(strings.TrimSpace(secret), from)
	if err != nil {
		return nil, err
	}
	return &guest{s.cfg.Service.As(k.Asker, "http "+from), k, nil}, nil
}

// signed is who has signed in.
func (s *Server) signed(by *api.Signed, from string) *guest {
	return &guest{s.cfg.Service.As(by.Token.Asker, "http "+from), by.Token, by}
}

// stays tells whether a guest's token and session have not ended.
func (s *Server) stays(g *guest) bool {
	return s.cfg.Tokens.Known(g.token) && (g.session == nil || s.cfg.Sessions.Known(g.session.ID))
}

// placeOf is where a request comes from.
func placeOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// codeOf is the status of an answer that says why there is none.
func codeOf(err error) int {
	var bad *api.BadQuestion
	switch {
	case errors.Is(err, api.ErrForbidden):
		return http.StatusForbidden
	case errors.Is(err, api.ErrToken):
		return http.StatusUnauthorized
	case errors.Is(err, api.ErrTooOften):
		return http.StatusTooManyRequests
	case errors.Is(err, api.ErrUnknown):
		return http.StatusNotFound
	case errors.Is(err, api.ErrChanged):
		return http.StatusConflict
	case errors.As(err, &bad):
		return http.StatusUnprocessableEntity
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}

// problem is an error as huma answers it: problem+json.
func problem(err error) error { return huma.NewError(codeOf(err), err.Error()) }
