package storage

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tallyd/metrics"
)

// sweepDir names the folder of folders that this program, run as a process of
// its own, opens one after the other, and says what each interval reads.
const sweepDir = "TALLYD_TEST_SWEEP"

const sweepIntervals = 12

func sweep(root string) int {
	folders, err := os.ReadDir(root)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for _, f := range folders {
		fmt.Println("opening", f.Name())
		s, err := Open(context.Background(), Config{Dir: filepath.Join(root, f.Name())})
		if err != nil {
			fmt.Println("refused", err)
			continue
		}
		for i := range metrics.Interval(sweepIntervals) {
			o, err := outcome(s, recently+i)
			fmt.Println("reads", o, err)
		}
		_ = s.Close()
	}
	fmt.Println("done")
	return 0
}

// TestDamageAnywhere changes a byte at places all over the files of a folder:
// whatever it hits, what is read is what was stored, or an error; the process
// goes on.
func TestDamageAnywhere(t *testing.T) {
	sound := smallFolder(t, sweepIntervals)
	var want []string
	s := open(t, Config{Dir: copyFolder(t, sound)})
	for i := range metrics.Interval(sweepIntervals) {
		o, err := outcome(s, recently+i)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, o)
	}
	root := t.TempDir()
	random := rand.New(rand.NewPCG(7, 7))
	n := 0
	for _, name := range []string{filepath.Base(theTable(t, sound)), "MANIFEST", "KEYREGISTRY", "000001.vlog", "DISCARD"} {
		info, err := os.Stat(filepath.Join(sound, name))
		if err != nil {
			t.Fatal(err)
		}
		times := 6
		if filepath.Ext(name) == ".sst" {
			times = 60
		}
		for k := range times {
			dir := filepath.Join(root, fmt.Sprintf("%03d", n))
			n++
			if err := os.CopyFS(dir, os.DirFS(sound)); err != nil {
				t.Fatal(err)
			}
			at := random.Int64N(info.Size())
			if k%3 == 0 { // ends and beginnings hold lengths
				at = min(random.Int64N(40), info.Size()-1)
				if k%2 == 0 {
					at = info.Size() - 1 - at
				}
			}
			flip(t, filepath.Join(dir, name), at)
			if err := os.WriteFile(filepath.Join(dir, "what"), fmt.Appendf(nil, "%s at %d of %d", name, at, info.Size()), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), sweepDir+"="+root)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	var folder string
	refused, damaged, read := 0, 0, 0
	lines := bufio.NewScanner(strings.NewReader(string(out)))
	ended := false
	for i := 0; lines.Scan(); {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		what := func() string {
			b, _ := os.ReadFile(filepath.Join(root, folder, "what"))
			return string(b)
		}
		switch word {
		case "opening":
			folder, i = rest, 0
		case "refused":
			refused++
			if !strings.Contains(rest, folder) {
				t.Errorf("%s: refused with %q", what(), rest)
			}
		case "reads":
			parts, wants := strings.Fields(rest), strings.Fields(want[i])
			for p := range wants {
				switch {
				case parts[p] == wants[p]:
					read++
				case parts[p] == "damaged":
					damaged++
				default:
					t.Errorf("%s: interval %d reads %q, want %q", what(), i, rest, want[i])
				}
			}
			if len(parts) != len(wants)+1 || parts[len(wants)] != "<nil>" {
				t.Errorf("%s: interval %d reads %q", what(), i, rest)
			}
			i++
		case "done":
			ended = true
		}
	}
	if err != nil || !ended {
		b, _ := os.ReadFile(filepath.Join(root, folder, "what"))
		t.Fatalf("the process ended at %s: %v", b, err)
	}
	t.Logf("of %d folders %d were refused; %d readings were right, %d said that they are damaged", n, refused, read, damaged)
	if refused == 0 || damaged == 0 || read < 1000 {
		t.Error("the damage did not reach everything")
	}
}
