package storage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/dgraph-io/badger/v4"

	"tallyd/metrics"
)

func open(t testing.TB, c Config) *Store {
	t.Helper()
	s, err := Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// testSealed is an interval of n agents, in the size of real rollups.
func testSealed(sw string, i metrics.Interval, n int) *metrics.Sealed {
	s := &metrics.Sealed{Switch: sw, Interval: i}
	for a := range n {
		r := metrics.Rollup{Kind: metrics.AgentRow, Name: fmt.Sprintf("agent-%04d", a)}
		for c := range r.Values {
			r.Values[c] = int64(a+1) * int64(c+1) * 37
		}
		r.Values[metrics.Offered] = int64(i) + 1
		for w := range 40 {
			r.Histograms[metrics.AnsweredWaits].Add(metrics.Millis(w * 1500))
		}
		s.Rollups = append(s.Rollups, r)
	}
	return s
}

func countKeys(t testing.TB, s *Store, prefix []byte) int {
	t.Helper()
	n := 0
	err := s.db.View(func(txn *badger.Txn) error {
		return scan(txn, prefix, func(*record) error { n++; return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOpenFaults(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()

	t.Run("in use", func(t *testing.T) {
		inUse := filepath.Join(dir, "in-use")
		open(t, Config{Dir: inUse})
		wantFault(t, Config{Dir: inUse}, `folder "`+inUse+`" is in use by another process`)
	})
	t.Run("a file", func(t *testing.T) {
		file := filepath.Join(dir, "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		wantFault(t, Config{Dir: file}, `folder "`+file+`" cannot be made: not a directory`)
	})
	t.Run("not writable", func(t *testing.T) {
		locked := filepath.Join(dir, "locked")
		if err := os.Mkdir(locked, 0o555); err != nil {
			t.Fatal(err)
		}
		want := `folder "` + locked + `" is not writable: permission denied`
		if os.Geteuid() != 0 {
			wantFault(t, Config{Dir: locked}, want)
			return
		}
		if got := openAsNobody(t, locked); got != want {
			t.Errorf("said %q, want %q", got, want)
		}
	})
	t.Run("somebody else's files", func(t *testing.T) {
		theirs := smallFolder(t, 1)
		manifest := filepath.Join(theirs, badger.ManifestFilename)
		want := `file "` + manifest + `" cannot be read: permission denied`
		if os.Geteuid() != 0 {
			if err := os.Chmod(manifest, 0); err != nil {
				t.Fatal(err)
			}
			wantFault(t, Config{Dir: theirs}, want)
			return
		}
		if err := errors.Join(os.Chmod(theirs, 0o777), os.Chmod(manifest, 0o600)); err != nil {
			t.Fatal(err)
		}
		if got := openAsNobody(t, theirs); got != want {
			t.Errorf("said %q, want %q", got, want)
		}
	})
	t.Run("newer format", func(t *testing.T) {
		newer := filepath.Join(dir, "newer")
		s := open(t, Config{Dir: newer})
		if err := s.setNumber(metaFormat, formatNumber+1); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		fault := fmt.Sprintf("folder %q has format %d, this program reads up to %d", newer, formatNumber+1, formatNumber)
		wantFault(t, Config{Dir: newer}, fault)
		wantFault(t, Config{Dir: newer, ReadOnly: true}, fault)
	})
	t.Run("nothing to read", func(t *testing.T) {
		none := filepath.Join(dir, "none")
		wantFault(t, Config{Dir: none, ReadOnly: true}, `folder "`+none+`" cannot be read: no such file or directory`)
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := Open(ctx, Config{Dir: filepath.Join(dir, "cancelled")}); !errors.Is(err, context.Canceled) {
			t.Fatalf("error is %v", err)
		}
	})
}

// openAsNobody opens a folder as a user to whom, unlike root, not everything is
// allowed, and returns what went wrong.
func openAsNobody(t *testing.T, dir string) string {
	t.Helper()
	for d := filepath.Dir(dir); len(d) > len(os.TempDir()); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const nobody = 65534
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), openDir+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	cmd.Dir = "/"
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
	return string(out)
}

func wantFault(t *testing.T, c Config, want string) {
	t.Helper()
	_, err := Open(context.Background(), c)
	if err == nil {
		t.Fatalf("opened; want %q", want)
	}
	if err.Error() != want {
		t.Errorf("error is\n%s, want\n%s", err, want)
	}
}

func TestReadOnly(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := open(t, Config{Dir: dir})
	if err := s.PutSealed(testSealed("fs1", 5, 3)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // readers share
		r := open(t, Config{Dir: dir, ReadOnly: true})
		sums, err := r.Sum(ctx, Query{To: 10})
		if err != nil || len(sums) != 3 {
			t.Fatalf("%d rows, error %v", len(sums), err)
		}
		if err := r.PutSealed(testSealed("fs1", 6, 1)); !errors.Is(err, ErrReadOnly) {
			t.Fatalf("error is %v", err)
		}
	}
}

func TestClosed(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.PutSealed(testSealed("fs1", 5, 3)); !errors.Is(err, ErrClosed) {
		t.Errorf("put: error is %v", err)
	}
	if _, err := s.Sum(context.Background(), Query{To: 10}); !errors.Is(err, ErrClosed) {
		t.Errorf("sum: error is %v", err)
	}
	if _, err := s.Retain(context.Background(), 1, 1); !errors.Is(err, ErrClosed) {
		t.Errorf("retain: error is %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("close again: %v", err)
	}
}

// TestCloseWaitsForReads: a reading that is under way is not cut off.
func TestCloseWaitsForReads(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	if err := s.PutSealed(testSealed("fs1", 5, 50)); err != nil {
		t.Fatal(err)
	}
	closed := make(chan error)
	rows := 0
	for _, err := range s.Rollups(context.Background(), Query{To: 10}) {
		if err != nil {
			t.Fatal(err)
		}
		if rows++; rows == 1 {
			go func() { closed <- s.Close() }()
		}
	}
	if err := <-closed; err != nil || rows != 50 {
		t.Fatalf("%d rows, close: %v", rows, err)
	}
}

func TestReadingEndsWithContext(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	if err := s.PutSealed(victimSealed(0)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Sum(ctx, Query{To: 10}); !errors.Is(err, context.Canceled) {
		t.Errorf("sum: error is %v", err)
	}
	for _, err := range s.Contacts(ctx, ContactQuery{}) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("contacts: error is %v", err)
		}
	}
}

func TestGC(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	if err := s.PutSealed(testSealed("fs1", 5, 50)); err != nil {
		t.Fatal(err)
	}
	if err := s.GC(context.Background()); err != nil {
		t.Fatal(err)
	}
	if lsm, _ := s.Size(); lsm <= 0 {
		t.Errorf("the tables take %d bytes", lsm)
	}
}

// TestDamagedRecord: a record that cannot be read is an error that names it.
func TestDamagedRecord(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	r := metrics.Rollup{Interval: 3, Kind: metrics.AgentRow, Name: "1001"}
	if err := s.commit([]change{{rollupRecord(&r, 0), []byte{99}}}); err != nil {
		t.Fatal(err)
	}
	_, err := s.Sum(context.Background(), Query{To: 10})
	if !errors.Is(err, metrics.ErrFormat) || !strings.Contains(err.Error(), "1001") {
		t.Errorf("error is %v", err)
	}
}
