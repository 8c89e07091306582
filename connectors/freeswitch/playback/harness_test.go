package playback

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tallyd/connectors/freeswitch/eventsocket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come at once.
const patience = 20 * time.Second

// manualClock moves when the test says.
type manualClock struct {
	mu     sync.Mutex
	change sync.Cond
	now    time.Time
	until  []time.Time // what is waited for
}

func newClock() *manualClock {
	c := &manualClock{now: time.Date(2030, 5, 6, 7, 8, 9, 0, time.UTC)}
	c.change.L = &c.mu
	return c
}

func (c *manualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *manualClock) Wait(ctx context.Context, t time.Time) error {
	stop := context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.change.Broadcast()
	})
	defer stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = append(c.until, t)
	c.change.Broadcast()
	for c.now.Before(t) && ctx.Err() == nil {
		c.change.Wait()
	}
	for i, u := range c.until {
		if u.Equal(t) {
			c.until = append(c.until[:i], c.until[i+1:]...)
			break
		}
	}
	return ctx.Err()
}

// advance moves the clock, and returns when somebody waits for a later time:
// all that was due has happened.
func (c *manualClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.change.Broadcast()
	for !c.waiting(0) {
		c.change.Wait()
	}
}

// awaitWaiting returns when somebody waits for more than d.
func (c *manualClock) awaitWaiting(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.waiting(d) {
		c.change.Wait()
	}
}

func (c *manualClock) waiting(d time.Duration) bool {
	for _, t := range c.until {
		if t.After(c.now.Add(d)) {
			return true
		}
	}
	return false
}

// serve runs a server until the test ends, and returns its address.
func serve(t *testing.T, s *Server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, s, l)
	return l.Addr().String()
}

func serveOn(t *testing.T, s *Server, l net.Listener) {
	if s.quiet == 0 {
		s.quiet = time.Millisecond // these tests ask one thing at a time
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Serve: %v", err)
			}
		case <-time.After(patience):
			t.Error("Serve does not return")
		}
	})
}

// peer is a test's connection.
type peer struct {
	net.Conn
	t   *testing.T
	r   *eventsocket.Reader
	e   eventsocket.Event
	raw bytes.Buffer // all that came
}

func dial(t *testing.T, addr string) *peer {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return attach(t, conn)
}

func attach(t *testing.T, conn net.Conn) *peer {
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	p := &peer{Conn: conn, t: t}
	p.r = eventsocket.NewReader(io.TeeReader(conn, &p.raw), eventsocket.DefaultLimits)
	return p
}

// login dials, authenticates and subscribes.
func login(t *testing.T, addr, subscription string) *peer {
	t.Helper()
	p := dial(t, addr)
	p.expect(eventsocket.AuthRequest)
	p.command("auth ClueCon", "+OK accepted")
	if subscription != "" {
		p.command("event "+subscription, "")
	}
	return p
}

func (p *peer) next() *eventsocket.Frame {
	p.t.Helper()
	f, err := p.r.Next()
	if err != nil {
		p.t.Fatal(err)
	}
	return f
}

func (p *peer) expect(k eventsocket.Kind) *eventsocket.Frame {
	p.t.Helper()
	f := p.next()
	if f.Kind != k {
		p.t.Fatalf("frame is %s %q, want %s", f.Kind, f.Body(), k)
	}
	return f
}

// event returns the next event, passing over replies.
func (p *peer) event() *eventsocket.Event {
	p.t.Helper()
	f := p.next()
	for f.Kind == eventsocket.CommandReply {
		f = p.next()
	}
	if err := f.Decode(&p.e); err != nil {
		p.t.Fatalf("%s %q: %v", f.Kind, f.Body(), err)
	}
	return &p.e
}

func (p *peer) say(command string) {
	p.t.Helper()
	if _, err := io.WriteString(p, command+"\n\n"); err != nil {
		p.t.Fatal(err)
	}
}

// command waits for the reply, passing over the events before it.
func (p *peer) command(command, reply string) {
	p.t.Helper()
	p.say(command)
	for {
		f := p.next()
		if f.Kind != eventsocket.CommandReply {
			continue
		}
		if reply != "" && string(f.ReplyText()) != reply {
			p.t.Fatalf("%s: reply is %q, want %q", command, f.ReplyText(), reply)
		}
		return
	}
}

func (p *peer) api(command string) string {
	p.t.Helper()
	p.say("api " + command)
	for {
		if f := p.next(); f.Kind == eventsocket.APIResponse {
			return string(f.Body())
		}
	}
}

// end reads to the end of the connection, and returns how it ended.
func (p *peer) end() error {
	for {
		if _, err := p.r.Next(); err != nil {
			return err
		}
	}
}

// pipes is a listener whose connections hold no bytes: a client that does not
// read is slow at once.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (l *pipes) dial() net.Conn {
	client, server := net.Pipe()
	l.conns <- server
	return client
}

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

// synthetic is a recording of n events, a second apart.
func synthetic(n int) *Recording {
	seg := Segment{}
	for i := range n {
		at := int64(1_700_000_000_000_000 + i*1_000_000)
		seg.Events = append(seg.Events, Event{At: at, Name: "HEARTBEAT",
			Plain: fmt.Appendf(nil, "Event-Name: HEARTBEAT\nCore-UUID: c0000000-0000-4000-8000-000000000000\nEvent-Date-Timestamp: %d\nEvent-Sequence: %d\n\n", at, i)})
	}
	return &Recording{Segments: []Segment{seg}}
}
