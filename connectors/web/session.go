package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tallyd/connectors/api"
	"tallyd/connectors/web/client"
)

// The pages sign in with a token, once, and have a cookie from then on that no script
// can read. It admits to everything that the token does.

const (
	sessionPath = "/session"
	ticketPath  = "/session/nats"
	// unattended is the header of what a page asks by itself: that nobody sits before
	// it must not keep somebody signed in.
	unattended = "Tally-Unattended"
	// keepCookie is how long a browser keeps the cookie of a session that has no end;
	// each look at the session makes it anew. Browsers keep none for longer.
	keepCookie = 400 * 24 * time.Hour
)

// cookieName is what the session's cookie is called. With TLS browsers see to it that
// nobody else could have set it.
func cookieName(r *http.Request) string {
	if r.TLS != nil {
		return "__Host-tally"
	}
	return "tally"
}

func (s *Server) sessionRoutes(mux *http.ServeMux) {
	if s.cfg.Sessions == nil {
		return
	}
	mux.HandleFunc("POST "+sessionPath, s.signIn)
	mux.HandleFunc("GET "+sessionPath, s.whoIsSignedIn)
	mux.HandleFunc("DELETE "+sessionPath, s.signOut)
	mux.HandleFunc("POST "+ticketPath, s.ticket)
}

// signIn begins a session with a token, or with a code that stands for one.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request) {
	var in client.SignIn
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil || r.Header.Get("Content-Type") != jsonType {
		answerProblem(w, http.StatusUnprocessableEntity, `the body is not {"token": TOKEN} of type `+jsonType)
		return
	}
	secret, by, err := s.cfg.Sessions.SignIn(in.Token, placeOf(r))
	if err != nil {
		if errors.Is(err, api.ErrTooOften) {
			w.Header().Set("Retry-After", "60")
		}
		answerProblem(w, codeOf(err), err.Error())
		return
	}
	s.cfg.Logger.Info("somebody signed in", "token", by.Token.Name, "from", placeOf(r))
	s.setCookie(w, r, secret, by)
	answerSession(w, s.sessionOf(s.signed(by, placeOf(r))))
}

// whoIsSignedIn answers also where nobody is: that is no fault.
func (s *Server) whoIsSignedIn(w http.ResponseWriter, r *http.Request) {
	g, err := s.guest(r)
	switch {
	case errors.Is(err, api.ErrToken):
		answerSession(w, &client.Session{V: api.Schema, Pages: s.pages.version})
	case err != nil:
		answerProblem(w, codeOf(err), err.Error())
	default:
		if c, err := r.Cookie(cookieName(r)); err == nil && g.session != nil {
			s.setCookie(w, r, c.Value, g.session)
		}
		answerSession(w, s.sessionOf(g))
	}
}

func (s *Server) signOut(w http.ResponseWriter, r *http.Request) {
	if g, err := s.guest(r); err == nil && g.session != nil {
		if err := s.cfg.Sessions.SignOut(g.session.ID); err != nil {
			s.cfg.Logger.Warn("who is signed in cannot be written down", "err", err)
		}
	}
	http.SetCookie(w, &http.Cookie{Name: cookieName(r), Path: "/", MaxAge: -1, HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode})
	w.WriteHeader(http.StatusNoContent)
}

// ticket lets the pages connect to NATS, where that can be reached from here.
func (s *Server) ticket(w http.ResponseWriter, r *http.Request) {
	g, err := s.guest(r)
	if err == nil && g.session == nil {
		err = &api.BadQuestion{Err: errors.New("a token connects to NATS as it is")}
	}
	if err == nil && s.natsPath() == "" {
		err = &api.BadQuestion{Err: errors.New("NATS is not reached from here")}
	}
	var out client.Ticket
	if err == nil {
		out.Path = s.cfg.WebSocket
		out.User, out.Password, err = s.cfg.Sessions.Ticket(g.session.ID)
	}
	if err != nil {
		answerProblem(w, codeOf(err), err.Error())
		return
	}
	answerSession(w, &out)
}

// natsPath is where pages reach NATS; "" where they do not.
func (s *Server) natsPath() string {
	if s.cfg.WebSocket == "" || s.cfg.WebSocketTo == nil || s.cfg.WebSocketTo() == "" {
		return ""
	}
	return s.cfg.WebSocket
}

func (s *Server) sessionOf(g *guest) *client.Session {
	who := g.view.Who()
	out := &client.Session{V: api.Schema, SignedIn: true, Site: s.cfg.Service.Site(), TimeZone: s.cfg.Service.Zone().String(), Now: api.MomentOf(s.cfg.Service.Now()),
		Name: who.Name, Role: who.Role, Teams: who.Teams, Agent: who.Agent, Rights: []api.Right{}, Pages: s.pages.version}
	for _, right := range api.AllRights() {
		if who.May(right) {
			out.Rights = append(out.Rights, right)
		}
	}
	if g.session != nil {
		out.Until = api.MomentOf(g.session.Until)
	}
	if at := s.natsPath(); at != "" {
		out.NATS = &client.NATSAt{Path: at, Subjects: s.cfg.Subjects}
	}
	return out
}

// setCookie has the browser keep its session.
func (s *Server) setCookie(w http.ResponseWriter, r *http.Request, secret string, by *api.Signed) {
	age := keepCookie
	if !by.Until.IsZero() {
		age = min(age, max(time.Second, time.Until(by.Until)))
	}
	http.SetCookie(w, &http.Cookie{Name: cookieName(r), Value: secret, Path: "/", MaxAge: int(age / time.Second),
		HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode})
}

// answerSession answers with what nobody keeps.
func answerSession(w http.ResponseWriter, m any) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", jsonType)
	_ = json.NewEncoder(w).Encode(m) // whoever asked may be gone
}

// answerProblem answers as huma does: problem+json.
func answerProblem(w http.ResponseWriter, code int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(huma.ErrorModel{Status: code, Title: http.StatusText(code), Detail: detail})
}
