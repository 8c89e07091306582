package bus

import (
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"pgregory.net/rapid"
)

func TestEncodeID(t *testing.T) {
	for name, want := range map[string]string{
		"":                    "%",
		"1001@default":        "1001@default",
		"support_2-a":         "support_2-a",
		"support.sales":       "support%2Esales",
		"Local/1006@agents/n": "Local%2F1006@agents%2Fn",
		"a b":                 "a%20b",
		"*":                   "%2A",
		">":                   "%3E",
		"100%":                "100%25",
		"客服":                  "%E5%AE%A2%E6%9C%8D",
		"\xff\x00":            "%FF%00",
	} {
		if got := EncodeID(name); got != want {
			t.Errorf("%q is written as %q, want %q", name, got, want)
		}
	}
	for _, id := range []string{"", "a.b", "%4", "%zz", "%2e", "%41", "a b", "%%", "é"} {
		if name, err := DecodeID(id); err == nil {
			t.Errorf("%q is read as %q, want an error", id, name)
		}
	}
}

func anyName() *rapid.Generator[string] {
	hostile := []string{"", ".", "..", "a.b", "*", ">", "%", "%%", "%2", "%2E", " ", "\t", "\r\n", "\x00", "\x7f", "\xff", "$SYS", "客服", strings.Repeat(">", 256), strings.Repeat("\xff", 256)}
	return rapid.OneOf(rapid.SampledFrom(hostile), rapid.String(), rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 256), func(b []byte) string { return string(b) }))
}

func TestIDComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := anyName().Draw(t, "name")
		id := EncodeID(name)
		if id == "" || strings.ContainsAny(id, ".*> \t\r\n") {
			t.Fatalf("%q is written as %q, which is no token", name, id)
		}
		if back, err := DecodeID(id); err != nil || back != name {
			t.Fatalf("%q comes back as %q, error %v", name, back, err)
		}
		// What is read at all is what would be written: one subject a name.
		raw := rapid.String().Draw(t, "id")
		if back, err := DecodeID(raw); err == nil && EncodeID(back) != raw {
			t.Fatalf("%q is read as %q, which is written as %q", raw, back, EncodeID(back))
		}
	})
}

// TestIDOnServer sends every kind of name through the real server: each arrives
// on its own subject and on no other.
func TestIDOnServer(t *testing.T) {
	r := newLab("main").run(t)
	nc := r.client(r.login(InternalFile))
	got := make(chan *nats.Msg, 1)
	// The site is another one: nothing else is published there.
	if _, err := nc.ChanSubscribe(SubjectsOf("other").join(agentWord, "*", stateWord), got); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		name := anyName().Draw(t, "name")
		subject := SubjectsOf("other").AgentState(name)
		if err := nc.Publish(subject, []byte(name)); err != nil {
			t.Fatalf("%q cannot be published: %v", subject, err)
		}
		if err := nc.Flush(); err != nil {
			t.Fatal(err)
		}
		msg := <-got
		back, err := DecodeID(strings.Split(msg.Subject, ".")[4])
		if err != nil || back != name || string(msg.Data) != name {
			t.Fatalf("%q arrived as %q on %q, error %v", name, msg.Data, msg.Subject, err)
		}
	})
}
