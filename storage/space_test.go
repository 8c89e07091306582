package storage

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tallyd/metrics"
)

// TestFull: where the disk has too little room, storing is refused with the
// reason, deleting goes on for longer, reading always; and all goes on when
// there is room again.
func TestFull(t *testing.T) {
	sp := space{free: 1 << 30, total: 1 << 40}
	dir := t.TempDir()
	s := open(t, Config{Dir: dir, space: func(string) (space, error) { return sp, nil }})
	for i := range metrics.Interval(3) {
		if err := s.PutSealed(smallSealed(i)); err != nil {
			t.Fatal(err)
		}
	}
	sp.free = Reserve - 1
	want := fmt.Sprintf(`folder %q: the disk is full: less than 256 MB are free`, dir)
	if err := s.PutSealed(smallSealed(3)); !errors.Is(err, ErrFull) || err.Error() != want {
		t.Errorf("put: error is %v, want %s", err, want)
	}
	if n, err := s.Retain(t.Context(), 1, 0); n != 20 || err != nil {
		t.Errorf("%d were deleted, error %v", n, err)
	}
	if err := s.GC(t.Context()); err != nil {
		t.Errorf("gc: %v", err)
	}
	s.UseReserve()
	if err := s.PutSealed(smallSealed(3)); err != nil {
		t.Errorf("with the reserve, put: %v", err)
	}
	sp.free = clearingReserve - 1
	if err := s.PutSealed(smallSealed(4)); !errors.Is(err, ErrFull) {
		t.Errorf("beyond the reserve, put: error is %v", err)
	}
	if _, err := s.Retain(t.Context(), 2, 0); !errors.Is(err, ErrFull) {
		t.Errorf("retain: error is %v", err)
	}
	if _, err := Open(t.Context(), Config{Dir: t.TempDir(), space: s.cfg.space}); !errors.Is(err, ErrFull) {
		t.Errorf("open: error is %v", err)
	}
	if n := len(collectAll(t, s.Seals(t.Context(), 0, 10))); n != 3 {
		t.Errorf("%d seals are read", n)
	}
	if free, total, err := s.Space(); free != sp.free || total != 1<<40 || err != nil {
		t.Errorf("space is %d of %d, error %v", free, total, err)
	}
	sp = space{free: 1 << 40, readOnly: true}
	want = fmt.Sprintf(`folder %q is not writable: read-only file system`, dir)
	if err := s.PutSealed(smallSealed(3)); !errors.Is(err, syscall.EROFS) || err.Error() != want {
		t.Errorf("put: error is %v, want %s", err, want)
	}
	sp.readOnly = false
	if err := s.PutSealed(smallSealed(5)); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

// smallDisk is a filesystem of its own.
func smallDisk(t *testing.T, megabytes int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", megabytes)); err != nil {
		if os.Getenv("TALLYD_REQUIRE") == "all" {
			t.Fatalf("no filesystem can be mounted: %v", err)
		}
		t.Skipf("no filesystem can be mounted, which takes root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill leaves so many megabytes of a disk free.
func fill(t *testing.T, dir string, leave int64) (ballast string) {
	t.Helper()
	ballast = filepath.Join(dir, "ballast")
	f, err := os.OpenFile(ballast, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	piece := make([]byte, 1<<20)
	for {
		sp, err := spaceOf(dir)
		if err != nil {
			t.Fatal(err)
		}
		if sp.free <= leave<<20 {
			return ballast
		}
		if n, err := f.Write(piece[:min(int64(len(piece)), sp.free-leave<<20)]); errors.Is(err, syscall.ENOSPC) || n == 0 {
			return ballast
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// persistentDir names the folder that this program, run as a process of its own,
// stores intervals in, also while that fails.
const persistentDir = "TALLYD_TEST_PERSISTENT"

func persistent(dir string) int {
	s, err := Open(context.Background(), Config{Dir: dir})
	if err != nil {
		fmt.Println("cannot open", err)
		return 3
	}
	fmt.Println("open")
	for next := metrics.Interval(0); ; {
		err := s.PutSealed(victimSealed(next))
		if err == nil {
			fmt.Println("stored", int64(next))
			next++
			continue
		}
		fmt.Println("failed", err)
		time.Sleep(10 * time.Millisecond)
	}
}

// process is such a process, and what it said.
type process struct {
	cmd   *exec.Cmd
	lines chan string
	acked int64
}

func persist(t *testing.T, dir string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0]), lines: make(chan string, 1<<16), acked: -1}
	p.cmd.Env = append(os.Environ(), persistentDir+"="+dir)
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	t.Cleanup(p.kill)
	return p
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	for line := range p.lines {
		p.note(line)
	}
	_ = p.cmd.Wait()
}

func (p *process) note(line string) {
	var n int64
	if _, err := fmt.Sscanf(line, "stored %d", &n); err == nil {
		p.acked = n
	}
}

// until reads what it says until a line begins with a word.
func (p *process) until(t *testing.T, word string) string {
	t.Helper()
	limit := time.After(60 * time.Second)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				t.Fatalf("the process ended before it said %q", word)
			}
			p.note(line)
			if strings.HasPrefix(line, word) {
				return line
			}
		case <-limit:
			t.Fatalf("the process does not say %q", word)
		}
	}
}

// compacted waits until no table has come or gone for a second.
func compacted(t *testing.T, dir string) {
	t.Helper()
	var before []string
	for since, limit := time.Now(), time.Now().Add(time.Minute); time.Since(since) < time.Second; time.Sleep(50 * time.Millisecond) {
		tables, err := filepath.Glob(dir + "/*.sst")
		if err != nil || time.Now().After(limit) {
			t.Fatal("compacting does not end", err)
		}
		if !slices.Equal(tables, before) {
			before, since = tables, time.Now()
		}
	}
}

// TestDiskFull fills the disk under a process that stores: it says so, lives on,
// and goes on by itself when there is room; nothing that it acknowledged is lost.
func TestDiskFull(t *testing.T) {
	disk := smallDisk(t, 420)
	dir := filepath.Join(disk, "db")
	p := persist(t, dir)
	for range 20 {
		p.until(t, "stored")
	}
	fill(t, disk, 240)
	if line := p.until(t, "failed"); !strings.Contains(line, "the disk is full: less than 256 MB are free") {
		t.Errorf("it said %q", line)
	}
	compacted(t, dir) // what was begun is finished, in the room that was kept for it
	ballast := fill(t, disk, 0)
	for range 30 {
		p.until(t, "failed")
	}
	if _, err := Open(t.Context(), Config{Dir: filepath.Join(disk, "other")}); !errors.Is(err, ErrFull) {
		t.Errorf("on a full disk, a folder is opened with error %v", err)
	}
	remove(t, ballast)
	for range 20 {
		p.until(t, "stored")
	}
	p.kill()
	s := open(t, Config{Dir: dir})
	defer s.Close() // before the disk goes
	if whole := checkWhole(t, s); whole <= p.acked {
		t.Errorf("%d intervals are there, interval %d was acknowledged", whole, p.acked)
	}
}

// TestDiskFullAtOnce takes all the room there is in the middle of storing: that
// can end the process, but nothing that it acknowledged is lost.
func TestDiskFullAtOnce(t *testing.T) {
	disk := smallDisk(t, 420)
	dir := filepath.Join(disk, "db")
	p := persist(t, dir)
	for range 20 {
		p.until(t, "stored")
	}
	ballast := fill(t, disk, 0)
	time.Sleep(200 * time.Millisecond)
	p.kill()
	if _, err := Open(t.Context(), Config{Dir: dir}); !errors.Is(err, ErrFull) {
		t.Errorf("on the full disk, the folder is opened with error %v", err)
	}
	remove(t, ballast)
	s := open(t, Config{Dir: dir})
	defer s.Close()
	if whole := checkWhole(t, s); whole <= p.acked {
		t.Errorf("%d intervals are there, interval %d was acknowledged", whole, p.acked)
	}
	if d := s.Damage(); len(d) != 0 {
		t.Errorf("damage: %q", d)
	}
}

// TestReadOnlyDisk: a folder on a disk that was mounted read-only is refused for
// writing, and can be read.
func TestReadOnlyDisk(t *testing.T) {
	disk := smallDisk(t, 300)
	dir := filepath.Join(disk, "db")
	s := open(t, Config{Dir: dir})
	if err := s.PutSealed(smallSealed(1)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	wantFault(t, Config{Dir: dir}, `folder "`+dir+`" is not writable: read-only file system`)
	wantFault(t, Config{Dir: filepath.Join(disk, "new")}, `folder "`+filepath.Join(disk, "new")+`" cannot be made: read-only file system`)
	s = open(t, Config{Dir: dir, ReadOnly: true})
	defer s.Close()
	if n := len(collectAll(t, s.Seals(t.Context(), 0, 10))); n != 1 {
		t.Errorf("%d seals are read", n)
	}
}
