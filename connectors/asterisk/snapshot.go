package asterisk

import (
	"context"
	"slices"
	"strings"
	"time"
)

// A snapshot is what the switch says of its present, asked for after every
// connect: nothing that happened while nobody watched is ever replayed.
type snapshot struct {
	channels []restChannel
	bridges  []restBridge
	devices  map[string]bool // whether they can be reached
	members  []restMember
	asked    bool // for members: a channel was up to ask on
}

type restBridge struct {
	id       string
	channels []string
}

// restMember is a member of a queue as QUEUE_MEMBER_LIST and QUEUE_MEMBER show it.
type restMember struct {
	queue, interf string
	paused        bool
}

// order is what the goroutine that keeps ARI attached tells the one that counts.
type order struct {
	kind orderKind
	snap *snapshot
	done chan struct{} // closed when it is done
}

type orderKind uint8

const (
	beginOrder   orderKind = iota // a snapshot is being asked for
	answerOrder                   // here it is
	membersOrder                  // who serves the queues, found later
)

// give hands an order to the counting goroutine and waits until it is done: what
// is asked for next is newer than every event that was counted by then.
func (c *Connector) give(ctx context.Context, kind orderKind, snap *snapshot) {
	done := make(chan struct{})
	for ctx.Err() == nil {
		if slot := c.orders.Slot(); slot != nil {
			*slot = order{kind, snap, done}
			c.orders.Put()
			select {
			case <-done:
			case <-ctx.Done():
			}
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// snapshots asks for the present, and again when events were dropped, and for
// the members of queues that are new when there is a channel to ask on.
func (c *Connector) snapshots(ctx context.Context, rest *rest, info *switchInfo) error {
	c.awaitManager(ctx)
	if err := c.snapshot(ctx, rest); err != nil {
		return err
	}
	// A switch that was restarted in between is another one.
	if now, err := rest.info(ctx); err != nil {
		return err
	} else if !now.started.Equal(info.started) {
		return ErrRestarted
	}
	asked := 0 // queues
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.again:
			if err := c.snapshot(ctx, rest); err != nil {
				return err
			}
		case <-tick.C:
			n := c.counted.Load()
			queues := c.queuesToAsk(n)
			if c.cfg.AMI.Address != "" || n.live == "" || len(queues) <= asked {
				continue
			}
			s := &snapshot{}
			if err := s.askMembers(ctx, rest, n.live, queues); err != nil && !gone(err) {
				return err
			}
			if s.asked {
				asked = len(queues)
				c.give(ctx, membersOrder, s)
			}
		}
	}
}

// awaitManager has the manager interface list the queues, and gives it a moment
// for that, so that it is known since when who waits waits.
func (c *Connector) awaitManager(ctx context.Context) {
	c.listed.Store(false)
	c.wantList()
	limit := time.Now().Add(2 * time.Second)
	for c.cfg.AMI.Address != "" && !c.listed.Load() && time.Now().Before(limit) && ctx.Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
}

func (c *Connector) queuesToAsk(n *counted, more ...string) []string {
	l := append(append(slices.Clone(c.cfg.Queues), n.queues...), more...)
	slices.Sort(l)
	return slices.Compact(l)
}

func (c *Connector) snapshot(ctx context.Context, rest *rest) error {
	c.give(ctx, beginOrder, nil)
	s := &snapshot{}
	var err error
	if s.channels, err = rest.channels(ctx); err != nil {
		return err
	}
	bridges, err := rest.bridges(ctx)
	if err != nil {
		return err
	}
	for _, b := range bridges {
		s.bridges = append(s.bridges, restBridge{b.ID, b.ChannelIDs})
	}
	if s.devices, err = rest.endpoints(ctx); err != nil {
		return err
	}
	n := c.counted.Load()
	for _, d := range n.ask {
		state, err := rest.device(ctx, d)
		if err != nil && !gone(err) {
			return err
		}
		if err == nil {
			s.devices[d] = !away(state)
		}
	}
	if c.cfg.AMI.Address == "" {
		var seen []string
		for _, ch := range s.channels {
			if ch.app == "Queue" {
				seen = append(seen, ch.queue())
			}
		}
		for _, ch := range s.channels {
			err := s.askMembers(ctx, rest, ch.id, c.queuesToAsk(n, seen...))
			if err != nil && !gone(err) {
				return err
			}
			if s.asked {
				break
			}
		}
	}
	c.give(ctx, answerOrder, s)
	return nil
}

// away tells whether a device in a state cannot be reached.
func away(state string) bool { return state == "UNAVAILABLE" || state == "INVALID" }

// askMembers evaluates who serves the queues on a channel that is up. That is
// the only way without the manager interface.
func (s *snapshot) askMembers(ctx context.Context, rest *rest, channel string, queues []string) error {
	var out []restMember
	for _, q := range queues {
		if strings.ContainsAny(q, ",()${}") {
			continue // no argument of a dialplan function
		}
		list, err := rest.variable(ctx, channel, "QUEUE_MEMBER_LIST("+q+")")
		if err != nil {
			return err
		}
		for _, interf := range strings.Split(list, ",") {
			if interf == "" {
				continue
			}
			m := restMember{queue: q, interf: interf}
			state, err := rest.device(ctx, "Queue:"+q+"_pause_"+interf)
			if err != nil && !gone(err) {
				return err
			}
			m.paused = state == "INUSE"
			out = append(out, m)
		}
	}
	s.members, s.asked = out, len(queues) > 0
	return nil
}
