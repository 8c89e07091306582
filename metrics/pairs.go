package metrics

import "sync/atomic"

// Pair is two dense numbers that together own a row.
type Pair struct{ A, B uint32 }

// Pairs gives pairs of dense numbers a dense number of their own. One goroutine
// adds, any number reads.
type Pairs struct {
	ids  map[Pair]uint32
	list atomic.Pointer[[]Pair]
}

// ID returns the pair's number, a new one where the pair is new.
func (p *Pairs) ID(a, b uint32) uint32 {
	if id, ok := p.ids[Pair{a, b}]; ok {
		return id
	}
	if p.ids == nil {
		p.ids = map[Pair]uint32{}
	}
	var list []Pair
	if l := p.list.Load(); l != nil {
		list = *l
	}
	id := uint32(len(list))
	list = append(list, Pair{a, b}) // readers hold shorter slices
	p.list.Store(&list)
	p.ids[Pair{a, b}] = id
	return id
}

// List returns the pairs in the order of their numbers.
func (p *Pairs) List() []Pair {
	if l := p.list.Load(); l != nil {
		return *l
	}
	return nil
}
