package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"tallyd/connectors/admin"
	"tallyd/connectors/api"
	"tallyd/connectors/bus"
	"tallyd/connectors/bus/bustest"
	"tallyd/connectors/source/sourcetest"
)

// streamServer is the environment variable that makes this program a NATS server
// that is killed: its folder and port.
const streamServer = "TALLYD_TEST_STREAMS"

func serveStreams(where string) {
	dir, port, _ := strings.Cut(where, "|")
	n, err := strconv.Atoi(port)
	if err == nil {
		_, err = bustest.Start(dir, n)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	select {}
}

// streams starts that server.
func streams(t *testing.T, dir, port string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(slices.DeleteFunc(os.Environ(), forTests), streamServer+"="+dir+"|"+port)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// freePort is a port that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// TestStreamsAwayMemory: the NATS server is killed while 2,000 events a second come
// in, and is away. What is counted meanwhile waits on the disk, and everything is in
// the streams once when the server is back. It is away for 10 s, or as long as
// TALLYD_AWAY says (10m).
func TestStreamsAwayMemory(t *testing.T) {
	if raceEnabled {
		return // it runs without the race detector
	}
	away, err := time.ParseDuration(cmp.Or(os.Getenv("TALLYD_AWAY"), "10s"))
	if err != nil {
		t.Fatal(err)
	}
	centre := startCentre(t, 2000/8, away+time.Minute)
	folder, port := t.TempDir(), freePort(t)
	server := streams(t, folder, port)
	defer func() { _ = server.Process.Kill(); _ = server.Wait() }()
	url := "nats://127.0.0.1:" + port
	unbounded(t, url)

	data := t.TempDir()
	config := keep(t, "tallyd.yaml", fmt.Appendf(nil, "switches:\n  - {name: fs1, kind: freeswitch, address: %q, password: ClueCon}\nnats: {url: %q}\nhttp: {listen: '127.0.0.1:0'}\n", centre.listener.Addr(), url))
	cmd := exec.Command(build(t), "serve", "--config", config, "--data", data)
	cmd.Env = slices.DeleteFunc(os.Environ(), forTests)
	var errs sourcetest.Log
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	number := func() (n uint64, problem string) {
		h := streamsHealth(t, data)
		if h == nil {
			return 0, "nobody tells"
		}
		return h.Number, h.Problem
	}
	eventually(t, errs.String, func() bool { n, problem := number(); return n > 1 && problem == "" })

	if err := server.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = server.Wait()
	stopped, _ := number()
	resident := 0
	for begun := time.Now(); time.Since(begun) < away; time.Sleep(100 * time.Millisecond) {
		resident = max(resident, residentKB(t, cmd.Process.Pid))
	}
	still, problem := number()
	if still > stopped+1 || problem == "" {
		t.Errorf("the streams are at %d, then at %d; the problem is %q", stopped, still, problem)
	}
	server = streams(t, folder, port)
	back := time.Now()
	eventually(t, errs.String, func() bool { _, problem := number(); return problem == "" })
	centre.stop()
	last, caught := still, back
	for quiet := time.Now(); time.Since(quiet) < 5*time.Second; time.Sleep(100 * time.Millisecond) {
		n, problem := number()
		if n != last || problem != "" {
			last, quiet, caught = n, time.Now(), time.Now()
		}
		if time.Since(back) > away+time.Minute {
			t.Fatalf("the streams are still at %d: %s", n, problem)
		}
	}
	t.Logf("away for %s: at most %d kB resident; number %d when it went, %d when everything was there, %s after it came back",
		away, resident, stopped, last, caught.Sub(back).Round(100*time.Millisecond))
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("stopped by SIGTERM: %v: %s", err, errs.String())
	}
	published(t, data, url)
}

// unbounded makes the streams, which are used as they are, without a bound: the usual
// one of contacts is reached within minutes here.
func unbounded(t *testing.T, url string) {
	t.Helper()
	nc, err := nats.Connect(url, nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	s := bus.SubjectsOf("main")
	for stream, subject := range map[string]string{s.RollupStream(): "tally.v1.main.rollup.>", s.ContactStream(): "tally.v1.main.contact.>"} {
		eventually(t, func() string { return "the server takes no stream" }, func() bool {
			_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: stream, Subjects: []string{subject}, Storage: jetstream.FileStorage})
			return err == nil
		})
	}
}

// streamsHealth asks a daemon how its streams fare; nil where it does not tell.
func streamsHealth(t *testing.T, data string) *api.RecordsHealth {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	c, err := admin.Dial(ctx, data)
	if err != nil {
		return nil // it has just begun
	}
	defer c.Close()
	h, err := c.API().Health(ctx)
	if err != nil || h.NATS == nil {
		return nil
	}
	return h.NATS.Streams
}
