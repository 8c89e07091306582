package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tallyd/connectors/asterisk/lab"
	"tallyd/connectors/source/sourcetest"
)

// besideAsterisk starts a real Asterisk, and writes a configuration that attaches
// to it.
func besideAsterisk(t *testing.T) (a *lab.Asterisk, stop func() error, config string) {
	t.Helper()
	a, err := lab.Start(t.Context(), "22", lab.Options{SystemName: "ast22"})
	if errors.Is(err, lab.ErrNoRoot) && os.Getenv("TALLYD_REQUIRE") != "all" {
		t.Skipf("left out: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceValue(a.Stop)
	t.Cleanup(func() { _ = stop() })
	secret := keep(t, "secret", []byte(lab.AMIPassword+"\n"))
	config = keep(t, "tallyd.yaml", fmt.Appendf(nil, "switches:\n  - {name: ast1, kind: asterisk, ari: '%s', username: %s, password: %s, "+
		"ami: {address: '127.0.0.1:%d', username: %s, password_file: %s}}\n", a.ARI(), lab.ARIUser, lab.ARIPassword, a.AMI, lab.AMIUser, secret))
	return a, stop, config
}

// TestKilledBesideAsterisk: a daemon that is killed -9 while callers of a real
// Asterisk wait and talk goes on with them when it is started again. Nothing that
// it had seen is lost: against queue_log what happened while it was dead differs,
// and that is said to be unseen.
func TestKilledBesideAsterisk(t *testing.T) {
	a, _, config := besideAsterisk(t)
	data := t.TempDir()
	began := time.Now().UTC().Format(time.RFC3339)
	args := []string{"--config", config, "--data", data}
	var cmd *exec.Cmd
	var errs sourcetest.Log
	start := func() {
		t.Helper()
		cmd = exec.Command(build(t), append([]string{"serve"}, args...)...)
		cmd.Env = append(slices.DeleteFunc(os.Environ(), forTests), anyPorts...)
		cmd.Stderr = &errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
	}
	start()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	attached := func() bool {
		if !answers(t, data) { // it may have been started just now
			return false
		}
		h := askKPI(t, data, args...).Health
		return len(h) == 1 && h[0].Connected && h[0].Observed
	}
	eventually(t, errs.String, attached)
	played := make(chan error, 1)
	go func() {
		log, err := lab.Centre{Seed: 3, Calls: 50, Length: 20 * time.Second}.Play(t.Context(), a)
		if err == nil && len(log.Faults) > 0 {
			err = log.Faults[0]
		}
		played <- err
	}()
	kills := 0
	var since time.Time // since when it has been attached, this time
	for playing := true; playing; {
		select {
		case err := <-played:
			if playing = false; err != nil {
				t.Fatal(err)
			}
		case <-time.After(200 * time.Millisecond):
			switch {
			case kills == 4 || !attached():
			case since.IsZero():
				since = time.Now()
			case time.Since(since) > 2500*time.Millisecond:
				kills++
				since = time.Time{}
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
				start()
			}
		}
	}
	eventually(t, errs.String, attached)
	gaps := askKPI(t, data, append([]string{"--from", began}, args...)...).Health[0]
	code, out, said := command(t, append([]string{"verify", "--queue-log", a.Dir("log") + "/queue_log", "--from", began}, args...)...)
	var all, unexplained int
	if at := strings.LastIndex(out, " differences, "); at >= 0 {
		_, _ = fmt.Sscanf(out[strings.LastIndexByte(out[:at], '\n')+1:], "%d differences, %d of them unexplained", &all, &unexplained)
	}
	// What REST answers after a restart is of no one moment.
	if all == 0 || unexplained > 3 || code != exitDone && unexplained == 0 {
		t.Errorf("exit %d: %s%s", code, out, said)
		_, contacts, _ := command(t, append([]string{"contacts", "--from", began, "--format", "json"}, args...)...)
		log, _ := os.ReadFile(a.Dir("log") + "/queue_log")
		t.Logf("%s\n%s", contacts, log)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("stopped by SIGTERM: %v: %s", err, errs.String())
	}
	if kills < 2 || gaps.Gaps < kills || gaps.Unobserved < 1 {
		t.Errorf("killed %d times, %d gaps of %d ms together", kills, gaps.Gaps, gaps.Unobserved)
	}
	if code, out, said := command(t, append([]string{"verify", "--from", began}, args...)...); code != exitDone {
		t.Errorf("exit %d: %s%s", code, out, said)
	}
	t.Logf("%d kills, %d ms unobserved\n%s", kills, gaps.Unobserved, out)
}

// TestServeAsterisk: the daemon as a user starts it, attached to a real
// Asterisk while a small centre plays; asked over its bus, killed in order,
// started again, and held against the switch's queue_log.
func TestServeAsterisk(t *testing.T) {
	a, stop, config := besideAsterisk(t)
	data := t.TempDir()
	args := []string{"--config", config, "--data", data}
	began := time.Now().UTC().Format(time.RFC3339)
	d := serveInBackground(t, args...)
	eventually(t, d.errs.String, func() bool {
		h := askKPI(t, data, args...).Health
		return len(h) == 1 && h[0].Connected && len(h[0].Missing) == 0
	})
	log, err := lab.Centre{Seed: 1, Calls: 14, Length: 6 * time.Second}.Play(t.Context(), a)
	if err != nil || len(log.Faults) > 0 {
		t.Fatal(err, log)
	}
	entered := func() (n int64) {
		rec, err := openRecord(a.Dir("log")+"/queue_log", time.UTC, readQueueLog)
		if err != nil {
			t.Fatal(err)
		}
		return int64(len(rec.Visits))
	}
	want := entered()
	ask := append([]string{"--from", began}, args...)
	eventually(t, d.errs.String, func() bool { return offered(askKPI(t, data, ask...)) == want })
	if code, table, _ := command(t, append([]string{"kpi", "agents"}, ask...)...); code != exitDone || !strings.Contains(table, "PJSIP/1001") {
		t.Errorf("exit %d\n%s", code, table)
	}
	if code := d.stop(); code != exitDone {
		t.Errorf("the daemon ended with %d: %s", code, d.errs.String())
	}
	d = serveInBackground(t, args...)
	if got := offered(askKPI(t, data, ask...)); got != want {
		t.Errorf("after the restart %d offered, before %d", got, want)
	}
	code, out, errs := command(t, append([]string{"verify", "--queue-log", a.Dir("log") + "/queue_log", "--cel", a.Dir("log") + "/cel-custom/Master.csv",
		"--cdr", a.Dir("log") + "/cdr-csv/Master.csv"}, args...)...)
	if code != exitDone || !strings.Contains(out, fmt.Sprintf("%d visits, %d compared, 0 left out", want, want)) || strings.Count(out, " 0 of them unexplained") != 3 {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	if code := d.stop(); code != exitDone {
		t.Errorf("the daemon ended with %d: %s", code, d.errs.String())
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	goleak.VerifyNone(t)
}
