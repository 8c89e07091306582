package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/dgraph-io/badger/v4"

	"tallyd/metrics"
)

// Query chooses rollups. The zero value of a field chooses all, except for the
// span, which is always from From (inclusive) to To (exclusive).
type Query struct {
	From, To metrics.Interval
	Kinds    []metrics.RowKind
	Names    []string // first names: of the queue or agent
	Switch   string
}

// errStop ends a reading early, without being an error.
var errStop = errors.New("stop")

// Rollups reads the chosen rows in the order of interval, kind, name and second
// name. What several switches or revisions counted of one row in one interval is
// added up; Switch is then that of all of them, or "" where they differ.
func (v *Snapshot) Rollups(ctx context.Context, q Query) iter.Seq2[metrics.Rollup, error] {
	return func(yield func(metrics.Rollup, error) bool) {
		err := v.EachRollup(ctx, q, func(r *metrics.Rollup) error {
			if !yield(*r, nil) {
				return errStop
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStop) {
			yield(metrics.Rollup{}, err)
		}
	}
}

// EachRollup is Rollups for who reads many and keeps none: f may keep a rollup's
// names and histograms, but not the rollup, which is used anew.
func (v *Snapshot) EachRollup(ctx context.Context, q Query, f func(*metrics.Rollup) error) error {
	var row []byte
	var sum metrics.Rollup
	err := v.read(ctx, q, func(key []byte, r *metrics.Rollup) error {
		if row != nil && bytes.Equal(row, key) {
			add(&sum, r)
			return nil
		}
		if row != nil {
			if err := f(&sum); err != nil {
				return err
			}
		}
		row, sum = append(row[:0], key...), *r
		return nil
	})
	if err == nil && row != nil {
		err = f(&sum)
	}
	return err
}

// Sum adds each chosen row up over the span, in the order of kind, name and
// second name. Interval is the first in which the row counted.
func (v *Snapshot) Sum(ctx context.Context, q Query) ([]metrics.Rollup, error) {
	sums := map[string]*metrics.Rollup{}
	err := v.read(ctx, q, func(key []byte, r *metrics.Rollup) error {
		name := key[1+8:]
		if sum := sums[string(name)]; sum != nil {
			add(sum, r)
			return nil
		}
		first := *r
		sums[string(name)] = &first
		return nil
	})
	if err != nil {
		return nil, err
	}
	list := make([]metrics.Rollup, 0, len(sums))
	for _, r := range sums {
		list = append(list, *r)
	}
	slices.SortFunc(list, func(a, b metrics.Rollup) int {
		if a.Kind != b.Kind {
			return int(a.Kind) - int(b.Kind)
		}
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.Second, b.Second)
	})
	return list, nil
}

func add(sum, r *metrics.Rollup) {
	if sum.Switch != r.Switch {
		sum.Switch = ""
	}
	sum.Merge(r)
}

// read calls f with every stored part of the chosen rows and its key up to the
// second name. f may keep the rollup's names and histograms, but neither the rollup,
// which is used anew, nor the key.
func (v *Snapshot) read(ctx context.Context, q Query, f func(key []byte, r *metrics.Rollup) error) error {
	from, to := max(q.From, v.rollupsFrom), q.To
	if from >= to {
		return nil
	}
	wanted := q.prefixes()
	asked := func(key []byte) []byte { return firstRow(wanted, key) }
	if err := v.store.whole([]byte{rollupKey}, int64(from), int64(to), asked); err != nil {
		return err
	}
	var r metrics.Rollup
	return eachPart(ctx, v.txn, from, to, wanted, func(item *record, row []byte) error {
		if err := item.Value(r.UnmarshalBinary); err != nil {
			return fmt.Errorf("rollup %q: %w", item.Key(), err)
		}
		if q.Switch == "" || r.Switch == q.Switch {
			return f(row, &r)
		}
		return nil
	})
}

// eachPart calls f with every stored part of rows whose keys go on with one of
// some prefixes after the interval, and the part of its key up to the second
// name.
//
// It skips: where the key at hand is not wanted, it seeks the next one that
// could be, in this interval or the next. One agent's month so costs some 2,900
// seeks instead of everybody's three million rollups.
func eachPart(ctx context.Context, txn *badger.Txn, from, to metrics.Interval, wanted [][]byte, f func(item *record, row []byte) error) error {
	it := iterate(txn, spanPrefix(rollupKey, from, to))
	defer it.Close()
	it.Seek(append(intervalPrefix(rollupKey, from), wanted[0]...))
	for it.Valid() {
		if err := ctx.Err(); err != nil {
			return err
		}
		item := it.Item()
		k := keyReader{b: item.Key(), at: 1}
		interval := metrics.Interval(k.number())
		if interval >= to {
			return nil
		}
		next, ok := firstAtLeast(wanted, k.b[k.at:])
		switch {
		case !ok:
			it.Seek(append(intervalPrefix(rollupKey, interval+1), wanted[0]...))
			continue
		case next != nil:
			it.Seek(append(intervalPrefix(rollupKey, interval), next...))
			continue
		}
		k.byte()
		k.skipText()
		k.skipText()
		if err := f(item, k.b[:k.at]); err != nil {
			return err
		}
		it.Next()
	}
	return nil
}

// prefixes are what a wanted key can go on with after its interval, in order.
func (q *Query) prefixes() [][]byte {
	kinds := slices.Clone(q.Kinds)
	if len(kinds) == 0 {
		if len(q.Names) == 0 {
			return [][]byte{nil}
		}
		for k := metrics.SiteRow; k <= metrics.PauseRow; k++ {
			kinds = append(kinds, k)
		}
	}
	var list [][]byte
	for _, k := range kinds {
		if len(q.Names) == 0 {
			list = append(list, []byte{byte(k)})
		}
		for _, n := range q.Names {
			list = append(list, appendText([]byte{byte(k)}, n))
		}
	}
	slices.SortFunc(list, bytes.Compare)
	return slices.CompactFunc(list, bytes.Equal)
}

// firstAtLeast returns nil and true where key has one of the prefixes, else the
// first prefix beyond it, and false where there is none.
func firstAtLeast(prefixes [][]byte, key []byte) ([]byte, bool) {
	i, found := slices.BinarySearchFunc(prefixes, key, bytes.Compare)
	if found || i > 0 && bytes.HasPrefix(key, prefixes[i-1]) {
		return nil, true
	}
	if i == len(prefixes) {
		return nil, false
	}
	return prefixes[i], true
}

// firstRow is the first key of a rollup, at or after a key, that has one of the
// prefixes behind its interval.
func firstRow(prefixes [][]byte, key []byte) []byte {
	const head = 1 + 8
	if len(key) < head {
		key = append(slices.Clone(key), make([]byte, head-len(key))...)
	}
	next, ok := firstAtLeast(prefixes, key[head:])
	switch {
	case !ok:
		k := keyReader{b: key, at: 1}
		return append(intervalPrefix(key[0], metrics.Interval(k.number())+1), prefixes[0]...)
	case next == nil:
		return key
	}
	return append(slices.Clone(key[:head]), next...)
}
