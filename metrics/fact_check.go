package metrics

import (
	"cmp"
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// What a fact may hold at most: it takes a few hundred bytes, and never more than
// some 5 kB.
const (
	maxFactID    = 128
	maxFactText  = MaxNameBytes
	maxSectionID = 64
	maxSections  = 50
	maxPoints    = 1_000_000_000
)

// Check tells what is wrong with a fact that somebody sent. It names the fields as
// messages do. The agent may be missing where a contact tells it.
func (f *Fact) Check() error {
	return cmp.Or(CheckFactID(f.ID), f.checkHead(), f.checkPart())
}

// CheckFactID tells what is wrong with a fact's id.
func CheckFactID(id string) error {
	switch {
	case id == "":
		return errors.New("id is missing")
	case len(id) > maxFactID:
		return fmt.Errorf("id has %d bytes, %d are the most", len(id), maxFactID)
	}
	for _, c := range []byte(id) {
		if c < ' ' || c > '~' {
			return fmt.Errorf("id %q has the byte 0x%02x, which is not printable", id, c)
		}
	}
	return nil
}

// checkHead looks at what facts of every kind have.
func (f *Fact) checkHead() error {
	if f.At == 0 {
		return errors.New("at is missing")
	}
	agent := checkText
	if f.Contact != "" {
		agent = checkOptional
	}
	err := cmp.Or(checkMoment("at", f.At), agent("agent", f.Agent), checkOptional("contact", f.Contact), checkOptional("switch", f.Switch))
	switch {
	case err != nil:
		return err
	case f.Agent == Overflow: // what is counted past the bound on names
		return fmt.Errorf("agent %q is nobody", f.Agent)
	case f.Switch != "" && f.Contact == "":
		return fmt.Errorf("switch %q is there without a contact", f.Switch)
	}
	return nil
}

// checkPart looks at the part of the fact's kind, which must be the only one.
func (f *Fact) checkPart() error {
	if f.Kind == 0 || f.Kind >= factKinds {
		return fmt.Errorf("kind %d is not known", f.Kind)
	}
	for k := SurveyFact; k < factKinds; k++ {
		if k != f.Kind && f.has(k) {
			return fmt.Errorf("%s is there, but the fact is a %s", k, f.Kind)
		}
	}
	switch {
	case !f.has(f.Kind):
		return fmt.Errorf("%s is missing", f.Kind)
	case f.Kind == SurveyFact:
		return f.Survey.check()
	case f.Kind == DispositionFact:
		return f.Disposition.check()
	case f.Kind == TrainingFact:
		return f.Training.check()
	default:
		return f.Form.check()
	}
}

func (s *Survey) check() error {
	switch {
	case s.CSAT == nil && s.NPS == nil && s.Resolved == nil:
		return errors.New("survey has none of csat, nps and resolved")
	case s.CSAT != nil && (*s.CSAT < 1 || *s.CSAT > 5):
		return fmt.Errorf("csat %d is not between 1 and 5", *s.CSAT)
	case s.NPS != nil && (*s.NPS < 0 || *s.NPS > 10):
		return fmt.Errorf("nps %d is not between 0 and 10", *s.NPS)
	}
	return nil
}

func (d *Disposition) check() error {
	return cmp.Or(checkText("code", d.Code), checkOptional("case", d.Case), checkMoment("due", d.Due), checkMoment("done", d.Done))
}

func (t *Training) check() error {
	if err := checkText("course", t.Course); err != nil || t.Points == 0 && t.Of == 0 {
		return err
	}
	return checkPoints(t.Points, t.Of)
}

func (f *Form) check() error {
	err := cmp.Or(checkText("form id", f.ID), checkText("rater", f.Rater), checkPoints(f.Points, f.Of))
	if err == nil && len(f.Sections) > maxSections {
		err = fmt.Errorf("sections are %d, %d are the most", len(f.Sections), maxSections)
	}
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for i := range f.Sections {
		s := &f.Sections[i]
		if err := s.check(); err != nil {
			return fmt.Errorf("section %d: %w", i+1, err)
		}
		if seen[s.ID] {
			return fmt.Errorf("section %d: id %q is there already", i+1, s.ID)
		}
		seen[s.ID] = true
	}
	return nil
}

func (s *Section) check() error {
	err := checkBounded("id", s.ID, maxSectionID)
	switch {
	case err != nil:
		return err
	case !s.NA:
		return checkPoints(s.Points, s.Of)
	case s.Points != 0 || s.Of != 0:
		return fmt.Errorf("points %d of %d are there, but it does not apply", s.Points, s.Of)
	}
	return nil
}

func checkPoints(points, of int64) error {
	switch {
	case of < 1 || of > maxPoints:
		return fmt.Errorf("of %d is not between 1 and %d", of, maxPoints)
	case points < 0 || points > of:
		return fmt.Errorf("points %d is not between 0 and of, which is %d", points, of)
	}
	return nil
}

func checkMoment(field string, m Millis) error {
	if m < 0 {
		return fmt.Errorf("%s %s is before 1970", field, m.Time().Format("2006-01-02T15:04:05Z"))
	}
	return nil
}

func checkText(field, s string) error { return checkBounded(field, s, maxFactText) }

func checkOptional(field, s string) error {
	if s == "" {
		return nil
	}
	return checkText(field, s)
}

// checkBounded refuses what no screen, file or log can show as it was meant.
func checkBounded(field, s string, most int) error {
	switch {
	case s == "":
		return fmt.Errorf("%s is missing", field)
	case len(s) > most:
		return fmt.Errorf("%s has %d bytes, %d are the most", field, len(s), most)
	case !utf8.ValidString(s):
		return fmt.Errorf("%s %q is not UTF-8", field, s)
	}
	for _, c := range s {
		if unicode.IsControl(c) {
			return fmt.Errorf("%s %q has the control character %U", field, s, c)
		}
	}
	return nil
}
