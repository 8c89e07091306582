// Package ami reads an Asterisk's manager interface: blocks of "Key: value"
// lines that end in a blank line. It is lenient about what Asterisk really
// sends (blank lines too many, keys without a value, values with colons) and
// bounded against what it should not (lines and blocks without end). It knows
// the wire and nothing of what the events mean.
package ami

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
	"strconv"
)

// What a block may be. The longest that were seen have some 60 lines of at most
// 4 kB; what is longer is cut and counted.
const (
	MaxLine   = 32 << 10 // bytes, of one line
	MaxBlock  = 256 << 10
	MaxFields = 1024
)

// ErrTruncated: the stream ended within a block.
var ErrTruncated = errors.New("the stream ends within a message")

// Message is one block: an event, or the response to an action. What it
// returns is valid until the next one is read.
type Message struct {
	// Banner is the greeting line, which comes before the first block.
	Banner []byte
	// Received is when a recorder received the block ("#rx" lines), in
	// milliseconds since 1970; 0 in a live stream.
	Received int64
	// Offset is where in the stream the block begins, in bytes.
	Offset int64
	// Cut tells that something in it was longer than allowed and is left out.
	Cut bool

	fields []field
	buf    []byte
}

// field is a place in the buffer, which may move while the block is read.
type field struct{ key, colon, end int }

// Get is the first value of a key, nil where there is none. AMI's keys are not
// repeated in the events that matter here.
func (m *Message) Get(key string) []byte {
	for _, f := range m.fields {
		if string(m.buf[f.key:f.colon]) == key {
			return m.value(f)
		}
	}
	return nil
}

func (m *Message) value(f field) []byte {
	from := min(f.colon+1, f.end)
	if from < f.end && m.buf[from] == ' ' {
		from++
	}
	return m.buf[from:f.end]
}

// Has tells whether the block has a key, be its value empty.
func (m *Message) Has(key string) bool {
	for _, f := range m.fields {
		if string(m.buf[f.key:f.colon]) == key {
			return true
		}
	}
	return false
}

// Int reads a value as a whole number; ok is false where it is none.
func (m *Message) Int(key string) (v int64, ok bool) {
	v, err := strconv.ParseInt(string(m.Get(key)), 10, 64)
	return v, err == nil
}

// Event is the event's name, nil for a response.
func (m *Message) Event() []byte { return m.Get("Event") }

// Millis is when the event happened: the Timestamp that timestampevents=yes
// adds, in seconds with a fraction; 0 where there is none.
func (m *Message) Millis() int64 { return epochMillis(m.Get("Timestamp")) }

// Restamp gives the message another moment, in milliseconds since 1970.
func (m *Message) Restamp(ms int64) {
	m.Received = ms
	m.fields = slices.DeleteFunc(m.fields, func(f field) bool { return string(m.buf[f.key:f.colon]) == "Timestamp" })
}

// epochMillis reads seconds since 1970 with up to six decimals.
func epochMillis(b []byte) int64 {
	whole, frac, _ := bytes.Cut(b, []byte{'.'})
	var ms int64
	for _, c := range whole {
		if c < '0' || c > '9' || ms > 1e12 {
			return 0
		}
		ms = ms*10 + int64(c-'0')
	}
	ms *= 1000
	scale := int64(100)
	for _, c := range frac {
		if c < '0' || c > '9' {
			return 0
		}
		ms += int64(c-'0') * scale
		scale /= 10
	}
	return ms
}

// Reader reads blocks.
type Reader struct {
	in     *bufio.Reader
	m      Message
	offset int64
}

// NewReader returns a reader of a connection, or of a recording of one.
func NewReader(r io.Reader) *Reader { return &Reader{in: bufio.NewReaderSize(r, 16<<10)} }

// Offset is how many bytes were read so far.
func (r *Reader) Offset() int64 { return r.offset }

// Next reads one block. io.EOF comes only between blocks, ErrTruncated where the
// stream ends within one, which is lost.
func (r *Reader) Next() (*Message, error) {
	m := &r.m
	*m = Message{fields: m.fields[:0], buf: m.buf[:0]}
	begun := false
	for {
		at := r.offset
		from := len(m.buf)
		blank, err := r.line()
		line := m.buf[from:]
		switch {
		case err == io.EOF && !begun && blank:
			return nil, io.EOF
		case err == io.EOF:
			return nil, ErrTruncated
		case err != nil:
			return nil, err
		case blank && len(m.fields) > 0:
			return m, nil
		case len(line) == 0: // a blank line too many, or no room for this one
			continue
		}
		if !begun {
			begun, m.Offset = true, at
		}
		r.keep(line, from)
	}
}

// line appends the next line to the block's buffer, without its end, and tells
// whether it is blank. What goes beyond the bounds is read and dropped.
func (r *Reader) line() (blank bool, err error) {
	m := &r.m
	from := len(m.buf)
	blank = true
	for {
		part, err := r.in.ReadSlice('\n')
		r.offset += int64(len(part))
		blank = blank && len(bytes.TrimRight(part, "\r\n")) == 0
		if room := min(MaxLine-(len(m.buf)-from), MaxBlock-len(m.buf)); len(part) > room {
			m.Cut = true
			m.buf = append(m.buf, part[:max(room, 0)]...)
		} else {
			m.buf = append(m.buf, part...)
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		m.buf = m.buf[:from+len(bytes.TrimRight(m.buf[from:], "\r\n"))]
		return blank, err
	}
}

// keep notes where a line's key and value are.
func (r *Reader) keep(line []byte, from int) {
	m := &r.m
	if rest, ok := bytes.CutPrefix(line, []byte("#rx ")); ok {
		m.Received = epochMillis(rest)
		return
	}
	if bytes.HasPrefix(line, []byte("Asterisk Call Manager/")) {
		m.Banner = bytes.Clone(line)
		return
	}
	colon := bytes.IndexByte(line, ':')
	if colon < 0 {
		return // output of a command, or rubbish
	}
	if len(m.fields) == MaxFields {
		m.Cut = true
		return
	}
	m.fields = append(m.fields, field{from, from + colon, len(m.buf)})
}

// Greeting reads the line that Asterisk begins a connection with, and nothing
// after it, for whoever must speak first.
func (r *Reader) Greeting() ([]byte, error) {
	r.m = Message{}
	_, err := r.line()
	return r.m.buf, err
}

// CopyTo copies a message, which else is valid until the next one is read, into
// one whose space is used again.
func (m *Message) CopyTo(to *Message) {
	*to = Message{Received: m.Received, Offset: m.Offset, Cut: m.Cut,
		fields: append(to.fields[:0], m.fields...), buf: append(to.buf[:0], m.buf...)}
}
