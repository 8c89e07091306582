package asterisk

import (
	"maps"
	"slices"

	"tallyd/connectors/asterisk/arievent"
	"tallyd/metrics"
)

// Snapshot hands the sink what a snapshot says, but for its end: events from
// before it can still be on their way, so that comes a little later. What events
// have told since it was begun is newer, and stays.
func (t *Translator) Snapshot(s *snapshot, at metrics.Millis) {
	t.Seen(at)
	named := map[metrics.ID]*restChannel{}
	for i := range s.channels {
		named[metrics.IDString(s.channels[i].id)] = &s.channels[i]
	}
	handed := map[*channel]metrics.ID{} // callers whose agent is gone, and from which bridge
	for _, id := range sortedIDs(t.channels) {
		c := t.channels[id]
		if named[id] != nil || c.heard >= t.begun {
			continue
		}
		if o := c.offer; o != nil && o.stay.winner == o && o.stay.state == talking && named[o.stay.ch.id] != nil {
			handed[o.stay.ch] = o.stay.bridge
			t.wentOn(o.stay, at)
		}
		t.forget(c)
	}
	for _, device := range slices.Sorted(maps.Keys(s.devices)) {
		t.reach(device, !s.devices[device], at)
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
			t.knownCaller(r, named, handed, at)
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
	c.unsure = false
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
func (t *Translator) knownCaller(r *restChannel, named map[metrics.ID]*restChannel, handed map[*channel]metrics.ID, at metrics.Millis) {
	c := t.existing(r)
	if c == nil || c.void {
		return
	}
	s := c.stay
	if s == nil && c.heard >= t.begun && c.heard > 0 {
		return // events have told what became of it
	}
	agent := t.knownAgent(r, named)
	joined := t.waiting[c.id]
	older := c.heard < t.begun // what events told of it than the snapshot
	if s != nil && s.unsure && older && !t.same(s, r, joined) {
		t.wentOn(s, at)
		s = nil
	}
	if s != nil && s.unsure && older && s.state != talking && r.bridge != nil && agent == nil {
		t.wentOn(s, at) // who talks with the caller now cannot be told
		return
	}
	if s == nil {
		if r.bridge != nil && (agent == nil || handed[c] == metrics.IDString(r.bridge.id)) {
			return // joined to somebody else: the queue's part is over
		}
		s = &stay{ch: c, leg: c.id, joined: at, queue: t.queue([]byte(r.queue()))}
		c.stay, c.data = s, r.data
	}
	s.unsure = false
	t.put(metrics.Event{Kind: metrics.VisitJoined, At: at, Leg: s.leg, Visit: s.leg, Queue: s.queue, Known: true, Joined: joined,
		Caller: metrics.MakeCaller([]byte(r.number))})
	if agent == nil || s.state == talking {
		return
	}
	o := agent.offer
	if o == nil || o.closed {
		o = &offer{stay: s, member: agent.member, agent: agent.member.agent, ch: agent, leg: agent.id}
		agent.offer = o
		t.serves(agent.member, s.queue)
	}
	t.connect(s, o, metrics.IDString(r.bridge.id), at, true)
}

// joinSlack is by how much the manager interface's whole seconds of waiting may
// make a caller seem to have joined later.
const joinSlack metrics.Millis = 2000

// same tells whether a caller whom a snapshot shows in a queue is in the stay that
// began before the switch was out of sight: in the same queue since the same time,
// and if talking, in the same bridge.
func (t *Translator) same(s *stay, r *restChannel, joined metrics.Millis) bool {
	if s.ch.data != "" && s.ch.data != r.data || s.queue != t.queue([]byte(r.queue())) || joined > s.joined+joinSlack {
		return false
	}
	return s.state != talking || r.bridge != nil && metrics.IDString(r.bridge.id) == s.bridge
}

// wentOn ends a stay that ended out of sight, while the call went on.
func (t *Translator) wentOn(s *stay, at metrics.Millis) {
	if s.state == talking {
		t.endedUnseen(s, at, false)
	} else {
		t.leave(s, metrics.Unobserved, true)
	}
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
