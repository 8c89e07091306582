package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"tallyd/connectors/api"
)

// addressFile holds where the embedded server listens, for commands on the same
// box.
const addressFile = "nats.url"

// Config says what is published where.
type Config struct {
	Service *api.Service
	// Listen is the embedded server's address; port 0 takes any.
	Listen string
	// Dir is the data folder, where the embedded server's credentials are kept.
	Dir string
	// URL is an external server's address, instead of the embedded one.
	URL string
	// Credentials is the file to log in to an external server with; "" where
	// none is needed or URL holds it.
	Credentials string
	// Tokens says who may come in; nil: none but those of the data folder.
	Tokens *api.Tokens
	// Sessions says which pages may come in with a ticket; nil: none.
	Sessions *api.Sessions
	// Certificate and Key are the embedded server's files, "" for none: it then
	// speaks in the clear.
	Certificate, Key string
	// WebSocket has the embedded server take WebSockets on a port of loopback, for
	// HTTP to hand on.
	WebSocket bool
	// Streams says how the streams of rollups and contacts are made.
	Streams Streams
	Logger  *slog.Logger
}

// Bus publishes. Run does the work; the other methods may be called from any
// goroutine.
type Bus struct {
	cfg      Config
	subjects Subjects
	run      int64 // tells this run's sequences from another's
	gate     *gate // of the embedded server; nil where that is somebody else's

	nudged atomic.Bool   // nudge is full
	nudge  chan struct{} // capacity 1
	ready  chan struct{} // closed when url is set
	url    string
	socket string // where the embedded server takes WebSockets; "" where it does not
	fares  atomic.Pointer[fares]
}

// fares is what tells how a running bus fares.
type fares struct {
	nc      *nats.Conn
	records *records
}

// Health tells how the bus fares; any goroutine may ask.
func (b *Bus) Health() api.BusHealth {
	f := b.fares.Load()
	if f == nil {
		return api.BusHealth{}
	}
	return api.BusHealth{Connected: f.nc.IsConnected(), Records: f.records.health()}
}

// New checks the configuration. Nothing is opened before Run.
func New(c Config) (*Bus, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case c.URL == "" && c.Listen == "":
		return nil, errors.New("nats has neither an address to listen on nor a url")
	case c.URL != "" && c.Listen != "":
		return nil, fmt.Errorf("nats has both an address to listen on %q and a url %q", c.Listen, c.URL)
	case c.URL == "":
		if _, _, err := splitAddress(c.Listen); err != nil {
			return nil, err
		}
	}
	if c.Tokens == nil {
		c.Tokens = api.OpenTokens(c.Dir)
	}
	return &Bus{
		cfg: c, subjects: SubjectsOf(c.Service.Site()), run: c.Service.Now().UnixMilli(),
		nudge: make(chan struct{}, 1), ready: make(chan struct{}),
	}, nil
}

// Ready is closed when Run listens, or tries to reach its server.
func (b *Bus) Ready() <-chan struct{} { return b.ready }

// URL is where clients connect, once Ready.
func (b *Bus) URL() string { return b.url }

// WebSocket is the address of the embedded server's WebSockets, once Ready; "" for
// none.
func (b *Bus) WebSocket() string {
	select {
	case <-b.ready:
		return b.socket
	default:
		return ""
	}
}

// Nudge tells that something happened: states are then looked at at once and not
// only ten times a second. A tracker's owner may call it after every event; it
// never waits, and costs a load where the last nudge is not used up yet.
func (b *Bus) Nudge() {
	if !b.nudged.Load() && b.nudged.CompareAndSwap(false, true) {
		b.nudge <- struct{}{}
	}
}

// Run publishes until the context ends. It then leaves nothing behind.
func (b *Bus) Run(ctx context.Context) error {
	nc, stop, err := b.connect(ctx)
	if err != nil {
		return err
	}
	defer stop()

	states := newStates(b, nc)
	figures := newFigures(b, nc)
	defer figures.watch.Close()
	records := newRecords(b, nc)
	b.fares.Store(&fares{nc, records})
	pulse := &pulse{bus: b, nc: nc, records: records}
	alerts := newAlertStreams(b, nc)
	answers := &answers{bus: b, states: states, figures: figures, pulse: pulse, alerts: alerts}
	asked, err := b.offer(ctx, nc, append(questionsOf(b), answers.questions()...))
	if err != nil {
		return err
	}
	facts, err := b.takeFacts(nc)
	if err != nil {
		return err
	}
	if nc.IsConnected() {
		// Whoever asks from now on is answered: the server knows of it.
		flushing, done := context.WithTimeout(ctx, readyWithin)
		if err := nc.FlushWithContext(flushing); err != nil && ctx.Err() == nil {
			b.cfg.Logger.Warn("nats does not answer", "err", err)
		}
		done()
	}
	close(b.ready)

	var running sync.WaitGroup
	running.Go(func() { states.run(ctx) })
	running.Go(func() { figures.run(ctx) })
	running.Go(func() { pulse.run(ctx) })
	running.Go(func() { alerts.run(ctx) })
	running.Go(func() { records.run(ctx) })
	if b.gate != nil && b.cfg.Service.Stores() {
		running.Go(func() { (&readers{b, nc}).run(ctx) })
	}
	running.Go(func() { facts.run(ctx) })
	<-ctx.Done()
	running.Wait()
	_ = asked.Stop() // the connection goes anyway
	return nil
}

const (
	reconnectWait = time.Second
	pingEvery     = 10 * time.Second
	writeTimeout  = 5 * time.Second
)

// connect starts the embedded server, or reaches for the external one; the
// latter may be away, now or at any time.
func (b *Bus) connect(ctx context.Context) (nc *nats.Conn, stop func(), err error) {
	log := b.cfg.Logger
	internal, err := b.ownTokens()
	if err != nil {
		return nil, nil, err
	}
	options := []nats.Option{
		nats.Name("tallyd"),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(reconnectWait),
		nats.PingInterval(pingEvery),
		// What is not sent now is made up for by the next full state.
		nats.ReconnectBufSize(-1),
		nats.CustomInboxPrefix(internalInbox),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("nats is away", "err", err)
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) { log.Info("nats is back", "url", nc.ConnectedUrlRedacted()) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { log.Warn("nats", "err", err) }),
	}
	if b.cfg.URL != "" {
		login, err := externalLogin(b.cfg.Credentials)
		if err != nil {
			return nil, nil, err
		}
		if login != nil {
			options = append(options, login)
		}
		options = append(options, nats.RetryOnFailedConnect(true), nats.SetCustomDialer(dialer{}))
		if nc, err = nats.Connect(b.cfg.URL, options...); err != nil {
			return nil, nil, fmt.Errorf("nats: %w", err)
		}
		b.url = b.cfg.URL
		return nc, nc.Close, nil
	}
	gate := newGate(b)
	srv, err := startServer(&b.cfg, gate)
	if err != nil {
		return nil, nil, err
	}
	b.gate = gate
	options = append(options, nats.InProcessServer(srv), nats.UserInfo(internal.user, internal.password),
		nats.Timeout(readyWithin)) // on a busy box the usual two seconds may not do
	nc, err = nats.Connect("", options...)
	if err != nil {
		stopServer(srv)
		return nil, nil, fmt.Errorf("nats: the embedded server cannot be reached: %w", err)
	}
	b.url = srv.ClientURL()
	if b.cfg.WebSocket {
		b.socket = srv.WebsocketURL()
	}
	address := filepath.Join(b.cfg.Dir, addressFile)
	if err := api.WriteSecret(address, b.url+"\n"); err != nil {
		nc.Close()
		stopServer(srv)
		return nil, nil, fmt.Errorf("nats: %w", err)
	}
	log.Info("nats listens", "url", b.url)
	var watching sync.WaitGroup
	ctx, stopWatching := context.WithCancel(ctx)
	watching.Go(func() { gate.watch(ctx, srv) })
	return nc, func() {
		stopWatching()
		watching.Wait()
		_ = os.Remove(address) // who finds it stale is told that nobody listens
		nc.Close()
		stopServer(srv)
	}, nil
}

// dialer bounds every write: an external server that stops reading must not hold
// the publisher, and with it the daemon's end, for longer.
type dialer struct{}

func (dialer) Dial(network, address string) (net.Conn, error) {
	conn, err := net.DialTimeout(network, address, writeTimeout)
	if err != nil {
		return nil, err
	}
	return boundedConn{conn}, nil
}

type boundedConn struct{ net.Conn }

func (c boundedConn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// header begins a message.
func (b *Bus) header(seq uint64) api.Header {
	return api.Header{V: api.Schema, Run: b.run, Seq: seq, At: api.Moment(b.cfg.Service.Now().UnixMilli()), Site: b.cfg.Service.Site()}
}

// publish sends a message, and tells whether it went out.
func publish(nc *nats.Conn, log *slog.Logger, subject string, message any) bool {
	body, err := json.Marshal(message)
	if err == nil {
		err = nc.Publish(subject, body)
	}
	if err != nil && nc.IsConnected() {
		log.Warn("a message cannot be published", "subject", subject, "err", err)
	}
	return err == nil
}
