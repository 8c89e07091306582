package storage

import (
	"context"
	"testing"

	"tallyd/metrics"
)

// BenchmarkPutSealed stores an interval of 1,000 rollups, the sync included.
func BenchmarkPutSealed(b *testing.B) {
	s := open(b, Config{Dir: b.TempDir()})
	sealed := testSealed("fs1", 0, 1000)
	b.ReportAllocs()
	for b.Loop() {
		sealed.Interval++
		if err := s.PutSealed(sealed); err != nil {
			b.Fatal(err)
		}
	}
}

const day = 96

func benchDay(b *testing.B, agents int) *Store {
	s := open(b, Config{Dir: b.TempDir()})
	for i := range metrics.Interval(day) {
		if err := s.PutSealed(testSealed("fs1", i, agents)); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	return s
}

// BenchmarkDay sums a day of 1,000 agents.
func BenchmarkDay(b *testing.B) {
	s := benchDay(b, 1000)
	for b.Loop() {
		if _, err := s.Sum(context.Background(), Query{To: day}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDayOfOne sums a day of one agent among 1,000.
func BenchmarkDayOfOne(b *testing.B) {
	s := benchDay(b, 1000)
	q := Query{To: day, Kinds: []metrics.RowKind{metrics.AgentRow}, Names: []string{"agent-0500"}}
	for b.Loop() {
		if _, err := s.Sum(context.Background(), q); err != nil {
			b.Fatal(err)
		}
	}
}
