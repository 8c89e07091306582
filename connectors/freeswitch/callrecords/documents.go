package callrecords

import (
	"bufio"
	"bytes"
	"errors"
)

// documents splits a stream of JSON documents that stand one after another, with
// line breaks between or none. One that is broken ends where the next begins.
type documents struct {
	in      *bufio.Reader
	line    int    // of what is read next
	buf     []byte // read ahead, as part of a document that turned out to be broken
	garbage []byte // what stood where a document should have begun
	eof     error
}

var (
	errGarbage = errors.New("no document")
	errTooLong = errors.New("a document without end")
)

// begins is how mod_json_cdr begins each document.
var begins = []byte(`{"core-uuid"`)

// byteAt gives the n-th byte of what has not been handed out.
func (d *documents) byteAt(n int) (byte, error) {
	for n >= len(d.buf) {
		if d.eof != nil {
			return 0, d.eof
		}
		b, err := d.in.ReadByte()
		if err != nil {
			d.eof = err
			return 0, err
		}
		d.buf = append(d.buf, b)
	}
	return d.buf[n], nil
}

// drop hands out the first n bytes.
func (d *documents) drop(n int) []byte {
	out := d.buf[:n:n]
	d.line += bytes.Count(out, []byte("\n"))
	d.buf = d.buf[n:]
	if len(d.buf) == 0 {
		d.buf = nil
	}
	return out
}

// next gives the next document and the line in which it begins. io.EOF is the
// end, also together with a document that is cut off by it.
func (d *documents) next() (doc []byte, line int, err error) {
	n := 0
	for {
		b, err := d.byteAt(n)
		if err != nil {
			d.drop(n)
			return nil, d.line, err
		}
		if b != ' ' && b != '\n' && b != '\r' && b != '\t' && b != 0 {
			break
		}
		if n++; n == 4096 {
			d.drop(n)
			n = 0
		}
	}
	d.drop(n)
	line = d.line
	if d.buf[0] != '{' {
		return nil, line, d.skip()
	}
	depth, quoted, escaped := 0, false, false
	for n := 0; ; n++ {
		b, err := d.byteAt(n)
		switch {
		case err != nil:
			return d.broken(line, err)
		case n == maxDocument:
			_, _, err := d.broken(line, errTooLong)
			return nil, line, err
		case n > 0 && b == begins[len(begins)-1] && bytes.HasSuffix(d.buf[:n+1], begins) && n >= len(begins):
			// The document before it was never finished.
			return d.drop(n + 1 - len(begins)), line, nil
		case escaped:
			escaped = false
		case quoted:
			escaped, quoted = b == '\\', b != '"'
		case b == '"':
			quoted = true
		case b == '{':
			depth++
		case b == '}':
			if depth--; depth == 0 {
				return d.drop(n + 1), line, nil
			}
		}
	}
}

// broken hands out a document that does not end.
func (d *documents) broken(line int, err error) ([]byte, int, error) {
	return d.drop(len(d.buf)), line, err
}

// skip leaves out what is no document, to the next that is or the end of its
// line.
func (d *documents) skip() error {
	for n := 0; ; n++ {
		b, err := d.byteAt(n)
		if err != nil || b == '{' || b == '\n' || n == 64<<10 {
			d.garbage = bytes.Clone(d.drop(n))
			return errGarbage
		}
	}
}
