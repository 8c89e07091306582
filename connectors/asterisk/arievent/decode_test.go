package arievent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// reference is what encoding/json makes of an event.
type reference struct {
	Type, Timestamp, Variable, Value string
	DialStatus                       string `json:"dialstatus"`
	DialString                       string `json:"dialstring"`
	Forward, Result, Exten, Digit    string
	DestinationType                  string `json:"destination_type"`
	Cause                            int32
	Soft                             bool
	Channel, Caller, Peer, Forwarded *referenceChannel
	Transferee                       *referenceChannel
	FirstLeg                         *referenceChannel `json:"transferer_first_leg"`
	SecondLeg                        *referenceChannel `json:"transferer_second_leg"`
	Bridge                           *referenceBridge
	FirstLegBridge                   *referenceBridge             `json:"transferer_first_leg_bridge"`
	SecondBridge                     *referenceBridge             `json:"transferer_second_leg_bridge"`
	DeviceState                      struct{ Name, State string } `json:"device_state"`
}

type referenceChannel struct {
	ID, Name, State string
	Caller          struct{ Number string }
	Dialplan        struct {
		Context, Exten string
		Priority       int32
		App            string `json:"app_name"`
		Data           string `json:"app_data"`
	}
}

type referenceBridge struct {
	ID, Technology string
	Type           string `json:"bridge_type"`
	Channels       []string
}

func (r *referenceChannel) String() string {
	if r == nil {
		return "none"
	}
	d := r.Dialplan
	return fmt.Sprintf("%q", []string{r.ID, r.Name, r.State, r.Caller.Number, d.Context, d.Exten, fmt.Sprint(d.Priority), d.App, d.Data})
}

func (c *Channel) String() string {
	if !c.Present() {
		return "none"
	}
	return fmt.Sprintf("%q", []string{string(c.ID), string(c.Name), string(c.State), string(c.CallerNumber), string(c.Context),
		string(c.Exten), fmt.Sprint(c.Priority), string(c.App), string(c.AppData)})
}

func (r *referenceBridge) String() string {
	if r == nil {
		r = &referenceBridge{}
	}
	return fmt.Sprintf("%q", append([]string{r.ID, r.Type, r.Technology}, r.Channels[:min(len(r.Channels), maxBridged)]...))
}

func (b *Bridge) String() string {
	l := []string{string(b.ID), string(b.Type), string(b.Technology)}
	for _, c := range b.Channels() {
		l = append(l, string(c))
	}
	return fmt.Sprintf("%q", l)
}

// differs says where a decoded event is not what encoding/json makes of it.
func differs(e *Event, r *reference) (out []string) {
	same := func(name string, got, want any) {
		if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
			out = append(out, fmt.Sprintf("%s is %s, encoding/json has %s", name, g, w))
		}
	}
	same("type", string(e.TypeName), r.Type)
	if e.Type <= Unwanted {
		return out
	}
	at, err := time.Parse("2006-01-02T15:04:05.999-0700", r.Timestamp)
	same("timestamp", e.Millis, at.UnixMilli())
	same("its fault", e.StampFault, err != nil)
	same("channel", &e.Channel, r.Channel)
	same("caller", &e.Caller, r.Caller)
	same("peer", &e.Peer, r.Peer)
	same("forwarded", &e.Forwarded, r.Forwarded)
	same("transferee", &e.Transferee, r.Transferee)
	same("first leg", &e.FirstLeg, r.FirstLeg)
	same("second leg", &e.SecondLeg, r.SecondLeg)
	same("bridge", &e.Bridge, r.Bridge)
	same("first leg's bridge", &e.FirstLegBridge, r.FirstLegBridge)
	same("second leg's bridge", &e.SecondBridge, r.SecondBridge)
	same("others", []string{string(e.Value), string(e.DialStatus), string(e.DialString), string(e.Forward), string(e.Result),
		string(e.Exten), string(e.Digit), string(e.DestinationType), string(e.Device), string(e.DeviceState), fmt.Sprint(e.Cause, e.Soft)},
		[]string{r.Value, r.DialStatus, r.DialString, r.Forward, r.Result, r.Exten, r.Digit, r.DestinationType, r.DeviceState.Name,
			r.DeviceState.State, fmt.Sprint(r.Cause, r.Soft)})
	return out
}

// TestAgreement: every field of every recorded event is what encoding/json makes of it.
func TestAgreement(t *testing.T) {
	for _, version := range []string{"22", "16"} {
		t.Run(version, func(t *testing.T) {
			var e Event
			seen := map[Type]int{}
			for i, b := range recorded(t, version) {
				var r reference
				if err := json.Unmarshal(b, &r); err != nil {
					t.Fatal(err)
				}
				if err := e.Decode(b); err != nil {
					t.Fatalf("event %d: %v", i, err)
				}
				seen[e.Type]++
				if d := differs(&e, &r); d != nil {
					t.Fatalf("event %d: %s\n%s", i, strings.Join(d, "\n"), b)
				}
				if e.Type == Unknown {
					t.Errorf("event %d: type %q is unknown", i, e.TypeName)
				}
			}
			for _, want := range []Type{BridgeAttendedTransfer, BridgeBlindTransfer, ChannelDialplan, ChannelDtmfReceived, ChannelHold, ChannelVarset, Dial, DeviceStateChanged, Unwanted} {
				if seen[want] == 0 {
					t.Errorf("the recording has no event of type %d", want)
				}
			}
		})
	}
}

// TestUnwantedVariable: variables that nothing counts are two thirds of all events.
func TestUnwantedVariable(t *testing.T) {
	var e Event
	varsets, wanted := 0, 0
	for _, b := range recorded(t, "22") {
		if !bytes.Contains(b, []byte(`"ChannelVarset"`)) {
			continue
		}
		varsets++
		if err := e.Decode(b); err != nil {
			t.Fatal(err)
		}
		if e.Type == ChannelVarset {
			wanted++
			if e.Variable == OtherVariable || !e.Channel.Present() {
				t.Errorf("variable %d is handed on for channel %v", e.Variable, &e.Channel)
			}
		}
	}
	if varsets < 10_000 || wanted == 0 || wanted > varsets/5 {
		t.Errorf("%d of %d are wanted", wanted, varsets)
	}
}

func TestDecode(t *testing.T) {
	for _, test := range []struct {
		name, in string
		want     func(e *Event) string
		out      string
	}{
		{"keys in another order", `{"channel":{"id":"1.2","name":"PJSIP/a-1"},"value":"TIMEOUT","type":"ChannelVarset","variable":"QUEUESTATUS","timestamp":"2026-11-23T15:51:02.945+0000"}`,
			func(e *Event) string {
				return fmt.Sprint(e.Type == ChannelVarset, e.Variable == QueueStatus, string(e.Value), string(e.Channel.ID), e.Millis)
			},
			"true trueTIMEOUT1.21795449062945"},
		{"escapes", `{"type":"Dial","dialstatus":"","dialstring":"Local\/1\u00e9\ud83d\ude00@a\\b\t\"","peer":{"id":"x"}}`,
			func(e *Event) string { return string(e.DialString) }, "Local/1é😀@a\\b\t\""},
		{"half a surrogate", `{"type":"Dial","dialstring":"\ud83d!"}`, func(e *Event) string { return string(e.DialString) }, "\uFFFD!"},
		{"UTF-8 as it is", `{"type":"ChannelHold","channel":{"name":"PJSIP/客服-0001"}}`, func(e *Event) string { return string(e.Channel.Name) }, "PJSIP/客服-0001"},
		{"null and other kinds of values", `{"type":"Dial","channel":null,"caller":"x","peer":7,"bridge":[],"cause":"a","soft":0,"device_state":null,"forward":null,"timestamp":"yesterday"}`,
			func(e *Event) string { return fmt.Sprint(e.Peer.Present(), e.Cause, e.Soft, e.StampFault) }, "false 0 false true"},
		{"numbers", `{"type":"ChannelHangupRequest","cause":-19,"soft":true,"x":-1.5e+10,"channel":{"dialplan":{"priority":2147483648}}}`,
			func(e *Event) string { return fmt.Sprint(e.Cause, e.Soft, e.Channel.Priority) }, "-19 true 0"},
		{"an unknown type is not read on", `{"type":"Moonrise","then":nonsense`, func(e *Event) string { return fmt.Sprint(e.Type, string(e.TypeName)) }, "0Moonrise"},
		{"no type", `{}`, func(e *Event) string { return fmt.Sprint(e.Type) }, "0"},
		{"spaces", " {\n\t\"type\" : \"ChannelHold\" , \"channel\" : { \"id\" : \"1\" } }\r\n", func(e *Event) string { return string(e.Channel.ID) }, "1"},
		{"a conference", `{"type":"ChannelEnteredBridge","bridge":{"id":"b","channels":["1","2","3","4","5","6","7","8","9","10"]}}`,
			func(e *Event) string { return fmt.Sprint(len(e.Bridge.Channels())) }, "8"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var e Event
			if err := e.Decode([]byte(test.in)); err != nil {
				t.Fatal(err)
			}
			if got := test.want(&e); got != test.out {
				t.Errorf("got %q, want %q", got, test.out)
			}
		})
	}
}

func TestBadFraming(t *testing.T) {
	for _, in := range []string{"", "[]", "7", `{"type":"Dial"`, `{"type":"Dial",}`, `{"type":"Dial"} x`, `{"type":"Dial","x":tru}`, `{"type":"Dial","x":01}`,
		`{"type":"Dial","x":"a` + "\n" + `"}`, `{"type":"Dial","dialstring":"\q"}`, `{"type":"Dial","dialstring":"\u12"}`, `{"type":"Dial","dialstring":"\`,
		`{"type":Dial}`, `{type:"Dial"}`, `{"a":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`,
		`{"a":"` + strings.Repeat("x", MaxEvent) + `"}`} {
		var e Event
		if err := e.Decode([]byte(in)); !errors.Is(err, ErrFormat) {
			t.Errorf("%.40q: error %v", in, err)
		}
	}
}

// TestCut: an event cut anywhere is a fault, or was not read that far.
func TestCut(t *testing.T) {
	var e Event
	for _, b := range recorded(t, "16")[:200] {
		if err := e.Decode(b); err != nil {
			t.Fatal(err)
		}
		whole := e.Type
		for cut := range b {
			if err := e.Decode(b[:cut]); err == nil && e.Type > Unwanted {
				t.Fatalf("cut at %d an event of type %d is read as one of type %d: %s", cut, whole, e.Type, b[:cut])
			}
		}
	}
}

func TestUnwrap(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{`{"rx":1795449062.945855,"ev":{"type":"Dial"}}`, `{"type":"Dial"} true`},
		{`{"ev": {"type":"Dial"} ,"rx":1}`, `{"type":"Dial"} true`},
		{`{"type":"Dial"}`, `{"type":"Dial"} false`},
		{`{"rx":1}`, `{"rx":1} false`},
		{`{"rx":1,"ev":{"type"`, ` false at byte 20: not a JSON object`},
	} {
		event, wrapped, err := Unwrap([]byte(test.in))
		got := fmt.Sprint(string(event), " ", wrapped)
		if err != nil {
			got += " " + err.Error()
		}
		if got != test.want {
			t.Errorf("%s: %s, want %s", test.in, got, test.want)
		}
	}
}

func TestParseStamp(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"2026-11-23T21:54:22.238+0530", "2026-11-23T16:24:22.238Z"},
		{"2026-11-23T15:51:02.945+0000", "2026-11-23T15:51:02.945Z"},
		{"2026-11-23T12:21:02.945-0330", "2026-11-23T15:51:02.945Z"},
		{"2026-11-24T05:36:02.945+1345", "2026-11-23T15:51:02.945Z"},
		{"2026-11-23T15:51:02+00:00", "2026-11-23T15:51:02Z"},
		{"2026-11-23T15:51:02Z", "2026-11-23T15:51:02Z"},
		{"2026-11-23T15:51:02.9459999Z", "2026-11-23T15:51:02.945Z"},
		{"2024-02-29T23:59:59.999-1200", "2024-03-01T11:59:59.999Z"},
		{"2026-01-01T00:00:00.000+1400", "2025-12-31T10:00:00Z"},
		{"1999-12-31T23:59:59.5+0000", "1999-12-31T23:59:59.5Z"},
	} {
		ms, ok := ParseStamp([]byte(test.in))
		if got := time.UnixMilli(ms).UTC().Format(time.RFC3339Nano); !ok || got != test.want {
			t.Errorf("%s: %s %v, want %s", test.in, got, ok, test.want)
		}
	}
	for _, in := range []string{"", "2026-11-23", "2026-11-23T15:51:02", "2026-11-23T15:51:02.+0000", "2026-13-23T15:51:02Z", "2026-11-23T25:51:02Z", "2026-11-23T15:51:02+0060",
		"2026-11-23T15:51:02+000", "2026-11-23T15:51:02 UTC", "2o26-11-23T15:51:02Z", "2026-11-23T15:51:02+9900"} {
		if ms, ok := ParseStamp([]byte(in)); ok {
			t.Errorf("%q is read as %d", in, ms)
		}
	}
}

// TestDays agrees with the standard library over eight centuries.
func TestDays(t *testing.T) {
	for day := time.Date(1600, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() < 2400; day = day.AddDate(0, 0, 1) {
		if got, want := days(int64(day.Year()), int64(day.Month()), int64(day.Day())), day.Unix()/86400; got != want {
			t.Fatalf("%s: %d, want %d", day, got, want)
		}
	}
}

// TestReset: nothing of one event shows in the next.
func TestReset(t *testing.T) {
	list := recorded(t, "22")
	var used Event
	for i, b := range list {
		var fresh Event
		if err := errors.Join(fresh.Decode(b), used.Decode(b)); err != nil {
			t.Fatal(err)
		}
		fresh.scratch, used.scratch = nil, nil
		if g, w := fmt.Sprintf("%+v", used), fmt.Sprintf("%+v", fresh); g != w {
			t.Fatalf("event %d: after others %s, alone %s", i, g, w)
		}
	}
}
