package storage

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"tallyd/metrics"
)

// Besides the rollups the store keeps what they can be counted from again: the
// contacts, the visits that were not over at the last seal, and the spans of
// states.

// Spans is what one PutSealed told of states, or a part of it.
type Spans struct {
	Interval metrics.Interval
	Switch   string
	Revision uint32
	Spans    []metrics.NamedSpan
}

// spansInPart is how many spans are some 3 kB.
const spansInPart = 100

func spansRecord(i metrics.Interval, sw string, revision uint32) []byte {
	return binary.BigEndian.AppendUint32(appendText(intervalPrefix(spansKey, i), sw), revision)
}

func openRecord(sw string) []byte   { return appendText([]byte{openKey}, sw) }
func handedRecord(sw string) []byte { return appendText([]byte{handedKey}, sw) }

// evidenceChanges lists what storing the evidence of an interval changes.
func evidenceChanges(list []change, sealed *metrics.Sealed, revision uint32) ([]change, error) {
	// A part needs not be full; two bytes number them, so that of very many spans
	// it has more.
	each := max(spansInPart, (len(sealed.Spans)+math.MaxUint16)/(math.MaxUint16+1))
	part := 0
	for spans := range slices.Chunk(sealed.Spans, each) {
		key := appendPart(spansRecord(sealed.Interval, sealed.Switch, revision), part)
		list = append(list, change{key, metrics.AppendSpans(nil, sealed.Interval, spans)})
		part++
	}
	if sealed.Standing != nil {
		list = append(list, change{spansRecord(sealed.Interval, sealed.Switch, revision), sealed.Standing})
	}
	if sealed.Number != 0 {
		list = append(list, change{handedRecord(sealed.Switch), binary.AppendUvarint(nil, sealed.Number)})
	}
	if sealed.Correction || sealed.Number == 0 {
		return list, nil
	}
	open, err := appendOpen(sealed.Open)
	return append(list, change{openRecord(sealed.Switch), open}), err
}

func appendOpen(list []metrics.Contact) ([]byte, error) {
	out := binary.AppendUvarint(nil, uint64(len(list)))
	for i := range list {
		b, err := list[i].AppendBinary(nil)
		if err != nil {
			return nil, err
		}
		out = append(binary.AppendUvarint(out, uint64(len(b))), b...)
	}
	return out, nil
}

func parseOpen(item *record) (out []metrics.Contact, err error) {
	err = item.Value(func(b []byte) error {
		n, read := binary.Uvarint(b)
		for b = b[max(read, 0):]; n > 0; n-- {
			size, read := binary.Uvarint(b)
			if read <= 0 || size > uint64(len(b)-read) {
				return fmt.Errorf("open visits %q: %w", item.Key(), metrics.ErrFormat)
			}
			var c metrics.Contact
			if err := c.UnmarshalBinary(bytes.Clone(b[read : read+int(size)])); err != nil {
				return fmt.Errorf("open visits %q: %w", item.Key(), err)
			}
			out = append(out, c)
			b = b[read+int(size):]
		}
		return nil
	})
	return out, err
}

// Handed is the number of the latest Sealed of a switch that is stored, 0 for
// none: those up to it need not be put again.
func (s *Store) Handed(sw string) (n uint64, err error) {
	err = s.db.View(func(txn *badger.Txn) error {
		n, err = readHanded(txn, sw)
		return err
	})
	return n, err
}

func readHanded(txn *badger.Txn, sw string) (n uint64, err error) {
	item, err := get(txn, handedRecord(sw))
	if errors.Is(err, badger.ErrKeyNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	err = item.Value(func(b []byte) error {
		v, read := binary.Uvarint(b)
		if read != len(b) {
			return fmt.Errorf("the number of what %q handed over is damaged", sw)
		}
		n = v
		return nil
	})
	return n, err
}

// Standing is what was stored of how agents of several switches stood after an
// interval; nil where nothing was.
func (v *Snapshot) Standing(i metrics.Interval) (b []byte, err error) {
	err = scan(v.txn, appendText(intervalPrefix(spansKey, i), metrics.AllSwitches), func(item *record) error {
		b, err = item.ValueCopy()
		return err
	})
	return b, err
}

// Spans reads what was told of states in the intervals from (inclusive) to
// (exclusive), in the order of interval, switch and revision.
func (v *Snapshot) Spans(ctx context.Context, from, to metrics.Interval) iter.Seq2[Spans, error] {
	return func(yield func(Spans, error) bool) {
		from = max(from, metrics.IntervalOf(v.contactsFrom))
		if from >= to {
			return
		}
		it := iterate(v.txn, spanPrefix(spansKey, from, to))
		defer it.Close()
		it.until(int64(to))
		for it.Seek(intervalPrefix(spansKey, from)); it.Valid(); it.Next() {
			s, err := parseSpans(it.Item())
			if err == nil {
				err = ctx.Err()
			}
			if err == nil && s.Switch == metrics.AllSwitches && s.Interval < to {
				continue // it is a standing
			}
			if err != nil {
				yield(Spans{}, err)
				return
			}
			if s.Interval >= to || !yield(s, nil) {
				return
			}
		}
	}
}

func parseSpans(item *record) (s Spans, err error) {
	k := keyReader{b: item.Key(), at: 1}
	s = Spans{Interval: metrics.Interval(k.number()), Switch: k.text(), Revision: k.revision()}
	k.part()
	if err := k.done(); err != nil {
		return s, err
	}
	if s.Switch == metrics.AllSwitches {
		return s, nil
	}
	err = item.Value(func(b []byte) error {
		if s.Spans, err = metrics.ParseSpans(b, s.Interval); err != nil {
			return fmt.Errorf("spans of %q, interval %s: %w", s.Switch, s.Interval.Start().Time().Format("2006-01-02T15:04Z"), err)
		}
		return nil
	})
	return s, err
}

// Open lists the visits that were not over when each switch was sealed last.
func (v *Snapshot) Open(ctx context.Context) ([]metrics.Contact, error) {
	var out []metrics.Contact
	err := scan(v.txn, []byte{openKey}, func(item *record) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		list, err := parseOpen(item)
		out = append(out, list...)
		return err
	})
	return out, err
}
