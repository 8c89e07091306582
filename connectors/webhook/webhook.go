// Package webhook tells another program of alerts: each time that one is raised or
// clears it sends a signed request, and goes on trying for a while where that fails.
// It knows what an alert is, and nothing of how alerts come about.
package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"

	"tallyd/connectors/api"
)

// Alerts is where alerts come from.
type Alerts interface {
	WatchAlerts() (changed <-chan struct{}, stop func())
	AlertChanges(from uint64) (list []api.AlertState, next uint64)
	AlertsTold(next uint64) // all before a number were told, or given up
	Now() time.Time
	Site() string
}

// Pace is how often and how long a request is tried, and how many may wait.
type Pace struct {
	Attempts    int           // of one request
	First, Most time.Duration // the pause after the first attempt, which doubles, and the longest
	Total       time.Duration // for which one request is tried
	Timeout     time.Duration // of one attempt
	Waiting     int           // requests, beyond which the oldest are dropped
}

// DefaultPace tries for some ten minutes.
func DefaultPace() Pace {
	return Pace{Attempts: 12, First: time.Second, Most: 2 * time.Minute, Total: 10 * time.Minute, Timeout: 10 * time.Second, Waiting: 1000}
}

// Config says who is told.
type Config struct {
	URL    string
	Secret []byte // the signatures' key
	Alerts Alerts
	Pace   Pace // the zero value: DefaultPace
	Logger *slog.Logger
}

// Hook tells. Run does the work.
type Hook struct {
	cfg    Config
	name   string // of the address, without what is secret in it
	client *http.Client

	mu      sync.Mutex
	waiting []*call
	told    int64 // up to what number of dropped ones the log says
	health  api.WebhookHealth
	more    chan struct{} // capacity 1: something waits
}

// call is a request that waits.
type call struct {
	id   string
	body []byte
	next uint64 // the number of the change after it
}

// New checks the address. Nothing is sent before Run.
func New(c Config) (*Hook, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Pace == (Pace{}) {
		c.Pace = DefaultPace()
	}
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("webhook: %q is not a URL", c.URL)
	}
	// Whoever is called may be anybody in the network: the proxy of the environment, if
	// there is one, is asked as usual, but connections are ours alone.
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxConnsPerHost = 1, 1
	return &Hook{cfg: c, name: u.Host, client: &http.Client{Transport: transport, Timeout: c.Pace.Timeout, CheckRedirect: sameHost}, more: make(chan struct{}, 1)}, nil
}

// maxRedirects bounds how often an attempt is sent on.
const maxRedirects = 3

// sameHost follows a redirect that asks for the same request at the same host. Any
// other would tell somebody else of people, or nothing at all.
func sameHost(r *http.Request, via []*http.Request) error {
	first := via[0]
	if len(via) > maxRedirects || r.Method != http.MethodPost || r.URL.Host != first.URL.Host || r.URL.Scheme != first.URL.Scheme {
		return http.ErrUseLastResponse
	}
	return nil
}

// Health tells how it fares; any goroutine may ask.
func (h *Hook) Health() *api.WebhookHealth {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := h.health
	out.Waiting = len(h.waiting)
	return &out
}

// Run tells until the context ends. What waits then is told by the next run, if whoever
// has the alerts remembers them.
func (h *Hook) Run(ctx context.Context) {
	changed, stop := h.cfg.Alerts.WatchAlerts()
	defer stop()
	defer h.client.CloseIdleConnections()
	var sending sync.WaitGroup
	defer sending.Wait()
	sending.Go(func() { h.send(ctx) })
	for next := uint64(0); ; {
		var list []api.AlertState
		list, next = h.cfg.Alerts.AlertChanges(next)
		for i := range list {
			if !list[i].Again {
				h.put(&list[i], next-uint64(len(list)-1-i))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

// put has a change wait; next is the number of the one after it.
func (h *Hook) put(m *api.AlertState, next uint64) {
	m.Header = api.Header{V: api.Schema, At: api.MomentOf(h.cfg.Alerts.Now()), Site: h.cfg.Alerts.Site()}
	body, err := json.Marshal(m)
	if err != nil {
		h.cfg.Logger.Error("webhook: an alert cannot be written", "rule", m.Rule, "err", err)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.waiting) >= h.cfg.Pace.Waiting {
		h.waiting = h.waiting[1:]
		h.health.Dropped++
	}
	h.waiting = append(h.waiting, &call{id: m.ID + "-" + m.Event, body: body, next: next})
	select {
	case h.more <- struct{}{}:
	default:
	}
}

// take is the call that has waited longest; nil where none waits.
func (h *Hook) take() *call {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n := h.health.Dropped - h.told; n > 0 { // once for all of them
		h.told = h.health.Dropped
		h.cfg.Logger.Warn("webhook: so many alerts wait that the oldest are dropped", "host", h.name, "dropped", n)
	}
	if len(h.waiting) == 0 {
		return nil
	}
	c := h.waiting[0]
	h.waiting = h.waiting[1:]
	return c
}

// send sends what waits, one after the other: whoever is told hears of things in the
// order in which they happened.
func (h *Hook) send(ctx context.Context) {
	for {
		c := h.take()
		if c == nil {
			select {
			case <-ctx.Done():
				return
			case <-h.more:
			}
			continue
		}
		if !h.deliver(ctx, c) {
			return
		}
		h.cfg.Alerts.AlertsTold(c.next)
	}
}

// deliver tries a call until it is taken or given up; false where the context ends.
func (h *Hook) deliver(ctx context.Context, c *call) bool {
	p := h.cfg.Pace
	giveUp := time.Now().Add(p.Total)
	for n := 1; ; n++ {
		wait, err := h.attempt(ctx, c)
		if ctx.Err() != nil {
			return false
		}
		if err == nil {
			h.note(func(x *api.WebhookHealth) { x.Delivered++; x.Problem = "" })
			return true
		}
		var refused *refusal
		if errors.As(err, &refused) {
			h.cfg.Logger.Error("webhook: an alert is refused, and not sent again", "host", h.name, "id", c.id, "err", err)
			h.note(func(x *api.WebhookHealth) { x.Refused++; x.Problem = err.Error() })
			return true
		}
		pause := max(pauseAfter(n, p), min(wait, p.Most))
		if n >= p.Attempts || time.Now().Add(pause).After(giveUp) {
			h.cfg.Logger.Error("webhook: an alert is given up", "host", h.name, "id", c.id, "attempts", n, "err", err)
			h.note(func(x *api.WebhookHealth) { x.Failed++; x.Problem = err.Error() })
			return true
		}
		if n == 1 {
			h.cfg.Logger.Warn("webhook: an alert is sent again", "host", h.name, "id", c.id, "err", err)
		}
		h.note(func(x *api.WebhookHealth) { x.Problem = err.Error() })
		if !sleep(ctx, pause) {
			return false
		}
	}
}

func (h *Hook) note(f func(*api.WebhookHealth)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f(&h.health)
}

// pauseAfter is the pause after an attempt: twice the one before, by chance up to half
// of it longer or shorter, so that many daemons do not come back at once.
func pauseAfter(n int, p Pace) time.Duration {
	d := p.First
	for range n - 1 {
		if d *= 2; d >= p.Most {
			break
		}
	}
	d = min(d, p.Most)
	return d/2 + time.Duration(rand.Int64N(int64(d)+1))
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
