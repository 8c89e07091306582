package playback

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// Server plays a recording to whoever connects. Set the fields before Serve and
// leave them alone after; a Server serves once.
type Server struct {
	Recording *Recording
	Snapshot  *Snapshot // of mod_callcenter when the recording began; may be nil
	Password  string    // "ClueCon", FreeSWITCH's default, if empty

	// Speed is how much faster than it happened the recording plays. At 0 it
	// plays as fast as the clients take it: it waits for the first subscription,
	// for the slowest subscriber, and until nobody has asked anything for a tenth
	// of a second, so that who puts several answers together sees one moment.
	Speed float64
	// ShiftTo moves every time in the recording, so that its first event happens
	// at this moment, give or take a second; the zero Time leaves them. Durations
	// stay as recorded at any Speed.
	ShiftTo time.Time
	// Loop plays the recording again and again, each time later and with other
	// uuids. Between, agents go back to the status of the Snapshot. Calls that the
	// recording does not finish never end: see Recording.WholeCalls.
	Loop bool
	// CloseAtEnd closes the connections at the recording's end, as it does
	// between segments. Otherwise the switch stays, and nothing more happens.
	CloseAtEnd bool

	// Queue is how many events may wait for a slow client, 10,000 if 0: 501 lost
	// events later the client is thrown out. FreeSWITCH keeps 100,000.
	Queue  int
	Faults []Fault
	Clock  Clock // the machine's if nil

	mu      sync.Mutex
	room    sync.Cond // signalled when a client took its queue, came or went
	model   *model
	rewrite *rewriter
	clients []*client
	// dead holds the channels that a restart killed: what the recording still
	// says of them is not played.
	dead      map[string]bool
	down      bool      // between segments
	downUntil time.Time // after a restart
	stopped   bool
	asked     time.Time     // when the last command came
	quiet     time.Duration // after it, before speed 0 goes on
	first     int64         // µs: the recording's first event, unshifted
	passed    int64         // µs: all passes of a loop before this one
	start     time.Time     // when the first event of the first pass is due
}

const (
	defaultQueue    = 10_000
	defaultPassword = "ClueCon"
	mostLost        = 500 // events: one more, and the client is thrown out
	loopPause       = 1_000_000
	defaultQuiet    = 100 * time.Millisecond
)

func (s *Server) clock() Clock {
	if s.Clock != nil {
		return s.Clock
	}
	return systemClock{}
}

// Serve plays to the connections that l accepts until ctx ends, and then closes
// l and all of them. The recording plays whether or not somebody listens, unless
// Speed is 0.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	if err := s.prepare(); err != nil {
		l.Close()
		return err
	}
	outer := ctx
	ctx, cancel := context.WithCancelCause(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.play(ctx); err != nil {
			cancel(err)
		}
	})
	running.Go(func() {
		<-ctx.Done()
		l.Close()
		s.stop()
	})
	for number := 1; ; number++ {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() == nil {
				cancel(fmt.Errorf("event socket %s accepts no more: %w", l.Addr(), err))
			}
			break
		}
		running.Go(func() { s.connection(ctx, conn, number) })
	}
	running.Wait()
	if outer.Err() != nil {
		return nil
	}
	return context.Cause(ctx)
}

func (s *Server) prepare() error {
	if s.Recording == nil {
		return errors.New("playback server has no recording")
	}
	if err := s.Recording.check(); err != nil {
		return err
	}
	if s.Speed < 0 {
		return fmt.Errorf("playback speed %g is negative", s.Speed)
	}
	if s.Queue == 0 {
		s.Queue = defaultQueue
	}
	if s.quiet == 0 {
		s.quiet = defaultQuiet
	}
	if s.Password == "" {
		s.Password = defaultPassword
	}
	s.room.L = &s.mu
	s.rewrite = newRewriter(s.Recording)
	s.first, _ = s.Recording.Span()
	s.start = s.clock().Now()
	if !s.ShiftTo.IsZero() {
		s.start = s.ShiftTo
		s.rewrite.setShift(s.ShiftTo.UnixMicro() - s.first)
	}
	snapshot := s.Snapshot
	if snapshot == nil {
		snapshot = emptySnapshot()
	}
	s.model = newModel(snapshot.moved(s.rewrite))
	s.model.now = s.first + s.rewrite.shift
	s.model.core = s.Recording.Segments[0].core()
	return nil
}

// stop ends every connection and lets all that waits go.
func (s *Server) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	s.cutAll()
	s.room.Broadcast()
}

// Cut closes all connections this moment, as a network failure does.
func (s *Server) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cutAll()
}

func (s *Server) cutAll() {
	for _, c := range s.clients {
		c.cut()
	}
}

// Restart kills the switch: all connections are cut, its calls are gone without
// a word, and for as long as it is down nobody gets in. It comes back with
// another Core-UUID and its agents as configured; the recording has gone on.
func (s *Server) Restart(down time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.model == nil {
		return // not serving yet
	}
	if s.dead == nil {
		s.dead = make(map[string]bool)
	}
	for _, row := range s.model.channels.rows {
		s.dead[row["uuid"]] = true
	}
	s.model.reset()
	s.rewrite.restart++
	core := []byte(s.model.core)
	if s.rewrite.cores[s.model.core] {
		s.rewrite.uuid(core)
		s.model.core = string(core)
	}
	s.downUntil = s.clock().Now().Add(down)
	s.cutAll()
}

// connection serves one client, unless the switch is down.
func (s *Server) connection(ctx context.Context, conn net.Conn, number int) {
	defer conn.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	s.mu.Lock()
	faults, refuse, reject := s.faultsOf(number)
	if refuse || s.stopped || s.down || s.clock().Now().Before(s.downUntil) {
		s.mu.Unlock()
		return
	}
	c := newClient(s, &faulty{Conn: conn, server: s, ctx: ctx, faults: faults})
	if reject {
		c.finish("Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n")
	} else {
		c.send([]byte("Content-Type: auth/request\n\n"))
	}
	s.clients = append(s.clients, c)
	s.mu.Unlock()

	var writing sync.WaitGroup
	writing.Go(c.write)
	c.readCommands()
	cancel() // lets a stalled writer go

	s.mu.Lock()
	c.cut()
	s.clients = slices.DeleteFunc(s.clients, func(o *client) bool { return o == c })
	s.room.Broadcast()
	s.mu.Unlock()
	writing.Wait()
}
