package storage

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestKilledWhileClosing: a crash after Badger has put its logs away, and before its last
// compaction is listed, is a crash, and no damage. Without a crash it is damage.
func TestKilledWhileClosing(t *testing.T) {
	dir := t.TempDir()
	mark := filepath.Join(dir, unclosedFile)
	s := open(t, Config{Dir: dir})
	if err := s.PutSealed(testSealed("fs1", 7, 100)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(mark); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(mark); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("closed in order, %v", err)
	}
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatal(tables, err)
	}
	b, err := os.ReadFile(tables[0])
	if err != nil {
		t.Fatal(err)
	}
	unlisted := filepath.Join(dir, "000900.sst")
	if err := os.WriteFile(unlisted, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "it does not list 000900.sst") {
		t.Fatalf("without a crash: %v", err)
	}
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, Config{Dir: dir})
	if n := len(collectAll(t, s.Rollups(t.Context(), Query{From: 0, To: 100}))); n != len(testSealed("fs1", 7, 100).Rollups) {
		t.Errorf("%d rollups", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(unlisted); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what did not count is still there: %v", err)
	}
}
