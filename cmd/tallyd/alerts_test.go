package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tallyd/connectors/api"
	"tallyd/connectors/web/client"
)

// TestAlertsCheck: everything that is wrong with files of alerts is said at once, and
// a configuration is held against the file that it names.
func TestAlertsCheck(t *testing.T) {
	const file = "../../configs/alerts.yaml"
	if code, out, errs := command(t, "alerts", "check", file); code != exitDone || out != file+" is sound: 3 alerts\n" || errs != "" {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	bad := keep(t, "bad.yaml", []byte("alerts:\n  - {id: a, of: queue, when: wating > 3, owner: x, because: y}\n  - {id: a, of: team, when: 'true', because: y}\n"))
	code, out, errs := command(t, "alerts", "check", file, bad)
	if code != exitNotSo || !strings.HasPrefix(out, file+" is sound") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	for _, want := range []string{
		bad + ":2:30: when \"wating > 3\", at character 1: undeclared reference to 'wating' (did you mean 'waiting'?); known here are waiting, ",
		bad + ":3:5: owner is missing\n",
		bad + ":3:10: id \"a\" is there twice\n",
		bad + ":3:17: of \"team\" is none of queue, agent, site\n",
	} {
		if !strings.Contains(errs, want) {
			t.Errorf("%q is not said: %s", want, errs)
		}
	}
	if code, _, errs := command(t, "alerts", "check", filepath.Join(t.TempDir(), "none.yaml")); code != exitUsage || !strings.Contains(errs, "no such file") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if code, _, _ := command(t, "alerts", "check"); code != exitUsage {
		t.Errorf("exit %d", code)
	}
	cfg := keep(t, "tallyd.yaml", []byte("alerts: {file: "+bad+"}\n"))
	if code, _, errs := command(t, "check", "--config", cfg); code != exitUsage || !strings.Contains(errs, bad+":2:30: ") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if code, _, errs := command(t, "serve", "--demo", "--config", cfg, "--data", t.TempDir()); code != exitUsage || !strings.Contains(errs, bad+":2:30: ") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

// pager is a program that is told by a webhook.
type pager struct {
	mu     sync.Mutex
	events map[string]api.AlertState // by Tally-Id
	times  map[string]int            // that each came
	wrong  []string
}

func (p *pager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	at, v1, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Tally-Signature"), "t="), ",v1=")
	mac := hmac.New(sha256.New, []byte("a secret of some bytes"))
	fmt.Fprintf(mac, "%s.%s", at, body)
	var m api.AlertState
	err := json.Unmarshal(body, &m)
	p.mu.Lock()
	defer p.mu.Unlock()
	if v1 != fmt.Sprintf("%x", mac.Sum(nil)) || err != nil {
		p.wrong = append(p.wrong, fmt.Sprintf("%s: %v: %s", r.Header, err, body))
	}
	p.events[r.Header.Get("Tally-Id")] = m
	p.times[r.Header.Get("Tally-Id")]++
}

// has tells whether an alert's event came.
func (p *pager) has(id, event string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	m, came := p.events[id+"-"+event]
	return came && m.ID == id && m.Event == event
}

// TestAlertsOfADaemon: a caller waits too long at a switch; that is told over NATS, at
// HTTP, by the command and by the webhook, and so is that it is over. Other rules are
// read on SIGHUP, and faulty ones refused.
func TestAlertsOfADaemon(t *testing.T) {
	p := &pager{events: map[string]api.AlertState{}, times: map[string]int{}}
	hook := httptest.NewServer(p)
	defer hook.Close()
	data := t.TempDir()
	file := filepath.Join(data, "alerts.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte("alerts:\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const seen = "  - {id: seen, of: site, when: 'agents.offline >= 0', owner: o, because: the switch is seen}\n"
	write(seen + "  - {id: waits, of: queue, when: longest_wait > 1000, hold: 1s, owner: floor-lead, severity: critical, because: a caller waits for too long}\n")
	cfg := keep(t, "tallyd.yaml", []byte("alerts:\n  file: "+file+"\n  webhook: {url: '"+hook.URL+"/page', secret_file: "+keep(t, "secret", []byte("a secret of some bytes\n"))+"}\n"))
	d := serveInBackground(t, "--demo", "--config", cfg, "--data", data)

	nc := wallboardOf(t, data)
	sub, err := nc.SubscribeSync("tally.v1.main.alert.waits.queue.*")
	if err != nil {
		t.Fatal(err)
	}
	hears := func() (m api.AlertState) {
		t.Helper()
		msg, err := sub.NextMsg(2 * time.Minute)
		if err != nil {
			t.Fatalf("%v: %s", err, d.errs.String())
		}
		if err := json.Unmarshal(msg.Data, &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	ask := func() *client.Alerts {
		t.Helper()
		code, out, errs := command(t, "alerts", "--json", "--data", data)
		var a client.Alerts
		if err := json.Unmarshal([]byte(out), &a); err != nil || code != exitDone {
			t.Fatalf("exit %d: %s%s: %v", code, out, errs, err)
		}
		return &a
	}
	m := hears()
	if m.Event != "raised" || m.Rule != "waits" || m.Of != "queue" || !strings.HasSuffix(m.Subject, "@default") || m.Raised-m.Since < 1000 || m.Values["longest_wait"].(float64) <= 1000 || m.Owner != "floor-lead" {
		t.Errorf("%+v", m)
	}
	for m.Event != "cleared" { // another queue's may be first
		m = hears()
	}
	a := ask()
	found := false
	for _, c := range a.Cleared {
		found = found || c.ID == m.ID && c.Cleared == m.Cleared && c.Subject == m.Subject
	}
	if !found {
		t.Errorf("%s is not among those that cleared: %+v", m.ID, a.Cleared)
	}
	if code, out, _ := command(t, "alerts", "--data", data); code != exitDone || !strings.Contains(out, "RAISED") || !strings.Contains(out, "queue "+m.Subject) || !strings.Contains(out, "a caller waits for too long") {
		t.Errorf("exit %d: %s", code, out)
	}
	eventually(t, func() string { return fmt.Sprintf("the webhook was told %+v", p.events) }, func() bool { return p.has(m.ID, "raised") && p.has(m.ID, "cleared") })

	raised := func(rule string) bool {
		for _, a := range ask().Active {
			if a.Rule == rule {
				return true
			}
		}
		return false
	}
	eventually(t, d.errs.String, func() bool { return raised("seen") })
	hangUp := func() {
		t.Helper()
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	write("  - {id: seen, of: site, when: 'agents.offlin >= 0', owner: o, because: b}\n")
	hangUp()
	eventually(t, d.errs.String, func() bool {
		return strings.Contains(d.errs.String(), "the alerts are refused, those before stay") && strings.Contains(d.errs.String(), "alerts.yaml:2:32: when")
	})
	if !raised("seen") {
		t.Error("a faulty file clears what is raised")
	}
	write("  - {id: other, of: site, when: 'agents.offline >= 0', owner: o, because: b}\n" + seen)
	hangUp()
	eventually(t, d.errs.String, func() bool { return strings.Contains(d.errs.String(), "the alerts were read anew") })
	eventually(t, d.errs.String, func() bool { return raised("other") && raised("seen") })
	for _, c := range ask().Cleared {
		if c.Rule == "seen" {
			t.Error("a rule that is the same clears")
		}
	}
	before := ask()
	if len(active(before)) != 2 {
		t.Errorf("%+v", before.Active)
	}
	eventually(t, d.errs.String, func() bool { // the webhook has told all there is to tell, and that is known
		b, err := os.ReadFile(filepath.Join(data, api.AlertsFile))
		return err == nil && strings.Count(string(b), `"site"`) >= 2 && !strings.Contains(string(b), `"untold"`)
	})
	nc.Close()
	if code := d.stop(); code != exitDone {
		t.Errorf("the daemon ended with %d: %s", code, d.errs.String())
	}
	if len(p.wrong) > 0 {
		t.Error(p.wrong)
	}
	// What was raised still is after a restart, as the same alert, and is not told again.
	d = serveInBackground(t, "--demo", "--config", cfg, "--data", data)
	after := ask()
	if !slices.EqualFunc(active(before), active(after), func(x, y api.AlertState) bool { return x.ID == y.ID && x.Raised == y.Raised }) {
		t.Errorf("raised were %+v, and after a restart are %+v", before.Active, after.Active)
	}
	eventually(t, d.errs.String, func() bool { return len(ask().Cleared) > 0 && raised("other") })
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range active(before) {
		if n := p.times[m.ID+"-raised"]; n != 1 {
			t.Errorf("%s was told %d times", m.ID, n)
		}
	}
}

// active are those that are raised about the site: a queue's come and go.
func active(a *client.Alerts) (out []api.AlertState) {
	for _, m := range a.Active {
		if m.Of == api.Site {
			out = append(out, m)
		}
	}
	return out
}
