package asterisk

import (
	"time"

	"tallyd/metrics"
)

// settle is how long events from before a snapshot may still be on their way
// after its last answer.
const settle = 2 * time.Second

// tickBehind is how far behind the switch's estimated clock a tick stays.
const tickBehind metrics.Millis = 500

// counting is what the goroutine that counts remembers.
type counting struct {
	stamp   metrics.Millis // the latest event's, and
	read    time.Time      // when it was counted
	offset  metrics.Millis // of the switch's clock from ours
	lost    bool
	bytes   int64     // of events so far
	settled time.Time // when the snapshot may be closed
	shown   time.Time
}

// take decodes, translates and counts one thing, if there is one. Orders come
// when all events are counted that came before: a snapshot is newer than those.
func (c *Connector) take() bool {
	if f := c.frames.Next(); f != nil {
		c.frame(f)
		c.frames.Done()
		return true
	}
	if o := c.orders.Next(); o != nil {
		c.obey(o)
		*o = order{}
		c.orders.Done()
		return true
	}
	if m := c.messages.Next(); m != nil {
		c.manage(m)
		c.messages.Done()
		return true
	}
	return false
}

func (c *Connector) frame(f *frame) {
	switch t := c.translator; f.kind {
	case eventFrame:
		t.Event(f.b, c.count.bytes)
		c.count.bytes += int64(len(f.b))
		c.count.lost = false
	case lostFrame:
		t.Lost()
		c.count.lost, c.count.settled = true, time.Time{} // a snapshot that is not closed never will be
	case restartedFrame:
		t.Restarted(c.now(time.Now()))
	case seenFrame:
		if t.lost {
			t.Seen(c.now(time.Now()))
		}
	}
}

// obey does what the goroutine that keeps ARI attached has ordered.
func (c *Connector) obey(o *order) {
	t := c.translator
	now := time.Now()
	switch o.kind {
	case beginOrder:
		t.begin()
	case answerOrder:
		t.Snapshot(o.snap, c.now(now))
		c.count.settled = now.Add(settle)
	case membersOrder:
		t.Members(o.snap, c.now(now))
	}
	close(o.done)
}

// manage takes what the manager interface told of, or how it fares. While ARI
// cannot be seen it is left out: all members are listed anew when ARI is back.
func (c *Connector) manage(m *message) {
	t := c.translator
	if t.lost && m.kind != managerIsLost {
		return
	}
	switch m.kind {
	case plainMessage:
		t.AMI(&m.m)
	case listBegins:
		t.listMembers()
	case listEnds:
		t.membersListed(c.now(time.Now()))
	case managerIsLost:
		t.members.ami = false
	}
}

// rest is called when everything is counted.
func (c *Connector) rest() {
	if c.overflow.Load() {
		// What was dropped is a gap; a snapshot closes it.
		c.translator.Lost()
		c.count.settled = time.Time{}
		c.overflow.Store(false)
		c.cfg.Log.Warn("events were dropped because counting fell behind", "dropped", c.dropped.Load())
		select {
		case c.again <- struct{}{}:
		default:
		}
	}
	if last := c.translator.Last(); last != c.count.stamp {
		c.count.stamp, c.count.read = last, time.Now()
		c.count.offset = last - metrics.MillisOf(c.count.read)
	}
	c.cfg.Counted()
}

// tick does what time alone makes necessary.
func (c *Connector) tick() {
	now := time.Now()
	if !c.count.settled.IsZero() && now.After(c.count.settled) {
		c.count.settled = time.Time{}
		c.translator.end(c.now(now))
	}
	if c.count.stamp != 0 && !c.count.lost {
		c.tracker.Apply(&metrics.Event{Kind: metrics.ClockTick, At: c.now(now) - tickBehind})
	}
	if now.Sub(c.count.shown) > time.Second {
		c.count.shown = now
		c.show()
	}
}

// now estimates the switch's clock: our own, and how far it was off last.
func (c *Connector) now(at time.Time) metrics.Millis {
	return metrics.MillisOf(at) + c.count.offset
}

// show tells the other goroutines how counting fares.
func (c *Connector) show() {
	t := c.translator
	n := &counted{counts: t.Counts.Counts, last: t.Last()}
	for i := 1; i < t.names.Len(metrics.QueueName); i++ {
		n.queues = append(n.queues, t.names.Name(metrics.QueueName, uint32(i)))
	}
	for _, m := range t.members.list {
		n.ask = append(n.ask, m.device)
	}
	for id, ch := range t.channels {
		if !ch.leaving {
			n.live = id.String()
			break
		}
	}
	c.counted.Store(n)
}
