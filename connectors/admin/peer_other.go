//go:build !linux

package admin

import (
	"net"
	"os"
)

// lookUpPeer takes whoever could open the socket for its owner.
func lookUpPeer(net.Conn) peer { return peer{os.Geteuid(), true} }
