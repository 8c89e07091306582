package metrics

import "encoding/binary"

// Version 2 has the evidence besides the outcome, version 3 calls beside visits,
// version 4 how the audio went: where nobody measured that, a contact is written as
// version 3.
const contactVersion = 4

const (
	contactPartial = 1 << iota
	contactUnseen
	contactShort
	contactOpen
	contactAnswerUnseen
	contactFlags
)

// AppendBinary appends the contact's binary form. The same contact has the same
// bytes.
func (c *Contact) AppendBinary(b []byte) ([]byte, error) {
	version := byte(contactVersion)
	if c.Media == (Media{}) {
		version = 3
	}
	b = append(b, version)
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
	if c.Short {
		flags |= contactShort
	}
	if c.Open {
		flags |= contactOpen
	}
	if c.AnswerUnseen {
		flags |= contactAnswerUnseen
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
	b = appendVarint(b, c.Offset)
	code := Encoder(b)
	c.codeEvidence(code)
	c.codeKind(code)
	if version >= 4 {
		c.Media.code(code)
	}
	return code.Written(), nil
}

// codeEvidence codes what version 2 added.
func (c *Contact) codeEvidence(code *Coder) {
	CodeInt(code, &c.Since)
	n := code.Len(len(c.Attempts))
	if code.Reading() && n > 0 {
		c.Attempts = make([]Attempt, n)
	}
	for i := range c.Attempts {
		a := &c.Attempts[i]
		code.String(&a.Agent)
		CodeInt(code, &a.Started)
		CodeInt(code, &a.Ended)
		CodeUint(code, &a.Result)
		if a.Result >= results {
			code.Fail("attempt")
		}
	}
	codeStretches(code, &c.HeldSpans)
	codeMoments(code, &c.Consulted)
}

// codeKind codes what version 3 added.
func (c *Contact) codeKind(code *Coder) {
	CodeUint(code, &c.Kind)
	CodeUint(code, &c.Way)
	if c.Kind >= contactKinds || c.Way >= ways {
		code.Fail("kind")
	}
}

// UnmarshalBinary reads the form that AppendBinary writes.
func (c *Contact) UnmarshalBinary(b []byte) error {
	d := wireReader{b: b}
	*c = Contact{}
	version := d.versionUpTo("contact", contactVersion)
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
	if c.Outcome >= outcomes || c.EndedBy >= enders || flags >= contactFlags {
		d.fail("outcome, ender or flags")
	}
	c.Open, c.AnswerUnseen = flags&contactOpen != 0, flags&contactAnswerUnseen != 0
	c.Partial, c.Unseen, c.Short = flags&contactPartial != 0, flags&contactUnseen != 0, flags&contactShort != 0
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
	if d.err != nil || version < 2 {
		return d.done()
	}
	code := &Coder{in: d, reading: true}
	c.codeEvidence(code)
	if version >= 3 {
		c.codeKind(code)
	}
	if version >= 4 {
		c.Media.code(code)
	}
	return code.Done()
}
