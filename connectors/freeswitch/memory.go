package freeswitch

import (
	"bytes"
	"maps"
	"slices"

	"tallyd/metrics"
)

// memory is what the translation of later events rests on.
type memory struct {
	run     metrics.ID                     // of the switch, that the last event came from
	phones  map[metrics.ID]metrics.AgentID // whose phone it is, by user@host
	entered map[metrics.ID]metrics.Millis  // when a channel went into the queue application
}

// maxEntered bounds what is remembered of channels on their way into a queue.
const maxEntered = 1 << 14

// maxPhones bounds what is learnt of agents' phones.
const maxPhones = 1 << 16

func newMemory() memory {
	return memory{phones: map[metrics.ID]metrics.AgentID{}, entered: map[metrics.ID]metrics.Millis{}}
}

// What the memory learns travels among the facts, in their order, so that who
// keeps the facts can keep it, too. No tracker is given these.
const (
	noteRun       metrics.Kind = 0x80 + iota // Leg is the switch's run
	notePhone                                // Leg, a user@host, is Agent's
	noteEntry                                // Leg went into the queue application at Joined
	noteEntryOver                            // that is of no use any more
)

func isNote(k metrics.Kind) bool { return k >= noteRun && k <= noteEntryOver }

// learn takes a note. What is beyond the bounds is not remembered.
func (m *memory) learn(e *metrics.Event) {
	switch e.Kind {
	case noteRun:
		m.run = e.Leg
	case notePhone:
		if len(m.phones) < maxPhones {
			m.phones[e.Leg] = e.Agent
		}
	case noteEntry:
		if len(m.entered) < maxEntered {
			m.entered[e.Leg] = e.Joined
		}
	case noteEntryOver:
		delete(m.entered, e.Leg)
	}
}

// phone is whose phone a user@host is, 0 where that is not known.
func (m *memory) phone(device []byte) metrics.AgentID {
	if len(device) == 0 {
		return 0
	}
	return m.phones[metrics.MakeID(device)]
}

func (m *memory) clone() memory {
	return memory{run: m.run, phones: maps.Clone(m.phones), entered: maps.Clone(m.entered)}
}

// remember learns, and tells who keeps it.
func (t *Translator) remember(e metrics.Event) {
	t.memory.learn(&e)
	if t.noted != nil {
		t.noted(&e)
	}
}

func (m *memory) code(c *metrics.Coder) {
	c.ID(&m.run)
	codeMap(c, m.phones, metrics.CodeUint[metrics.AgentID])
	codeMap(c, m.entered, metrics.CodeInt[metrics.Millis])
}

// codeMap codes a map in the order of its keys.
func codeMap[V any](c *metrics.Coder, m map[metrics.ID]V, code func(*metrics.Coder, *V)) {
	keys := slices.SortedFunc(maps.Keys(m), func(a, b metrics.ID) int { return bytes.Compare(a.Bytes(), b.Bytes()) })
	for i := range c.Len(len(keys)) {
		var key metrics.ID
		var v V
		if !c.Reading() {
			key = keys[i]
			v = m[key]
		}
		c.ID(&key)
		code(c, &v)
		if c.Err() != nil {
			return
		}
		m[key] = v
	}
}
