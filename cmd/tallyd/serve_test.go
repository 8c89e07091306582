package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"tallyd/connectors/admin"
	"tallyd/connectors/bus"
	"tallyd/connectors/freeswitch/playback"
	"tallyd/connectors/source/sourcetest"
	"tallyd/connectors/web/client"
)

// eventually waits for a condition, and fails with what says after a while.
func eventually(t *testing.T, what func() string, ok func() bool) {
	t.Helper()
	deadline := time.After(60 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal(what())
		}
	}
}

type background struct {
	out, errs sourcetest.Log
	stop      func() int
}

// anyPorts has a daemon listen where nobody else does.
var anyPorts = []string{"TALLYD_NATS_LISTEN=127.0.0.1:0", "TALLYD_HTTP_LISTEN=127.0.0.1:0"}

// answers tells whether a daemon on a data folder answers commands yet.
func answers(t *testing.T, data string) bool {
	t.Helper()
	c, err := admin.Dial(t.Context(), data)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// serveInBackground runs the daemon in this process.
func serveInBackground(t *testing.T, args ...string) *background {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	b := &background{}
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, append([]string{"serve"}, args...), anyPorts, &b.out, &b.errs)
	}()
	var once sync.Once
	last := 0
	b.stop = func() int {
		once.Do(func() { cancel(); last = <-code })
		return last
	}
	t.Cleanup(func() { b.stop() })
	eventually(t, b.errs.String, func() bool { return strings.Contains(b.out.String(), "Look at it") })
	return b
}

func askKPI(t *testing.T, data string, args ...string) *client.KPIs {
	t.Helper()
	code, out, errs := command(t, append([]string{"kpi", "--json", "--data", data}, args...)...)
	if code != exitDone {
		t.Fatalf("exit %d: %s", code, errs)
	}
	var a client.KPIs
	if err := json.Unmarshal([]byte(out), &a); err != nil {
		t.Fatal(err)
	}
	return &a
}

func offered(a *client.KPIs) (sum int64) {
	for _, r := range a.Rows {
		sum += r.Counters["offered"]
	}
	return sum
}

// TestServePlaysADay: the daemon as a user starts it, attached to a played
// recording, asked over its bus, stopped in order, and started again on the
// same data: what was counted is still there.
func TestServePlaysADay(t *testing.T) {
	recording, err := playback.Open(recordings + "lab-standby/plain.raw.gz")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	playing, stopPlaying := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	// As fast as it is taken, and as of just before now.
	server := &playback.Server{Recording: recording, ShiftTo: time.Now().Add(-10 * time.Minute)}
	wg.Go(func() { server.Serve(playing, l) })
	defer wg.Wait()
	defer stopPlaying()

	data := t.TempDir()
	config := keep(t, "tallyd.yaml", []byte("site: hq.1\nswitches:\n  - {name: fs1, kind: freeswitch, address: '"+address+"', password: ClueCon}\n"+
		"  - {name: gone, kind: freeswitch, address: '127.0.0.1:1', password: ClueCon}\n"))
	args := []string{"--config", config, "--data", data}
	ask := []string{"--config", config, "--from", time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)}
	d := serveInBackground(t, args...)
	eventually(t, d.errs.String, func() bool { return offered(askKPI(t, data, ask...)) == 77 })
	a := askKPI(t, data, ask...)
	if len(a.Health) != 2 || !a.Health[0].Connected || a.Health[1].Connected || a.Health[1].Error == "" {
		t.Errorf("health %+v: one switch is attached, the other is not there", a.Health)
	}
	code, table, _ := command(t, append([]string{"kpi", "agents", "--data", data}, ask...)...)
	if code != exitDone || !strings.Contains(table, "1001@default") || !strings.Contains(table, "switch gone is not seen") {
		t.Errorf("exit %d\n%s", code, table)
	}
	if code := d.stop(); code != exitDone {
		t.Errorf("the daemon ended with %d: %s", code, d.errs.String())
	}
	stopPlaying()
	wg.Wait()

	d = serveInBackground(t, args...)
	if got := offered(askKPI(t, data, ask...)); got != 77 {
		t.Errorf("after the restart %d offered, before 77", got)
	}
	if code := d.stop(); code != exitDone {
		t.Errorf("the daemon ended with %d: %s", code, d.errs.String())
	}
	goleak.VerifyNone(t)
}

// wallboardOf is a NATS client with the wallboard's credentials of a data folder.
func wallboardOf(t *testing.T, data string) *nats.Conn {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(data, bus.WallboardFile))
	if err != nil {
		t.Fatal(err)
	}
	user, password, _ := strings.Cut(strings.TrimSpace(string(b)), ":")
	url, err := os.ReadFile(filepath.Join(data, "nats.url"))
	if err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect(strings.TrimSpace(string(url)), nats.UserInfo(user, password))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// TestWallboardSeesIt: an ordinary NATS client with the wallboard's credentials
// sees agents and queues change, and may not publish.
func TestWallboardSeesIt(t *testing.T) {
	data := t.TempDir()
	d := serveInBackground(t, "--demo", "--data", data)
	nc := wallboardOf(t, data)
	sub, err := nc.SubscribeSync("tally.v1.main.agent.*.state")
	if err != nil {
		t.Fatal(err)
	}
	m, err := sub.NextMsg(60 * time.Second)
	if err != nil {
		t.Fatalf("%v: %s", err, d.errs.String())
	}
	var state struct {
		V              int
		Agent, State   string
		Since, At, Seq json.RawMessage
	}
	if err := json.Unmarshal(m.Data, &state); err != nil || state.V != 1 || state.Agent == "" || state.State == "" {
		t.Errorf("%s: %v", m.Data, err)
	}
	nc.Close()
	if code := d.stop(); code != exitDone {
		t.Errorf("the daemon ended with %d: %s", code, d.errs.String())
	}
	for _, secret := range []string{"caller.key", bus.WallboardFile} {
		if st, err := os.Stat(filepath.Join(data, secret)); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", secret, st.Mode(), err)
		}
	}
}

// build builds the daemon as it is delivered.
func build(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "tallyd")
	if out, err := exec.Command("go", "build", "-trimpath", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

// TestMemoryAtRest: the daemon as delivered, with its store, bus and a switch
// attached, takes 40 MB once it has begun, and 100 MB at no moment of that.
func TestMemoryAtRest(t *testing.T) {
	if raceEnabled {
		return // measured in the run without the race detector
	}
	data := t.TempDir()
	cmd := exec.Command(build(t), "serve", "--demo", "--data", data)
	cmd.Env = append(slices.DeleteFunc(os.Environ(), forTests), anyPorts...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs sourcetest.Log
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	lines := bufio.NewScanner(stdout)
	up := false
	for !up && lines.Scan() {
		up = strings.Contains(lines.Text(), "Look at it")
	}
	if !up {
		t.Fatalf("it ended at once: %s", errs.String())
	}
	eventually(t, func() string { return "the demo offered nothing" }, func() bool { return offered(askKPI(t, data)) > 0 })
	var resident []int
	for begun := time.Now(); time.Since(begun) < 5*time.Second; time.Sleep(100 * time.Millisecond) {
		resident = append(resident, residentKB(t, cmd.Process.Pid))
	}
	slices.Sort(resident)
	median, most := resident[len(resident)/2], memoryKB(t, cmd.Process.Pid, "VmHWM:")
	t.Logf("resident: %d kB in the median, %d kB at most since it began", median, most)
	if median > 40_000 || most > 100_000 {
		t.Errorf("%d kB resident in the median, at most 40,000 are allowed; %d kB at most, 100,000 are", median, most)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	go func() {
		for lines.Scan() {
		}
	}()
	if err := cmd.Wait(); err != nil {
		t.Errorf("stopped by SIGTERM: %v", err)
	}
}

func residentKB(t *testing.T, pid int) int {
	t.Helper()
	return memoryKB(t, pid, "VmRSS:")
}

// memoryKB is a line of what the system tells of a process's memory.
func memoryKB(t *testing.T, pid int, line string) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range strings.Split(string(b), "\n") {
		if v, ok := strings.CutPrefix(l, line); ok {
			n, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(v, "kB")))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("no " + line)
	return 0
}
