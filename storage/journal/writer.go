package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// writer is the goroutine that owns the files.
type writer struct {
	*Journal
	last     uint64 // number of the newest segment
	base     uint64 // of the one that begins with the present checkpoint
	from     *end   // up to where the journal was read when it was opened
	file     File   // nil: the next write makes one
	sealer   *sealer
	buf      []byte
	empty    bool   // there is no checkpoint to continue
	half     string // the file of a checkpoint that is not whole; "" if none
	written  uint64 // records
	unsynced bool
	since    int64 // bytes since the checkpoint
	began    time.Time
	pause    time.Duration
	retryAt  time.Time
}

// maxPause bounds the pause between two attempts after a failure.
const maxPause = 30 * time.Second

func (w *writer) run() {
	defer close(w.done)
	tick := time.NewTicker(w.cfg.SyncEvery)
	defer tick.Stop()
	handOn := time.NewTicker(w.cfg.HandOn)
	defer handOn.Stop()
	for {
		select {
		case x, open := <-w.jobs:
			if !open {
				w.sync()
				w.close()
				return
			}
			w.take(x)
		case <-handOn.C:
			w.due.Store(true)
			if f := w.wake.Load(); w.waiting.Swap(false) && f != nil {
				(*f)()
			}
		case now := <-tick.C:
			w.sync()
			w.want(now)
		}
	}
}

// want asks for a checkpoint when it is time.
func (w *writer) want(now time.Time) {
	switch {
	case w.Err() != nil:
		if now.After(w.retryAt) {
			w.wanted.Store(true)
		}
	case w.since > w.cfg.Size, w.since > 0 && now.Sub(w.began) > w.cfg.Checkpoint:
		w.wanted.Store(true)
	}
}

func (w *writer) take(x job) {
	if x.state != nil {
		if err := w.checkpoint(x.state); err != nil {
			w.failed(err)
			return
		}
		w.recovered()
		w.written = x.upTo
		w.durable.Store(x.upTo)
		w.tell()
		return
	}
	if w.Err() == nil {
		if err := w.append(x.batch); err != nil {
			w.failed(err)
		} else {
			w.written = x.upTo
		}
	}
	if cap(x.batch) <= 4*batchBytes {
		select {
		case w.free <- x.batch:
		default:
		}
	}
}

// append writes a batch of records.
func (w *writer) append(batch []byte) error {
	if w.file == nil {
		if w.empty || w.from.number == 0 {
			return errors.New("there is no checkpoint to continue")
		}
		if err := w.begin(segmentName(w.last + 1)); err != nil {
			return err
		}
		at := binary.AppendUvarint(binary.AppendUvarint(nil, w.from.number), uint64(w.from.at))
		w.buf = w.sealer.appendFrame(w.buf, continues, at)
		if err := w.flush(); err != nil {
			return err
		}
		if err := w.cfg.Files.SyncDir(w.cfg.Dir); err != nil {
			return err
		}
	}
	w.buf = w.sealer.appendFrame(w.buf[:0], records, batch)
	w.unsynced = true
	w.since += int64(len(w.buf))
	return w.flush()
}

// begin makes the next segment under a name; its header waits in buf.
func (w *writer) begin(name string) error {
	w.last++
	f, err := w.cfg.Files.Create(filepath.Join(w.cfg.Dir, name))
	if err != nil {
		return err
	}
	w.file = f
	w.buf, w.sealer, err = header(w.cfg.Key)
	return err
}

func (w *writer) flush() error {
	if _, err := w.file.Write(w.buf); err != nil {
		return err
	}
	w.size.Add(int64(len(w.buf)))
	return nil
}

// checkpoint begins a segment with a state, and deletes what came before. It has
// its name once it is whole, so that one that never was is nothing to read.
func (w *writer) checkpoint(state []byte) error {
	w.close()
	name := segmentName(w.last + 1)
	half := filepath.Join(w.cfg.Dir, name+halfSuffix)
	if err := w.begin(name + halfSuffix); err != nil {
		return err
	}
	w.half = half
	w.size.Store(0)
	for len(state) > statePart {
		w.buf = w.sealer.appendFrame(w.buf, statePiece, state[:statePart])
		state = state[statePart:]
		if err := w.flush(); err != nil {
			return err
		}
		w.buf = w.buf[:0]
	}
	w.buf = w.sealer.appendFrame(w.buf, stateEnd, state)
	if err := w.flush(); err != nil {
		return err
	}
	if err := w.file.Sync(); err != nil {
		return err
	}
	if err := w.cfg.Files.Rename(half, filepath.Join(w.cfg.Dir, name)); err != nil {
		return err
	}
	w.half = ""
	if err := w.cfg.Files.SyncDir(w.cfg.Dir); err != nil {
		return err
	}
	w.unsynced, w.empty = false, false
	w.base, w.since, w.began = w.last, 0, time.Now()
	w.forget()
	return nil
}

// forget deletes the segments before the present checkpoint. What cannot be
// deleted now is deleted after the next one.
func (w *writer) forget() {
	names, err := w.cfg.Files.List(w.cfg.Dir)
	if err != nil {
		w.cfg.Log.Warn("old parts of the journal cannot be deleted", "err", err)
		return
	}
	for _, name := range names {
		if n, ok := segmentNumber(name); ok && n < w.base {
			if err := w.cfg.Files.Remove(filepath.Join(w.cfg.Dir, name)); err != nil {
				w.cfg.Log.Warn("an old part of the journal cannot be deleted", "err", err)
			}
		}
	}
}

// sync makes what was written safe, and says so.
func (w *writer) sync() {
	if !w.unsynced || w.file == nil {
		return
	}
	if err := w.file.Sync(); err != nil {
		w.failed(err)
		return
	}
	w.unsynced = false
	w.durable.Store(w.written)
	w.tell()
}

func (w *writer) close() {
	if w.file != nil {
		_ = w.file.Close() // it was synced, or has failed
		w.file = nil
	}
}

// failed gives the segment up: what comes next would follow on a hole. A
// checkpoint mends it.
func (w *writer) failed(err error) {
	w.close()
	w.unsynced = false
	if w.half != "" { // it would only take up space
		_ = w.cfg.Files.Remove(w.half) // opening does so, too
		w.half = ""
	}
	if w.pause == 0 {
		w.pause = w.cfg.Retry
		w.cfg.Log.Error("the journal cannot be written: counting goes on, but what is open now would be lost if the daemon died",
			"err", err, "retry_in", w.pause)
	} else {
		w.pause = min(2*w.pause, maxPause)
	}
	w.retryAt = time.Now().Add(w.pause)
	w.fail(fmt.Errorf("the journal cannot be written: %w", err))
}

func (w *writer) recovered() {
	if w.broken.Swap(nil) != nil && w.pause != 0 {
		w.cfg.Log.Info("the journal is written again")
	}
	w.pause = 0
}
