package storage

import (
	"encoding/binary"
	"fmt"

	"tallyd/metrics"
)

// The layout of the keys, format 1. The first byte is the kind of record:
//
//	m name                                             metadata
//	s interval switch revision                         one PutSealed: what it brought
//	r interval kind name second switch revision        rollup
//	c ended switch visit joined                        contact
//	a agent ended switch visit joined                  contact by who answered it (no value)
//	q queue ended switch visit joined                  contact by queue (no value)
//	i switch visit joined                              where that contact's keys are
//	p key                                              an oversized PutSealed, see stage.go
//
// Interval, ended and joined are eight bytes, big-endian, the sign bit flipped;
// kind is one byte and revision four, big-endian. Texts are escaped so that they
// end by themselves and sort as their bytes do: 00 is written 00 ff, the end 00 01.
//
// Rollups lead with the interval: everybody's day is one scan, and a single
// agent's month skips from interval to interval (rollups.go). Kind, name and
// second come before switch and revision: what is added up lies side by side.
const (
	metaKey      = 'm'
	sealKey      = 's'
	rollupKey    = 'r'
	contactKey   = 'c'
	byAgentKey   = 'a'
	byQueueKey   = 'q'
	identityKey  = 'i'
	stagedKey    = 'p'
	formatNumber = 1
)

// The names of the metadata.
const (
	metaFormat       = "format"
	metaRollupsFrom  = "rollups_from"
	metaContactsFrom = "contacts_from"
	metaStaged       = "staged"
)

// maxText bounds a text in a key: the records' own binary form cuts there too,
// and Badger refuses keys beyond 65,000 bytes.
const maxText = 4096

func appendNumber(b []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(n)^1<<63)
}

func appendText(b []byte, s string) []byte {
	if len(s) > maxText {
		s = s[:maxText]
	}
	for i := 0; i < len(s); i++ {
		b = append(b, s[i])
		if s[i] == 0 {
			b = append(b, 0xff)
		}
	}
	return append(b, 0, 1)
}

func metadata(name string) []byte { return append([]byte{metaKey}, name...) }

func intervalPrefix(kind byte, i metrics.Interval) []byte {
	return appendNumber([]byte{kind}, int64(i))
}

func sealPrefix(i metrics.Interval, sw string) []byte {
	return appendText(intervalPrefix(sealKey, i), sw)
}

func sealRecord(i metrics.Interval, sw string, revision uint32) []byte {
	return binary.BigEndian.AppendUint32(sealPrefix(i, sw), revision)
}

func rollupRecord(r *metrics.Rollup, revision uint32) []byte {
	b := make([]byte, 0, 24+len(r.Name)+len(r.Second)+len(r.Switch))
	b = appendNumber(append(b, rollupKey), int64(r.Interval))
	b = append(b, byte(r.Kind))
	b = appendText(b, r.Name)
	b = appendText(b, r.Second)
	b = appendText(b, r.Switch)
	return binary.BigEndian.AppendUint32(b, revision)
}

// identity tells contacts apart: a visit's id can come back, with another
// moment of joining.
func appendIdentity(b []byte, c *metrics.Contact) []byte {
	b = appendText(b, c.Switch)
	b = appendText(b, c.Visit)
	return appendNumber(b, int64(c.Joined))
}

func identityRecord(c *metrics.Contact) []byte {
	return appendIdentity([]byte{identityKey}, c)
}

// place is where a contact's keys are, and the value of its identity key.
type place struct {
	ended        metrics.Millis
	queue, agent string
}

func placeOf(c *metrics.Contact) place { return place{c.Ended, c.Queue, c.Agent} }

func (p place) appendBinary(b []byte) []byte {
	return appendText(appendText(appendNumber(b, int64(p.ended)), p.queue), p.agent)
}

func parsePlace(b []byte) (p place, err error) {
	k := keyReader{b: b}
	p = place{metrics.Millis(k.number()), k.text(), k.text()}
	return p, k.done()
}

// keys are the keys, besides the identity, that a contact at this place has;
// tail is its identity.
func (p place) keys(tail []byte) [][]byte {
	contact := append(appendNumber([]byte{contactKey}, int64(p.ended)), tail...)
	queue := append(appendNumber(appendText([]byte{byQueueKey}, p.queue), int64(p.ended)), tail...)
	if p.agent == "" {
		return [][]byte{contact, queue}
	}
	agent := append(appendNumber(appendText([]byte{byAgentKey}, p.agent), int64(p.ended)), tail...)
	return [][]byte{contact, queue, agent}
}

// keyReader takes a key apart.
type keyReader struct {
	b   []byte
	at  int
	bad bool
}

func (k *keyReader) take(n int) []byte {
	if k.bad || len(k.b)-k.at < n {
		k.bad = true
		return make([]byte, n)
	}
	k.at += n
	return k.b[k.at-n : k.at]
}

func (k *keyReader) byte() byte { return k.take(1)[0] }

func (k *keyReader) number() int64 {
	return int64(binary.BigEndian.Uint64(k.take(8)) ^ 1<<63)
}

func (k *keyReader) revision() uint32 { return binary.BigEndian.Uint32(k.take(4)) }

func (k *keyReader) text() string {
	var s []byte
	for {
		c := k.byte()
		if c == 0 {
			switch k.byte() {
			case 1:
				return string(s)
			case 0xff:
			default:
				k.bad = true
			}
		}
		if k.bad {
			return ""
		}
		s = append(s, c)
	}
}

func (k *keyReader) done() error {
	if k.bad || k.at != len(k.b) {
		return fmt.Errorf("key %q is not of format %d", k.b, formatNumber)
	}
	return nil
}

func (k *keyReader) skipText() {
	for !k.bad {
		if k.byte() == 0 && k.byte() == 1 {
			return
		}
	}
}
