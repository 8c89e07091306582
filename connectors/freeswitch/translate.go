package freeswitch

import (
	"bytes"
	"time"

	"tallyd/connectors/freeswitch/eventsocket"
	"tallyd/connectors/source"
	"tallyd/metrics"
)

// Translator turns events of one FreeSWITCH into facts. One goroutine uses it.
type Translator struct {
	// Counts may be read when no call is under way.
	Counts source.Counts

	names  *metrics.Names
	sink   func(*metrics.Event)
	in     eventsocket.Event
	out    metrics.Event
	memory memory
	noted  func(*metrics.Event) // told of what the memory learns; nil where nobody keeps it
	last   metrics.Millis
	lost   bool // nothing is seen since last

	clock *source.Clock  // watches the switch's clock; nil where events come at another pace
	read  time.Time      // when the event was read
	step  time.Duration  // by which the clock was set, for whoever looks
	stamp metrics.Millis // of the event, as the switch wrote it

	// QueuesLoaded is set when mod_callcenter was loaded: agents added at run
	// time come back without an event, so only a snapshot shows them.
	QueuesLoaded bool
}

// NewTranslator returns a translator that hands each fact to sink, which must
// not keep the pointer.
func NewTranslator(names *metrics.Names, sink func(*metrics.Event)) *Translator {
	return &Translator{names: names, sink: sink, memory: newMemory()}
}

// Frame takes one frame; other frames than events are only counted.
func (t *Translator) Frame(f *eventsocket.Frame) {
	switch f.Kind {
	case eventsocket.PlainEvent, eventsocket.JSONEvent:
	case eventsocket.Unknown:
		t.Counts.Unknown++
		return
	default:
		return
	}
	t.Counts.Events++
	name, subclass := f.Name()
	kind := eventKind(name, subclass)
	if kind == unwanted {
		t.Counts.Ignored++
		return
	}
	if err := f.Decode(&t.in); err != nil {
		t.Counts.Malformed++
		return
	}
	t.translate(kind, f.Offset)
}

// Lost says that the connection broke: nothing is seen until the next event.
func (t *Translator) Lost() {
	if t.last == 0 || t.lost {
		return
	}
	t.lost = true
	t.out = metrics.Event{Kind: metrics.SwitchLost, At: t.last}
	t.sink(&t.out)
}

// Last is the moment of the latest event; 0 before the first.
func (t *Translator) Last() metrics.Millis { return t.last }

// Seen takes notice of a run of the switch at a moment, and tells the sink if
// it is another than before or if it was out of sight. An empty run is unknown.
func (t *Translator) Seen(core []byte, at metrics.Millis) {
	run := metrics.MakeID(core)
	restarted := !run.IsZero() && !t.memory.run.IsZero() && run != t.memory.run
	if t.lost || restarted {
		if !t.lost {
			t.Lost()
		}
		t.out = metrics.Event{Kind: metrics.SwitchUp, At: at, Restarted: restarted}
		t.sink(&t.out)
		t.lost = false
	}
	if !run.IsZero() && run != t.memory.run {
		t.remember(metrics.Event{Kind: noteRun, Leg: run})
	}
}

type kind uint8

const (
	unwanted kind = iota
	callcenter
	channelCreate
	channelAnswer
	channelBridge
	channelUnbridge
	channelHold
	channelUnhold
	channelHangup
	channelExecute
	heartbeat
	moduleLoad
	moduleUnload
	shutdown
)

func eventKind(name, subclass []byte) kind {
	switch string(name) {
	case "CUSTOM":
		if string(subclass) == "callcenter::info" {
			return callcenter
		}
	case "CHANNEL_CREATE":
		return channelCreate
	case "CHANNEL_ANSWER":
		return channelAnswer
	case "CHANNEL_BRIDGE":
		return channelBridge
	case "CHANNEL_UNBRIDGE":
		return channelUnbridge
	case "CHANNEL_HOLD":
		return channelHold
	case "CHANNEL_UNHOLD":
		return channelUnhold
	case "CHANNEL_HANGUP_COMPLETE":
		return channelHangup
	case "CHANNEL_EXECUTE":
		return channelExecute
	case "HEARTBEAT":
		return heartbeat
	case "MODULE_LOAD":
		return moduleLoad
	case "MODULE_UNLOAD":
		return moduleUnload
	case "SHUTDOWN":
		return shutdown
	}
	return unwanted
}

func (t *Translator) translate(k kind, offset int64) {
	in := &t.in
	micros, ok := in.Micros()
	if !ok || micros <= 0 {
		t.Counts.Malformed++
		return
	}
	at := metrics.Millis(micros / 1000)
	t.stamp = at
	if t.clock != nil {
		var step time.Duration
		if at, step = t.clock.Take(at, t.read); step != 0 {
			t.set(at, step)
		}
	}
	t.Seen(in.Get(eventsocket.KeyCoreUUID), at)
	t.last = at
	t.out = metrics.Event{At: at, Offset: offset}
	switch k {
	case callcenter:
		t.callcenter()
	case heartbeat:
		t.emit(metrics.ClockTick)
	case shutdown:
		t.emit(metrics.SwitchDown)
	case moduleLoad, moduleUnload:
		t.module(k)
	default:
		t.channel(k)
	}
}

// set takes that the switch's clock was set.
func (t *Translator) set(at metrics.Millis, step time.Duration) {
	t.step, t.lost = step, false
	t.out = metrics.Event{Kind: metrics.ClockSet, At: at}
	t.sink(&t.out)
}

func (t *Translator) emit(k metrics.Kind) {
	t.out.Kind = k
	t.sink(&t.out)
}

func (t *Translator) id(k eventsocket.Key) metrics.ID { return metrics.MakeID(t.in.Get(k)) }

func (t *Translator) agent(k eventsocket.Key) metrics.AgentID {
	return metrics.AgentID(t.names.Intern(metrics.AgentName, t.in.Get(k)))
}

// millis reads a channel's time stamp (microseconds), 0 where there is none.
func (t *Translator) millis(k eventsocket.Key) metrics.Millis {
	v, _ := t.in.Int(k)
	return metrics.Millis(v / 1000)
}

// seconds reads one of mod_callcenter's whole-second stamps.
func (t *Translator) seconds(k eventsocket.Key) metrics.Millis {
	v, _ := t.in.Int(k)
	return metrics.Millis(v * 1000)
}

func (t *Translator) module(k kind) {
	name := t.in.Get(eventsocket.KeyKey)
	if !bytes.Contains(name, []byte("callcenter")) {
		name = t.in.Get(eventsocket.KeyFilename)
	}
	if !bytes.Contains(name, []byte("callcenter")) && string(t.in.Get(eventsocket.KeyName)) != "callcenter" {
		t.emit(metrics.ClockTick)
		return
	}
	if k == moduleUnload {
		t.emit(metrics.QueuesGone)
		return
	}
	t.QueuesLoaded = true
	t.emit(metrics.ClockTick)
}
