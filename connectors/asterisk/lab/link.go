package lab

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Link is a way to a port of loopback that can be cut and held up, as networks
// are.
type Link struct {
	Port int

	listener net.Listener
	held     atomic.Bool // nothing gets through
	down     atomic.Bool // new connections are refused
	rewrite  atomic.Pointer[func([]byte) []byte]
	mu       sync.Mutex
	conns    map[net.Conn]bool
	wg       sync.WaitGroup
}

// NewLink opens a way to a port.
func NewLink(to int) (*Link, error) {
	l := &Link{conns: map[net.Conn]bool{}}
	var err error
	if l.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	l.Port = l.listener.Addr().(*net.TCPAddr).Port
	l.wg.Go(func() {
		for {
			near, err := l.listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", to))
			if err != nil || l.down.Load() {
				near.Close()
				if err == nil {
					far.Close()
				}
				continue
			}
			l.join(near, far)
		}
	})
	return l, nil
}

func (l *Link) join(a, b net.Conn) {
	l.mu.Lock()
	l.conns[a], l.conns[b] = true, true
	l.mu.Unlock()
	carry := func(from, to net.Conn, back bool) {
		defer func() {
			from.Close()
			to.Close()
			l.mu.Lock()
			delete(l.conns, from)
			l.mu.Unlock()
		}()
		buf := make([]byte, 32<<10)
		for {
			n, err := from.Read(buf)
			for l.held.Load() {
				time.Sleep(time.Millisecond)
			}
			out := buf[:n]
			if change := l.rewrite.Load(); back && change != nil {
				out = (*change)(out)
			}
			if n > 0 {
				if _, err := to.Write(out); err != nil {
					return
				}
			}
			if err != nil {
				return
			}
		}
	}
	l.wg.Go(func() { carry(a, b, false) })
	l.wg.Go(func() { carry(b, a, true) })
}

// Cut breaks all connections; down refuses new ones, until it is cut again
// without.
func (l *Link) Cut(down bool) {
	l.down.Store(down)
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		c.Close()
	}
}

// Rewrite changes what comes back from the port, piece by piece as it comes.
func (l *Link) Rewrite(change func([]byte) []byte) { l.rewrite.Store(&change) }

// Hold lets nothing through, and later goes on, as a full network does.
func (l *Link) Hold(on bool) { l.held.Store(on) }

// Close ends it.
func (l *Link) Close() {
	l.listener.Close()
	l.Hold(false)
	l.Cut(true)
	l.wg.Wait()
}
