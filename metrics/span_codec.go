package metrics

import (
	"maps"
	"slices"
)

// Version 2 has stretches that are lived again.
const spansVersion = 2

// Flags beside a span's state and mark.
const (
	spanShared = 1 << (12 + iota)
	spanAgain
)

// AppendSpans appends the binary form of an interval's spans: the texts, then each
// agent's spans, moments as distances. The same spans have the same bytes.
func AppendSpans(b []byte, i Interval, spans []NamedSpan) []byte {
	c := Encoder(b)
	codeNamedSpans(c, i, &spans)
	return c.Written()
}

// ParseSpans reads the form that AppendSpans writes.
func ParseSpans(b []byte, i Interval) ([]NamedSpan, error) {
	c := Decoder(b)
	var spans []NamedSpan
	codeNamedSpans(c, i, &spans)
	return spans, c.Done()
}

func codeNamedSpans(c *Coder, i Interval, spans *[]NamedSpan) {
	c.Version("spans", spansVersion)
	texts, number := textsOf(*spans)
	n := c.Len(len(texts))
	if c.Reading() {
		texts = make([]string, n)
	}
	for k := range texts {
		c.String(&texts[k])
	}
	n = c.Len(len(*spans))
	if c.Reading() {
		*spans = make([]NamedSpan, n)
	}
	last := i.Start()
	for k := range *spans {
		s := &(*spans)[k]
		for _, text := range [...]*string{&s.Agent, &s.Reason, &s.Queue} {
			at := number[*text]
			CodeUint(c, &at)
			if int(at) > len(texts) {
				c.Fail("text")
				return
			}
			if at > 0 {
				*text = texts[at-1]
			}
		}
		word := uint32(s.State) | uint32(s.Mark)<<4
		if s.Shared {
			word |= spanShared
		}
		if s.Again {
			word |= spanAgain
		}
		CodeUint(c, &word)
		s.State, s.Mark, s.Shared, s.Again = State(word&15), Mark(word>>4), word&spanShared != 0, word&spanAgain != 0
		from, length := s.From-last, s.To-s.From
		CodeInt(c, &from)
		CodeInt(c, &length)
		s.From = last + from
		s.To = s.From + length
		last = s.To
		if s.State >= states || s.Mark >= marks || word >= spanAgain<<1 {
			c.Fail("span")
		}
		if c.Err() != nil {
			return
		}
	}
}

func textsOf(spans []NamedSpan) (texts []string, number map[string]uint32) {
	number = map[string]uint32{}
	for k := range spans {
		for _, text := range [...]string{spans[k].Agent, spans[k].Reason, spans[k].Queue} {
			if text != "" {
				number[text] = 0
			}
		}
	}
	texts = slices.Sorted(maps.Keys(number))
	for k, text := range texts {
		number[text] = uint32(k + 1)
	}
	number[""] = 0
	return texts, number
}
