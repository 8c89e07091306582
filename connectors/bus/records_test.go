package bus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"reflect"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"tallyd/connectors/api"
	"tallyd/connectors/bus/bustest"
	"tallyd/metrics"
	"tallyd/storage"
)

// centre is a store that grows, and what its streams must have.
type centre struct {
	t       *testing.T
	dir     string // of the store
	store   *storage.Store
	service *api.Service
	sums    map[string]int64 // offered, by subject
	visits  map[string]int   // by subject: how often it was told
	puts    int
}

func newCentre(t *testing.T) *centre {
	c := &centre{t: t, dir: t.TempDir(), sums: map[string]int64{}, visits: map[string]int{}}
	c.open()
	t.Cleanup(func() { c.store.Close() })
	return c
}

func (c *centre) open() {
	c.t.Helper()
	var err error
	if c.store, err = storage.Open(c.t.Context(), storage.Config{Dir: c.dir}); err != nil {
		c.t.Fatal(err)
	}
	c.service = api.New(api.Config{Site: "main", Store: c.store})
}

// beside is a bus that publishes the centre's streams to a server of its own, and a
// connection to that. The bus does not run.
func (c *centre) beside(t *testing.T) (*Bus, *nats.Conn) {
	t.Helper()
	s := bustest.Server(t, t.TempDir(), server.RANDOM_PORT)
	t.Cleanup(func() { bustest.Stop(s) })
	nc, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	b, err := New(Config{Service: c.service, URL: s.ClientURL(), Streams: Streams{RollupsFor: 24 * time.Hour, ContactsFor: 24 * time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	return b, nc
}

// put stores an interval of so many agents and visits.
func (c *centre) put(agents, visits int) {
	c.t.Helper()
	s := subjectsOfMain
	p := &metrics.Sealed{Switch: "fs1", Interval: metrics.Interval(1_988_416 + c.puts/3), Correction: c.puts%3 != 0}
	for a := range agents {
		r := metrics.Rollup{Kind: metrics.AgentRow, Name: fmt.Sprintf("%d@a.b", 1000+a)}
		if a == 0 {
			r = metrics.Rollup{Kind: metrics.SiteRow}
		}
		if a%5 == 4 {
			r.Kind, r.Second = metrics.PairRow, "queue > *"
		}
		r.Values[metrics.Offered] = int64(1 + a%7)
		r.Histograms[metrics.AnsweredWaits].Add(metrics.Millis(a * 1000))
		c.sums[s.Rollup(r.Key())] += r.Values[metrics.Offered]
		p.Rollups = append(p.Rollups, r)
	}
	for v := range visits {
		id := fmt.Sprintf("visit-%d-%d", c.puts, v)
		c.visits[s.Contact(id)]++
		start := p.Interval.Start() + metrics.Millis(v)
		p.Contacts = append(p.Contacts, metrics.Contact{Switch: "fs1", Visit: id, Leg: "leg" + id, Queue: "support", Joined: start, Ended: start + 5000, Outcome: metrics.Abandoned})
	}
	c.puts++
	if err := c.store.PutSealed(p); err != nil {
		c.t.Fatal(err)
	}
}

var subjectsOfMain = SubjectsOf("main")

// streamed reads both streams from their beginning.
func streamed(t *testing.T, nc *nats.Conn) (rollups []api.RollupRecord, contacts []api.ContactRecord, subjects []string) {
	t.Helper()
	bustest.Read(t, nc, subjectsOfMain.RollupStream(), func(subject string, r *api.RollupRecord) {
		rollups, subjects = append(rollups, *r), append(subjects, subject)
	})
	bustest.Read(t, nc, subjectsOfMain.ContactStream(), func(subject string, c *api.ContactRecord) {
		contacts, subjects = append(contacts, *c), append(subjects, subject)
	})
	return rollups, contacts, subjects
}

// check holds the streams against what was put: all of it, once, in order.
func (c *centre) check(nc *nats.Conn) {
	c.t.Helper()
	rollups, contacts, subjects := streamed(c.t, nc)
	sums, visits := map[string]int64{}, map[string]int{}
	seen := map[string]bool{}
	last := uint64(0)
	for i, r := range rollups {
		sums[subjects[i]] += r.Counters["offered"]
		if r.Number < last {
			c.t.Fatalf("record %d follows %d", r.Number, last)
		}
		last = r.Number
		key := fmt.Sprintf("%s %v %s %d", subjects[i], r.From, r.Switch, r.Revision)
		if seen[key] {
			c.t.Fatalf("told twice: %s", key)
		}
		seen[key] = true
		if len(r.Histograms["answered_waits"]) != 1 {
			c.t.Fatalf("histograms of %s: %v", key, r.Histograms)
		}
	}
	last = 0
	for i, v := range contacts {
		visits[subjects[len(rollups)+i]]++
		if v.Number < last || v.Queue != "support" || v.Outcome != "abandoned" {
			c.t.Fatalf("after %d: %+v", last, v)
		}
		last = v.Number
	}
	if !reflect.DeepEqual(sums, c.sums) {
		c.t.Errorf("%d subjects of rollups, want %d: %d and %d of the site", len(sums), len(c.sums), sums["tally.v1.main.rollup.site"], c.sums["tally.v1.main.rollup.site"])
	}
	if !reflect.DeepEqual(visits, c.visits) {
		c.t.Errorf("%d contacts, want %d", len(visits), len(c.visits))
	}
}

// delivered waits until everything that was put is in the streams.
func (c *centre) delivered(r *running) {
	c.t.Helper()
	nc := r.client(r.login(InternalFile), nats.CustomInboxPrefix(internalInbox))
	defer nc.Close()
	for limit := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		h := ask[api.Heartbeat](r, nc, r.subjects.Snapshot(r.subjects.Heartbeat()), "")
		if h.Records == nil {
			c.t.Fatal("the heartbeat does not tell of the streams")
		}
		if h.Records.Number == uint64(c.puts) && h.Records.Problem == "" {
			break
		}
		if time.Now().After(limit) {
			c.t.Fatalf("after 30 s the streams are at %+v of %d", h.Records, c.puts)
		}
	}
	c.check(nc)
}

// TestRecords: what was stored before the bus came up and while it is there is in
// the streams once, also after restarts, and wallboards cannot read it.
func TestRecords(t *testing.T) {
	c := newCentre(t)
	dir := t.TempDir()
	for range 3 {
		c.put(20, 10)
		c.put(3, 0)
		t.Run("run", func(t *testing.T) {
			r := runBus(t, Config{Service: c.service, Listen: "127.0.0.1:0", Dir: dir, Streams: Streams{RollupsFor: time.Hour, ContactsFor: time.Hour}})
			c.delivered(r)
			c.put(700, 300)
			c.put(0, 1)
			c.delivered(r)
			wall, err := jetstream.New(r.wallboard(nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})))
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
			defer cancel()
			if s, err := wall.Stream(ctx, r.subjects.ContactStream()); err == nil {
				t.Errorf("a wallboard sees the stream %v", s.CachedInfo().Config.Name)
			}
		})
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// TestStoppedAtOnce: whenever it is stopped, also while the streams are being made,
// nothing of it goes on.
func TestStoppedAtOnce(t *testing.T) {
	c := newCentre(t)
	before := goleak.IgnoreCurrent()
	for n := range 60 {
		b, err := New(Config{Service: c.service, Listen: "127.0.0.1:0", Dir: t.TempDir(), Streams: Streams{RollupsFor: time.Hour, ContactsFor: time.Hour}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- b.Run(ctx) }()
		select {
		case <-b.Ready():
		case err := <-ended:
			t.Fatal(err)
		}
		time.Sleep(time.Duration(n%20) * 300 * time.Microsecond)
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if err := goleak.Find(before); err != nil {
			t.Fatalf("the %dth: %.1000s", n, err)
		}
	}
}

// TestRecordsServerAway: an external server that dies and comes back again and
// again under load, at any moment, has everything once and in order in the end.
func TestRecordsServerAway(t *testing.T) {
	c := newCentre(t)
	dir, port := t.TempDir(), freePort(t)
	url := fmt.Sprintf("nats://127.0.0.1:%d", port)
	ctx, stop := context.WithCancel(context.Background())
	own := t.TempDir()
	b, err := New(Config{Service: c.service, URL: url, Dir: own, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Streams: Streams{RollupsFor: time.Hour, ContactsFor: time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	defer func() { stop(); <-ended }()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for range 6 {
		s := bustest.Server(t, dir, port)
		for until := time.Now().Add(time.Duration(300+r.IntN(1500)) * time.Millisecond); time.Now().Before(until); {
			c.put(r.IntN(300), r.IntN(100))
			time.Sleep(time.Duration(r.IntN(100)) * time.Millisecond)
		}
		bustest.Stop(s)
		c.put(r.IntN(300), r.IntN(100))
	}
	s := bustest.Server(t, dir, port)
	defer func() { bustest.Stop(s) }()
	asking, err := Dial(own, "main", url, "")
	if err != nil {
		t.Fatal(err)
	}
	defer asking.Close()
	for limit := time.Now().Add(60 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		var h api.Heartbeat
		_ = asking.ask(t.Context(), subjectsOfMain.Snapshot(subjectsOfMain.Heartbeat()), struct{}{}, &h) // it may not be back yet
		if h.Records != nil && h.Records.Number == uint64(c.puts) {
			break
		}
		if time.Now().After(limit) {
			t.Fatalf("the streams are at %+v of %d", h.Records, c.puts)
		}
	}
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	c.check(nc)
}

// TestRecordsInterrupted: a daemon that ends in the middle of an item goes on
// from there, and a stream that lost its end gets it again.
func TestRecordsInterrupted(t *testing.T) {
	c, dir := newCentre(t), t.TempDir()
	s := bustest.Server(t, dir, server.RANDOM_PORT)
	defer func() { bustest.Stop(s) }()
	nc, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	b, err := New(Config{Service: c.service, URL: s.ClientURL(), Streams: Streams{RollupsFor: time.Hour, ContactsFor: time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	c.put(2000, 800)
	cut, whole := 0, false
	for try := 0; !whole && try < 2000; try++ {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(200+rand.IntN(3000*(1+try/10)))*time.Microsecond)
		r := newRecords(b, nc)
		err := r.deliver(ctx)
		cancel()
		if whole = err == nil; !whole {
			cut++
		}
	}
	if !whole || cut < 3 {
		t.Fatalf("delivered %v after %d interruptions", whole, cut)
	}
	t.Logf("%d interruptions", cut)
	c.check(nc)

	c.put(50, 20)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	deliver := func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := newRecords(b, nc).deliver(ctx); err != nil {
			t.Fatal(err)
		}
	}
	deliver()
	c.check(nc)
	for _, name := range []string{subjectsOfMain.RollupStream(), subjectsOfMain.ContactStream()} {
		stream, err := js.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		for n := range uint64(30) {
			if err := stream.DeleteMsg(t.Context(), stream.CachedInfo().State.LastSeq-n); err != nil {
				t.Fatal(err)
			}
		}
	}
	// A server that comes up again knows only what it still has.
	nc.Close()
	bustest.Stop(s)
	s = bustest.Server(t, dir, server.RANDOM_PORT)
	if nc, err = nats.Connect(s.ClientURL()); err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	deliver()
	c.check(nc)
}

// TestRecordsForget: who is forgotten is taken out of the streams, while the
// daemon runs or, where the server was away then, at the next start; nobody else.
func TestRecordsForget(t *testing.T) {
	c := newCentre(t)
	b, nc := c.beside(t)
	now := metrics.IntervalOf(metrics.MillisOf(time.Now()))
	caller := func(n int) (h [16]byte) { h[0], h[1] = 1, byte(n); return h }
	p := &metrics.Sealed{Switch: "fs1", Interval: now - 1}
	for a := range 4 {
		name := fmt.Sprint("agent", a)
		for _, r := range []metrics.Rollup{{Kind: metrics.AgentRow, Name: name}, {Kind: metrics.PairRow, Name: name, Second: "q"}, {Kind: metrics.PauseRow, Name: name, Second: "tea"}} {
			r.Values[metrics.Offers] = 1
			p.Rollups = append(p.Rollups, r)
		}
		for n := range 5 {
			start := p.Interval.Start() + metrics.Millis(n)
			p.Contacts = append(p.Contacts, metrics.Contact{Switch: "fs1", Visit: fmt.Sprintf("v%d-%d", a, n), Queue: "q", Agent: name, Caller: "139**", Hash: caller(n),
				Joined: start, Answered: start, Ended: start + 100, Outcome: metrics.Answered,
				Attempts: []metrics.Attempt{{Agent: fmt.Sprint("agent", (a+1)%4), Started: start, Ended: start + 1, Result: metrics.Missed}}})
		}
	}
	q := metrics.Rollup{Kind: metrics.QueueRow, Name: "agent1"} // a queue of that name is nobody
	q.Values[metrics.Offered] = 1
	p.Rollups = append(p.Rollups, q)
	if err := c.store.PutSealed(p); err != nil {
		t.Fatal(err)
	}
	r := newRecords(b, nc)
	deliver := func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := r.deliver(ctx); err != nil {
			t.Fatal(err)
		}
	}
	check := func(when string, rollups, contacts int, gone func(agent, caller string, n string) bool) {
		t.Helper()
		rows, list, _ := streamed(t, nc)
		if len(rows) != rollups || len(list) != contacts {
			t.Errorf("%s: %d rollups and %d contacts, want %d and %d", when, len(rows), len(list), rollups, contacts)
		}
		for _, c := range list {
			for _, agent := range []string{c.Agent, c.Attempts[0].Agent} {
				if gone(agent, c.Caller, c.ID[3:]) {
					t.Errorf("%s: %+v is still there", when, c.Contact)
				}
			}
		}
	}
	deliver()
	check("before", 13, 20, func(string, string, string) bool { return false })
	if _, err := c.service.Forget(t.Context(), api.ForgetRequest{Kind: api.ForgetCaller, Hashes: [][16]byte{caller(2)}, By: "test"}); err != nil {
		t.Fatal(err)
	}
	deliver()
	check("a caller", 13, 16, func(_, _, n string) bool { return n == "2" })
	if _, err := c.service.Forget(t.Context(), api.ForgetRequest{Kind: api.ForgetAgent, Agent: "agent1", By: "test"}); err != nil {
		t.Fatal(err)
	}
	r = newRecords(b, nc) // another run
	deliver()
	// agent1 answered four of the sixteen, and was rung for four others.
	check("an agent", 10, 8, func(agent, _, _ string) bool { return agent == "agent1" })
	c.put(5, 0)
	deliver()
	check("afterwards", 15, 8, func(string, string, string) bool { return false })
}

// TestReaders: who may read the streams has a consumer of its own on the embedded
// server, goes on where it ended, and loses it with the token.
func TestReaders(t *testing.T) {
	c, dir := newCentre(t), t.TempDir()
	for range 5 {
		c.put(10, 10)
	}
	book := api.OpenTokens(dir)
	secret, err := book.Create(api.Asker{Name: "hr", Role: api.ScoringRole}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	r := runBus(t, Config{Service: c.service, Listen: "127.0.0.1:0", Dir: dir, Tokens: book, Streams: Streams{RollupsFor: time.Hour, ContactsFor: time.Hour}})
	c.delivered(r)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	seen := map[string]int{}
	// Two connections, one after the other: nothing comes twice, nothing is missing.
	for _, n := range []int{20, 30} {
		nc := r.client(as("hr", secret))
		js, err := jetstream.New(nc)
		if err != nil {
			t.Fatal(err)
		}
		var consumer jetstream.Consumer
		for consumer == nil {
			if consumer, err = js.Consumer(ctx, r.subjects.ContactStream(), "hr"); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) && !errors.Is(err, jetstream.ErrStreamNotFound) {
				t.Fatal(err)
			}
			time.Sleep(50 * time.Millisecond)
		}
		batch, err := consumer.Fetch(n, jetstream.FetchMaxWait(5*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		for m := range batch.Messages() {
			seen[m.Subject()]++
			if err := m.DoubleAck(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := consumer.Info(ctx); err != nil {
			t.Error(err)
		}
		nc.Close()
	}
	if len(seen) != 50 {
		t.Errorf("%d contacts", len(seen))
	}
	if err := book.Revoke("hr"); err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(r.client(r.login(InternalFile)))
	if err != nil {
		t.Fatal(err)
	}
	for {
		_, err := js.Consumer(ctx, r.subjects.ContactStream(), "hr")
		if errors.Is(err, jetstream.ErrConsumerNotFound) {
			break
		}
		if ctx.Err() != nil {
			t.Fatal("the consumer is still there")
		}
		time.Sleep(100 * time.Millisecond)
	}
}
