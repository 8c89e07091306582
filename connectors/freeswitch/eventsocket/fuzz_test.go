package eventsocket

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

// tight keeps the fuzzer from spending its time on large inputs.
var tight = Limits{HeaderLine: 200, Headers: 20, HeaderBlock: 1000, Body: 4000}

// account reads a stream and tells all about it, checking what must hold.
func account(t *testing.T, src io.Reader) string {
	var b strings.Builder
	var e Event
	end := int64(0)
	r := NewReader(src, tight)
	for {
		f, err := r.Next()
		if err != nil {
			fmt.Fprintf(&b, "%v", err)
			break
		}
		if f.Offset < end || f.Size() == 0 || r.Offset() != f.Offset+int64(f.Size()) || f.Kind == 0 {
			t.Fatalf("frame of kind %d at %d+%d after byte %d, offset %d", f.Kind, f.Offset, f.Size(), end, r.Offset())
		}
		end = r.Offset()
		name, subclass := f.Name()
		fmt.Fprintf(&b, "%d %s %q %q %q\n", f.Offset, f.Kind, f.ContentType(), name, subclass)
		if err := f.Decode(&e); err != nil {
			fmt.Fprintln(&b, err)
			continue
		}
		if string(name) != string(e.Get(KeyEventName)) && !bytes.Contains(f.Body(), []byte(`\`)) && !bytes.Contains(f.Body(), []byte("%")) &&
			!bytes.Contains(f.Body(), []byte("ARRAY::")) && f.Kind == PlainEvent {
			t.Fatalf("Name is %q, Event-Name %q in %q", name, e.Get(KeyEventName), f.Body())
		}
		for k := range Key(numKeys) {
			if all := values(&e, k); len(all) > 0 != (e.Get(k) != nil) || len(all) > 0 && all[0] != string(e.Get(k)) {
				t.Fatalf("%s is %q, its values %q", k, e.Get(k), all)
			}
		}
		fmt.Fprintf(&b, "%s body %q\n", headers(&e), e.Body())
	}
	return b.String()
}

// Whatever arrives, the Reader ends, promises hold, and the way the bytes are
// cut into reads makes no difference.
func FuzzReader(f *testing.F) {
	f.Fuzz(func(t *testing.T, stream []byte) {
		whole := account(t, bytes.NewReader(stream))
		if single := account(t, iotest.OneByteReader(bytes.NewReader(stream))); single != whole {
			t.Fatalf("read at once:\n%s\nbyte by byte:\n%s", whole, single)
		}
	})
}

// Every JSON object is read as encoding/json reads it; what is no JSON may be
// read or refused.
func FuzzJSON(f *testing.F) {
	f.Fuzz(func(t *testing.T, body []byte) {
		stream := fmt.Appendf(nil, "Content-Length: %d\nContent-Type: text/event-json\n\n%s", len(body), body)
		frame, err := NewReader(bytes.NewReader(stream), Limits{}).Next()
		if err != nil {
			t.Fatal(err)
		}
		var e Event
		err = frame.Decode(&e)
		var got []string
		for name, value := range e.All() {
			got = append(got, fmt.Sprintf("%q %q", name, value))
		}
		e.Body()
		if !json.Valid(body) || !utf8.Valid(body) || bytes.TrimLeft(body, " \t\r\n")[0] != '{' {
			return
		}
		if err != nil {
			if strings.Contains(err.Error(), "nested too deeply") {
				return
			}
			t.Fatal(err)
		}
		if want := reference(t, body); !slices.Equal(got, want) {
			t.Fatalf("members\n%s\nencoding/json\n%s", got, want)
		}
	})
}

// reference lists the strings of a JSON object with encoding/json.
func reference(t *testing.T, body []byte) (all []string) {
	d := json.NewDecoder(bytes.NewReader(body))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			t.Fatal(err)
		}
		if name == "_body" {
			continue
		}
		items := []json.RawMessage{value}
		if value[0] == '[' {
			if err := json.Unmarshal(value, &items); err != nil {
				t.Fatal(err)
			}
		}
		for _, item := range items {
			text := string(item)
			switch text[0] {
			case '"':
				if err := json.Unmarshal(item, &text); err != nil {
					t.Fatal(err)
				}
			case '{', '[', 'n':
				continue
			}
			all = append(all, fmt.Sprintf("%q %q", name, text))
		}
	}
	return all
}
