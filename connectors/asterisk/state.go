package asterisk

import (
	"bytes"
	"cmp"
	"maps"
	"slices"

	"tallyd/metrics"
)

// The translator's state is what it knows of channels, stays, offers and members,
// which point at each other: each kind is numbered, what is known of each follows.

// numbered numbers the things of one kind, from 1; 0 is none.
type numbered[T any] struct {
	list   []*T
	number map[*T]uint32
}

// add gives a thing a number, unless it has one.
func (n *numbered[T]) add(p *T) {
	if p == nil || n.number[p] != 0 {
		return
	}
	if n.number == nil {
		n.number = map[*T]uint32{}
	}
	n.list = append(n.list, p)
	n.number[p] = uint32(len(n.list))
}

// code codes how many there are; when reading, they are made.
func (n *numbered[T]) code(c *metrics.Coder) {
	count := c.Len(len(n.list))
	if c.Reading() {
		n.list = make([]*T, count)
		for i := range n.list {
			n.list[i] = new(T)
		}
	}
}

func (n *numbered[T]) ref(c *metrics.Coder, p **T) {
	at := n.number[*p]
	metrics.CodeUint(c, &at)
	if !c.Reading() {
		return
	}
	*p = nil
	switch {
	case int(at) > len(n.list):
		c.Fail("reference")
	case at > 0:
		*p = n.list[at-1]
	}
}

// must is ref for what cannot be none.
func (n *numbered[T]) must(c *metrics.Coder, p **T) {
	n.ref(c, p)
	if c.Reading() && *p == nil {
		c.Fail("reference")
		*p = new(T)
	}
}

func (n *numbered[T]) refs(c *metrics.Coder, list *[]*T) {
	count := c.Len(len(*list))
	if c.Reading() {
		*list = make([]*T, count)
	}
	for i := range *list {
		n.must(c, &(*list)[i])
	}
}

// graph is everything that a translator knows.
type graph struct {
	version  byte
	channels numbered[channel]
	pairs    numbered[pair]
	stays    numbered[stay]
	offers   numbered[offer]
	members  numbered[member]
}

// collect numbers what can be reached, in an order that depends on nothing else.
func (g *graph) collect(t *Translator) {
	for _, m := range t.members.list {
		g.members.add(m)
	}
	for _, device := range slices.Sorted(maps.Keys(t.members.byDevice)) {
		g.members.add(t.members.byDevice[device].member)
	}
	for _, id := range sortedIDs(t.channels) {
		g.channels.add(t.channels[id])
	}
	for _, name := range slices.Sorted(maps.Keys(t.locals)) {
		g.pairs.add(t.locals[name])
	}
	for _, id := range sortedIDs(t.talks) {
		g.stays.add(t.talks[id])
	}
	var ch, pa, st, of, me int
	for ch < len(g.channels.list) || pa < len(g.pairs.list) || st < len(g.stays.list) || of < len(g.offers.list) || me < len(g.members.list) {
		for ; ch < len(g.channels.list); ch++ {
			c := g.channels.list[ch]
			g.members.add(c.member)
			g.pairs.add(c.half)
			g.stays.add(c.stay)
			g.offers.add(c.offer)
			g.offers.add(c.behind)
			g.channels.add(c.instead)
			g.channels.add(c.early)
		}
		for ; pa < len(g.pairs.list); pa++ {
			g.channels.add(g.pairs.list[pa].one)
			g.channels.add(g.pairs.list[pa].two)
		}
		for ; st < len(g.stays.list); st++ {
			s := g.stays.list[st]
			g.channels.add(s.ch)
			g.channels.add(s.third)
			g.offers.add(s.winner)
			for _, o := range s.offers {
				g.offers.add(o)
			}
		}
		for ; of < len(g.offers.list); of++ {
			o := g.offers.list[of]
			g.stays.add(o.stay)
			g.members.add(o.member)
			g.channels.add(o.ch)
			g.channels.add(o.phone)
		}
		for ; me < len(g.members.list); me++ {
			for _, o := range g.members.list[me].talks {
				g.offers.add(o)
			}
		}
	}
}

func sortedIDs[V any](m map[metrics.ID]V) []metrics.ID {
	return slices.SortedFunc(maps.Keys(m), func(a, b metrics.ID) int { return bytes.Compare(a.Bytes(), b.Bytes()) })
}

func (t *Translator) code(c *metrics.Coder, version byte) {
	metrics.CodeInt(c, &t.Counts.Events)
	metrics.CodeInt(c, &t.last)
	metrics.CodeInt(c, &t.seenFrom)
	metrics.CodeInt(c, &t.offset)
	metrics.CodeInt(c, &t.begun)
	c.Bool(&t.lost)
	c.Bool(&t.down)
	c.Bool(&t.asking)
	c.Bool(&t.renaming)
	g := graph{version: version}
	if !c.Reading() {
		g.collect(t)
	}
	g.channels.code(c)
	g.pairs.code(c)
	g.stays.code(c)
	g.offers.code(c)
	g.members.code(c)
	if c.Err() != nil {
		return
	}
	for _, x := range g.channels.list {
		x.code(c, &g)
	}
	for _, x := range g.pairs.list {
		g.channels.ref(c, &x.one)
		g.channels.ref(c, &x.two)
	}
	for _, x := range g.stays.list {
		x.code(c, &g)
	}
	for _, x := range g.offers.list {
		x.code(c, &g)
	}
	for _, x := range g.members.list {
		x.code(c, &g)
	}
	codeIDs(c, t.channels, g.channels.must)
	codeIDs(c, t.talks, g.stays.must)
	codeTexts(c, t.locals, g.pairs.must)
	codeIDs(c, t.endedSince, (*metrics.Coder).Bool)
	codeIDs(c, t.waiting, metrics.CodeInt[metrics.Millis])
	t.members.code(c, &g)
}

func (x *channel) code(c *metrics.Coder, g *graph) {
	for _, id := range [...]*metrics.ID{&x.id, &x.bridge, &x.before, &x.onward} {
		c.ID(id)
	}
	metrics.CodeInt(c, &x.heard)
	g.members.ref(c, &x.member)
	g.pairs.ref(c, &x.half)
	g.stays.ref(c, &x.stay)
	g.offers.ref(c, &x.offer)
	g.offers.ref(c, &x.behind)
	g.channels.ref(c, &x.instead)
	g.channels.ref(c, &x.early)
	for _, m := range [...]*metrics.Millis{&x.bridgedAt, &x.joined, &x.hungUp, &x.key, &x.wrapperAt} {
		metrics.CodeInt(c, m)
	}
	for _, b := range [...]*bool{&x.second, &x.movedOn, &x.bridged, &x.shown, &x.transferring, &x.wrapper, &x.unsure, &x.void, &x.told, &x.leaving} {
		c.Bool(b)
	}
	if g.version >= 2 {
		c.Bool(&x.itself)
	}
	c.String(&x.data)
	c.String(&x.request)
	c.String(&x.device)
	c.String(&x.earlyDialled)
}

func (x *stay) code(c *metrics.Coder, g *graph) {
	g.channels.must(c, &x.ch)
	g.channels.ref(c, &x.third)
	c.ID(&x.leg)
	c.ID(&x.bridge)
	metrics.CodeUint(c, &x.queue)
	metrics.CodeUint(c, &x.state)
	metrics.CodeUint(c, &x.ender)
	for _, m := range [...]*metrics.Millis{&x.joined, &x.abandoned, &x.leftLine} {
		metrics.CodeInt(c, m)
	}
	g.offers.refs(c, &x.offers)
	g.offers.ref(c, &x.winner)
	for _, b := range [...]*bool{&x.partOver, &x.departed, &x.unsure} {
		c.Bool(b)
	}
	if x.state > over || x.ender > switchEnded || x.state == talking && x.winner == nil {
		c.Fail("stay")
	}
}

func (x *offer) code(c *metrics.Coder, g *graph) {
	g.stays.must(c, &x.stay)
	g.members.must(c, &x.member)
	metrics.CodeUint(c, &x.agent)
	g.channels.must(c, &x.ch)
	g.channels.ref(c, &x.phone)
	c.ID(&x.leg)
	c.Bool(&x.picked)
	c.Bool(&x.closed)
	metrics.CodeInt(c, &x.held)
}

func (x *member) code(c *metrics.Coder, g *graph) {
	metrics.CodeUint(c, &x.agent)
	for _, s := range [...]*string{&x.interf, &x.name, &x.device, &x.asked} {
		c.String(s)
	}
	g.offers.refs(c, &x.talks)
	metrics.CodeInt(c, &x.consulted)
	metrics.CodeInt(c, &x.askedAt)
	n := c.Len(len(x.queues))
	if c.Reading() {
		x.queues = make([]service, n)
	}
	for i := range x.queues {
		s := &x.queues[i]
		metrics.CodeUint(c, &s.queue)
		c.Bool(&s.paused)
		metrics.CodeUint(c, &s.reason)
		metrics.CodeUint(c, &s.listed)
	}
	c.Bool(&x.away)
	metrics.CodeInt(c, &x.wrapUp)
	metrics.CodeUint(c, &x.reason)
	metrics.CodeUint(c, &x.status)
	metrics.CodeUint(c, &x.why)
}

func (r *roll) code(c *metrics.Coder, g *graph) {
	c.Bool(&r.ami)
	metrics.CodeUint(c, &r.listing)
	g.members.refs(c, &r.list)
	codeTexts(c, r.byInterface, g.members.must)
	codeTexts(c, r.byDevice, func(c *metrics.Coder, h *holder) {
		g.members.ref(c, &h.member)
		c.Bool(&h.own)
	})
	codeTexts(c, r.away, (*metrics.Coder).Bool)
}

func codeIDs[V any](c *metrics.Coder, m map[metrics.ID]V, code func(*metrics.Coder, *V)) {
	var keys []metrics.ID
	if !c.Reading() {
		keys = sortedIDs(m)
	}
	codeMap(c, m, keys, (*metrics.Coder).ID, code)
}

func codeTexts[K ~string, V any](c *metrics.Coder, m map[K]V, code func(*metrics.Coder, *V)) {
	var keys []K
	if !c.Reading() {
		keys = slices.SortedFunc(maps.Keys(m), cmp.Compare)
	}
	codeMap(c, m, keys, func(c *metrics.Coder, k *K) {
		s := string(*k)
		c.String(&s)
		*k = K(s)
	}, code)
}

func codeMap[K comparable, V any](c *metrics.Coder, m map[K]V, keys []K, codeKey func(*metrics.Coder, *K), code func(*metrics.Coder, *V)) {
	for i := range c.Len(len(keys)) {
		var k K
		var v V
		if !c.Reading() {
			k = keys[i]
			v = m[k]
		}
		codeKey(c, &k)
		code(c, &v)
		if c.Err() != nil {
			return
		}
		m[k] = v
	}
}

func (s *snapshot) code(c *metrics.Coder) {
	n := c.Len(len(s.channels))
	if c.Reading() {
		s.channels = make([]restChannel, n)
		s.devices = map[string]bool{}
	}
	for i := range s.channels {
		x := &s.channels[i]
		for _, text := range [...]*string{&x.id, &x.name, &x.state, &x.number, &x.app, &x.data, &x.member} {
			c.String(text)
		}
	}
	if n = c.Len(len(s.bridges)); c.Reading() {
		s.bridges = make([]restBridge, n)
	}
	for i := range s.bridges {
		b := &s.bridges[i]
		c.String(&b.id)
		if n = c.Len(len(b.channels)); c.Reading() {
			b.channels = make([]string, n)
		}
		for k := range b.channels {
			c.String(&b.channels[k])
		}
	}
	codeTexts(c, s.devices, (*metrics.Coder).Bool)
	if n = c.Len(len(s.members)); c.Reading() {
		s.members = make([]restMember, n)
	}
	for i := range s.members {
		m := &s.members[i]
		c.String(&m.queue)
		c.String(&m.interf)
		c.Bool(&m.paused)
	}
	c.Bool(&s.asked)
}
