package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"tallyd/connectors/api"
	"tallyd/storage"
)

var hourly = Streams{RollupsFor: time.Hour, ContactsFor: time.Hour}

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
