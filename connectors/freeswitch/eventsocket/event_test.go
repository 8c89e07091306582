package eventsocket

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// next returns the only frame of a stream made of a body and its envelope.
func next(tb testing.TB, kind, body string) *Frame {
	tb.Helper()
	stream := fmt.Sprintf("Content-Length: %d\nContent-Type: text/event-%s\n\n%s", len(body), kind, body)
	f, err := NewReader(strings.NewReader(stream), Limits{}).Next()
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

func decode(tb testing.TB, kind, body string) *Event {
	tb.Helper()
	e := new(Event)
	if err := next(tb, kind, body).Decode(e); err != nil {
		tb.Fatal(err)
	}
	return e
}

func values(e *Event, k Key) []string {
	var all []string
	for v := range e.Values(k) {
		all = append(all, string(v))
	}
	return all
}

func headers(e *Event) string {
	var all []string
	for n, v := range e.All() {
		all = append(all, fmt.Sprintf("%s=%q", n, v))
	}
	return strings.Join(all, " ")
}

// The same event in both forms must read the same.
func TestEventContent(t *testing.T) {
	for _, test := range []struct {
		name, plain, json string
		key               Key
		values            []string // of key
		body              string
		bad               int
	}{
		{
			name:  "percent escapes",
			plain: "Caller-Caller-ID-Name: Jos%C3%A9%20M%c3%bcller\n\n",
			json:  `{"Caller-Caller-ID-Name":"José Müller"}`,
			key:   KeyCallerCallerIDName, values: []string{"José Müller"},
		},
		{
			name:  "plus is a plus (runA: a+b=c&d)",
			plain: "Caller-Caller-ID-Name: a+b%3Dc%26d\n\n",
			json:  `{"Caller-Caller-ID-Name":"a+b=c&d"}`,
			key:   KeyCallerCallerIDName, values: []string{"a+b=c&d"},
		},
		{
			name:  "bad escapes stay and are counted",
			plain: "Caller-Caller-ID-Name: 100%zz%4%\n\n",
			json:  `{"Caller-Caller-ID-Name":"100%zz%4%"}`,
			key:   KeyCallerCallerIDName, values: []string{"100%zz%4%"},
			bad: 3, // in plain
		},
		{
			name:  "quotes and backslashes",
			plain: "Caller-Caller-ID-Name: %22x%5C%22%20%5C%5C\n\n",
			json:  `{"Caller-Caller-ID-Name":"\"x\\\" \\\\"}`,
			key:   KeyCallerCallerIDName, values: []string{`"x\" \\`},
		},
		{
			name:  "line ends and colons in values",
			plain: "Caller-Caller-ID-Name: a%0D%0Ab: c\n\n",
			json:  `{"Caller-Caller-ID-Name":"a\r\nb: c"}`,
			key:   KeyCallerCallerIDName, values: []string{"a\r\nb: c"},
		},
		{
			name:  "bytes that are no UTF-8",
			plain: "Caller-Caller-ID-Name: %ff%FEx\n\n",
			json:  "{\"Caller-Caller-ID-Name\":\"\xff\xfex\"}",
			key:   KeyCallerCallerIDName, values: []string{"\xff\xfex"},
		},
		{
			name:  "a header sent twice: the first counts, both are there",
			plain: "Hangup-Cause: NORMAL_CLEARING\nUnique-ID: 7\nHangup-Cause: NO_ANSWER\n\n",
			json:  `{"Hangup-Cause":"NORMAL_CLEARING","Unique-ID":"7","Hangup-Cause":"NO_ANSWER"}`,
			key:   KeyHangupCause, values: []string{"NORMAL_CLEARING", "NO_ANSWER"},
		},
		{
			name:  "names are case-sensitive (PRESENCE_IN of mod_callcenter)",
			plain: "unique-id: support@default\nUnique-ID: 7\n\n",
			json:  `{"unique-id":"support@default","Unique-ID":"7"}`,
			key:   KeyUniqueID, values: []string{"7"},
		},
		{
			name:  "lists",
			plain: "variable_transfer_history: ARRAY%3A%3Aone%7C%3Atwo%7C%3A%7C%3Afour\n\n",
			json:  `{"variable_transfer_history":["one","two","","four"]}`,
			key:   KeyVarTransferHistory, values: []string{"one", "two", "", "four"},
		},
		{
			name:  "a list of one, and a header after it",
			plain: "variable_transfer_history: ARRAY::one\nvariable_transfer_history: two|:three\n\n",
			json:  `{"variable_transfer_history":["one"],"variable_transfer_history":"two|:three"}`,
			key:   KeyVarTransferHistory, values: []string{"one", "two|:three"},
		},
		{
			name:  "an empty value is a value",
			plain: "CC-Agent-UUID: \nCC-Agent:\n\n",
			json:  `{"CC-Agent-UUID":"","CC-Agent":""}`,
			key:   KeyCCAgentUUID, values: []string{""},
		},
		{
			name:  "a body",
			plain: "Event-Name: RECV_INFO\nContent-Length: 24\n\nSignal=1\r\nDuration=160\r\n",
			json:  `{"Event-Name":"RECV_INFO","Content-Length":"24","_body":"Signal=1\r\nDuration=160\r\n"}`,
			key:   KeyEventName, values: []string{"RECV_INFO"},
			body: "Signal=1\r\nDuration=160\r\n",
		},
		{
			name:  "a plain body is not escaped",
			plain: "Event-Name: MESSAGE\nContent-Length: 5\n\n%41\n\n",
			json:  `{"Event-Name":"MESSAGE","Content-Length":"5","_body":"%41\n\n"}`,
			key:   KeyEventName, values: []string{"MESSAGE"},
			body: "%41\n\n",
		},
		{
			name:  "no headers",
			plain: "\n",
			json:  `{}`,
			key:   KeyEventName,
		},
		{
			name:  "CRLF, no space, no last line end; white space in JSON",
			plain: "Event-Name: API\r\nCC-Action:x",
			json:  " {\t\"Event-Name\" : \"API\" ,\r\n\"CC-Action\":\"x\" }\n",
			key:   KeyCCAction, values: []string{"x"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			plain, json := decode(t, "plain", test.plain), decode(t, "json", test.json)
			for kind, e := range map[string]*Event{"plain": plain, "json": json} {
				if got := values(e, test.key); !slices.Equal(got, test.values) {
					t.Errorf("%s: %s is %q, want %q", kind, test.key, got, test.values)
				}
				first := e.Get(test.key)
				if len(test.values) == 0 && first != nil || len(test.values) > 0 && (first == nil || string(first) != test.values[0]) {
					t.Errorf("%s: Get(%s) is %q, want the first of %q", kind, test.key, first, test.values)
				}
				looked, ok := e.Lookup(test.key.String())
				if ok != (first != nil) || string(looked) != string(first) {
					t.Errorf("%s: Lookup is %q, %t; Get is %q", kind, looked, ok, first)
				}
				if string(e.Body()) != test.body {
					t.Errorf("%s: body is %q, want %q", kind, e.Body(), test.body)
				}
				// Unescaped texts lie one behind the other: none may move another.
				if got := values(e, test.key); !slices.Equal(got, test.values) {
					t.Errorf("%s: second reading of %s is %q, want %q", kind, test.key, got, test.values)
				}
			}
			if headers(plain) != headers(json) {
				t.Errorf("headers differ:\nplain %s\njson  %s", headers(plain), headers(json))
			}
			if plain.BadEscapes != test.bad || json.BadEscapes != 0 {
				t.Errorf("%d bad escapes in plain and %d in JSON, want %d and 0", plain.BadEscapes, json.BadEscapes, test.bad)
			}
		})
	}
}

func TestJSONOnly(t *testing.T) {
	for _, test := range []struct {
		name, json string
		key        Key
		values     []string
		bad        int
	}{
		{"every escape", `{"Event-Name":"\"\\\/\b\f\n\r\tA\u00e9\u20AC"}`, KeyEventName, []string{"\"\\/\b\f\n\r\tAé€"}, 0},
		{"a surrogate pair", `{"Event-Name":"x\ud83d\ude00y"}`, KeyEventName, []string{"x😀y"}, 0},
		{"half a pair", `{"Event-Name":"\ud83dx\ude00\ud83d\u0041"}`, KeyEventName, []string{"\ufffdx\ufffd\ufffdA"}, 3},
		{"no escape at all", `{"Event-Name":"\q\u12g4\u12"}`, KeyEventName, []string{`\q\u12g4\u12`}, 3},
		{"control characters as they are", "{\"Event-Name\":\"a\x01\n\"}", KeyEventName, []string{"a\x01\n"}, 0},
		{"numbers and truth keep their text", `{"CC-Count":-1.5e3,"Up-Time":true}`, KeyCCCount, []string{"-1.5e3"}, 0},
		{"null and objects have no value", `{"CC-Count":null,"CC-Count":{"a":[1,{"b":"}"}]},"CC-Count":"3"}`, KeyCCCount, []string{"3"}, 0},
		{"lists hold what they hold", `{"CC-Count":["1",["x"],{"y":"]"},null,2,"\""]}`, KeyCCCount, []string{"1", "2", `"`}, 0},
		{"empty list", `{"CC-Count":[],"Event-Name":"API"}`, KeyCCCount, nil, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := decode(t, "json", test.json)
			if got := values(e, test.key); !slices.Equal(got, test.values) {
				t.Errorf("%s is %q, want %q", test.key, got, test.values)
			}
			if e.BadEscapes != test.bad {
				t.Errorf("%d bad escapes, want %d", e.BadEscapes, test.bad)
			}
		})
	}
}

// Content that cannot be read is the error of one event, placed in the stream;
// the event is then empty and the next frame is found.
func TestBadContent(t *testing.T) {
	deep := strings.Repeat("[", 40) + strings.Repeat("]", 40)
	for _, test := range []struct{ kind, body, err string }{
		{"plain", "Event-Name: API\nno colon here\n\n", `at byte 67: event header has no name and colon: "no colon here\n"`},
		{"plain", ": no name\n\n", `at byte 51: event header has no name and colon: ": no name\n"`},
		{"plain", "Content-Length: 9\n\nshort", `at byte 70: event's own Content-Length exceeds what its frame holds: "9"`},
		{"plain", "Content-Length: x\n\n", `at byte 51: event's own Content-Length is not a number of bytes: "x"`},
		{"plain", strings.Repeat("key:\n", 70_000), `event has more than 65535 values of wanted headers`},
		{"json", ``, `at byte 49: JSON event is not an object`},
		{"json", `["Event-Name"]`, `at byte 50: JSON event is not an object: "[\"Event-Name\"]"`},
		{"json", `{`, `at byte 50: JSON member has no name`},
		{"json", `{"Event-Name"`, `at byte 63: JSON name has no colon`},
		{"json", `{"Event-Name":`, `at byte 64: JSON value is missing`},
		{"json", `{"Event-Name":"API`, `at byte 64: JSON string has no end: "\"API"`},
		{"json", `{"Event-Name":"API\"}`, `at byte 64: JSON string has no end: "\"API\\\"}"`},
		{"json", `{"Event-Name":"API"`, `at byte 69: JSON object misses a comma or its end`},
		{"json", `{"Event-Name":"API",}`, `at byte 70: JSON member has no name: "}"`},
		{"json", `{"Event-Name":"API"}}`, `at byte 70: bytes follow the JSON object: "}"`},
		{"json", `{"Event-Name":["a" "b"]}`, `at byte 69: JSON list or object misses a comma or its end: "\"b\"]}"`},
		{"json", `{"Event-Name":["a",]}`, `at byte 69: JSON value is missing: "]}"`},
		{"json", `{"Event-Name":{"a" 1}}`, `at byte 69: JSON name has no colon: "1}}"`},
		{"json", `{"Event-Name":{a:1}}`, `at byte 65: JSON member has no name: "a:1}}"`},
		{"json", `{"Event-Name":@}`, `at byte 64: JSON value is missing: "@}"`},
		{"json", `{"x":` + deep + `}`, `JSON values are nested too deeply`},
		{"json", `{"key":[` + strings.Repeat(`"",`, 70_000) + `""]}`, `event has more than 65535 values of wanted headers`},
	} {
		body := test.body
		if len(body) > 30 {
			body = body[:30] + "…"
		}
		t.Run(body, func(t *testing.T) {
			stream := fmt.Sprintf("Content-Length: %d\nContent-Type: text/event-%s\n\n%s%s", len(test.body), test.kind, test.body, greeting)
			r := NewReader(strings.NewReader(stream), Limits{})
			f, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			var e Event
			err = f.Decode(&e)
			var bad *FormatError
			if !errors.As(err, &bad) || !strings.Contains(err.Error(), test.err) {
				t.Errorf("Decode: %v\nwant %s", err, test.err)
			}
			if e.Get(KeyEventName) != nil || headers(&e) != "" {
				t.Errorf("half an event is left: %s", headers(&e))
			}
			f.Name() // says something or nothing, and returns
			if f, err := r.Next(); err != nil || f.Kind != AuthRequest {
				t.Errorf("next frame: %v, want the greeting", err)
			}
		})
	}
}

func TestDecodeOfOtherFrames(t *testing.T) {
	f, err := NewReader(strings.NewReader(greeting), Limits{}).Next()
	if err != nil {
		t.Fatal(err)
	}
	err = f.Decode(new(Event))
	if want := "event socket stream at byte 28: frame is not an event but auth/request"; err == nil || err.Error() != want {
		t.Errorf("Decode: %v, want %s", err, want)
	}
	if name, subclass := f.Name(); name != nil || subclass != nil {
		t.Errorf("a greeting is named %q, %q", name, subclass)
	}
	var unused Event
	if unused.Get(KeyEventName) != nil || unused.Body() != nil || headers(&unused) != "" {
		t.Error("the zero Event is not empty")
	}
}

func TestName(t *testing.T) {
	for _, test := range []struct{ kind, body, name, subclass string }{
		{"plain", "Event-Name: HEARTBEAT\nEvent-Subclass: x\n", "HEARTBEAT", ""},
		{"plain", "Event-Subclass: callcenter%3A%3Ainfo\nEvent-Name: CUSTOM\n", "CUSTOM", "callcenter::info"},
		{"plain", "Event-Name: CUSTOM\nCore-UUID: 7\nEvent-Subclass: callcenter%3A%3Ainfo\n", "CUSTOM", "callcenter::info"},
		{"plain", "Event-Name: PRIVATE_COMMAND\nEvent-Name: COMMAND\n", "PRIVATE_COMMAND", ""},
		{"plain", "Event-Name: CUSTOM\n\nEvent-Subclass: in the body\n", "CUSTOM", ""},
		{"plain", "", "", ""},
		{"json", `{"Event-Subclass":"callcenter::info","Event-Name":"CUSTOM"}`, "CUSTOM", "callcenter::info"},
		{"json", `{"Event-Name":"CUSTOM","x":["y"],"Event-Subclass":"callcenter:\u003ainfo"}`, "CUSTOM", "callcenter::info"},
		{"json", `{"Event-Name":"HEARTBEAT",broken`, "HEARTBEAT", ""},
		{"json", `{}`, "", ""},
	} {
		name, subclass := next(t, test.kind, test.body).Name()
		if string(name) != test.name || string(subclass) != test.subclass {
			t.Errorf("%s is named %q, %q; want %q, %q", test.body, name, subclass, test.name, test.subclass)
		}
	}
}

// Peeking and decoding agree on every recorded event.
func TestNameAgreesWithDecode(t *testing.T) {
	for _, name := range []string{"runA/plain.raw", "runA/json.seg1.raw", "runD-restart/kill9/plain.raw"} {
		decodeAll(t, recording(t, name), func(f *Frame, e *Event) {
			peeked, subclass := f.Name()
			if string(peeked) != string(e.Get(KeyEventName)) || string(subclass) != string(e.Get(KeyEventSubclass)) {
				t.Fatalf("%s: event at byte %d is named %q, %q; decoded %q, %q", name, f.Offset, peeked, subclass, e.Get(KeyEventName), e.Get(KeyEventSubclass))
			}
		})
	}
}

func TestInt(t *testing.T) {
	for value, want := range map[string]struct {
		n  int64
		ok bool
	}{
		"1795449158237260": {1795449158237260, true}, "0": {0, true}, "-1": {-1, true}, "007": {7, true},
		"9223372036854775807": {9223372036854775807, true}, "9223372036854775808": {}, "99999999999999999999": {},
		"": {}, "-": {}, "1.5": {}, "+1": {}, " 1": {}, "0x1": {},
	} {
		e := decode(t, "json", `{"Event-Date-Timestamp":"`+value+`"}`)
		if n, ok := e.Micros(); n != want.n || ok != want.ok {
			t.Errorf("%q is %d, %t; want %d, %t", value, n, ok, want.n, want.ok)
		}
	}
	if _, ok := decode(t, "json", `{}`).Int(KeyCCCount); ok {
		t.Error("a missing header is a number")
	}
}

// An Event that is decoded into again holds nothing of its past.
func TestEventIsReused(t *testing.T) {
	var e Event
	for range 3 {
		if err := next(t, "plain", "Event-Name: A%20\nCC-Agent: %zz\nContent-Length: 1\n\nx").Decode(&e); err != nil {
			t.Fatal(err)
		}
		if got := string(e.Get(KeyEventName)) + string(e.Get(KeyCCAgent)) + string(e.Body()); got != "A %zzx" || e.BadEscapes != 1 {
			t.Fatalf("event reads %q with %d bad escapes", got, e.BadEscapes)
		}
		if err := next(t, "json", `{"CC-Queue":"q"}`).Decode(&e); err != nil {
			t.Fatal(err)
		}
		if e.Get(KeyEventName) != nil || e.Body() != nil || e.BadEscapes != 0 || string(e.Get(KeyCCQueue)) != "q" {
			t.Fatalf("event holds %s", headers(&e))
		}
	}
}
