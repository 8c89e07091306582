package source

import (
	"context"
	"sync"
	"testing"
	"time"
)

// TestRing: everything that was put comes out once, in order, from two rings
// with one bell, whatever the pace.
func TestRing(t *testing.T) {
	bell := NewBell()
	a, b := NewRing[int](64, bell), NewRing[int](64, bell)
	const n = 100_000
	var producers sync.WaitGroup
	for _, r := range []*Ring[int]{a, b} {
		producers.Go(func() {
			for i := 1; i <= n; {
				if s := r.Slot(); s != nil {
					*s = i
					r.Put()
					i++
				} else {
					time.Sleep(time.Microsecond)
				}
			}
		})
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() { producers.Wait(); stop() }()
	var last [2]int
	rests := 0
	bell.Serve(ctx, func() bool {
		got := false
		for i, r := range []*Ring[int]{a, b} {
			if v := r.Next(); v != nil {
				if *v != last[i]+1 {
					t.Fatalf("ring %d: %d after %d", i, *v, last[i])
				}
				last[i] = *v
				r.Done()
				got = true
			}
		}
		return got
	}, func() { rests++ }, time.Hour, func() {})
	if last != [2]int{n, n} || rests == 0 || a.Used() != 0 {
		t.Errorf("%v were taken, %d rests", last, rests)
	}
}

func TestRingFull(t *testing.T) {
	r := NewRing[int](1, NewBell())
	for i := range r.Len() {
		*r.Slot() = i
		r.Put()
	}
	if r.Slot() != nil || r.Used() != r.Len() {
		t.Error("a full ring has a slot")
	}
	if *r.Next() != 0 {
		t.Error("the oldest is not first")
	}
	r.Done()
	if r.Slot() == nil {
		t.Error("a slot that was given back cannot be used")
	}
}

func TestRingAllocs(t *testing.T) {
	r := NewRing[[]byte](64, NewBell())
	msg := make([]byte, 500)
	turn := func() {
		s := r.Slot()
		*s = append((*s)[:0], msg...)
		r.Put()
		r.Next()
		r.Done()
	}
	for range 2 * r.Len() {
		turn()
	}
	if n := testing.AllocsPerRun(1000, turn); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestServeTicks: time passes for the taker, busy or not.
func TestServeTicks(t *testing.T) {
	for _, busy := range []bool{false, true} {
		ctx, stop := context.WithTimeout(context.Background(), 300*time.Millisecond)
		ticks := 0
		NewBell().Serve(ctx, func() bool { return busy && ctx.Err() == nil }, func() {}, 10*time.Millisecond, func() { ticks++ })
		stop()
		if ticks < 3 {
			t.Errorf("busy %t: %d ticks", busy, ticks)
		}
	}
}

func TestBackoff(t *testing.T) {
	b := Backoff{Min: time.Second, Max: 8 * time.Second}
	within := func(got, due time.Duration) {
		t.Helper()
		if got < due/2 || got >= due+due/2 {
			t.Errorf("paused %s, due %s", got, due)
		}
	}
	for _, due := range []time.Duration{1, 2, 4, 8, 8} {
		within(b.After(0, false), due*time.Second)
	}
	within(b.After(time.Minute, false), time.Second)
	within(b.After(0, true), 4*time.Second)
}

func TestSleep(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	stop()
	began := time.Now()
	Sleep(ctx, time.Hour)
	if time.Since(began) > time.Minute {
		t.Error("it slept on")
	}
}
