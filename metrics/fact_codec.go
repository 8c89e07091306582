package metrics

import "fmt"

const factVersion = 1

// AppendBinary appends the fact's binary form. The same fact has the same bytes.
func (f *Fact) AppendBinary(b []byte) ([]byte, error) {
	if !f.has(f.Kind) {
		return nil, fmt.Errorf("fact %q has no %s", f.ID, f.Kind)
	}
	c := Encoder(b)
	f.code(c)
	return c.Written(), nil
}

// UnmarshalBinary reads the form that AppendBinary writes. It does not Check: what
// was sound when it was stored stays readable.
func (f *Fact) UnmarshalBinary(b []byte) error {
	*f = Fact{}
	c := Decoder(b)
	f.code(c)
	return c.Done()
}

func (f *Fact) code(c *Coder) {
	c.Version("fact", factVersion)
	CodeUint(c, &f.Kind)
	c.String(&f.ID)
	CodeInt(c, &f.At)
	c.String(&f.Agent)
	c.String(&f.Contact)
	c.String(&f.Switch)
	switch f.Kind {
	case SurveyFact:
		codePart(c, &f.Survey).code(c)
	case DispositionFact:
		codePart(c, &f.Disposition).code(c)
	case TrainingFact:
		codePart(c, &f.Training).code(c)
	case FormFact:
		codePart(c, &f.Form).code(c)
	default:
		c.Fail("kind")
	}
}

// codePart is the part to code, a new one where it is read.
func codePart[T any](c *Coder, p **T) *T {
	if c.Reading() {
		*p = new(T)
	}
	return *p
}

func (s *Survey) code(c *Coder) {
	if codeThere(c, &s.CSAT) {
		CodeInt(c, s.CSAT)
	}
	if codeThere(c, &s.NPS) {
		CodeInt(c, s.NPS)
	}
	if codeThere(c, &s.Resolved) {
		c.Bool(s.Resolved)
	}
}

// codeThere codes whether there is a value, which then follows.
func codeThere[T any](c *Coder, p **T) bool {
	there := *p != nil
	if c.Bool(&there); !there {
		return false
	}
	codePart(c, p)
	return true
}

func (d *Disposition) code(c *Coder) {
	c.String(&d.Code)
	c.String(&d.Case)
	CodeInt(c, &d.Due)
	CodeInt(c, &d.Done)
}

func (t *Training) code(c *Coder) {
	c.String(&t.Course)
	c.Bool(&t.Passed)
	CodeInt(c, &t.Points)
	CodeInt(c, &t.Of)
}

func (f *Form) code(c *Coder) {
	c.String(&f.ID)
	c.String(&f.Rater)
	CodeInt(c, &f.Points)
	CodeInt(c, &f.Of)
	c.Bool(&f.Critical)
	n := c.Len(len(f.Sections))
	if c.Reading() && n > 0 {
		f.Sections = make([]Section, n)
	}
	for i := range f.Sections {
		s := &f.Sections[i]
		c.String(&s.ID)
		CodeInt(c, &s.Points)
		CodeInt(c, &s.Of)
		c.Bool(&s.NA)
	}
}
