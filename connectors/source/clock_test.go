package source

import (
	"bytes"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"tallyd/metrics"
)

// times plays a switch's clock against ours.
type times struct {
	clock  Clock
	ours   time.Time
	theirs time.Duration // ahead of ours
	sets   []time.Duration
}

func newTimes() *times { return &times{ours: time.Now()} }

// event lets time pass, and an event come that was stamped lag ago.
func (x *times) event(pass, lag time.Duration) metrics.Millis {
	x.ours = x.ours.Add(pass)
	at, step := x.clock.Take(metrics.MillisOf(x.ours.Add(x.theirs-lag)), x.ours)
	if step != 0 {
		x.sets = append(x.sets, step.Round(time.Second))
	}
	return at
}

func (x *times) events(n int, pass, lag time.Duration) {
	for range n {
		x.event(pass, lag)
	}
}

// now is the switch's present moment.
func (x *times) now() metrics.Millis { return metrics.MillisOf(x.ours.Add(x.theirs)) }

func TestClockSet(t *testing.T) {
	for _, step := range []time.Duration{time.Hour, 25 * time.Hour, 400 * 24 * time.Hour, 2 * time.Minute, -time.Hour, -time.Minute, -25 * time.Hour} {
		x := newTimes()
		x.events(100, 300*time.Millisecond, 5*time.Millisecond)
		before := x.now()
		x.theirs += step
		for i := range 20 {
			at := x.event(300*time.Millisecond, time.Duration(i%3)*time.Millisecond)
			if i < enough-1 && (at > before+metrics.Millis((i+1)*300) || at < before-5) {
				t.Errorf("set by %v: event %d counts %d ms ahead before it is sure", step, i, at-before)
			}
		}
		if len(x.sets) != 1 || x.sets[0]-step > time.Second || step-x.sets[0] > time.Second {
			t.Errorf("set by %v: seen %v", step, x.sets)
		}
		if at := x.event(0, 0); at != x.now() {
			t.Errorf("set by %v: the next event counts %d ms off", step, at-x.now())
		}
	}
}

// TestClockNotSet: what is no setting of the clock.
func TestClockNotSet(t *testing.T) {
	for name, play := range map[string]func(*times){
		"one broken stamp": func(x *times) {
			x.theirs += time.Hour
			x.event(time.Second, 0)
			x.theirs -= time.Hour
		},
		"one of long ago": func(x *times) { x.event(time.Second, time.Hour) },
		"stopped for ten minutes": func(x *times) { // what came meanwhile comes at once
			x.ours = x.ours.Add(10 * time.Minute)
			for lag := 10 * time.Minute; lag > 0; lag -= 300 * time.Millisecond {
				x.event(100*time.Microsecond, lag)
			}
		},
		"stopped for a quiet night": func(x *times) {
			x.ours = x.ours.Add(9 * time.Hour)
			for lag := 9 * time.Hour; lag > 0; lag -= 20 * time.Minute {
				x.event(100*time.Microsecond, lag)
			}
		},
		"always a little late": func(x *times) { x.events(1000, 10*time.Millisecond, 4*time.Second) },
		"slewed by 500 ppm": func(x *times) {
			for range 4000 {
				x.theirs += time.Millisecond
				x.event(2*time.Second, 0)
			}
		},
		"slewed back": func(x *times) {
			for range 4000 {
				x.theirs -= time.Millisecond
				x.event(2*time.Second, 0)
			}
		},
		"twenty times as fast": func(x *times) {
			for range 4000 {
				x.theirs += 19 * 50 * time.Millisecond
				x.event(50*time.Millisecond, 0)
			}
		},
		"steps between channels": func(x *times) {
			r := rand.New(rand.NewPCG(1, 2))
			for range 4000 {
				x.event(time.Duration(r.IntN(20))*time.Millisecond, time.Duration(r.IntN(1100))*time.Millisecond)
			}
		},
	} {
		x := newTimes()
		x.events(100, 300*time.Millisecond, 5*time.Millisecond)
		play(x)
		x.events(100, 300*time.Millisecond, 5*time.Millisecond)
		if len(x.sets) != 0 {
			t.Errorf("%s: taken for a clock that was set by %v", name, x.sets)
		}
		if at := x.event(0, 0); at != x.now() {
			t.Errorf("%s: afterwards an event counts %d ms off", name, at-x.now())
		}
	}
}

// TestClockTold: people are told of another clock once, and when it is no more.
func TestClockTold(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	x := newTimes()
	x.theirs = -time.Hour
	for range 5 {
		x.events(10, time.Second, 0)
		x.clock.Tell(log)
	}
	if off := x.clock.Off(); off != -time.Hour {
		t.Errorf("an hour behind, it says %v", off)
	}
	if said := out.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, "ahead=-1h0m0s") {
		t.Error(said)
	}
	out.Reset()
	x.theirs = 0
	x.events(10, time.Second, 0)
	x.clock.Tell(log)
	if said := out.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, "agrees") || len(x.sets) != 1 {
		t.Error(said, x.sets)
	}
}
