package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"tallyd/connectors/admin"
	"tallyd/connectors/api"
	"tallyd/metrics"
)

// recordedCaller is a caller of the recording, as people write the number.
const recordedCaller = "+31 (97) 010-017"

// TestForgetCommand: whether a daemon runs or not, the same is forgotten, and
// listed.
func TestForgetCommand(t *testing.T) {
	for _, running := range []bool{true, false} {
		t.Run(fmt.Sprint("running ", running), func(t *testing.T) {
			data, config := playedData(t)
			before, sums := stored(t, data)
			key, err := os.ReadFile(filepath.Join(data, api.CallerKeyFile))
			if err != nil {
				t.Fatal(err)
			}
			callers, agents := 0, map[string]int{}
			for _, c := range before {
				if c.Hash == callerHash(key, "+3197010017") {
					callers++
				}
				agents[c.Agent]++
			}
			if callers == 0 || agents["1001@default"] == 0 {
				t.Fatalf("%d contacts of the caller, by agent %v", callers, agents)
			}
			stop := func() int { return exitDone }
			if running {
				stop = serveInBackground(t, "--config", config, "--data", data).stop
				eventually(t, func() string { return "there is no socket" }, func() bool { _, err := os.Stat(filepath.Join(data, admin.SocketFile)); return err == nil })
			}
			forgotten := func(args ...string) (f api.Forgotten) {
				t.Helper()
				code, out, errs := command(t, append([]string{"forget", "--json", "--data", data}, args...)...)
				if code != exitDone || errs != "" && running {
					t.Fatalf("exit %d: %s", code, errs)
				}
				if err := json.Unmarshal([]byte(out), &f); err != nil {
					t.Fatal(err)
				}
				return f
			}
			me := admin.UserName(os.Getuid())
			if f := forgotten("caller", recordedCaller); f.Contacts != callers || f.Rollups != 0 || f.By != me || f.Number != 1 || f.Kind != "caller" ||
				time.Since(metrics.Millis(f.At).Time()) > time.Minute {
				t.Errorf("of %d contacts, forgotten is %+v", callers, f)
			}
			agent := forgotten("agent", "1001@default")
			if agent.Contacts != agents["1001@default"] || agent.Rollups == 0 || agent.By != me || agent.Number != 2 || !strings.HasPrefix(agent.Name, "forgotten-") {
				t.Errorf("of %d contacts, forgotten is %+v", agents["1001@default"], agent)
			}
			for args, says := range map[string]string{"caller +49301234567": "about this caller", "agent 1001@default": "about this agent", "caller +3197010017": "about this caller"} {
				code, out, errs := command(t, append([]string{"forget", "--data", data}, strings.Fields(args)...)...)
				if code != exitNotSo || out != "" || !strings.Contains(errs, says) {
					t.Errorf("%s: exit %d, %q, %q", args, code, out, errs)
				}
			}
			code, out, _ := command(t, "forget", "--list", "--data", data)
			lines := strings.Split(strings.TrimSpace(out), "\n")
			if code != exitDone || len(lines) != 3 || !strings.Contains(lines[2], agent.Name) || strings.Contains(out, "1001") || strings.Contains(out, "97010017") {
				t.Errorf("exit %d, listed:\n%s", code, out)
			}
			if code := stop(); code != exitDone {
				t.Errorf("the daemon ended with %d", code)
			}
			after, sumsAfter := stored(t, data)
			if fmt.Sprint(sumsAfter) != fmt.Sprint(sums) || len(after) != len(before) {
				t.Errorf("%d contacts, sums\n%v, were %d,\n%v", len(after), sumsAfter, len(before), sums)
			}
			for i, c := range after {
				b := before[i]
				b.Rename("1001@default", agent.Name)
				if b.Hash == callerHash(key, "+3197010017") {
					b.Hash, b.Caller, b.Leg = [16]byte{}, "", ""
				}
				if !reflect.DeepEqual(c, b) {
					t.Errorf("contact is\n%+v, want\n%+v", c, b)
				}
			}
		})
	}
}

func TestForgetUsage(t *testing.T) {
	data, _ := playedData(t)
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{}, exitUsage, "say caller NUMBER, agent NAME or --list"},
		{[]string{"caller"}, exitUsage, "say caller NUMBER"},
		{[]string{"queue", "support"}, exitUsage, "say caller NUMBER"},
		{[]string{"--list", "agent", "x"}, exitUsage, "say caller NUMBER"},
		{[]string{"a", "b", "c"}, exitUsage, "accepts at most 2"},
		{[]string{"caller", " - "}, exitUsage, "that is no number"},
		{[]string{"--data", "/nowhere", "agent", "x"}, exitCannot, `data folder "/nowhere" has no store`},
		{[]string{"--data", "/nowhere", "caller", "1"}, exitCannot, "the key of the callers: open /nowhere/caller.key: no such file or directory"},
	} {
		code, _, errs := command(t, append([]string{"forget", "--data", data}, c.args...)...)
		if code != c.code || !strings.Contains(errs, c.says) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%q: exit %d, %q", c.args, code, errs)
		}
	}
}

// TestForgetFromStandardInput: a number that is read is the number that is given.
func TestForgetFromStandardInput(t *testing.T) {
	data := t.TempDir()
	if err := os.WriteFile(filepath.Join(data, api.CallerKeyFile), []byte("key"), 0o600); err != nil {
		t.Fatal(err)
	}
	given, err := whom(api.ForgetCaller, recordedCaller, data, metrics.Numbers{}, nil)
	read, err2 := whom(api.ForgetCaller, "-", data, metrics.Numbers{}, strings.NewReader(recordedCaller+"\nand more\n"))
	if err != nil || err2 != nil || len(given.Hashes) != 4 || !slices.Equal(read.Hashes, given.Hashes) {
		t.Errorf("read %x, given %x, errors %v, %v", read.Hashes, given.Hashes, err2, err)
	}
}

// TestForgetNormalised: however the number is written, the hash that is stored is
// among those that are forgotten.
func TestForgetNormalised(t *testing.T) {
	data := t.TempDir()
	if err := os.WriteFile(filepath.Join(data, api.CallerKeyFile), []byte("key"), 0o600); err != nil {
		t.Fatal(err)
	}
	plan := metrics.Numbers{Country: "49", Area: "30", International: "00", Trunk: "0", Digits: 11}
	for _, number := range []string{"+49 30 12345678", "004930 12345678", "030/12345678", "12345678"} {
		r, err := whom(api.ForgetCaller, number, data, plan, nil)
		if err != nil || !slices.Contains(r.Hashes, callerHash([]byte("key"), "+493012345678")) {
			t.Errorf("%s: %x, error %v", number, r.Hashes, err)
		}
	}
}

func TestPresentations(t *testing.T) {
	for number, want := range map[string]string{
		"+49 (30) 123-456":        `["+4930123456" "004930123456" "4930123456" "+49 (30) 123-456"]`,
		"004930123456":            `["+4930123456" "004930123456" "4930123456"]`,
		"030 123456":              `["030123456" "030 123456"]`,
		"1001":                    `["1001"]`,
		"+123":                    `["+123"]`,
		"anonymous":               `["anonymous"]`,
		" - ":                     `[]`,
		"+4930\u00a0123\u2011456": `["+4930123456" "004930123456" "4930123456" "+4930\u00a0123‑456"]`,
	} {
		if got := fmt.Sprintf("%q", presentations(number)); got != want {
			t.Errorf("%s: %s, want %s", number, got, want)
		}
	}
}

// TestCallerHash: the command hashes a number as a tracker does.
func TestCallerHash(t *testing.T) {
	key := []byte("the key of the callers' hashes..")
	for _, number := range []string{"+4930123456", "1", strings.Repeat("9", 40)} {
		var got []metrics.Contact
		tracker := metrics.NewTracker(metrics.NewNames(), metrics.Options{CallerKey: key, Sealed: func(s *metrics.Sealed) { got = append(got, s.Contacts...) }})
		id := metrics.IDString("v")
		tracker.Apply(&metrics.Event{Kind: metrics.VisitJoined, At: 1000, Visit: id, Leg: id, Queue: 1, Caller: metrics.MakeCaller([]byte(number))})
		tracker.Apply(&metrics.Event{Kind: metrics.VisitLeft, At: 2000, Visit: id, Outcome: metrics.Abandoned})
		tracker.Finish()
		if len(got) != 1 || got[0].Hash != callerHash(key, number) {
			t.Errorf("%s: contacts %+v, the command's hash is %x", number, got, callerHash(key, number))
		}
	}
}
