package storage

import (
	"encoding/binary"
	"fmt"

	"tallyd/metrics"
)

// The keys of the records, format 9; layout.go says where they lie. The first byte is
// the kind of record:
//
//	m name                                             metadata
//	s interval switch revision                         one PutSealed: what it brought
//	r interval kind name second switch revision        rollup
//	c ended switch visit joined                        contact
//	a agent ended switch visit joined                  contact by who answered it (no value)
//	q queue ended switch visit joined                  contact by queue (no value)
//	l switch leg ended switch visit joined             visit by the caller's leg; its queue
//	n caller ended switch visit joined                 contact by the caller's hash (no value)
//	k caller joined switch visit                       visit by the caller's hash, see callers.go
//	i switch visit joined                              where that contact's keys are
//	t interval switch revision [part]                  spans of states
//	o switch                                           visits that were open at the last seal
//	h switch                                           the number of the latest Sealed that is stored
//	f number                                           a forgetting that was done, see forget.go
//	u number [part]                                    what others are to be told of, see outbox.go
//	x at kind id                                       fact, see facts.go
//	y agent at kind id                                 fact by agent (no value)
//	z kind id                                          when that fact was: its own key follows from it
//	d cycle revision8 agent role                       a sealed card, see scores.go
//	e at cycle revision                                a cycle's scores that were sealed
//	g sum [part]                                       the text of a scheme
//	w cycle revision8 number                           lines that a cycle's scores were made of, see inputs.go
//
// The contact of a call outside the queues has the letter c behind joined: a leg's
// id can be a visit's too.
//
// Format 1 had no t, o, h and f, and contacts of version 1; format 2 no l and n, and
// contacts of version 2, format 3 no u and no parts, format 4 no x, y and z, format 7 no d, e and g,
// format 8 no w and contacts of up to version 3;
// up to format 5 all records lay under their keys, and up to format 6 an oversized
// PutSealed was staged under keys with p. What an older program stored is listed by
// leg and caller when the folder is first opened for writing.
//
// Lists are cut into parts that a block of a table holds: Badger takes three times
// the memory for larger values. Part is two bytes, big-endian, and left out of the
// first one.
//
// Interval, ended, joined and at are eight bytes, big-endian, the sign bit flipped;
// kind is one byte, hash 16, and revision four, as number of w, big-endian; revision8 is eight, as the
// former. Texts are escaped so that they
// end by themselves and sort as their bytes do: 00 is written 00 ff, the end 00 01.
//
// Rollups lead with the interval: everybody's day is one scan, and a single
// agent's month skips from interval to interval (rollups.go). Kind, name and
// second come before switch and revision: what is added up lies side by side.
const (
	metaKey         = 'm'
	sealKey         = 's'
	rollupKey       = 'r'
	contactKey      = 'c'
	byAgentKey      = 'a'
	byQueueKey      = 'q'
	byLegKey        = 'l'
	byCallerKey     = 'n'
	staysKey        = 'k'
	identityKey     = 'i'
	stagedKey       = 'p' // up to format 6, see stage_old.go
	spansKey        = 't'
	openKey         = 'o'
	handedKey       = 'h'
	forgottenKey    = 'f'
	outboxKey       = 'u'
	factKey         = 'x'
	factByAgentKey  = 'y'
	factIdentityKey = 'z'
	cardKey         = 'd'
	sealingKey      = 'e'
	schemeKey       = 'g'
	inputKey        = 'w'
	formatNumber    = 9
)

// The names of the metadata.
const (
	metaFormat       = "format"
	metaRollupsFrom  = "rollups_from"
	metaContactsFrom = "contacts_from"
	metaStaged       = "staged"     // up to format 6: 'p' has a whole write
	metaApplied      = "applied"    // the number of the last write that was staged in a file
	metaUnlisted     = "unlisted"   // contacts of an earlier format are not in n yet
	metaForgetting   = "forgetting" // one that is under way
	metaTraces       = "traces"     // the last one whose traces may still be in the files
	metaLineage      = "lineage"    // see Store.Lineage
	metaLayout       = "layout"     // the records lie as layout.go says
)

// maxText bounds a text in a key: the records' own binary form cuts there too,
// and Badger refuses keys beyond 65,000 bytes.
const maxText = 4096

func appendNumber(b []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(n)^1<<63)
}

// numberOf is what appendNumber appended.
func numberOf(b []byte) int64 { return int64(binary.BigEndian.Uint64(b) ^ 1<<63) }

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
	b = appendNumber(b, int64(c.Joined))
	if c.Kind == metrics.CallContact {
		b = append(b, callMark)
	}
	return b
}

// callMark ends the identity of a call.
const callMark = 'c'

func identityRecord(c *metrics.Contact) []byte {
	return appendIdentity([]byte{identityKey}, c)
}

// place is where a contact's keys are, and the value of its identity key. The
// switch is not in that value: the identity has it.
type place struct {
	ended        metrics.Millis
	queue, agent string
	leg          string // "" for a call: there is no way that it went
	caller       [16]byte
	sw           string
}

func placeOf(c *metrics.Contact) place {
	p := place{c.Ended, c.Queue, c.Agent, c.Leg, c.Hash, c.Switch}
	if c.Kind != metrics.VisitContact {
		p.leg = ""
	}
	return p
}

func (p place) appendBinary(b []byte) []byte {
	b = appendText(appendText(appendNumber(b, int64(p.ended)), p.queue), p.agent)
	return append(appendText(b, p.leg), p.caller[:]...)
}

// parsePlace reads the place of a contact of a switch. One that a program of
// format 2 wrote ends behind the agent.
func parsePlace(b []byte, sw string) (p place, err error) {
	k := keyReader{b: b}
	p = place{ended: metrics.Millis(k.number()), queue: k.text(), agent: k.text(), sw: sw}
	if !k.bad && k.at < len(b) {
		p.leg = k.text()
		copy(p.caller[:], k.take(len(p.caller)))
	}
	return p, k.done()
}

// keys are the keys, besides the identity, that a contact at this place has, its
// own first; tail is its identity.
func (p place) keys(tail []byte) [][]byte {
	key := func(list []byte) []byte { return append(appendNumber(list, int64(p.ended)), tail...) }
	keys := [][]byte{key([]byte{contactKey})}
	if p.queue != "" {
		keys = append(keys, key(appendText([]byte{byQueueKey}, p.queue)))
	}
	if p.agent != "" {
		keys = append(keys, key(appendText([]byte{byAgentKey}, p.agent)))
	}
	if p.leg != "" {
		keys = append(keys, key(legPrefix(p.sw, p.leg)))
	}
	if p.caller != [16]byte{} {
		keys = append(keys, key(callerPrefix(p.caller)))
		if !isCall(keys[0]) {
			keys = append(keys, callerRecord(p.caller, tail))
		}
	}
	return keys
}

func legPrefix(sw, leg string) []byte { return appendText(appendText([]byte{byLegKey}, sw), leg) }

func callerPrefix(hash [16]byte) []byte { return append([]byte{byCallerKey}, hash[:]...) }

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

func (k *keyReader) number() int64 { return numberOf(k.take(8)) }

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

// part is what ends the key of a list that is cut into several, 0 for the first.
func (k *keyReader) part() uint16 {
	if k.bad || k.at == len(k.b) {
		return 0
	}
	return binary.BigEndian.Uint16(k.take(2))
}

// appendPart ends the key of a list's part.
func appendPart(key []byte, part int) []byte {
	if part == 0 {
		return key
	}
	return binary.BigEndian.AppendUint16(key, uint16(part))
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
