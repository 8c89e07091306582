package eventsocket

// Limits bounds what one frame may take, so that a broken or hostile peer costs
// a known amount of memory. The error that a limit causes names it.
type Limits struct {
	HeaderLine  int // bytes of one header line of the envelope
	Headers     int // header lines of one envelope
	HeaderBlock int // bytes of one envelope
	Body        int // bytes that a Content-Length may announce
}

// DefaultLimits is far above what FreeSWITCH 1.10.12 was seen to send: envelopes
// of two lines, events of 14 kB. Answers grow with the switch: a channel takes
// 1 kB of show channels.
var DefaultLimits = Limits{
	HeaderLine:  64 << 10,
	Headers:     4096,
	HeaderBlock: 1 << 20,
	Body:        16 << 20,
}

// maxBody keeps every offset into a frame within 32 bits.
const maxBody = 1 << 30

// orDefaults replaces what is unset, or makes no sense, by the default.
func (l Limits) orDefaults() Limits {
	set := func(v *int, def int) {
		if *v <= 0 {
			*v = def
		}
	}
	set(&l.HeaderLine, DefaultLimits.HeaderLine)
	set(&l.Headers, DefaultLimits.Headers)
	set(&l.HeaderBlock, DefaultLimits.HeaderBlock)
	set(&l.Body, DefaultLimits.Body)
	l.Body = min(l.Body, maxBody)
	return l
}
