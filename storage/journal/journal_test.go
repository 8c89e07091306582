package journal

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var testKey = bytes.Repeat([]byte{7}, 32)

const dir = "/j"

func quick(d Files) Config {
	return Config{Dir: dir, Key: testKey, Files: d, SyncEvery: time.Millisecond, Checkpoint: time.Hour, Retry: time.Millisecond}
}

// number makes a record, or a checkpoint, that tells which it is.
func number(n uint64, size int) []byte {
	b := binary.BigEndian.AppendUint64(nil, n)
	return append(b, bytes.Repeat([]byte{byte(n)}, size)...)
}

// recoveredTo reads a journal back: the number that its history reaches to. A
// hole, or another order, is an error.
func recoveredTo(r *Recovered) (uint64, error) {
	at := uint64(0)
	if r.State != nil {
		at = binary.BigEndian.Uint64(r.State)
		if !bytes.Equal(r.State[8:], bytes.Repeat([]byte{byte(at)}, len(r.State)-8)) {
			return 0, fmt.Errorf("the checkpoint at %d has other bytes", at)
		}
	}
	err := r.Records(func(b []byte) error {
		if n := binary.BigEndian.Uint64(b); n != at+1 || !bytes.Equal(b[8:], bytes.Repeat([]byte{byte(n)}, len(b)-8)) {
			return fmt.Errorf("record %d comes after %d", n, at)
		}
		at++
		return nil
	})
	return at, err
}

// Whatever happens, and whenever the power goes: what comes back is what was
// appended, from the beginning, without a hole, and at least as far as it was
// said to be safe.
func TestPowerCuts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := newDisk()
		last, base := uint64(0), uint64(0) // base: last as of the journal's opening
		for life := range rapid.IntRange(1, 4).Draw(t, "lives") {
			j, r, err := Open(quick(d))
			if err != nil {
				t.Fatal(err)
			}
			at, err := recoveredTo(r)
			if err != nil {
				t.Fatalf("life %d: %v", life, err)
			}
			if at < last {
				t.Fatalf("life %d: it comes back up to %d, %d was safe", life, at, last)
			}
			last, base = at, at
			safe := at
			if r.Empty() {
				j.Checkpoint(number(last, 3))
			}
			for range rapid.IntRange(0, 30).Draw(t, "steps") {
				switch rapid.IntRange(0, 9).Draw(t, "step") {
				case 0:
					j.Checkpoint(number(last, rapid.SampledFrom([]int{0, 100, statePart, 3*statePart + 5}).Draw(t, "state")))
				case 1:
					flushed(j)
					if j.Wait(context.Background(), j.Appended()) && !j.dropped {
						safe = last
					}
				case 2:
					j.Flush()
				case 3:
					d.mu.Lock()
					d.room = rapid.SampledFrom([]int{0, 10, 1000, 1 << 30, 1 << 30}).Draw(t, "room")
					d.mu.Unlock()
				default:
					for range rapid.SampledFrom([]int{1, 2, 50}).Draw(t, "records") {
						last++
						j.Append(number(last, rapid.SampledFrom([]int{0, 20, 5000}).Draw(t, "size")))
					}
				}
				if j.Err() != nil && safe < base {
					safe = base
				}
			}
			d.mu.Lock()
			d.room = 1 << 30
			d.mu.Unlock()
			orderly := rapid.IntRange(0, 3).Draw(t, "orderly") == 0
			if orderly {
				if j.Wanted() && j.Err() != nil {
					j.Checkpoint(number(last, 9))
				}
				if err := j.Close(); err == nil {
					safe = last
				}
				last = safe
				continue
			}
			all := rapid.Bool().Draw(t, "folder synced")
			part := rapid.IntRange(0, 100).Draw(t, "part")
			garbage := rapid.SampledFrom([]byte{0, 0, 1, 0xff}).Draw(t, "garbage")
			found := d.cut(func(n int) int { return n * part / 100 }, all, garbage)
			_ = j.Close() // only the goroutine; the disk it writes to is no longer looked at
			d, last = found, safe
		}
	})
}

// A daemon that dies while it writes its first checkpoint has lost nothing, and
// finds nothing to complain of.
func TestFirstCheckpointTorn(t *testing.T) {
	whole := newDisk()
	j, _, err := Open(quick(whole))
	if err != nil {
		t.Fatal(err)
	}
	j.Checkpoint(number(0, 40))
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	size := len(whole.files[filepath.Join(dir, segmentName(1))].b)
	for room := range size {
		d := newDisk()
		d.room = room
		j, _, err := Open(quick(d))
		if err != nil {
			t.Fatal(err)
		}
		// As it was found by who was to write the last byte.
		found := make(chan *disk, 1)
		d.full = func() { found <- d.left() }
		j.Checkpoint(number(0, 40))
		d = <-found
		_ = j.Close()
		var log bytes.Buffer
		c := quick(d)
		c.Log = slog.New(slog.NewTextHandler(&log, nil))
		j, r, err := Open(c)
		if err != nil || !r.Empty() {
			t.Fatalf("after %d bytes: %v, %v", room, r, err)
		}
		j.Checkpoint(number(0, 40))
		j.Append(number(1, 10))
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if _, r, err := Open(quick(d)); err != nil {
			t.Fatal(err)
		} else if to, err := recoveredTo(r); err != nil || to != 1 {
			t.Errorf("after %d bytes: it comes back up to %d, %v", room, to, err)
		}
		if names, _ := d.List(dir); log.Len() > 0 || len(names) != 1 {
			t.Errorf("after %d bytes: the folder has %v, the log says: %s", room, names, log.String())
		}
	}
}

// One flipped bit anywhere is noticed: what comes back is a prefix, and what was
// in the way is kept.
func TestEveryFlippedByte(t *testing.T) {
	d := newDisk()
	j, _, err := Open(quick(d))
	if err != nil {
		t.Fatal(err)
	}
	j.Checkpoint(number(0, 40))
	for n := uint64(1); n <= 20; n++ {
		j.Append(number(n, 10))
		flushed(j)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, segmentName(1))
	whole := d.files[name].b
	prefixes := map[uint64]bool{}
	for at := range whole {
		bad := newDisk()
		b := bytes.Clone(whole)
		b[at] ^= 0x10
		bad.files[name] = &inode{b, len(b)}
		j, r, err := Open(quick(bad))
		if err != nil {
			t.Fatalf("byte %d: %v", at, err)
		}
		to, err := recoveredTo(r)
		if err != nil {
			t.Fatalf("byte %d: %v", at, err)
		}
		switch {
		case r.Empty():
			if bad.files[name+damagedSuffix] == nil {
				t.Fatalf("byte %d: the damaged file was not kept", at)
			}
		case to == 20:
			t.Fatalf("byte %d: nobody noticed", at)
		case r.Cut == "":
			t.Fatalf("byte %d: it comes back up to %d and nothing is said", at, to)
		}
		prefixes[to] = true
		j.Close()
	}
	if len(prefixes) < 15 {
		t.Errorf("the damage was found at %d places only", len(prefixes))
	}
}

// A full disk stops nothing: the journal says so, what was safe stays, and when
// there is room again a checkpoint makes everything safe.
func TestFullDisk(t *testing.T) {
	d := newDisk()
	var log bytes.Buffer
	c := quick(d)
	c.Log = slog.New(slog.NewTextHandler(&log, nil))
	j, _, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	j.Checkpoint(number(0, 0))
	for n := uint64(1); n <= 100; n++ {
		if n == 50 {
			flushed(j)
			if !j.Wait(context.Background(), j.Appended()) {
				t.Fatal(j.Err())
			}
			d.mu.Lock()
			d.room = 30
			d.mu.Unlock()
		}
		j.Append(number(n, 10))
		j.Flush()
	}
	within(t, "it never said that the disk is full", func() bool { return j.Err() != nil && j.Wanted() })
	if !strings.Contains(j.Err().Error(), "no space left") {
		t.Errorf("it says %v", j.Err())
	}
	half := d.cut(func(n int) int { return n }, true, 0)
	if _, r, err := Open(quick(half)); err != nil {
		t.Fatal(err)
	} else if to, err := recoveredTo(r); err != nil || to < 49 {
		t.Errorf("it comes back up to %d, %v; 49 was safe", to, err)
	}
	j.Checkpoint(number(100, 10)) // there is still no room
	within(t, "no other checkpoint was asked for", j.Wanted)
	if names, _ := d.List(dir); len(names) != 1 {
		t.Errorf("what could not be finished lies about: %v", names)
	}
	d.mu.Lock()
	d.room = 1 << 20
	d.mu.Unlock()
	within(t, "it never recovered", func() bool {
		if j.Wanted() {
			j.Checkpoint(number(100, 10))
		}
		return j.Err() == nil
	})
	j.Append(number(101, 1))
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	_, r, err := Open(quick(d))
	if err != nil {
		t.Fatal(err)
	}
	if to, err := recoveredTo(r); err != nil || to != 101 {
		t.Errorf("it comes back up to %d, %v", to, err)
	}
	if got := log.String(); strings.Count(got, "cannot be written") != 1 || !strings.Contains(got, "written again") {
		t.Errorf("the log says:\n%s", got)
	}
}

// A disk that hangs makes nobody wait, and memory stays bounded.
func TestHangingDisk(t *testing.T) {
	d := newDisk()
	d.hang = make(chan struct{})
	c := quick(d)
	c.Behind = 1 << 20
	j, _, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	j.Checkpoint(number(0, 0))
	began := time.Now()
	for n := uint64(1); n < 100_000; n++ {
		j.Append(number(n, 100))
		j.Flush()
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("appending took %s while the disk hung", took)
	}
	if cap(j.batch) > 4<<20 {
		t.Errorf("%d bytes are kept for the disk", cap(j.batch))
	}
	if j.Err() == nil {
		t.Error("nobody is told")
	}
	close(d.hang)
	within(t, "it never recovered", func() bool {
		if j.Wanted() {
			j.Checkpoint(number(99_999, 0))
		}
		return j.Err() == nil
	})
	j.Append(number(100_000, 0))
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if _, r, err := Open(quick(d)); err != nil {
		t.Fatal(err)
	} else if to, err := recoveredTo(r); err != nil || to != 100_000 {
		t.Errorf("it comes back up to %d, %v", to, err)
	}
}

// On a real file system, with another key, and with what is no journal.
func TestRealFiles(t *testing.T) {
	c := Config{Dir: filepath.Join(t.TempDir(), "sub", "sw"), Key: testKey}
	j, r, err := Open(c)
	if err != nil || !r.Empty() || !j.Wanted() {
		t.Fatal(err, r)
	}
	j.Checkpoint(number(0, 10))
	j.Append(append(number(1, 0), []byte("+8613800138000")...))
	j.Flush()
	began := time.Now()
	if !j.Wait(context.Background(), 1) {
		t.Fatal(j.Err())
	}
	t.Logf("safe after %s", time.Since(began))
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(c.Dir, segmentName(1))
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(b, []byte("13800138000")) {
		t.Error("a caller's number lies on the disk in plain text")
	}
	if info, _ := os.Stat(name); info.Mode().Perm() != 0o600 {
		t.Errorf("the segment's mode is %v", info.Mode())
	}
	other := c
	other.Key = bytes.Repeat([]byte{8}, 32)
	j, r, err = Open(other)
	if err != nil || !r.Empty() {
		t.Fatalf("with another key: %v, %v", r, err)
	}
	j.Close()
	if _, err := os.Stat(name + damagedSuffix); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(c.Dir, segmentName(9)), []byte("something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	j, r, err = Open(c)
	if err != nil || !r.Empty() {
		t.Fatalf("what is no journal: %v, %v", r, err)
	}
	j.Close()
	if err := Remove(OS, c.Dir); err != nil {
		t.Error(err)
	}
}

// flushed hands everything on, which takes a moment where the disk is behind.
func flushed(j *Journal) {
	for j.Flush(); len(j.batch) > 0 && !j.dropped; j.Flush() {
		time.Sleep(100 * time.Microsecond)
	}
}

func within(t *testing.T, complaint string, ok func() bool) {
	t.Helper()
	for limit := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal(complaint)
		}
	}
}
