package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"tallyd/connectors/api"
	"tallyd/connectors/source/sourcetest"
	"tallyd/metrics"
)

// TestManySubscribers: a hundred wallboards, of which one does not read, neither
// delay the reading of the switch nor make the daemon grow; a change of state is at
// the others soon after it was written to the socket.
func TestManySubscribers(t *testing.T) {
	const subscribers, lasts = 100, 6 * time.Second
	centre := &bigCentre{fast: 1, calls: 90} // as many as a recording at 20 times its speed
	centre.begin(t)
	data := t.TempDir()
	config := keep(t, "tallyd.yaml", fmt.Appendf(nil, "switches:\n  - {name: fs1, kind: freeswitch, address: %q, password: ClueCon}\n", centre.listener.Addr()))
	cmd := exec.Command(build(t), "serve", "--config", config, "--data", data)
	cmd.Env = append(slices.DeleteFunc(os.Environ(), forTests), anyPorts...)
	var errs sourcetest.Log
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	eventually(t, errs.String, func() bool { _, err := os.Stat(filepath.Join(data, "nats.url")); return err == nil })
	connect := func() *nats.Conn { return wallboard(t, data) }
	const subject = "tally.v1.main.agent.*.state"
	var got [subscribers]atomic.Int64
	for i := range subscribers - 1 {
		if _, err := connect().Subscribe(subject, func(*nats.Msg) { got[i].Add(1) }); err != nil {
			t.Fatal(err)
		}
	}
	stalled := connect()
	if _, err := stalled.Subscribe(subject, func(*nats.Msg) { <-centre.ended }); err != nil {
		t.Fatal(err)
	}

	limit, memory := 100*time.Millisecond, 200_000
	if raceEnabled {
		limit, memory = time.Second, 1_000_000 // the subscribers are slower then, and have the same two processors
	}
	var mu sync.Mutex
	var took []time.Duration
	told := map[string]metrics.Millis{}                    // what each agent's latest change was
	latest := time.Hour                                    // how long the latest change took
	measured, over := metrics.Millis(math.MaxInt64), false // from then on, until it is over
	if _, err := connect().Subscribe(subject, func(m *nats.Msg) {
		now := time.Now()
		var s api.AgentState
		if err := json.Unmarshal(m.Data, &s); err != nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		since := metrics.Millis(s.Since)
		if since <= told[s.Agent] {
			return // what comes of the same moment was held back by the pace of one agent's messages
		}
		told[s.Agent], latest = since, now.Sub(since.Time())
		if since >= measured && !over {
			took = append(took, latest)
		}
	}); err != nil {
		t.Fatal(err)
	}
	// A thousand agents come at once first: what happens when all have been told is
	// measured.
	eventually(t, errs.String, func() bool {
		mu.Lock()
		defer mu.Unlock()
		if latest > limit {
			return false
		}
		measured = metrics.MillisOf(time.Now())
		return true
	})
	most := 0
	for begun := time.Now(); time.Since(begun) < lasts; time.Sleep(50 * time.Millisecond) {
		most = max(most, residentKB(t, cmd.Process.Pid))
	}
	mu.Lock()
	defer mu.Unlock()
	over = true
	slices.Sort(took)
	if len(took) < 200 {
		t.Fatalf("%d changes were told: %s", len(took), errs.String())
	}
	part := func(of100 int) time.Duration { return took[(len(took)-1)*of100/100] }
	least := int64(1 << 62)
	for i := range subscribers - 1 {
		least = min(least, got[i].Load())
	}
	t.Logf("%d changes at %d subscribers: from the socket to a message in the median %s, %s in 99 of 100, %s at most; %d kB resident", len(took), subscribers, part(50), part(99), part(100), most)
	if least < int64(len(took)) {
		t.Errorf("a subscriber got %d messages, another more than %d", least, len(took))
	}
	if part(50) > limit || most > memory {
		t.Errorf("the median change took %s, %d kB resident", part(50), most)
	}
	if a := askKPI(t, data, "--config", config); len(a.Health) != 1 || a.Health[0].Gaps != 0 || !a.Health[0].Connected {
		t.Errorf("the switch was not read: %+v", a.Health)
	}
}
