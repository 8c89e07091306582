package asterisk

import (
	"bytes"
	"time"

	"tallyd/connectors/asterisk/ami"
	"tallyd/connectors/asterisk/arievent"
	"tallyd/connectors/source"
	"tallyd/metrics"
)

// Counts tells what the streams held. Events are ARI's; the unknown ones are
// ignored too.
type Counts struct {
	source.Counts
	AMI int64 // messages of the manager interface
}

// What is remembered of a hostile or broken stream is bounded.
const (
	maxChannels = 100_000
	maxMembers  = 1 << 16
	maxOffers   = 4096 // of one stay at a time
)

// Translator turns the events of one Asterisk into facts. One goroutine uses it.
type Translator struct {
	// Counts may be read when no call is under way.
	Counts Counts
	// Replaced is set when another client took this one's application name:
	// nothing more comes, and the connection stays open.
	Replaced bool

	names    *metrics.Names
	sink     func(*metrics.Event)
	keeper   keeper // nil where nobody keeps what is taken
	in       arievent.Event
	before   []byte // the event before this one
	out      metrics.Event
	last     metrics.Millis // the latest stamp so far
	lost     bool           // nothing is seen since last
	seenFrom metrics.Millis // when it was seen again last
	down     bool           // the switch is stopping
	renaming bool           // some members still have their old name

	clock *source.Clock // watches the switch's clock; nil where events come at another pace
	step  time.Duration // by which the clock was set, for whoever looks

	offset   int64
	channels map[metrics.ID]*channel
	locals   map[string]*pair // Local channels, by their name without ;1 or ;2
	talks    map[metrics.ID]*stay
	members  roll

	// of a snapshot
	begun      int64 // events from this one on are newer than it
	asking     bool
	endedSince map[metrics.ID]bool           // channels that ended since it was begun
	waiting    map[metrics.ID]metrics.Millis // since when who waits waits, as the manager interface lists it
}

// keeper is told of what the translator is given before anything is made of it.
type keeper interface {
	keepEvent(e *arievent.Event, offset int64)
	keepClock(at metrics.Millis)
	keepMessage(m *ami.Message)
}

// NewTranslator returns a translator that hands each fact to sink, which must
// not keep the pointer.
func NewTranslator(names *metrics.Names, sink func(*metrics.Event)) *Translator {
	return &Translator{names: names, sink: sink, channels: map[metrics.ID]*channel{}, locals: map[string]*pair{},
		talks: map[metrics.ID]*stay{}, members: newRoll(),
		endedSince: map[metrics.ID]bool{}, waiting: map[metrics.ID]metrics.Millis{}}
}

// Event takes one ARI event, as JSON, that begins at an offset of the stream.
func (t *Translator) Event(b []byte, offset int64) {
	t.Counts.Events++
	e := &t.in
	if err := e.Decode(b); err != nil {
		t.Counts.Malformed++
		return
	}
	switch e.Type {
	case arievent.Unknown:
		t.Counts.Unknown++
		t.Counts.Ignored++
		return
	case arievent.Unwanted:
		t.Counts.Ignored++
		return
	case arievent.ApplicationReplaced:
		t.Replaced = true
		return
	}
	if e.StampFault || e.Millis <= 0 {
		t.Counts.Malformed++
		return
	}
	if bytes.Equal(b, t.before) {
		t.Counts.Ignored++ // it came twice
		return
	}
	t.before = append(t.before[:0], b...)
	if t.clock != nil {
		t.watch(e)
	}
	if t.keeper != nil {
		t.keeper.keepEvent(e, offset)
	}
	t.take(offset)
}

// watch sees whether the switch's clock was set.
func (t *Translator) watch(e *arievent.Event) {
	at, step := t.clock.Take(metrics.Millis(e.Millis), time.Now())
	e.Millis = int64(at)
	if step == 0 {
		return
	}
	t.step = step
	if t.keeper != nil {
		t.keeper.keepClock(at)
	}
	t.set(at)
}

// set takes that the switch's clock was set. What was open is closed; it is taken
// up again, by the new clock, from a snapshot.
func (t *Translator) set(at metrics.Millis) {
	t.clear()
	t.lost, t.last = false, at
	t.put(metrics.Event{Kind: metrics.ClockSet, At: at})
}

// take takes the event that was decoded.
func (t *Translator) take(offset int64) {
	at := metrics.Millis(t.in.Millis)
	t.offset = offset
	t.Seen(at)
	t.translate(&t.in, at)
}

// Seen takes notice of the switch at a moment, and tells the sink if it was out
// of sight.
func (t *Translator) Seen(at metrics.Millis) {
	t.last = max(t.last, at)
	if t.lost {
		t.lost, t.seenFrom = false, at
		t.put(metrics.Event{Kind: metrics.SwitchUp, At: at})
	}
}

// Lost says that the connection broke: nothing is seen until the next event.
func (t *Translator) Lost() {
	if t.last == 0 || t.lost {
		return
	}
	t.lost, t.down = true, false
	for _, c := range t.channels {
		c.unsure = true
		if c.stay != nil {
			c.stay.unsure = true
		}
	}
	t.put(metrics.Event{Kind: metrics.SwitchLost, At: t.last})
}

// Restarted says that another run of the switch is seen from a moment on:
// nothing that was open exists any more.
func (t *Translator) Restarted(at metrics.Millis) {
	t.Lost()
	t.lost = false
	t.last = max(t.last, at)
	t.clear()
	t.put(metrics.Event{Kind: metrics.SwitchUp, At: at, Restarted: true})
}

// clear forgets what there was.
func (t *Translator) clear() {
	clear(t.channels)
	clear(t.locals)
	clear(t.talks)
	t.members.forgetStates()
}

// Last is the moment of the latest event; 0 before the first.
func (t *Translator) Last() metrics.Millis { return t.last }

// put hands a fact on.
func (t *Translator) put(e metrics.Event) {
	t.out = e
	t.out.Offset = t.offset
	t.sink(&t.out)
}

// translate sorts the events by what they are about. What they name is made at
// first sight: after a gap, or in a recording that begins in the middle, a
// channel's creation was not seen.
func (t *Translator) translate(e *arievent.Event, at metrics.Millis) {
	switch e.Type {
	case arievent.DeviceStateChanged:
		t.deviceState(e.Device, e.DeviceState, at)
		return
	case arievent.Dial:
		t.dial(e, at)
		return
	case arievent.BridgeBlindTransfer:
		t.blindTransfer(e, at)
		return
	case arievent.BridgeAttendedTransfer:
		t.attendedTransfer(e, at)
		return
	}
	c := t.channel(&e.Channel)
	if c == nil {
		t.Counts.Ignored++
		return
	}
	switch e.Type {
	case arievent.ChannelCreated:
		t.created(c, e, at)
	case arievent.ChannelStateChange:
		if string(e.Channel.State) == "Up" {
			t.answered(c, at)
		}
	case arievent.ChannelDialplan:
		t.dialplan(c, e, at)
	case arievent.ChannelVarset:
		t.varset(c, e, at)
	case arievent.ChannelDtmfReceived:
		c.key = at
	case arievent.ChannelEnteredBridge:
		t.enteredBridge(c, e, at)
	case arievent.ChannelLeftBridge:
		t.leftBridge(c, e, at)
	case arievent.ChannelHold, arievent.ChannelUnhold:
		t.held(c, e.Type == arievent.ChannelHold, at)
	case arievent.ChannelHangupRequest:
		t.hangup(c, e, at)
	case arievent.ChannelDestroyed:
		t.destroyed(c, at)
	}
}
