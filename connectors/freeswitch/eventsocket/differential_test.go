package eventsocket

import (
	"bytes"
	"strings"
	"testing"

	peer "github.com/fiorix/go-eventsocket/eventsocket"
)

// differences is where go-eventsocket reads a recording otherwise than it is
// written. It merges names that differ in case only, and of several values it
// keeps one: the first in plain form, the last in JSON. The kept one is right
// in plain form, and wrong in JSON when the values differ: a command's event
// there takes the name of the event that it carries.
type differences struct {
	events  int
	headers int // that agree in name (but for case) and value
	lists   int // in plain form one text with its marks; in JSON a panic in Event.Get
	merged  int // headers that it lost, having another of that name
	lossy   int // events that lost one
	wrong   int // headers whose kept value is not the first
	other   int // any other difference: none
}

func TestAgreesWithGoEventsocket(t *testing.T) {
	for _, test := range []struct {
		recording string
		want      differences
	}{
		{"runA/plain.raw", differences{events: 13509, headers: 1389004, lists: 1010, merged: 3008, lossy: 1583}},
		{"runA/json.seg1.raw", differences{events: 9772, headers: 1006185, lists: 920, merged: 2261, lossy: 1160, wrong: 88}},
		{"runA/json.seg2.raw", differences{events: 3501, headers: 358037, lists: 78, merged: 693, lossy: 397, wrong: 8}},
		{"runC-reload/plain.raw", differences{events: 1892, headers: 186459, lists: 192, merged: 398, lossy: 198}},
		{"runD-restart/plain.raw", differences{events: 608, headers: 41166, lists: 11, merged: 87, lossy: 51}},
		{"runD-restart/json.raw", differences{events: 608, headers: 41166, lists: 11, merged: 87, lossy: 51}},
		{"lab-narrow/plain.raw", differences{events: 2672, headers: 331053, lists: 265, merged: 329, lossy: 329}},
		{"lab-races/plain.raw", differences{events: 3857, headers: 465825, lists: 266, merged: 442, lossy: 442}},
		{"lab-restart/plain.raw", differences{events: 617, headers: 56900, merged: 45, lossy: 45}},
		{"lab-restart/plain.seg2.raw", differences{events: 591, headers: 51627, merged: 44, lossy: 44}},
		{"lab-restart/plain.seg3.raw", differences{events: 373, headers: 45150, merged: 32, lossy: 32}},
		{"lab-restart/plain.seg4.raw", differences{events: 306, headers: 39734, merged: 34, lossy: 34}},
		{"lab-runtime/plain.raw", differences{events: 1910, headers: 236693, lists: 32, merged: 200, lossy: 200}},
		{"lab-standby/plain.raw", differences{events: 1877, headers: 235788, lists: 317, merged: 250, lossy: 250}},
		{"lab-twodomains/plain.raw", differences{events: 2696, headers: 349361, lists: 148, merged: 301, lossy: 301}},
		{"runD-restart/kill9/plain.raw", differences{events: 129, headers: 10177, merged: 27, lossy: 15}},
	} {
		t.Run(test.recording, func(t *testing.T) {
			stream, events := onlyEvents(t, test.recording)
			r := NewReader(bytes.NewReader(stream), DefaultLimits)
			var e Event
			var got differences
			readAsPeer(t, stream, events, func(theirs *peer.Event) {
				f, err := r.Next()
				if err != nil {
					t.Fatal(err)
				}
				if err := f.Decode(&e); err != nil {
					t.Fatal(err)
				}
				got.compare(t, f, &e, theirs)
			})
			if got != test.want {
				t.Errorf("%+v\nwant %+v", got, test.want)
			}
		})
	}
}

// compare counts how one event was read by both.
func (d *differences) compare(t *testing.T, f *Frame, e *Event, theirs *peer.Event) {
	d.events++
	if theirs.Body != string(e.Body()) {
		d.other++
		t.Errorf("event at byte %d: body is %q, theirs %q", f.Offset, e.Body(), theirs.Body)
	}
	ours := make(map[string][]string) // values by their spelling of the name
	names := make(map[string][]string)
	last := ""
	for name, value := range e.All() {
		k := peerName(string(name))
		if string(name) != last || len(ours[k]) == 0 {
			names[k] = append(names[k], string(name))
		}
		last = string(name)
		ours[k] = append(ours[k], string(value))
	}
	lost := 0
	for k, v := range theirs.Header {
		mine := ours[k]
		delete(ours, k)
		lost += len(names[k]) - 1
		switch v := v.(type) {
		case string:
			list := strings.HasPrefix(v, arrayPrefix)
			switch {
			case len(names[k]) == 1 && len(mine) == 1 && v == mine[0]:
				d.headers++
			case len(names[k]) == 1 && list && v == arrayPrefix+strings.Join(mine, "|:"):
				d.lists++
			case len(names[k]) > 1 && v == mine[0]:
				d.headers++
			case len(names[k]) > 1 && f.Kind == JSONEvent && v == mine[len(mine)-1]:
				d.wrong++
			default:
				d.other++
				t.Errorf("event at byte %d: %s is %q, theirs %q", f.Offset, k, mine, v)
			}
		case []any:
			d.lists++
			for i, item := range v {
				if len(v) != len(mine) || item != mine[i] {
					d.other++
					t.Errorf("event at byte %d: %s is %q, theirs %q", f.Offset, k, mine, v)
					break
				}
			}
		}
	}
	for k, mine := range ours {
		d.other++
		t.Errorf("event at byte %d: %s is %q, they have none", f.Offset, k, mine)
	}
	d.merged += lost
	if lost > 0 {
		d.lossy++
	}
}

// peerName is how go-eventsocket spells a header's name.
func peerName(name string) string {
	lower := strings.ToLower(name)
	if len(name) > 9 && name[1:9] == "ariable_" {
		return "V" + lower[1:]
	}
	b := []byte(lower)
	up := true
	for i, c := range b {
		if up && 'a' <= c && c <= 'z' {
			b[i] -= 'a' - 'A'
		}
		up = c == '-' || c == '_'
	}
	return string(b)
}
