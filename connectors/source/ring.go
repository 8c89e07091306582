package source

import (
	"context"
	"sync/atomic"
	"time"
)

// Ring hands values from one goroutine to another without a lock: one puts, one
// takes. It is bounded: when counting falls behind, the reader drops and goes on
// reading, for a slow reader costs the switch memory. A slot's value is used
// again, so what it holds by reference can be kept there.
type Ring[T any] struct {
	slots []T
	mask  uint64
	_     [64]byte
	head  atomic.Uint64 // taken up to here
	_     [56]byte
	tail  atomic.Uint64 // put up to here
	_     [56]byte
	bell  *Bell
}

// NewRing returns a ring of at least n slots, whose taker is woken by bell.
func NewRing[T any](n int, bell *Bell) *Ring[T] {
	size := 64
	for size < n {
		size *= 2
	}
	return &Ring[T]{slots: make([]T, size), mask: uint64(size - 1), bell: bell}
}

// Slot is where the next value goes, nil where the ring is full. Put hands it on.
func (r *Ring[T]) Slot() *T {
	tail := r.tail.Load()
	if tail-r.head.Load() >= uint64(len(r.slots)) {
		return nil
	}
	return &r.slots[tail&r.mask]
}

// Put hands on the value in Slot.
func (r *Ring[T]) Put() {
	r.tail.Store(r.tail.Load() + 1)
	r.bell.Ring()
}

// Next is the oldest value that was put and not yet taken, nil where there is
// none. Done gives its slot back.
func (r *Ring[T]) Next() *T {
	head := r.head.Load()
	if head == r.tail.Load() {
		return nil
	}
	return &r.slots[head&r.mask]
}

// Done gives back the slot of Next.
func (r *Ring[T]) Done() { r.head.Store(r.head.Load() + 1) }

// Used is how many values wait.
func (r *Ring[T]) Used() int { return int(r.tail.Load() - r.head.Load()) }

// Len is how many values fit in.
func (r *Ring[T]) Len() int { return len(r.slots) }

// Bell wakes the goroutine that takes from one or several rings.
type Bell struct {
	idle atomic.Bool
	wake chan struct{}
}

// NewBell returns a bell.
func NewBell() *Bell { return &Bell{wake: make(chan struct{}, 1)} }

// Ring wakes the taker if it sleeps.
func (b *Bell) Ring() {
	if b.idle.Load() && b.idle.CompareAndSwap(true, false) {
		select {
		case b.wake <- struct{}{}:
		default:
		}
	}
}

// Serve calls take for as long as it is true, that is, while there was something
// to take. When there is nothing it calls rest, which must not wait, and sleeps
// until the bell rings or a time has passed; then it calls tick. It returns when
// ctx has ended and there is nothing left.
func (b *Bell) Serve(ctx context.Context, take func() bool, rest func(), every time.Duration, tick func()) {
	timer := time.NewTicker(every)
	defer timer.Stop()
	ended := false
	for {
		for n := 1; take(); n++ {
			if n&0xfff == 0 {
				select {
				case <-timer.C:
					tick()
				default:
				}
			}
		}
		rest()
		if ended {
			return
		}
		b.idle.Store(true)
		if take() { // put in between
			b.idle.Store(false)
			continue
		}
		select {
		case <-b.wake:
		case <-timer.C:
			b.idle.Store(false)
			tick()
		case <-ctx.Done():
			b.idle.Store(false)
			ended = true
		}
	}
}
