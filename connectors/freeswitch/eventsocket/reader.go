package eventsocket

import (
	"bytes"
	"fmt"
	"io"
)

const (
	firstBuffer = 64 << 10 // holds a dozen events: one read system call for all of them
	keptBuffer  = 1 << 20  // a larger buffer is given back after the frame that needed it
	emptyReads  = 100      // io.Reader allows (0, nil); forever it must not be
)

// Reader cuts the byte stream of an event socket into frames.
type Reader struct {
	src io.Reader
	lim Limits

	buf        []byte
	start, end int   // the unread bytes, the current frame first
	offset     int64 // of buf[start] in the stream

	// The frame in progress, in bytes from start. They survive an error of src,
	// so that Next can be called again after an expired read deadline.
	parsed   int // header lines taken
	searched int // bytes known to hold no further line end
	lines    int
	length   int // announced by Content-Length, -1 before
	headDone bool
	whole    bool // returned by the last Next: dropped by the following one

	frame  Frame
	srcErr error // came together with bytes
	failed error // a violation: there are no more frames to be found
}

// NewReader returns a Reader of src. A zero limit stands for its default.
func NewReader(src io.Reader, l Limits) *Reader {
	return &Reader{src: src, lim: l.orDefaults(), buf: make([]byte, firstBuffer), length: -1}
}

// Offset is the number of bytes in the frames that were returned.
func (r *Reader) Offset() int64 {
	if r.whole {
		return r.offset + int64(r.parsed+r.length)
	}
	return r.offset
}

// Next returns the next frame, which is valid until the following Next.
//
// The stream's end is io.EOF at the border of a frame and ErrTruncated inside
// one. A violation of the framing is a *FormatError, again at every later call.
// Any other error is src's own; if src can go on, so can Next.
func (r *Reader) Next() (*Frame, error) {
	if r.failed != nil {
		return nil, r.failed
	}
	if r.whole {
		r.drop(r.parsed + r.length)
	}
	if err := r.readHead(); err != nil {
		return nil, err
	}
	for r.end-r.start < r.parsed+r.length {
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
	b := r.buf[r.start : r.start+r.parsed+r.length]
	r.frame.Offset = r.offset
	r.frame.head, r.frame.body = b[:r.parsed], b[r.parsed:]
	r.whole = true
	return &r.frame, nil
}

// readHead takes header lines up to and including the empty one.
func (r *Reader) readHead() error {
	for !r.headDone {
		unread := r.buf[r.start:r.end]
		n := bytes.IndexByte(unread[r.searched:], '\n')
		if n < 0 {
			r.searched = len(unread)
		} else {
			n += r.searched
			r.searched = n + 1
		}
		if r.searched-r.parsed > r.lim.HeaderLine {
			return r.fail(r.parsed, fmt.Sprintf("header line exceeds Limits.HeaderLine of %d bytes", r.lim.HeaderLine), unread[r.parsed:])
		}
		if r.searched > r.lim.HeaderBlock {
			return r.fail(0, fmt.Sprintf("headers exceed Limits.HeaderBlock of %d bytes", r.lim.HeaderBlock), nil)
		}
		if n < 0 {
			if err := r.fill(); err != nil {
				return err
			}
			continue
		}
		line := trimCR(unread[r.parsed:n])
		switch {
		case len(line) > 0:
			if err := r.takeLine(line); err != nil {
				return err
			}
			r.parsed = n + 1
		case r.lines == 0:
			r.drop(n + 1) // stray empty lines between frames hide nothing
		default:
			r.parsed = n + 1
			if err := r.endHead(); err != nil {
				return err
			}
		}
	}
	return nil
}

// takeLine notes what decides where the frame ends and what it is.
func (r *Reader) takeLine(line []byte) error {
	if r.lines++; r.lines > r.lim.Headers {
		return r.fail(r.parsed, fmt.Sprintf("frame exceeds Limits.Headers of %d lines", r.lim.Headers), nil)
	}
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 {
		return r.fail(r.parsed, "header line has no name and colon", line)
	}
	name, value := line[:colon], trimSpace(line[colon+1:])
	// FreeSWITCH and its own client library compare these names without case.
	switch {
	case asciiEqualFold(name, "Content-Length"):
		n, ok := parseLength(value)
		if !ok {
			return r.fail(r.parsed, "Content-Length is not a number of bytes", value)
		}
		if n > r.lim.Body {
			return r.fail(r.parsed, fmt.Sprintf("Content-Length exceeds Limits.Body of %d bytes", r.lim.Body), value)
		}
		if r.length >= 0 && r.length != n {
			return r.fail(r.parsed, fmt.Sprintf("second Content-Length contradicts the first, %d", r.length), value)
		}
		r.length = n
	case asciiEqualFold(name, "Content-Type"):
		if r.frame.Kind == 0 {
			r.frame.Kind = kindOf(value)
		}
	}
	return nil
}

func (r *Reader) endHead() error {
	if r.frame.Kind == 0 {
		return r.fail(0, "frame has no Content-Type", r.buf[r.start:r.start+r.parsed])
	}
	if r.length < 0 {
		if r.frame.Kind.needsBody() {
			return r.fail(0, "frame has no Content-Length", r.buf[r.start:r.start+r.parsed])
		}
		r.length = 0
	}
	r.headDone = true
	return nil
}

// drop forgets the first n unread bytes, and with them the frame in progress.
func (r *Reader) drop(n int) {
	r.start += n
	r.offset += int64(n)
	r.parsed, r.searched, r.lines, r.length = 0, 0, 0, -1
	r.headDone, r.whole = false, false
	r.frame.Kind = 0
}

func (r *Reader) fail(at int, what string, value []byte) error {
	r.failed = &FormatError{Offset: r.offset + int64(at), What: what, Value: quotable(value)}
	return r.failed
}

// fill reads once from src, after making room. It returns nil only with at
// least one new byte.
func (r *Reader) fill() error {
	r.makeRoom()
	for range emptyReads {
		if r.srcErr != nil {
			return r.ended()
		}
		n, err := r.src.Read(r.buf[r.end:])
		if n < 0 || n > len(r.buf)-r.end {
			panic("eventsocket: reader returned an impossible count")
		}
		r.end += n
		r.srcErr = err
		if n > 0 {
			return nil
		}
	}
	if r.srcErr != nil {
		return r.ended()
	}
	return io.ErrNoProgress
}

// ended hands out src's error once: a deadline may be renewed.
func (r *Reader) ended() error {
	err := r.srcErr
	r.srcErr = nil
	if err == io.EOF && r.end > r.start {
		return fmt.Errorf("frame at byte %d has %d bytes: %w", r.offset, r.end-r.start, ErrTruncated)
	}
	return err
}

// makeRoom leaves space behind the unread bytes, at least half of the buffer
// where it can, so that reads stay large; a frame is moved once at most. The
// buffer doubles only when one frame fills it: memory follows what the peer
// sent, not what it announced.
func (r *Reader) makeRoom() {
	unread := r.buf[r.start:r.end]
	size := len(r.buf)
	switch {
	case len(unread) == size:
		size *= 2
	case size > keptBuffer && len(unread) <= firstBuffer/2:
		size = firstBuffer
	case r.start == 0 || size-r.end >= size/2:
		return
	}
	to := r.buf
	if size != len(to) {
		to = make([]byte, size)
	}
	copy(to, unread)
	r.buf, r.start, r.end = to, 0, len(unread)
}

// parseLength reads a plain decimal number: no sign, no fraction, no space.
func parseLength(b []byte) (int, bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

func trimCR(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}

func trimSpace(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// asciiEqualFold avoids bytes.EqualFold's Unicode folding and its conversion.
func asciiEqualFold(b []byte, name string) bool {
	if len(b) != len(name) {
		return false
	}
	for i := range b {
		x, y := b[i], name[i]
		if x == y {
			continue
		}
		if x|0x20 != y|0x20 || x|0x20 < 'a' || x|0x20 > 'z' {
			return false
		}
	}
	return true
}
