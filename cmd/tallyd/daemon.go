package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tallyd/cmd/tallyd/config"
	"tallyd/connectors/api"
	"tallyd/connectors/asterisk"
	"tallyd/connectors/bus"
	"tallyd/connectors/freeswitch"
	"tallyd/connectors/source"
	"tallyd/connectors/web"
	"tallyd/connectors/webhook"
	"tallyd/metrics"
	"tallyd/rules/alert"
	"tallyd/storage"
)

// daemon is everything that serve runs.
type daemon struct {
	cfg      *config.Config
	log      *slog.Logger
	store    *storage.Store
	upkeep   *upkeep
	intake   *api.Intake
	people   *metrics.People // nil where nobody has logins at several switches
	shared   func(agent string) bool
	service  *api.Service
	bus      *bus.Bus
	web      *web.Server
	tokens   *api.Tokens
	sessions *api.Sessions
	audit    *api.Audit
	switches []*attached
	roster   atomic.Pointer[config.Roster] // what questions are answered by; nil where there is none
	schemes  atomic.Pointer[[]api.Scheme]  // what people are appraised by
	hook     *webhook.Hook                 // nil for none
	hangups  <-chan os.Signal              // each asks for the roster, the schemes and the alerts to be read anew
	writing  sync.Mutex                    // held while the roster's file is written
	written  chan struct{}                 // tells that it was
	demo     *demo
	command  string   // how this program was called
	after    sync.Map // what a *metrics.Sealed waits for before it may be stored
}

// attached is one switch.
type attached struct {
	name      string
	tracker   *metrics.Tracker
	connector source.Source
	book      *book
}

// newDaemon opens what the daemon needs; nothing is attached yet.
func newDaemon(ctx context.Context, cfg *config.Config, simulate bool, log *slog.Logger) (*daemon, error) {
	zone, err := time.LoadLocation(cfg.TimeZone)
	if err != nil {
		return nil, err
	}
	d := &daemon{cfg: cfg, log: log, command: os.Args[0], written: make(chan struct{}, 1)}
	if simulate {
		if d.demo, err = newDemo(); err != nil {
			return nil, err
		}
		cfg.Switches = []config.Switch{d.demo.config()}
	}
	roster, err := d.loadRoster(zone)
	if err == nil {
		err = d.loadSchemes()
	}
	if err != nil {
		return nil, &codeError{exitUsage, err}
	}
	var alerts *alert.Set
	if cfg.Alerts.File != "" {
		if alerts, err = config.LoadAlerts(cfg.Alerts.File, zone); err != nil {
			return nil, &codeError{exitUsage, err}
		}
	}
	key, err := callerKey(filepath.Join(cfg.Data, api.CallerKeyFile))
	if err != nil {
		return nil, err
	}
	if d.audit, err = api.OpenAudit(cfg.Data); err != nil {
		return nil, err
	}
	if d.store, err = storage.Open(ctx, storage.Config{Dir: filepath.Join(cfg.Data, storeFolder), Logger: log}); err != nil {
		return nil, err
	}
	d.upkeep = newUpkeep(cfg, d.store, log)
	d.intake = api.NewIntake(d.store, log)
	d.share(roster)
	var sources []api.Source
	if err := d.restorePeople(ctx); err != nil {
		return nil, errors.Join(err, d.store.Close())
	}
	for _, sw := range cfg.Switches {
		a, err := d.attach(sw, roster, key)
		if err != nil {
			return nil, errors.Join(err, d.store.Close())
		}
		d.switches = append(d.switches, a)
		sources = append(sources, a.source())
	}
	if err := d.closeBooks(key); err != nil {
		return nil, errors.Join(err, d.store.Close())
	}
	tokens := api.OpenTokens(cfg.Data)
	sessions, err := api.OpenSessions(cfg.Data, tokens)
	if err != nil {
		log.Warn(err.Error())
	}
	d.tokens, d.sessions = tokens, sessions
	d.service = api.New(api.Config{Site: cfg.Site, Zone: zone, Store: d.store, StoreHealth: func() *api.StoreHealth { return d.upkeep.health(d.audit.Err(), tokens.Err()) }, CallerKey: key, Numbers: numbersOf(cfg.Numbers), BadMOS: int(math.Round(100 * cfg.Media.BadBelow)), Intake: d.intake, Sources: sources,
		People: d.people, Roster: d.who, Schemes: d.appraisedBy, Audit: d.audit.Note, Kept: cfg.Retention.Rollups.Before, Queue: settingsOf(cfg.Queues), Target: targetsOf(cfg.Queues), Group: groupsOf(cfg),
		Setup: d.setup(), Alerts: alerts, AlertsFile: filepath.Join(cfg.Data, api.AlertsFile), Webhook: d.webhookHealth})
	if w := cfg.Alerts.Webhook; w.URL != "" {
		if d.hook, err = webhook.New(webhook.Config{URL: w.URL, Secret: []byte(w.Secret), Alerts: d.service, Logger: log}); err != nil {
			return nil, errors.Join(err, d.store.Close())
		}
	}
	def := config.Default()
	giveWay := func(listen, usual string) string {
		if simulate && listen == usual && taken(listen) {
			return "127.0.0.1:0" // the demo gives way to whoever was first
		}
		return listen
	}
	listen := ""
	if cfg.NATS.URL == "" {
		listen = giveWay(cfg.NATS.Listen, def.NATS.Listen)
	}
	d.web = web.New(web.Config{Service: d.service, Tokens: tokens, Sessions: sessions, AsyncAPI: bus.AsyncAPI, Bus: func() api.BusHealth { return d.bus.Health() }, Listen: giveWay(cfg.HTTP.Listen, def.HTTP.Listen), Dir: cfg.Data,
		Subjects: bus.SubjectsOf(cfg.Site).Prefix(), WebSocket: webSocketPath(cfg), WebSocketTo: func() string { return d.bus.WebSocket() },
		Certificate: cfg.HTTP.TLS.CertificateFile, Key: cfg.HTTP.TLS.KeyFile, Logger: log})
	d.bus, err = bus.New(bus.Config{Service: d.service, Tokens: tokens, Sessions: sessions, Listen: listen, Dir: cfg.Data, URL: cfg.NATS.URL,
		Credentials: cfg.NATS.CredentialsFile, WebSocket: webSocketPath(cfg) != "", Certificate: cfg.NATS.TLS.CertificateFile, Key: cfg.NATS.TLS.KeyFile, Streams: streamsOf(cfg), Logger: log})
	if err != nil {
		return nil, errors.Join(err, d.store.Close())
	}
	return d, nil
}

// webSocketPath is where HTTP takes WebSockets for the embedded server; one elsewhere
// takes them itself.
func webSocketPath(cfg *config.Config) string {
	if cfg.NATS.URL != "" {
		return ""
	}
	return cfg.NATS.Websocket
}

// streamsOf says how long the streams keep what they have.
func streamsOf(cfg *config.Config) bus.Streams {
	now := time.Now()
	return bus.Streams{RollupsFor: now.Sub(cfg.NATS.Streams.Rollups.Before(now)), ContactsFor: now.Sub(cfg.NATS.Streams.Contacts.Before(now)), Replicas: cfg.NATS.Streams.Replicas}
}

// taken tells whether somebody listens on an address already.
func taken(address string) bool {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return true
	}
	l.Close()
	return false
}

// webhookHealth tells how the calling of the webhook fares; nil where there is none.
func (d *daemon) webhookHealth() *api.WebhookHealth {
	if d.hook == nil {
		return nil
	}
	return d.hook.Health()
}

// share arranges for agents with logins at several switches: one person is in
// one state at a time.
func (d *daemon) share(roster *config.Roster) {
	kinds, names := map[string]string{}, []string{}
	for _, sw := range d.cfg.Switches {
		kinds[sw.Name] = sw.Kind
		names = append(names, sw.Name)
	}
	if d.shared = roster.Shared(kinds); d.shared != nil {
		d.people = metrics.NewPeople(names, false, d.take)
	}
}

// connector makes what keeps a switch attached, by its kind.
func (d *daemon) connector(sw config.Switch, names *metrics.Names, tracker *metrics.Tracker, j source.Journal) source.Source {
	counted := func() { d.bus.Nudge() }
	if sw.Kind == "asterisk" {
		return asterisk.New(asterisk.Config{Name: sw.Name, ARI: sw.ARI, Username: sw.Username, Password: sw.Password,
			AMI:    asterisk.ManagerConfig{Address: sw.AMI.Address, Username: sw.AMI.Username, Password: sw.AMI.Password},
			Queues: slices.Sorted(maps.Keys(d.cfg.Queues)), Log: d.log, Counted: counted, Journal: j}, names, tracker)
	}
	return freeswitch.New(freeswitch.Config{Name: sw.Name, Address: sw.Address, Password: sw.Password, Log: d.log, Counted: counted, Journal: j}, names, tracker)
}

func (a *attached) source() api.Source {
	return api.Source{Name: a.name, Tracker: a.tracker, Health: func() api.Health {
		h, unkept := a.connector.Health(), a.book.Err()
		if err := unkept; err != nil {
			h.Missing = append(h.Missing, "calls and states that are open now would be lost in a crash: "+err.Error())
		}
		out := healthOf(h, a.tracker)
		out.Unkept = unkept != nil
		return out
	}}
}

func healthOf(h source.Health, t *metrics.Tracker) api.Health {
	return api.Health{Connected: h.Connected, Since: h.Since, Error: h.Error, Missing: h.Missing, ClockOff: h.ClockOff, Gaps: t.Live.Gaps(),
		Unobserved: time.Duration(t.Live.Unobserved()) * time.Millisecond,
		Stream: api.Stream{Events: h.Counts.Events, Ignored: h.Counts.Ignored, Malformed: h.Counts.Malformed, Unknown: h.Counts.Unknown,
			Dropped: h.Overflowed, Connects: h.Connects, Last: h.LastEvent}}
}

// run attaches to every switch and goes on until ctx ends; then it stops the
// switches, stores what was counted, and closes the store, in that order.
func (d *daemon) run(ctx context.Context, greeting io.Writer) error {
	storing, stopStoring := context.WithCancelCause(context.Background())
	stored := make(chan error, 1)
	go func() { stored <- d.intake.Run(storing) }()
	var errs []error

	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var sources, publishing sync.WaitGroup
	publishing.Go(func() {
		if err := d.bus.Run(ctx); err != nil && ctx.Err() == nil {
			stop(err) // without the bus nobody is told anything
		}
	})
	publishing.Go(func() {
		if err := d.web.Run(ctx); err != nil && ctx.Err() == nil {
			stop(err)
		}
	})
	publishing.Go(func() { d.service.RunAlerts(ctx, d.log) })
	if d.hook != nil {
		publishing.Go(func() { d.hook.Run(ctx) })
	}
	if d.demo != nil {
		sources.Go(func() {
			if err := d.demo.run(ctx); err != nil && ctx.Err() == nil {
				d.log.Error("the simulated call centre stopped", "err", err)
			}
		})
	}
	for _, a := range d.switches {
		sources.Go(func() {
			a.connector.Run(ctx) // ends with ctx alone: a switch's trouble is its own
		})
	}
	sources.Go(func() { d.upkeep.run(ctx) })
	sources.Go(func() { d.administer(ctx) })
	sources.Go(func() { d.reloading(ctx) })
	sources.Go(func() { d.greet(ctx, greeting) })
	sources.Wait()
	publishing.Wait()
	for _, a := range d.switches {
		errs = append(errs, a.book.Close()) // what is open goes on from here
	}
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		errs = append(errs, err)
	}

	stopStoring(errStop)
	select {
	case err := <-stored:
		errs = append(errs, err)
	case <-time.After(stopWithin):
		errs = append(errs, fmt.Errorf("%d intervals were not stored within %s", d.intake.Pending(), stopWithin))
	}
	errs = append(errs, d.store.Close(), d.audit.Close())
	return errors.Join(errs...)
}

// greet says what to look at, once there is something.
func (d *daemon) greet(ctx context.Context, w io.Writer) {
	for _, ready := range []<-chan struct{}{d.bus.Ready(), d.web.Ready()} {
		select {
		case <-ready:
		case <-ctx.Done():
			return
		}
	}
	fmt.Fprintf(w, "tallyd at site %q, data in %s\n", d.cfg.Site, d.cfg.Data)
	for _, sw := range d.cfg.Switches {
		fmt.Fprintf(w, "  switch %s: %s at %s\n", sw.Name, sw.Kind, cmp.Or(sw.Address, sw.ARI))
	}
	if d.demo != nil {
		fmt.Fprintln(w, "    a simulated FreeSWITCH: six minutes of a recorded call centre that happen now, again and again")
	}
	subjects := bus.SubjectsOf(d.cfg.Site)
	ask := d.command + " kpi"
	if d.cfg.Data != demoFolder() {
		ask += " --data " + d.cfg.Data
	}
	fmt.Fprintf(w, "Look at it:\n  %s\n  %s         figures of today, by queue (add: agents, site, --json, --help)\n"+
		"  NATS %s, subjects %s\n", d.pagesAt(), ask, d.bus.URL(), subjects.All())
	fmt.Fprintf(w, "  HTTP %s: API described at /openapi.yaml, Prometheus at /metrics; `%s token create` makes a token\n", d.web.URL(), d.command)
	if d.cfg.NATS.URL == "" {
		fmt.Fprintf(w, "    log in with user:password from %s; connectors/bus/docs/subjects.md describes every message\n", filepath.Join(d.cfg.Data, bus.WallboardFile))
	}
}

// callerKey reads the key of the callers' hashes, and makes it at first. It
// lies beside the data: without it the hashes say nothing.
func callerKey(file string) ([]byte, error) {
	b, err := os.ReadFile(file)
	if err == nil && len(b) == 32 {
		return b, nil
	}
	if err == nil {
		return nil, fmt.Errorf("%s holds %d bytes, a caller key has 32", file, len(b))
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	return key, os.WriteFile(file, key, 0o600)
}
