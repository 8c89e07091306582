package asterisk

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tallyd/connectors/asterisk/lab"
	"tallyd/connectors/asterisk/queuelog"
)

// required tells whether a part must not be left out.
func required() bool { return os.Getenv("TALLYD_REQUIRE") == "all" }

// start starts an Asterisk, or leaves the test out where that cannot be had.
func start(t *testing.T, ctx context.Context, version string, opt lab.Options) *lab.Asterisk {
	t.Helper()
	a, err := lab.Start(ctx, version, opt)
	if errors.Is(err, lab.ErrNoRoot) && !required() {
		t.Skipf("left out: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Stop(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func TestCentre(t *testing.T) {
	for _, version := range lab.Versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			ctx, stop := context.WithTimeout(context.Background(), 5*time.Minute)
			defer stop()
			a := start(t, ctx, version, lab.Options{SystemName: "ast" + version})
			folder := t.TempDir()
			if keep := os.Getenv("TALLYD_RECORDINGS"); keep != "" {
				folder = filepath.Join(keep, version)
				if err := os.MkdirAll(folder, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			rec, err := a.Record(ctx, folder)
			if err != nil {
				t.Fatal(err)
			}
			log, err := lab.Centre{Seed: 1, Calls: 130, Length: 100 * time.Second}.Play(ctx, a)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range log.Faults {
				t.Errorf("phones: %v", f)
			}
			if err := rec.Close(); err != nil {
				t.Fatal(err)
			}
			if err := a.Logs(folder); err != nil {
				t.Fatal(err)
			}
			compareLogs(t, folder)
		})
	}
}

func compareLogs(t *testing.T, folder string) {
	t.Helper()
	r := newReplayed()
	ari, err := os.Open(folder + "/ari-events.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer ari.Close()
	man, err := os.Open(folder + "/ami-events.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer man.Close()
	if err := Replay(context.Background(), ari, NewManager(man), r.translator); err != nil {
		t.Fatal(err)
	}
	r.finish()
	f, err := os.Open(folder + "/queue_log")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	entries, faults, err := queuelog.Read(f)
	if err != nil || len(faults) > 0 {
		t.Fatal(err, faults)
	}
	result := queuelog.Compare(queuelog.Visits(entries), r.contacts, r.translator.Name)
	for _, d := range result.Differences {
		if d.Reason == "" {
			t.Error(d)
		} else {
			t.Log(d)
		}
	}
	t.Logf("%d visits compared, %d refused, %+v", result.Compared, result.Refused, r.translator.Counts)
}

// TestRecorded compares recordings that a folder holds, one each in a folder of
// its own, with their queue_log.
func TestRecorded(t *testing.T) {
	folders, err := filepath.Glob(os.Getenv("TALLYD_RECORDINGS") + "/*/queue_log")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		t.Run(filepath.Base(filepath.Dir(f)), func(t *testing.T) { compareLogs(t, filepath.Dir(f)) })
	}
}
