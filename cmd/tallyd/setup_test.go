package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tallyd/cmd/tallyd/config"
	"tallyd/connectors/api"
	"tallyd/connectors/asterisk"
	"tallyd/connectors/asterisk/lab"
	"tallyd/connectors/freeswitch"
	"tallyd/metrics"
)

// setupSite is a daemon without a switch, and an administrator's token.
type setupSite struct {
	t          *testing.T
	url, token string
}

func newSetupSite(t *testing.T) *setupSite {
	t.Helper()
	data := t.TempDir()
	args := []string{"--config", keep(t, "tallyd.yaml", []byte("time_zone: Asia/Shanghai\n")), "--data", data}
	serveInBackground(t, append([]string{"--demo"}, args...)...)
	code, out, errs := command(t, append([]string{"token", "create", "root", "--role", "admin"}, args...)...)
	if code != exitDone {
		t.Fatal(errs)
	}
	return &setupSite{t, strings.TrimSpace(string(example(t, filepath.Join(data, "http.url")))), strings.TrimSpace(out)}
}

// try posts something, and reads the answer.
func try[T any](s *setupSite, what string, body any) (out T) {
	s.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url+"/api/v1/setup/"+what, bytes.NewReader(b))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil || res.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %s, %v, %+v", what, res.Status, err, out)
	}
	return out
}

// TestTrySwitch: settings with faults are not tried, an address where nobody listens is
// told of soon, and of a FreeSWITCH that answers is said what is on it.
func TestTrySwitch(t *testing.T) {
	s := newSetupSite(t)
	trial := try[api.SwitchTrial](s, "switch", map[string]any{"name": "a1", "kind": "asterisk", "ari": "ftp://x", "password": ""})
	if trial.Connected || !slices.ContainsFunc(trial.Faults, func(f string) bool { return strings.Contains(f, "is not a URL with one of the schemes http, https") }) || len(trial.Faults) < 3 {
		t.Errorf("%+v", trial)
	}
	begun := time.Now()
	trial = try[api.SwitchTrial](s, "switch", map[string]any{"name": "f1", "kind": "freeswitch", "address": "127.0.0.1:1", "password": "x"})
	if trial.Connected || !strings.Contains(trial.Error, "connection refused") || time.Since(begun) > 6*time.Second {
		t.Errorf("after %s: %+v", time.Since(begun), trial)
	}
	centre := startCentre(t, 20, 0)
	trial = try[api.SwitchTrial](s, "switch", map[string]any{"name": "f 1", "kind": "freeswitch", "address": centre.listener.Addr().String(), "password": "ClueCon"})
	if !trial.Connected || trial.Error != "" || trial.Events == 0 || len(trial.Queues) == 0 || len(trial.Agents) != api.MaxTried {
		t.Errorf("%+v", trial)
	}
	want := fmt.Sprintf("switches:\n    - name: f 1\n      kind: freeswitch\n      address: %s\n      password_file: /etc/tallyd/f_1.password\n", centre.listener.Addr())
	if trial.Config != want {
		t.Errorf("to write down is\n%swant\n%s", trial.Config, want)
	}
}

// TestTryAsterisk: a real one, with a right and with a wrong password, with and without
// the manager interface.
func TestTryAsterisk(t *testing.T) {
	a, _, _ := besideAsterisk(t)
	s := newSetupSite(t)
	settings := map[string]any{"name": "ast1", "kind": "asterisk", "ari": a.ARI(), "username": lab.ARIUser, "password": lab.ARIPassword}
	trial := try[api.SwitchTrial](s, "switch", settings)
	if !trial.Connected || len(trial.Missing) == 0 || !strings.Contains(trial.Missing[0], "no manager interface") {
		t.Errorf("without the manager interface: %+v", trial)
	}
	settings["ami"] = map[string]any{"address": fmt.Sprintf("127.0.0.1:%d", a.AMI), "username": lab.AMIUser, "password": lab.AMIPassword}
	trial = try[api.SwitchTrial](s, "switch", settings)
	if !trial.Connected || len(trial.Missing) != 0 || len(trial.Queues) < 5 || len(trial.Agents) < 5 {
		t.Errorf("with it: %+v", trial)
	}
	path := keep(t, "tallyd.yaml", []byte(strings.ReplaceAll(strings.ReplaceAll(trial.Config, "/etc/tallyd/ast1.password", "p1"), "/etc/tallyd/ast1-ami.password", "p1")))
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "p1"), []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := config.Load(path, nil); err != nil || c.Switches[0].AMI.Username != lab.AMIUser {
		t.Errorf("what is to be written down is no configuration: %v\n%s", err, trial.Config)
	}
	settings["password"] = "wrong"
	if trial = try[api.SwitchTrial](s, "switch", settings); trial.Connected || !strings.Contains(trial.Error, "password") {
		t.Errorf("with a wrong password: %+v", trial)
	}
}

// TestTryRoster: every fault with its line, and YAML of CSV.
func TestTryRoster(t *testing.T) {
	s := newSetupSite(t)
	ask := func(text string) api.RosterTrial {
		return try[api.RosterTrial](s, "roster", map[string]any{"text": text})
	}
	if r := ask("id,name,team\nann,Ann,north\nbob,Bob,south\n"); len(r.Faults) != 0 || r.Agents != 2 || r.Teams != 2 || !strings.Contains(r.Roster, "id: ann") {
		t.Errorf("%+v", r)
	} else if again := ask(r.Roster); len(again.Faults) != 0 || again.Agents != 2 || again.Roster != "" {
		t.Errorf("what CSV came to: %+v", again)
	}
	if r := ask("id,name,from\nann,Ann,2026-13-01\n,Bob,\n"); len(r.Faults) != 2 || r.Faults[0].Line != 2 || r.Faults[0].Column == 0 || r.Faults[1].Line != 3 {
		t.Errorf("%+v", r)
	}
	if r := ask("agents:\n  - {id: ann, colour: red}\n  - {name: Bob}\n"); len(r.Faults) < 2 || r.Faults[0].Line != 2 || !strings.Contains(r.Faults[0].What, "colour") {
		t.Errorf("%+v", r)
	}
	if r := ask(""); r.Agents != 0 {
		t.Errorf("of nothing: %+v", r)
	}
}

// TestPagesInSetup: the set-up page in a browser.
func TestPagesInSetup(t *testing.T) {
	if raceEnabled {
		return // it runs without the race detector
	}
	browser(t)
	attached, tried := startCentre(t, 20, 0), startCentre(t, 20, 0)
	s := newPagesSite(t, fmt.Sprintf("switches:\n  - {name: fs1, kind: freeswitch, address: %q, password: ClueCon}\n", attached.listener.Addr()))
	s.start()
	drive(t, "setup.mjs", map[string]any{"url": s.url, "pictures": pictures(t), "address": tried.listener.Addr().String(),
		"tokens": map[string]string{"root": s.token("root", "--role", "admin"), "boss": s.token("boss", "--role", "supervisor", "--team", "north")}}, func(string) {})
}

// TestSaidInChinese: the pages can say in Chinese why a switch could not be attached, and
// what of it cannot be seen.
func TestSaidInChinese(t *testing.T) {
	said, err := os.ReadFile(filepath.Join(pagesFolder, "src/lib/i18n/said.ts"))
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{"connection refused", "no such host", "i/o timeout"}
	for _, err := range []error{
		freeswitch.ErrPassword, freeswitch.ErrAccess, freeswitch.ErrNotFreeSWITCH, freeswitch.ErrNoCallcenter, freeswitch.ErrSilent, freeswitch.ErrDisconnected,
		asterisk.ErrPassword, asterisk.ErrNotAsterisk, asterisk.ErrReplaced, asterisk.ErrRestarted, asterisk.ErrSilent, asterisk.ErrManagerLogin, asterisk.ErrNotManager,
	} {
		texts = append(texts, err.Error())
	}
	names := metrics.NewNames()
	alone := asterisk.New(asterisk.Config{}, names, metrics.NewTracker(names, metrics.Options{}))
	for _, m := range alone.Health().Missing {
		texts = append(texts, strings.FieldsFunc(m, func(r rune) bool { return r == ';' || r == ':' })...)
	}
	for _, text := range texts {
		if !strings.Contains(string(said), strings.TrimSpace(text)) {
			t.Errorf("the pages cannot say in Chinese: %s", text)
		}
	}
}
