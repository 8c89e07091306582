package metrics

import (
	"math/bits"
	"sync/atomic"
)

// A wait histogram has exact one-second bins up to two minutes, so that the
// share within any threshold of whole seconds up to 120 s can be asked of any
// past interval, and beyond them bins of 1/32 octave (no value is further than
// 1.6 % from its bin's middle) up to four hours, and one for the rest.
//
// Bin 0 holds waits of exactly 0, bin k ≤ 120 those of (k−1 s, k s].
const (
	exactBins   = 121
	exactLimit  = 120_000 // ms
	octaveBits  = 5
	longestWait = 4 * 3600 * 1000 // ms
)

// WaitBins is how many bins a wait histogram has.
var WaitBins = waitBin(longestWait) + 2

// logBin numbers bins of 1/32 octave for v ≥ 32; below, every value has its own.
func logBin(v uint64) int {
	if v < 1<<octaveBits {
		return int(v)
	}
	exp := bits.Len64(v) - 1 - octaveBits
	return (exp+1)<<octaveBits + int(v>>exp)&(1<<octaveBits-1)
}

// logBinStart is the least value of a logBin.
func logBinStart(bin int) uint64 {
	if bin < 1<<octaveBits {
		return uint64(bin)
	}
	exp := bin>>octaveBits - 1
	return uint64(bin&(1<<octaveBits-1)|1<<octaveBits) << exp
}

var firstLogBin = logBin(exactLimit)

func waitBin(ms Millis) int {
	switch {
	case ms <= 0:
		return 0
	case ms <= exactLimit:
		return int((ms + 999) / 1000)
	case ms > longestWait:
		return exactBins + logBin(longestWait) - firstLogBin + 1
	}
	return exactBins + logBin(uint64(ms)) - firstLogBin
}

// WaitBinUpper is the greatest wait, in milliseconds, that bin holds.
func WaitBinUpper(bin int) Millis {
	if bin < exactBins {
		return Millis(bin) * 1000
	}
	if bin >= WaitBins-1 {
		return 1<<63 - 1
	}
	return Millis(logBinStart(bin-exactBins+firstLogBin+1)) - 1
}

// HistogramKind numbers a row's histograms. The numbers are part of the
// rollup's binary form.
type HistogramKind uint8

const (
	// AnsweredWaits, AbandonedWaits and LeftWaits (every other outcome of an
	// offered visit) belong to the interval in which the caller joined, so that a
	// service level is never above 100 %.
	AnsweredWaits HistogramKind = iota
	AbandonedWaits
	LeftWaits
	// HandleTimes are talk times of answered visits, in the interval of their end.
	HandleTimes
	histogramKinds
)

var histogramNames = [histogramKinds]string{"answered_waits", "abandoned_waits", "left_waits", "handle_times"}

func (k HistogramKind) String() string { return nameOf(histogramNames[:], int(k)) }

// liveHistogram is a histogram that one goroutine adds to and others read.
type liveHistogram struct{ bins []atomic.Uint64 }

func newLiveHistogram() *liveHistogram { return &liveHistogram{make([]atomic.Uint64, WaitBins)} }

func (h *liveHistogram) add(ms Millis, n int64) {
	c := &h.bins[waitBin(ms)]
	c.Store(c.Load() + uint64(n)) // single writer: a load and a store, no locked add
}

// Histogram is counts by bin at one moment; nil or short means zeros.
type Histogram []int64

func (h *liveHistogram) read() Histogram {
	out := make(Histogram, WaitBins)
	for i := range out {
		out[i] = int64(h.bins[i].Load())
	}
	return out
}

// Add counts a wait.
func (h *Histogram) Add(ms Millis) {
	if *h == nil {
		*h = make(Histogram, WaitBins)
	}
	(*h)[waitBin(ms)]++
}

// Merge adds o to h.
func (h *Histogram) Merge(o Histogram) {
	if len(o) == 0 {
		return
	}
	if *h == nil {
		*h = make(Histogram, WaitBins)
	}
	for i, n := range o {
		(*h)[i] += n
	}
}

// Total is how many waits were counted.
func (h Histogram) Total() int64 {
	var t int64
	for _, n := range h {
		t += n
	}
	return t
}

// Within counts the waits of at most ms: exact for whole seconds up to 120 s;
// beyond, the bin that ms lies in counts if it ends within 1.6 % of ms.
func (h Histogram) Within(ms Millis) int64 {
	var t int64
	for i, n := range h {
		if n != 0 && WaitBinUpper(i) <= ms+ms/64*boolMillis(i >= exactBins) {
			t += n
		}
	}
	return t
}

func boolMillis(b bool) Millis {
	if b {
		return 1
	}
	return 0
}

// Quantile returns the least bin limit that at least the share q of all waits
// is within, and false where nothing was counted.
func (h Histogram) Quantile(q float64) (Millis, bool) {
	total := h.Total()
	if total == 0 {
		return 0, false
	}
	need, sum := q*float64(total), int64(0)
	for i, n := range h {
		sum += n
		if n != 0 && float64(sum) >= need {
			return min(WaitBinUpper(i), longestWait), true
		}
	}
	return longestWait, true
}
