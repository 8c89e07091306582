package metrics

// timerKind says what a timer is for.
type timerKind uint8

const (
	wrapUpOver     timerKind = iota // an agent's wrap-up time is over
	visitOverdue                    // the events that should end a visit did not come
	offerOverdue                    // the agent is free again, but the offer was never ended
	visitForgotten                  // a finished visit's late events are no longer expected
)

// timer is due at a moment of event time. It names its subject by number or
// pointer and carries the subject's generation: a subject that moved on since
// ignores it.
type timer struct {
	at    Millis
	seq   uint64 // timers due at one moment run in the order they were set
	kind  timerKind
	agent AgentID
	visit *visit
	gen   uint32
}

// timerHeap is a binary heap by (at, seq). It is written out because
// container/heap boxes every element.
type timerHeap struct {
	list []timer
	seq  uint64
}

func (h *timerHeap) less(i, j int) bool {
	a, b := &h.list[i], &h.list[j]
	return a.at < b.at || a.at == b.at && a.seq < b.seq
}

func (h *timerHeap) push(x timer) {
	h.seq++
	x.seq = h.seq
	h.list = append(h.list, x)
	for i := len(h.list) - 1; i > 0; {
		up := (i - 1) / 2
		if !h.less(i, up) {
			break
		}
		h.list[i], h.list[up] = h.list[up], h.list[i]
		i = up
	}
}

// due removes and returns the first timer if it is due at now.
func (h *timerHeap) due(now Millis) (timer, bool) {
	if len(h.list) == 0 || h.list[0].at > now {
		return timer{}, false
	}
	first, last := h.list[0], len(h.list)-1
	h.list[0] = h.list[last]
	h.list[last] = timer{}
	h.list = h.list[:last]
	for i := 0; ; {
		l, r, least := 2*i+1, 2*i+2, i
		if l < last && h.less(l, least) {
			least = l
		}
		if r < last && h.less(r, least) {
			least = r
		}
		if least == i {
			return first, true
		}
		h.list[i], h.list[least] = h.list[least], h.list[i]
		i = least
	}
}
