package storage

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"tallyd/metrics"
)

// inFiles counts the files of a folder in which a text stands.
func inFiles(t *testing.T, dir, text string) (n int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(text)) {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestUsage: the parts are what the blocks are for, their sum what the folder
// takes.
func TestUsage(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	usage := func() Usage {
		t.Helper()
		u, err := s.Usage()
		if err != nil {
			t.Fatal(err)
		}
		sum := int64(0)
		files, err := os.ReadDir(s.cfg.Dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			info, err := f.Info()
			if err != nil {
				t.Fatal(err)
			}
			sum += sizeOnDisk(info)
		}
		if u.Total() != sum {
			t.Errorf("%+v is %d bytes, the files take %d", u, u.Total(), sum)
		}
		return u
	}
	if u := usage(); u.Rollups != 0 || u.Contacts != 0 {
		t.Errorf("an empty store: %+v", u)
	}
	rollups := int64(0)
	for i := range metrics.Interval(20) {
		sealed := testSealed("fs1", i, 100)
		for _, r := range sealed.Rollups {
			b, err := r.AppendBinary(nil)
			if err != nil {
				t.Fatal(err)
			}
			rollups += int64(len(b))
		}
		if err := s.PutSealed(sealed); err != nil {
			t.Fatal(err)
		}
	}
	if u := usage(); u.Log < rollups || u.Rollups != 0 {
		t.Errorf("before a table was written: %+v", u)
	}
	if err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	u := usage()
	if u.Rollups < rollups || u.Rollups > rollups*5/4 || u.Contacts != 0 {
		t.Errorf("%d bytes of rollups take %+v", rollups, u)
	}
	contacts := int64(0)
	for i := range metrics.Interval(40) {
		sealed := &metrics.Sealed{Switch: "fs1", Interval: i, Contacts: victimSealed(i).Contacts}
		for _, c := range sealed.Contacts {
			b, err := c.AppendBinary(nil)
			if err != nil {
				t.Fatal(err)
			}
			contacts += int64(len(b))
		}
		if err := s.PutSealed(sealed); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := u.Rollups
	if u = usage(); u.Contacts < contacts || u.Contacts > 8*contacts || u.Rollups < before || u.Rollups > before+16<<10 {
		t.Errorf("%d bytes of contacts beside them take %+v", contacts, u)
	}
}

// TestCompact: what was deleted is gone from the files, what was not is as it
// was, and there is less on the disk.
func TestCompact(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Config{Dir: dir})
	for i := range metrics.Interval(30) {
		sealed := testSealed("fs1", i, 500)
		if i == 3 {
			sealed.Rollups[7].Name = "somebody in particular"
		}
		if err := s.PutSealed(sealed); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // what was written to a lower level before
		if err := s.Compact(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	before, err := s.Usage()
	if err != nil {
		t.Fatal(err)
	}
	if inFiles(t, dir, "somebody in particular") == 0 {
		t.Fatal("the name is in no file")
	}
	if _, err := s.Retain(t.Context(), 20, 0); err != nil {
		t.Fatal(err)
	}
	if err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := inFiles(t, dir, "somebody in particular"); n != 0 {
		t.Errorf("the name is still in %d files", n)
	}
	after, err := s.Usage()
	if err != nil {
		t.Fatal(err)
	}
	if after.Total() > before.Total()/2 {
		t.Errorf("%d bytes were taken, and %d after two thirds were deleted", before.Total(), after.Total())
	}
	for i := range metrics.Interval(30) {
		sums, err := s.Sum(t.Context(), Query{From: i, To: i + 1})
		if want := 500; err != nil || i < 20 && len(sums) != 0 || i >= 20 && len(sums) != want {
			t.Errorf("interval %d has %d rows, error %v", i, len(sums), err)
		}
	}
	if n := countKeys(t, s, flushKey); n != 0 {
		t.Errorf("%d keys were left behind", n)
	}
}
