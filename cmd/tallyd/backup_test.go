package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tallyd/connectors/admin"
	"tallyd/connectors/api"
	"tallyd/metrics"
)

// TestBackupCommand: a backup of the running daemon, restored, answers every
// question as the daemon did.
func TestBackupCommand(t *testing.T) {
	data, config := playedData(t)
	folder := t.TempDir()
	d := serveInBackground(t, "--config", config, "--data", data)
	eventually(t, func() string { return "there is no socket" }, func() bool { _, err := os.Stat(filepath.Join(data, admin.SocketFile)); return err == nil })
	var made struct {
		File     string `json:"file"`
		Site     string `json:"site"`
		Contacts int    `json:"contacts"`
		Rollups  int    `json:"rollups"`
		SHA256   string `json:"sha256"`
	}
	code, out, errs := command(t, "backup", "--json", "--data", data, folder)
	if code != exitDone || errs != "" {
		t.Fatalf("exit %d: %s", code, errs)
	}
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		t.Fatal(err)
	}
	contacts, sums := storedBy(t, d, data)
	if made.Contacts != len(contacts) || made.Rollups == 0 || made.Site != "main" || filepath.Dir(made.File) != folder || !strings.HasPrefix(filepath.Base(made.File), "tallyd-main-") {
		t.Errorf("made %+v of %d contacts", made, len(contacts))
	}
	if st, err := os.Stat(made.File); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, error %v", st.Mode(), err)
	}
	if left, err := filepath.Glob(filepath.Join(folder, ".*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
	sum, err := exec.Command("sh", "-c", `head -c -72 "$0" | sha256sum`, made.File).Output()
	if err != nil || !strings.HasPrefix(string(sum), made.SHA256) {
		t.Errorf("sha256sum says %s, %v; want %s", sum, err, made.SHA256)
	}
	// The stopped folder gives the same.
	stoppedFile := filepath.Join(t.TempDir(), "stopped.backup")
	if code, out, errs := command(t, "backup", "--data", data, stoppedFile); code != exitDone || !strings.Contains(out, fmt.Sprintf("%d contacts", len(contacts))) {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	if code, _, errs := command(t, "backup", "--data", data, stoppedFile); code != exitUsage || !strings.Contains(errs, "is there already") {
		t.Errorf("over a file: exit %d: %s", code, errs)
	}
	for _, file := range []string{made.File, stoppedFile} {
		restored := filepath.Join(t.TempDir(), "new")
		if code, out, errs := command(t, "restore", file, "--data", restored); code != exitDone || !strings.Contains(out, "sha256") {
			t.Fatalf("exit %d: %s", code, errs)
		}
		contacts2, sums2 := stored(t, restored)
		if fmt.Sprint(contacts2) != fmt.Sprint(contacts) || fmt.Sprint(sums2) != fmt.Sprint(sums) {
			t.Errorf("restored are %d contacts, were %d", len(contacts2), len(contacts))
		}
		key, err := os.ReadFile(filepath.Join(data, api.CallerKeyFile))
		key2, err2 := os.ReadFile(filepath.Join(restored, api.CallerKeyFile))
		if st, err3 := os.Stat(filepath.Join(restored, api.CallerKeyFile)); err != nil || err2 != nil || err3 != nil || string(key) != string(key2) || st.Mode().Perm() != 0o600 {
			t.Errorf("the key is not the same: %v, %v, %v", err, err2, err3)
		}
		d := serveInBackground(t, "--config", config, "--data", restored)
		if got := offered(askKPI(t, restored, "--from", time.Now().Add(-2*time.Hour).UTC().Format(time.RFC3339))); got != 77 {
			t.Errorf("the restored daemon knows of %d calls", got)
		}
		if code := d.stop(); code != exitDone {
			t.Errorf("it ended with %d: %s", code, d.errs.String())
		}
	}
}

// storedBy stops a daemon and returns what it has stored.
func storedBy(t *testing.T, d *background, data string) ([]metrics.Contact, map[string]int64) {
	t.Helper()
	if code := d.stop(); code != exitDone {
		t.Fatalf("the daemon ended with %d: %s", code, d.errs.String())
	}
	sealBooks(t, data)
	return stored(t, data)
}
