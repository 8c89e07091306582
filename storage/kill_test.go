package storage

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"tallyd/metrics"
)

// victimDir names the environment variable that makes this program the process
// that TestKill kills.
const victimDir = "TALLYD_TEST_VICTIM_DIR"

// Every seventh interval of the victim's is past Badger's transaction limit.
func victimSealed(i metrics.Interval) *metrics.Sealed {
	n := 300
	if i%7 == 6 {
		n = 12_000
	}
	s := testSealed("fs1", i, n)
	for c := range 40 {
		var caller callerID
		if c%4 > 0 { // one in four is anonymous
			caller = callerID{0: byte(c), 1: byte(i)}
		}
		s.Contacts = append(s.Contacts, metrics.Contact{Hash: caller,
			Switch: "fs1", Visit: fmt.Sprintf("%d-%d", i, c), Queue: "support", Agent: fmt.Sprintf("agent-%04d", c),
			Outcome: metrics.Answered, Joined: i.Start(), Answered: i.Start() + 1, Ended: i.Start() + metrics.Millis(c),
		})
	}
	return s
}

// victim puts intervals, from the first that is missing on, and acknowledges
// each on its output, until it is killed.
func victim(dir string) int {
	s, err := Open(context.Background(), Config{Dir: dir})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	next := metrics.Interval(0)
	for seal, err := range s.Seals(context.Background(), 0, 1<<40) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		next = seal.Interval + 1
	}
	fmt.Println(-1) // open: the clock of the kill starts
	for ; ; next++ {
		if err := s.PutSealed(victimSealed(next)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		fmt.Println(int64(next))
	}
}

// TestKill kills a writing process with SIGKILL at random moments: everything
// that it acknowledged is there, and every interval is whole.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	acked := int64(-1)
	for round := range 8 {
		last := runVictim(t, dir, time.Duration(20+rand.IntN(500))*time.Millisecond)
		acked = max(acked, last)
		s := open(t, Config{Dir: dir})
		whole := checkWhole(t, s)
		if whole <= acked {
			t.Fatalf("round %d: %d intervals are there, interval %d was acknowledged", round, whole, acked)
		}
		t.Logf("round %d: acknowledged %d, there %d", round, acked+1, whole)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// runVictim returns the last interval that the process acknowledged.
func runVictim(t *testing.T, dir string, life time.Duration) int64 {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	last := int64(-1)
	lines := bufio.NewScanner(out)
	var kill *time.Timer
	for lines.Scan() {
		var n int64
		if _, err := fmt.Sscan(lines.Text(), &n); err != nil {
			t.Fatalf("the process said %q", lines.Text())
		}
		if kill == nil {
			kill = time.AfterFunc(life, func() { _ = cmd.Process.Kill() })
		}
		last = max(last, n)
	}
	if err := cmd.Wait(); err == nil || kill == nil {
		t.Fatalf("the process ended by itself: %v", err)
	}
	return last
}

// checkWhole counts the intervals and compares each with what was put.
func checkWhole(t *testing.T, s *Store) int64 {
	ctx := context.Background()
	seals := int64(0)
	for seal, err := range s.Seals(ctx, 0, 1<<40) {
		if err != nil {
			t.Fatal(err)
		}
		want := victimSealed(seal.Interval)
		if int64(seal.Interval) != seals || seal.Revision != 0 || seal.Rollups != len(want.Rollups) || seal.Contacts != len(want.Contacts) {
			t.Fatalf("seal %d is %+v", seals, seal)
		}
		seals++
	}
	rows := map[metrics.Interval]int{}
	for r, err := range s.Rollups(ctx, Query{To: 1 << 40}) {
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Get(metrics.Offered); got != int64(r.Interval)+1 {
			t.Fatalf("interval %d, %q: offered is %d, want %d", r.Interval, r.Name, got, r.Interval+1)
		}
		rows[r.Interval]++
	}
	contacts := map[metrics.Interval]int{}
	for c, err := range s.Contacts(ctx, ContactQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		contacts[metrics.IntervalOf(c.Ended)]++
	}
	if int64(len(rows)) != seals || int64(len(contacts)) != seals {
		t.Fatalf("%d seals, rollups of %d intervals, contacts of %d", seals, len(rows), len(contacts))
	}
	for i, n := range rows {
		if want := victimSealed(i); n != len(want.Rollups) || contacts[i] != len(want.Contacts) {
			t.Fatalf("interval %d has %d of %d rollups, %d of %d contacts", i, n, len(want.Rollups), contacts[i], len(want.Contacts))
		}
	}
	if left, err := s.interrupted(); left || err != nil {
		t.Fatalf("an interrupted write is left, %v", err)
	}
	return seals
}
