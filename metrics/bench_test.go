package metrics

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const benchCounters = 40

// cells picks rows and counters at random, the same for every peer.
func cells(agents int) [][2]uint32 {
	r := rand.New(rand.NewPCG(1, uint64(agents)))
	out := make([][2]uint32, 1<<16)
	for i := range out {
		out[i] = [2]uint32{r.Uint32N(uint32(agents)), r.Uint32N(benchCounters)}
	}
	return out
}

// atomicRow is as wide as Row's counters, so that the peers touch as much memory.
type atomicRow [rowCells]atomic.Uint64

// peers are ways to count; each adds 1 to n cells.
func peers(agents int) map[string]func(n int) {
	at := cells(agents)
	mask := len(at) - 1
	rows := &Rows{}
	for i := range agents {
		rows.At(uint32(i))
	}
	plain := make([]atomicRow, agents)
	var mu sync.Mutex
	byLabels := map[string]*[benchCounters]uint64{}
	labels := make([]string, agents)
	for i := range labels {
		labels[i] = fmt.Sprintf("fs1\xff%d@default", 1000+i)
		byLabels[labels[i]] = new([benchCounters]uint64)
	}
	return map[string]func(int){
		"row": func(n int) {
			for i := range n {
				c := at[i&mask]
				rows.At(c[0]).Add(Counter(c[1]), 1)
			}
		},
		"atomic": func(n int) {
			for i := range n {
				c := at[i&mask]
				plain[c[0]][c[1]].Add(1)
			}
		},
		"mutex-map": func(n int) {
			for i := range n {
				c := at[i&mask]
				mu.Lock()
				byLabels[labels[c[0]]][c[1]]++
				mu.Unlock()
			}
		},
	}
}

// BenchmarkIncrement counts one thing of one agent: with a row, with an atomic
// counter, and as metrics libraries do that look labels up under a mutex.
func BenchmarkIncrement(b *testing.B) {
	for _, agents := range []int{1_000, 10_000} {
		p := peers(agents)
		for _, name := range []string{"row", "atomic", "mutex-map"} {
			b.Run(fmt.Sprintf("%s-%d", name, agents), func(b *testing.B) {
				p[name](1 << 16)
				b.ResetTimer()
				p[name](b.N)
			})
		}
	}
}

// BenchmarkApply is a whole call, start to end.
func BenchmarkApply(b *testing.B) {
	c := newCalls(Options{})
	c.warm()
	b.ReportAllocs()
	for b.Loop() {
		c.call()
		c.hangUp()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*eventsOfCall), "ns/event")
}

// TestRatioCounterIncrement: an increment of a row must not cost much more than
// one of an atomic counter, for finding the row, and a small part of one under a mutex.
// How much more depends on the machine: the counters of the peer lie in one piece, which
// a system with large pages finds with less looking up, 1.2 to 1.5 there; on others it is
// as much with a thousand agents, and 2.2 with ten thousand, whose rows no cache holds. The best of interleaved rounds
// counts, as other work on the machine only slows; each brings back first what
// the peers before it pushed out of the caches, and every fourth makes the peers
// anew, as some places in memory are luckier than others.
func TestRatioCounterIncrement(t *testing.T) {
	if raceEnabled {
		return // it slows the two differently: make unraced runs this
	}
	const n, warm, least = 1 << 20, 1 << 17, 3.0
	for agents, most := range map[int]float64{1_000: 2, 10_000: 3} {
		var p map[string]func(int)
		best := map[string]time.Duration{}
		ratio := 0.0
		for round := 0; round < 8 || round < 80 && ratio > most; round++ {
			if round%4 == 0 {
				p = peers(agents)
			}
			for _, name := range []string{"row", "atomic", "mutex-map"} {
				p[name](warm)
				start := time.Now()
				p[name](n)
				if d := time.Since(start); best[name] == 0 || d < best[name] {
					best[name] = d
				}
			}
			ratio = float64(best["row"]) / float64(best["atomic"])
		}
		ns := func(name string) float64 { return float64(best[name].Nanoseconds()) / n }
		t.Logf("%d agents: row %.2f ns, atomic add %.2f ns (ratio %.2f), mutex and map %.1f ns", agents, ns("row"), ns("atomic"), ratio, ns("mutex-map"))
		if ratio > most {
			t.Errorf("%d agents: an increment takes %.2f of an atomic add, want at most %.2f", agents, ratio, most)
		}
		if gain := ns("mutex-map") / ns("row"); gain < least {
			t.Errorf("%d agents: under a mutex it takes %.1f times as long, want at least %.0f", agents, gain, least)
		}
	}
}

// TestSnapshotPerformance: ten thousand agents are read in less than 2 ms while
// the writer goes on counting.
func TestSnapshotPerformance(t *testing.T) {
	if raceEnabled {
		return // it slows every load: make unraced runs this
	}
	const agents = 10_000
	rows := &Rows{}
	for i := range agents {
		rows.At(uint32(i)).Add(AnsweredCount, int64(i))
	}
	var stop atomic.Bool
	var written atomic.Int64
	var writer sync.WaitGroup
	writer.Go(func() {
		at := cells(agents)
		for n := 0; !stop.Load(); n++ {
			r := rows.At(at[n%len(at)][0])
			r.begin()
			r.Add(AnsweredCount, 1)
			r.Add(EndedByAgent, 1)
			r.end()
			if n&0xff == 0 {
				written.Add(0x100)
			}
		}
	})
	const most = 2 * time.Millisecond
	var best time.Duration
	var v Values
	during, torn := int64(0), 0
	for round := 0; round < 50 || round < 2000 && (best == 0 || best > most); round++ {
		before, start := written.Load(), time.Now()
		for i := range agents {
			rows.Peek(i).Read(&v)
			if v[AnsweredCount]-v[EndedByAgent] != int64(i) {
				torn++
			}
		}
		d, n := time.Since(start), written.Load()-before
		if n > 0 && (best == 0 || d < best) { // only rounds in which the writer had a processor
			best, during = d, n
		}
	}
	stop.Store(true)
	writer.Wait()
	t.Logf("%d agents in %v, about %d changes meanwhile", agents, best, during)
	if best == 0 || best > most {
		t.Errorf("%d agents take %v to read, want at most %v", agents, best, most)
	}
	if torn > 0 {
		t.Errorf("%d rows were read in the middle of a change", torn)
	}
}

// BenchmarkSnapshot reads every counter of 10,000 agents.
func BenchmarkSnapshot(b *testing.B) {
	const agents = 10_000
	rows := &Rows{}
	for i := range agents {
		rows.At(uint32(i)).Add(AnsweredCount, 1)
	}
	var v Values
	for b.Loop() {
		for i := range agents {
			rows.Peek(i).Read(&v)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*agents), "ns/row")
}
