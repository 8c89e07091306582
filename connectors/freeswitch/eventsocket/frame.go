package eventsocket

import "bytes"

// Kind says what a frame is, from its Content-Type.
type Kind uint8

// The kinds of frames. XML events are Unknown: nobody here asks for them.
const (
	_                Kind = iota
	Unknown               // skipped and counted by callers: newer switches may send more
	AuthRequest           // the switch's greeting: answer with a password
	CommandReply          // to auth, event, filter …; and the acceptance of bgapi
	APIResponse           // to api: the answer is the body
	PlainEvent            // an event with percent-escaped values
	JSONEvent             // an event as a JSON object
	DisconnectNotice      // the switch is about to close
	RudeRejection         // the address is not in the switch's access list
	LogData               // a line of the switch's log
)

var kindNames = [...]string{"", "unknown", "auth/request", "command/reply", "api/response",
	"text/event-plain", "text/event-json", "text/disconnect-notice", "text/rude-rejection", "log/data"}

// String is the kind's Content-Type, or "unknown".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// needsBody reports kinds that say nothing without a body. A missing length
// there means that framing is lost, not that the body is empty.
func (k Kind) needsBody() bool {
	return k == PlainEvent || k == JSONEvent || k == APIResponse || k == LogData
}

func kindOf(contentType []byte) Kind {
	switch string(contentType) {
	case "text/event-plain":
		return PlainEvent
	case "text/event-json":
		return JSONEvent
	case "command/reply":
		return CommandReply
	case "api/response":
		return APIResponse
	case "auth/request":
		return AuthRequest
	case "text/disconnect-notice":
		return DisconnectNotice
	case "text/rude-rejection":
		return RudeRejection
	case "log/data":
		return LogData
	}
	return Unknown
}

// Frame is one message of the switch: an envelope of headers, and a body.
type Frame struct {
	Kind   Kind
	Offset int64 // of the frame's first byte in the stream

	head, body []byte
	scratch    []byte // Name's
}

// Size is the length of the frame in bytes.
func (f *Frame) Size() int { return len(f.head) + len(f.body) }

// Body is what follows the envelope, as it stands.
func (f *Frame) Body() []byte { return f.body }

// Header returns a header of the envelope, or nil. As in FreeSWITCH the case of
// the name does not matter there, and the first of several counts.
func (f *Frame) Header(name string) []byte {
	for rest := f.head; len(rest) > 0; {
		line := rest
		if n := bytes.IndexByte(rest, '\n'); n >= 0 {
			line, rest = rest[:n], rest[n+1:]
		} else {
			rest = nil
		}
		if len(line) > len(name) && line[len(name)] == ':' && asciiEqualFold(line[:len(name)], name) {
			return trimSpace(trimCR(line[len(name)+1:]))
		}
	}
	return nil
}

// ContentType tells Unknown frames apart.
func (f *Frame) ContentType() []byte { return f.Header("Content-Type") }

// ReplyText is the answer of a CommandReply: "+OK …" or "-ERR …".
func (f *Frame) ReplyText() []byte { return f.Header("Reply-Text") }

// JobUUID connects the reply to bgapi with the BACKGROUND_JOB event to come.
func (f *Frame) JobUUID() []byte { return f.Header("Job-UUID") }

// Name peeks at an event for its Event-Name and, if that is CUSTOM, its
// Event-Subclass, reading no further than it must: one or two lines as
// FreeSWITCH writes them. Callers skip what they do not want for little more
// than the framing. It is nil for other frames, and where Decode would fail.
func (f *Frame) Name() (name, subclass []byte) {
	f.scratch = f.scratch[:0]
	seen := 0
	take := func(n, raw []byte, unescape func(dst, s []byte) ([]byte, int)) bool {
		switch {
		case name == nil && string(n) == "Event-Name":
			name, seen = raw, seen+1
		case subclass == nil && string(n) == "Event-Subclass":
			f.scratch, _ = unescape(f.scratch, raw)
			subclass, seen = f.scratch, seen+1
		}
		return seen < 2 && (name == nil || string(name) == "CUSTOM")
	}
	switch f.Kind {
	case PlainEvent:
		for pos := 0; pos < len(f.body); {
			colon, next := plainHeader(f.body, pos)
			if colon <= pos {
				break
			}
			start, end := plainValue(f.body, colon, next)
			if !take(f.body[pos:colon], f.body[start:end], unescapePercent) {
				break
			}
			pos = next
		}
	case JSONEvent:
		s := jsonScanner{b: f.body}
		for ok := s.first(); ok; ok = s.next() {
			if s.kind == jsonString && !take(f.body[s.name:s.nameEnd], f.body[s.value:s.valueEnd], unescapeJSON) {
				break
			}
		}
	}
	if string(name) != "CUSTOM" {
		subclass = nil
	}
	return name, subclass
}

// Decode reads an event into e, which borrows the frame's bytes: it is valid
// until the Reader's following Next. Content that cannot be read is a
// *FormatError, e is then empty, and the Reader goes on with the next frame.
func (f *Frame) Decode(e *Event) error {
	e.reset(f.body, f.Kind)
	var err error
	switch f.Kind {
	case PlainEvent:
		err = e.scanPlain(f)
	case JSONEvent:
		err = e.scanJSON(f)
	default:
		err = f.bodyError(0, "frame is not an event but "+f.Kind.String(), nil)
	}
	if err != nil {
		e.reset(nil, 0)
	}
	return err
}

// bodyError places a violation at an offset of the body.
func (f *Frame) bodyError(at int, what string, value []byte) error {
	return &FormatError{Offset: f.Offset + int64(len(f.head)+at), What: what, Value: quotable(value)}
}
