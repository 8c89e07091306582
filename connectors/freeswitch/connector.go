package freeswitch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"tallyd/connectors/source"
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

	// Pace is how many times as fast as ours the switch's clock runs: recordings
	// play in fast motion. 0 is 1.
	Pace float64

	// Journal keeps what would be forgotten when the daemon dies; nil for nowhere.
	Journal source.Journal

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
	if c.Journal == nil {
		c.Journal = source.NoJournal{}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Log = c.Log.With("switch", c.Name)
}

// Connector keeps one switch attached. New opens nothing; Run connects.
type Connector struct {
	cfg        Config
	recorder   *recorder
	translator *Translator
	bell       *source.Bell
	ring       *source.Ring[metrics.Event]
	renames    atomic.Pointer[map[string]string]
	health     atomic.Pointer[source.Health]

	// of the goroutine that reads
	connects   int64
	overflowed int64
	overflow   bool
}

// New returns a connector that feeds the tracker, whose only writer Run becomes.
func New(cfg Config, names *metrics.Names, tracker *metrics.Tracker) *Connector {
	cfg.orDefaults()
	c := &Connector{cfg: cfg, recorder: newRecorder(names, tracker, cfg.Journal), bell: source.NewBell()}
	c.ring = source.NewRing[metrics.Event](cfg.Buffer, c.bell)
	c.translator = NewTranslator(names, c.hand)
	c.translator.noted = c.hand
	c.translator.clock = &source.Clock{Pace: cfg.Pace}
	cfg.Journal.Due(c.bell.Ring)
	c.health.Store(&source.Health{Error: "not connected yet"})
	return c
}

// Health may be called from any goroutine.
func (c *Connector) Health() source.Health { return *c.health.Load() }

// hand passes a fact on, or drops it while counting is behind: the switch is
// never made to wait.
func (c *Connector) hand(e *metrics.Event) {
	slot := c.ring.Slot()
	if c.overflow || slot == nil {
		c.overflow = true
		c.overflowed++
		return
	}
	*slot = *e
	c.ring.Put()
}

// count gives the tracker one fact, if there is one.
func (c *Connector) count() bool {
	e := c.ring.Next()
	if e == nil {
		return false
	}
	c.recorder.take(e)
	c.ring.Done()
	return true
}

// rest is called when all is counted that there was.
func (c *Connector) rest() {
	c.recorder.rest()
	c.cfg.Counted()
}

// Rename says whom names of agents stand for from now on, all of those that stand
// for somebody. Any goroutine may call it.
func (c *Connector) Rename(aliases map[string]string) { c.renames.Store(&aliases) }

// Restore takes up what a journal kept of an earlier run. It comes before Run.
// From the last fact on, that run saw nothing.
func (c *Connector) Restore(k source.Kept) error {
	if err := c.recorder.restore(k); err != nil {
		return fmt.Errorf("%w: %w", source.ErrKept, err)
	}
	c.translator.memory = c.recorder.memory.clone()
	c.translator.last = c.recorder.tracker.Now()
	return nil
}

// Run attaches, and attaches again whenever the connection is lost, until ctx
// ends. It returns when the tracker has been given everything; after that the
// tracker has no writer any more.
func (c *Connector) Run(ctx context.Context) error {
	var counting sync.WaitGroup
	done, stop := context.WithCancel(context.Background())
	counting.Go(func() { c.bell.Serve(done, c.count, c.rest, time.Hour, func() {}) })
	defer counting.Wait()
	defer stop()

	c.translator.Lost() // what an earlier run left open goes on unseen
	backoff := source.Backoff{Min: c.cfg.RetryMin, Max: c.cfg.RetryMax}
	for ctx.Err() == nil {
		began := time.Now()
		err := c.session(ctx)
		c.lost(err)
		if ctx.Err() != nil {
			break
		}
		pause := backoff.After(time.Since(began), errors.Is(err, ErrPassword) || errors.Is(err, ErrAccess))
		c.cfg.Log.Warn("not attached to the switch", "err", err, "retry_in", pause.Round(time.Millisecond))
		source.Sleep(ctx, pause)
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
	if !c.overflow || c.ring.Used() > c.ring.Len()/2 {
		return false
	}
	c.overflow = false
	c.cfg.Log.Warn("facts were dropped because counting fell behind", "dropped", c.overflowed)
	c.translator.Lost()
	return true
}

func (c *Connector) put(h source.Health) {
	h.Counts, h.Connects, h.Overflowed, h.LastEvent = c.translator.Counts, c.connects, c.overflowed, c.translator.Last()
	h.ClockOff = c.translator.clock.Off()
	c.health.Store(&h)
}
