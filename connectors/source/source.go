// Package source holds what the connectors to switches have in common: how one
// looks from outside, the hand-off from the goroutine that reads a socket to the
// one that counts, and the pauses between attempts to connect.
package source

import (
	"context"
	"math/rand/v2"
	"time"

	"tallyd/metrics"
)

// Source is one switch that is kept attached. Making one opens nothing; Run
// connects, and connects again, until ctx ends. When Run has returned, the
// tracker that it feeds has been given everything and has no writer any more.
// Health may be called from any goroutine at any time.
type Source interface {
	Run(ctx context.Context) error
	Health() Health
	// Restore takes up what a journal kept of an earlier run; it comes before Run.
	// After an error neither the source nor its tracker may be used.
	Restore(Kept) error
	// Rename says whom the switch's names of agents stand for from now on, all of
	// those that stand for somebody. Any goroutine may call it.
	Rename(aliases map[string]string)
}

// Counts tells what a stream held.
type Counts struct {
	Events    int64 // whole events of any kind
	Ignored   int64 // of these, those that say nothing that is counted
	Malformed int64 // of these, those whose content could not be read
	Unknown   int64 // events or frames of a type never heard of
}

// Health is how a connection fares.
type Health struct {
	Connected bool
	Since     time.Time // of the present connection, or of the loss of the last
	Error     string    // why it is not connected, or what is wrong with it
	// Missing names, in words for people, what cannot be seen although the
	// switch is connected.
	Missing    []string
	Counts     Counts
	Connects   int64
	Overflowed int64 // facts or events dropped because counting fell behind
	LastEvent  metrics.Millis
	// ClockOff is how far the switch's clock is ahead of this machine's, in whole
	// seconds.
	ClockOff time.Duration
}

// Backoff is the pause between attempts to connect: it doubles from Min to Max,
// and starts anew after a connection that held for longer than Max.
type Backoff struct {
	Min, Max time.Duration
	next     time.Duration
}

// After gives the pause after a connection that held for a time, half to one and
// a half of what is due, so that many daemons do not come as a herd. hopeless is
// for troubles that only people can mend.
func (b *Backoff) After(held time.Duration, hopeless bool) time.Duration {
	if b.next == 0 || held > b.Max {
		b.next = b.Min
	}
	if hopeless {
		b.next = max(b.next, b.Max/2)
	}
	pause := b.next/2 + rand.N(b.next)
	b.next = min(2*b.next, b.Max)
	return pause
}

// Sleep waits, or returns early when ctx ends.
func Sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
