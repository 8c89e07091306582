package freeswitch

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tallyd/connectors/freeswitch/playback"
	"tallyd/metrics"
)

// live is a connector attached to a played recording over a real socket.
type live struct {
	*replayed
	connector *Connector
}

func playRecording(t *testing.T, recording *playback.Recording, configure func(*playback.Server)) (*playback.Server, string) {
	t.Helper()
	s := &playback.Server{Recording: recording, CloseAtEnd: true}
	configure(s)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { s.Serve(ctx, l) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return s, l.Addr().String()
}

func openPlayback(t *testing.T, files ...string) *playback.Recording {
	t.Helper()
	r, err := playback.Open(files...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// attachTo runs a connector until until says so, and returns what was counted.
func attachTo(t *testing.T, cfg Config, until func(*Connector) bool) *live {
	t.Helper()
	l := &live{replayed: &replayed{}}
	names := metrics.NewNames()
	l.tracker = metrics.NewTracker(names, metrics.Options{Switch: "fs1",
		Sealed: func(s *metrics.Sealed) { l.sealed = append(l.sealed, s) },
		Visit:  func(c *metrics.Contact) { l.contacts = append(l.contacts, *c) }})
	cfg.Name = "fs1"
	cfg.RetryMin, cfg.RetryMax = 5*time.Millisecond, 20*time.Millisecond
	l.connector = New(cfg, names, l.tracker)
	l.translator = l.connector.translator
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { l.connector.Run(ctx); close(done) }()
	deadline := time.After(60 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !until(l.connector) {
		select {
		case <-tick.C:
		case <-deadline:
			t.Errorf("not done after 60 s: %+v", l.connector.Health())
			cancel()
			<-done
			t.FailNow()
		}
	}
	cancel()
	<-done
	l.concluded = len(l.contacts)
	l.tracker.Open(func(c *metrics.Contact) { l.contacts = append(l.contacts, *c) })
	l.tracker.Finish()
	return l
}

// ended tells that the recording was played and its connection closed.
func ended(c *Connector) bool {
	h := c.Health()
	return h.Connects > 0 && !h.Connected
}

// TestLiveEqualsOracle: a recording over a real socket, through authentication,
// subscription, snapshot and hand-off, comes out as the oracle says.
func TestLiveEqualsOracle(t *testing.T) {
	for _, name := range []string{"runA", "lab-races"} {
		t.Run(name, func(t *testing.T) {
			_, address := playRecording(t, openPlayback(t, "testdata/"+name+"/plain.raw.gz"), func(*playback.Server) {})
			l := attachTo(t, Config{Address: address, Password: "ClueCon"}, ended)
			compare(t, l.replayed, readTruth(t, "testdata/"+name+"/truth.json"))
			conserved(t, l.replayed)
			if h := l.connector.Health(); h.Overflowed != 0 {
				t.Errorf("%d facts were dropped", h.Overflowed)
			}
		})
	}
}

// TestCutAtRandomBytes: the connection breaks again and again, in the middle of
// whatever is being sent, while the call centre goes on. What was watched from
// beginning to end is counted as if nothing had happened; the rest is marked.
func TestCutAtRandomBytes(t *testing.T) {
	whole := replayFiles(t, "testdata/runA/plain.raw")
	want := map[string]metrics.Contact{}
	for _, c := range whole.contacts {
		want[fmt.Sprint(c.Leg, c.Queue, c.Joined/2000)] = c
	}
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)
	var faults []playback.Fault
	for i := 1; i <= 6; i++ {
		faults = append(faults, playback.Fault{Connection: i, After: rng.Int64N(2_000_000) + 1_000, Action: playback.Cut})
	}
	_, address := playRecording(t, openPlayback(t, "testdata/runA/plain.raw.gz"), func(s *playback.Server) {
		s.Speed, s.Faults, s.CloseAtEnd = 60, faults, true
	})
	cuts := int64(0)
	l := attachTo(t, Config{Address: address, Password: "ClueCon"}, func(c *Connector) bool {
		h := c.Health()
		cuts = max(cuts, h.Connects)
		return h.LastEvent > 1795449654_000 // the recording's last heartbeats
	})
	conserved(t, l.replayed)
	if cuts < 3 {
		t.Fatalf("only %d connections: nothing was cut", cuts)
	}
	if l.tracker.Unobserved() == 0 {
		t.Error("connections broke, but nothing is marked unobserved")
	}
	same, touched := 0, 0
	for _, c := range l.contacts {
		w, ok := want[fmt.Sprint(c.Leg, c.Queue, c.Joined/2000)]
		switch {
		case c.Partial || c.Unseen || c.Outcome == metrics.Unobserved || !ok:
			touched++
		case c.Outcome != w.Outcome || c.Agent != w.Agent:
			t.Errorf("visit %s in %s: %v by %q, unbroken %v by %q", c.Visit, c.Queue, c.Outcome, c.Agent, w.Outcome, w.Agent)
		default:
			same++
		}
	}
	if same < len(whole.contacts)/2 {
		t.Errorf("of %d visits only %d came out as in the unbroken run, %d were touched by a gap", len(whole.contacts), same, touched)
	}
	var unobserved int64
	for k, x := range l.sum() {
		if k.Kind == metrics.SiteRow {
			unobserved += x.Get(metrics.UnobservedTime)
		}
	}
	if unobserved != int64(l.tracker.Unobserved()) {
		t.Errorf("rollups hold %d ms unobserved, the tracker %d ms", unobserved, l.tracker.Unobserved())
	}
	t.Logf("%d connections, %d ms unobserved, %d visits as unbroken, %d touched by gaps", cuts, l.tracker.Unobserved(), same, touched)
}

// TestRestartIsNotAbandoning: the switch dies with callers waiting and comes
// back as another run. Nobody abandoned; the new run starts clean.
func TestRestartIsNotAbandoning(t *testing.T) {
	files := []string{"testdata/lab-restart/plain.raw.gz", "testdata/lab-restart/plain.seg2.raw.gz",
		"testdata/lab-restart/plain.seg3.raw.gz", "testdata/lab-restart/plain.seg4.raw.gz"}
	_, address := playRecording(t, openPlayback(t, files...), func(s *playback.Server) { s.Speed = 40 })
	l := attachTo(t, Config{Address: address, Password: "ClueCon"}, func(c *Connector) bool { return c.Health().Connects >= 4 && ended(c) })
	conserved(t, l.replayed)
	tr := readTruth(t, "testdata/lab-restart/truth.json")
	abandoned := 0
	for _, v := range tr.Visits {
		if v.Outcome == "abandoned" {
			abandoned++
		}
	}
	got := 0
	for _, c := range l.contacts {
		if c.Outcome == metrics.Abandoned {
			got++
		}
	}
	if got != abandoned {
		t.Errorf("%d abandoned, the oracle has %d", got, abandoned)
	}
}

func TestRefusals(t *testing.T) {
	rec := openPlayback(t, "testdata/lab-restart/plain.seg4.raw.gz")
	errorOf := func(cfg Config) string {
		var last string
		attachTo(t, cfg, func(c *Connector) bool {
			last = c.Health().Error
			return last != "" && last != "not connected yet"
		})
		return last
	}
	t.Run("wrong password", func(t *testing.T) {
		_, address := playRecording(t, rec, func(*playback.Server) {})
		if got := errorOf(Config{Address: address, Password: "wrong"}); got != ErrPassword.Error() {
			t.Errorf("%q", got)
		}
	})
	t.Run("access list", func(t *testing.T) {
		_, address := playRecording(t, rec, func(s *playback.Server) { s.Faults = []playback.Fault{{Action: playback.Reject}} })
		if got := errorOf(Config{Address: address, Password: "ClueCon"}); got != ErrAccess.Error() {
			t.Errorf("%q", got)
		}
	})
	t.Run("nobody listens", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		if got := errorOf(Config{Address: l.Addr().String(), Password: "ClueCon"}); !strings.Contains(got, "refused") {
			t.Errorf("%q", got)
		}
	})
	for _, talk := range []struct{ name, says, want string }{
		{"an SSH server", "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n\r\n", ErrNotFreeSWITCH.Error()},
		{"a web server", "HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nContent-Length: 3\r\n\r\nno\n", ErrNotFreeSWITCH.Error()},
		{"somebody silent", "", ErrNotFreeSWITCH.Error()},
		{"noise", strings.Repeat("\xff\x00\xfe", 100_000), ErrNotFreeSWITCH.Error()},
	} {
		t.Run(talk.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					defer c.Close()
					fmt.Fprint(c, talk.says)
				}
			}()
			if got := errorOf(Config{Address: l.Addr().String(), Password: "ClueCon", CommandTimeout: 300 * time.Millisecond}); !strings.HasPrefix(got, talk.want) {
				t.Errorf("%q", got)
			}
		})
	}
}

// TestOverflowOpensAGap: when counting falls behind, facts are dropped and
// counted, the switch is not kept waiting, and the gap is marked and closed by a
// snapshot.
func TestOverflowOpensAGap(t *testing.T) {
	names := metrics.NewNames()
	tracker := metrics.NewTracker(names, metrics.Options{})
	c := New(Config{Buffer: 64}, names, tracker)
	at := metrics.Millis(1795449167_000)
	queue := metrics.QueueID(names.InternString(metrics.QueueName, "q"))
	for i := range 200 { // nobody takes
		c.translator.last = at + metrics.Millis(i)
		c.hand(&metrics.Event{Kind: metrics.VisitJoined, At: at + metrics.Millis(i), Queue: queue, Visit: metrics.IDString(fmt.Sprint("v", i)), Leg: metrics.IDString(fmt.Sprint("c", i))})
	}
	if c.overflowed != 200-64 || !c.overflow {
		t.Fatalf("%d of 200 facts were dropped by a buffer of 64", c.overflowed)
	}
	if c.regain() {
		t.Fatal("overflow ended with a full buffer")
	}
	for c.count() {
	}
	if !c.regain() {
		t.Fatal("overflow did not end with an empty buffer")
	}
	c.translator.Seen(nil, at+60_000)
	for c.count() {
	}
	if tracker.Live.Gaps() != 1 || tracker.Unobserved() == 0 {
		t.Errorf("%d gaps, %d ms unobserved", tracker.Live.Gaps(), tracker.Unobserved())
	}
}

// TestSnapshotTables: the tables that mod_callcenter prints, with what a caller's
// name can do to them.
func TestSnapshotTables(t *testing.T) {
	s := newSnapshot()
	s.asked = "callcenter_config queue list members support@default"
	body := "queue|instance_id|uuid|session_uuid|cid_number|cid_name|system_epoch|joined_epoch|rejoined_epoch|bridge_epoch|abandoned_epoch|base_score|skill_score|serving_agent|serving_system|state|score\n" +
		"support@default|single_box|u1|s1|+311|Plain Name|1|1795449100|0|0|0|0|0|||Waiting|5\n" +
		"support@default|single_box|u2|s2|+312|A|B|C|1|1795449101|0|1795449105|0|0|0|1001@default|single_box|Answered|5\n" +
		"support@default|single_box|u3||+313||1|1795449102|0|0|1795449110|0|0|||Abandoned|5\n" +
		"broken|line\n+OK\n"
	if err := s.answer(body); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range s.members {
		got = append(got, m["uuid"]+"/"+m["cid_name"]+"/"+m["state"])
	}
	if want := []string{"u1/Plain Name/Waiting", "u2/A|B|C/Answered", "u3//Abandoned"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	s.asked = "callcenter_config agent list"
	if err := s.answer("-ERR no reply\n"); err == nil {
		t.Error("an error was taken for a table")
	}
}
