package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The house rules: who may import whom, and what the pure floors must not
// touch.

type listed struct {
	ImportPath string
	Imports    []string
	Standard   bool
}

func list(t *testing.T, args ...string) []listed {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports,Standard"}, args...)...)
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		var x *exec.ExitError
		if errors.As(err, &x) {
			t.Fatalf("go list: %s", x.Stderr)
		}
		t.Fatal(err)
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) == 0 {
		t.Fatal("go list listed nothing")
	}
	return all
}

func TestImportsGoDownwards(t *testing.T) {
	floors := []string{"tallyd/metrics", "tallyd/rules", "tallyd/storage", "tallyd/connectors", "tallyd/cmd"}
	floor := func(path string) int {
		return slices.IndexFunc(floors, func(f string) bool { return path == f || strings.HasPrefix(path, f+"/") })
	}
	for _, p := range list(t, "./...") {
		from := floor(p.ImportPath)
		for _, i := range p.Imports {
			if !strings.HasPrefix(i, "tallyd/") {
				continue
			}
			to := floor(i)
			switch {
			case from < 0 || to < 0:
				t.Errorf("%s imports %s: one of them is on no floor of the house", p.ImportPath, i)
			case to > from:
				t.Errorf("%s imports %s, which is above it", p.ImportPath, i)
			case to == from && p.ImportPath == floors[0]:
				t.Errorf("%s imports %s: metrics imports nothing of ours, the packages beside it only one another", p.ImportPath, i)
			case to == from && from == 0 && i == floors[0]:
				t.Errorf("%s imports %s: what is beside metrics knows no figures", p.ImportPath, i)
			}
			in := func(path string, of ...string) bool {
				return slices.ContainsFunc(of, func(o string) bool {
					return path == "tallyd/connectors/"+o || strings.HasPrefix(path, "tallyd/connectors/"+o+"/")
				})
			}
			if in(p.ImportPath, "asterisk", "freeswitch", "rtp", "source") && to != 0 && !in(i, "asterisk", "freeswitch", "rtp", "source") {
				t.Errorf("%s imports %s: a switch's connector knows metrics alone", p.ImportPath, i)
			}
			if to == 2 && from == 3 && !in(p.ImportPath, "api") {
				t.Errorf("%s imports %s: only api and cmd know storage", p.ImportPath, i)
			}
			if in(p.ImportPath, "bus", "web", "webhook", "admin") && to == 3 && !in(i, "api", "schema", "bus", "web") {
				t.Errorf("%s imports %s: bus, web, webhook and admin know api alone", p.ImportPath, i)
			}
		}
	}
}

// TestPureFloors: metrics, and alerts' rules, do no I/O and read no clock. Packages that
// could are forbidden; of time only its types and arithmetic may be used.
func TestPureFloors(t *testing.T) {
	forbidden := []string{"os", "net", "io/fs", "log", "log/slog", "syscall", "os/exec", "math/rand", "math/rand/v2", "crypto/rand", "bufio", "unsafe"}
	pure := list(t, "./metrics/...", "./rules/alert/...")
	for _, p := range pure {
		for _, i := range p.Imports {
			if slices.Contains(forbidden, i) || strings.HasPrefix(i, "net/") {
				t.Errorf("%s imports %s: it does no I/O and reads no clock", p.ImportPath, i)
			}
		}
	}
	out, err := exec.Command("grep", "-nE", `time\.(Now|Since|Until|Sleep|After|Tick|NewTimer|NewTicker)\b`, "-r", "../../metrics", "../../rules", "--include=*.go", "--exclude=*_test.go").Output()
	if err == nil {
		t.Errorf("the clock is read in metrics or rules:\n%s", out)
	}
}
