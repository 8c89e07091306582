package client

import "tallyd/connectors/api"

// SignIn begins a session: with a token, or with a code that stands for one.
type SignIn struct {
	Token string `json:"token"`
}

// Session is who is signed in. It has nothing of any language.
type Session struct {
	V        int         `json:"v"`
	SignedIn bool        `json:"signed_in"`
	Site     string      `json:"site,omitempty"`
	TimeZone string      `json:"time_zone,omitempty"` // of the site's days
	Now      api.Moment  `json:"now"`                 // by the daemon's clock
	Name     string      `json:"name,omitempty"`      // the token's
	Role     api.Role    `json:"role,omitempty"`
	Teams    []string    `json:"teams,omitempty"` // a supervisor's
	Agent    string      `json:"agent,omitempty"` // who an agent is
	Rights   []api.Right `json:"rights,omitempty"`
	Until    api.Moment  `json:"until"`          // when it ends if nothing is done; null: with the token
	NATS     *NATSAt     `json:"nats,omitempty"` // null where NATS is not reached from here
	Pages    string      `json:"pages"`          // tells one version of the pages from another
}

// NATSAt is where NATS is reached by WebSocket, and what the subjects begin with.
type NATSAt struct {
	Path     string `json:"path"`
	Subjects string `json:"subjects"`
}

// Ticket lets a session connect to NATS once, within a minute.
type Ticket struct {
	Path     string `json:"path"`
	User     string `json:"user"`
	Password string `json:"password"`
}

// Names are what those are called whose states may be seen.
type Names struct {
	Stamp
	*api.NameList
}
