package asterisk

import (
	"bytes"

	"tallyd/connectors/asterisk/arievent"
	"tallyd/metrics"
)

// channel is what is known of one of Asterisk's channels.
type channel struct {
	id     metrics.ID
	heard  int64   // the latest event that named it
	member *member // whose device it is, where known
	half   *pair   // of a Local channel
	second bool    // it is the ;2 half, which runs the dialplan

	stay   *stay  // as a caller: the stay in a queue that is not over
	device string // that it belongs to, where it is no Local channel
	offer  *offer // as what a queue dialled
	// early is what the dialplan behind this half of a Local channel rang before it
	// was told that a queue had rung it, and by which name.
	early        *channel
	earlyDialled string
	behind       *offer // as the phone that such a Local channel leads to

	bridge, before metrics.ID     // the one it is in; the one it was in before
	movedOn        bool           // what it was last seen to run, it was seen in a bridge
	bridged        bool           // Queue bridged it, and may still run,
	data           string         // with this argument,
	shown          bool           // and was shown again since
	bridgedAt      metrics.Millis // when it entered or left a bridge last
	joined         metrics.Millis // a queue, last
	hungUp         metrics.Millis // when it was asked to hang up
	key            metrics.Millis // when it pressed a key last
	transferring   bool           // a transfer moves it, or another for its sake

	// The last dialplan application that it was seen to begin, if that may run
	// Queue inside itself without another event (ExecIf, Exec, TryExec).
	wrapper   bool
	wrapperAt metrics.Millis
	// request is the argument of AddQueueMember and the like, until it is known
	// whether it was granted.
	request string

	unsure  bool       // it was out of sight, and what it runs has not shown since
	void    bool       // another channel took its place; what it still shows was that one's
	instead *channel   // that one, where it stands in line
	told    bool       // the tracker was told of it as a leg
	onward  metrics.ID // the leg under which the agent's call goes on outside the queue
	leaving bool       // its end was seen
	itself  bool       // its own party hung up
}

// pair is the two halves of a Local channel.
type pair struct{ one, two *channel }

// other is the other half of a Local channel, nil where there is none.
func (c *channel) other() *channel {
	switch {
	case c.half == nil:
		return nil
	case c.second:
		return c.half.one
	}
	return c.half.two
}

// channel returns what is known of a channel, made at first sight; nil where the
// event names none.
func (t *Translator) channel(in *arievent.Channel) *channel {
	if !in.Present() || len(in.ID) == 0 {
		return nil
	}
	id := metrics.MakeID(in.ID)
	if c := t.channels[id]; c != nil {
		c.heard = t.Counts.Events
		return c
	}
	if len(t.channels) >= maxChannels {
		return nil
	}
	c := &channel{id: id, heard: t.Counts.Events, unsure: true}
	t.channels[id] = c
	base, half := cutHalf(in.Name)
	switch half {
	case 0:
		c.device = string(device(in.Name))
		c.member = t.members.byDevice[c.device].member
	default:
		p := t.locals[string(base)]
		if p == nil {
			p = &pair{}
			t.locals[string(base)] = p
		}
		c.half, c.second = p, half == 2
		if c.second {
			p.two = c
		} else {
			p.one = c
		}
	}
	return c
}

// drop forgets a channel that is gone.
func (t *Translator) drop(c *channel, name []byte) {
	delete(t.channels, c.id)
	if p := c.half; p != nil {
		if c.second {
			p.two = nil
		} else {
			p.one = nil
		}
		if p.one == nil && p.two == nil {
			base, _ := cutHalf(name)
			delete(t.locals, string(base))
		}
	}
}

// cutHalf cuts ;1 or ;2 off a Local channel's name, and tells which it was.
func cutHalf(name []byte) (base []byte, half int) {
	if n := len(name); n > 2 && name[n-2] == ';' && (name[n-1] == '1' || name[n-1] == '2') && bytes.HasPrefix(name, []byte("Local/")) {
		return name[:n-2], int(name[n-1] - '0')
	}
	return name, 0
}

// device is the device that a channel belongs to: its name without the serial
// number (PJSIP/1001-0000002a, Local/1006@agents-00000003;1).
func device(name []byte) []byte {
	name, _ = cutHalf(name)
	if i := bytes.LastIndexByte(name, '-'); i > 0 {
		return name[:i]
	}
	return name
}

// created tells the tracker of a channel of an agent's device. Asterisk makes a
// channel in state Ring for who calls in, in state Down for whom it calls.
func (t *Translator) created(c *channel, e *arievent.Event, at metrics.Millis) {
	c.unsure = false
	if c.member == nil || c.half != nil || c.told {
		return
	}
	out := metrics.Event{Kind: metrics.LegStarted, At: at, Leg: c.id, Agent: c.member.agent, Direction: metrics.Outbound}
	if string(e.Channel.State) == "Ring" {
		out.Direction = metrics.Inbound
		out.Caller = dialled(e.Channel.Exten)
		t.consults(c.member, at)
	}
	c.told = true
	t.put(out)
}

// dialled is the number that a channel called, nothing where the dialplan began
// with a name (s, h, a conference).
func dialled(exten []byte) metrics.Caller {
	for i, ch := range exten {
		if (ch < '0' || ch > '9') && ch != '*' && ch != '#' && (ch != '+' || i > 0) {
			return metrics.Caller{}
		}
	}
	return metrics.MakeCaller(exten)
}

// calledBy tells who rings a phone outside the queues, which shows only once the
// dialplan dials it.
func (t *Translator) calledBy(caller *arievent.Channel, phone *channel, at metrics.Millis) {
	if phone.told && phone.member != nil && phone.offer == nil && phone.behind == nil && len(caller.CallerNumber) > 0 {
		t.put(metrics.Event{Kind: metrics.LegStarted, At: at, Leg: phone.id, Agent: phone.member.agent, Direction: metrics.Outbound,
			Caller: metrics.MakeCaller(caller.CallerNumber)})
	}
}

// answered tells that a leg of an agent's device was answered, unless a queue
// rang it.
func (t *Translator) answered(c *channel, at metrics.Millis) {
	if c.told && c.offer == nil && c.behind == nil {
		t.put(metrics.Event{Kind: metrics.LegAnswered, At: at, Leg: c.id})
	}
}

// goesOn tells that an agent's call goes on outside the queue whose stay it
// belonged to: somebody else was transferred away, or to the agent.
func (t *Translator) goesOn(c *channel, agent metrics.AgentID, at metrics.Millis) {
	if c.leaving || !c.onward.IsZero() {
		return
	}
	c.onward = metrics.MakeID(append(c.id.Bytes(), "/on"...))
	t.put(metrics.Event{Kind: metrics.LegStarted, At: at, Leg: c.onward, Agent: agent, Direction: metrics.Outbound})
	t.put(metrics.Event{Kind: metrics.LegAnswered, At: at, Leg: c.onward})
}

// endedBy is who ended a call outside the queues: when it was the channel's own
// party, Asterisk was asked to hang up, and not by itself (soft).
func (c *channel) endedBy() metrics.Party {
	if c.itself {
		return metrics.Self
	}
	return metrics.Switch
}

// destroyed takes a channel's end, and what ends with it.
func (t *Translator) destroyed(c *channel, at metrics.Millis) {
	c.leaving = true
	if t.asking && len(t.endedSince) < maxChannels {
		t.endedSince[c.id] = true
	}
	if s := c.stay; s != nil && s.ch == c {
		t.callerGone(s, at)
	}
	if o := c.offer; o != nil && o.ch == c {
		t.offeredGone(o, at)
	} else if o := c.behind; o != nil && o.phone == c {
		t.phoneGone(o, c, at)
	}
	if !c.onward.IsZero() {
		t.put(metrics.Event{Kind: metrics.LegEnded, At: at, Leg: c.onward, By: c.endedBy()})
	}
	if c.told {
		out := metrics.Event{Kind: metrics.LegEnded, At: at, Leg: c.id}
		if c.offer == nil && c.behind == nil {
			out.By = c.endedBy() // of a queue's call both legs together tell
		}
		t.put(out)
	}
	t.drop(c, t.in.Channel.Name)
}
