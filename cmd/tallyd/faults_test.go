package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"tallyd/connectors/api"
	"tallyd/metrics"
)

// TestTwoDaemonsOnOneFolder: the second says so and ends.
func TestTwoDaemonsOnOneFolder(t *testing.T) {
	data := t.TempDir()
	first := serveInBackground(t, "--demo", "--data", data)
	eventually(t, first.errs.String, func() bool { return offered(askKPI(t, data)) > 0 })
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"serve", "--demo", "--data", data}, anyPorts, &out, &errs)
	if want := fmt.Sprintf("folder %q is in use by another process\n", filepath.Join(data, storeFolder)); code != exitCannot || errs.String() != want {
		t.Errorf("exit %d: %s", code, errs.String())
	}
	// The first one is asked, and takes commands, as before.
	before := offered(askKPI(t, data))
	eventually(t, func() string { return "the first daemon counts no more" }, func() bool { return offered(askKPI(t, data)) > before })
	if code, _, errs := command(t, "forget", "--list", "--data", data); code != exitDone {
		t.Errorf("exit %d: %s", code, errs)
	}
	if code := first.stop(); code != exitDone {
		t.Errorf("the first daemon ended with %d: %s", code, first.errs.String())
	}
}

// TestServeOnABadFolder: what is wrong with the data folder is said in one
// clause, and ends the daemon.
func TestServeOnABadFolder(t *testing.T) {
	sound, config := playedData(t)
	for name, c := range map[string]struct {
		spoil func(data string) error
		says  string
	}{
		"key cut off": {func(data string) error {
			return os.WriteFile(filepath.Join(data, api.CallerKeyFile), []byte("x"), 0o600)
		},
			"caller.key holds 1 bytes, a caller key has 32"},
		"list damaged": {func(data string) error {
			return os.WriteFile(filepath.Join(data, storeFolder, "MANIFEST"), []byte("nonsense"), 0o600)
		}, "is damaged (manifest has bad magic): nothing was changed; restore a backup with tallyd restore"},
		"list missing": {func(data string) error { return os.Remove(filepath.Join(data, storeFolder, "MANIFEST")) },
			"nothing was changed; restore a backup with tallyd restore"},
		"a file in its place": {func(data string) error {
			return errors.Join(os.RemoveAll(filepath.Join(data, storeFolder)), os.WriteFile(filepath.Join(data, storeFolder), nil, 0o600))
		}, "cannot be made: not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			data := filepath.Join(t.TempDir(), "data")
			if err := errors.Join(os.CopyFS(data, os.DirFS(sound)), c.spoil(data)); err != nil {
				t.Fatal(err)
			}
			code, out, errs := command(t, "serve", "--config", config, "--data", data)
			if code != exitCannot || out != "" || !strings.Contains(errs, c.says) || !strings.Contains(errs, data) || strings.Count(errs, "\n") != 1 {
				t.Errorf("exit %d, %q, %q", code, out, errs)
			}
		})
	}
}

// TestServeOnAFullDisk: with less than the reserve free, the daemon counts,
// answers, says what is wrong, and when it is stopped stores what it has counted.
func TestServeOnAFullDisk(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=200m"); err != nil {
		if os.Getenv("TALLYD_REQUIRE") == "all" {
			t.Fatalf("no filesystem can be mounted: %v", err)
		}
		t.Skipf("no filesystem can be mounted, which takes root: %v", err)
	}
	defer syscall.Unmount(disk, syscall.MNT_DETACH)
	data := filepath.Join(disk, "data")
	d := serveInBackground(t, "--demo", "--data", data)
	eventually(t, d.errs.String, func() bool {
		_, table, _ := command(t, "kpi", "--data", data)
		return strings.Contains(table, "! the store: the disk is full: less than 256 MB are free") && offered(askKPI(t, data)) > 0
	})
	counted := offered(askKPI(t, data))
	if code := d.stop(); code != exitDone {
		t.Errorf("the daemon ended with %d: %s", code, d.errs.String())
	}
	if n := strings.Count(d.errs.String(), "store: the disk is full"); n != 1 {
		t.Errorf("it is said %d times: %s", n, d.errs.String())
	}
	// Whether a quarter hour ended meanwhile is open.
	if n := strings.Count(d.errs.String(), "an interval cannot be stored"); n > 1 {
		t.Errorf("it is said %d times: %s", n, d.errs.String())
	}
	sealBooks(t, data)
	if contacts, sums := stored(t, data); sums[fmt.Sprintf("%d %d", metrics.QueueRow, metrics.Offered)] < counted {
		t.Errorf("%d contacts are stored, sums %v; %d were counted", len(contacts), sums, counted)
	}
}
