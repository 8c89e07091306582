package asterisk

import (
	"bytes"
	"strings"

	"tallyd/metrics"
)

// deviceOf is the device of an interface: app_queue takes it without options
// (Local/1006@agents/n, PJSIP/1001/sip:…).
func deviceOf(interf string) string {
	if strings.HasPrefix(interf, "Local/") {
		if i := strings.LastIndexByte(interf, '/'); i > len("Local/") {
			return interf[:i]
		}
		return interf
	}
	if i := strings.IndexByte(interf, '/'); i >= 0 {
		if j := strings.IndexByte(interf[i+1:], '/'); j >= 0 {
			return interf[:i+1+j]
		}
	}
	return interf
}

// behind is the member whose interface leads to a device that nothing was seen
// to lead to: a Local channel's name lacks its interface's options
// (Local/1006@agents/n), and the phone that it calls mostly has its number.
func (r *roll) behind(device string) *member {
	_, number, _ := strings.Cut(device, "/")
	var same *member
	for _, m := range r.list {
		if deviceOf(m.interf) == device {
			return m
		}
		if strings.HasPrefix(m.interf, "Local/"+number+"@") {
			same = m
		}
	}
	return same
}

// own notes that an interface, or state interface, which is a device by itself
// is its member's: the calls there are the member's. A trunk's are not, though a
// member may be reached through it (PJSIP/5550100@trunk, SIP/trunk/5550100).
func (t *Translator) own(interf string, m *member) {
	interf, _, _ = strings.Cut(interf, "/sip:")
	if strings.Count(interf, "/") != 1 || strings.ContainsAny(interf, "@:") {
		return // hint:1006@agents, Custom:x
	}
	r := &t.members
	if h := r.byDevice[interf]; h.own && interf != m.interf || len(r.byDevice) >= maxMembers {
		return // a member's interface counts before another's state interface
	}
	r.byDevice[interf] = holder{m, true}
}

// learn notes whose phone it is that a Local channel led to, unless it is
// somebody's own. One that is rung for two members is neither's.
func (t *Translator) learn(device []byte, m *member) {
	r := &t.members
	h, known := r.byDevice[string(device)]
	switch {
	case !known && len(r.byDevice) < maxMembers:
		r.byDevice[string(device)] = holder{m, false}
	case known && !h.own && h.member != m:
		r.byDevice[string(device)] = holder{}
	}
}

// holder is whose device it is.
type holder struct {
	member *member
	own    bool // it is the member's interface
}

// deviceState takes a device's state: whether a phone can be reached, and, as
// "Queue:<queue>_pause_<interface>", whether a member is paused in a queue.
func (t *Translator) deviceState(name, state []byte, at metrics.Millis) {
	if rest, ok := bytes.CutPrefix(name, []byte("Queue:")); ok {
		if queue, interf, ok := cutPause(rest); ok && !t.members.ami {
			t.pauseState(queue, interf, state, at)
		} else {
			t.Counts.Ignored++
		}
		return
	}
	t.reach(string(name), away(string(state)), at)
}

// cutPause takes <queue>_pause_<interface> apart. A queue's name may hold
// "_pause_" itself; an interface has a technology and a slash.
func cutPause(b []byte) (queue, interf []byte, ok bool) {
	sep := []byte("_pause_")
	for from := 0; ; {
		i := bytes.Index(b[from:], sep)
		if i < 0 {
			return nil, nil, false
		}
		queue, interf = b[:from+i], b[from+i+len(sep):]
		if !bytes.Contains(interf, sep) || bytes.IndexByte(interf, '/') < bytes.Index(interf, sep) {
			return queue, interf, true
		}
		from += i + len(sep)
	}
}

func (t *Translator) pauseState(queue, interf, state []byte, at metrics.Millis) {
	m := t.member(interf)
	if m == nil {
		return
	}
	q := t.queue(queue)
	switch string(state) {
	case "INUSE":
		reason := metrics.ReasonID(0)
		if m.asked != "" && at-m.askedAt < askedFor {
			reason = t.reason([]byte(m.asked))
		}
		t.pause(m, q, true, reason, at)
	case "NOT_INUSE":
		t.joins(m, q, at)
		t.pause(m, q, false, 0, at)
	default: // UNKNOWN, INVALID: no longer a member
		t.quits(m, q, at)
	}
}

// reach takes whether a device can be reached.
func (t *Translator) reach(device string, away bool, at metrics.Millis) {
	r := &t.members
	_, known := r.byDevice[device]
	if away && (known || len(r.away) < maxMembers) {
		r.away[device] = true
	} else {
		delete(r.away, device)
	}
	for _, m := range r.list {
		if m.device == device && m.away != away {
			m.away = away
			if m.status != metrics.UnknownStatus || len(m.queues) > 0 {
				t.tell(m, at)
			}
		}
	}
}
