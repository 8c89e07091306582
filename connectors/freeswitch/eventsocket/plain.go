package eventsocket

import "bytes"

// plainHeader finds the header line at pos of a plain event: where its name ends
// and where the next line starts. At the empty line after the headers colon is
// pos; in a line without a name or a colon it is -1.
func plainHeader(b []byte, pos int) (colon, next int) {
	line := b[pos:]
	next = len(b)
	if n := bytes.IndexByte(line, '\n'); n >= 0 {
		line = line[:n]
		next = pos + n + 1
	}
	colon = bytes.IndexByte(line, ':')
	if colon > 0 {
		return pos + colon, next
	}
	if len(trimCR(line)) == 0 {
		return pos, next
	}
	return -1, next
}

// plainValue finds the value between a header's colon and the next line.
func plainValue(b []byte, colon, next int) (start, end int) {
	start, end = colon+1, next
	if b[end-1] == '\n' {
		end--
	}
	if end > start && b[end-1] == '\r' {
		end--
	}
	if start < end && b[start] == ' ' {
		start++
	}
	return start, end
}

// scanPlain notes where the wanted headers are. Values stay escaped until they
// are read: of the hundred that an event carries a caller wants a few.
func (e *Event) scanPlain(f *Frame) error {
	b := f.body
	for pos := 0; pos < len(b); {
		colon, next := plainHeader(b, pos)
		if colon <= pos {
			if colon == pos {
				return e.plainBody(f, next)
			}
			return f.bodyError(pos, "event header has no name and colon", b[pos:next])
		}
		if k := keyOf(b[pos:colon]); k != 0 {
			start, end := plainValue(b, colon, next)
			if !e.add(k, start, end) {
				return f.bodyError(pos, tooManyValues, nil)
			}
		}
		pos = next
	}
	return e.plainBody(f, len(b))
}

// plainBody takes what follows the empty line. The outer length is the one that
// frames; an inner one that promises more than is there is a broken event.
func (e *Event) plainBody(f *Frame, at int) error {
	end := len(f.body)
	if v := e.Get(keyContentLength); v != nil {
		n, ok := parseLength(v)
		if !ok {
			return f.bodyError(0, "event's own Content-Length is not a number of bytes", v)
		}
		if n > end-at {
			return f.bodyError(at, "event's own Content-Length exceeds what its frame holds", v)
		}
		end = at + n
	}
	e.body = span{off: uint32(at), end: uint32(end)}
	return nil
}
