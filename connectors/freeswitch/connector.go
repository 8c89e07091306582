package freeswitch

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"tallyd/metrics"
)

// Config says which switch to attach to. Durations of 0 stand for the defaults.
type Config struct {
	Name     string
	Address  string // host:port of the event socket
	Password string

	DialTimeout    time.Duration // 5 s
	CommandTimeout time.Duration // 10 s: an answer to auth, event or api
	Silence        time.Duration // 65 s: three heartbeats of 20 s, and a little
	RetryMin       time.Duration // 0.5 s
	RetryMax       time.Duration // 30 s
	Buffer         int           // facts on their way to the tracker, 8192

	// Counted is called, by the goroutine that counts, whenever it has counted
	// all that there was; it must not wait.
	Counted func()

	Log *slog.Logger
}

func (c *Config) orDefaults() {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	set(&c.DialTimeout, 5*time.Second)
	set(&c.CommandTimeout, 10*time.Second)
	set(&c.Silence, 65*time.Second)
	set(&c.RetryMin, 500*time.Millisecond)
	set(&c.RetryMax, 30*time.Second)
	if c.Buffer <= 0 {
		c.Buffer = 8192
	}
	if c.Counted == nil {
		c.Counted = func() {}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Log = c.Log.With("switch", c.Name)
}

// Health is how the connection fares.
type Health struct {
	Connected  bool
	Since      time.Time // of the present connection, or of the loss of the last
	Error      string    // why it is not connected, or what is wrong with it
	Counts     Counts
	Connects   int64
	Overflowed int64 // facts dropped because counting fell behind
	LastEvent  metrics.Millis
}

// Connector keeps one switch attached. New opens nothing; Run connects.
type Connector struct {
	cfg        Config
	tracker    *metrics.Tracker
	translator *Translator
	ring       *ring
	health     atomic.Pointer[Health]

	// of the goroutine that reads
	connects   int64
	overflowed int64
	overflow   bool
}

// New returns a connector that feeds the tracker, whose only writer Run becomes.
func New(cfg Config, names *metrics.Names, tracker *metrics.Tracker) *Connector {
	cfg.orDefaults()
	c := &Connector{cfg: cfg, tracker: tracker, ring: newRing(cfg.Buffer)}
	c.translator = NewTranslator(names, c.hand)
	c.health.Store(&Health{Error: "not connected yet"})
	return c
}

// Health may be called from any goroutine.
func (c *Connector) Health() Health { return *c.health.Load() }

// hand passes a fact on, or drops it while counting is behind: the switch is
// never made to wait.
func (c *Connector) hand(e *metrics.Event) {
	if c.overflow || !c.ring.put(e) {
		c.overflow = true
		c.overflowed++
	}
}

// Run attaches, and attaches again whenever the connection is lost, until ctx
// ends. It returns when the tracker has been given everything; after that the
// tracker has no writer any more.
func (c *Connector) Run(ctx context.Context) error {
	var counting sync.WaitGroup
	done, stop := context.WithCancel(context.Background())
	counting.Go(func() { c.ring.take(done, c.tracker.Apply, c.cfg.Counted) })
	defer counting.Wait()
	defer stop()

	wait := c.cfg.RetryMin
	for ctx.Err() == nil {
		began := time.Now()
		err := c.session(ctx)
		c.lost(err)
		if ctx.Err() != nil {
			break
		}
		if time.Since(began) > c.cfg.RetryMax {
			wait = c.cfg.RetryMin // it held for a while: a new trouble
		}
		if errors.Is(err, ErrPassword) || errors.Is(err, ErrAccess) {
			wait = max(wait, c.cfg.RetryMax/2) // only people can mend that
		}
		pause := wait/2 + rand.N(wait) // half to one and a half: no herd
		c.cfg.Log.Warn("not attached to the switch", "err", err, "retry_in", pause.Round(time.Millisecond))
		wait = min(2*wait, c.cfg.RetryMax)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	return ctx.Err()
}

// lost opens a gap: what happens from the last event on is not seen.
func (c *Connector) lost(err error) {
	c.regain()
	c.translator.Lost()
	h := c.Health()
	if h.Connected || h.Since.IsZero() {
		h.Since = time.Now()
	}
	h.Connected = false
	if err != nil {
		h.Error = err.Error()
	}
	c.put(h)
}

// regain ends an overflow once counting has caught up with half the buffer.
// The facts that were dropped are a gap: it is opened, and the caller asks for
// a snapshot to close it.
func (c *Connector) regain() bool {
	if !c.overflow || c.ring.used() > len(c.ring.slots)/2 {
		return false
	}
	c.overflow = false
	c.cfg.Log.Warn("facts were dropped because counting fell behind", "dropped", c.overflowed)
	c.translator.Lost()
	return true
}

func (c *Connector) put(h Health) {
	h.Counts, h.Connects, h.Overflowed, h.LastEvent = c.translator.Counts, c.connects, c.overflowed, c.translator.Last()
	c.health.Store(&h)
}
