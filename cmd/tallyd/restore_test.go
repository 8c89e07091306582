package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tallyd/connectors/api"
)

// TestRestoreFaults: what is no whole backup is refused, and nothing is written.
func TestRestoreFaults(t *testing.T) {
	data, _ := playedData(t)
	file := filepath.Join(t.TempDir(), "sound.backup")
	if code, _, errs := command(t, "backup", "--data", data, file); code != exitDone {
		t.Fatalf("exit %d: %s", code, errs)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	flipped := []byte(string(content))
	flipped[len(flipped)/2] ^= 4
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "something"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file, data string
		code       int
		says       string
	}{
		"damaged":      {keep(t, "damaged.backup", flipped), filepath.Join(t.TempDir(), "new"), exitNotSo, "is damaged: its SHA-256 is"},
		"cut off":      {keep(t, "cut.backup", content[:len(content)/2]), filepath.Join(t.TempDir(), "new"), exitNotSo, "is cut off"},
		"foreign":      {keep(t, "foreign.backup", []byte("PK\x03\x04")), filepath.Join(t.TempDir(), "new"), exitNotSo, "is not a backup of tallyd"},
		"missing":      {"/nowhere/x.backup", filepath.Join(t.TempDir(), "new"), exitCannot, `file "/nowhere/x.backup" cannot be read: no such file or directory`},
		"not empty":    {file, full, exitCannot, `is not empty (something is there): restore into a new one`},
		"a daemon's":   {file, data, exitCannot, `is not empty`},
		"not a folder": {file, file, exitCannot, "not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := command(t, "restore", c.file, "--data", c.data)
			if code != c.code || out != "" || !strings.Contains(errs, c.says) || strings.Count(errs, "\n") != 1 {
				t.Errorf("exit %d, %q, %q", code, out, errs)
			}
			if _, err := os.Stat(c.data); strings.HasSuffix(c.data, "new") && err == nil {
				t.Error("the folder was made")
			}
			if strings.HasSuffix(c.data, "new") && c.code == exitNotSo {
				if code, _, errs := command(t, "restore", "--check", c.file); code != exitNotSo || !strings.Contains(errs, c.says) {
					t.Errorf("checked: exit %d: %s", code, errs)
				}
			}
		})
	}
	if code, out, errs := command(t, "restore", "--check", file); code != exitDone || !strings.Contains(out, "contacts") || errs != "" {
		t.Errorf("a sound one checked: exit %d, %q, %q", code, out, errs)
	}
	// A restoring that was cut off is not taken for an empty folder, and done anew.
	cut := filepath.Join(t.TempDir(), "cut")
	if err := os.MkdirAll(filepath.Join(cut, restoringFolder, storeFolder), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(cut, api.CallerKeyFile), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := command(t, "serve", "--demo", "--data", cut); code != exitCannot || !strings.Contains(errs, "the restoring of a backup was interrupted: run tallyd restore again") {
		t.Errorf("serve: exit %d: %s", code, errs)
	}
	if code, _, errs := command(t, "restore", file, "--data", cut); code != exitDone {
		t.Errorf("restored again: exit %d: %s", code, errs)
	}
	if _, err := os.Stat(filepath.Join(cut, restoringFolder)); err == nil {
		t.Error("the mark of an unfinished restoring is left")
	}
	contacts, _ := stored(t, data)
	if contacts2, _ := stored(t, cut); fmt.Sprint(contacts2) != fmt.Sprint(contacts) {
		t.Errorf("restored are %d contacts, were %d", len(contacts2), len(contacts))
	}
}
