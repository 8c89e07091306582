package admin

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
)

// longest is how long a socket's name may be, on every system.
const longest = 100

// short is the socket's name, by way of the open folder where its own is too
// long for a socket.
func short(dir string) (address string, done func(), err error) {
	address = filepath.Join(dir, SocketFile)
	if len(address) <= longest {
		return address, func() {}, nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return "", nil, reason(err)
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", d.Fd(), SocketFile), func() { d.Close() }, nil
}

// nobody tells whether an error of dialling says that nobody listens.
func nobody(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED)
}

// reason strips what was done with which path: the caller says that.
func reason(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	var sys *os.SyscallError
	if errors.As(err, &sys) {
		err = sys.Err
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return err
}
