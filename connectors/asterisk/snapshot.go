package asterisk

import (
	"context"
	"slices"
	"strings"
	"time"

	"tallyd/connectors/asterisk/arievent"
	"tallyd/metrics"
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

// Snapshot hands the sink what a snapshot says, but for its end: events from
// before it can still be on their way, so that comes a little later. What events
// have told since it was begun is newer, and stays.
func (t *Translator) Snapshot(s *snapshot, at metrics.Millis) {
	t.Seen(at)
	named := map[metrics.ID]*restChannel{}
	for i := range s.channels {
		named[metrics.IDString(s.channels[i].id)] = &s.channels[i]
	}
	for id, c := range t.channels {
		if named[id] == nil && c.heard < t.begun {
			t.forget(c)
		}
	}
	for device, reached := range s.devices {
		t.reach(device, !reached, at)
	}
	t.Members(s, at)
	for i := range s.bridges {
		b := &s.bridges[i]
		for _, id := range b.channels {
			if r := named[metrics.IDString(id)]; r != nil {
				r.bridge = b
			}
		}
	}
	for i := range s.channels {
		if r := &s.channels[i]; r.app == "Queue" {
			t.knownCaller(r, named, at)
		}
	}
	for i := range s.channels {
		if r := &s.channels[i]; r.app != "Queue" {
			t.knownLeg(r, at)
		}
	}
	for _, m := range t.members.list {
		if m.status != metrics.UnknownStatus {
			t.put(metrics.Event{Kind: metrics.AgentStatus, At: at, Agent: m.agent, Status: m.status, Reason: m.why, Known: true})
		}
	}
}

// Members takes who serves which queue, where that could be asked.
func (t *Translator) Members(s *snapshot, at metrics.Millis) {
	if !s.asked || t.members.ami {
		return
	}
	listed := map[[2]string]bool{}
	for _, x := range s.members {
		listed[[2]string{x.queue, x.interf}] = true
		m := t.member([]byte(x.interf))
		if m == nil {
			continue
		}
		q := t.queue([]byte(x.queue))
		t.joins(m, q, at)
		if sv := m.service(q); sv.paused != x.paused {
			t.pause(m, q, x.paused, 0, at)
		}
	}
	for _, m := range t.members.list {
		for _, sv := range slices.Clone(m.queues) {
			if q := t.names.Name(metrics.QueueName, uint32(sv.queue)); !listed[[2]string{q, m.interf}] {
				t.quits(m, sv.queue, at)
			}
		}
	}
}

// existing is the channel that a snapshot names, unless it has ended since.
func (t *Translator) existing(r *restChannel) *channel {
	id := metrics.IDString(r.id)
	if t.endedSince[id] {
		return nil
	}
	c := t.channels[id]
	if c == nil {
		in := arievent.MakeChannel(r.id, r.name)
		if c = t.channel(&in); c == nil {
			return nil
		}
		c.heard = 0
	}
	if c.heard < t.begun {
		if r.bridge != nil {
			c.bridge = metrics.IDString(r.bridge.id)
		} else {
			c.bridge = metrics.ID{}
		}
	}
	return c
}

// knownCaller takes a channel that is in a queue.
func (t *Translator) knownCaller(r *restChannel, named map[metrics.ID]*restChannel, at metrics.Millis) {
	c := t.existing(r)
	if c == nil || c.void {
		return
	}
	s := c.stay
	if s == nil && c.heard >= t.begun && c.heard > 0 {
		return // events have told what became of it
	}
	agent := t.knownAgent(r, named)
	if s == nil {
		if r.bridge != nil && agent == nil {
			return // joined to somebody else: the queue's part is over
		}
		s = &stay{ch: c, leg: c.id, joined: at, queue: t.queue([]byte(r.queue()))}
		c.stay, c.data = s, r.data
	}
	joined := t.waiting[s.leg]
	t.put(metrics.Event{Kind: metrics.VisitJoined, At: at, Leg: s.leg, Visit: s.leg, Queue: s.queue, Known: true, Joined: joined,
		Caller: metrics.MakeCaller([]byte(r.number))})
	if agent == nil || s.state == talking {
		return
	}
	o := agent.offer
	if o == nil || o.closed {
		o = &offer{stay: s, member: agent.member, ch: agent, leg: agent.id}
		agent.offer = o
		t.serves(agent.member, s.queue)
	}
	t.connect(s, o, metrics.IDString(r.bridge.id), at)
}

// knownAgent is the channel that a queue bridged a caller with, its member set.
func (t *Translator) knownAgent(r *restChannel, named map[metrics.ID]*restChannel) *channel {
	if r.bridge == nil {
		return nil
	}
	for _, id := range r.bridge.channels {
		x := named[metrics.IDString(id)]
		if x == nil || x == r || x.app == "Queue" {
			continue
		}
		c := t.existing(x)
		if c == nil {
			continue
		}
		if c.member == nil {
			c.member = t.members.byInterface[r.member]
		}
		d := device([]byte(x.name))
		if c.member == nil {
			c.member = t.members.behind(string(d))
		}
		if c.member == nil && x.app == "AppQueue" {
			c.member = t.member(d)
		}
		if c.member != nil {
			return c
		}
	}
	return nil
}

// knownLeg takes a channel that is in no queue: a call of an agent's own, the
// phone behind a Local member, or nobody's.
func (t *Translator) knownLeg(r *restChannel, at metrics.Millis) {
	c := t.existing(r)
	if c == nil || c.member == nil || c.half != nil || c.offer != nil || c.behind != nil || r.app == "AppQueue" {
		return
	}
	if r.bridge != nil {
		for _, id := range r.bridge.channels {
			if mate := t.channels[metrics.IDString(id)]; mate != nil {
				if far := mate.other(); far != nil && far.offer != nil {
					c.behind, far.offer.phone = far.offer, c
					return
				}
			}
		}
	}
	c.told = true
	t.put(metrics.Event{Kind: metrics.LegStarted, At: at, Leg: c.id, Agent: c.member.agent, Direction: metrics.Outbound, Known: true})
	if r.state == "Up" {
		t.put(metrics.Event{Kind: metrics.LegAnswered, At: at, Leg: c.id, Known: true})
	}
}

// begin notes that a snapshot is being asked for.
func (t *Translator) begin() {
	t.begun = t.Counts.Events + 1
	t.asking = true
	clear(t.endedSince)
	t.put(metrics.Event{Kind: metrics.SnapshotBegin})
}

// end closes what the snapshot did not name.
func (t *Translator) end(at metrics.Millis) {
	t.asking = false
	clear(t.endedSince)
	clear(t.waiting)
	t.put(metrics.Event{Kind: metrics.SnapshotEnd, At: at})
}

// forget lets go of a channel whose end was not seen; the tracker closes what it
// was part of.
func (t *Translator) forget(c *channel) {
	delete(t.channels, c.id)
	if s := c.stay; s != nil && s.ch == c {
		t.over(s)
		for len(s.offers) > 0 {
			t.closeOffer(s.offers[0])
		}
	}
	if o := c.offer; o != nil {
		t.closeOffer(o)
		if i := slices.Index(o.member.talks, o); i >= 0 {
			o.member.talks = slices.Delete(o.member.talks, i, i+1)
		}
		if o.stay.winner == o && o.stay.state == talking {
			t.over(o.stay)
		}
	}
}
