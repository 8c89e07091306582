package eventsocket

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/iotest"
)

const greeting = "Content-Type: auth/request\n\n"

func frameText(f *Frame) string {
	return fmt.Sprintf("%d+%d %s %q", f.Offset, f.Size(), f.Kind, f.Body())
}

func TestFraming(t *testing.T) {
	for _, test := range []struct {
		name, in string
		limits   Limits
		frames   []string // offset+size kind body
		err      string   // "" is io.EOF
	}{
		{name: "nothing"},
		{name: "greeting", in: greeting, frames: []string{`0+28 auth/request ""`}},
		{
			name:   "length before type, as in events",
			in:     "Content-Length: 17\nContent-Type: text/event-plain\n\nEvent-Name: API\n\n" + greeting,
			frames: []string{`0+68 text/event-plain "Event-Name: API\n\n"`, `68+28 auth/request ""`},
		},
		{
			name:   "type before length, as in disconnect notices (runD-restart)",
			in:     "Content-Type: text/disconnect-notice\nContent-Length: 31\n\nThe system is being shut down.\n",
			frames: []string{`0+88 text/disconnect-notice "The system is being shut down.\n"`},
		},
		{
			name:   "JSON ends without a line end, the next envelope follows at once",
			in:     "Content-Length: 2\nContent-Type: text/event-json\n\n{}Content-Length: 2\nContent-Type: text/event-json\n\n{}",
			frames: []string{`0+51 text/event-json "{}"`, `51+51 text/event-json "{}"`},
		},
		{
			name:   "outer length covers the event's own body",
			in:     "Content-Length: 43\nContent-Type: text/event-plain\n\nEvent-Name: API\nContent-Length: 8\n\na\n\nb: c\n" + greeting,
			frames: []string{`0+94 text/event-plain "Event-Name: API\nContent-Length: 8\n\na\n\nb: c\n"`, `94+28 auth/request ""`},
		},
		{
			name:   "replies and refusals",
			in:     "Content-Type: command/reply\nReply-Text: -ERR invalid\n\nContent-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n",
			frames: []string{`0+54 command/reply ""`, `54+78 text/rude-rejection "Access Denied, go away.\n"`},
		},
		{
			name:   "API answer and log line",
			in:     "Content-Type: api/response\nContent-Length: 5\n\ntrue\nContent-Type: log/data\nContent-Length: 3\nLog-Level: 7\n\nlog",
			frames: []string{`0+51 api/response "true\n"`, `51+58 log/data "log"`},
		},
		{
			name:   "unknown types are passed on, XML among them",
			in:     "Content-Length: 3\nContent-Type: text/event-xml\n\n<a>Content-Type: text/new-thing\n\n" + greeting,
			frames: []string{`0+51 unknown "<a>"`, `51+30 unknown ""`, `81+28 auth/request ""`},
		},
		{
			name:   "CRLF",
			in:     "Content-Type: api/response\r\nContent-Length: 2\r\n\r\nok" + greeting,
			frames: []string{`0+51 api/response "ok"`, `51+28 auth/request ""`},
		},
		{
			name:   "names of the envelope in any case",
			in:     "content-length: 2\nCONTENT-TYPE:text/event-json\n\n{}",
			frames: []string{`0+50 text/event-json "{}"`},
		},
		{
			name:   "stray empty lines between frames",
			in:     "\n\r\n" + greeting + "\n\n" + greeting + "\n",
			frames: []string{`3+28 auth/request ""`, `33+28 auth/request ""`},
		},
		{
			name:   "the same length twice",
			in:     "Content-Length: 2\nContent-Length: 2\nContent-Type: text/event-json\n\n{}",
			frames: []string{`0+69 text/event-json "{}"`},
		},
		{
			name:   "the first type counts",
			in:     "Content-Type: auth/request\nContent-Type: api/response\n\n",
			frames: []string{`0+55 auth/request ""`},
		},
		{
			name:   "two lengths",
			in:     greeting + "Content-Length: 2\nContent-Length: 3\nContent-Type: text/event-json\n\n{}",
			frames: []string{`0+28 auth/request ""`},
			err:    `event socket stream at byte 46: second Content-Length contradicts the first, 2: "3"`,
		},
		{
			name: "an event without a length",
			in:   "Content-Type: text/event-plain\n\nEvent-Name: API\n\n",
			err:  `event socket stream at byte 0: frame has no Content-Length: "Content-Type: text/event-plain\n\n"`,
		},
		{
			name: "headers without a type: framing was lost before",
			in:   "Event-Name: API\nCore-UUID: 1\n\n",
			err:  `event socket stream at byte 0: frame has no Content-Type: "Event-Name: API\nCore-UUID: 1\n\n"`,
		},
		{
			name: "negative length",
			in:   "Content-Type: api/response\nContent-Length: -1\n\n",
			err:  `event socket stream at byte 27: Content-Length is not a number of bytes: "-1"`,
		},
		{
			name: "empty length",
			in:   "Content-Length:\nContent-Type: api/response\n\n",
			err:  `event socket stream at byte 0: Content-Length is not a number of bytes`,
		},
		{
			name: "length with a fraction",
			in:   "Content-Length: 2.0\n\n",
			err:  `event socket stream at byte 0: Content-Length is not a number of bytes: "2.0"`,
		},
		{
			name: "length beyond any integer",
			in:   "Content-Length: 99999999999999999999999999\n\n",
			err:  `event socket stream at byte 0: Content-Length is not a number of bytes: "99999999999999999999999999"`,
		},
		{
			name: "length beyond the limit",
			in:   "Content-Length: 16777217\nContent-Type: api/response\n\n",
			err:  `event socket stream at byte 0: Content-Length exceeds Limits.Body of 16777216 bytes: "16777217"`,
		},
		{
			name: "a header of 64 MB",
			in:   "Content-Type: " + strings.Repeat("x", 64<<20),
			err:  `event socket stream at byte 0: header line exceeds Limits.HeaderLine of 65536 bytes: "Content-Type: ` + strings.Repeat("x", 46) + `…"`,
		},
		{
			name:   "a line too long in one read",
			in:     "Content-Type: " + strings.Repeat("x", 20) + "\n\n",
			limits: Limits{HeaderLine: 30},
			err:    `event socket stream at byte 0: header line exceeds Limits.HeaderLine of 30 bytes: "Content-Type: xxxxxxxxxxxxxxxxxxxx\n\n"`,
		},
		{
			name:   "too many lines",
			in:     "Content-Type: api/response\nA: 1\nB: 2\nC: 3\n\n",
			limits: Limits{Headers: 3},
			err:    `event socket stream at byte 37: frame exceeds Limits.Headers of 3 lines`,
		},
		{
			name:   "too many bytes of headers",
			in:     "Content-Type: api/response\nA: 1\nB: 2\nC: 3\n\n",
			limits: Limits{HeaderBlock: 40},
			err:    `event socket stream at byte 0: headers exceed Limits.HeaderBlock of 40 bytes`,
		},
		{
			name: "binary noise",
			in:   greeting + "\x16\x03\x01\x02\x00\x01\x00\n\xff\xfe",
			frames: []string{
				`0+28 auth/request ""`,
			},
			err: `event socket stream at byte 28: header line has no name and colon: "\x16\x03\x01\x02\x00\x01\x00"`,
		},
		{
			name: "another protocol",
			in:   "HTTP/1.1 400 Bad Request\r\n\r\n",
			err:  `event socket stream at byte 0: header line has no name and colon: "HTTP/1.1 400 Bad Request"`,
		},
		{
			name: "a line that starts with its colon",
			in:   ": x\n\n",
			err:  `event socket stream at byte 0: header line has no name and colon: ": x"`,
		},
		{
			name:   "end in a header",
			in:     greeting + "Content-Le",
			frames: []string{`0+28 auth/request ""`},
			err:    `frame at byte 28 has 10 bytes: event socket stream ends inside a frame: unexpected EOF`,
		},
		{
			name: "end in a body",
			in:   "Content-Length: 5\nContent-Type: api/response\n\n+OK",
			err:  `frame at byte 0 has 49 bytes: event socket stream ends inside a frame: unexpected EOF`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			var frames []string
			r := NewReader(strings.NewReader(test.in), test.limits)
			var err error
			for err == nil {
				var f *Frame
				if f, err = r.Next(); err == nil {
					frames = append(frames, frameText(f))
				}
			}
			if fmt.Sprint(frames) != fmt.Sprint(test.frames) {
				t.Errorf("frames\n%s\nwant\n%s", frames, test.frames)
			}
			want := test.err
			if want == "" {
				want = "EOF"
			}
			if !strings.HasPrefix(err.Error(), want) {
				t.Errorf("ends with\n%v\nwant\n%s", err, want)
			}
			if _, again := r.Next(); again == nil || again.Error() != err.Error() {
				t.Errorf("a second Next says %v, want %v again", again, err)
			}
		})
	}
}

func TestEnvelopeHeaders(t *testing.T) {
	r := NewReader(strings.NewReader("Content-Type: command/reply\r\nReply-Text: +OK Job-UUID: 7f4db78a \r\njob-uuid: 7f4db78a\nReply-Text: second\n\n"), Limits{})
	f, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range [][2]string{
		{string(f.ContentType()), "command/reply"},
		{string(f.ReplyText()), "+OK Job-UUID: 7f4db78a"},
		{string(f.JobUUID()), "7f4db78a"},
		{string(f.Header("Reply")), ""},
	} {
		if got[0] != got[1] {
			t.Errorf("header is %q, want %q", got[0], got[1])
		}
	}
	if f.Header("Reply") != nil {
		t.Error("a missing header is not nil")
	}
}

// sample is the start of a recording, some 40 kB: long enough for every kind of
// line, short enough to cut at each byte.
func sample(tb testing.TB, name string) []byte {
	return recording(tb, name)[:40_000]
}

// A stream that ends anywhere yields the frames before the cut, and says whether
// it ended between frames.
func TestTruncationAtEveryByte(t *testing.T) {
	for _, name := range []string{"runA/plain.raw", "runA/json.seg1.raw"} {
		t.Run(name, func(t *testing.T) {
			b := sample(t, name)
			ends := []int{0}
			eachFrame(bytes.NewReader(b), DefaultLimits, func(f *Frame) {
				ends = append(ends, int(f.Offset)+f.Size())
			})
			var e Event
			whole := 0 // frames that end at or before the cut
			for cut := range len(b) {
				if whole+1 < len(ends) && ends[whole+1] <= cut {
					whole++
				}
				frames := 0
				err := eachFrame(bytes.NewReader(b[:cut]), DefaultLimits, func(f *Frame) {
					frames++
					if f.Kind == PlainEvent || f.Kind == JSONEvent {
						if err := f.Decode(&e); err != nil {
							t.Fatalf("cut at %d: %v", cut, err)
						}
					}
				})
				if frames != whole {
					t.Fatalf("cut at %d: %d frames, want %d", cut, frames, whole)
				}
				switch {
				case cut == ends[whole]:
					if err != io.EOF {
						t.Fatalf("cut at %d, between frames: %v, want io.EOF", cut, err)
					}
				case !errors.Is(err, ErrTruncated) || !errors.Is(err, io.ErrUnexpectedEOF):
					t.Fatalf("cut at %d: %v, want ErrTruncated", cut, err)
				case !strings.Contains(err.Error(), fmt.Sprintf("frame at byte %d has %d bytes", ends[whole], cut-ends[whole])):
					t.Fatalf("cut at %d: %v, want the frame at byte %d", cut, err, ends[whole])
				}
			}
		})
	}
}

// digest hashes all frames of a stream, and the events in them as decoded.
func digest(tb testing.TB, src io.Reader) string {
	tb.Helper()
	h := fnv.New128a()
	n := 0
	var e Event
	err := eachFrame(src, DefaultLimits, func(f *Frame) {
		n++
		fmt.Fprintf(h, "%d %d %d\n", f.Kind, f.Offset, f.Size())
		h.Write(f.Body())
		if f.Kind == PlainEvent || f.Kind == JSONEvent {
			if err := f.Decode(&e); err != nil {
				tb.Fatal(err)
			}
			for name, value := range e.All() {
				fmt.Fprintf(h, "%q %q\n", name, value)
			}
		}
	})
	return fmt.Sprintf("%d frames %x, then %v", n, h.Sum(nil), err)
}

// randomChunks returns reads of 1 byte to 20 kB, now and then none at all.
type randomChunks struct {
	r   io.Reader
	rnd *rand.Rand
}

func (c randomChunks) Read(p []byte) (int, error) {
	n := c.rnd.IntN(20 << (c.rnd.IntN(11)))
	return c.r.Read(p[:min(n, len(p))])
}

// How the network cuts the stream makes no difference.
func TestChunksMakeNoDifference(t *testing.T) {
	for _, name := range []string{"runC-reload/plain.raw", "runD-restart/json.raw"} {
		t.Run(name, func(t *testing.T) {
			b := recording(t, name)
			want := digest(t, bytes.NewReader(b))
			for _, chunked := range []struct {
				name string
				r    io.Reader
			}{
				{"data with EOF", iotest.DataErrReader(bytes.NewReader(b))},
				{"half reads", iotest.HalfReader(bytes.NewReader(b))},
				{"random reads", randomChunks{bytes.NewReader(b), rand.New(rand.NewPCG(3, 4))}},
			} {
				if got := digest(t, chunked.r); got != want {
					t.Errorf("%s: %s, want %s", chunked.name, got, want)
				}
			}
			short := b[:300_000]
			if got, want := digest(t, iotest.OneByteReader(bytes.NewReader(short))), digest(t, bytes.NewReader(short)); got != want {
				t.Errorf("single bytes: %s, want %s", got, want)
			}
		})
	}
}

// deadlines fails every other read the way a connection does whose read
// deadline has passed.
type deadlines struct {
	r     io.Reader
	calls int
}

func (d *deadlines) Read(p []byte) (int, error) {
	if d.calls++; d.calls%2 == 0 {
		return 0, os.ErrDeadlineExceeded
	}
	return d.r.Read(p[:min(len(p), 700)])
}

func TestNextGoesOnAfterADeadline(t *testing.T) {
	b := sample(t, "runA/plain.raw")
	r := NewReader(&deadlines{r: bytes.NewReader(b)}, Limits{})
	frames, expired := 0, 0
	for {
		_, err := r.Next()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			expired++
			continue
		}
		if err != nil {
			if !errors.Is(err, ErrTruncated) {
				t.Fatal(err)
			}
			break
		}
		frames++
	}
	want := 0
	eachFrame(bytes.NewReader(b), Limits{}, func(*Frame) { want++ })
	if frames != want || expired < 50 {
		t.Errorf("%d frames over %d deadlines, want %d frames", frames, expired, want)
	}
}

func TestReadersThatNeverDeliver(t *testing.T) {
	nothing := readerFunc(func([]byte) (int, error) { return 0, nil })
	if _, err := NewReader(nothing, Limits{}).Next(); err != io.ErrNoProgress {
		t.Errorf("a reader that returns nothing for ever: %v, want io.ErrNoProgress", err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// The buffer grows for a large frame, not for a large promise, and shrinks again.
func TestBufferFollowsTheFrames(t *testing.T) {
	body := bytes.Repeat([]byte("x"), 5<<20)
	large := fmt.Appendf(nil, "Content-Type: api/response\nContent-Length: %d\n\n%s", len(body), body)
	r := NewReader(io.MultiReader(bytes.NewReader(large), strings.NewReader(strings.Repeat(greeting, 10_000)),
		strings.NewReader("Content-Type: api/response\nContent-Length: 16000000\n\nshort")), Limits{})
	f, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(f.Body(), body) || len(r.buf) > 8<<20 {
		t.Errorf("body of %d bytes in a buffer of %d", len(f.Body()), len(r.buf))
	}
	if r.Offset() != int64(len(large)) {
		t.Errorf("offset is %d after a frame of %d bytes", r.Offset(), len(large))
	}
	for range 10_000 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.buf) != firstBuffer {
		t.Errorf("buffer has %d bytes after small frames, want %d", len(r.buf), firstBuffer)
	}
	if _, err := r.Next(); !errors.Is(err, ErrTruncated) || len(r.buf) != firstBuffer {
		t.Errorf("a promise of 16 MB took a buffer of %d bytes and ended with %v", len(r.buf), err)
	}
}
