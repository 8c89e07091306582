package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tallyd/connectors/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var secret = []byte("0123456789abcdef")

// source is where the test's alerts come from.
type source struct {
	mu      sync.Mutex
	list    []api.AlertState
	told    uint64
	changed chan struct{}
}

func newSource() *source { return &source{changed: make(chan struct{}, 1)} }

func (s *source) WatchAlerts() (<-chan struct{}, func()) { return s.changed, func() {} }
func (s *source) Now() time.Time                         { return time.Date(2026, 10, 1, 9, 0, 0, 0, time.UTC) }
func (s *source) Site() string                           { return "main" }

func (s *source) AlertsTold(next uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = next
}

func (s *source) AlertChanges(from uint64) ([]api.AlertState, uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.list[from:]), uint64(len(s.list))
}

// raise raises so many alerts.
func (s *source) raise(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		s.list = append(s.list, api.AlertState{ID: fmt.Sprintf("1-%d", len(s.list)+1), Event: "raised", Rule: "waiting_long", Of: "queue", Subject: "支持 & more", Values: map[string]any{"waiting": 4.0}})
	}
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// got is a request that came.
type got struct {
	id, signature string
	body          []byte
	at            time.Time
}

// receiver is the other side: it answers with what a function says.
type receiver struct {
	*httptest.Server
	mu   sync.Mutex
	list []got
}

func receive(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request)) *receiver {
	x := &receiver{}
	x.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s with %s: %v", r.Method, r.Header.Get("Content-Type"), err)
		}
		x.mu.Lock()
		x.list = append(x.list, got{r.Header.Get("Tally-Id"), r.Header.Get("Tally-Signature"), body, time.Now()})
		n := len(x.list)
		x.mu.Unlock()
		answer(n, w, r)
	}))
	t.Cleanup(x.Close)
	return x
}

func (x *receiver) all() []got {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.list)
}

// ids are what came, in order.
func (x *receiver) ids() string {
	var out []string
	for _, g := range x.all() {
		out = append(out, g.id)
	}
	return strings.Join(out, " ")
}

// hastily is a pace for tests.
func hastily() Pace {
	return Pace{Attempts: 4, First: 20 * time.Millisecond, Most: 80 * time.Millisecond, Total: 5 * time.Second, Timeout: time.Second, Waiting: 10}
}

// log is what was logged.
type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// run runs a hook until the test ends.
func run(t *testing.T, url string, from *source, p Pace) (*Hook, *log) {
	t.Helper()
	said := &log{}
	h, err := New(Config{URL: url, Secret: secret, Alerts: from, Pace: p, Logger: slog.New(slog.NewTextHandler(said, nil))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { h.Run(ctx); close(ended) }()
	t.Cleanup(func() { stop(); <-ended })
	return h, said
}

func eventually(t *testing.T, h *Hook, is func(*api.WebhookHealth) bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(h.Health()); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%+v", h.Health())
		}
	}
}

// verify checks a signature as the documentation says, by none of our code.
func verify(signature string, body []byte) error {
	t, v1, ok := strings.Cut(signature, ",v1=")
	t, also := strings.CutPrefix(t, "t=")
	seconds, err := strconv.ParseInt(t, 10, 64)
	if !ok || !also || err != nil {
		return fmt.Errorf("signature %q is not t=…,v1=…", signature)
	}
	if age := time.Since(time.Unix(seconds, 0)); age < -time.Second || age > 10*time.Second {
		return fmt.Errorf("signature %q is %s old", signature, age)
	}
	mac := hmac.New(sha256.New, secret)
	fmt.Fprintf(mac, "%s.%s", t, body)
	if want := fmt.Sprintf("%x", mac.Sum(nil)); want != v1 {
		return fmt.Errorf("signature %q is not %s", v1, want)
	}
	return nil
}

// TestDelivers: each alert comes once, in order, signed; and the documented body.
func TestDelivers(t *testing.T) {
	x := receive(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	from := newSource()
	from.raise(1)
	h, _ := run(t, x.URL+"/tallyd", from, hastily())
	from.raise(2)
	eventually(t, h, func(s *api.WebhookHealth) bool { return s.Delivered == 3 })
	if got := x.ids(); got != "1-1-raised 1-2-raised 1-3-raised" {
		t.Error(got)
	}
	for _, g := range x.all() {
		if err := verify(g.signature, g.body); err != nil {
			t.Error(err)
		}
		if verify(g.signature, append(g.body, ' ')) == nil {
			t.Error("another body has the same signature")
		}
	}
	var m api.AlertState
	if err := json.Unmarshal(x.all()[0].body, &m); err != nil || m.V != 1 || m.Site != "main" || m.Subject != "支持 & more" || m.Values["waiting"] != 4.0 || m.At == 0 {
		t.Errorf("%+v, %v", m, err)
	}
	if s := h.Health(); *s != (api.WebhookHealth{Delivered: 3}) {
		t.Errorf("%+v", s)
	}
}

// TestSignature holds the signature against one that openssl made:
// printf '1790845620.{}' | openssl dgst -sha256 -hmac 0123456789abcdef
func TestSignature(t *testing.T) {
	const want = "t=1790845620,v1=8f48c0f8c31a8ad5c69c2fc75ad738da81d2a3a64493901318df32961afd5b45"
	if got := Sign(secret, time.Unix(1_790_845_620, 999), []byte("{}")); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestTriesAgain: after 500, 429 or no answer at all a request comes again, the same
// under the same id with a new signature, and later each time; those behind it wait.
func TestTriesAgain(t *testing.T) {
	x := receive(t, func(n int, w http.ResponseWriter, r *http.Request) {
		switch n {
		case 1:
			w.WriteHeader(http.StatusInternalServerError)
		case 2:
			panic(http.ErrAbortHandler) // the connection breaks
		case 3:
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	})
	from := newSource()
	p := hastily()
	p.Most = 200 * time.Millisecond
	h, said := run(t, x.URL, from, p)
	from.raise(2)
	eventually(t, h, func(s *api.WebhookHealth) bool { return s.Delivered == 2 })
	list := x.all()
	if got := x.ids(); got != "1-1-raised 1-1-raised 1-1-raised 1-1-raised 1-2-raised" {
		t.Fatal(got)
	}
	for i, g := range list {
		if err := verify(g.signature, g.body); err != nil {
			t.Error(err)
		}
		if i < 4 && !bytes.Equal(g.body, list[0].body) {
			t.Errorf("attempt %d has another body", i+1)
		}
	}
	if d := list[1].at.Sub(list[0].at); d < 10*time.Millisecond {
		t.Errorf("the second attempt comes after %s", d)
	}
	if d := list[3].at.Sub(list[2].at); d < 200*time.Millisecond { // Retry-After, as far as the longest pause
		t.Errorf("the fourth attempt comes after %s", d)
	}
	if n := strings.Count(said.String(), "is sent again"); n != 1 || h.Health().Problem != "" {
		t.Errorf("%d warnings: %s", n, said)
	}
}

// TestGivesUp: an answer that the request is not wanted is the last; other failures
// are tried as often as they may be.
func TestGivesUp(t *testing.T) {
	for _, x := range []struct {
		answer   http.HandlerFunc
		attempts int
		want     api.WebhookHealth
	}{
		{func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) }, 1, api.WebhookHealth{Refused: 1, Problem: "the answer is 410 Gone"}},
		{func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) }, 1, api.WebhookHealth{Refused: 1, Problem: "the answer is 400 Bad Request"}},
		{func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://other.example.org/a?token=x", http.StatusPermanentRedirect)
		}, 1,
			api.WebhookHealth{Refused: 1, Problem: `the answer is 308 Permanent Redirect, to "other.example.org": only 307 and 308 on the same host are followed`}},
		{func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/other", http.StatusFound) }, 1,
			api.WebhookHealth{Refused: 1, Problem: `the answer is 302 Found, to "": only 307 and 308 on the same host are followed`}},
		{func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/again", http.StatusTemporaryRedirect)
		}, 4,
			api.WebhookHealth{Refused: 1, Problem: `the answer is 307 Temporary Redirect, to "": only 307 and 308 on the same host are followed`}},
		{func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, 4, api.WebhookHealth{Failed: 1, Problem: "the answer is 503 Service Unavailable"}},
	} {
		r := receive(t, func(_ int, w http.ResponseWriter, r *http.Request) { x.answer(w, r) })
		from := newSource()
		h, said := run(t, r.URL, from, hastily())
		from.raise(1)
		eventually(t, h, func(s *api.WebhookHealth) bool { return s.Refused+s.Failed+s.Delivered > 0 })
		if got := h.Health(); *got != x.want || len(r.all()) != x.attempts {
			t.Errorf("%+v after %d attempts, want %+v after %d", got, len(r.all()), x.want, x.attempts)
		}
		if !strings.Contains(said.String(), "id=1-1-raised") || strings.Contains(said.String(), "token=x") {
			t.Errorf("the log says %s", said)
		}
	}
}

// TestFollowsOnTheSameHost: a 307 on the same host gets the same request.
func TestFollowsOnTheSameHost(t *testing.T) {
	x := receive(t, func(n int, w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/new" {
			http.Redirect(w, r, "/new", http.StatusTemporaryRedirect)
		}
	})
	from := newSource()
	h, _ := run(t, x.URL, from, hastily())
	from.raise(1)
	eventually(t, h, func(s *api.WebhookHealth) bool { return s.Delivered == 1 })
	if list := x.all(); len(list) != 2 || !bytes.Equal(list[0].body, list[1].body) || list[0].id != list[1].id || list[0].signature != list[1].signature {
		t.Errorf("%d requests", len(list))
	}
}

// TestDropsTheOldest: while nobody answers no more wait than may, the newest of all,
// and that others were dropped is counted and said once.
func TestDropsTheOldest(t *testing.T) {
	hold := make(chan struct{})
	x := receive(t, func(n int, w http.ResponseWriter, r *http.Request) { <-hold })
	from := newSource()
	p := hastily()
	p.Timeout = 20 * time.Second
	h, said := run(t, x.URL, from, p)
	from.raise(1)
	eventually(t, h, func(s *api.WebhookHealth) bool { return s.Waiting == 0 && len(x.all()) == 1 })
	for range 5 {
		from.raise(7)
	}
	eventually(t, h, func(s *api.WebhookHealth) bool { return s.Waiting == 10 && s.Dropped == 25 })
	close(hold)
	eventually(t, h, func(s *api.WebhookHealth) bool { return s.Delivered == 11 })
	want := "1-1-raised"
	for n := 27; n <= 36; n++ {
		want += fmt.Sprintf(" 1-%d-raised", n)
	}
	if got := x.ids(); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if n := strings.Count(said.String(), "dropped=25"); n != 1 {
		t.Errorf("it is said %d times: %s", n, said)
	}
}

// TestEnds: the hook ends at once, whatever it is doing.
func TestEnds(t *testing.T) {
	hold := make(chan struct{})
	x := receive(t, func(n int, w http.ResponseWriter, r *http.Request) { <-hold })
	defer close(hold)
	from := newSource()
	from.raise(3)
	h, err := New(Config{URL: x.URL, Secret: secret, Alerts: from})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { h.Run(ctx); close(ended) }()
	eventually(t, h, func(*api.WebhookHealth) bool { return len(x.all()) == 1 })
	stop()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Fatal("it goes on")
	}
	if s := h.Health(); s.Delivered+s.Failed+s.Refused != 0 || s.Waiting != 2 {
		t.Errorf("%+v", s)
	}
}

// TestPauses: pauses double, by chance up to half longer or shorter, up to the longest.
func TestPauses(t *testing.T) {
	p := DefaultPace()
	for n, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 8: 2 * time.Minute, 60: 2 * time.Minute} {
		seen := map[time.Duration]bool{}
		for range 100 {
			d := pauseAfter(n, p)
			if seen[d] = true; d < want/2 || d > want*3/2 {
				t.Errorf("after attempt %d: %s", n, d)
			}
		}
		if len(seen) < 50 {
			t.Errorf("after attempt %d only %d pauses", n, len(seen))
		}
	}
}

// TestTold: whoever has the alerts hears which were told, or given up, and what an earlier
// run told of is not told again.
func TestTold(t *testing.T) {
	var open atomic.Bool
	x := receive(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		switch {
		case n == 1:
			w.WriteHeader(http.StatusBadRequest)
		case !open.Load():
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	s := newSource()
	s.raise(4)
	s.list[1].Again = true
	p := hastily()
	p.Attempts = 1000
	h, _ := run(t, x.URL, s, p)
	told := func() uint64 {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.told
	}
	eventually(t, h, func(*api.WebhookHealth) bool { return len(x.all()) >= 3 })
	if told() != 1 || strings.Contains(x.ids(), "1-2-raised") {
		t.Errorf("told are the first %d, sent was %s", told(), x.ids())
	}
	open.Store(true)
	eventually(t, h, func(*api.WebhookHealth) bool { return told() == 4 })
	if got := x.ids(); !strings.HasSuffix(got, "1-3-raised 1-4-raised") {
		t.Error(got)
	}
}
