package api

import (
	"fmt"
	"time"

	"tallyd/metrics"
)

// Fact is a fact as others send it, and as it is published. Moments are RFC 3339.
// The one of Survey, Disposition, Training and Form that names its kind is there.
type Fact struct {
	// ID is the sender's: of one kind, two facts with one id are one, told twice.
	ID    string `json:"id,omitempty"`
	At    string `json:"at"` // when it happened
	Agent string `json:"agent,omitempty"`
	// Contact is the id of the visit that it is about, Switch where that was.
	Contact string `json:"contact,omitempty"`
	Switch  string `json:"switch,omitempty"`

	Survey      *Survey      `json:"survey,omitempty"`
	Disposition *Disposition `json:"disposition,omitempty"`
	Training    *Training    `json:"training,omitempty"`
	Form        *Form        `json:"form,omitempty"`
}

// Survey is what a caller answered: one of them at least.
type Survey struct {
	CSAT     *int  `json:"csat,omitempty"` // satisfaction, 1 to 5
	NPS      *int  `json:"nps,omitempty"`  // would recommend, 0 to 10
	Resolved *bool `json:"resolved,omitempty"`
}

// Disposition is what became of a caller's concern, in the site's own word.
type Disposition struct {
	Code string `json:"code"`
	Case string `json:"case,omitempty"`
	Due  string `json:"due,omitempty"`  // until when the case had to be done
	Done string `json:"done,omitempty"` // when it was
}

// Training is a course that was taken.
type Training struct {
	Course string `json:"course"`
	Passed *bool  `json:"passed"`
	Points *int64 `json:"points,omitempty"` // of Of; both or neither
	Of     *int64 `json:"of,omitempty"`
}

// Form is an assessment of the agent by somebody.
type Form struct {
	ID       string    `json:"id"`              // which form it is
	Rater    string    `json:"rater,omitempty"` // must be there; it is not shown to the agent
	Points   *int64    `json:"points"`
	Of       *int64    `json:"of"`
	Critical bool      `json:"critical,omitempty"` // an item failed that no points make up for
	Sections []Section `json:"sections,omitempty"`
}

// Section is a part of a form. One that does not apply has no points.
type Section struct {
	ID     string `json:"id"`
	Points *int64 `json:"points,omitempty"`
	Of     *int64 `json:"of,omitempty"`
	NA     bool   `json:"na,omitempty"`
}

// FactOf is a fact as published.
func FactOf(f *metrics.Fact) Fact {
	out := Fact{ID: f.ID, At: written(f.At), Agent: f.Agent, Contact: f.Contact, Switch: f.Switch}
	switch f.Kind {
	case metrics.SurveyFact:
		out.Survey = (*Survey)(f.Survey)
	case metrics.DispositionFact:
		d := f.Disposition
		out.Disposition = &Disposition{d.Code, d.Case, written(d.Due), written(d.Done)}
	case metrics.TrainingFact:
		t := *f.Training
		out.Training = &Training{Course: t.Course, Passed: &t.Passed}
		if t.Of != 0 {
			out.Training.Points, out.Training.Of = &t.Points, &t.Of
		}
	case metrics.FormFact:
		g := *f.Form
		out.Form = &Form{ID: g.ID, Rater: g.Rater, Points: &g.Points, Of: &g.Of, Critical: g.Critical}
		for _, s := range g.Sections {
			section := Section{ID: s.ID, NA: s.NA}
			if !s.NA {
				section.Points, section.Of = &s.Points, &s.Of
			}
			out.Form.Sections = append(out.Form.Sections, section)
		}
	}
	return out
}

// kind is the one whose part is there, the first of several; 0 for none.
func (m *Fact) kind() metrics.FactKind {
	switch {
	case m.Survey != nil:
		return metrics.SurveyFact
	case m.Disposition != nil:
		return metrics.DispositionFact
	case m.Training != nil:
		return metrics.TrainingFact
	case m.Form != nil:
		return metrics.FormFact
	}
	return 0
}

// fact is what was sent, of a kind, as it is stored. What is missing that must be
// there is an error here where it could be taken for a 0 or a no.
func (m *Fact) fact(kind metrics.FactKind) (*metrics.Fact, error) {
	r := factReader{}
	// Switches' ids are kept within bounds, and a contact has what is kept.
	contact := metrics.IDString(m.Contact).String()
	f := &metrics.Fact{Kind: kind, ID: m.ID, At: r.moment("at", m.At), Agent: m.Agent, Contact: contact, Switch: m.Switch, Survey: (*metrics.Survey)(m.Survey)}
	if d := m.Disposition; d != nil {
		f.Disposition = &metrics.Disposition{Code: d.Code, Case: d.Case, Due: r.moment("due", d.Due), Done: r.moment("done", d.Done)}
	}
	if t := m.Training; t != nil {
		f.Training = &metrics.Training{Course: t.Course, Passed: required(&r, "passed", t.Passed)}
		if t.Points != nil || t.Of != nil {
			f.Training.Points, f.Training.Of = required(&r, "points", t.Points), required(&r, "of", t.Of)
		}
	}
	if g := m.Form; g != nil {
		f.Form = &metrics.Form{ID: g.ID, Rater: g.Rater, Points: required(&r, "points", g.Points), Of: required(&r, "of", g.Of), Critical: g.Critical}
		for i, s := range g.Sections {
			section := metrics.Section{ID: s.ID, NA: s.NA}
			if !s.NA || s.Points != nil || s.Of != nil {
				r.in = fmt.Sprintf("section %d: ", i+1)
				section.Points, section.Of = required(&r, "points", s.Points), required(&r, "of", s.Of)
			}
			f.Form.Sections = append(f.Form.Sections, section)
		}
	}
	return f, r.err
}

// factReader keeps the first fault.
type factReader struct {
	in  string
	err error
}

func (r *factReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(r.in+format, args...)
	}
}

func (r *factReader) moment(field, s string) metrics.Millis {
	m, err := readMoment(s)
	if err != nil {
		r.fail("%s %w", field, err)
	}
	return m
}

func required[T any](r *factReader, field string, p *T) (v T) {
	if p == nil {
		r.fail("%s is missing", field)
		return v
	}
	return *p
}

// readMoment reads RFC 3339, 0 for nothing.
func readMoment(s string) (metrics.Millis, error) {
	var t time.Time
	if s == "" {
		return 0, nil
	}
	if t.UnmarshalText([]byte(s)) != nil {
		return 0, fmt.Errorf("%q is not a moment such as 2026-10-01T09:00:00Z", s)
	}
	return metrics.MillisOf(t), nil
}

// written is a moment as messages have it, "" for none.
func written(m metrics.Millis) string {
	if m == 0 {
		return ""
	}
	return m.Time().Format(momentLayout)
}
