package playback

import (
	"context"
	"errors"
	"net"
	"time"
)

// Action is what goes wrong with a connection.
type Action uint8

// The faults. Refuse and Reject happen at once, whatever Fault.After says.
const (
	Cut     Action = iota // close it, in the middle of a frame if After says so
	Stall                 // send nothing for Fault.For, or until it ends
	Refuse                // close it before a word, as far as a listener can refuse
	Reject                // turn the client away, as the switch's access list does
	Restart               // the switch dies and comes back: see Server.Restart
)

// Fault is one thing that goes wrong.
type Fault struct {
	Connection int   // counted from 1 in the order of accepting; 0 is every one
	After      int64 // bytes that the client gets before
	Action     Action
	For        time.Duration // of Stall, and of the time down of Restart
}

// faultsOf lists what is planned for a connection: to happen in its course, and
// whether it is refused or rejected.
func (s *Server) faultsOf(number int) (later []Fault, refuse, reject bool) {
	for _, f := range s.Faults {
		switch {
		case f.Connection != 0 && f.Connection != number:
		case f.Action == Refuse:
			refuse = true
		case f.Action == Reject:
			reject = true
		default:
			later = append(later, f)
		}
	}
	return later, refuse, reject
}

var errCut = errors.New("connection cut by a planned fault")

// faulty is a connection that goes wrong as planned.
type faulty struct {
	net.Conn
	server *Server
	ctx    context.Context // ends with the connection
	faults []Fault
	sent   int64
}

// Write sends p up to the next fault, lets it happen, and goes on if it can.
func (f *faulty) Write(p []byte) (n int, err error) {
	for {
		next, at := -1, int64(len(p)-n)
		for i, fault := range f.faults {
			if left := fault.After - f.sent; left <= at {
				next, at = i, max(left, 0)
			}
		}
		if at > 0 {
			m, err := f.Conn.Write(p[n : n+int(at)])
			n += m
			f.sent += int64(m)
			if err != nil {
				return n, err
			}
		}
		if next < 0 {
			return n, nil
		}
		fault := f.faults[next]
		f.faults = append(f.faults[:next:next], f.faults[next+1:]...)
		if err := f.happen(fault); err != nil {
			return n, err
		}
	}
}

// CloseWrite ends the stream, if the connection can.
func (f *faulty) CloseWrite() error {
	if half, ok := f.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return f.Conn.Close()
}

func (f *faulty) happen(fault Fault) error {
	switch fault.Action {
	case Stall:
		if fault.For <= 0 {
			<-f.ctx.Done()
			return f.ctx.Err()
		}
		clock := f.server.clock()
		return clock.Wait(f.ctx, clock.Now().Add(fault.For))
	case Restart:
		f.server.Restart(fault.For)
	}
	f.Conn.Close()
	return errCut
}
