package metrics

import (
	"strings"
	"sync/atomic"
)

// NameKind says what a dense number stands for.
type NameKind uint8

const (
	AgentName NameKind = iota
	QueueName
	ReasonName
	nameKinds
)

// MaxNames bounds each kind of name: a hostile stream may make names up, but
// not memory. Further ones share the number 0, whose name is Overflow.
const MaxNames = 1 << 16

// MaxNameBytes bounds one name; a longer one is cut there.
const MaxNameBytes = 256

// Overflow stands for every name past MaxNames, and for the empty one.
const Overflow = "(other)"

// Names gives every agent, queue and pause reason a dense number, once, so that
// counters are array cells. One goroutine interns; any number read names.
type Names struct {
	ids  [nameKinds]map[string]uint32
	list [nameKinds]atomic.Pointer[[]string]
}

// NewNames returns a table that holds only Overflow, as 0, of each kind.
func NewNames() *Names {
	n := &Names{}
	for k := range n.ids {
		n.ids[k] = map[string]uint32{}
		l := make([]string, 1, 64)
		l[0] = Overflow
		n.list[k].Store(&l)
	}
	return n
}

// Intern returns the name's number, a new one where the name is new. A name
// that was seen before costs one map look-up and no allocation.
func (n *Names) Intern(k NameKind, name []byte) uint32 {
	if id, ok := n.ids[k][string(name)]; ok {
		return id
	}
	return n.add(k, string(name))
}

// InternString is Intern for a string.
func (n *Names) InternString(k NameKind, name string) uint32 {
	if id, ok := n.ids[k][name]; ok {
		return id
	}
	return n.add(k, strings.Clone(name))
}

func (n *Names) add(k NameKind, name string) uint32 {
	old := *n.list[k].Load()
	if name == "" || len(old) >= MaxNames {
		return 0
	}
	clean := name
	if len(clean) > MaxNameBytes {
		clean = clean[:MaxNameBytes]
	}
	clean = strings.ToValidUTF8(clean, "\uFFFD")
	if clean != name {
		// Two spellings that are cleaned to one text are one name.
		id, ok := n.ids[k][clean]
		if !ok {
			id = n.add(k, clean)
		}
		if len(n.ids[k]) < 2*MaxNames && len(name) <= 2*MaxNameBytes {
			n.ids[k][name] = id
		}
		return id
	}
	// Readers hold the old slice; an append beyond its length is not theirs.
	list := append(old, name)
	n.list[k].Store(&list)
	id := uint32(len(list) - 1)
	n.ids[k][name] = id
	return id
}

// Alias makes a name stand for another: what a switch calls an agent, for the
// agent. It must come before the name is first interned.
func (n *Names) Alias(k NameKind, name, of string) {
	if len(n.ids[k]) < 2*MaxNames {
		n.ids[k][name] = n.InternString(k, of)
	}
}

// Name returns the text of a number that Intern gave.
func (n *Names) Name(k NameKind, id uint32) string {
	l := *n.list[k].Load()
	if int(id) >= len(l) {
		return Overflow
	}
	return l[id]
}

// Len is how many numbers of this kind there are; they run from 0.
func (n *Names) Len(k NameKind) int { return len(*n.list[k].Load()) }
