package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestBadFiles: testdata/*.bad.yaml are one fault each, or several at once; the
// lines that begin with "# want " say what must be reported, all of it, in
// order, with its place.
func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.bad.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no bad files", err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for _, line := range strings.Split(string(b), "\n") {
				if w, ok := strings.CutPrefix(line, "# want "); ok {
					want = append(want, f+":"+w)
				}
			}
			if len(want) == 0 {
				t.Fatal("the file does not say what is wrong with it")
			}
			var got string
			if strings.Contains(f, "roster") {
				_, err = LoadRoster(f)
			} else {
				_, err = Load(f, nil)
			}
			if err != nil {
				got = err.Error()
			}
			if got != strings.Join(want, "\n") {
				t.Errorf("reported:\n%s\nwanted:\n%s", got, strings.Join(want, "\n"))
			}
		})
	}
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDefaultsNeedNoFile(t *testing.T) {
	c, err := Load("", nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.NATS.Listen != "127.0.0.1:4222" || c.HTTP.Listen != "127.0.0.1:8470" || c.Site != "main" {
		t.Errorf("%+v", c)
	}
}

func TestEverythingIsRead(t *testing.T) {
	secret := write(t, "password", "Sesame\n")
	path := write(t, "tallyd.yaml", `
site: hq
data: /srv/tallyd
time_zone: Asia/Shanghai
switches:
  - {name: fs1, kind: freeswitch, address: 127.0.0.1:8021, password_file: `+secret+`}
  - name: fs2
    kind: freeswitch
    address: "[::1]:8021"
    password: ClueCon
nats: {listen: 127.0.0.1:4333}
http: {listen: 127.0.0.1:8471}
queues:
  support@default: {service_level: 30s, wrap_up: 15s}
  sales.eu+vip@beta: {short_abandon: 3s}
`)
	c, err := Load(path, []string{"TALLYD_NATS_LISTEN=127.0.0.1:4444", "TALLYD_SWITCHES_1_PASSWORD=other", "TALLYD_TIME_ZONE=Europe/Paris", "HOME=/root"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Switches[0].Password != "Sesame" || c.Switches[1].Password != "other" || c.NATS.Listen != "127.0.0.1:4444" || c.TimeZone != "Europe/Paris" {
		t.Errorf("%+v", c)
	}
	if q := c.Queues["support@default"]; q.ServiceLevel != 30*time.Second || q.ShortAbandon != 5*time.Second || q.WrapUp != 15*time.Second {
		t.Errorf("%+v", q)
	}
	if q := c.Queues["sales.eu+vip@beta"]; q.ServiceLevel != 20*time.Second || q.ShortAbandon != 3*time.Second {
		t.Errorf("%+v", q)
	}
}

func TestEnvironmentFaults(t *testing.T) {
	_, err := Load("", []string{"TALLYD_NO_SUCH_KEY=1", "TALLYD_HTTP_LISTEN=8470"})
	if err == nil || err.Error() != `environment: variable "TALLYD_NO_SUCH_KEY" names no key`+"\n"+`defaults: address "8470" is not host:port` {
		t.Error(err)
	}
}

func TestRoster(t *testing.T) {
	path := write(t, "roster.yaml", `
agents:
  - {id: a1, name: Ann, team: north, role: agent, logins: {fs1: ["1001@default", "2001@default"]}}
  - {id: a2, name: Bo, logins: {freeswitch: [1002@default]}}
`)
	r, err := LoadRoster(path)
	if err != nil {
		t.Fatal(err)
	}
	if r.NameOf("a1") != "Ann" || r.NameOf("nobody") != "" || len(r.Agents) != 2 {
		t.Errorf("%+v", r)
	}
	if got := (*Roster)(nil).NameOf("a1"); got != "" {
		t.Error(got)
	}
}
