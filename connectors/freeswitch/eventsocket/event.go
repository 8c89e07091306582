package eventsocket

import (
	"bytes"
	"iter"
	"math"
)

// Event is one decoded event. It is reused: Decode overwrites it, and what its
// methods return is valid until then and until the Reader's following Next. It
// is not safe for concurrent use, not even for reading.
//
// A header may occur several times (a re-sent event carries its first sender's
// Event-Name too) and its value may be a list: plain "ARRAY::a|:b", a JSON list.
// Both count as several values; Get returns the first, as FreeSWITCH's own
// lookup does.
type Event struct {
	// BadEscapes counts the malformed escapes in the values that were read;
	// they are kept as they stand.
	BadEscapes int

	// The frame's, so that a caller who keeps the event too long reads nonsense at
	// worst.
	text   []byte
	isJSON bool

	first  [numScanned]uint16 // index of the key's first value plus one, or zero
	values []value
	body   span
	arena  []byte // unescaped values
}

// span is a stretch of the frame's body, or of the arena once it is unescaped.
type span struct {
	off, end uint32
	state    spanState
}

type spanState uint8

const (
	raw   spanState = iota // not read yet: may hold escapes
	clean                  // holds none
	inArena
)

// value is one value of a wanted header. Those of one key form a chain, by
// index plus one; its first value knows the last, where repetitions are added.
type value struct {
	span
	next, last uint16
}

const (
	maxValues     = math.MaxUint16
	tooManyValues = "event has more than 65535 values of wanted headers"
)

func (e *Event) reset(text []byte, k Kind) {
	e.BadEscapes = 0
	e.text, e.isJSON = text, k == JSONEvent
	e.values = e.values[:0]
	e.arena = e.arena[:0]
	e.body = span{}
	clear(e.first[:])
}

// add notes a value of key k (plus one). It is false when the event has more
// values than any real one.
func (e *Event) add(k uint8, off, end int) bool {
	if len(e.values) == maxValues {
		return false
	}
	e.values = append(e.values, value{span: span{off: uint32(off), end: uint32(end)}})
	at := uint16(len(e.values))
	if e.first[k-1] == 0 {
		e.first[k-1] = at
		e.values[at-1].last = at
		return true
	}
	head := &e.values[e.first[k-1]-1]
	e.values[head.last-1].next = at
	head.last = at
	return true
}

// read returns the text of s, unescaping it the first time.
func (e *Event) read(s *span) []byte {
	if s.state == inArena {
		return e.arena[s.off:s.end:s.end]
	}
	v := e.text[s.off:s.end:s.end]
	if s.state == clean {
		return v
	}
	if bytes.IndexByte(v, e.escape()) < 0 {
		s.state = clean
		return v
	}
	off := len(e.arena)
	var bad int
	e.arena, bad = e.unescape(e.arena, v)
	e.BadEscapes += bad
	s.off, s.end, s.state = uint32(off), uint32(len(e.arena)), inArena
	return e.arena[off:len(e.arena):len(e.arena)]
}

func (e *Event) escape() byte {
	if e.isJSON {
		return '\\'
	}
	return '%'
}

func (e *Event) unescape(dst, s []byte) ([]byte, int) {
	if e.isJSON {
		return unescapeJSON(dst, s)
	}
	return unescapePercent(dst, s)
}

// Get returns the first value of a wanted header, or nil if the event has none.
// An empty value is not nil.
func (e *Event) Get(k Key) []byte {
	i := e.first[k]
	if i == 0 {
		return nil
	}
	v := e.read(&e.values[i-1].span)
	if !e.isJSON {
		v, _ = cutArray(v)
	}
	return v
}

// Values yields every value of a wanted header, in the event's order.
func (e *Event) Values(k Key) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for i := e.first[k]; i != 0; i = e.values[i-1].next {
			v := e.read(&e.values[i-1].span)
			if e.isJSON {
				if !yield(v) {
					return
				}
			} else if !splitArray(v, yield) {
				return
			}
		}
	}
}

// Int returns the first value of a wanted header as a decimal number.
func (e *Event) Int(k Key) (int64, bool) { return parseInt(e.Get(k)) }

// Micros is the event's own time, Event-Date-Timestamp: microseconds since
// 1970. It may step back from one event to the next.
func (e *Event) Micros() (int64, bool) { return e.Int(KeyEventDateTimestamp) }

// Body is the event's body, or nil.
func (e *Event) Body() []byte {
	if e.body.off == e.body.end {
		return nil
	}
	if !e.isJSON {
		e.body.state = clean // bodies of plain events are never escaped
	}
	return e.read(&e.body)
}

// Lookup returns the first value of any header by scanning the event anew: for
// the rare ones that have no Key. As everywhere in events, case matters.
func (e *Event) Lookup(name string) ([]byte, bool) {
	for n, v := range e.All() {
		if string(n) == name {
			return v, true
		}
	}
	return nil, false
}

// All yields the name and the value of every header, in the event's order and
// unescaped; the items of a list come one by one. It scans the event anew and
// leaves BadEscapes alone.
func (e *Event) All() iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		if e.text == nil {
			return
		}
		if e.isJSON {
			e.allJSON(yield)
		} else {
			e.allPlain(yield)
		}
	}
}

func (e *Event) allPlain(yield func(name, value []byte) bool) {
	b := e.text
	for pos := 0; pos < len(b); {
		colon, next := plainHeader(b, pos)
		if colon <= pos {
			return
		}
		start, end := plainValue(b, colon, next)
		name := b[pos:colon:colon]
		if !splitArray(e.transient(b[start:end]), func(item []byte) bool { return yield(name, item) }) {
			return
		}
		pos = next
	}
}

func (e *Event) allJSON(yield func(name, value []byte) bool) {
	s := jsonScanner{b: e.text}
	for ok := s.first(); ok; ok = s.next() {
		name := e.transient(s.b[s.name:s.nameEnd])
		switch {
		case string(name) == "_body" || s.kind == jsonOther:
		case s.kind == jsonList:
			more := true
			eachString(s.b, s.value, s.valueEnd, func(off, end int) bool {
				more = yield(name, e.transient(s.b[off:end]))
				return more
			})
			if !more {
				return
			}
		default:
			if !yield(name, e.transient(s.b[s.value:s.valueEnd])) {
				return
			}
		}
	}
}

// transient unescapes without keeping count.
func (e *Event) transient(v []byte) []byte {
	if bytes.IndexByte(v, e.escape()) < 0 {
		return v
	}
	off := len(e.arena)
	e.arena, _ = e.unescape(e.arena, v)
	return e.arena[off:len(e.arena):len(e.arena)]
}

const arrayPrefix = "ARRAY::"

// cutArray returns the first item of a plain list and the rest after its "|:".
// What does not start with ARRAY:: is its own only item.
func cutArray(v []byte) (item, rest []byte) {
	if !bytes.HasPrefix(v, []byte(arrayPrefix)) {
		return v, nil
	}
	v = v[len(arrayPrefix):]
	if i := bytes.Index(v, []byte("|:")); i >= 0 {
		return v[:i], v[i+2:]
	}
	return v, nil
}

// splitArray yields the items of a plain value; it is false if yield was.
func splitArray(v []byte, yield func([]byte) bool) bool {
	item, rest := cutArray(v)
	for rest != nil && yield(item) {
		item = rest
		if i := bytes.Index(rest, []byte("|:")); i >= 0 {
			item, rest = rest[:i], rest[i+2:]
		} else {
			rest = nil
		}
	}
	return rest == nil && yield(item)
}

// parseInt reads an optional minus and digits, up to what int64 holds.
func parseInt(b []byte) (int64, bool) {
	neg := len(b) > 0 && b[0] == '-'
	if neg {
		b = b[1:]
	}
	if len(b) == 0 {
		return 0, false
	}
	var n int64
	for _, c := range b {
		d := int64(c - '0')
		if c < '0' || c > '9' || n > (math.MaxInt64-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	if neg {
		n = -n
	}
	return n, true
}
