package eventsocket

import "bytes"

// maxNesting bounds the values that are skipped: FreeSWITCH nests one list.
const maxNesting = 32

type jsonKind uint8

const (
	jsonString jsonKind = iota
	jsonList
	jsonLiteral // number, true, false: its text is its value
	jsonOther   // object or null: no value
)

// jsonScanner reads an event: one object of strings and lists of strings. Other
// values are tolerated, and skipped with their grammar checked. Inside strings
// every byte but the quote and the backslash stands for itself.
type jsonScanner struct {
	b   []byte
	pos int
	bad string // what is wrong at pos, once first or next was false

	// The member that first or next found, as offsets into b: strings without
	// their quotes, lists with their brackets.
	kind                           jsonKind
	name, nameEnd, value, valueEnd int
}

// first enters the object and finds its first member.
func (s *jsonScanner) first() bool {
	if s.space(); s.peek() != '{' {
		return s.fail("JSON event is not an object")
	}
	s.pos++
	if s.space(); s.peek() == '}' {
		return s.finish()
	}
	return s.member()
}

// next finds the following member, after first or next did.
func (s *jsonScanner) next() bool {
	switch s.space(); s.peek() {
	case ',':
		s.pos++
		s.space()
		return s.member()
	case '}':
		return s.finish()
	}
	return s.fail("JSON object misses a comma or its end")
}

func (s *jsonScanner) finish() bool {
	s.pos++
	if s.space(); s.pos < len(s.b) {
		return s.fail("bytes follow the JSON object")
	}
	return false
}

func (s *jsonScanner) fail(what string) bool {
	s.bad = what
	return false
}

func (s *jsonScanner) member() bool {
	if s.usualMember() {
		return true
	}
	var ok bool
	if s.name, s.nameEnd, ok = s.memberName(); !ok {
		return false
	}
	s.value = s.pos
	switch s.peek() {
	case '"':
		s.kind = jsonString
		s.value, s.valueEnd, ok = s.string()
		return ok
	case '[':
		s.kind = jsonList
	case '{', 'n':
		s.kind = jsonOther
	default:
		s.kind = jsonLiteral
	}
	ok = s.skip(0)
	s.valueEnd = s.pos
	return ok
}

// usualMember reads "name":"value", which is all that FreeSWITCH writes but for
// a few lists, when neither string ends next to a backslash. Otherwise it is
// false and leaves everything to the general case: it is a third of the work.
func (s *jsonScanner) usualMember() bool {
	b := s.b
	name := s.pos + 1
	if name > len(b) {
		return false
	}
	nameEnd := name + bytes.IndexByte(b[name:], '"')
	value := nameEnd + 3
	if nameEnd <= name || value > len(b) || b[name-1] != '"' || b[nameEnd-1] == '\\' || b[nameEnd+1] != ':' || b[nameEnd+2] != '"' {
		return false
	}
	n := bytes.IndexByte(b[value:], '"')
	valueEnd := value + n
	if n < 0 || b[valueEnd-1] == '\\' {
		return false
	}
	s.kind, s.name, s.nameEnd, s.value, s.valueEnd = jsonString, name, nameEnd, value, valueEnd
	s.pos = valueEnd + 1
	return true
}

// memberName reads a name and its colon, and stops at the value.
func (s *jsonScanner) memberName() (start, end int, ok bool) {
	if s.peek() != '"' {
		return 0, 0, s.fail("JSON member has no name")
	}
	if start, end, ok = s.string(); !ok {
		return 0, 0, false
	}
	if s.space(); s.peek() != ':' {
		return 0, 0, s.fail("JSON name has no colon")
	}
	s.pos++
	s.space()
	return start, end, true
}

// string reads the string whose opening quote is at pos. A quote ends it unless
// an odd number of backslashes stands before it: looking back from the quotes
// visits far fewer bytes than looking for every backslash.
func (s *jsonScanner) string() (start, end int, ok bool) {
	start = s.pos + 1
	for end = start; ; end++ {
		n := bytes.IndexByte(s.b[end:], '"')
		if n < 0 {
			return 0, 0, s.fail("JSON string has no end")
		}
		end += n
		i := end
		for i > start && s.b[i-1] == '\\' {
			i--
		}
		if (end-i)%2 == 0 {
			s.pos = end + 1
			return start, end, true
		}
	}
}

// skip passes over one value of any kind.
func (s *jsonScanner) skip(depth int) bool {
	if depth > maxNesting {
		return s.fail("JSON values are nested too deeply")
	}
	switch s.peek() {
	case '"':
		_, _, ok := s.string()
		return ok
	case '[':
		return s.skipAll(depth, ']', false)
	case '{':
		return s.skipAll(depth, '}', true)
	}
	return s.literal()
}

// skipAll passes over a list, or over an object.
func (s *jsonScanner) skipAll(depth int, end byte, named bool) bool {
	s.pos++
	if s.space(); s.peek() == end {
		s.pos++
		return true
	}
	for {
		if named {
			if _, _, ok := s.memberName(); !ok {
				return false
			}
		}
		if !s.skip(depth + 1) {
			return false
		}
		s.space()
		c := s.peek()
		if c != ',' && c != end {
			return s.fail("JSON list or object misses a comma or its end")
		}
		s.pos++
		if c == end {
			return true
		}
		s.space()
	}
}

// literal passes over a number, true, false or null: by its letters, as nobody
// computes with it here.
func (s *jsonScanner) literal() bool {
	start := s.pos
	for s.pos < len(s.b) {
		c := s.b[s.pos]
		if c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' {
			s.pos++
			continue
		}
		break
	}
	if s.pos == start {
		return s.fail("JSON value is missing")
	}
	return true
}

// space passes over white space; FreeSWITCH writes none.
func (s *jsonScanner) space() {
	for s.pos < len(s.b) && s.b[s.pos] <= ' ' {
		switch s.b[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// peek is the byte at pos, or 0 at the end.
func (s *jsonScanner) peek() byte {
	if s.pos < len(s.b) {
		return s.b[s.pos]
	}
	return 0
}

// eachString calls yield with the strings and literals of a list.
func eachString(b []byte, list, end int, yield func(off, end int) bool) {
	s := jsonScanner{b: b[:end], pos: list + 1}
	for s.space(); s.peek() != ']'; s.space() {
		var from, to int
		switch s.peek() {
		case ',':
			s.pos++
			continue
		case '"':
			from, to, _ = s.string()
		case '[', '{', 'n':
			s.skip(0)
			continue
		default:
			from = s.pos
			s.skip(0)
			to = s.pos
		}
		if s.bad != "" || !yield(from, to) {
			return
		}
	}
}

// scanJSON notes where the wanted members are; each string of a list is an
// occurrence of its own.
func (e *Event) scanJSON(f *Frame) error {
	s := jsonScanner{b: f.body}
	for ok := s.first(); ok; ok = s.next() {
		k := keyOf(s.b[s.name:s.nameEnd])
		switch {
		case k != 0 && s.kind == jsonList:
			fits := true
			eachString(s.b, s.value, s.valueEnd, func(off, end int) bool {
				fits = e.add(k, off, end)
				return fits
			})
			if !fits {
				return f.bodyError(s.value, tooManyValues, nil)
			}
		case k != 0 && s.kind != jsonOther:
			if !e.add(k, s.value, s.valueEnd) {
				return f.bodyError(s.value, tooManyValues, nil)
			}
		}
	}
	if s.bad != "" {
		return f.bodyError(s.pos, s.bad, s.b[min(s.pos, len(s.b)):])
	}
	if i := e.first[keyBody]; i != 0 {
		e.body = e.values[i-1].span
	}
	return nil
}
