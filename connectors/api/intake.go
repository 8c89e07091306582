package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
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
	// after is what a pending one waits for before it is stored, stored the number
	// of the latest one that is.
	after  map[*metrics.Sealed]func(context.Context)
	stored map[string]uint64
	// through is the latest interval that each switch handed over. Its tracker
	// still shows the window for a moment after that.
	through  map[string]metrics.Interval
	watchers []*inbox
	// forgotten are people whom what is handed over may still be about.
	forgotten []*storage.Forgetting

	forgets atomic.Int64 // counts them
	wake    chan struct{}
}

// inbox is what was handed over since somebody last looked; Intake.mu guards it.
type inbox struct{ sealed []*metrics.Sealed }

// NewIntake returns an intake into a store; with a nil store, what is taken stays
// in memory.
func NewIntake(store *storage.Store, log *slog.Logger) *Intake {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Intake{store: store, log: log, through: map[string]metrics.Interval{}, wake: make(chan struct{}, 1),
		after: map[*metrics.Sealed]func(context.Context){}, stored: map[string]uint64{}}
}

// Take receives a sealed interval, which then is the intake's. It is meant for a
// tracker's Options.Sealed and never waits for the disk.
func (in *Intake) Take(s *metrics.Sealed) { in.TakeAfter(s, nil) }

// TakeAfter is Take for what must not be stored before something has happened: a
// journal must know the events of what the store has.
func (in *Intake) TakeAfter(s *metrics.Sealed, happened func(context.Context)) {
	in.mu.Lock()
	for _, f := range in.forgotten {
		s = forgetIn(s, f)
	}
	in.pending = append(in.pending, s)
	if happened != nil {
		in.after[s] = happened
	}
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

// Stored tells whether everything is stored that a switch handed over up to a
// number.
func (in *Intake) Stored(sw string, number uint64) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.stored[sw] < number {
		return false
	}
	for _, s := range in.pending {
		if s.Switch == sw || s.Switch == metrics.AllSwitches {
			return false
		}
	}
	return true
}

// WasStored notes what an earlier run has stored of a switch.
func (in *Intake) WasStored(sw string, number uint64) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.stored[sw] = number
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
	retry, said := firstRetry, ""
	for {
		err := in.storeAll(ctx)
		if err == nil {
			if said != "" {
				in.log.Info("intervals are stored again")
			}
			retry, said = firstRetry, ""
			select {
			case <-ctx.Done():
				return in.storeRest()
			case <-in.wake:
			}
			continue
		}
		if said != err.Error() { // once, however long it lasts
			in.log.Error("an interval cannot be stored, it is kept in memory until it can", "err", err)
			said = err.Error()
		}
		select {
		case <-ctx.Done():
			if err := in.storeRest(); err != nil {
				return fmt.Errorf("%d intervals are lost: %w", in.Pending(), err)
			}
			return nil
		case <-time.After(retry):
		}
		retry = min(2*retry, lastRetry)
	}
}

// Flush stores what is pending; for before Run, which does so by itself.
func (in *Intake) Flush() error { return in.storeAll(context.Background()) }

// storeRest is the last storeAll.
func (in *Intake) storeRest() error {
	if in.store != nil {
		in.store.UseReserve()
	}
	return in.storeAll(context.Background())
}

// storeAll stores what is pending, in order.
func (in *Intake) storeAll(ctx context.Context) error {
	if in.store == nil {
		return nil
	}
	for {
		in.mu.Lock()
		var first *metrics.Sealed
		if len(in.pending) > 0 {
			first = in.pending[0]
		}
		happened := in.after[first]
		in.mu.Unlock()
		if first == nil {
			return nil
		}
		if happened != nil {
			happened(ctx)
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
	delete(in.after, s)
	in.stored[s.Switch] = max(in.stored[s.Switch], s.Number)
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
