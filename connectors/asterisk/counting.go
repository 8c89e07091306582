package asterisk

import (
	"time"

	"tallyd/connectors/source"
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
	switch r := c.recorder; f.kind {
	case eventFrame:
		r.event(f.b)
		c.count.lost = false
		if step := r.translator.step; step != 0 {
			r.translator.step = 0
			source.TellSet(c.cfg.Log, step)
			c.anew()
		}
	case lostFrame:
		r.lost()
		c.count.lost, c.count.settled = true, time.Time{} // a snapshot that is not closed never will be
	case restartedFrame:
		r.restarted(c.now(time.Now()))
	case startedFrame:
		if started, err := time.Parse(time.RFC3339Nano, string(f.b)); err == nil {
			r.run(started)
		}
	case seenFrame:
		if r.translator.lost {
			r.seen(c.now(time.Now()))
		}
	}
}

// obey does what the goroutine that keeps ARI attached has ordered.
func (c *Connector) obey(o *order) {
	now := time.Now()
	switch r := c.recorder; o.kind {
	case beginOrder:
		r.beginSnapshot()
	case answerOrder:
		r.snapshot(o.snap, c.now(now))
		c.count.settled = now.Add(settle)
	case membersOrder:
		r.members(o.snap, c.now(now))
	}
	close(o.done)
}

// manage takes what the manager interface told of, or how it fares. While ARI
// cannot be seen it is left out: all members are listed anew when ARI is back.
func (c *Connector) manage(m *message) {
	r := c.recorder
	if r.translator.lost && m.kind != managerIsLost {
		return
	}
	switch m.kind {
	case plainMessage:
		if at := m.m.Millis(); at != 0 {
			if bound := r.translator.clock.Bound(metrics.Millis(at), time.Now()); bound != metrics.Millis(at) {
				m.m.Restamp(int64(bound))
			}
		}
		r.message(&m.m)
	case listBegins:
		r.listBegins()
	case listEnds:
		r.listEnds(c.now(time.Now()))
	case managerIsLost:
		r.noManager()
	}
}

// rest is called when everything is counted.
func (c *Connector) rest() {
	if c.overflow.Load() {
		// What was dropped is a gap; a snapshot closes it.
		c.recorder.lost()
		c.count.settled = time.Time{}
		c.overflow.Store(false)
		c.cfg.Log.Warn("events were dropped because counting fell behind", "dropped", c.dropped.Load())
		c.anew()
	}
	if last := c.recorder.translator.Last(); last != c.count.stamp {
		c.count.stamp, c.count.read = last, time.Now()
		c.count.offset = last - metrics.MillisOf(c.count.read)
		c.recorder.offset = c.count.offset
	}
	c.recorder.rest()
	c.cfg.Counted()
}

// tick does what time alone makes necessary.
func (c *Connector) tick() {
	now := time.Now()
	if t := c.recorder.translator; !t.lost && t.last != 0 { // it waits until the switch is seen
		if aliases := c.renames.Swap(nil); aliases != nil {
			c.recorder.rename(*aliases, c.now(now))
		} else if t.renaming {
			c.recorder.rename(t.names.Aliases(metrics.AgentName), c.now(now))
		}
	}
	if !c.count.settled.IsZero() && now.After(c.count.settled) {
		c.count.settled = time.Time{}
		c.recorder.endSnapshot(c.now(now))
	}
	if c.count.stamp != 0 && !c.count.lost {
		c.recorder.tick(c.now(now) - tickBehind)
	}
	if now.Sub(c.count.shown) > time.Second {
		c.count.shown = now
		c.show()
	}
}

// anew asks for a snapshot.
func (c *Connector) anew() {
	select {
	case c.again <- struct{}{}:
	default:
	}
}

// now estimates the switch's clock: its latest stamp and the time since, which
// goes on when somebody sets our clock; before the first, our clock, and how far
// the switch's was ahead of it in an earlier run.
func (c *Connector) now(at time.Time) metrics.Millis {
	if !c.count.read.IsZero() {
		return c.count.stamp + metrics.Millis(at.Sub(c.count.read).Milliseconds())
	}
	return metrics.MillisOf(at) + c.count.offset
}

// show tells the other goroutines how counting fares.
func (c *Connector) show() {
	t := c.recorder.translator
	t.clock.Tell(c.cfg.Log)
	n := &counted{counts: t.Counts.Counts, last: t.Last(), clockOff: t.clock.Off()}
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
