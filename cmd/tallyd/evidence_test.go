package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tallyd/connectors/api"
	"tallyd/metrics"
	"tallyd/storage"
)

// TestVerifyEvidence: whether a daemon runs or not, everything that is stored
// comes out of its evidence; a figure that was changed does not.
func TestVerifyEvidence(t *testing.T) {
	data, config := playedData(t)
	since := time.Now().Add(-2 * time.Hour).UTC().Format(time.RFC3339)
	prove := func() (v api.Verification, code int) {
		t.Helper()
		code, out, errs := command(t, "verify", "--json", "--from", since, "--config", config, "--data", data)
		if err := json.Unmarshal([]byte(out), &v); err != nil {
			t.Fatalf("exit %d: %v: %s%s", code, err, out, errs)
		}
		return v, code
	}
	d := serveInBackground(t, "--config", config, "--data", data)
	running, code := prove()
	if code != exitDone || running.Different != 0 || running.Rollups < 20 || running.Contacts < 70 || running.Spans < 50 {
		t.Errorf("exit %d: %+v", code, running)
	}
	if code := d.stop(); code != exitDone {
		t.Fatal(d.errs.String())
	}
	stopped, code := prove()
	if code != exitDone || stopped.Different != 0 || stopped.Rollups < running.Rollups {
		t.Errorf("exit %d: %+v, while the daemon ran %+v", code, stopped, running)
	}
	s, err := storage.Open(t.Context(), storage.Config{Dir: filepath.Join(data, storeFolder)})
	if err != nil {
		t.Fatal(err)
	}
	handed, err := s.Handed("fs1")
	if err != nil {
		t.Fatal(err)
	}
	var in metrics.Interval
	for seal, err := range s.Seals(t.Context(), 0, 1<<40) {
		if err != nil {
			t.Fatal(err)
		}
		in = seal.Interval
	}
	r := metrics.Rollup{Kind: metrics.AgentRow, Name: "1001@default"}
	r.Values[metrics.AnsweredCount] = 2
	if err := s.PutSealed(&metrics.Sealed{Switch: "fs1", Interval: in, Number: handed + 1, Correction: true, Rollups: []metrics.Rollup{r}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	code, out, errs := command(t, "verify", "--from", since, "--config", config, "--data", data)
	if code != exitNotSo || !strings.Contains(out, `agent "1001@default": answered is `) || !strings.Contains(errs, "1 figures do not come out of their evidence") {
		t.Errorf("two answered calls too many: exit %d: %s%s", code, out, errs)
	}
}
