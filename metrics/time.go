package metrics

import "time"

// Millis is a moment of the switch's own clock in milliseconds since 1970-01-01
// UTC, or a duration in milliseconds. Integers, so that sums have no rounding.
type Millis int64

// Time gives the moment as a UTC time.
func (m Millis) Time() time.Time { return time.UnixMilli(int64(m)).UTC() }

// MillisOf is the moment of a time.Time, cut to the millisecond.
func MillisOf(t time.Time) Millis { return Millis(t.UnixMilli()) }

// IntervalLength is what one rollup covers. Every time zone's offset from UTC
// is a multiple of it, so local hours, shifts and days, also those of 23 or 25
// hours, are exact unions of intervals.
const IntervalLength Millis = 15 * 60 * 1000

// Interval numbers the quarter hours of UTC since 1970.
type Interval int64

// IntervalOf is the interval that a moment lies in.
func IntervalOf(m Millis) Interval {
	i := m / IntervalLength
	if m%IntervalLength < 0 {
		i--
	}
	return Interval(i)
}

// Start is the interval's first millisecond.
func (i Interval) Start() Millis { return Millis(i) * IntervalLength }

// End is the first millisecond after the interval.
func (i Interval) End() Millis { return i.Start() + IntervalLength }
