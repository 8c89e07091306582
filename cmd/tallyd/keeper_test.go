package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"tallyd/cmd/tallyd/config"
	"tallyd/connectors/api"
	"testing"
	"time"

	"tallyd/connectors/freeswitch/playback"
	"tallyd/metrics"
	"tallyd/storage"
)

// playedData is a data folder that a daemon made of a recording, stopped in
// order, and a configuration whose switch is away.
func playedData(t *testing.T) (data, config string) {
	t.Helper()
	recording, err := playback.Open(recordings + "lab-standby/plain.raw.gz")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	playing, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		(&playback.Server{Recording: recording, ShiftTo: time.Now().Add(-10 * time.Minute)}).Serve(playing, l)
	})
	defer wg.Wait()
	defer stop()
	configure := func(address string) string {
		return keep(t, "tallyd.yaml", fmt.Appendf(nil, "switches:\n  - {name: fs1, kind: freeswitch, address: %q, password: ClueCon}\n", address))
	}
	data = filepath.Join(t.TempDir(), "data")
	d := serveInBackground(t, "--config", configure(l.Addr().String()), "--data", data)
	since := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	eventually(t, d.errs.String, func() bool { return offered(askKPI(t, data, "--from", since)) == 77 })
	if code := d.stop(); code != exitDone {
		t.Fatalf("the daemon ended with %d: %s", code, d.errs.String())
	}
	sealBooks(t, data)
	return data, configure("127.0.0.1:1")
}

// stored opens a stopped daemon's store and returns what it shows.
func stored(t *testing.T, data string) (contacts []metrics.Contact, sums map[string]int64) {
	t.Helper()
	s, err := storage.Open(t.Context(), storage.Config{Dir: filepath.Join(data, storeFolder)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, kind := range []metrics.ContactKind{metrics.VisitContact, metrics.CallContact} {
		for c, err := range s.Contacts(t.Context(), storage.ContactQuery{Kind: kind}) {
			if err != nil {
				t.Fatal(err)
			}
			contacts = append(contacts, c)
		}
	}
	sums = map[string]int64{}
	rows, err := s.Sum(t.Context(), storage.Query{To: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		for c, n := range r.Values {
			sums[fmt.Sprintf("%d %d", r.Kind, c)] += n
		}
	}
	return contacts, sums
}

// TestKeeperKeepsOwner: root who works on a stopped daemon's folder leaves no
// file behind that the daemon could not open.
func TestKeeperKeepsOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("TALLYD_REQUIRE") == "all" {
			t.Fatal("only root can be somebody else")
		}
		t.Skip("only root can be somebody else")
	}
	data, _ := playedData(t)
	const nobody = 65534
	for d := data; len(d) > len(os.TempDir()); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	chown := exec.Command("chown", "-R", fmt.Sprint(nobody), data)
	if out, err := chown.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	others := func(dir string) (list []string) {
		err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := e.Info()
			if err == nil && info.Sys().(*syscall.Stat_t).Uid != nobody {
				list = append(list, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	// The tests' own process must stay root whatever happens.
	bin := build(t)
	sh := func(args ...string) {
		t.Helper()
		cmd := exec.Command(bin, args...)
		cmd.Env = slices.DeleteFunc(os.Environ(), forTests)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%q: %v: %s", args, err, out)
		}
	}
	file := filepath.Join(t.TempDir(), "x.backup")
	sh("backup", "--data", data, file)
	sh("forget", "agent", "1001@default", "--data", data)
	if list := others(data); len(list) != 0 {
		t.Errorf("root's are %q", list)
	}
	if st, err := os.Stat(file); err != nil || st.Sys().(*syscall.Stat_t).Uid != 0 {
		t.Errorf("the backup is not root's: %v", err)
	}
	restored := t.TempDir()
	if err := os.Chown(restored, nobody, -1); err != nil {
		t.Fatal(err)
	}
	sh("restore", file, "--data", restored)
	if list := others(restored); len(list) != 0 {
		t.Errorf("restored, root's are %q", list)
	}
}

// sealBooks closes what a stopped daemon left open, as when its switches are
// configured no longer: then the store has everything that was counted.
func sealBooks(t *testing.T, data string) {
	t.Helper()
	key, err := callerKey(filepath.Join(data, api.CallerKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{cfg: &config.Config{Data: data}, log: slog.New(slog.DiscardHandler)}
	if d.store, err = storage.Open(t.Context(), storage.Config{Dir: filepath.Join(data, storeFolder)}); err != nil {
		t.Fatal(err)
	}
	d.intake = api.NewIntake(d.store, d.log)
	d.store.UseReserve()
	if err := errors.Join(d.closeBooks(key), d.store.Close()); err != nil {
		t.Fatal(err)
	}
}
