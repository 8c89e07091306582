package source

import (
	"log/slog"
	"time"

	"tallyd/metrics"
)

// Clock watches a switch's clock by the stamps of its events. One that says it is
// an hour later than the one of a second ago, by the steady clock of this machine
// which nobody sets, tells of a clock that was set, not of an hour: what would be
// counted between the two was not lived.
//
// Events that had to wait, in a buffer or on a slow line, come late but in order:
// their stamps lag behind and catch up. So what goes back in one stream, by more
// than events of two channels do, was set back; and what is further ahead than
// ever before was set forward.
//
// The zero value is ready for use, by one goroutine at a time.
type Clock struct {
	// Pace is how many times as fast as ours the switch's clock runs, for
	// recordings that play in fast motion; 0 for 1.
	Pace float64

	origin time.Time     // when the first event was read; the zero Time before
	ahead  time.Duration // of the steady clock, at most so far
	latest metrics.Millis
	read   time.Time     // when the latest stamp was
	wall   time.Duration // of the switch's clock from this machine's

	// Stamps in a row that agree with each other, and not with the clock.
	other time.Duration // how far they are ahead of the steady clock
	agree int

	shown time.Duration // what people are told of wall
	told  bool          // that it is off
}

const (
	// The least by which a clock must be set for what is up to be given up: less is
	// what networks, slewing, and recordings that play in fast motion do.
	leastForward = time.Minute
	leastBack    = 10_000 // ms
	// How many stamps must agree, and how far apart their distances may lie.
	enough = 3
	alike  = time.Second
	// drift is by what part of the time clocks may drift apart.
	drift = 1000
	// offLeast is how far apart two machines' clocks must be for people to be told.
	offLeast = 30 * time.Second
)

// Take takes an event's stamp and when it was read. It gives the moment that the
// event counts at, and by how much the clock was set, if this is where that is
// sure; 0 otherwise. Until it is sure, what does not agree counts as now.
func (c *Clock) Take(stamp metrics.Millis, read time.Time) (at metrics.Millis, step time.Duration) {
	if c.origin.IsZero() {
		c.origin = read
		c.ahead, c.latest, c.read = c.distance(stamp, read), stamp, read
	}
	// What the most was long ago, says less: clocks drift.
	c.ahead -= min(read.Sub(c.read)/drift, max(0, c.ahead-c.distance(stamp, read)))
	c.read = read
	off := c.distance(stamp, read)
	switch d := off - c.ahead; {
	case d > leastForward:
		at = stamp - metrics.Millis(d.Milliseconds())
	case stamp < c.latest-leastBack:
		at = c.latest
	default:
		c.ahead, c.latest, c.agree = max(c.ahead, off), max(c.latest, stamp), 0
		if d > -alike {
			c.wall = stamp.Time().Sub(read)
		}
		return stamp, 0
	}
	if apart := off - c.other; c.agree == 0 || apart > alike || apart < -alike {
		c.agree, c.other = 0, off
	}
	if c.agree++; c.agree < enough {
		return at, 0
	}
	step = stamp.Time().Sub(at.Time())
	c.ahead, c.latest, c.agree, c.wall = off, stamp, 0, stamp.Time().Sub(read)
	return stamp, step
}

// Bound is the moment that a stamp of another stream of the same switch counts at:
// its own, or now where it is ahead and the clock is not known to be set.
func (c *Clock) Bound(stamp metrics.Millis, read time.Time) metrics.Millis {
	if !c.origin.IsZero() {
		if d := c.distance(stamp, read) - c.ahead; d > leastForward {
			return stamp - metrics.Millis(d.Milliseconds())
		}
	}
	return stamp
}

// Asked is the moment that an answer's stamp counts at: the switch was asked for it
// between its events. Where none was read yet, its clock is watched from here on.
func (c *Clock) Asked(stamp metrics.Millis, read time.Time) metrics.Millis {
	if c.origin.IsZero() {
		at, _ := c.Take(stamp, read)
		return at
	}
	return c.Bound(stamp, read)
}

// Off is how far the switch's clock is ahead of this machine's, as of the latest
// event that came without delay, in whole seconds.
func (c *Clock) Off() time.Duration {
	if d := c.wall - c.shown; d >= time.Second || d <= -time.Second {
		c.shown = c.wall.Round(time.Second)
	}
	return c.shown
}

// Tell says when the switch's clock begins or ceases to be another than this
// machine's.
func (c *Clock) Tell(log *slog.Logger) {
	off := c.Off()
	switch far := off >= offLeast || off <= -offLeast; {
	case far && !c.told:
		log.Warn("the switch's clock is not this machine's; everything counts at the time that the switch says it is: set the clock that is wrong", "ahead", off)
	case !far && c.told:
		log.Info("the switch's clock agrees with this machine's again")
	default:
		return
	}
	c.told = !c.told
}

// TellSet says that the switch's clock was set.
func TellSet(log *slog.Logger, step time.Duration) {
	way := "forward"
	if step < 0 {
		step, way = -step, "back"
	}
	log.Warn("the switch's clock was set "+way+" while it was watched; the calls that were up are unobserved up to now, and go on as new ones", "by", step.Round(time.Second))
}

// distance is how far a stamp is ahead of the steady clock.
func (c *Clock) distance(stamp metrics.Millis, read time.Time) time.Duration {
	passed := read.Sub(c.origin)
	if c.Pace != 0 {
		passed = time.Duration(float64(passed) * c.Pace)
	}
	return stamp.Time().Sub(c.origin.Round(0)) - passed
}
