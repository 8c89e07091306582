package metrics

import (
	"encoding/binary"
	"fmt"
)

// Coder writes the binary form of a state, or reads it back: every part of a
// state lists its fields once, for both directions, so that what is written and
// what is read cannot differ. Numbers are varints, texts led by their length.
//
// The first fault while reading is kept; from then on everything reads as zero.
type Coder struct {
	b       []byte
	in      wireReader
	reading bool
}

// Encoder returns a Coder that appends to b.
func Encoder(b []byte) *Coder { return &Coder{b: b} }

// Decoder returns a Coder that reads b.
func Decoder(b []byte) *Coder { return &Coder{in: wireReader{b: b}, reading: true} }

// Reading tells the direction.
func (c *Coder) Reading() bool { return c.reading }

// Written is what was appended so far.
func (c *Coder) Written() []byte { return c.b }

// Reset makes it an Encoder that appends to b.
func (c *Coder) Reset(b []byte) { *c = Coder{b: b} }

// ResetReader makes it a Decoder of b.
func (c *Coder) ResetReader(b []byte) { *c = Coder{in: wireReader{b: b}, reading: true} }

// Err is the first fault, which wraps ErrFormat.
func (c *Coder) Err() error { return c.in.err }

// Done is Err, or tells that something was left unread.
func (c *Coder) Done() error {
	if !c.reading {
		return nil
	}
	return c.in.done()
}

// Fail notes that what was read makes no sense.
func (c *Coder) Fail(what string) { c.in.fail(what) }

// Version writes a version, or reads one, which must not be newer; it returns the
// one that is being read or written.
func (c *Coder) Version(what string, v byte) byte {
	if !c.reading {
		c.b = append(c.b, v)
		return v
	}
	if c.in.err != nil {
		return 0
	}
	if c.in.at == len(c.in.b) {
		c.in.fail(what + " ends")
		return 0
	}
	got := c.in.b[c.in.at]
	c.in.at++
	if got == 0 || got > v {
		c.in.err = fmt.Errorf("%s of version %d, this program reads up to version %d: %w", what, got, v, ErrFormat)
	}
	return got
}

// CodeInt codes a number that can be negative.
func CodeInt[T ~int | ~int64](c *Coder, p *T) {
	if c.reading {
		*p = T(c.in.varint("number"))
	} else {
		c.b = appendVarint(c.b, int64(*p))
	}
}

// CodeUint codes a number that cannot.
func CodeUint[T ~uint8 | ~uint16 | ~uint32 | ~uint64](c *Coder, p *T) {
	if !c.reading {
		c.b = binary.AppendUvarint(c.b, uint64(*p))
		return
	}
	v := c.in.uvarint("number")
	*p = T(v)
	if uint64(*p) != v {
		c.in.fail("number out of range")
		*p = 0
	}
}

// Bool codes a truth.
func (c *Coder) Bool(p *bool) {
	var v uint8
	if *p {
		v = 1
	}
	CodeUint(c, &v)
	*p = v == 1
	if v > 1 {
		c.in.fail("truth")
	}
}

// String codes a text of up to 4,096 bytes; a longer one is cut there.
func (c *Coder) String(p *string) {
	if c.reading {
		*p = c.in.string("text")
	} else {
		c.b = appendString(c.b, *p)
	}
}

// Bytes codes bytes of any number, which it may share with what is read.
func (c *Coder) Bytes(p *[]byte) {
	n := c.Len(len(*p))
	if !c.reading {
		c.b = append(c.b, *p...)
		return
	}
	*p = c.in.b[c.in.at : c.in.at+n : c.in.at+n]
	c.in.at += n
}

// Len codes how many things follow, each of which takes a byte or more.
func (c *Coder) Len(n int) int {
	if !c.reading {
		c.b = binary.AppendUvarint(c.b, uint64(n))
		return n
	}
	v := c.in.uvarint("length")
	if v > uint64(len(c.in.b)-c.in.at) {
		c.in.fail("length")
		return 0
	}
	return int(v)
}

// ID codes an identifier.
func (c *Coder) ID(p *ID) {
	if !c.reading {
		c.b = append(c.b, p.n)
		c.b = append(c.b, p.b[:p.n]...)
		return
	}
	*p = ID{}
	p.n = uint8(c.short(idBytes, p.b[:]))
}

// Caller codes a caller's number. It is meant for what is open: a number must
// not be kept.
func (c *Coder) Caller(p *Caller) {
	if !c.reading {
		c.b = append(c.b, p.n)
		c.b = append(c.b, p.b[:p.n]...)
		return
	}
	*p = Caller{}
	p.n = uint8(c.short(len(p.b), p.b[:]))
}

// short reads a length byte and that many bytes.
func (c *Coder) short(most int, into []byte) int {
	r := &c.in
	if r.err != nil {
		return 0
	}
	if r.at >= len(r.b) || int(r.b[r.at]) > most || int(r.b[r.at]) > len(r.b)-r.at-1 {
		r.fail("identifier")
		return 0
	}
	n := int(r.b[r.at])
	copy(into, r.b[r.at+1:r.at+1+n])
	r.at += 1 + n
	return n
}
