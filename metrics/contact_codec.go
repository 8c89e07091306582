package metrics

import "encoding/binary"

const contactVersion = 1

const (
	contactPartial = 1 << iota
	contactUnseen
)

// AppendBinary appends the contact's binary form. The same contact has the same
// bytes.
func (c *Contact) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, contactVersion)
	for _, s := range [...]string{c.Switch, c.Visit, c.Leg, c.Queue, c.Agent, c.Caller} {
		b = appendString(b, s)
	}
	b = append(b, c.Hash[:]...)
	var flags byte
	if c.Partial {
		flags |= contactPartial
	}
	if c.Unseen {
		flags |= contactUnseen
	}
	b = append(b, byte(c.Outcome), byte(c.EndedBy), flags)
	b = appendVarint(b, int64(c.Joined))
	// The later moments as distances, 0 for none and else 1 more than they are.
	for _, m := range [...]Millis{c.Answered, c.Ended} {
		if m == 0 {
			b = append(b, 0)
		} else {
			b = binary.AppendUvarint(b, uint64(m-c.Joined)+1)
		}
	}
	b = binary.AppendUvarint(b, uint64(c.Hold))
	b = binary.AppendUvarint(b, uint64(c.Holds))
	b = binary.AppendUvarint(b, uint64(c.Offers))
	return appendVarint(b, c.Offset), nil
}

// UnmarshalBinary reads the form that AppendBinary writes.
func (c *Contact) UnmarshalBinary(b []byte) error {
	d := wireReader{b: b}
	*c = Contact{}
	d.version("contact", contactVersion)
	for _, s := range [...]*string{&c.Switch, &c.Visit, &c.Leg, &c.Queue, &c.Agent, &c.Caller} {
		*s = d.string("text")
	}
	if d.err == nil && len(b)-d.at < len(c.Hash)+3 {
		d.fail("hash and outcome")
	}
	if d.err != nil {
		return d.err
	}
	d.at += copy(c.Hash[:], b[d.at:])
	c.Outcome, c.EndedBy = Outcome(b[d.at]), EndedBy(b[d.at+1])
	flags := b[d.at+2]
	d.at += 3
	if c.Outcome >= outcomes || c.EndedBy >= enders || flags > contactPartial|contactUnseen {
		d.fail("outcome, ender or flags")
	}
	c.Partial, c.Unseen = flags&contactPartial != 0, flags&contactUnseen != 0
	c.Joined = Millis(d.varint("joined"))
	for _, m := range [...]*Millis{&c.Answered, &c.Ended} {
		if v := d.uvarint("moment"); v != 0 {
			*m = c.Joined + Millis(v-1)
		}
	}
	c.Hold = Millis(d.uvarint("hold"))
	c.Holds = int(d.uvarint("holds"))
	c.Offers = int(d.uvarint("offers"))
	c.Offset = d.varint("offset")
	return d.done()
}
