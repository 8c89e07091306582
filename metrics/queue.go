package metrics

// queue is one queue's present: who waits, in the order of joining.
type queue struct {
	id            QueueID
	settings      QueueSettings
	first, last   *visit
	waiting, busy int
}

// enter puts a visit into the line, behind all who joined before it.
func (q *queue) enter(v *visit) {
	after := q.last
	for after != nil && after.joined > v.joined {
		after = after.ahead
	}
	v.ahead = after
	if after == nil {
		v.behind, q.first = q.first, v
	} else {
		v.behind, after.behind = after.behind, v
	}
	if v.behind == nil {
		q.last = v
	} else {
		v.behind.ahead = v
	}
	v.inLine = true
	q.waiting++
}

// leave takes a visit out of the line.
func (q *queue) leave(v *visit) {
	if !v.inLine {
		return
	}
	if v.ahead == nil {
		q.first = v.behind
	} else {
		v.ahead.behind = v.behind
	}
	if v.behind == nil {
		q.last = v.ahead
	} else {
		v.behind.ahead = v.ahead
	}
	v.ahead, v.behind, v.inLine = nil, nil, false
	q.waiting--
}

func (t *Tracker) showQueue(q *queue) {
	c := [liveCells]uint64{uint64(q.waiting), 0, uint64(q.busy)}
	if q.first != nil {
		c[1] = uint64(q.first.joined)
	}
	t.Live.queues.at(uint32(q.id)).write(c)
}
