package storage

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"

	"tallyd/metrics"
)

// lostSpan are the keys, or places on the disk, from From (inclusive) to To (exclusive).
type lostSpan struct {
	From []byte `json:"from"`
	To   []byte `json:"to"`
}

func (l *lostSpan) holds(key []byte) bool {
	return bytes.Compare(key, l.From) >= 0 && bytes.Compare(key, l.To) < 0
}

func (l *lostSpan) overlaps(from, to []byte) bool {
	return bytes.Compare(from, l.To) < 0 && bytes.Compare(l.From, to) < 0
}

// of is which keys of a kind in the list by time a span of places may hold: From is
// not below To where it holds none.
func (l *lostSpan) of(kind byte) lostSpan {
	return lostSpan{firstOf(kind, l.From), firstOf(kind, l.To)}
}

// firstOf is the first key that a kind in the list by time can have at or behind a
// place.
func firstOf(kind byte, place []byte) []byte {
	switch {
	case len(place) == 0 || place[0] < byTime:
		return []byte{kind}
	case place[0] > byTime:
		return []byte{kind + 1}
	}
	interval := append(slices.Clone(place[1:]), make([]byte, 8)...)[:8]
	if len(place) > timeHead && place[timeHead] > kind && !next(interval) {
		return []byte{kind + 1}
	}
	n := numberOf(interval)
	if inMillis(kind) {
		const most = math.MaxInt64 / int64(metrics.IntervalLength)
		n = int64(metrics.Interval(min(max(n, -most), most)).Start())
	}
	first := appendNumber([]byte{kind}, n)
	if len(place) > timeHead && place[timeHead] == kind && bytes.Compare(place[timeHead:], first) > 0 {
		return place[timeHead:]
	}
	return first
}

// words say what was lost.
func (d *damage) words() (list []string) {
	for i := range d.Lost {
		l := &d.Lost[i]
		if !d.LaidOut {
			list = append(list, l.String())
			continue
		}
		if l.From[0] <= byTime {
			for _, kind := range timeKinds {
				if of := l.of(kind); bytes.Compare(of.From, of.To) < 0 {
					list = append(list, of.String())
				}
			}
		}
		if l.To[0] > byTime {
			rest := lostSpan{l.From, l.To}
			if l.From[0] <= byTime {
				rest.From = []byte{visitsHash} // the first behind the list by time
			}
			list = append(list, rest.String())
		}
	}
	return list
}

// String says in words what the keys belong to.
func (l lostSpan) String() string {
	from, to := momentOf(l.From), momentOf(l.To)
	kind := kindNames[l.From[0]]
	if kind == "" {
		kind = fmt.Sprintf("records of kind %q", l.From[0])
	}
	switch {
	case from == "" && to != "" && l.To[0] == l.From[0]:
		return kind + " up to " + to
	case from == "":
		return kind
	case to == "" || l.To[0] != l.From[0]:
		return kind + " from " + from + " on"
	case to == from:
		return kind + " of " + from
	}
	return kind + " from " + from + " to " + to
}

var kindNames = map[byte]string{rollupKey: "rollups", sealKey: "seals", contactKey: "contacts", byAgentKey: "contacts by agent",
	byQueueKey: "contacts by queue", byLegKey: "visits by leg", byCallerKey: "contacts by caller", staysKey: "visits by caller", identityKey: "places of contacts",
	visitsHash: "places of contacts", legsHash: "visits by leg", spansKey: "spans of states", outboxKey: "what is to be published", metaKey: "metadata",
	factKey: "facts", factByAgentKey: "facts by agent", factIdentityKey: "places of facts",
	cardKey: "sealed cards", sealingKey: "sealed scores", schemeKey: "schemes", inputKey: "what scores were made of"}

// momentOf is the moment that a key leads with, "" where it leads with none.
func momentOf(key []byte) string {
	if len(key) < 9 {
		return ""
	}
	k := keyReader{b: key, at: 1}
	switch {
	case !ofTime(key[0]):
		return ""
	case inMillis(key[0]):
		return moment(metrics.Millis(k.number()))
	}
	return metrics.Interval(k.number()).Start().Time().Format("2006-01-02T15:04Z")
}

// Damage says, in words, what damaged files held that cannot be read any more.
func (s *Store) Damage() (list []string) {
	s.lostMu.RLock()
	defer s.lostMu.RUnlock()
	for _, d := range s.damages {
		list = append(list, fmt.Sprintf("file %q is damaged, lost are: %s", d.File, strings.Join(d.What, ", ")))
	}
	return list
}

// clockSlack is how far a switch's clock may be ahead of the disk's.
const clockSlack = 60 * 60 * 1000

// end is the first number, of those that follow a prefix in the keys, that
// cannot have been in the damaged file.
func (d *damage) end(prefix []byte) int64 {
	if until := d.Written + clockSlack; prefix[0] != rollupKey && prefix[0] != sealKey {
		return int64(until)
	} else {
		return int64(metrics.IntervalOf(until)) + 1
	}
}

// whole is an error where a key that is asked for was in a damaged file: one
// that goes on after a prefix with a number from from (inclusive) to to
// (exclusive), and, if wanted is not nil, which it returns for itself or a
// smaller key.
func (s *Store) whole(prefix []byte, from, to int64, wanted func(key []byte) []byte) error {
	s.lostMu.RLock()
	sound := len(s.damages) == 0 && len(s.unchecked) == 0
	s.lostMu.RUnlock()
	if sound || from >= to {
		return nil
	}
	first := appendNumber(slices.Clone(prefix), from)
	if err := s.checkLazily(diskKey(first), diskKey(appendNumber(slices.Clone(prefix), to))); err != nil {
		return err
	}
	s.lostMu.RLock()
	defer s.lostMu.RUnlock()
	for i := range s.damages {
		d := &s.damages[i]
		end := min(to, d.end(prefix))
		if from >= end {
			continue
		}
		if l := d.lost(first, appendNumber(slices.Clone(prefix), end), wanted); l != nil {
			return fmt.Errorf("%w: %s were in the damaged part of %s; restore a backup, or remove %q to go without them",
				ErrDamaged, l, d.File, d.note)
		}
	}
	return nil
}

// lost is what the file held of the keys from first to last that are wanted, nil if
// nothing.
func (d *damage) lost(first, last []byte, wanted func(key []byte) []byte) *lostSpan {
	if _, hashed := hashedKinds[first[0]]; hashed && d.LaidOut {
		first, last = diskKey(first), diskKey(last) // of one hash
	}
	for _, l := range d.Lost {
		if d.LaidOut && ofTime(first[0]) {
			l = l.of(first[0])
		}
		at := l.From
		if bytes.Compare(at, first) < 0 {
			at = first
		}
		if l.overlaps(first, last) && wanted != nil {
			at = wanted(at)
		}
		if l.holds(at) && bytes.Compare(at, last) < 0 {
			return &l
		}
	}
	return nil
}
