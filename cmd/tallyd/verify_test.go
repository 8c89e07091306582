package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// TestVerifyRecordings: both recordings agree with their queue_logs; a log that
// says otherwise does not.
func TestVerifyRecordings(t *testing.T) {
	for _, c := range []struct {
		name     string
		compared int
	}{{"asterisk22", 157}, {"asterisk16", 133}} {
		folder := asteriskRecordings + c.name
		for _, args := range [][]string{{}, {"--ami", folder + "/ami-events.txt.gz"}} {
			args = append([]string{"verify", "--json", "--queue-log", folder + "/queue_log.gz", folder + "/ari-events.jsonl.gz"}, args...)
			code, out, errs := command(t, args...)
			var v verdict
			if err := json.Unmarshal([]byte(out), &v); err != nil || code != exitDone || errs != "" {
				t.Fatalf("exit %d, %v: %s%s", code, err, out, errs)
			}
			if v.Compared != c.compared || v.Visits != c.compared || v.LeftOut != 0 || v.Refused != 2 || len(v.Differences) != 0 {
				t.Errorf("%s: %+v", c.name, v)
			}
		}
	}
}

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
		{"a caller too many", log + "1795449400|ast22-1795449400.1|sales|NONE|ENTERQUEUE||7100001|1\n", exitNotSo, "visit: queue_log has it, counted not", ""},
		{"a log that was rotated", log[strings.Index(log, "1795449200|"):], exitDone, "0 left out", "!"},
		{"rubbish in it", "rubbish\n" + log, exitDone, "0 differences", "!"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, errs := command(t, "verify", "--queue-log", keep(t, "queue_log", []byte(c.log)), folder+"/ari-events.jsonl.gz")
			if code != c.code || !strings.Contains(out, c.says) || c.unsaid != "" && strings.Contains(out, c.unsaid) {
				t.Errorf("exit %d, want %d: %s%s", code, c.code, out, errs)
			}
			if strings.Contains(c.log, "rubbish") && !strings.Contains(errs, `queue_log: line 1: "rubbish"`) {
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
		{nil, exitUsage, "--queue-log is needed"},
		{[]string{"--queue-log", log}, exitUsage, "no Asterisk is configured"},
		{[]string{"--queue-log", log, "--config", many}, exitUsage, "several Asterisks: --switch [a b]"},
		{[]string{"--queue-log", log, "--config", many, "--switch", "c"}, exitUsage, `no Asterisk named "c"`},
		{[]string{"--queue-log", log, "--config", many, "--switch", "a", "--data", t.TempDir()}, exitCannot, "no daemon is running"},
		{[]string{"--queue-log", log, "--ami", "x"}, exitUsage, "--ami goes with a recording"},
		{[]string{"--queue-log", log, "--from", "noon", "x"}, exitUsage, `--from "noon" is not a time`},
		{[]string{"--queue-log", "/nowhere/queue_log", "x"}, exitCannot, "/nowhere/queue_log"},
		{[]string{"--queue-log", log, "/nowhere/ari.jsonl"}, exitCannot, "/nowhere/ari.jsonl"},
		{[]string{"--queue-log", folder + "/Master.csv.gz", "x"}, exitNotSo, "this is no queue_log"},
		{[]string{"--queue-log", keep(t, "noise", bytes.Repeat([]byte("\xff\x00\n"), 5000)), "x"}, exitNotSo, "this is no queue_log"},
		{[]string{"--queue-log", log, recordings + "runA/plain.raw.gz"}, exitNotSo, "no line of it is an event"},
	} {
		if code, _, errs := command(t, append([]string{"verify"}, c.args...)...); code != c.code || !strings.Contains(errs, c.says) {
			t.Errorf("%v: exit %d, want %d: %s", c.args, code, c.code, errs)
		}
	}
}
