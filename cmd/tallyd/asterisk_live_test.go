package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tallyd/connectors/asterisk/lab"
	"tallyd/connectors/asterisk/queuelog"
)

// TestServeAsterisk: the daemon as a user starts it, attached to a real
// Asterisk while a small centre plays; asked over its bus, killed in order,
// started again, and held against the switch's queue_log.
func TestServeAsterisk(t *testing.T) {
	a, err := lab.Start(t.Context(), "22", lab.Options{SystemName: "ast22"})
	if errors.Is(err, lab.ErrNoRoot) && os.Getenv("TALLYD_REQUIRE") != "all" {
		t.Skipf("left out: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	stop := sync.OnceValue(a.Stop)
	t.Cleanup(func() { _ = stop() })
	data := t.TempDir()
	secret := keep(t, "secret", []byte(lab.AMIPassword+"\n"))
	config := keep(t, "tallyd.yaml", fmt.Appendf(nil, "switches:\n  - {name: ast1, kind: asterisk, ari: '%s', username: %s, password: %s, "+
		"ami: {address: '127.0.0.1:%d', username: %s, password_file: %s}}\n", a.ARI(), lab.ARIUser, lab.ARIPassword, a.AMI, lab.AMIUser, secret))
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
		entries, _, err := readQueueLog(a.Dir("log") + "/queue_log")
		if err != nil {
			t.Fatal(err)
		}
		return int64(len(queuelog.Visits(entries)))
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
	code, out, errs := command(t, append([]string{"verify", "--queue-log", a.Dir("log") + "/queue_log"}, args...)...)
	if code != exitDone || !strings.Contains(out, fmt.Sprintf("%d visits, %d compared, 0 left out", want, want)) || !strings.Contains(out, " 0 of them unexplained") {
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
