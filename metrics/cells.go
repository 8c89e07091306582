package metrics

import (
	"runtime"
	"sync/atomic"
)

// RowKind says whose row it is.
type RowKind uint8

const (
	SiteRow  RowKind = iota // everything
	QueueRow                // A is the queue
	AgentRow                // A is the agent
	PairRow                 // A is the agent, B the queue
	PauseRow                // A is the agent, B the reason
	rowKinds
)

var rowKindNames = [rowKinds]string{"site", "queue", "agent", "pair", "pause"}

func (k RowKind) String() string { return nameOf(rowKindNames[:], int(k)) }

// Row is the counters of one agent, queue or pair in one interval. One
// goroutine writes, any number read; the sequence is odd while a change of
// several cells is under way, so a reader gets either none or all of it.
type Row struct {
	cells [rowCells]atomic.Uint64
	seq   atomic.Uint64
	hist  [histogramKinds]atomic.Pointer[liveHistogram]
	_     [64 - (8+8*int(histogramKinds))%64]byte
}

// begin and end enclose a change of several cells.
func (r *Row) begin() { r.seq.Store(r.seq.Load() + 1) }
func (r *Row) end()   { r.seq.Store(r.seq.Load() + 1) }

// Add adds n to a counter.
func (r *Row) Add(c Counter, n int64) { r.cells[c].Add(uint64(n)) }

// Raise lifts a maximum to n.
func (r *Row) Raise(c Counter, n int64) {
	if int64(r.cells[c].Load()) < n {
		r.cells[c].Store(uint64(n))
	}
}

// Get reads one counter.
func (r *Row) Get(c Counter) int64 { return int64(r.cells[c].Load()) }

// Observe adds n to the bin of a duration.
func (r *Row) Observe(k HistogramKind, ms Millis, n int64) {
	h := r.hist[k].Load()
	if h == nil {
		h = newLiveHistogram()
		r.hist[k].Store(h)
	}
	h.add(ms, n)
}

// Read copies the row's counters as they were at one moment. It never delays
// the writer: it reads again while a change is under way.
func (r *Row) Read(v *Values) {
	for try := 0; ; try++ {
		if try > 8 {
			runtime.Gosched() // the writer was interrupted in mid-change
		}
		seq := r.seq.Load()
		if seq&1 == 0 {
			for i := range v {
				v[i] = int64(r.cells[i].Load())
			}
			if r.seq.Load() == seq {
				return
			}
		}
	}
}

// Histograms copies the row's histograms; nil where nothing was observed.
func (r *Row) Histograms() (out [histogramKinds]Histogram) {
	for k := range out {
		if h := r.hist[k].Load(); h != nil {
			out[k] = h.read()
		}
	}
	return out
}

// chunkRows is how many rows are made at a time.
const chunkRows = 16

type chunk [chunkRows]Row

// Rows is a dense, growing array of rows. The writer grows it; readers see
// either the old or the new list of chunks, and a chunk never moves.
type Rows struct{ chunks atomic.Pointer[[]*chunk] }

// At returns row i, which the writer makes if need be.
func (t *Rows) At(i uint32) *Row {
	if l := t.chunks.Load(); l != nil && int(i/chunkRows) < len(*l) {
		return &(*l)[i/chunkRows][i%chunkRows]
	}
	return t.grow(i)
}

func (t *Rows) grow(i uint32) *Row {
	var list []*chunk
	if l := t.chunks.Load(); l != nil {
		list = *l
	}
	for int(i/chunkRows) >= len(list) {
		list = append(list, new(chunk))
	}
	t.chunks.Store(&list)
	return &list[i/chunkRows][i%chunkRows]
}

// Len is how many rows can be read.
func (t *Rows) Len() int {
	if l := t.chunks.Load(); l != nil {
		return len(*l) * chunkRows
	}
	return 0
}

// Peek returns row i for reading, nil where it was not made.
func (t *Rows) Peek(i int) *Row {
	l := t.chunks.Load()
	if l == nil || i/chunkRows >= len(*l) {
		return nil
	}
	return &(*l)[i/chunkRows][i%chunkRows]
}

// Window is the cells of one interval that is still open, or of corrections to
// one that was closed.
type Window struct {
	Interval Interval
	// Revision is 0 for the interval itself and counts its corrections.
	Revision int
	rows     [rowKinds]Rows
	spans    spanList
}

// Rows returns the array of one kind.
func (w *Window) Rows(k RowKind) *Rows { return &w.rows[k] }
