package admin

import (
	"context"
	"net"
	"net/http"
	"os/user"
	"strconv"
)

// peer is the user at the other end of a connection, as the system knows it.
type peer struct {
	uid   int
	known bool
}

// String is the user's name, or its number where it has none.
func (p peer) String() string {
	if !p.known {
		return "unknown"
	}
	return UserName(p.uid)
}

// UserName is the name of a user of this system, or its number where it has
// none.
func UserName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return strconv.Itoa(uid)
}

type peerKey struct{}

func withPeer(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, peerKey{}, lookUpPeer(c))
}

func peerOf(r *http.Request) peer {
	p, _ := r.Context().Value(peerKey{}).(peer)
	return p
}
