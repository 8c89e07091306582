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
				_, err = LoadRoster(f, nil)
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
	if c.Retention != (Retention{Contacts: Age{Months: 13}, Rollups: Age{Years: 5}}) || c.DiskBudget != 0 {
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
retention: {contacts: 6mo}
disk_budget: 20GB
queues:
  support@default: {service_level: 30s, target: 92.5%, wrap_up: 15s}
  sales.eu+vip@beta: {short_abandon: 3s}
`)
	c, err := Load(path, []string{"TALLYD_NATS_LISTEN=127.0.0.1:4444", "TALLYD_SWITCHES_1_PASSWORD=other", "TALLYD_TIME_ZONE=Europe/Paris",
		"TALLYD_RETENTION_ROLLUPS=7y", "HOME=/root"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Switches[0].Password != "Sesame" || c.Switches[1].Password != "other" || c.NATS.Listen != "127.0.0.1:4444" || c.TimeZone != "Europe/Paris" {
		t.Errorf("%+v", c)
	}
	if c.Retention != (Retention{Contacts: Age{Months: 6}, Rollups: Age{Years: 7}}) || c.DiskBudget != 20_000_000_000 {
		t.Errorf("%+v, %d", c.Retention, c.DiskBudget)
	}
	if q := c.Queues["support@default"]; q.ServiceLevel != 30*time.Second || q.Target != 0.925 || q.ShortAbandon != 5*time.Second || q.WrapUp != 15*time.Second {
		t.Errorf("%+v", q)
	}
	if q := c.Queues["sales.eu+vip@beta"]; q.ServiceLevel != 20*time.Second || q.Target != 0.8 || q.ShortAbandon != 3*time.Second {
		t.Errorf("%+v", q)
	}
}

func TestGroupsAndNumbersAreRead(t *testing.T) {
	path := write(t, "tallyd.yaml", `
queue_groups:
  billing: {queues: [invoices@default, sales.eu+vip@beta], window: 3d}
  rest: {queues: [support@default]}
numbers: {country: "39"}
`)
	c, err := Load(path, []string{"TALLYD_NUMBERS_INTERNATIONAL_PREFIX=000"})
	if err != nil {
		t.Fatal(err)
	}
	for queue, want := range map[string]string{"invoices@default": "billing 72h0m0s", "sales.eu+vip@beta": "billing 72h0m0s", "support@default": "rest 168h0m0s", "invoices": " 0s"} {
		name, g, found := c.GroupOf(queue)
		if got := name + " " + g.Window.String(); got != want || found != (name != "") {
			t.Errorf("%s is in %q, want %q", queue, got, want)
		}
	}
	if want := (Numbers{Country: "39", InternationalPrefix: "000", NationalDigits: 11}); c.Numbers != want {
		t.Errorf("%+v, want %+v", c.Numbers, want)
	}
	// What is said holds, what is left out is the country's.
	c, err = Load("", []string{"TALLYD_NUMBERS_COUNTRY=1", "TALLYD_NUMBERS_TRUNK_PREFIX="})
	if want := (Numbers{Country: "1", InternationalPrefix: "011", NationalDigits: 10}); err != nil || c.Numbers != want {
		t.Errorf("%+v, want %+v, error %v", c.Numbers, want, err)
	}
	if c, err = Load("", nil); err != nil || c.Numbers != (Numbers{InternationalPrefix: "00", TrunkPrefix: "0", NationalDigits: 11}) {
		t.Errorf("%+v, error %v", c.Numbers, err)
	}
}

func TestEnvironmentFaults(t *testing.T) {
	_, err := Load("", []string{"TALLYD_NO_SUCH_KEY=1", "TALLYD_HTTP_LISTEN=8470"})
	if err == nil || err.Error() != `environment: variable "TALLYD_NO_SUCH_KEY" names no key`+"\n"+`defaults: address "8470" is not host:port` {
		t.Error(err)
	}
}
