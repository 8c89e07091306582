package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"tallyd/connectors/api"
	"tallyd/connectors/bus/bustest"
	"tallyd/storage"
)

var hourly = Streams{RollupsFor: time.Hour, ContactsFor: time.Hour}

// readable are the files below a folder that have a text.
func readable(t *testing.T, dir, text string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(text)) {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestStreamsEncrypted: nobody reads in the streams' files who did what; streams that
// an earlier version wrote in plain text are encrypted, and have what they had.
func TestStreamsEncrypted(t *testing.T) {
	c, dir := newCentre(t), t.TempDir()
	c.put(300, 100)
	run := func(name string) {
		t.Run(name, func(t *testing.T) {
			c.t = t
			r := runBus(t, Config{Service: c.service, Listen: "127.0.0.1:0", Dir: dir, Streams: hourly})
			c.put(20, 10)
			c.delivered(r)
		})
		c.t = t
	}
	run("new")
	const agent = "1003@a.b"
	if files := readable(t, dir, agent); len(files) > 0 {
		t.Errorf("%v name an agent", files)
	}
	if files := readable(t, c.dir, agent); len(files) == 0 {
		t.Fatal("the test looks for what is nowhere")
	}

	// A server without a key, as an earlier version ran it.
	c, dir = newCentre(t), t.TempDir()
	plain := bustest.Server(t, filepath.Join(dir, StreamsFolder), server.RANDOM_PORT)
	b, err := New(Config{Service: c.service, URL: plain.ClientURL(), Streams: hourly})
	if err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect(plain.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	c.put(300, 100)
	if err := newRecords(b, nc).deliver(t.Context()); err != nil {
		t.Fatal(err)
	}
	nc.Close()
	bustest.Stop(plain)
	if files := readable(t, dir, agent); len(files) == 0 {
		t.Fatal("the earlier version's streams are encrypted")
	}
	run("of an earlier version")
	run("once more")
	if files := readable(t, dir, agent); len(files) > 0 {
		t.Errorf("%v name an agent", files)
	}
}

// TestStreamsKeyGone: streams whose key is gone are set aside, and new ones begun; a
// key that says nothing is told.
func TestStreamsKeyGone(t *testing.T) {
	c, dir := newCentre(t), t.TempDir()
	c.put(30, 10)
	var log bytes.Buffer
	run := func() {
		t.Run("run", func(t *testing.T) {
			c.t = t
			c.delivered(runBus(t, Config{Service: c.service, Listen: "127.0.0.1:0", Dir: dir, Streams: hourly, Logger: slog.New(slog.NewTextHandler(&log, nil))}))
		})
		c.t = t
	}
	run()
	key := filepath.Join(dir, StreamsKeyFile)
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	run() // what was delivered in the last ten minutes is told again
	if _, err := os.Stat(filepath.Join(dir, StreamsFolder+".unreadable-1")); err != nil || !strings.Contains(log.String(), "the key of the streams is gone") {
		t.Errorf("%v; the log says %s", err, log.String())
	}
	if err := os.WriteFile(key, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := New(Config{Service: c.service, Listen: "127.0.0.1:0", Dir: dir, Streams: hourly})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "streams.key\" is empty") {
		t.Errorf("error is %v", err)
	}
}

// streamsLife is the environment variable that makes this program a daemon that
// publishes what a store has to its own server: the folders of both.
const streamsLife = "TALLYD_TEST_STREAMS"

// publishUntilTold ends when everything is in the streams.
func publishUntilTold(folders string) int {
	from, dir, _ := strings.Cut(folders, "|")
	err := func() error {
		store, err := storage.Open(context.Background(), storage.Config{Dir: from})
		if err != nil {
			return err
		}
		newest := uint64(0)
		v, err := store.Snapshot()
		if err != nil {
			return err
		}
		for item, err := range v.Outbox(context.Background(), 0) {
			if err != nil {
				return err
			}
			newest = item.Number
		}
		v.Close()
		b, err := New(Config{Service: api.New(api.Config{Site: "main", Store: store}), Listen: "127.0.0.1:0", Dir: dir, Streams: hourly})
		if err != nil {
			return err
		}
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- b.Run(ctx) }()
		for b.Health().Records == nil || b.Health().Records.Number < newest {
			select {
			case err := <-ended:
				stop()
				return err
			case <-time.After(5 * time.Millisecond):
			}
		}
		stop()
		return errors.Join(<-ended, store.Close())
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// TestStreamsKilled: the daemon is killed again and again while it publishes to its
// own server; everything is in the streams once and in order in the end.
func TestStreamsKilled(t *testing.T) {
	c, dir := newCentre(t), t.TempDir()
	for range 120 {
		c.put(400, 150)
	}
	if err := c.store.Close(); err != nil {
		t.Fatal(err)
	}
	kills := 0
	for told := false; !told; {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), streamsLife+"="+c.dir+"|"+dir)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Each lives somewhat longer, until one has the time to tell everything.
		killer := time.AfterFunc(time.Duration(80+rand.IntN(80+10*kills))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		err := cmd.Wait()
		killer.Stop()
		if told = err == nil; told {
			break
		}
		if cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("it ended by itself: %v: %s", err, errs.String())
		}
		kills++
	}
	if kills < 8 {
		t.Errorf("it was killed %d times only", kills)
	}
	t.Logf("%d kills", kills)
	c.open()
	c.delivered(runBus(t, Config{Service: c.service, Listen: "127.0.0.1:0", Dir: dir, Streams: hourly}))
}
