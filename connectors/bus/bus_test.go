package bus

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"tallyd/connectors/api"
	"tallyd/connectors/bus/bustest"
	"tallyd/metrics"
)

// TestAgentState follows one agent through a call, as a wallboard does: first
// subscribe, then ask for the snapshot, then take what has a higher number.
func TestAgentState(t *testing.T) {
	l := newLab("main")
	l.status("1001@default", metrics.Ready, "")
	r := l.run(t)
	nc := r.wallboard()
	subject := r.subjects.AgentState("1001@default")
	sub := r.subscribe(nc, subject)
	snapshot := ask[api.AgentState](r, nc, r.subjects.Snapshot(subject), "")
	if snapshot.State != "available" || snapshot.V != 1 || snapshot.Site != "main" || !snapshot.Observed {
		t.Errorf("the snapshot is %+v", snapshot)
	}
	seq := snapshot.Seq
	following := func() api.AgentState {
		t.Helper()
		for {
			m := next[api.AgentState](t, sub)
			if m.Seq <= seq {
				continue
			}
			if m.Seq != seq+1 || m.Run != snapshot.Run {
				t.Fatalf("message %d follows message %d", m.Seq, seq)
			}
			seq = m.Seq
			return m
		}
	}
	if seq == 0 {
		following() // the first message is of the state before any change
	}
	states := []string{"available"}
	step := func(want string) {
		t.Helper()
		m := following()
		if m.State != want || m.Previous == nil || m.Previous.State != states[len(states)-1] {
			t.Fatalf("the state is %+v after %v, want %s", m, m.Previous, want)
		}
		states = append(states, want)
	}
	v := l.join("support")
	l.offer(v, "1001@default")
	step("ringing")
	l.pass(4000)
	l.connect(v, "1001@default")
	step("talking")
	l.pass(60_000)
	l.end(v, "1001@default")
	l.pass(15_000) // the call is over once late reports of its end are out of the question
	step("available")
	l.status("1001@default", metrics.Paused, "lunch")
	step("paused")
	if m := ask[api.AgentState](r, nc, r.subjects.Snapshot(subject), ""); m.Reason != "lunch" || m.Seq != seq || m.Previous == nil || m.Previous.State != "available" {
		t.Errorf("the last snapshot is %+v, %+v", m, m.Previous)
	}
}

// TestPace changes an agent as fast as it goes: some ten messages a second come,
// in order, and the last one is the last state.
func TestPace(t *testing.T) {
	l := newLab("main")
	r := l.run(t)
	sub := r.subscribe(r.wallboard(), r.subjects.AgentState("1001"))
	begin := time.Now()
	for n := 0; time.Since(begin) < time.Second; n++ {
		l.pass(1)
		l.status("1001", metrics.Paused, fmt.Sprintf("reason %d", n%50))
		time.Sleep(time.Millisecond)
	}
	l.status("1001", metrics.Ready, "")
	messages, last := 0, api.AgentState{}
	for last.State != "available" {
		m := next[api.AgentState](t, sub)
		if m.Seq != last.Seq+1 {
			t.Fatalf("message %d follows message %d", m.Seq, last.Seq)
		}
		last = m
		messages++
	}
	if messages < 6 || messages > 13 {
		t.Errorf("%d messages in a second, want about 10", messages)
	}
}

// TestSnapshots asks for everything, also for who has not changed since the
// start and for what is not there.
func TestSnapshots(t *testing.T) {
	l := newLab("main")
	for i := range 2*pageLength + 1 {
		l.status(fmt.Sprintf("%04d", i), metrics.Ready, "")
	}
	l.agent("never seen")
	l.join("support")
	r := l.run(t)
	nc := r.wallboard()
	s := r.subjects

	if m := ask[api.AgentState](r, nc, s.Snapshot(s.AgentState("never seen")), ""); m.State != "unknown" {
		t.Errorf("who was never seen is %+v", m)
	}
	if m := ask[api.QueueState](r, nc, s.Snapshot(s.QueueState("support")), ""); m.Waiting != 1 || m.Oldest == 0 {
		t.Errorf("the queue is %+v", m)
	}
	if m := ask[api.SiteState](r, nc, s.Snapshot(s.SiteState()), ""); m.Waiting != 1 || m.Agents["available"] != 2*pageLength+1 || len(m.Switches) != 1 {
		t.Errorf("the site is %+v", m)
	}
	if m := ask[api.Heartbeat](r, nc, s.Snapshot(s.Heartbeat()), ""); m.EveryMS != 5000 || len(m.Switches) != 1 || !m.Switches[0].Connected {
		t.Errorf("the heartbeat is %+v", m)
	}
	if m := ask[api.Figures](r, nc, s.Snapshot(s.AgentKPI("never seen")), ""); m.Agent != "never seen" || m.KPIs["answered"] != nil || len(m.KPIs) == 0 {
		t.Errorf("the figures of who was never seen are %+v", m)
	}

	names, after := []string{}, ""
	for pages := 1; ; pages++ {
		m := ask[api.Roster](r, nc, s.Agents(), after)
		for _, a := range m.Agents {
			names = append(names, a.Agent)
		}
		if !m.More {
			if pages != 3 {
				t.Errorf("%d pages", pages)
			}
			break
		}
		after = fmt.Sprintf(`{"after":%q}`, names[len(names)-1])
	}
	if len(names) != 2*pageLength+2 || names[0] != "0000" || names[len(names)-1] != "never seen" {
		t.Errorf("%d agents from %q to %q", len(names), names[0], names[len(names)-1])
	}
	if m := ask[api.Roster](r, nc, s.Queues(), ""); len(m.Queues) != 1 || m.More {
		t.Errorf("the queues are %+v", m)
	}

	for subject, want := range map[string]string{
		s.Snapshot(s.AgentState("nobody")):      `agent "nobody" is not known`,
		s.Snapshot(s.QueueKPI("nothing")):       `queue "nothing" is not known`,
		s.join(snapshotWord, "agent"):           `subject "agent" is not published, and so has no snapshot`,
		s.join(snapshotWord, "agent.%2e.x"):     `subject "agent.%2e.x" is not published, and so has no snapshot`,
		s.join(snapshotWord, "agent.%2e.state"): `id "%2e" is not a name's: character 1 is '%'`,
	} {
		if p := ask[api.Problem](r, nc, subject, ""); p.Error != want {
			t.Errorf("%s: the answer is %q, want %q", subject, p.Error, want)
		}
	}
	if p := ask[api.Problem](r, nc, s.Agents(), "{"); p.Error != `request "{" is not {"after":NAME}` {
		t.Errorf("the answer is %q", p.Error)
	}
}

// TestHostileNames: agents and queues of any name are published, each on its
// own subject.
func TestHostileNames(t *testing.T) {
	names := []string{".", "*", ">", "a.b", "a b", "%", "\x00", "\r\nPUB x 1\r\n", strings.Repeat(">", 256), "客服"}
	l := newLab(">")
	r := l.run(t)
	nc := r.wallboard()
	sub := r.subscribe(nc, r.subjects.join(agentWord, "*", stateWord))
	for _, name := range names {
		l.status(name, metrics.Ready, "")
	}
	seen := map[string]string{}
	for len(seen) < len(names) {
		msg, err := sub.NextMsg(2 * time.Second)
		if err != nil {
			t.Fatalf("%d of %d names came: %v", len(seen), len(names), err)
		}
		m := decode[api.AgentState](t, msg.Data)
		if r.subjects.AgentState(m.Agent) != msg.Subject {
			t.Errorf("%q came on %q", m.Agent, msg.Subject)
		}
		seen[m.Agent] = msg.Subject
	}
	for _, name := range names {
		if m := ask[api.AgentState](r, nc, r.subjects.Snapshot(r.subjects.AgentState(name)), ""); m.Agent != name {
			t.Errorf("the snapshot of %q is of %q", name, m.Agent)
		}
	}
}

// TestFigures: the day's figures come on change, at most once a second.
func TestFigures(t *testing.T) {
	l := newLab("main")
	r := l.run(t)
	sub := r.subscribe(r.wallboard(), r.subjects.QueueKPI("support"))
	l.status("1001", metrics.Ready, "")
	for range 3 {
		v := l.join("support")
		l.offer(v, "1001")
		l.pass(5000)
		l.connect(v, "1001")
		l.pass(60_000)
		l.end(v, "1001")
		l.pass(20_000)
	}
	var m api.Figures
	for m.Counters["answered"] < 3 {
		m = next[api.Figures](t, sub)
	}
	if m.KPIs["sl.offered"] == nil || *m.KPIs["sl.offered"] != 1 || *m.KPIs["asa"] != 5000 || m.Queue != "support" || m.Agent != "" {
		t.Errorf("the figures are %+v", m)
	}
	if v, ok := m.KPIs["avg_abandon_time"]; !ok || v != nil {
		t.Errorf("the time to abandon without abandons is %v, there %v", v, ok)
	}
	if msg, err := sub.NextMsg(1300 * time.Millisecond); !errors.Is(err, nats.ErrTimeout) {
		t.Errorf("without a change came %v, error %v", msg, err)
	}
}

// TestQueries asks as the commands do.
func TestQueries(t *testing.T) {
	l := newLab("main")
	r := l.run(t)
	l.join("support")
	c, err := Dial(r.dir, "main", "", "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	a, err := c.KPI(t.Context(), KPIRequest{Kind: api.Queues})
	if err != nil || a.V != api.Schema || len(a.Rows) != 1 || *a.Rows[0].KPIs["offered"] != 1 {
		t.Errorf("the answer is %+v, error %v", a, err)
	}
	if _, err := c.KPI(t.Context(), KPIRequest{Kind: "trunk"}); err == nil || err.Error() != `kind "trunk" is none of queue, agent, team, role, site` {
		t.Errorf("error is %v", err)
	}
	nc := r.client(r.login(InternalFile))
	for body, want := range map[string]string{
		`{"kinds":"queue"}`:               `field "kinds" is not known`,
		`{"kind":"queue","kind":"agent"}`: `field "kind" is there twice`,
		`{"kind":"queue"} {}`:             `message has something after its object`,
	} {
		if p := ask[api.Problem](r, nc, r.subjects.QueryKPI(), body); p.Error != want {
			t.Errorf("the answer is %q, want %q", p.Error, want)
		}
	}
	if _, err := nc.Request(r.subjects.join(queryWord, "trunks"), nil, 2*time.Second); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("a query that does not exist: error is %v", err)
	}
	if _, err := Dial(t.TempDir(), "main", "", ""); err == nil {
		t.Error("a folder without a daemon can be dialled")
	}
}

// TestLongAnswers: an answer that no message holds comes in pieces, none of them
// twice; one that cannot be cut up says what to do.
func TestLongAnswers(t *testing.T) {
	l := newLab("main")
	const agents, hours = 500, 6
	name := func(i int) string { return fmt.Sprintf("%s %04d", strings.Repeat("\"", 240), i) }
	for i := range agents {
		l.status(name(i), metrics.Ready, "")
	}
	from := time.UnixMilli(l.now.Load()).UTC()
	l.pass(hours * 3600 * 1000)
	r := l.run(t)
	c, err := Dial(r.dir, "main", "", "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	nc := r.client(r.login(InternalFile))
	piece := ask[KPIAnswer](r, nc, r.subjects.QueryKPI(), fmt.Sprintf(`{"kind":"agent","step":"hour","from":%q}`, from.Format(time.RFC3339)))
	if !piece.More || len(piece.Rows) == 0 || len(piece.Rows) != agents { // two hours are too many
		t.Errorf("the first piece has %d rows, more %v", len(piece.Rows), piece.More)
	}
	a, err := c.KPI(t.Context(), KPIRequest{Kind: api.Agents, Step: "hour", From: from})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int64{}
	for i, row := range a.Rows {
		seen[row.Name] += row.Counters["logged_in_ms"]
		if want := from.Add(time.Duration(i/agents) * time.Hour); !row.From.Equal(want) {
			t.Fatalf("row %d is from %s, want %s", i, row.From, want)
		}
	}
	if len(a.Rows) != agents*hours || len(seen) != agents || a.More || metrics.Millis(a.From).Time() != from {
		t.Errorf("%d rows of %d agents, from %v, more %v", len(a.Rows), len(seen), a.From, a.More)
	}
	for name, ms := range seen {
		if ms != hours*3600*1000 {
			t.Errorf("%s was there for %d ms", name, ms)
		}
	}
	for i := agents; i < 2000; i++ {
		l.status(name(i), metrics.Ready, "")
	}
	l.pass(60_000)
	if _, err := c.KPI(t.Context(), KPIRequest{Kind: api.Agents, From: from}); err == nil || !strings.Contains(err.Error(), "ask for fewer names or figures") {
		t.Errorf("an answer of 2000 rows: error is %v", err)
	}
}

func TestHeartbeat(t *testing.T) {
	r := newLab("main").run(t)
	nc := r.wallboard()
	sub := r.subscribe(nc, r.subjects.Heartbeat())
	first := ask[api.Heartbeat](r, nc, r.subjects.Snapshot(r.subjects.Heartbeat()), "")
	second := first
	for second.Seq <= first.Seq { // the first may have been on its way here when it was asked for
		msg, err := sub.NextMsg(heartbeatEvery + time.Second)
		if err != nil {
			t.Fatal(err)
		}
		second = decode[api.Heartbeat](t, msg.Data)
	}
	if second.Seq != first.Seq+1 {
		t.Errorf("heartbeat %d follows heartbeat %d", second.Seq, first.Seq)
	}
}

// TestSlowConsumer: a subscriber that does not read delays nobody, by how long
// delivery takes without one.
func TestSlowConsumer(t *testing.T) {
	l := newLab("main")
	const agents = 600
	for i := range agents {
		l.status(fmt.Sprintf("%04d", i), metrics.Ready, "")
	}
	r := l.run(t)
	sub := r.subscribe(r.wallboard(), r.subjects.AgentState("0000"))
	n := 0
	delivery := func() (median, slowest time.Duration) {
		var took []time.Duration
		for begin := time.Now(); time.Since(begin) < 2*time.Second; n++ {
			l.pass(1)
			sent := time.Now()
			for i := range agents {
				l.status(fmt.Sprintf("%04d", i), metrics.Paused, fmt.Sprintf("%d %s", n, strings.Repeat("long reason ", 15)))
			}
			for {
				m := next[api.AgentState](t, sub)
				if strings.HasPrefix(m.Reason, fmt.Sprint(n, " ")) {
					break
				}
			}
			took = append(took, time.Since(sent))
		}
		slices.Sort(took)
		return took[len(took)/2], took[len(took)-1]
	}
	alone, _ := delivery()
	stalled := stall(t, r)
	defer stalled.Close()
	median, slowest := delivery()
	t.Logf("delivery: median %s, beside a stalled subscriber %s, slowest %s", alone, median, slowest)
	if median > 2*alone+50*time.Millisecond {
		t.Errorf("the median delivery took %s, and %s beside a stalled subscriber", alone, median)
	}
	// It was cut off, not kept for ever: nobody takes what it says.
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if _, err := stalled.Write([]byte("PING\r\n")); err != nil {
			break
		}
		if time.Since(begin) > 30*time.Second { // on a busy machine, too
			t.Fatal("the stalled subscriber is still connected")
		}
	}
}

// stall subscribes to everything over a bare connection and never reads on.
func stall(t *testing.T, r *running) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "nats://"))
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	var o nats.Options
	if err := r.login(WallboardFile)(&o); err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(conn, "CONNECT {\"user\":%q,\"pass\":%q,\"verbose\":false,\"pedantic\":false}\r\nSUB %s 1\r\nPING\r\n",
		o.User, o.Password, r.subjects.join(agentWord, ">"))
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	for got := ""; !strings.Contains(got, "PONG"); {
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatalf("%s: %v", got, err)
		}
		got += string(buf[:n])
	}
	return conn
}

// TestExternalServerAway: a server that is not there blocks nothing, and what
// happened meanwhile is published when it comes.
func TestExternalServerAway(t *testing.T) {
	hole, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := hole.Addr().String()
	hole.Close()

	l := newLab("main")
	dir := t.TempDir()
	if err := api.WriteSecret(dir+"/"+InternalFile, "internal:secret\n"); err != nil {
		t.Fatal(err)
	}
	r := runBus(t, Config{Service: l.service, URL: "nats://" + address, Credentials: dir + "/" + InternalFile, Dir: dir})
	l.status("1001", metrics.Ready, "")
	time.Sleep(50 * time.Millisecond)
	l.status("1001", metrics.Paused, "lunch")

	_, port, err := splitAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	srv := bustest.Server(t, dir, port)
	defer bustest.Stop(srv)
	nc := r.client()
	m := next[api.AgentState](t, r.subscribe(nc, r.subjects.AgentState("1001")))
	if m.State != "paused" || m.Reason != "lunch" {
		t.Errorf("the state is %+v", m)
	}
	// Somebody else's server does not say who asks: a token does.
	twin := r.subjects.Snapshot(r.subjects.SiteState())
	if p := ask[api.Problem](r, nc, twin, ""); p.Error != "no valid token was sent: `tallyd token create` makes one (in the header Tally-Token)" {
		t.Errorf("without a token the answer is %q", p.Error)
	}
	c, err := Dial(dir, "main", r.url, "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var site api.SiteState
	if err := c.ask(t.Context(), twin, struct{}{}, &site); err != nil || site.Agents["paused"] != 1 {
		t.Errorf("the site is %+v, error %v", site, err)
	}
}

// TestEndsBesideHungServer: a server that accepts and says nothing does not keep
// the daemon from ending.
func TestEndsBesideHungServer(t *testing.T) {
	hung, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer hung.Close()
	accepted := make(chan struct{})
	go func() {
		defer close(accepted)
		for {
			conn, err := hung.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(io.Discard, conn); conn.Close() }()
		}
	}()
	begin := time.Now()
	t.Run("run", func(t *testing.T) {
		runBus(t, Config{Service: newLab("main").service, URL: "nats://" + hung.Addr().String(), Dir: t.TempDir()})
	})
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("it took %s to end", took)
	}
	hung.Close()
	<-accepted
}
