package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"tallyd/storage"
	"tallyd/storage/resident"
)

// The daemon shares the box with the PBX and stays small: its heap, and what the
// system counts of files as its memory.

const (
	// residentTables is how much of the store's tables may stay in memory, in bytes.
	residentTables = 2 << 20
	// A compaction touches tables quickly: once it has begun, what is resident is
	// looked at more often.
	releaseEvery = 10 * time.Millisecond
	releaseSoon  = 2 * time.Millisecond
	// What was used of the program lately comes back at once: it takes 8 MB less than
	// twice a second. While tables take memory it is the program that makes room.
	programEvery = 100 * time.Millisecond
	programSoon  = 25 * time.Millisecond
	measureEvery = 50 // times of programEvery
	// heapGrowth is how much garbage may be on the heap, in percent of what is not.
	heapGrowth = 20
	smallHeap  = 56 << 20
	largeHeap  = 48 << 20
	heapRoom   = 8 << 20
)

// lean has the collector keep the heap small. Whoever sets GOGC or GOMEMLIMIT
// decides for themselves.
func lean() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
	limitHeap()
}

// limitHeap sets the limit at which the collector gives back at once what it has
// freed, and works harder. It lies above what is in use, however much that is: the
// collector must not take a processor from the switch. What the heap takes besides
// grows with it.
func limitHeap() {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	used := int64(0)
	if live[0].Value.Kind() == metrics.KindUint64 {
		used = int64(live[0].Value.Uint64())
	}
	debug.SetMemoryLimit(max(smallHeap, used+used/100*heapGrowth+heapRoom+max(0, used-largeHeap)/6))
}

// keepSmall keeps memory small until the context ends: the heap's limit fits what
// is in use; of the program that is resident which was used lately, of the store's
// files residentTables. Giving back takes half a processor at most, while there is
// something to give back.
func keepSmall(ctx context.Context, store *storage.Store, log *slog.Logger) {
	const cannot = "what the store's files take of memory cannot be given back, and grows with the store"
	ours, err := store.Mapped()
	if err != nil {
		log.Warn(cannot, "err", err)
		return
	}
	if err := resident.Sparse(); err != nil { // it takes more memory then
		log.Debug("the program is resident in parts of 64 kB", "err", err)
	}
	look, tick := time.NewTimer(0), time.NewTicker(programEvery)
	defer look.Stop()
	defer tick.Stop()
	others, err := besides(ours)
	was, times, given := int64(0), 0, time.Now()
	program := func() {
		if err == nil {
			err = resident.Program()
			given = time.Now()
		}
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if times++; times%measureEvery == 0 {
				limitHeap()
				if err == nil {
					others, err = besides(ours) // before what is in use of the program is missing from it
				}
			}
			program()
			continue
		case <-look.C:
		}
		files, wait := int64(0), releaseEvery
		if err == nil {
			files, err = resident.Files()
		}
		if files > was+residentTables/4 {
			wait = releaseSoon
		}
		was = files
		if err == nil && files > others+residentTables {
			begun := time.Now()
			err = resident.Release(ours)
			if time.Since(given) > programSoon {
				program()
			}
			wait = max(wait, time.Since(begun))
		}
		if err == nil {
			look.Reset(wait)
		} else if !errors.Is(err, errors.ErrUnsupported) {
			log.Warn(cannot, "err", err)
		}
	}
}

// besides is how many bytes of other files than some are resident.
func besides(some func(path string) bool) (int64, error) {
	all, err := resident.Files()
	if err != nil {
		return 0, err
	}
	theirs, err := resident.Of(some)
	return max(0, all-theirs), err
}
