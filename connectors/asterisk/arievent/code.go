package arievent

import "tallyd/metrics"

// Code codes what the event tells of calls, for the journal: a tenth of its JSON.
// What is decoded is valid as long as the bytes that it was decoded from.
// Dialplan places and digits are left out: nothing is made of them.
func (e *Event) Code(c *metrics.Coder) {
	if c.Reading() {
		e.reset()
	}
	metrics.CodeUint(c, &e.Type)
	metrics.CodeInt(c, &e.Millis)
	parts := e.parts()
	metrics.CodeUint(c, &parts)
	if c.Reading() {
		e.used = usedEverything
	}
	for i, ch := range [...]*Channel{&e.Channel, &e.Caller, &e.Peer, &e.Forwarded, &e.Transferee, &e.FirstLeg, &e.SecondLeg} {
		if parts&(1<<i) != 0 {
			ch.code(c)
		}
	}
	for i, b := range [...]*Bridge{&e.Bridge, &e.FirstLegBridge, &e.SecondBridge} {
		if parts&(partBridge<<i) != 0 {
			b.code(c)
		}
	}
	if parts&partVariable != 0 {
		metrics.CodeUint(c, &e.Variable)
		c.Bytes(&e.Value)
	}
	if parts&partTexts != 0 {
		for _, text := range [...]*[]byte{&e.DialStatus, &e.DialString, &e.Forward, &e.Result, &e.DestinationType, &e.Device, &e.DeviceState} {
			c.Bytes(text)
		}
	}
	if parts&partCause != 0 {
		cause := int64(e.Cause)
		metrics.CodeInt(c, &cause)
		e.Cause = int32(cause)
		c.Bool(&e.Soft)
	}
	if parts&partDialled != 0 {
		c.Bytes(&e.Channel.Exten)
	}
}

const (
	partBridge   uint32 = 1 << 7 // and the two after it; the channels before it
	partVariable uint32 = 1 << 10
	partTexts    uint32 = 1 << 11
	partCause    uint32 = 1 << 12
	partDialled  uint32 = 1 << 13

	usedEverything = 1<<10 - 1
)

// parts tells which parts say something.
func (e *Event) parts() (m uint32) {
	set := func(there bool, bit uint32) {
		if there {
			m |= bit
		}
	}
	set(e.Channel.present, 1<<0)
	if e.used&^(usedChannel|usedBridge) != 0 {
		set(e.Caller.present, 1<<1)
		set(e.Peer.present, 1<<2)
		set(e.Forwarded.present, 1<<3)
		set(e.Transferee.present, 1<<4)
		set(e.FirstLeg.present, 1<<5)
		set(e.SecondLeg.present, 1<<6)
		set(e.FirstLegBridge.there(), partBridge<<1)
		set(e.SecondBridge.there(), partBridge<<2)
	}
	set(e.Bridge.there(), partBridge)
	set(e.Variable != OtherVariable || len(e.Value) > 0, partVariable)
	set(len(e.DialStatus)+len(e.DialString)+len(e.Forward)+len(e.Result)+len(e.DestinationType)+len(e.Device)+len(e.DeviceState) > 0, partTexts)
	set(e.Cause != 0 || e.Soft, partCause)
	set(e.Type == ChannelCreated && string(e.Channel.State) == "Ring" && len(e.Channel.Exten) > 0, partDialled)
	return m
}

func (c *Channel) code(to *metrics.Coder) {
	c.present = true
	to.Bytes(&c.ID)
	to.Bytes(&c.Name)
	to.Bytes(&c.State)
	to.Bytes(&c.CallerNumber)
	to.Bytes(&c.App)
	to.Bytes(&c.AppData)
}

func (b *Bridge) there() bool { return len(b.ID) > 0 || b.n > 0 }

func (b *Bridge) code(c *metrics.Coder) {
	c.Bytes(&b.ID)
	n := c.Len(b.n)
	if n > maxBridged {
		c.Fail("bridge")
		return
	}
	b.n = n
	for i := range b.n {
		c.Bytes(&b.channels[i])
	}
}
