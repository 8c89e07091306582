package metrics

import (
	"crypto/sha256"
	"encoding/hex"
)

// idBytes is what an ID holds verbatim: a UUID takes 36, an Asterisk unique id
// with a long system name about 40.
const idBytes = 47

// ID is the switch's own identifier of a leg or a visit, held in place so that
// it can be a map key and travel in an Event without an allocation. The zero
// ID means none.
type ID struct {
	n uint8
	b [idBytes]byte
}

// MakeID copies s. What is longer than an ID holds keeps its first bytes and
// ends in a digest of the whole, so that two long identifiers stay apart.
func MakeID(s []byte) ID {
	var id ID
	if len(s) <= idBytes {
		id.n = uint8(copy(id.b[:], s))
		return id
	}
	sum := sha256.Sum256(s)
	copy(id.b[:], s[:14])
	id.b[14] = '~'
	hex.Encode(id.b[15:], sum[:16])
	id.n = idBytes
	return id
}

// IDString is MakeID for a string.
func IDString(s string) ID { return MakeID([]byte(s)) }

// IsZero tells whether there is no identifier.
func (id ID) IsZero() bool { return id.n == 0 }

// String returns the identifier as the switch wrote it.
func (id ID) String() string { return string(id.b[:id.n]) }

// Bytes returns the identifier's bytes; they are a copy's and may be kept.
func (id *ID) Bytes() []byte { return id.b[:id.n] }
