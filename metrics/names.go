package metrics

import (
	"maps"
	"slices"
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
	// aliases are the names that stand for another, with the number that the name
	// had, or would have, by itself; 0 where it has none yet.
	aliases [nameKinds]map[string]uint32
}

// NewNames returns a table that holds only Overflow, as 0, of each kind.
func NewNames() *Names {
	n := &Names{}
	for k := range n.ids {
		n.ids[k], n.aliases[k] = map[string]uint32{}, map[string]uint32{}
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

// Find is the number of a name that was seen before.
func (n *Names) Find(k NameKind, name string) (id uint32, ok bool) {
	id, ok = n.ids[k][name]
	return id, ok
}

// Append gives a name the next number, whatever it may stand for: it is for a
// table that is made again in the order of its numbers.
func (n *Names) Append(k NameKind, name string) uint32 {
	if of, alias := n.ids[k][name]; alias {
		if _, alias = n.aliases[k][name]; !alias {
			return of
		}
		defer func() {
			n.aliases[k][name] = n.ids[k][name]
			n.ids[k][name] = of
		}()
	}
	return n.add(k, name)
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

// Alias makes a name stand for another from now on: what a switch calls an
// agent, for the agent.
func (n *Names) Alias(k NameKind, name, of string) {
	if len(n.ids[k]) >= 2*MaxNames || name == of {
		return
	}
	if _, known := n.aliases[k][name]; !known {
		n.aliases[k][name] = n.ids[k][name]
	}
	n.ids[k][name] = n.InternString(k, of)
}

// Unalias makes a name stand for itself again.
func (n *Names) Unalias(k NameKind, name string) {
	own, known := n.aliases[k][name]
	if !known {
		return
	}
	delete(n.aliases[k], name)
	if own == 0 {
		delete(n.ids[k], name)
	} else {
		n.ids[k][name] = own
	}
}

// Aliases lists the names that stand for others, with those.
func (n *Names) Aliases(k NameKind) map[string]string {
	out := make(map[string]string, len(n.aliases[k]))
	for name := range n.aliases[k] {
		out[name] = n.Name(k, n.ids[k][name])
	}
	return out
}

// SetAliases makes these names, and no others, stand for others, and tells
// whether that changed anything.
func (n *Names) SetAliases(k NameKind, aliases map[string]string) (changed bool) {
	old := n.Aliases(k)
	for _, name := range slices.Sorted(maps.Keys(old)) {
		if aliases[name] != old[name] {
			n.Unalias(k, name)
			changed = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(aliases)) {
		if of := aliases[name]; of != name && old[name] != of {
			n.Alias(k, name, of)
			changed = true
		}
	}
	return changed
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
