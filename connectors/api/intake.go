package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"tallyd/metrics"
	"tallyd/storage"
)

// Intake carries sealed intervals from the trackers to the store. It is where a
// count can be neither in an open window any more nor in the store yet, and so
// it is asked by every question about the present.
//
// Trackers are made with its Take, then the service with the trackers.
type Intake struct {
	store *storage.Store
	log   *slog.Logger

	// disk is held by the writer from a put to the removal from pending, and
	// shared by who takes a snapshot of the store and a copy of pending: between
	// them every sealed interval is in exactly one of the two.
	disk sync.RWMutex

	mu      sync.Mutex // never held across I/O: trackers wait for it
	pending []*metrics.Sealed
	// through is the latest interval that each switch handed over. Its tracker
	// still shows the window for a moment after that.
	through  map[string]metrics.Interval
	watchers []*inbox

	wake chan struct{}
}

// inbox is what was handed over since somebody last looked; Intake.mu guards it.
type inbox struct{ sealed []*metrics.Sealed }

// NewIntake returns an intake into a store; with a nil store, what is taken stays
// in memory.
func NewIntake(store *storage.Store, log *slog.Logger) *Intake {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Intake{store: store, log: log, through: map[string]metrics.Interval{}, wake: make(chan struct{}, 1)}
}

// Take receives a sealed interval, which then is the intake's. It is meant for a
// tracker's Options.Sealed and never waits for the disk.
func (in *Intake) Take(s *metrics.Sealed) {
	in.mu.Lock()
	in.pending = append(in.pending, s)
	if !s.Correction {
		in.through[s.Switch] = s.Interval
	}
	for _, w := range in.watchers {
		w.sealed = append(w.sealed, s)
	}
	in.mu.Unlock()
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

// Pending is how many intervals wait for the store: more than one for long means
// that the disk fails.
func (in *Intake) Pending() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.pending)
}

const (
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
)

// Run stores what is taken until the context ends, and then what is left. The
// trackers must have stopped before the context ends. An error says what could
// not be stored.
func (in *Intake) Run(ctx context.Context) error {
	retry := firstRetry
	for {
		err := in.storeAll()
		if err == nil {
			retry = firstRetry
			select {
			case <-ctx.Done():
				return in.storeAll()
			case <-in.wake:
			}
			continue
		}
		in.log.Error("an interval cannot be stored, it is kept in memory", "err", err, "pending", in.Pending(), "retry", retry)
		select {
		case <-ctx.Done():
			if err := in.storeAll(); err != nil {
				return fmt.Errorf("%d intervals are lost: %w", in.Pending(), err)
			}
			return nil
		case <-time.After(retry):
		}
		retry = min(2*retry, lastRetry)
	}
}

// storeAll stores what is pending, in order.
func (in *Intake) storeAll() error {
	if in.store == nil {
		return nil
	}
	for {
		in.mu.Lock()
		var first *metrics.Sealed
		if len(in.pending) > 0 {
			first = in.pending[0]
		}
		in.mu.Unlock()
		if first == nil {
			return nil
		}
		if err := in.storeOne(first); err != nil {
			return err
		}
	}
}

func (in *Intake) storeOne(s *metrics.Sealed) error {
	in.disk.Lock()
	defer in.disk.Unlock()
	if err := in.store.PutSealed(s); errors.Is(err, storage.ErrStored) {
		in.log.Error("an interval is stored, but not synced", "switch", s.Switch, "err", err)
	} else if err != nil {
		return err
	}
	in.mu.Lock()
	in.pending = slices.Delete(in.pending, 0, 1)
	in.mu.Unlock()
	return nil
}

// moment is everything that was sealed, as it was at one moment.
type moment struct {
	stored  *storage.Snapshot // nil without a store
	pending []*metrics.Sealed
	through map[string]metrics.Interval
}

func (m *moment) close() {
	if m.stored != nil {
		m.stored.Close()
	}
}

// moment reads where everything is. Open windows must have been listed before.
// What a watcher has not looked at yet is in the moment, and its inbox emptied.
func (in *Intake) moment(w *inbox) (*moment, error) {
	in.disk.RLock()
	defer in.disk.RUnlock()
	m := &moment{}
	if in.store != nil {
		var err error
		if m.stored, err = in.store.Snapshot(); err != nil {
			return nil, err
		}
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	m.pending = slices.Clone(in.pending)
	m.through = maps.Clone(in.through)
	if w != nil {
		w.sealed = nil
	}
	return m, nil
}

func (in *Intake) watch() *inbox {
	in.mu.Lock()
	defer in.mu.Unlock()
	w := &inbox{}
	in.watchers = append(in.watchers, w)
	return w
}

func (in *Intake) unwatch(w *inbox) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.watchers = slices.DeleteFunc(in.watchers, func(o *inbox) bool { return o == w })
}

// drain empties an inbox, and tells what has been handed over by then.
func (in *Intake) drain(w *inbox, through map[string]metrics.Interval) []*metrics.Sealed {
	in.mu.Lock()
	defer in.mu.Unlock()
	maps.Copy(through, in.through)
	list := w.sealed
	w.sealed = nil
	return list
}
