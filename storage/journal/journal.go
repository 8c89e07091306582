package journal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Config says where a journal is. Durations and sizes of 0 stand for the defaults.
type Config struct {
	Dir string // of this journal alone
	Key []byte // of the data folder
	Log *slog.Logger

	Files      Files
	HandOn     time.Duration // 20 ms: how often what was appended is written
	SyncEvery  time.Duration // 40 ms
	Checkpoint time.Duration // 2 min: how old a checkpoint may be
	Size       int64         // 32 MB: how much may be appended since
	Behind     int           // 32 MB: how much may wait in memory for the disk
	Retry      time.Duration // 1 s, doubling up to 30 s: after a failure
}

func (c *Config) orDefaults() {
	if c.Files == nil {
		c.Files = OS
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	for _, d := range []struct {
		p *time.Duration
		v time.Duration
	}{{&c.HandOn, 20 * time.Millisecond}, {&c.SyncEvery, 40 * time.Millisecond}, {&c.Checkpoint, 2 * time.Minute}, {&c.Retry, time.Second}} {
		if *d.p <= 0 {
			*d.p = d.v
		}
	}
	if c.Size <= 0 {
		c.Size = 32 << 20
	}
	if c.Behind <= 0 {
		c.Behind = 32 << 20
	}
}

// batchBytes is when a batch is full.
const batchBytes = 64 << 10

// job is one thing on its way to the disk.
type job struct {
	batch []byte // records
	state []byte // or a checkpoint
	upTo  uint64 // everything appended up to here is in it, or before it
}

// Journal is open for appending. Append, Flush and Checkpoint belong to one
// goroutine, the one that counts; any may call the other methods.
type Journal struct {
	cfg Config

	// of the goroutine that counts
	batch    []byte
	appended uint64 // records
	dropped  bool   // what is appended is of no use until the next checkpoint

	jobs chan job
	free chan []byte
	done chan struct{}

	due     atomic.Bool // what was appended should be handed on
	waiting atomic.Bool // there is something that was not yet
	wake    atomic.Pointer[func()]

	wanted  atomic.Bool
	broken  atomic.Pointer[error]
	durable atomic.Uint64 // records
	size    atomic.Int64  // of the present segments

	mu      sync.Mutex // of the waiters
	changed chan struct{}
}

// Open reads a journal and opens it for appending. Close it. What it held is to
// be read before anything is appended. Damage that leaves nothing to go on from is
// no error: it is told, kept aside, and the journal begins anew.
func Open(c Config) (*Journal, *Recovered, error) {
	c.orDefaults()
	r, last, err := find(c.Files, c.Dir, c.Key)
	if r == nil {
		return nil, nil, fmt.Errorf("journal: %w", err)
	}
	if err != nil {
		c.Log.Error("the journal cannot be read: what was open when it was written is lost, and its files are kept", "err", err)
		if err := setAside(&c); err != nil {
			return nil, nil, fmt.Errorf("journal: %w", err)
		}
	}
	j := &Journal{cfg: c, jobs: make(chan job, 8), free: make(chan []byte, 8), done: make(chan struct{}), changed: make(chan struct{})}
	j.batch = make([]byte, 0, 2*batchBytes)
	w := &writer{Journal: j, last: last, began: time.Now(), empty: r.Empty(), from: r.end}
	if w.empty {
		j.wanted.Store(true) // nothing can be appended before a first checkpoint
		j.dropped = true
	}
	go w.run()
	return j, r, nil
}

// setAside renames the segments of a journal that cannot be read.
func setAside(c *Config) error {
	names, err := c.Files.List(c.Dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if _, ok := segmentNumber(name); ok {
			from := filepath.Join(c.Dir, name)
			if err := c.Files.Rename(from, from+damagedSuffix); err != nil {
				return err
			}
		}
	}
	return c.Files.SyncDir(c.Dir)
}

// Append adds a record, of which it keeps a copy, to those that the next Flush
// hands on: all of these come back, or none. It never waits.
func (j *Journal) Append(record []byte) {
	if j.dropped {
		return
	}
	j.batch = binary.AppendUvarint(j.batch, uint64(len(record)))
	j.batch = append(j.batch, record...)
	j.appended++
}

// Rest hands on what was appended, if it is time: every batch costs the writer a
// turn. Else Due's function is called when it is.
func (j *Journal) Rest() {
	if len(j.batch) == 0 {
		return
	}
	if j.due.Load() || j.Full() {
		j.due.Store(false)
		j.Flush()
		return
	}
	j.waiting.Store(true)
}

// Due has f called, by a goroutine of the journal's, when Rest should be called
// though nothing came.
func (j *Journal) Due(f func()) { j.wake.Store(&f) }

// Full tells that it is time for a Flush.
func (j *Journal) Full() bool { return len(j.batch) >= batchBytes }

// Flush hands on what was appended: it is on its way to the disk. It never waits;
// where the disk is behind, a later Flush takes it along.
func (j *Journal) Flush() {
	if len(j.batch) == 0 {
		return
	}
	select {
	case j.jobs <- job{batch: j.batch, upTo: j.appended}:
		j.batch = j.empty()
	default:
		if len(j.batch) > j.cfg.Behind {
			j.batch, j.dropped = j.batch[:0], true
			j.fail(errors.New("the disk is too slow"))
			j.wanted.Store(true)
		}
	}
}

func (j *Journal) empty() []byte {
	select {
	case b := <-j.free:
		return b[:0]
	default:
		return make([]byte, 0, 2*batchBytes)
	}
}

// Wanted tells that a checkpoint should be given, and can be.
func (j *Journal) Wanted() bool { return j.wanted.Load() && len(j.jobs) < cap(j.jobs) }

// Checkpoint gives the state as of what was appended so far, which then is the
// journal's. It may be put off by one that is still on its way.
func (j *Journal) Checkpoint(state []byte) {
	j.Flush()
	if len(j.batch) > 0 && !j.dropped {
		return // the disk is behind
	}
	select {
	case j.jobs <- job{state: state, upTo: j.appended}:
		j.wanted.Store(false)
		j.dropped = false
	default:
	}
}

// Appended is how many records were appended: a moment that Wait can wait for.
func (j *Journal) Appended() uint64 { return j.appended }

// Wait waits until everything up to a moment is safe on the disk, and tells
// whether it is: not if the journal fails, for then there is nothing to wait for,
// nor if ctx ends.
func (j *Journal) Wait(ctx context.Context, upTo uint64) bool {
	for {
		j.mu.Lock()
		changed := j.changed
		j.mu.Unlock()
		if j.durable.Load() >= upTo {
			return true
		}
		if j.Err() != nil {
			return false
		}
		select {
		case <-changed:
		case <-j.done:
			return j.durable.Load() >= upTo
		case <-ctx.Done():
			return false
		}
	}
}

// Err tells why what is appended is not safe now; nil where it is.
func (j *Journal) Err() error {
	if p := j.broken.Load(); p != nil {
		return *p
	}
	return nil
}

// Size is what the journal takes on the disk, in bytes.
func (j *Journal) Size() int64 { return j.size.Load() }

func (j *Journal) fail(err error) {
	j.broken.Store(&err)
	j.tell()
}

// tell wakes who waits.
func (j *Journal) tell() {
	j.mu.Lock()
	close(j.changed)
	j.changed = make(chan struct{})
	j.mu.Unlock()
}

// Close writes what was appended and waits for it. The goroutine that counts must
// have ended.
func (j *Journal) Close() error {
	if len(j.batch) > 0 {
		j.jobs <- job{batch: j.batch, upTo: j.appended}
		j.batch = nil
	}
	close(j.jobs)
	<-j.done
	return j.Err()
}

// Remove deletes a journal that is not open.
func Remove(files Files, dir string) error {
	names, err := files.List(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if _, ok := segmentNumber(strings.TrimSuffix(name, halfSuffix)); ok {
			if err := files.Remove(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	return files.SyncDir(dir)
}
