package asterisk

import (
	"strings"

	"tallyd/connectors/asterisk/arievent"
	"tallyd/metrics"
)

// askedFor is how long the reason that a dialplan gave for a pause goes with
// the device state that follows.
const askedFor metrics.Millis = 2_000

// request notes what a dialplan asks of a queue's members; a variable tells
// afterwards whether it was granted.
func (t *Translator) request(c *channel, e *arievent.Event, at metrics.Millis) {
	c.request = string(e.Channel.AppData)
	if string(e.Channel.App) == "PauseQueueMember" {
		if m := t.member([]byte(c.interf(1, e))); m != nil {
			m.asked, m.askedAt = argument(c.request, 3), at
		}
	}
}

// interf is the interface that an argument names, or the channel's own.
func (c *channel) interf(n int, e *arievent.Event) string {
	if a := argument(c.request, n); a != "" {
		return a
	}
	return string(device(e.Channel.Name))
}

func argument(data string, n int) string {
	for range n {
		i := strings.IndexByte(data, ',')
		if i < 0 {
			return ""
		}
		data = data[i+1:]
	}
	data, _, _ = strings.Cut(data, ",")
	return strings.TrimSpace(data)
}

// granted takes the variable in which such an application leaves its result.
func (t *Translator) granted(c *channel, e *arievent.Event, at metrics.Millis) {
	if t.members.ami {
		return
	}
	m := t.member([]byte(c.interf(1, e)))
	queue := argument(c.request, 0)
	if m == nil {
		return
	}
	switch string(e.Value) {
	case "ADDED":
		if name := argument(c.request, 4); name != "" {
			m.name = name
		}
		if state := argument(c.request, 5); state != "" {
			m.device = state
			t.own(state, m)
		}
		t.joins(m, t.queue([]byte(queue)), at)
	case "REMOVED":
		t.quits(m, t.queue([]byte(queue)), at)
	}
}
