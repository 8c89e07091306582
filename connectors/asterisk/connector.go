package asterisk

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"tallyd/connectors/asterisk/ami"
	"tallyd/connectors/source"
	"tallyd/metrics"
)

// Config says which switch to attach to. Durations of 0 stand for the defaults.
type Config struct {
	Name     string
	ARI      string // address of ARI: http://127.0.0.1:8088/ari
	Username string
	Password string
	AMI      ManagerConfig // its Address is "" where it is not configured
	// Queues are names of queues to ask for, besides those that are seen.
	Queues []string

	DialTimeout    time.Duration // 5 s
	CommandTimeout time.Duration // 10 s: an answer to a request
	Ping           time.Duration // 15 s
	Silence        time.Duration // 40 s without anything, answers to pings included
	RetryMin       time.Duration // 0.5 s
	RetryMax       time.Duration // 30 s
	Buffer         int           // events on their way to counting, 8192

	// Journal keeps what would be forgotten when the daemon dies; nil for nowhere.
	Journal source.Journal

	// Counted is called, by the goroutine that counts, whenever it has counted
	// all that there was; it must not wait.
	Counted func()

	Log *slog.Logger
}

// ManagerConfig says where the manager interface is.
type ManagerConfig struct{ Address, Username, Password string }

func (c *Config) orDefaults() {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	set(&c.DialTimeout, 5*time.Second)
	set(&c.CommandTimeout, 10*time.Second)
	set(&c.Ping, 15*time.Second)
	set(&c.Silence, 40*time.Second)
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

// frame is one thing on its way from the connection to counting.
type frame struct {
	kind frameKind
	b    []byte // an event's JSON
}

type frameKind uint8

const (
	eventFrame     frameKind = iota
	lostFrame                // the connection broke after what came before
	restartedFrame           // the next connection is to another run of the switch
	startedFrame             // when the run that is seen next began, as text
	seenFrame                // the connection stands
)

// message is one thing on its way from the manager interface to counting.
type message struct {
	kind messageKind
	m    ami.Message
}

type messageKind uint8

const (
	plainMessage  messageKind = iota
	listBegins                // all members will be told of
	listEnds                  // that was all
	managerIsLost             // ARI must do
)

// keptFrame bounds what a slot keeps for the next event; longer ones are rare.
const keptFrame = 8 << 10

// Connector keeps one Asterisk attached. Three goroutines share the work: one
// reads ARI's socket and does nothing else, one reads the manager interface's,
// and one decodes, translates and counts what both have put into their rings.
type Connector struct {
	cfg      Config
	recorder *recorder
	bell     *source.Bell
	frames   *source.Ring[frame]
	messages *source.Ring[message]
	orders   *source.Ring[order]

	health   atomic.Pointer[source.Health] // of the ARI connection, without counts
	manager  atomic.Pointer[managerHealth]
	counted  atomic.Pointer[counted]
	overflow atomic.Bool // events were dropped, and the gap is not yet told of
	dropped  atomic.Int64
	renames  atomic.Pointer[map[string]string]
	again    chan struct{} // a snapshot is wanted
	listed   atomic.Bool   // the manager interface has told of all members
	relist   chan struct{} // it is wanted to tell of them again

	// of the goroutine that keeps ARI attached
	app      string // the application's name
	started  time.Time
	connects int64

	count counting // of the goroutine that counts
}

// managerHealth is how the manager interface fares.
type managerHealth struct {
	connected bool
	err       string
}

// counted is what the counting goroutine tells of.
type counted struct {
	counts source.Counts
	last   metrics.Millis
	live   string   // the id of a channel that is up
	queues []string // seen so far
	ask    []string // devices whose states are worth asking for

	clockOff time.Duration
}

// New returns a connector that feeds the tracker, whose only writer Run becomes.
func New(cfg Config, names *metrics.Names, tracker *metrics.Tracker) *Connector {
	cfg.orDefaults()
	c := &Connector{cfg: cfg, recorder: newRecorder(names, tracker, cfg.Journal), bell: source.NewBell(), app: appName()}
	c.recorder.translator.clock = &source.Clock{}
	cfg.Journal.Due(c.bell.Ring)
	c.frames = source.NewRing[frame](cfg.Buffer, c.bell)
	c.messages = source.NewRing[message](1024, c.bell)
	c.orders = source.NewRing[order](64, c.bell)
	c.again, c.relist = make(chan struct{}, 1), make(chan struct{}, 1)
	c.health.Store(&source.Health{Error: "not connected yet"})
	c.manager.Store(&managerHealth{err: "not connected yet"})
	c.counted.Store(&counted{})
	return c
}

// Restore takes up what a journal kept of an earlier run. It comes before Run.
// From the last event on, that run saw nothing.
func (c *Connector) Restore(k source.Kept) error {
	if err := c.recorder.restore(k); err != nil {
		return fmt.Errorf("%w: %w", source.ErrKept, err)
	}
	c.started = c.recorder.started
	c.count.stamp, c.count.offset, c.count.lost = c.recorder.translator.Last(), c.recorder.offset, true
	return nil
}

// Rename says whom interfaces stand for from now on, all of those that stand for
// somebody. Any goroutine may call it.
func (c *Connector) Rename(aliases map[string]string) { c.renames.Store(&aliases) }

// appName makes a name that no other client has: a second socket with the same
// one silences the first.
func appName() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // crypto/rand's Read does not fail
	return "tallyd-" + hex.EncodeToString(b[:])
}

// Health may be called from any goroutine.
func (c *Connector) Health() source.Health {
	h := *c.health.Load()
	n := c.counted.Load()
	h.Counts, h.LastEvent, h.Overflowed, h.ClockOff = n.counts, n.last, c.dropped.Load(), n.clockOff
	if c.cfg.AMI.Address == "" {
		h.Missing = append([]string{missing + ": no manager interface (ami) is configured"}, h.Missing...)
	} else if m := c.manager.Load(); !m.connected {
		h.Missing = append([]string{missing + ": the manager interface is not connected: " + m.err}, h.Missing...)
	}
	return h
}

// missing is what ARI alone cannot show.
const missing = "reasons of pauses that the dialplan does not give, and their changes; members added or removed by other means than the dialplan; " +
	"members' names and wrap-up times"

// Run attaches, and attaches again whenever the connection is lost, until ctx
// ends. It returns when the tracker has been given everything.
func (c *Connector) Run(ctx context.Context) error {
	var work sync.WaitGroup
	done, stop := context.WithCancel(context.Background())
	work.Go(func() { c.bell.Serve(done, c.take, c.rest, 250*time.Millisecond, c.tick) })
	defer work.Wait()
	defer stop()
	// What an earlier run left open goes on unseen; before the manager interface
	// can tell of anything.
	c.control(lostFrame, "")
	var readers sync.WaitGroup
	defer readers.Wait()
	if c.cfg.AMI.Address != "" {
		readers.Go(func() { c.keepManager(ctx) })
	}
	backoff := source.Backoff{Min: c.cfg.RetryMin, Max: c.cfg.RetryMax}
	for ctx.Err() == nil {
		began := time.Now()
		err := c.session(ctx)
		c.lost(err)
		if ctx.Err() != nil {
			break
		}
		pause := backoff.After(time.Since(began), errors.Is(err, ErrPassword) || errors.Is(err, ErrNotAsterisk))
		if errors.Is(err, ErrReplaced) {
			c.app = appName()
			pause = 0
		}
		c.cfg.Log.Warn("not attached to the switch", "err", err, "retry_in", pause.Round(time.Millisecond))
		source.Sleep(ctx, pause)
	}
	return ctx.Err()
}

// lost opens a gap: what happens from the last event on is not seen.
func (c *Connector) lost(err error) {
	c.control(lostFrame, "")
	h := *c.health.Load()
	if h.Connected || h.Since.IsZero() {
		h.Since = time.Now()
	}
	h.Connected, h.Missing = false, nil
	if err != nil {
		h.Error = err.Error()
	}
	c.health.Store(&h)
}

// control puts something other than an event in its place among the events. It
// waits for a slot: no connection is being read meanwhile.
func (c *Connector) control(k frameKind, text string) {
	for {
		if slot := c.frames.Slot(); slot != nil {
			slot.kind, slot.b = k, append(slot.b[:0], text...)
			c.frames.Put()
			return
		}
		time.Sleep(time.Millisecond)
	}
}
