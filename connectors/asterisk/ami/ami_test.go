package ami

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
)

func recorded(t testing.TB, version string) []byte {
	t.Helper()
	f, err := os.Open("../testdata/asterisk" + version + "/ami-events.txt.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestRecordings: as many blocks of each event as there are lines that begin so.
func TestRecordings(t *testing.T) {
	for _, version := range []string{"22", "16"} {
		b := recorded(t, version)
		for name, in := range map[string]io.Reader{"whole": bytes.NewReader(b), "in halves": iotest.HalfReader(bytes.NewReader(b))} {
			r := NewReader(in)
			events, stamped := map[string]int{}, 0
			for {
				m, err := r.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				events[string(m.Event())]++
				if m.Millis() != 0 && m.Received >= m.Millis() {
					stamped++
				}
			}
			for _, name := range []string{"QueueMemberPause", "QueueMemberStatus", "QueueMemberAdded", "QueueCallerJoin", "Hangup", "AgentComplete", "VarSet"} {
				if want := bytes.Count(b, []byte("\nEvent: "+name+"\r\n")); events[name] != want || want == 0 {
					t.Errorf("Asterisk %s %s: %d events %s, want %d", version, name, events[name], name, want)
				}
			}
			if stamped < 10_000 || r.Offset() != int64(len(b)) {
				t.Errorf("Asterisk %s %s: %d stamped, %d of %d bytes read", version, name, stamped, r.Offset(), len(b))
			}
		}
	}
}

func TestMessage(t *testing.T) {
	in := "#rx 1795449061.920093\r\nAsterisk Call Manager/11.0.0\r\nResponse: Success\r\nMessage: Authentication accepted\r\n\r\n" +
		"\r\n\r\n#rx 1795449062.5\nEvent: QueueMemberPause\nTimestamp: 1795449062.123456\nMemberName: 客服: eins\nPausedReason: \nEmpty:\nQueue:a\nPenalty: -2\nno colon here\n\n" +
		"Event: Cut off\r\nQueue: b\r\n"
	r := NewReader(strings.NewReader(in))
	m, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%s %s %d %d %q", m.Banner, m.Get("Response"), m.Received, m.Millis(), m.Event()); got != `Asterisk Call Manager/11.0.0 Success 1795449061920 0 ""` {
		t.Error(got)
	}
	if m, err = r.Next(); err != nil {
		t.Fatal(err)
	}
	penalty, ok := m.Int("Penalty")
	_, none := m.Int("Queue")
	got := fmt.Sprintf("%s %d %d %q %q %q %q %v %v %v %d %v %v", m.Event(), m.Received, m.Millis(), m.Get("MemberName"), m.Get("PausedReason"), m.Get("Empty"), m.Get("Queue"),
		m.Has("Empty"), m.Has("Nothing"), m.Get("Nothing") == nil, penalty, ok, none)
	if want := `QueueMemberPause 1795449062500 1795449062123 "客服: eins" "" "" "a" true false true -2 true false`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if m, err = r.Next(); !errors.Is(err, ErrTruncated) {
		t.Errorf("a block cut off: %v, %v", m, err)
	}
}

// TestBounds: lines, blocks and lists without end take no more than is allowed.
func TestBounds(t *testing.T) {
	for _, test := range []struct{ name, in string }{
		{"a line without end", "Event: x\r\nLong: " + strings.Repeat("a", 3*MaxLine) + "\r\nAfter: 1\r\n\r\n"},
		{"a block without end", "Event: x\r\n" + strings.Repeat("K: "+strings.Repeat("v", 1000)+"\r\n", 400) + "\r\n"},
		{"more fields than allowed", "Event: x\r\n" + strings.Repeat("K: v\r\n", 2*MaxFields) + "\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := NewReader(strings.NewReader(test.in + "Event: next\r\n\r\n"))
			m, err := r.Next()
			if err != nil || !m.Cut || string(m.Event()) != "x" || len(m.buf) > MaxBlock || len(m.fields) > MaxFields {
				t.Errorf("cut %v, %d bytes, %d fields, %v", m.Cut, len(m.buf), len(m.fields), err)
			}
			if m, err = r.Next(); err != nil || string(m.Event()) != "next" || m.Cut {
				t.Errorf("the next block: %v", err)
			}
		})
	}
}

func TestGreeting(t *testing.T) {
	r := NewReader(strings.NewReader("Asterisk Call Manager/5.0.4\r\nEvent: x\r\n\r\n"))
	if b, err := r.Greeting(); err != nil || string(b) != "Asterisk Call Manager/5.0.4" {
		t.Errorf("%q, %v", b, err)
	}
	if m, err := r.Next(); err != nil || string(m.Event()) != "x" {
		t.Errorf("%v, %v", m, err)
	}
	if _, err := NewReader(strings.NewReader("HTTP/1.1 400")).Greeting(); err != io.EOF {
		t.Errorf("a line without end: %v", err)
	}
}

func TestAllocs(t *testing.T) {
	b := recorded(t, "22")
	in := bytes.NewReader(b)
	r := NewReader(in)
	read := func() {
		in.Reset(b)
		for {
			m, err := r.Next()
			if err != nil {
				return
			}
			_ = m.Millis()
		}
	}
	read()
	if n := testing.AllocsPerRun(3, read); n > 2 { // the banner
		t.Errorf("%v allocations for a recording", n)
	}
}

func FuzzReader(f *testing.F) {
	f.Add(recorded(f, "22")[:20_000])
	f.Add([]byte("#rx 1.5\r\nAsterisk Call Manager/1\r\n\r\nEvent: a\n\n:\n: \n\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := NewReader(bytes.NewReader(in))
		for n := 0; ; n++ {
			m, err := r.Next()
			if err != nil {
				return
			}
			if n > len(in) || len(m.buf) > MaxBlock || len(m.fields) == 0 {
				t.Fatalf("block %d of %d bytes with %d fields", n, len(m.buf), len(m.fields))
			}
			_, _ = m.Int("Event")
			_ = m.Millis()
		}
	})
}
