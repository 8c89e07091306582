package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestToken makes a token, asks with it from elsewhere, and revokes it.
func TestToken(t *testing.T) {
	data := t.TempDir()
	serveInBackground(t, "--demo", "--data", data)
	code, token, errs := command(t, "token", "create", "hr", "--role", "scoring", "--expires", "90d", "--data", data)
	if code != exitDone || !strings.HasPrefix(token, "tally_") || !strings.Contains(errs, "the only time") {
		t.Fatalf("exit %d: %s%s", code, token, errs)
	}
	file := keep(t, "token", []byte(token))
	url, err := os.ReadFile(filepath.Join(data, "http.url"))
	if err != nil {
		t.Fatal(err)
	}
	there := []string{"kpi", "--url", strings.TrimSpace(string(url)), "--token-file", file}
	if code, out, errs := command(t, there...); code != exitDone || !strings.Contains(out, "QUEUE") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	if code, out, _ := command(t, "token", "list", "--data", data); code != exitDone || !strings.Contains(out, "scoring") || strings.Contains(out, strings.TrimSpace(token)) ||
		!strings.Contains(out, time.Now().AddDate(0, 0, 90).Format(time.DateOnly)) {
		t.Errorf("exit %d: %s", code, out)
	}
	if code, _, errs := command(t, "token", "revoke", "hr", "--data", data); code != exitDone {
		t.Errorf("exit %d: %s", code, errs)
	}
	if code, _, errs := command(t, there...); code != exitCannot || !strings.Contains(errs, "no valid token: it is unknown, or was revoked") {
		t.Errorf("revoked: exit %d: %s", code, errs)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"token", "revoke", "hr", "--data", data}, exitNotSo, `no such token as "hr"`},
		{[]string{"token", "create", "x", "--role", "boss", "--data", data}, exitUsage, `token: role "boss" is none of admin`},
		{[]string{"token", "create", "x", "--role", "agent", "--data", data}, exitUsage, "token: an agent's token needs the agent's id"},
		{[]string{"token", "create", "x", "--role", "admin", "--expires", "soon", "--data", data}, exitUsage, `token: --expires "soon" is not an age`},
		{[]string{"token", "create", "X Y", "--role", "admin", "--data", data}, exitCannot, `name "X Y" is not 1 to 32`},
		{[]string{"token", "list", "--data", filepath.Join(data, "nowhere")}, exitCannot, "there is no data folder"},
		{[]string{"kpi", "--url", "pbx", "--token-file", file}, exitUsage, `--url "pbx" is no address`},
		{[]string{"kpi", "--url", "http://127.0.0.1:1"}, exitUsage, "--url needs a token"},
		{[]string{"kpi", "--token-file", file}, exitUsage, "--token-file goes with --url"},
	} {
		if code, _, errs := command(t, c.args...); code != c.code || !strings.Contains(errs, c.says) {
			t.Errorf("%v: exit %d: %s", c.args, code, errs)
		}
	}
}
