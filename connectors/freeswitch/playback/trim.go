package playback

import (
	"bytes"
	"io"
	"slices"
)

// Before is the part of a recording before the first event for which end is
// true.
func (rec *Recording) Before(end func(*Event) bool) *Recording {
	part := new(Recording)
	for _, seg := range rec.Segments {
		i := slices.IndexFunc(seg.Events, func(ev Event) bool { return end(&ev) })
		if i < 0 {
			part.Segments = append(part.Segments, seg)
			continue
		}
		if i > 0 {
			part.Segments = append(part.Segments, Segment{Events: seg.Events[:i:i]})
		}
		break
	}
	return part
}

// Only is the events for which keep is true.
func (rec *Recording) Only(keep func(*Event) bool) *Recording {
	part := new(Recording)
	for _, seg := range rec.Segments {
		only := Segment{Notice: seg.Notice}
		for i := range seg.Events {
			if keep(&seg.Events[i]) {
				only.Events = append(only.Events, seg.Events[i])
			}
		}
		if len(only.Events) > 0 {
			part.Segments = append(part.Segments, only)
		}
	}
	return part
}

// Headers is the recording with the headers for which keep is true, and with
// the bodies.
func (rec *Recording) Headers(keep func(name string) bool) *Recording {
	part := new(Recording)
	for _, seg := range rec.Segments {
		trimmed := Segment{Notice: seg.Notice, Events: slices.Clone(seg.Events)}
		for i := range trimmed.Events {
			trimmed.Events[i].Plain = trimHeaders(trimmed.Events[i].Plain, keep)
		}
		part.Segments = append(part.Segments, trimmed)
	}
	return part
}

func trimHeaders(plain []byte, keep func(name string) bool) []byte {
	var b []byte
	for rest := plain; ; {
		line, after, found := bytes.Cut(rest, []byte("\n"))
		if len(line) == 0 || !found {
			return append(b, rest...)
		}
		if name, _, _ := bytes.Cut(line, []byte(":")); keep(string(name)) {
			b = append(append(b, line...), '\n')
		}
		rest = after
	}
}

// WholeCalls is the recording without the calls that begin before it or end
// after it, so that it can be played in a loop. A call is all channels and queue
// members that name one another.
func (rec *Recording) WholeCalls() *Recording {
	calls := make(groups)
	whole := make(map[string]int) // by channel: 1 created, 2 ended
	for _, seg := range rec.Segments {
		for i := range seg.Events {
			ev := &seg.Events[i]
			ids := callIDs(ev.Plain)
			for _, id := range ids {
				calls.join(ids[0], id)
			}
			if uuid := header(ev.Plain, "Unique-ID"); uuid != "" {
				switch ev.Name {
				case "CHANNEL_CREATE":
					whole[uuid] |= 1
				case "CHANNEL_HANGUP_COMPLETE":
					whole[uuid] |= 2
				default:
					whole[uuid] |= 0
				}
			}
		}
	}
	broken := make(map[string]bool)
	for uuid, seen := range whole {
		if seen != 1|2 {
			broken[calls.of(uuid)] = true
		}
	}
	return rec.Only(func(ev *Event) bool {
		ids := callIDs(ev.Plain)
		return len(ids) == 0 || !broken[calls.of(ids[0])]
	})
}

// callIDs lists the uuids by which an event belongs to a call.
func callIDs(plain []byte) (ids []string) {
	for _, name := range [...]string{
		"Unique-ID", "Other-Leg-Unique-ID", "Bridge-A-Unique-ID", "Bridge-B-Unique-ID",
		"CC-Member-UUID", "CC-Member-Session-UUID", "CC-Agent-UUID",
		"variable_cc_member_uuid", "variable_cc_member_session_uuid", "variable_other_loopback_leg_uuid",
	} {
		if id := header(plain, name); len(id) == uuidLen {
			ids = append(ids, id)
		}
	}
	return ids
}

// groups joins ids that belong together; each points towards its group's name.
type groups map[string]string

func (g groups) of(id string) string {
	for {
		to, ok := g[id]
		if !ok || to == id {
			return id
		}
		if further, ok := g[to]; ok {
			g[id] = further
		}
		id = to
	}
}

func (g groups) join(a, b string) {
	if a, b = g.of(a), g.of(b); a != b {
		g[b] = a
	}
}

// WriteTo writes the recording as one connection's bytes, in plain form.
func (rec *Recording) WriteTo(w io.Writer) (n int64, err error) {
	for _, seg := range rec.Segments {
		for i := range seg.Events {
			m, err := w.Write(appendFrame(nil, "plain", seg.Events[i].Plain))
			n += int64(m)
			if err != nil {
				return n, err
			}
		}
	}
	return n, nil
}
