package journal

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const (
	magic         = "tallyjnl"
	version       = 1
	saltBytes     = 32
	headerBytes   = len(magic) + 1 + saltBytes
	frameHeader   = 5
	maxFrame      = 64 << 20 // of what follows the kind; more is no frame
	statePart     = 1 << 20
	suffix        = ".journal"
	damagedSuffix = ".damaged"
	halfSuffix    = ".half" // a checkpoint that is being written
)

type frameKind byte

const (
	continues  frameKind = 'c'
	statePiece frameKind = 'S'
	stateEnd   frameKind = 's'
	records    frameKind = 'r'
)

func segmentName(n uint64) string { return fmt.Sprintf("%016d%s", n, suffix) }

func segmentNumber(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	if !ok || len(digits) != 16 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil
}

// sealer seals and opens the frames of one segment, in order.
type sealer struct {
	aead  cipher.AEAD
	frame uint64
	nonce [12]byte
}

func newSealer(key, salt []byte) (*sealer, error) {
	derived, err := hkdf.Key(sha256.New, key, salt, "tallyd journal", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &sealer{aead: aead}, nil
}

func (s *sealer) next() []byte {
	s.frame++
	binary.BigEndian.PutUint64(s.nonce[4:], s.frame)
	return s.nonce[:]
}

// appendFrame appends a frame to b.
func (s *sealer) appendFrame(b []byte, kind frameKind, content []byte) []byte {
	head := len(b)
	b = binary.BigEndian.AppendUint32(b, uint32(len(content)+s.aead.Overhead()))
	b = append(b, byte(kind))
	return s.aead.Seal(b, s.next(), content, b[head:head+frameHeader])
}

// header makes the beginning of a segment, and what seals its frames.
func header(key []byte) ([]byte, *sealer, error) {
	b := append([]byte(magic), version)
	salt := make([]byte, saltBytes)
	if _, err := rand.Read(salt); err != nil {
		return nil, nil, err
	}
	s, err := newSealer(key, salt)
	return append(b, salt...), s, err
}

// The ways in which a segment can end before its file does.
var (
	errTorn = errors.New("it ends in the middle of a frame")
	errBad  = errors.New("a frame is damaged, or was sealed with another key")
)

// reader reads one segment's frames.
type reader struct {
	in     *bufio.Reader
	sealer *sealer
	head   [frameHeader]byte
	buf    []byte
	at     int64 // where the next frame begins
}

// newReader reads the header.
func newReader(f io.Reader, key []byte) (*reader, error) {
	r := &reader{in: bufio.NewReaderSize(f, 64<<10)}
	head := make([]byte, headerBytes)
	if _, err := io.ReadFull(r.in, head); err != nil {
		return nil, errTorn
	}
	if !bytes.HasPrefix(head, []byte(magic)) {
		return nil, errors.New("it is no journal")
	}
	if v := head[len(magic)]; v != version {
		return nil, fmt.Errorf("it is a journal of version %d, this program reads version %d", v, version)
	}
	r.at = int64(headerBytes)
	var err error
	r.sealer, err = newSealer(key, head[len(magic)+1:])
	return r, err
}

// next is the next frame's content, valid until the one after; io.EOF at the
// end, errTorn or errBad where it cannot go on.
func (r *reader) next() (frameKind, []byte, error) {
	if _, err := io.ReadFull(r.in, r.head[:]); err == io.EOF {
		return 0, nil, io.EOF
	} else if err != nil {
		return 0, nil, errTorn
	}
	n := binary.BigEndian.Uint32(r.head[:])
	if n < uint32(r.sealer.aead.Overhead()) || n > maxFrame {
		return 0, nil, errBad
	}
	if err := r.read(int(n)); err != nil {
		return 0, nil, errTorn
	}
	content, err := r.sealer.aead.Open(r.buf[:0], r.sealer.next(), r.buf, r.head[:])
	if err != nil {
		return 0, nil, errBad
	}
	r.at += int64(frameHeader) + int64(n)
	return frameKind(r.head[4]), content, nil
}

// read fills buf, which grows with what there is, not with what is promised.
func (r *reader) read(n int) error {
	r.buf = r.buf[:0]
	for len(r.buf) < n {
		part := min(n-len(r.buf), statePart)
		at := len(r.buf)
		r.buf = append(r.buf, make([]byte, part)...)
		if _, err := io.ReadFull(r.in, r.buf[at:]); err != nil {
			return err
		}
	}
	return nil
}
