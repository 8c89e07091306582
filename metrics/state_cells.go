package metrics

import (
	"maps"
	"slices"
)

// codeCells codes the open intervals and the corrections of closed ones.
func (t *Tracker) codeCells(c *Coder) {
	t.codeWindows(c, &t.windows)
	t.codeWindows(c, &t.late)
	if c.Reading() {
		t.show(t.windows)
	}
}

func (t *Tracker) codeWindows(c *Coder, list *[]*Window) {
	n := c.Len(len(*list))
	if c.Reading() && n > 0 {
		*list = make([]*Window, n)
		for i := range *list {
			(*list)[i] = &Window{}
		}
	}
	for _, w := range *list {
		CodeInt(c, &w.Interval)
		CodeInt(c, &w.Revision)
		for k := range w.rows {
			codeRows(c, &w.rows[k])
		}
		codeSpans(c, w)
		if c.Err() != nil {
			return
		}
	}
}

// codeRows codes the rows that have counted something.
func codeRows(c *Coder, rows *Rows) {
	var filled []uint32
	for i, n := 0, rows.Len(); i < n; i++ {
		if !rows.Peek(i).blank() {
			filled = append(filled, uint32(i))
		}
	}
	n := c.Len(len(filled))
	for i := range n {
		var at uint32
		if !c.Reading() {
			at = filled[i]
		}
		CodeUint(c, &at)
		if at >= MaxNames*MaxNames/1024 { // pairs are no more than that
			c.Fail("row")
		}
		if c.Err() != nil {
			return
		}
		rows.At(at).code(c)
	}
}

func (r *Row) blank() bool {
	for i := range r.cells[:numCounters] {
		if r.cells[i].Load() != 0 {
			return false
		}
	}
	for k := range r.hist {
		if r.hist[k].Load() != nil {
			return false
		}
	}
	return true
}

func (r *Row) code(c *Coder) {
	codeSparse(c, int(numCounters), func(i int) int64 { return int64(r.cells[i].Load()) },
		func(i int, v int64) { r.cells[i].Store(uint64(v)) })
	for k := range r.hist {
		h := r.hist[k].Load()
		there := h != nil
		c.Bool(&there)
		if !there {
			continue
		}
		if h == nil {
			h = newLiveHistogram()
			r.hist[k].Store(h)
		}
		codeSparse(c, len(h.bins), func(i int) int64 { return int64(h.bins[i].Load()) }, func(i int, v int64) { h.bins[i].Store(uint64(v)) })
	}
}

// codeSparse codes those of n numbers that are not 0.
func codeSparse(c *Coder, n int, get func(int) int64, set func(int, int64)) {
	filled := 0
	if !c.Reading() {
		for i := range n {
			if get(i) != 0 {
				filled++
			}
		}
	}
	filled = c.Len(filled)
	at := -1
	for range filled {
		last := at
		var v int64
		if !c.Reading() {
			for at++; get(at) == 0; at++ {
			}
			v = get(at)
		}
		step := uint32(at - last)
		CodeUint(c, &step)
		CodeInt(c, &v)
		if !c.Reading() {
			continue
		}
		at = last + int(step)
		if c.Err() != nil || step == 0 || at >= n {
			c.Fail("cell")
			return
		}
		set(at, v)
	}
}

func codeSpans(c *Coder, w *Window) {
	list := w.spans.list()
	for i := range c.Len(len(list)) {
		var s stretch
		if !c.Reading() {
			s = list[i]
		}
		var agent, reason, queue = uint32(s.agent), uint32(s.reason), uint32(s.queue)
		codeName(c, &agent)
		codeName(c, &reason)
		codeName(c, &queue)
		CodeUint(c, &s.state)
		mark := uint32(s.mark)
		if s.again {
			mark |= 1 << 8
		}
		CodeUint(c, &mark)
		s.mark, s.again = Mark(mark), mark>>8 == 1
		CodeUint(c, &s.from)
		CodeUint(c, &s.to)
		if c.Err() != nil || s.state >= states || s.mark >= marks || mark >= 1<<9 || s.from > s.to || Millis(s.to) > IntervalLength {
			c.Fail("span")
			return
		}
		if c.Reading() {
			s.agent, s.reason, s.queue = uint16(agent), uint16(reason), uint16(queue)
			w.spans.add(s)
		}
	}
}

func (p *Pairs) code(c *Coder) {
	list := p.List()
	n := c.Len(len(list))
	for i := range n {
		var x Pair
		if !c.Reading() {
			x = list[i]
		}
		CodeUint(c, &x.A)
		CodeUint(c, &x.B)
		if c.Reading() && (c.Err() != nil || p.ID(x.A, x.B) != uint32(i)) {
			c.Fail("pair")
			return
		}
	}
}

// code codes the names in the order of their numbers, and what stands for them.
func (n *Names) code(c *Coder) {
	for k := NameKind(0); k < nameKinds; k++ {
		list := *n.list[k].Load()
		count := c.Len(len(list) - 1)
		for i := range count {
			var name string
			if !c.Reading() {
				name = list[i+1]
			}
			c.String(&name)
			if c.Reading() && (c.Err() != nil || n.add(k, name) != uint32(i+1)) {
				c.Fail("name")
				return
			}
		}
		n.codeAliases(c, k)
	}
}

func (n *Names) codeAliases(c *Coder, k NameKind) {
	names := slices.Sorted(maps.Keys(n.aliases[k]))
	for i := range c.Len(len(names)) {
		var name string
		var of, own uint32
		if !c.Reading() {
			name = names[i]
			of, own = n.ids[k][name], n.aliases[k][name]
		}
		c.String(&name)
		CodeUint(c, &of)
		CodeUint(c, &own)
		if c.Reading() {
			if c.Err() != nil || int(of) >= n.Len(k) || int(own) >= n.Len(k) {
				c.Fail("alias")
				return
			}
			n.ids[k][name], n.aliases[k][name] = of, own
		}
	}
}
