//go:build !race

package storage

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"tallyd/metrics"
	"tallyd/storage/resident"
)

// TestMemoryMapped: what the tables take of memory is given back, and nothing of
// what is stored changes by it.
func TestMemoryMapped(t *testing.T) {
	ctx := context.Background()
	s := open(t, Config{Dir: t.TempDir()})
	for i := range metrics.Interval(12) {
		if err := s.PutSealed(testSealed("fs1", i, 3000)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.flush(); err != nil {
		t.Fatal(err)
	}
	read := func() (b []byte) {
		for _, r := range collectAll(t, s.Rollups(ctx, Query{To: 100})) {
			var err error
			if b, err = r.AppendBinary(b); err != nil {
				t.Fatal(err)
			}
		}
		return b
	}
	before := read()
	ours, err := s.Mapped()
	if err != nil {
		t.Fatal(err)
	}
	tables := func() int64 {
		t.Helper()
		n, err := resident.Of(ours)
		if err != nil {
			cannot(t, err)
		}
		return n
	}
	full := tables()
	if full < 1<<20 {
		t.Fatalf("%d bytes of tables are resident before", full)
	}
	left := full
	for limit := time.Now().Add(20 * time.Second); left > full/4 && time.Now().Before(limit); left = tables() { // a compaction may touch them anew
		if err := resident.Release(ours); err != nil {
			cannot(t, err)
		}
	}
	if left > full/4 {
		t.Errorf("%d bytes of %d are left", left, full)
	}
	if !bytes.Equal(read(), before) {
		t.Error("the records are others than before")
	}
	if err := s.PutSealed(testSealed("fs1", 50, 3000)); err != nil {
		t.Error(err)
	}
}

// cannot leaves the test out where the system cannot do what is tested.
func cannot(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, errors.ErrUnsupported) && os.Getenv("TALLYD_REQUIRE") != "all" {
		t.Skip("left out: this system cannot tell or give back what is resident")
	}
	t.Fatal(err)
}
