package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"tallyd/connectors/api"
	"tallyd/connectors/bus"
	"tallyd/connectors/freeswitch/playback"
	"tallyd/connectors/source/sourcetest"
	"tallyd/metrics"
)

// noting is a proxy that notes when it passes on what each moment of a switch's
// clock has.
type noting struct {
	listener net.Listener
	to       string
	mu       sync.Mutex
	passed   map[metrics.Millis]time.Time
}

func newNoting(t *testing.T, to string) *noting {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &noting{listener: l, to: to, passed: map[metrics.Millis]time.Time{}}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { n.pass(client) })
		}
	})
	t.Cleanup(func() { l.Close(); running.Wait() })
	return n
}

// pass passes on what both ends say until either ends.
func (n *noting) pass(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", n.to)
	if err != nil {
		return
	}
	defer server.Close()
	go func() { _, _ = io.Copy(server, client); server.Close() }()
	const field = "Event-Date-Timestamp: "
	part, line := make([]byte, 64<<10), []byte(nil)
	for {
		size, err := server.Read(part)
		now := time.Now()
		n.mu.Lock()
		line = append(line, part[:size]...)
		for i := bytes.IndexByte(line, '\n'); i >= 0; i = bytes.IndexByte(line, '\n') {
			if value, is := bytes.CutPrefix(line[:i], []byte(field)); is {
				us, _ := strconv.ParseInt(string(value), 10, 64)
				n.passed[metrics.Millis(us/1000)] = now
			}
			line = line[i+1:]
		}
		n.mu.Unlock()
		if _, e := client.Write(part[:size]); err != nil || e != nil {
			return
		}
	}
}

// at is when a moment's events were passed on.
func (n *noting) at(m metrics.Millis) (time.Time, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	at, ok := n.passed[m]
	return at, ok
}

// TestLatencyPerformance plays a recording at twenty times its speed, and measures how
// long it takes from an event at the socket to the message that tells of it. What was
// held back because an agent has ten messages a second at most is left out.
func TestLatencyPerformance(t *testing.T) {
	if raceEnabled {
		return // it runs without the race detector
	}
	recording, err := playback.Open(recordings + "runA/plain.raw.gz")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	const speed = 20
	first, last := recording.Span()
	lasts := time.Duration(last-first) * time.Microsecond / speed
	proxy := newNoting(t, l.Addr().String())
	data := t.TempDir()
	config := keep(t, "tallyd.yaml", fmt.Appendf(nil, "switches:\n  - {name: fs1, kind: freeswitch, address: %q, password: ClueCon}\n", proxy.listener.Addr()))
	cmd := exec.Command(build(t), "serve", "--config", config, "--data", data)
	cmd.Env = append(slices.DeleteFunc(os.Environ(), forTests), anyPorts...)
	var errs sourcetest.Log
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	eventually(t, errs.String, func() bool { _, err := os.Stat(filepath.Join(data, "nats.url")); return err == nil })

	playing, stop := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	defer func() { stop(); serving.Wait() }()
	serving.Go(func() {
		if err := (&playback.Server{Recording: recording, Speed: speed, ShiftTo: time.Now()}).Serve(playing, l); err != nil {
			t.Error(err)
		}
	})

	var mu sync.Mutex
	var took []time.Duration
	held := 0
	before := map[string]time.Time{} // when each agent's latest message came
	told := map[string]api.Moment{}
	if _, err := wallboard(t, data).Subscribe("tally.v1.main.agent.*.state", func(m *nats.Msg) {
		now := time.Now()
		var s api.AgentState
		if json.Unmarshal(m.Data, &s) != nil || s.Since == told[s.Agent] {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		soon := now.Sub(before[s.Agent]) < 100*time.Millisecond+5*time.Millisecond
		before[s.Agent], told[s.Agent] = now, s.Since
		switch at, known := proxy.at(metrics.Millis(s.Since)); {
		case !known:
		case soon:
			held++
		default:
			took = append(took, now.Sub(at))
		}
	}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(lasts + time.Second)
	mu.Lock()
	defer mu.Unlock()
	if len(took) < 200 {
		t.Fatalf("%d changes were told, %d held back: %s", len(took), held, errs.String())
	}
	slices.Sort(took)
	part := func(of100 int) time.Duration { return took[(len(took)-1)*of100/100] }
	t.Logf("%s of runA at %d times its speed: %d changes, from the socket to the message in the median %s, %s in 99 of 100, %s at most; %d more were held back",
		lasts.Round(time.Second), speed, len(took), part(50), part(99), part(100), held)
	if part(50) > 10*time.Millisecond || part(99) > 50*time.Millisecond { // where others use the processors, too
		t.Errorf("the median change took %s, 99 of 100 at most %s", part(50), part(99))
	}
}

// wallboard connects to a daemon's own server as its wallboard.
func wallboard(t *testing.T, data string) *nats.Conn {
	t.Helper()
	address, err := os.ReadFile(filepath.Join(data, "nats.url"))
	if err != nil {
		t.Fatal(err)
	}
	login, err := os.ReadFile(filepath.Join(data, bus.WallboardFile))
	if err != nil {
		t.Fatal(err)
	}
	user, password, _ := strings.Cut(strings.TrimSpace(string(login)), ":")
	nc, err := nats.Connect(strings.TrimSpace(string(address)), nats.UserInfo(user, password), nats.Timeout(10*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}
