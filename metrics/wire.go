package metrics

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The binary forms begin with a version byte, then fields in a fixed order:
// varints (zigzag where they can be negative), and byte strings led by their
// length.

// ErrFormat is wrapped by every decoding error.
var ErrFormat = errors.New("not in the expected binary form")

// maxWireString bounds any string in a stored record.
const maxWireString = 4096

type wireReader struct {
	b   []byte
	at  int
	err error
}

func (r *wireReader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("byte %d: %s: %w", r.at, what, ErrFormat)
	}
}

func (r *wireReader) uvarint(what string) uint64 {
	if r.err != nil {
		return 0
	}
	v, n := binary.Uvarint(r.b[r.at:])
	if n <= 0 {
		r.fail(what)
		return 0
	}
	r.at += n
	return v
}

func (r *wireReader) varint(what string) int64 {
	v := r.uvarint(what)
	return int64(v>>1) ^ -int64(v&1)
}

func (r *wireReader) bytes(what string) []byte {
	n := r.uvarint(what)
	if r.err == nil && (n > maxWireString || int(n) > len(r.b)-r.at) {
		r.fail(what)
	}
	if r.err != nil {
		return nil
	}
	s := r.b[r.at : r.at+int(n)]
	r.at += int(n)
	return s
}

func (r *wireReader) string(what string) string { return string(r.bytes(what)) }

// stringInto reads a string, and leaves s as it is where it is that.
func (r *wireReader) stringInto(s *string, what string) {
	if b := r.bytes(what); string(b) != *s {
		*s = string(b)
	}
}

// version reads the leading version byte, which must be want.
func (r *wireReader) version(what string, want byte) {
	if len(r.b) == 0 {
		r.fail(what + " is empty")
		return
	}
	if r.b[0] != want {
		r.err = fmt.Errorf("%s of version %d, this program reads version %d: %w", what, r.b[0], want, ErrFormat)
		return
	}
	r.at = 1
}

// versionUpTo reads the leading version byte, which must not be newer than most.
func (r *wireReader) versionUpTo(what string, most byte) byte {
	if len(r.b) == 0 || r.b[0] == 0 || r.b[0] > most {
		r.version(what, most)
		return 0
	}
	r.at = 1
	return r.b[0]
}

func (r *wireReader) done() error {
	if r.err == nil && r.at != len(r.b) {
		r.fail("bytes are left over")
	}
	return r.err
}

func appendVarint(b []byte, v int64) []byte {
	return binary.AppendUvarint(b, uint64(v)<<1^uint64(v>>63))
}

func appendString(b []byte, s string) []byte {
	if len(s) > maxWireString {
		s = s[:maxWireString]
	}
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}
