package freeswitch

import (
	"context"
	"sync/atomic"

	"tallyd/metrics"
)

// ring hands facts from the goroutine that reads the socket to the one that
// counts. One puts, one takes. It is bounded: when counting falls behind, the
// reader drops and goes on reading, for a slow reader costs the switch memory.
type ring struct {
	slots []metrics.Event
	mask  uint64
	_     [64]byte
	head  atomic.Uint64 // taken up to here
	_     [56]byte
	tail  atomic.Uint64 // put up to here
	_     [56]byte
	idle  atomic.Bool // the taker sleeps
	wake  chan struct{}
}

// newRing returns a ring of at least n slots.
func newRing(n int) *ring {
	size := 64
	for size < n {
		size *= 2
	}
	return &ring{slots: make([]metrics.Event, size), mask: uint64(size - 1), wake: make(chan struct{}, 1)}
}

// put is false where the ring is full.
func (r *ring) put(e *metrics.Event) bool {
	tail := r.tail.Load()
	if tail-r.head.Load() >= uint64(len(r.slots)) {
		return false
	}
	r.slots[tail&r.mask] = *e
	r.tail.Store(tail + 1)
	if r.idle.Load() && r.idle.CompareAndSwap(true, false) {
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}
	return true
}

// used is how many facts wait.
func (r *ring) used() int { return int(r.tail.Load() - r.head.Load()) }

// take gives every fact to f until ctx ends and the ring is empty. It calls
// rest before it sleeps.
func (r *ring) take(ctx context.Context, f func(*metrics.Event), rest func()) {
	for {
		head := r.head.Load()
		if head != r.tail.Load() {
			f(&r.slots[head&r.mask])
			r.head.Store(head + 1)
			continue
		}
		rest()
		r.idle.Store(true)
		if head != r.tail.Load() { // put in between
			r.idle.Store(false)
			continue
		}
		select {
		case <-r.wake:
		case <-ctx.Done():
			r.idle.Store(false)
			if head == r.tail.Load() {
				return
			}
		}
	}
}
