package callrecords

import (
	"time"

	"tallyd/metrics"
)

// clock turns stamps without a zone into moments. A record does not say in which
// zone it was written (CDR: usegmtime, CEL: dateformat), but its first stamp of
// a channel is of about the second that the channel's unique id begins with.
type clock struct {
	fallback *time.Location // where no unique id tells
	steps    []step
}

// step is the offset from UTC of what was written from one line on.
type step struct {
	line   int
	offset time.Duration
}

// The zones that there are, and how late a channel's first stamp may be.
const (
	quarter   = 15 * time.Minute
	furthest  = 15 * time.Hour
	startsOff = 3 * time.Second
)

// learn takes the first stamp of a channel, read as if it were UTC.
func (c *clock) learn(line int, stamp time.Time, id string) {
	at, ok := began(id)
	if !ok {
		return
	}
	late := stamp.Sub(time.Unix(at, 0))
	offset := late.Round(quarter)
	if off := late - offset; off > startsOff || off < -startsOff || offset > furthest || offset < -furthest {
		return // not its first, or another clock
	}
	if n := len(c.steps); n == 0 || c.steps[n-1].offset != offset {
		c.steps = append(c.steps, step{line, offset})
	}
}

// known tells whether any unique id has told the zone.
func (c *clock) known() bool { return len(c.steps) > 0 }

// moment is when a stamp of a line was, read as if it were UTC.
func (c *clock) moment(line int, stamp time.Time) metrics.Millis {
	if stamp.IsZero() {
		return 0
	}
	if !c.known() {
		return metrics.MillisOf(time.Date(stamp.Year(), stamp.Month(), stamp.Day(), stamp.Hour(), stamp.Minute(), stamp.Second(), stamp.Nanosecond(), c.fallback))
	}
	offset := c.steps[0].offset
	for _, s := range c.steps {
		if s.line <= line {
			offset = s.offset
		}
	}
	return metrics.MillisOf(stamp.Add(-offset))
}

// layouts of stamps; a fraction of a second may follow.
const stampLayout = time.DateTime

func parseStamp(s string) (time.Time, bool) {
	if len(s) < len(stampLayout) {
		return time.Time{}, false
	}
	t, err := time.Parse(stampLayout, s)
	return t, err == nil
}
