package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tallyd/connectors/freeswitch/playback"
)

// TestVerifyRecordings: the recordings agree with all of their switches' own
// records; each difference has a reason.
func TestVerifyRecordings(t *testing.T) {
	ast22, ast16, runA, runC := asteriskRecordings+"asterisk22/", asteriskRecordings+"asterisk16/", recordings+"runA/", recordings+"runC-reload/"
	documents := filepath.Join(t.TempDir(), "json_cdr")
	untar(t, runC+"json_cdr.tar.gz", documents)
	for _, c := range []struct {
		args []string
		want string // of each record: name, visits, compared, refused, differences
	}{
		{[]string{"--queue-log", ast22 + "queue_log.gz", ast22 + "ari-events.jsonl.gz"}, "queue_log 157 157 2 0"},
		{[]string{"--queue-log", ast22 + "queue_log.gz", "--cel", ast22 + "cel-Master.csv.gz", "--cdr", ast22 + "Master.csv.gz", "--ami", ast22 + "ami-events.txt.gz", ast22 + "ari-events.jsonl.gz"},
			"queue_log 157 157 2 0, CDR 156 156 2 10, CEL 159 159 0 0"},
		{[]string{"--cdr", ast16 + "Master.csv.gz", "--switch", "asterisk", ast16 + "ari-events.jsonl.gz"}, "CDR 132 132 2 7"},
		{[]string{"--json-cdr", runA + "json_cdr.tar.gz", "--cdr", runA + "Master.csv.gz", "--callcenter", runA + "snapshots.txt.gz", runA + "plain.raw.gz"},
			"CDR 135 135 0 0, JSON CDR 135 135 0 0, queue list members 126 126 0 1, agent list 102 102 0 0"},
		{[]string{"--json-cdr", runA + "json_cdr.tar.gz", runA + "json.seg1.raw.gz", runA + "json.seg2.raw.gz"}, "JSON CDR 135 135 0 3"},
		{[]string{"--json-cdr", documents, "--cdr", runC + "Master.csv.gz", "--switch", "freeswitch", runC + "plain.raw.gz"}, "CDR 19 19 0 0, JSON CDR 19 19 0 0"},
	} {
		code, out, errs := command(t, append([]string{"verify", "--json"}, c.args...)...)
		var v verdict
		if err := json.Unmarshal([]byte(out), &v); err != nil || code != exitDone || errs != "" || v.Unexplained != 0 {
			t.Fatalf("%v: exit %d, %v: %s%s", c.args, code, err, out, errs)
		}
		var got []string
		for _, r := range v.Records {
			got = append(got, fmt.Sprint(r.Record, " ", r.Visits, " ", r.Compared, " ", r.Refused, " ", len(r.Differences)))
			if r.LeftOut != 0 || len(r.CannotTell) == 0 {
				t.Errorf("%+v", r)
			}
		}
		if g := strings.Join(got, ", "); g != c.want {
			t.Errorf("%v: %s, want %s", c.args, g, c.want)
		}
	}
}

// untar unpacks a folder of files.
func untar(t *testing.T, file, into string) {
	t.Helper()
	if err := os.Mkdir(into, 0o755); err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(bytes.NewReader(unzip(t, file))); ; {
		h, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(into, filepath.Base(h.Name)), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestVerifyZone: a CDR in local time, in which no unique id tells the zone, is
// of the configured zone, or of UTC.
func TestVerifyZone(t *testing.T) {
	folder := asteriskRecordings + "asterisk22"
	kolkata := time.FixedZone("", 5*3600+1800)
	var local, utc bytes.Buffer
	for line := range bytes.Lines(unzip(t, folder+"/Master.csv.gz")) {
		f := strings.SplitAfter(string(line), ",")
		for k := range f {
			if at, err := time.Parse(`"`+time.DateTime+`",`, f[k]); err == nil {
				f[k] = at.In(kolkata).Format(`"` + time.DateTime + `",`)
			}
		}
		cut := func(line string) string { return line[:strings.Index(line, `"DOCUMENTATION"`)] + "\"DOCUMENTATION\"\n" }
		local.WriteString(cut(strings.Join(f, "")))
		utc.WriteString(cut(string(line)))
	}
	config := keep(t, "tallyd.yaml", []byte("time_zone: Asia/Kolkata\nswitches:\n  - {name: a, kind: asterisk, ari: 'http://127.0.0.1:8088/ari', username: x, password: x}\n"))
	for _, text := range []string{local.String(), utc.String()} {
		code, out, errs := command(t, "verify", "--config", config, "--switch", "asterisk", "--cdr", keep(t, "Master.csv", []byte(text)), folder+"/ari-events.jsonl.gz")
		if code != exitDone || !strings.Contains(out, "156 visits, 156 compared") {
			t.Errorf("exit %d: %.300s%s", code, out, errs)
		}
	}
}

// TestVerifyDaemon: a running daemon is held against FreeSWITCH's records of what
// it saw, with the agents' names that a roster gives them.
func TestVerifyDaemon(t *testing.T) {
	recording, err := playback.Open(recordings + "runC-reload/plain.raw.gz")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	playing, stopPlaying := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	// An hour ago, and whole seconds from when it was recorded.
	start, _ := recording.Span()
	shift := time.Now().Add(-time.Hour).Unix() - start/1_000_000
	server := &playback.Server{Recording: recording, ShiftTo: time.UnixMicro(start).Add(time.Duration(shift) * time.Second)}
	wg.Go(func() { server.Serve(playing, l) })
	defer wg.Wait()
	defer stopPlaying()
	data := t.TempDir()
	roster := keep(t, "roster.yaml", []byte("agents:\n  - {id: ann, logins: {fs1: [1008@default]}}\n"))
	config := keep(t, "tallyd.yaml", []byte("switches:\n  - {name: fs1, kind: freeswitch, address: '"+l.Addr().String()+"', password: ClueCon}\nroster_file: "+roster+"\n"))
	args := []string{"--config", config, "--data", data}
	d := serveInBackground(t, args...)
	ask := append([]string{"--from", time.Now().Add(-2 * time.Hour).UTC().Format(time.RFC3339)}, args...)
	eventually(t, d.errs.String, func() bool {
		a := askKPI(t, data, ask...)
		over := int64(0)
		for _, r := range a.Rows {
			for _, end := range []string{"ended_by_caller", "ended_by_agent", "blind_transfers", "attended_transfers"} {
				over += r.Counters[end]
			}
		}
		return offered(a) == 19 && over == 15
	})
	stopPlaying()
	wg.Wait()
	if code := d.stop(); code != exitDone {
		t.Errorf("the daemon ended with %d: %s", code, d.errs.String())
	}
	d = serveInBackground(t, args...) // which has closed what it was stopped in

	later := func(text []byte) []byte {
		return stamps.ReplaceAllFunc(text, func(b []byte) []byte {
			at, err := strconv.ParseInt(string(b[:10]), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return append(strconv.AppendInt(nil, at+shift, 10), b[10:]...)
		})
	}
	folder := recordings + "runC-reload/"
	verifyArgs := append([]string{"verify", "--json", "--json-cdr", keep(t, "cdr.json", later(unzip(t, folder+"json_cdr.tar.gz")[512:])),
		"--cdr", keep(t, "Master.csv", later(unzip(t, folder+"Master.csv.gz"))), "--callcenter", keep(t, "lists.txt", later(unzip(t, folder+"snapshots.txt.gz")))}, args...)
	var v verdict
	code, out, errs := command(t, verifyArgs...)
	if err := json.Unmarshal([]byte(out), &v); err != nil || code != exitDone {
		t.Fatalf("exit %d, %v: %s%s", code, err, out, errs)
	}
	var got []string
	for _, r := range v.Records {
		got = append(got, fmt.Sprint(r.Record, " ", r.Visits, " ", r.Compared, " ", r.LeftOut, " ", len(r.Differences)))
	}
	if g, want := strings.Join(got, ", "), "CDR 19 19 0 0, JSON CDR 19 19 0 0, queue list members 19 19 0 0, agent list 14 14 0 0"; g != want || v.Switch != "fs1" {
		t.Errorf("%s, want %s of %s", g, want, v.Switch)
	}
	if code := d.stop(); code != exitDone {
		t.Errorf("the daemon ended with %d: %s", code, d.errs.String())
	}
}

// stamps are seconds or microseconds since 1970 of the time of the recordings.
var stamps = regexp.MustCompile(`\b1795\d{6}(\d{6})?\b`)

func TestVerifyDifferences(t *testing.T) {
	folder := asteriskRecordings + "asterisk22"
	log := string(unzip(t, folder+"/queue_log.gz"))
	for _, c := range []struct {
		name, log string
		code      int
		says      string // of stdout
		unsaid    string
	}{
		{"who ended it", strings.Replace(log, "|COMPLETEAGENT|", "|COMPLETECALLER|", 1), exitNotSo, "ended_by: queue_log caller COMPLETECALLER, counted agent", ""},
		{"an outcome", strings.Replace(log, "|ABANDON|", "|EXITWITHTIMEOUT|", 1), exitNotSo, "outcome: queue_log timed_out, counted abandoned", ""},
		{"another queue", strings.Replace(log, "|support|NONE|ENTERQUEUE|", "|vip|NONE|ENTERQUEUE|", 1), exitNotSo, "queue: queue_log vip, counted support", ""},
		{"a caller too many", log + "1795449300|ast22-1795449300.1|sales|NONE|ENTERQUEUE||7100001|1\n", exitNotSo, "visit: queue_log has it, counted not", ""},
		{"a log that was rotated", log[strings.Index(log, "1795449200|"):], exitDone, "0 left out", "!"},
		{"rubbish in it", "rubbish\n" + log, exitDone, "0 differences", "!"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, errs := command(t, "verify", "--queue-log", keep(t, "queue_log", []byte(c.log)), folder+"/ari-events.jsonl.gz")
			if code != c.code || !strings.Contains(out, c.says) || c.unsaid != "" && strings.Contains(out, c.unsaid) {
				t.Errorf("exit %d, want %d: %s%s", code, c.code, out, errs)
			}
			if strings.Contains(c.log, "rubbish") && !strings.Contains(errs, `queue_log:1: "rubbish"`) {
				t.Errorf("the faulty line is not told: %q", errs)
			}
		})
	}
	code, out, _ := command(t, "verify", "--queue-log", folder+"/queue_log.gz", "--from", "2026-11-23T15:53:00Z", "--to", "2026-11-23T15:54:00Z", folder+"/ari-events.jsonl.gz")
	if code != exitDone || !strings.Contains(out, "157 visits, ") || strings.Contains(out, "157 compared") || strings.Contains(out, " 0 compared") {
		t.Errorf("exit %d: %s", code, out)
	}
}

func TestVerifyFaults(t *testing.T) {
	folder := asteriskRecordings + "asterisk22"
	many := keep(t, "many.yaml", []byte("switches:\n  - {name: a, kind: asterisk, ari: 'http://127.0.0.1:8088/ari', username: x, password: x}\n"+
		"  - {name: b, kind: asterisk, ari: 'http://127.0.0.1:8089/ari', username: x, password: x}\n"))
	log := folder + "/queue_log.gz"
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"x"}, exitUsage, "--queue-log, --cdr, --cel, --json-cdr or --callcenter is needed"},
		{[]string{"--data", t.TempDir()}, exitCannot, "has no store"},
		{[]string{"--queue-log", log}, exitUsage, "no Asterisk is configured"},
		{[]string{"--queue-log", log, "--config", many}, exitUsage, "several of the kind Asterisk: --switch [a b]"},
		{[]string{"--queue-log", log, "--config", many, "--switch", "c"}, exitUsage, `no Asterisk named "c"`},
		{[]string{"--queue-log", log, "--config", many, "--switch", "a", "--data", t.TempDir()}, exitCannot, "no daemon is running"},
		{[]string{"--queue-log", log, "--ami", "x"}, exitUsage, "--ami goes with a recording"},
		{[]string{"--queue-log", log, "--from", "noon", "x"}, exitUsage, `--from "noon" is not a time`},
		{[]string{"--queue-log", "/nowhere/queue_log", "x"}, exitCannot, "/nowhere/queue_log"},
		{[]string{"--queue-log", log, "/nowhere/ari.jsonl"}, exitCannot, "/nowhere/ari.jsonl"},
		{[]string{"--queue-log", folder + "/Master.csv.gz", "x"}, exitNotSo, "this is no queue_log"},
		{[]string{"--queue-log", keep(t, "noise", bytes.Repeat([]byte("\xff\x00\n"), 5000)), "x"}, exitNotSo, "this is no queue_log"},
		{[]string{"--queue-log", log, recordings + "runA/plain.raw.gz"}, exitNotSo, "no line of it is an event"},
		{[]string{"--cdr", folder + "/Master.csv.gz", folder + "/ari-events.jsonl.gz"}, exitUsage, "--cdr may be of either kind of switch: --switch asterisk or freeswitch"},
		{[]string{"--queue-log", log, "--json-cdr", "x", "y"}, exitUsage, "one after the other"},
		{[]string{"--json-cdr", "x", "--ami", "x", "y"}, exitUsage, "one after the other"},
		{[]string{"--cel", "x", "--switch", "freeswitch", "y"}, exitUsage, "these are records of asterisk, not of freeswitch"},
		{[]string{"--json-cdr", "x", "--config", many}, exitUsage, "no FreeSWITCH is configured"},
		{[]string{"--cdr", log, "--switch", "c", "--config", many}, exitUsage, `no switch named "c"`},
		{[]string{"--cdr", log, "--switch", "a", "--config", many}, exitNotSo, "this is no Asterisk CDR"},
		{[]string{"--cel", folder + "/Master.csv.gz", "x"}, exitNotSo, "this is no CEL"},
		{[]string{"--cdr", folder + "/Master.csv.gz", "--switch", "freeswitch", "x"}, exitNotSo, "configs/freeswitch/cdr_csv.conf.xml"},
		{[]string{"--json-cdr", t.TempDir(), "x"}, exitNotSo, "this is no JSON CDR"},
		{[]string{"--json-cdr", "/nowhere", "x"}, exitCannot, "/nowhere"},
		{[]string{"--json-cdr", log, "x"}, exitNotSo, "this is no JSON CDR"},
		{[]string{"--callcenter", log, "x"}, exitNotSo, "neither agents nor callers"},
	} {
		if code, _, errs := command(t, append([]string{"verify"}, c.args...)...); code != c.code || !strings.Contains(errs, c.says) {
			t.Errorf("%v: exit %d, want %d: %s", c.args, code, c.code, errs)
		}
	}
}
