package playback

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"
	"strconv"
	"time"
)

// day is how far from the recording a stamp may lie and still belong to it: the
// calls, registrations and processes that it shows began before it.
const day = 24 * 60 * 60 * 1_000_000

// rewriter moves events in time, and renames calls, in place: a text keeps its
// length, so that a recording's framing and sizes stay true.
type rewriter struct {
	first, last int64           // µs: the recording's span
	cores       map[string]bool // Core-UUIDs, which the calls' renaming spares

	shift   int64 // µs added to every stamp of the span
	pass    int   // renames every uuid but the cores; 0 leaves them
	restart int   // renames the cores; 0 leaves them
}

func newRewriter(rec *Recording) *rewriter {
	w := &rewriter{cores: make(map[string]bool)}
	w.first, w.last = rec.Span()
	w.first, w.last = w.first-day, w.last+day
	for _, seg := range rec.Segments {
		for i := range seg.Events {
			w.cores[header(seg.Events[i].Plain, "Core-UUID")] = true
		}
	}
	return w
}

// idle reports that events pass unchanged.
func (w *rewriter) idle() bool { return w.shift == 0 && w.pass == 0 && w.restart == 0 }

// event rewrites a plain event, and returns it.
func (w *rewriter) event(plain []byte) []byte {
	w.dates(plain)
	return w.text(plain)
}

// text rewrites stamps (16 digits are microseconds, 10 are seconds) and uuids,
// wherever they stand for themselves. A percent escape is no part of what
// follows it: "%201795449170" holds a stamp.
func (w *rewriter) text(b []byte) []byte {
	for i := 0; i < len(b); {
		switch {
		case b[i] == '%':
			i += 3
			continue
		case !wordByte[b[i]]:
			i++
			continue
		}
		end := i + 1
		for end < len(b) && wordByte[b[end]] {
			end++
		}
		switch end - i {
		case 8:
			if end := i + uuidLen; end <= len(b) && isUUID(b[i:end]) && (end == len(b) || !wordByte[b[end]]) {
				w.uuid(b[i:end])
				i = end
				continue
			}
		case 10:
			w.stamp(b[i:end], 1_000_000)
		case 16:
			w.stamp(b[i:end], 1)
		}
		i = end
	}
	return b
}

// stamp moves one number of the given unit, if it lies in the recording's span.
func (w *rewriter) stamp(b []byte, unit int64) {
	if w.shift == 0 || b[0] == '0' {
		return
	}
	n := int64(0)
	for _, c := range b {
		if c < '0' || c > '9' {
			return
		}
		n = n*10 + int64(c-'0')
	}
	if n*unit < w.first || n*unit > w.last {
		return
	}
	// Seconds are cut off microseconds, so both must move by whole seconds to
	// stay in step: setShift sees to it.
	moved := strconv.AppendInt(nil, n+w.shift/unit, 10)
	if len(moved) == len(b) {
		copy(b, moved)
	}
}

// setShift moves by the whole second at or before µs.
func (w *rewriter) setShift(us int64) {
	w.shift = us - ((us%1_000_000)+1_000_000)%1_000_000
}

const uuidLen = 36

func isUUID(b []byte) bool {
	for i, c := range b {
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if !('0' <= c && c <= '9' || 'a' <= c && c <= 'f') {
				return false
			}
		}
	}
	return true
}

// uuid renames a uuid: its first eight digits are hashed with the pass, or with
// the number of the restart for the switch's own.
func (w *rewriter) uuid(b []byte) {
	n := w.pass
	if w.cores[string(b)] {
		n = w.restart
	}
	if n == 0 {
		return
	}
	h := fnv.New32a()
	h.Write(b)
	h.Write(binary.LittleEndian.AppendUint64(nil, uint64(n)))
	hex.Encode(b, h.Sum(nil))
}

const (
	localLayout = "2006-01-02 15:04:05"
	gmtLayout   = "Mon, 02 Jan 2006 15:04:05 GMT"
)

// dates rewrites the two headers that hold the event's time as text.
func (w *rewriter) dates(plain []byte) {
	if w.shift == 0 {
		return
	}
	for _, d := range [...]struct{ name, layout string }{
		{"\nEvent-Date-Local: ", localLayout},
		{"\nEvent-Date-GMT: ", gmtLayout},
	} {
		i := bytes.Index(plain, []byte(d.name))
		if i < 0 {
			continue
		}
		value, _, _ := bytes.Cut(plain[i+len(d.name):], []byte("\n"))
		t, err := time.Parse(d.layout, unescape(string(value)))
		if err != nil {
			continue
		}
		moved := appendEscaped(nil, t.Add(time.Duration(w.shift)*time.Microsecond).Format(d.layout))
		if len(moved) == len(value) {
			copy(value, moved)
		}
	}
}

// wordByte says which bytes make a word: a number that touches a letter is no
// stamp, a uuid that touches one no uuid.
var wordByte = func() (t [256]bool) {
	for c := range t {
		t[c] = '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_'
	}
	return t
}()

// header returns the first value of a header of a plain event.
func header(plain []byte, name string) string {
	for len(plain) > 0 && plain[0] != '\n' {
		line, rest, _ := bytes.Cut(plain, []byte("\n"))
		if len(line) > len(name) && string(line[:len(name)]) == name && line[len(name)] == ':' {
			return unescape(string(bytes.TrimPrefix(line[len(name)+1:], []byte(" "))))
		}
		plain = rest
	}
	return ""
}
