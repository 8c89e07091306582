package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tallyd/connectors/web/client"
	"tallyd/metrics"
	"tallyd/rules"
	"tallyd/storage"
)

const scoreScheme = `scheme: s
version: "1"
period: month
time_zone: Asia/Shanghai
grades: {A: 90, B: 60, C: 0}
roles:
  agent:
    indicators:
      - {id: volume, kpi: answered_per_hour, dimension: output, floor: 0, target: 10, weight: 60%, minimum: {answered: 5}}
      - {id: training, kpi: training, dimension: development, floor: 0%, target: 100%, weight: 40%, minimum: {trainings: 1}}
    gates:
      - {when: "form.qa.critical_failed > 0", cap: 30, because: "a critical item failed"}
`

// TestScoreFacts scores a file of facts: bad lines are named, and the order of the good
// ones changes no byte.
func TestScoreFacts(t *testing.T) {
	lines := []string{
		`{"at":"2026-10-01T09:00:00Z","agent":"ann","role":"agent","counts":{"answered":8,"logged_in_ms":3600000}}`,
		`{"at":"2026-10-02T09:00:00Z","agent":"ann","role":"agent","counts":{"answered":4,"logged_in_ms":3600000}}`,
		`{"at":"2026-10-02T09:00:00Z","agent":"ann","training":{"course":"c","passed":true}}`,
		`{"at":"2026-10-02T09:00:00Z","agent":"bob","role":"agent","counts":{"answered":4,"logged_in_ms":3600000}}`,
		`{"at":"2026-09-30T15:59:59Z","agent":"ann","role":"agent","counts":{"answered":80,"logged_in_ms":3600000}}`,
	}
	scheme := keep(t, "s.yaml", []byte(scoreScheme))
	score := func(facts string, more ...string) (code int, out, errs string) {
		var o, e bytes.Buffer
		c := rootCommand(nil)
		c.SetArgs(append([]string{"score", "--scheme", scheme, "--facts", "-", "--from", "2026-10-01", "--to", "2026-11-01"}, more...))
		c.SetIn(strings.NewReader(facts))
		c.SetOut(&o)
		c.SetErr(&e)
		code = ended(c.ExecuteContext(t.Context()), &e)
		return code, o.String(), e.String()
	}
	all := strings.Join(lines, "\n")
	code, first, errs := score(all, "--json")
	if code != exitDone || errs != "score: 1 facts are not from 2026-10-01 to 2026-11-01 and were left out\n" {
		t.Errorf("exit code %d: %s", code, errs)
	}
	var scores rules.Scores
	if err := json.Unmarshal([]byte(first), &scores); err != nil {
		t.Fatal(err)
	}
	// Ann: 6 an hour are 60 points; 60 % of that and 40 % of 100.
	if len(scores.Cards) != 2 || *scores.Cards[0].Score != 76 || scores.Cards[0].Grade != "B" || scores.Cards[1].Score != nil || !scores.Intact() {
		t.Errorf("%s", first)
	}
	if _, again, _ := score(lines[4]+"\n"+lines[2]+"\n"+lines[3]+"\n"+lines[1]+"\n"+lines[0]+"\n", "--json"); again != first {
		t.Errorf("in another order it is\n%s, want\n%s", again, first)
	}
	code, out, errs := score(all+"\n{\"at\":\"2026-10-02T09:00:00Z\",\"agent\":\"ann\",\"counts\":{\"calls\":4}}\n", "--agent", "ann")
	if code != exitNotSo || !strings.Contains(errs, "standard input:6: count \"calls\" is not known\n") || !strings.Contains(out, "ann    76.00  76.0 to 76.0  B      1     2     60.00   100.00\n") || strings.Contains(out, "bob") {
		t.Errorf("exit code %d: %s%s", code, errs, out)
	}
	for want, args := range map[string][]string{
		`score: --to "soon" is not a date`:                   {"--to", "soon"},
		"score: the period from 2026-10-01 to 2026-10-01 is": {"--to", "2026-10-01"},
		"1830 are the most":                                  {"--to", "2036-10-01"},
		"no such file":                                       {"--scheme", "none.yaml"},
		"go without --facts":                                 {"--seal"},
	} {
		if code, out, errs := score(all, args...); code != exitUsage || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%v: exit code %d: %s%s, want %s", args, code, errs, out, want)
		}
	}
}

// TestScoresOfDaemon: how scores stand, sealing, explanations, what if, and that an
// export that is scored elsewhere gives the same bytes; over a restart.
func TestScoresOfDaemon(t *testing.T) {
	dir, data := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{
		"roster.yaml": "agents:\n  - {id: ann, role: agent}\n  - {id: a/b, role: agent}\n",
		"tallyd.yaml": "time_zone: Asia/Shanghai\nroster_file: roster.yaml\nscheme_files: [s.yaml]\nswitches:\n  - {name: gone, kind: freeswitch, address: '127.0.0.1:1', password: x}\n",
		"s.yaml":      scoreScheme,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	store, err := storage.Open(t.Context(), storage.Config{Dir: filepath.Join(data, storeFolder)})
	if err != nil {
		t.Fatal(err)
	}
	work := metrics.Sealed{Switch: "gone", Interval: metrics.IntervalOf(metrics.MillisOf(time.Date(2026, 10, 1, 9, 0, 0, 0, time.UTC)))}
	for i, agent := range []string{"ann", "a/b"} {
		for _, kind := range []metrics.RowKind{metrics.AgentRow, metrics.PairRow} {
			r := metrics.Rollup{Kind: kind, Name: agent}
			r.Values[metrics.AnsweredCount] = int64(6 + i)
			if kind == metrics.PairRow {
				r.Second = "support"
			} else {
				r.Values[metrics.LoggedInTime] = 3_600_000
			}
			work.Rollups = append(work.Rollups, r)
		}
	}
	if err := store.PutSealed(&work); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "tallyd.yaml")
	daemon := serveInBackground(t, "--config", config, "--data", data)
	tell := func(args ...string) (code int, out, errs string) {
		t.Helper()
		return command(t, append(args, "--config", config, "--data", data)...)
	}
	must := func(args ...string) string {
		t.Helper()
		code, out, errs := tell(args...)
		if code != exitDone {
			t.Fatalf("%v: exit code %d: %s", args, code, errs)
		}
		return out
	}
	october := []string{"--from", "2026-10-01", "--to", "2026-11-01"}
	if out := must(append([]string{"score"}, october...)...); !strings.Contains(out, "s-2026-10, 2026-10-01 to 2026-11-01, scheme version 1, as it stands") ||
		!strings.Contains(out, "a/b    70.00") || !strings.Contains(out, "ann    60.00") {
		t.Error(out)
	}
	sealed := must(append([]string{"score", "--seal", "--json"}, october...)...)
	var scores client.Scores
	if err := json.Unmarshal([]byte(sealed), &scores); err != nil || scores.Sealed == nil || len(scores.Cards) != 2 {
		t.Fatal(sealed, err)
	}
	// Scored elsewhere, from an export.
	facts := filepath.Join(dir, "october.jsonl")
	must(append([]string{"export", "--facts", "--output", facts}, october...)...)
	code, out, errs := command(t, append([]string{"score", "--json", "--scheme", filepath.Join(dir, "s.yaml"), "--facts", facts}, october...)...)
	var elsewhere rules.Scores
	if err := json.Unmarshal([]byte(out), &elsewhere); code != exitDone || err != nil || elsewhere.SHA256 != scores.SHA256 {
		t.Errorf("exit code %d, %s: scored elsewhere it is %s, sealed %s", code, errs, elsewhere.SHA256, scores.SHA256)
	}
	if code := daemon.stop(); code != exitDone {
		t.Errorf("stopped with %d", code)
	}
	serveInBackground(t, "--config", config, "--data", data)
	if again := must(append([]string{"score", "--seal", "--json"}, october...)...); again != sealed {
		t.Errorf("sealed again it is\n%s, want\n%s", again, sealed)
	}
	if out := must("score", "--cycle", "s-2026-10", "--recompute"); !strings.Contains(out, "the same to the byte") {
		t.Error(out)
	}
	for want, args := range map[string][]string{
		"ann, agent: 60.00 (B), nine in ten 60.0 to 60.0": {"explain", "s-2026-10/ann"},
		"a/b, agent: 70.00 (B)":                           {"explain", "s-2026-10/a/b/agent"},
		"/api/v1/contacts?agent=ann&from=2026-10-01T00%3A00%3A00%2B08%3A00&to=2026-11-01T00%3A00%3A00%2B08%3A00": {"explain", "s-2026-10/ann"},
		"answered 6, logged_in_ms 3600000":     {"explain", "ann", "--from", "2026-10-01", "--to", "2026-11-01"},
		"volume at 10.0: +40.00":               {"explain", "s-2026-10/ann"},
		"what if: 80.00 (B)":                   {"explain", "s-2026-10/ann", "--if", "volume=8"},
		"what if: 76.00 (B)":                   {"explain", "s-2026-10/ann", "--if", "training=100%"},
		"revision 0, sealed at ":               {"explain", "s-2026-10/ann"},
		"not rated: there is nothing to form":  {"explain", "s-2026-10/ann"},
		`"what_if":{"agent":"ann"`:             {"explain", "s-2026-10/ann", "--if", "volume=8", "--json"},
		"s-2026-10, 2026-10-01 to 2026-11-01,": {"score", "--cycle", "s-2026-10", "--agent", "ann"},
	} {
		if out := must(args...); !strings.Contains(out, want) {
			t.Errorf("%v: %s\nwant %s", args, out, want)
		}
	}
	for want, args := range map[string][]string{
		`agent "eve" has no card of s-2026-10`: {"explain", "s-2026-10/eve"},
		"is not over before":                   {"score", "--seal", "--from", "2026-10-01", "--to", "2030-11-01"},
		`from "soon" is not a date`:            {"score", "--seal", "--from", "soon", "--to", "2026-11-01"},
		`cycle "s-2026-09" was not sealed`:     {"score", "--cycle", "s-2026-09"},
		`scheme "t" is none of s`:              {"score", "--scheme", "t"},
		`volume "many" is not a number`:        {"explain", "s-2026-10/ann", "--if", "volume=many"},
		`--recompute goes with --cycle`:        {"score", "--recompute"},
	} {
		if code, out, errs := tell(args...); code != exitUsage || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%v: exit code %d: %s%s, want %s", args, code, errs, out, want)
		}
	}
}
