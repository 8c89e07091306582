package bus

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"tallyd/connectors/api"
	"tallyd/metrics/roster"
	"tallyd/storage"
)

// feedAt is the present moment of those who take facts in these tests.
var feedAt = time.Date(2026, 10, 1, 9, 0, 0, 0, time.UTC)

// feedService is a service over the store of a folder, whose roster has some agents.
func feedService(t testing.TB, dir string, now func() time.Time, agents ...string) *api.Service {
	t.Helper()
	store, err := storage.Open(context.Background(), storage.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	var list []roster.Agent
	for _, a := range agents {
		list = append(list, roster.Agent{ID: a})
	}
	people := roster.New(time.UTC, nil, nil, list)
	return api.New(api.Config{Site: "main", Store: store, Roster: func() *roster.Roster { return people }, Now: now})
}

func stillstand() time.Time { return feedAt }

// feedBus is a bus that takes facts about agents.
func feedBus(t testing.TB, dir string, agents ...string) (*running, *api.Service) {
	t.Helper()
	s := feedService(t, dir, stillstand, agents...)
	return runBus(t, Config{Service: s, Listen: "127.0.0.1:0", Dir: t.TempDir()}), s
}

func surveyOf(id, agent string) string {
	b, err := json.Marshal(map[string]any{"id": id, "at": feedAt.Add(-time.Minute), "agent": agent, "survey": map[string]int{"csat": 5}})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// stored are the ids of all facts, in order.
func stored(t testing.TB, s *api.Service) (ids []string) {
	t.Helper()
	q := api.FactQuery{From: time.UnixMilli(1), To: feedAt.Add(time.Hour), Limit: api.MaxFacts}
	list, err := s.Facts(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list.Facts {
		ids = append(ids, f.ID)
	}
	return ids
}

// TestInbound sends facts of each kind, with the id in the message, in its header, or
// in both, waiting for the answer or not.
func TestInbound(t *testing.T) {
	r, s := feedBus(t, t.TempDir(), "ann")
	nc := r.client(r.login(InternalFile), nats.CustomInboxPrefix(internalInbox))
	send := func(kind, header, body string) string {
		t.Helper()
		m := &nats.Msg{Subject: r.subjects.Inbound(kind), Data: []byte(body), Header: nats.Header{}}
		if header != "" {
			m.Header.Set(nats.MsgIdHdr, header)
		}
		answer, err := nc.RequestMsg(m, 5*time.Second)
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		return string(answer.Data)
	}
	const head = `"at":"2026-10-01T08:59:00Z","agent":"ann"`
	for _, x := range []struct{ kind, header, body, want string }{
		{"survey", "", `{"id":"1",` + head + `,"survey":{"csat":5}}`, `{"v":1,"stored":true,"id":"1","duplicate":false}`},
		{"survey", "", `{"id":"1",` + head + `,"survey":{"csat":5}}`, `{"v":1,"stored":true,"id":"1","duplicate":true}`},
		{"survey", "1", `{` + head + `,"survey":{"csat":5}}`, `{"v":1,"stored":true,"id":"1","duplicate":true}`},
		{"survey", "1", `{"id":"1",` + head + `,"survey":{"csat":5}}`, `{"v":1,"stored":true,"id":"1","duplicate":true}`},
		{"survey", "2", `{"id":"1",` + head + `,"survey":{"csat":5}}`, `{"v":1,"error":"id \"1\" is another one than \"2\", which the message came with"}`},
		{"survey", "", `{"id":"1",` + head + `,"survey":{"csat":4}}`, `{"v":1,"error":"survey \"1\" is stored already, and differs"}`},
		{"survey", "", `{` + head + `,"survey":{"csat":4}}`, `{"v":1,"error":"id is missing"}`},
		{"disposition", "", `{"id":"1",` + head + `,"disposition":{"code":"refund"}}`, `{"v":1,"stored":true,"id":"1","duplicate":false}`},
		{"training", "1", `{` + head + `,"training":{"course":"c1","passed":true}}`, `{"v":1,"stored":true,"id":"1","duplicate":false}`},
		{"form", "", `{"id":"1",` + head + `,"form":{"id":"qa","rater":"s1","points":87,"of":100}}`, `{"v":1,"stored":true,"id":"1","duplicate":false}`},
		{"form", "", `{"id":"2",` + head + `,"survey":{"csat":5}}`, `{"v":1,"error":"survey is there, but the fact is a form"}`},
		{"mail", "", `{"id":"1"}`, `{"v":1,"error":"kind \"mail\" is none of survey, disposition, training, form"}`},
		{"survey", "", surveyOf("3", "eve"), `{"v":1,"error":"agent \"eve\" is not known: not in the roster, and on no switch"}`},
		{"survey", "", surveyOf("3", strings.Repeat("x", maxInbound)), `{"v":1,"error":"message has 65669 bytes, 65536 are the most"}`},
		{"survey", "", surveyOf("3", strings.Repeat("\x7f", 200)), `{"v":1,"error":"agent \"` + strings.Repeat(`\\x7f`, 98) + `\\…"}`},
	} {
		got := send(x.kind, x.header, x.body)
		if strings.HasPrefix(x.want, `{"v":1,"error":"message has`) {
			got, x.want = sizeless(got), sizeless(x.want)
		}
		if got != x.want {
			t.Errorf("%.100s: the answer is\n%s, want\n%s", x.body, got, x.want)
		}
	}
	if err := nc.Publish(r.subjects.Inbound("survey"), []byte(surveyOf("unheard", "ann"))); err != nil {
		t.Fatal(err)
	}
	send("survey", "", surveyOf("z", "ann")) // is stored after it
	if got := strings.Join(stored(t, s), " "); got != "1 unheard z 1 1 1" {
		t.Errorf("stored are %s", got)
	}
}

// sizeless is an answer without the size that it tells, which depends on the inbox.
func sizeless(answer string) string {
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' {
			return -1
		}
		return c
	}, answer)
}

// TestInboundNames: whatever agents and ids look like, each fact is its own.
func TestInboundNames(t *testing.T) {
	names := []string{".", "*", ">", "a.b", "a b", "%", " ", "客服", "\u2028", "\u202e", `"`, `\`, strings.Repeat("客", 85), "'; DROP TABLE facts"}
	r, s := feedBus(t, t.TempDir(), names...)
	nc := r.client(r.login(InternalFile), nats.CustomInboxPrefix(internalInbox))
	for i, agent := range names {
		for _, id := range []string{fmt.Sprint(i), fmt.Sprintf("%d.>", i), fmt.Sprintf("%d *", i)} {
			body := surveyOf(id, agent)
			for _, again := range []bool{false, true} {
				if a := ask[FactStored](r, nc, r.subjects.Inbound("survey"), body); a != (FactStored{1, true, id, again}) {
					t.Errorf("%s: the answer is %+v", body, a)
				}
			}
		}
	}
	list, err := s.Facts(t.Context(), api.FactQuery{To: feedAt.Add(time.Hour)})
	if err != nil || len(list.Facts) != 3*len(names) {
		t.Fatalf("%d facts, error %v", len(list.Facts), err)
	}
	for _, agent := range names {
		list, err := s.Facts(t.Context(), api.FactQuery{Agent: agent, To: feedAt.Add(time.Hour)})
		if err != nil || len(list.Facts) != 3 {
			t.Errorf("%d facts of %q, error %v", len(list.Facts), agent, err)
		}
	}
}

// TestInboundFlood sends more than the disk takes, from several sides: what is
// acknowledged is stored, what is not can be sent again, and in the end each fact is
// there once.
func TestInboundFlood(t *testing.T) {
	r, s := feedBus(t, t.TempDir(), "ann")
	const senders, each = 4, 250
	var busy atomic.Int64
	var sending sync.WaitGroup
	for n := range senders {
		nc := r.client(r.login(InternalFile), nats.CustomInboxPrefix(internalInbox))
		sending.Go(func() {
			inbox, err := nc.SubscribeSync(nc.NewRespInbox())
			if err != nil {
				t.Error(err)
				return
			}
			left := map[string]bool{}
			for i := range each {
				left[fmt.Sprint(n, "-", i)] = true
			}
			for len(left) > 0 {
				sent := 0
				for id := range left {
					if err := nc.PublishRequest(r.subjects.Inbound("survey"), inbox.Subject, []byte(surveyOf(id, "ann"))); err != nil {
						t.Error(err)
						return
					}
					sent++
				}
				for range sent {
					m, err := inbox.NextMsg(10 * time.Second)
					if err != nil {
						t.Error(err)
						return
					}
					var stored FactStored
					var refused FactRefused
					_, _ = json.Unmarshal(m.Data, &stored), json.Unmarshal(m.Data, &refused)
					switch {
					case stored.Stored:
						delete(left, stored.ID)
					case refused.Retry:
						busy.Add(1)
					default:
						t.Errorf("the answer is %s", m.Data)
						return
					}
				}
			}
		})
	}
	sending.Wait()
	t.Logf("%d times it was busy", busy.Load())
	if n := len(stored(t, s)); n != senders*each {
		t.Errorf("%d facts are stored, want %d", n, senders*each)
	}
}

// TestInboundEnd: more than waits already is refused at once, and what had arrived
// when the daemon was told to end is stored.
func TestInboundEnd(t *testing.T) {
	s := feedService(t, t.TempDir(), stillstand, "ann")
	r := runBus(t, Config{Service: s, Listen: "127.0.0.1:0", Dir: t.TempDir()}) // for its connection alone
	nc := r.client(r.login(InternalFile), nats.CustomInboxPrefix(internalInbox))
	in, err := r.bus.takeFacts(nc)
	if err != nil {
		t.Fatal(err)
	}
	message := func(id, reply string) *nats.Msg {
		return &nats.Msg{Subject: r.subjects.Inbound("survey"), Data: []byte(surveyOf(id, "ann")), Reply: reply, Sub: in.sub}
	}
	for i := range inboundQueue {
		in.arrive(message(fmt.Sprint(i), ""))
	}
	inbox := r.subscribe(nc, nc.NewRespInbox())
	in.arrive(message("one too many", inbox.Subject))
	if a, want := next[FactRefused](t, inbox), (FactRefused{1, "128 messages wait to be stored already", true}); a != want {
		t.Errorf("the answer is %+v, want %+v", a, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	in.run(ctx)
	if n := len(stored(t, s)); n != inboundQueue {
		t.Errorf("%d are stored, %d had arrived", n, inboundQueue)
	}
	if in.sub.IsValid() {
		t.Error("it goes on taking messages")
	}
}

// TestInboundLog: a flood of refusals is a line a minute of each reason, which tells
// how many it stands for.
func TestInboundLog(t *testing.T) {
	now := feedAt
	var log bytes.Buffer
	handler := slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	b, err := New(Config{Service: feedService(t, t.TempDir(), func() time.Time { return now }, "ann"), Listen: "127.0.0.1:0", Logger: slog.New(handler)})
	if err != nil {
		t.Fatal(err)
	}
	in := newInbound(b)
	send := func(id, agent string) {
		in.take(t.Context(), &nats.Msg{Subject: b.subjects.Inbound("survey"), Data: []byte(surveyOf(id, agent))})
	}
	for i := range 50 {
		send(fmt.Sprint("e", i), "eve")
		send("", "ann")
		send("1", "ann")
	}
	now = now.Add(refusalsEvery)
	send("2", "eve")
	const line = `level=WARN msg="a fact is refused" subject=tally.v1.main.in.survey reason=`
	want := line + `agent err="agent \"eve\" is not known: not in the roster, and on no switch" unsaid=0` + "\n" +
		line + `message err="id is missing" unsaid=0` + "\n" +
		line + `agent err="agent \"eve\" is not known: not in the roster, and on no switch" unsaid=49` + "\n"
	if log.String() != want {
		t.Errorf("logged is\n%s, want\n%s", log.String(), want)
	}
}

// feedDir names the folder that this program, run as the process that is killed,
// stores a fact in.
const feedDir = "TALLYD_TEST_FEED"

// unacknowledged takes a message, and is killed before it answers.
func unacknowledged(dir string) int {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	store, err := storage.Open(context.Background(), storage.Config{Dir: dir})
	if err != nil {
		return fail(err)
	}
	people := roster.New(time.UTC, nil, nil, []roster.Agent{{ID: "ann"}})
	b, err := New(Config{Listen: "127.0.0.1:0", Service: api.New(api.Config{Site: "main", Store: store, Roster: func() *roster.Roster { return people }, Now: stillstand})})
	if err != nil {
		return fail(err)
	}
	answer := newInbound(b).take(context.Background(), &nats.Msg{Subject: b.subjects.Inbound("survey"), Data: []byte(surveyOf("m-1", "ann"))})
	if answer != (FactStored{V: 1, Stored: true, ID: "m-1"}) {
		return fail(fmt.Errorf("the answer is %+v", answer))
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// TestInboundKilled: who sent a fact to a daemon that was killed between storing and
// acknowledging it sends it again to the next one, and is told that it was stored.
func TestInboundKilled(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), feedDir+"="+dir)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err == nil || cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("it ended with %v", err)
	}
	r, s := feedBus(t, dir, "ann")
	nc := r.client(r.login(InternalFile), nats.CustomInboxPrefix(internalInbox))
	if a := ask[FactStored](r, nc, r.subjects.Inbound("survey"), surveyOf("m-1", "ann")); a != (FactStored{1, true, "m-1", true}) {
		t.Errorf("the answer is %+v", a)
	}
	if got := stored(t, s); len(got) != 1 {
		t.Errorf("stored are %v", got)
	}
}

// TestInboundStoreAway: while the store takes nothing, nothing is acknowledged, and
// the sender is told to try again.
func TestInboundStoreAway(t *testing.T) {
	b, err := New(Config{Service: api.New(api.Config{Site: "main"}), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	answer := newInbound(b).take(t.Context(), &nats.Msg{Subject: b.subjects.Inbound("survey"), Data: []byte(surveyOf("m-1", "ann"))})
	if want := (FactRefused{V: 1, Error: "nothing is stored", Retry: true}); answer != want {
		t.Errorf("the answer is %+v, want %+v", answer, want)
	}
}
