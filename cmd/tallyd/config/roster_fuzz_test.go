package config

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzRoster: whatever is read as a roster or a table ends in a roster or in
// faults that have places, and what a table becomes can be put in again.
func FuzzRoster(f *testing.F) {
	for _, pattern := range []string{"testdata/*roster*.yaml", "testdata/into.yaml", "testdata/*.csv", "../../../configs/roster.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatal("no seeds", pattern, err)
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, faults := readRoster("r.yaml", b, nil); len(faults) > 0 {
			_ = faults.Error()
		}
		made, err := ImportRoster("p.csv", b, "", nil)
		if err != nil {
			return
		}
		if _, faults := readRoster("made.yaml", made.YAML, nil); len(faults) > 0 {
			t.Fatalf("%q becomes %q: %v", b, made.YAML, faults)
		}
		again, err := ImportRoster("p.csv", b, "made.yaml", made.YAML)
		if err != nil || again.Added != 0 || string(again.YAML) != string(made.YAML) {
			t.Fatalf("%q becomes %q, and put in again %q: %v", b, made.YAML, again.YAML, err)
		}
	})
}
