package playback

import (
	"bytes"
	"regexp"
	"testing"

	"tallyd/connectors/freeswitch/eventsocket"
)

var percentEscape = regexp.MustCompile("%[0-9A-F]{2}")

// The switch sent the same events to two connections, in both forms. Each must
// convert to the other, to the byte, but for values which the plain form cannot
// tell: those that hold a percent escape of their own.
func TestFormsConvert(t *testing.T) {
	for _, run := range []struct {
		plain, json string
		events      int
		ambiguous   int
	}{
		{"runD-restart/plain.raw", "runD-restart/json.raw", 608, 0},
		{"runA/plain.raw", "runA/json.seg1.raw", 9772, 9},
	} {
		plain := make(map[string][]byte) // by Event-Sequence
		for _, ev := range open(t, run.plain).Segments[0].Events {
			plain[header(ev.Plain, "Event-Sequence")] = ev.Plain
		}
		r := eventsocket.NewReader(bytes.NewReader(unzip(t, run.json)), eventsocket.DefaultLimits)
		both, ambiguous := 0, 0
		for {
			f, err := r.Next()
			if err != nil {
				break
			}
			if f.Kind != eventsocket.JSONEvent {
				continue
			}
			converted, err := plainFromJSON(f.Body())
			if err != nil {
				t.Fatal(err)
			}
			seq := header(converted, "Event-Sequence")
			if !bytes.Equal(converted, plain[seq]) {
				t.Fatalf("%s: event %s in plain form is\n%s\nwant\n%s", run.json, seq, converted, plain[seq])
			}
			both++
			if got := appendJSON(nil, plain[seq]); !bytes.Equal(got, f.Body()) {
				ambiguous++
				if want := percentEscape.ReplaceAllFunc(f.Body(), func(b []byte) []byte { return []byte(unescape(string(b))) }); !bytes.Equal(got, want) {
					t.Fatalf("%s: event %s in JSON is\n%s\nwant\n%s", run.plain, seq, got, want)
				}
			}
		}
		if both != run.events || ambiguous != run.ambiguous {
			t.Errorf("%s: %d events compared, %d of them ambiguous in plain form, want %d and %d", run.json, both, ambiguous, run.events, run.ambiguous)
		}
	}
}
