package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"tallyd/cmd/tallyd/config"
)

const recordings = "../../connectors/freeswitch/testdata/"

// command runs tallyd as a user would and returns what it printed.
func command(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, nil, &out, &errs)
	return code, out.String(), errs.String()
}

func unzip(t *testing.T, file string) []byte {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func keep(t *testing.T, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestReplayDocument: the document that others rely on, held against the oracle
// of the recording.
func TestReplayDocument(t *testing.T) {
	d := replayJSONOf(t, "--switch", "freeswitch", recordings+"runA/plain.raw.gz")
	var truth struct {
		Queues map[string]struct {
			Offered, Answered, Abandoned int64
			Within10                     int64 `json:"answered_within_10s"`
		}
		Agents map[string]struct {
			ByQueue map[string]int64 `json:"by_queue"`
		}
		Visits []json.RawMessage
	}
	if err := json.Unmarshal(unzip(t, recordings+"runA/truth.json.gz"), &truth); err != nil {
		t.Fatal(err)
	}
	if d.Formulas != formulasVersion || d.Switch != "freeswitch" || d.Events != 13509 || d.Malformed != 0 || d.Unobserved != 0 ||
		d.From != "2026-11-23T15:52:47.837Z" || len(d.Visits) != len(truth.Visits) {
		t.Errorf("head %q %q %q, %d events, %d malformed, %d visits", d.Formulas, d.Switch, d.From, d.Events, d.Malformed, len(d.Visits))
	}
	for name, q := range truth.Queues {
		got := d.Queues[name]
		lost := got.Abandoned + got.TimedOut + got.LeftEmpty + got.ExitedByKey + got.Withdrawn
		if got.Offered != q.Offered || got.Answered != q.Answered || lost != q.Abandoned || got.Within["10000"] != q.Within10 {
			t.Errorf("%s: %+v, the oracle has %+v", name, got, q)
		}
		if sum := got.Answered + lost + got.SwitchFailed + got.InProgress + got.Unobserved; sum != got.Offered {
			t.Errorf("%s: offered %d, outcomes %d", name, got.Offered, sum)
		}
	}
	for name, a := range truth.Agents {
		for queue, n := range a.ByQueue {
			if d.Agents[name].Answered[queue] != n {
				t.Errorf("%s in %s: %d answered, the oracle has %d", name, queue, d.Agents[name].Answered[queue], n)
			}
		}
	}
	for _, v := range d.Visits {
		if strings.Contains(v.Caller, "7010") {
			t.Errorf("the caller's number shows: %q", v.Caller)
		}
	}
}

// TestReplayForms: plain, gzip and zstd give the same document, to the byte.
func TestReplayForms(t *testing.T) {
	raw := unzip(t, recordings+"lab-standby/plain.raw.gz")
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	var want string
	for _, file := range []string{keep(t, "a.raw", raw), recordings + "lab-standby/plain.raw.gz", keep(t, "a.zst", z.EncodeAll(raw, nil))} {
		code, out, errs := command(t, "replay", "--switch=freeswitch", "--json", "--visits", file)
		if code != exitDone || errs != "" {
			t.Fatalf("%s: exit %d: %s", file, code, errs)
		}
		if want == "" {
			want = out
		}
		if out != want {
			t.Errorf("%s gives another document", file)
		}
	}
}

func TestReplayFaults(t *testing.T) {
	raw := unzip(t, recordings+"lab-standby/plain.raw.gz")
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write(raw)
	z.Close()
	for _, c := range []struct {
		name string
		args []string
		code int
		says string // of stderr
		out  string // of stdout
	}{
		{"no switch named", []string{"replay", "x"}, exitUsage, "--switch is needed", ""},
		{"another switch", []string{"replay", "--switch", "avaya", "x"}, exitUsage, `"avaya" is neither freeswitch nor asterisk`, ""},
		{"no file named", []string{"replay", "--switch", "freeswitch"}, exitUsage, "no recording is named", ""},
		{"no such file", []string{"replay", "--switch", "freeswitch", "/nowhere/a.raw"}, exitCannot, "/nowhere/a.raw", ""},
		{"unknown flag", []string{"replay", "--swich", "x"}, exitUsage, "--swich", ""},
		{"cut off in an event", []string{"replay", "--switch", "freeswitch", "--json", keep(t, "cut.raw", raw[:len(raw)-1000])}, exitDone,
			"what came before counts", `"queues":{"`},
		{"compressed file cut off", []string{"replay", "--switch", "freeswitch", "--json", keep(t, "cut.gz", zipped.Bytes()[:zipped.Len()/2])}, exitDone,
			"cut off", `"queues":{"`},
		{"not a recording", []string{"replay", "--switch", "freeswitch", "--json", keep(t, "noise", bytes.Repeat([]byte{0xff, 0, 7}, 40_000))}, exitNotSo,
			"at byte", `"malformed":1`},
		{"empty", []string{"replay", "--switch", "freeswitch", "--json", keep(t, "empty", nil)}, exitDone, "", `"events":0`},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, errs := command(t, c.args...)
			if code != c.code || !strings.Contains(errs, c.says) || !strings.Contains(out, c.out) {
				t.Errorf("exit %d, want %d; stderr %q; stdout %.200q", code, c.code, errs, out)
			}
		})
	}
}

// TestReplayRoster: the roster's agents stand for what the switch calls them,
// and an agent with two logins is one agent.
func TestReplayRoster(t *testing.T) {
	roster := keep(t, "roster.yaml", []byte("agents:\n  - {id: ann, name: Ann Lee, logins: {freeswitch: [1001@default, 1002@default]}}\n"))
	code, out, errs := command(t, "replay", "--switch", "freeswitch", "--json", "--roster", roster, recordings+"runA/plain.raw.gz")
	if code != exitDone {
		t.Fatal(errs)
	}
	var d replayJSON
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		t.Fatal(err)
	}
	if a := d.Agents["ann"]; a.Name != "Ann Lee" || a.Answered["support@default"] != 19+17 {
		t.Errorf("%+v", a)
	}
	if _, ok := d.Agents["1001@default"]; ok {
		t.Error("the login still stands for itself")
	}
}

func TestReplayTable(t *testing.T) {
	code, out, _ := command(t, "replay", "--switch", "freeswitch", "--visits", recordings+"lab-twodomains/plain.raw.gz")
	if code != exitDone || !strings.Contains(out, "队列@alpha") || !strings.Contains(out, "张伟@alpha") || strings.Count(out, "\n") < 150 {
		t.Errorf("exit %d\n%s", code, out)
	}
}

func TestMetricsCommand(t *testing.T) {
	code, out, _ := command(t, "metrics")
	for _, id := range []string{"sl.offered", "sl.flowout", "asa", "aht", "occupancy"} {
		if !strings.Contains(out, "\n"+id+" ") {
			t.Errorf("%s is not listed", id)
		}
	}
	if code != exitDone {
		t.Errorf("exit %d", code)
	}
	code, out, _ = command(t, "metrics", "--json", "sl.offered")
	var d struct{ KPIs []kpiInfo }
	if err := json.Unmarshal([]byte(out), &d); err != nil || code != exitDone || len(d.KPIs) != 1 || d.KPIs[0].Formula != "A≤T / (A+B)" {
		t.Errorf("exit %d: %s", code, out)
	}
	if code, _, errs := command(t, "metrics", "sl.best"); code != exitNotSo || !strings.Contains(errs, `"sl.best"`) {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestCheckCommand(t *testing.T) {
	good := keep(t, "good.yaml", []byte("switches:\n  - {name: fs1, kind: freeswitch, address: 127.0.0.1:8021, password: x}\n"))
	if code, out, errs := command(t, "check", "--config", good); code != exitDone || !strings.Contains(out, "sound") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	bad := keep(t, "bad.yaml", []byte("site: a\nsiet: b\nqueues: {q: {wrap_up: x}}\n"))
	code, _, errs := command(t, "check", "--config", bad)
	if code != exitUsage || !strings.Contains(errs, "bad.yaml:2:1: key \"siet\"") || !strings.Contains(errs, "bad.yaml:3:23: wrap_up \"x\"") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if code, _, errs := command(t, "check", "--config", "/nowhere.yaml"); code != exitUsage || !strings.Contains(errs, "/nowhere.yaml") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

// TestConfigsOfTheRepository: what people copy is sound.
func TestConfigsOfTheRepository(t *testing.T) {
	if code, _, errs := command(t, "check", "--config", "../../configs/tallyd.yaml"); code != exitDone {
		t.Errorf("exit %d: %s", code, errs)
	}
	r, err := config.LoadRoster("../../configs/roster.yaml", nil)
	if err != nil || len(r.Agents()) != 3 {
		t.Fatal(r, err)
	}
	shared := r.Shared(map[string]string{"ast1": "asterisk", "fs1": "freeswitch"})
	if !shared("ann") || shared("bob") || !shared("PJSIP/1009") {
		t.Error("who may be on two switches is not told from who is on one")
	}
	if r.Shared(map[string]string{"ast1": "asterisk"}) != nil {
		t.Error("with one switch nobody is on two")
	}
}

func TestEveryCommandHasAnExample(t *testing.T) {
	for _, c := range rootCommand(nil).Commands() {
		if c.Example == "" && c.Name() != "help" && c.Name() != "completion" {
			t.Errorf("%s has no example", c.Name())
		}
	}
}

func TestServeNeedsASwitch(t *testing.T) {
	code, _, errs := command(t, "serve", "--data", t.TempDir())
	if code != exitUsage || !strings.Contains(errs, "no switch is configured") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestKPIWithoutADaemon(t *testing.T) {
	code, _, errs := command(t, "kpi", "--data", t.TempDir())
	if code != exitCannot || !strings.Contains(errs, "no daemon is running on the data folder") {
		t.Errorf("exit %d: %s", code, errs)
	}
}
