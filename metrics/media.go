package metrics

import "math"

// Media is how a call's audio went, of the stream that went worst: what a switch
// counted of the packets on one leg, in one direction. It is context, and no
// agent's doing. The zero value is audio that nobody measured.
type Media struct {
	MOS       uint16 // mean opinion score in hundredths, 100 to 450; 0: not measured
	Loss      uint16 // packets that did not come, in hundredths of a percent
	Jitter    uint16 // interarrival jitter in milliseconds (RFC 3550, 6.4.1)
	RoundTrip uint16 // milliseconds; 0: not measured
}

// Stream is what a switch counted of one direction of a leg's audio.
type Stream struct {
	Received, Lost    int64  // packets
	Jitter, RoundTrip Millis // 0: not measured
}

// LeastPackets is how many packets tell anything: a second's worth, of 20 ms each.
// Below, a packet that was lost on the way to the hang-up looks like bad audio.
const LeastPackets = 50

// Media rates a stream. A stream of which next to nothing came is not rated: media
// may have gone past the switch, or was not sent at all.
func (s Stream) Media() Media {
	if s.Received < LeastPackets || s.Lost < 0 || s.Lost > math.MaxInt64/10_000 {
		return Media{}
	}
	m := Media{Loss: uint16((10_000*s.Lost + (s.Received+s.Lost)/2) / (s.Received + s.Lost)), Jitter: short(s.Jitter), RoundTrip: short(s.RoundTrip)}
	m.MOS = uint16(math.Round(100 * MOS(float64(m.Loss)/100, oneWay(m.Jitter, m.RoundTrip))))
	return m
}

func short(m Millis) uint16 { return uint16(max(0, min(m, math.MaxUint16))) }

// oneWay is about how long, in milliseconds, audio takes from mouth to ear: half
// of the round trip, a packet of 20 ms, and a play-out buffer of twice the jitter.
func oneWay(jitter, roundTrip uint16) float64 {
	return 20 + 2*float64(jitter) + float64(roundTrip)/2
}

// MOS is the mean opinion score of a conversation, 1 to 4.5, by the E-model of
// ITU-T G.107: G.711 with packet loss concealment (G.113 appendix I: Ie 0, Bpl
// 25.1), random loss in percent, and the delay from mouth to ear in milliseconds.
// Everything else is at the model's defaults (R = 93.2), and the impairment by
// delay is the usual straight-line form of its curve (Cole and Rosenbluth, Voice
// over IP performance monitoring, 2001).
func MOS(loss, delay float64) float64 {
	const ie, bpl = 0, 25.1
	r := 93.2 - 0.024*delay - 0.11*max(0, delay-177.3) // G.107, 7-1, and Id
	r -= ie + (95-ie)*loss/(loss+bpl)                  // 7-29: Ie,eff at a BurstR of 1
	if r <= 0 {
		return 1
	}
	return 1 + 0.035*r + r*(r-60)*(100-r)*7e-6 // annex B, B-4
}

// Worse is the worse of two: what a call's parties heard is as good as the worst
// stream of it.
func (m Media) Worse(o Media) Media {
	switch {
	case m.MOS == 0 || o.MOS != 0 && o.MOS < m.MOS:
		return o
	case o.MOS == m.MOS && o.Loss > m.Loss:
		return o
	}
	return m
}

// Bad tells whether audio is below a mean opinion score in hundredths.
func (m Media) Bad(below int) bool { return m.MOS != 0 && int(m.MOS) < below }

// code codes the fields, for both directions.
func (m *Media) code(c *Coder) {
	for _, x := range [...]*uint16{&m.MOS, &m.Loss, &m.Jitter, &m.RoundTrip} {
		CodeUint(c, x)
	}
	if m.MOS > 450 || m.Loss > 10_000 {
		c.Fail("media")
	}
}

// sightOfLegs is how many visits back a leg's is looked for.
const sightOfLegs = 4096

// legMedia notes how a leg's audio went: in the visits whose caller's or agent's leg
// it is, and in the agent's own call. Switches tell of it when the leg is hung up,
// up to a moment after the visit.
func (t *Tracker) legMedia(e *Event) {
	if e.Media.MOS == 0 || e.Leg.IsZero() {
		return
	}
	if l := t.legs[e.Leg]; l != nil {
		l.call.media = l.call.media.Worse(e.Media)
	}
	v := t.newest
	for range sightOfLegs {
		if v == nil {
			return
		}
		if v.leg == e.Leg || v.agentLeg == e.Leg {
			if m := v.media.Worse(e.Media); m != v.media {
				v.media = m
				v.amended = v.amended || v.state == gone
			}
		}
		v = v.prev
	}
}
