package storage

import (
	"bytes"
	"encoding/binary"
	"hash/fnv"
	"math"

	"github.com/dgraph-io/badger/v4"

	"tallyd/metrics"
)

// Where the records of the keys lie on the disk.
//
// Badger keeps its tables sorted, and what it rewrites with a table is all that
// lies between the table's first and last key. If each kind of record that leads
// with a moment had a place of its own, a table with the newest of one kind and the
// first of the next would lie across the former's whole history: to store an hour
// would rewrite years. So what leads with a moment lies in one list by time, before
// everything else; and where a switch may count its ids up, a hash leads:
//
//	A interval key        c r s t x: the interval in which the moment is
//	I hash key            i without its first byte; hash of switch and visit
//	L hash key            l without its first byte; hash of switch and leg
//
// Interval is eight bytes as in the keys, hash is FNV-1a of 32 bits. The other keys
// lie as they are. All of a kind's keys but those with a hash so lie in the order of
// the keys, though not side by side: type records reads them as if they did.
const (
	byTime     = 'A'
	visitsHash = 'I'
	legsHash   = 'L'

	timeHead = 1 + 8 // what stands before a key in the list by time
	hashHead = 1 + 4
)

// timeKinds are the kinds in the list by time, in their order there.
var timeKinds = []byte{contactKey, rollupKey, sealKey, spansKey, factKey}

func ofTime(kind byte) bool { return bytes.IndexByte(timeKinds, kind) >= 0 }

// inMillis tells whether the moment that a kind in the list by time leads with is in
// milliseconds, and not an interval.
func inMillis(kind byte) bool { return kind == contactKey || kind == factKey }

// hashedKinds are the kinds that a hash leads, with their letters on the disk.
var hashedKinds = map[byte]byte{identityKey: visitsHash, byLegKey: legsHash}

// diskKey is where the record of a key lies, or the first of what begins so: at
// least its kind is told.
func diskKey(key []byte) []byte {
	if ofTime(key[0]) {
		b := make([]byte, 0, timeHead+len(key))
		return append(appendNumber(append(b, byTime), int64(intervalOf(key))), key...)
	}
	letter, hashed := hashedKinds[key[0]]
	if !hashed {
		return key
	}
	k := keyReader{b: key, at: 1}
	k.skipText()
	k.skipText()
	if k.bad {
		return []byte{letter}
	}
	h := fnv.New32a()
	h.Write(key[1:k.at])
	b := make([]byte, 0, hashHead+len(key))
	return append(h.Sum(append(b, letter)), key[1:]...)
}

// intervalOf is the interval at which a key lies in the list by time. What is
// missing of the moment counts as its least.
func intervalOf(key []byte) metrics.Interval {
	var moment [8]byte
	copy(moment[:], key[1:])
	n := numberOf(moment[:])
	if inMillis(key[0]) {
		return metrics.IntervalOf(metrics.Millis(n))
	}
	return metrics.Interval(n)
}

// diskPrefix is what the places of all keys with a prefix begin with.
func diskPrefix(prefix []byte) []byte {
	if !ofTime(prefix[0]) || len(prefix) >= timeHead {
		return diskKey(prefix)
	}
	if inMillis(prefix[0]) {
		return []byte{byTime}
	}
	return append([]byte{byTime}, prefix[1:]...)
}

// keyAt is the key whose record lies at a place.
func keyAt(disk []byte) []byte {
	switch {
	case disk[0] == byTime && len(disk) > timeHead:
		return disk[timeHead:]
	case disk[0] == visitsHash && len(disk) > hashHead:
		return append([]byte{identityKey}, disk[hashHead:]...)
	case disk[0] == legsHash && len(disk) > hashHead:
		return append([]byte{byLegKey}, disk[hashHead:]...)
	}
	return disk
}

// record is what is stored of a key.
type record struct {
	item *badger.Item
	key  []byte
}

// get reads a record; the error is badger.ErrKeyNotFound where there is none.
func get(txn *badger.Txn, key []byte) (*record, error) {
	item, err := txn.Get(diskKey(key))
	if err != nil {
		return nil, err
	}
	return &record{item, key}, nil
}

// Key is valid until the reading goes on.
func (r *record) Key() []byte                        { return r.key }
func (r *record) KeyCopy() []byte                    { return bytes.Clone(r.key) }
func (r *record) Value(f func([]byte) error) error   { return r.item.Value(f) }
func (r *record) ValueCopy() (value []byte, _ error) { return r.item.ValueCopy(nil) }

// records reads the records of one kind whose keys have a prefix, in the order of
// the keys: of kinds that a hash leads only where the prefix tells what it is of.
// It must be closed.
type records struct {
	it     *badger.Iterator
	prefix []byte
	at     record
	valid  bool
	place  []byte // used anew
	end    []byte // places from here on are not looked at; nil for all
}

func iterate(txn *badger.Txn, prefix []byte) *records {
	it := txn.NewIterator(badger.IteratorOptions{Prefix: diskPrefix(prefix)})
	return &records{it: it, prefix: bytes.Clone(prefix)}
}

// until has the reading end before a moment, or an interval, of a kind that leads with
// one. Without that it looks for the next record of its kind to the end of the store.
func (r *records) until(to int64) {
	if kind := r.prefix[0]; ofTime(kind) && to < math.MaxInt64 {
		r.end = diskKey(appendNumber([]byte{kind}, to))
	}
}

func (r *records) Close()        { r.it.Close() }
func (r *records) Valid() bool   { return r.valid }
func (r *records) Item() *record { return &r.at }

// ValidForPrefix tells whether there is a record, and its key has a prefix.
func (r *records) ValidForPrefix(prefix []byte) bool {
	return r.valid && bytes.HasPrefix(r.at.key, prefix)
}

// Seek goes to the first record at or behind a key.
func (r *records) Seek(key []byte) {
	r.it.Seek(diskKey(key))
	r.settle()
}

func (r *records) Next() {
	r.it.Next()
	r.settle()
}

// settle goes over what is of other kinds.
func (r *records) settle() {
	kind := r.prefix[0]
	timed := ofTime(kind)
	for r.valid = false; r.it.Valid(); {
		disk := r.it.Item().Key()
		if r.end != nil && bytes.Compare(disk, r.end) >= 0 {
			return
		}
		if timed && disk[timeHead] != kind {
			if r.place = append(r.place[:0], disk[:timeHead]...); disk[timeHead] > kind && !next(r.place[1:]) {
				return
			}
			r.place = append(r.place, kind)
			r.it.Seek(r.place)
			continue
		}
		r.at = record{r.it.Item(), keyAt(disk)}
		r.valid = bytes.HasPrefix(r.at.key, r.prefix)
		return
	}
}

// next counts a number of eight bytes up, and tells whether there is one.
func next(b []byte) bool {
	n := binary.BigEndian.Uint64(b) + 1
	binary.BigEndian.PutUint64(b, n)
	return n != 0
}
