package eventsocket

import (
	"bytes"
	"io"
	"net"
	"testing"

	peer "github.com/fiorix/go-eventsocket/eventsocket"
)

// onlyEvents is a recording without the frames that are no events: those are what
// go-eventsocket ends the process on, or answers through channels of their own.
func onlyEvents(tb testing.TB, name string) (stream []byte, events int) {
	tb.Helper()
	b := recording(tb, name)
	err := eachFrame(bytes.NewReader(b), DefaultLimits, func(f *Frame) {
		if f.Kind == PlainEvent || f.Kind == JSONEvent {
			stream = append(stream, b[f.Offset:f.Offset+int64(f.Size())]...)
			events++
		}
	})
	if err != io.EOF {
		tb.Fatal(err)
	}
	return stream, events
}

// serve accepts one client on loopback, logs it in and sends it stream. The
// channel is closed once all is sent; until then the listener lives.
func serve(tb testing.TB, stream []byte) (addr string, done <-chan struct{}) {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		defer l.Close()
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		io.WriteString(c, "Content-Type: auth/request\n\n")
		login := make([]byte, 256)
		if _, err := c.Read(login); err != nil {
			return
		}
		io.WriteString(c, "Content-Type: command/reply\nReply-Text: +OK accepted\n\n")
		c.Write(stream)
	}()
	return l.Addr().String(), finished
}

// readAsPeer reads stream through go-eventsocket over loopback. The library
// drops what waits in its channel when the stream ends, at random; asking again
// until all events are there makes up for it.
func readAsPeer(tb testing.TB, stream []byte, events int, fn func(*peer.Event)) {
	tb.Helper()
	addr, done := serve(tb, stream)
	c, err := peer.Dial(addr, "ClueCon")
	if err != nil {
		tb.Fatal(err)
	}
	for n := 0; n < events; {
		ev, err := c.ReadEvent()
		if err == io.EOF {
			continue
		}
		if err != nil {
			tb.Fatal(err)
		}
		n++
		fn(ev)
	}
	c.Close()
	<-done
}

// overLoopback gives fn a connection that delivers the same as readAsPeer's.
func overLoopback(tb testing.TB, stream []byte, fn func(net.Conn)) {
	tb.Helper()
	addr, done := serve(tb, stream)
	c, err := net.Dial("tcp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "auth ClueCon\n\n"); err != nil {
		tb.Fatal(err)
	}
	fn(c)
	<-done
}
