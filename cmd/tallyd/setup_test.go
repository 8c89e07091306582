package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
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
	return newSetupSiteWith(t, "time_zone: Asia/Shanghai\n")
}

func newSetupSiteWith(t *testing.T, configuration string) *setupSite {
	t.Helper()
	data := t.TempDir()
	args := []string{"--config", keep(t, "tallyd.yaml", []byte(configuration)), "--data", data}
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
	status, answer := s.ask(http.MethodPost, "/api/v1/setup/"+what, body)
	if err := json.Unmarshal(answer, &out); err != nil || status != http.StatusOK {
		s.t.Fatalf("%s: %d, %v, %s", what, status, err, answer)
	}
	return out
}

// ask sends something, and gives what is answered.
func (s *setupSite) ask(method, at string, body any) (status int, answer []byte) {
	s.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+at, bytes.NewReader(b))
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
	if answer, err = io.ReadAll(res.Body); err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, answer
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
	if trial.Connected || !strings.Contains(trial.Error, "connection refused") || time.Since(begun) > 9*time.Second { // a switch that answers has ten
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

// TestWriteRoster: a table is put into the roster that there is, which is in force then and
// is kept beside it. What was changed since it was tried is not written over, and nothing
// is of a roster with faults.
func TestWriteRoster(t *testing.T) {
	const before = "# who is who\nteams:\n  - {id: north, name: Far North}\nagents:\n  - {id: ann, name: Ann, team: north}\n  - {id: bob, name: Bob, team: north}\n"
	file := keep(t, "roster.yaml", []byte(before))
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	s := newSetupSiteWith(t, "roster_file: "+file+"\n")
	const table = "id,name,team\nann,Ann Lee,north\ncho,Cho,north\n"
	trial := try[api.RosterTrial](s, "roster", map[string]any{"text": table})
	if len(trial.Faults) > 0 || trial.Added != 1 || trial.Changed != 1 || trial.Removed != 0 || trial.Agents != 3 || trial.File != file || trial.Written {
		t.Fatalf("%+v", trial)
	}
	put := func(text, over string) (status int, out api.RosterTrial, answer string) {
		status, b := s.ask(http.MethodPut, "/api/v1/setup/roster", map[string]any{"text": text, "over": over})
		if status == http.StatusOK {
			if err := json.Unmarshal(b, &out); err != nil {
				t.Fatal(err)
			}
		}
		return status, out, string(b)
	}
	content := func(of string) string {
		b, err := os.ReadFile(of)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	const byHand = before + "  - {id: dee, name: Dee}\n"
	if err := os.WriteFile(file, []byte(byHand), 0o640); err != nil {
		t.Fatal(err)
	}
	if status, _, answer := put(table, trial.Over); status != http.StatusConflict || !strings.Contains(answer, "changed meanwhile") || content(file) != byHand {
		t.Fatalf("over what somebody changed: %d %s", status, answer)
	}
	trial = try[api.RosterTrial](s, "roster", map[string]any{"text": table})
	if status, out, answer := put("id,name\n,Nobody\n", trial.Over); status != http.StatusOK || out.Written || len(out.Faults) != 1 || content(file) != byHand {
		t.Fatalf("a roster with faults: %d %s", status, answer)
	}
	status, out, answer := put(table, trial.Over)
	now := content(file)
	if status != http.StatusOK || !out.Written || !strings.HasPrefix(now, "# who is who") || !strings.Contains(now, "Ann Lee") || !strings.Contains(now, "dee") || content(file+oldRoster) != byHand {
		t.Fatalf("%d %s\n%s", status, answer, now)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info, err)
	}
	if _, answer := s.ask(http.MethodGet, "/api/v1/roster", nil); !strings.Contains(string(answer), "Ann Lee") || !strings.Contains(string(answer), "cho") {
		t.Errorf("in force is %s", answer)
	}
	if again := try[api.RosterTrial](s, "roster", map[string]any{"text": now}); again.Over != out.Over || again.Added+again.Changed+again.Removed != 0 {
		t.Errorf("what is in force, tried: %+v, written: %+v", again, out)
	}
	if status, _, answer := put("agents: []\n", "x"); status != http.StatusConflict {
		t.Errorf("%d %s", status, answer)
	}
	none := newSetupSite(t)
	if status, answer := none.ask(http.MethodPut, "/api/v1/setup/roster", map[string]any{"text": table, "over": "x"}); status != http.StatusUnprocessableEntity || !strings.Contains(string(answer), "names no roster_file") {
		t.Errorf("where none is configured: %d %s", status, answer)
	}
}

// TestPagesInSetup: the set-up page in a browser.
func TestPagesInSetup(t *testing.T) {
	if raceEnabled {
		return // it runs without the race detector
	}
	browser(t)
	attached, tried := startCentre(t, 20, 0), startCentre(t, 20, 0)
	roster := keep(t, "roster.yaml", []byte("agents: [{id: bob, name: Bob}]\n"))
	s := newPagesSite(t, fmt.Sprintf("roster_file: %s\nswitches:\n  - {name: fs1, kind: freeswitch, address: %q, password: ClueCon}\n", roster, attached.listener.Addr()))
	s.start()
	drive(t, "setup.mjs", map[string]any{"url": s.url, "pictures": pictures(t), "address": tried.listener.Addr().String(),
		"tokens": map[string]string{"root": s.token("root", "--role", "admin"), "boss": s.token("boss", "--role", "supervisor", "--team", "north")}}, func(string) {})
	if now, err := os.ReadFile(roster); err != nil || !strings.Contains(string(now), "id: bob") || !strings.Contains(string(now), "id: ann") {
		t.Errorf("the roster is %s, %v", now, err)
	}
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
