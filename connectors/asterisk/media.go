package asterisk

import (
	"bytes"
	"strconv"

	"tallyd/metrics"
)

// legMedia tells how the audio of a channel that is being hung up went. A phone
// behind a Local channel tells of the leg that the queue rang.
func (t *Translator) legMedia(c *channel, quality []byte, at metrics.Millis) {
	m := mediaOf(quality)
	if m.MOS == 0 {
		return
	}
	leg := c.id
	if o := c.behind; o != nil && o.ch != nil {
		leg = o.ch.id
	}
	t.put(metrics.Event{Kind: metrics.LegMedia, At: at, Leg: leg, Media: m})
}

// mediaOf reads RTPAUDIOQOS, which Asterisk sets when a channel is hung up:
// ssrc=…;lp=…;rxjitter=…;rxcount=…;txjitter=…;txcount=…;rlp=…;rtt=…, with packets,
// and times in seconds. It counts what was lost when it reports by RTCP, every five
// seconds: a shorter call shows no loss. What the other side received it knows by RTCP
// alone: without any, nothing was lost, which says nothing.
func mediaOf(quality []byte) metrics.Media {
	var in, out metrics.Stream
	var sent int64
	for len(quality) > 0 {
		field, rest, _ := bytes.Cut(quality, []byte{';'})
		name, value, _ := bytes.Cut(field, []byte{'='})
		quality = rest
		v, err := strconv.ParseFloat(string(value), 64)
		if err != nil || !(v >= 0 && v < 1e9) { // counters of nothing have been seen below 0
			continue
		}
		ms := metrics.Millis(v*1000 + 0.5)
		switch string(name) {
		case "rxcount":
			in.Received = int64(v)
		case "lp":
			in.Lost = int64(v)
		case "rxjitter":
			in.Jitter = ms
		case "txcount":
			sent = int64(v)
		case "rlp":
			out.Lost = int64(v)
		case "txjitter":
			out.Jitter = ms
		case "rtt":
			in.RoundTrip, out.RoundTrip = ms, ms
		}
	}
	m := in.Media()
	if out.Lost > 0 || out.Jitter > 0 || out.RoundTrip > 0 {
		out.Received = sent - out.Lost
		m = m.Worse(out.Media())
	}
	return m
}
