package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tallyd/rules"
)

// TestExportCommand exports a recording that is stored: the lines come to what the
// daemon says of the agents, into a file as to the terminal.
func TestExportCommand(t *testing.T) {
	s := newContactsSite(t)
	tell := func(args ...string) (code int, out, errs string) {
		var o, e bytes.Buffer
		code = run(t.Context(), append([]string{"export", "--data", s.data}, args...), nil, &o, &e)
		return code, o.String(), e.String()
	}
	span := []string{"--from", "2026-11-01", "--to", "2026-12-01"}
	code, out, errs := tell(append([]string{"--facts"}, span...)...)
	if code != exitDone || errs != "" {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	answered, talk := map[string]int64{}, map[string]int64{}
	bad, err := rules.ReadFacts(strings.NewReader(out), func(x *rules.Fact) error { // as scoring reads it
		answered[x.Agent] += x.Counts["answered"]
		talk[x.Agent] += x.Counts["talk_ms"]
		return nil
	})
	if err != nil || len(bad) > 0 {
		t.Fatal(bad, err)
	}
	a := askKPI(t, s.data, append([]string{"agents"}, span...)...)
	if len(a.Rows) < 5 {
		t.Fatalf("%d agents", len(a.Rows))
	}
	for _, r := range a.Rows {
		if answered[r.Name] != r.Counters["answered"] || talk[r.Name] != r.Counters["talk_ms"] {
			t.Errorf("%s: %d answered, %d ms of talk, the daemon says %v", r.Name, answered[r.Name], talk[r.Name], r.Counters)
		}
	}
	file := filepath.Join(t.TempDir(), "november.jsonl")
	if code, printed, errs := tell(append([]string{"--facts", "--output", file}, span...)...); code != exitDone || printed != "" || errs != "" {
		t.Errorf("exit code %d: %s%s", code, printed, errs)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != out {
		t.Errorf("the file differs, %v", err)
	}
	for want, args := range map[string][]string{
		"export: say what: --facts": {},
		"export: --from":            {"--facts", "--from", "yesterday"},
		"is empty":                  {"--facts", "--from", "2026-12-01", "--to", "2026-11-01"},
		"no daemon is running on the data folder": {"--facts", "--data", t.TempDir()},
		"export: unknown command \"all\"":         {"all"},
	} {
		if code, out, errs := tell(args...); code == exitDone || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%v: exit code %d, %s%s, want %s", args, code, out, errs, want)
		}
	}
}
