package arievent

import (
	"unicode/utf16"
	"unicode/utf8"
)

// scanner walks over one JSON text. Every method that is false has found a
// fault at i; it reads nothing beyond b.
type scanner struct {
	b     []byte
	i     int
	depth int
	e     *Event
	stop  bool // the rest is not wanted
}

const maxDepth = 32

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\r', '\n':
			s.i++
		default:
			return
		}
	}
}

// peek is the byte that the next value begins with; 0 at the end.
func (s *scanner) peek() byte {
	s.space()
	if s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

func (s *scanner) take(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.i++
	return true
}

// object calls f with each key, for f to read the value.
func (s *scanner) object(f func(key []byte) bool) bool {
	if !s.take('{') || s.depth == maxDepth {
		return false
	}
	s.depth++
	if s.take('}') {
		s.depth--
		return true
	}
	for {
		if s.peek() != '"' {
			return false
		}
		key, _, ok := s.raw()
		if !ok || !s.take(':') || !f(key) {
			return false
		}
		if s.stop {
			return true
		}
		switch s.peek() {
		case ',':
			s.i++
		case '}':
			s.i++
			s.depth--
			return true
		default:
			return false
		}
	}
}

// array calls f for each element, to read it.
func (s *scanner) array(f func() bool) bool {
	if !s.take('[') || s.depth == maxDepth {
		return false
	}
	s.depth++
	if s.take(']') {
		s.depth--
		return true
	}
	for {
		if !f() {
			return false
		}
		switch s.peek() {
		case ',':
			s.i++
		case ']':
			s.i++
			s.depth--
			return true
		default:
			return false
		}
	}
}

// raw reads a string as it is written, and tells whether it has escapes.
func (s *scanner) raw() (text []byte, escaped, ok bool) {
	b := s.b
	i := s.i + 1
	start := i
	for i < len(b) {
		switch c := b[i]; {
		case c == '"':
			s.i = i + 1
			return b[start:i], escaped, true
		case c == '\\':
			escaped = true
			i += 2
		case c < 0x20:
			s.i = i
			return nil, false, false
		default:
			i++
		}
	}
	s.i = len(b)
	return nil, false, false
}

// text reads a string and undoes its escapes.
func (s *scanner) text() ([]byte, bool) {
	if s.peek() != '"' {
		return nil, false
	}
	at := s.i
	raw, escaped, ok := s.raw()
	if !ok || !escaped {
		return raw, ok
	}
	out, ok := s.unescape(raw)
	if !ok {
		s.i = at
	}
	return out, ok
}

// into reads a string, or passes over another value.
func (s *scanner) into(to *[]byte) bool {
	if s.peek() != '"' {
		return s.skip()
	}
	t, ok := s.text()
	*to = t
	return ok
}

// unescape appends to the event's scratch space, which grows to what the
// longest event needs and is used again.
func (s *scanner) unescape(raw []byte) ([]byte, bool) {
	out := s.e.scratch
	from := len(out)
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			out = append(out, raw[i])
			i++
			continue
		}
		if i+1 >= len(raw) {
			return nil, false
		}
		c := raw[i+1]
		i += 2
		switch c {
		case '"', '\\', '/':
			out = append(out, c)
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, ok := hex4(raw[i:])
			if !ok {
				return nil, false
			}
			i += 4
			if utf16.IsSurrogate(r) {
				if i+1 < len(raw) && raw[i] == '\\' && raw[i+1] == 'u' {
					if low, ok := hex4(raw[i+2:]); ok {
						if full := utf16.DecodeRune(r, low); full != utf8.RuneError {
							r = full
							i += 6
						}
					}
				}
				if utf16.IsSurrogate(r) {
					r = utf8.RuneError
				}
			}
			out = utf8.AppendRune(out, r)
		default:
			return nil, false
		}
	}
	s.e.scratch = out
	return out[from:len(out):len(out)], true
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// literal reads a number, true, false or null as it is written.
func (s *scanner) literal() ([]byte, bool) {
	s.space()
	from := s.i
	for s.i < len(s.b) {
		switch c := s.b[s.i]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '-', c == '+', c == '.':
			s.i++
		default:
			return s.b[from:s.i], s.i > from && valid(s.b[from:s.i])
		}
	}
	return s.b[from:s.i], s.i > from && valid(s.b[from:s.i])
}

func valid(b []byte) bool {
	switch string(b) {
	case "true", "false", "null":
		return true
	}
	i := 0
	digits := func() bool {
		from := i
		for i < len(b) && b[i] >= '0' && b[i] <= '9' {
			i++
		}
		return i > from
	}
	if i < len(b) && b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if !digits() {
		return false
	}
	if i < len(b) && b[i] == '.' {
		i++
		if !digits() {
			return false
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '-' || b[i] == '+') {
			i++
		}
		if !digits() {
			return false
		}
	}
	return i == len(b)
}

// int reads a whole number; another value leaves 0.
func (s *scanner) int(to *int32) bool {
	c := s.peek()
	if c != '-' && (c < '0' || c > '9') {
		return s.skip()
	}
	b, ok := s.literal()
	if !ok {
		return false
	}
	v, digits := int32(0), b
	if c == '-' {
		digits = b[1:]
	}
	for _, c := range digits {
		if c < '0' || c > '9' || len(digits) > 9 {
			return true // a fraction, or too large for anything that is counted
		}
		v = v*10 + int32(c-'0')
	}
	if c == '-' {
		v = -v
	}
	*to = v
	return true
}

func (s *scanner) flag(to *bool) bool {
	if s.peek() != 't' {
		return s.skip()
	}
	b, ok := s.literal()
	*to = ok && string(b) == "true"
	return ok
}

// skip passes over one value.
func (s *scanner) skip() bool {
	switch s.peek() {
	case '"':
		_, _, ok := s.raw()
		return ok
	case '{':
		return s.object(func([]byte) bool { return s.skip() })
	case '[':
		return s.array(s.skip)
	}
	_, ok := s.literal()
	return ok
}
