package ami

import "tallyd/metrics"

// Code codes the message, for the journal.
func (m *Message) Code(c *metrics.Coder) {
	metrics.CodeInt(c, &m.Received)
	metrics.CodeInt(c, &m.Offset)
	c.Bool(&m.Cut)
	n := c.Len(len(m.fields))
	if c.Reading() {
		*m = Message{Received: m.Received, Offset: m.Offset, Cut: m.Cut, fields: m.fields[:0], buf: m.buf[:0]}
	}
	for i := range n {
		var key, value []byte
		if !c.Reading() {
			f := m.fields[i]
			key, value = m.buf[f.key:f.colon], m.buf[min(f.colon+1, f.end):f.end]
		}
		c.Bytes(&key)
		c.Bytes(&value)
		if c.Reading() {
			f := field{key: len(m.buf)}
			m.buf = append(m.buf, key...)
			f.colon = len(m.buf)
			m.buf = append(append(m.buf, ':'), value...)
			f.end = len(m.buf)
			m.fields = append(m.fields, f)
		}
	}
}
