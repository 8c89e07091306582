package rules

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Fact is a line of what appraisals rest on, as `tallyd export --facts` writes it: what
// an agent did in an hour, for a queue or for none, or what somebody told of the agent.
type Fact struct {
	At    time.Time `json:"at"`
	Agent string    `json:"agent,omitempty"`
	// Role and Team are the roster's then, Queue is whose calls these were.
	Role     string           `json:"role,omitempty"`
	Team     string           `json:"team,omitempty"`
	Queue    string           `json:"queue,omitempty"`
	Calls    *Calls           `json:"calls,omitempty"` // of the queue's callers; then there is no agent
	Counts   map[string]int64 `json:"counts,omitzero"` // empty: the agent has the role and the team, and did nothing
	Survey   *Survey          `json:"survey,omitempty"`
	Form     *Form            `json:"form,omitempty"`
	Training *Training        `json:"training,omitempty"`
}

// work tells whether it is what the switch counted of the agent's day: cases and callers
// who came back, or not, are told of later.
func (f *Fact) work() bool {
	for name := range f.Counts {
		if c, _ := countOf(name); c < FCREligible || c == BadMedia {
			return true
		}
	}
	return false
}

// Survey is what a caller answered.
type Survey struct {
	CSAT     *int  `json:"csat,omitempty"` // 1 to 5
	NPS      *int  `json:"nps,omitempty"`  // 0 to 10
	Resolved *bool `json:"resolved,omitempty"`
}

// Form is an assessment of an agent.
type Form struct {
	ID       string    `json:"id"`
	Rater    string    `json:"rater,omitempty"`
	Points   int64     `json:"points"`
	Of       int64     `json:"of"`
	Critical bool      `json:"critical,omitempty"` // an item failed that no points make up for
	Sections []Section `json:"sections,omitempty"`
}

// Section is a part of a form.
type Section struct {
	ID     string `json:"id"`
	Points *int64 `json:"points,omitempty"`
	Of     *int64 `json:"of,omitempty"`
	NA     bool   `json:"na,omitempty"`
}

// Training is a course that was taken.
type Training struct {
	Course string `json:"course"`
	Passed bool   `json:"passed"`
	Points *int64 `json:"points,omitempty"`
	Of     *int64 `json:"of,omitempty"`
}

// BadLine is a line that is no fact, and why.
type BadLine struct {
	Line int // from 1
	What string
}

func (b BadLine) String() string { return fmt.Sprintf("line %d: %s", b.Line, b.What) }

const (
	// maxLine bounds a line, in bytes.
	maxLine = 256 << 10
	// most bounds counts, so that no sum of them overflows: 30 years in milliseconds.
	most = 1e12
)

// ReadFacts gives every line that is a fact to f, in their order, and lists those that
// are none: these are left out, and the rest counts. The error is in's own, or f's.
func ReadFacts(in io.Reader, f func(*Fact) error) (bad []BadLine, err error) {
	lines := bufio.NewReaderSize(in, maxLine)
	for n := 1; ; n++ {
		line, err := lines.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull)
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = lines.ReadSlice('\n')
		}
		switch text := bytes.TrimSpace(line); {
		case long:
			bad = append(bad, BadLine{n, fmt.Sprintf("it has more than %d bytes", maxLine)})
		case len(text) > 0:
			fact, wrong := parseFact(text)
			if wrong != nil {
				bad = append(bad, BadLine{n, wrong.Error()})
			} else if err := f(fact); err != nil {
				return bad, err
			}
		}
		if errors.Is(err, io.EOF) {
			return bad, nil
		}
		if err != nil {
			return bad, err
		}
	}
}

func parseFact(line []byte) (*Fact, error) {
	f := &Fact{}
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	var moment *time.ParseError
	if err := d.Decode(f); errors.As(err, &moment) {
		return nil, fmt.Errorf("at %s is not a moment such as 2026-10-01T09:00:00Z", moment.Value)
	} else if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the fact")
	}
	return f, f.check()
}

// check tells what is wrong with a fact.
func (f *Fact) check() error {
	switch {
	case f.At.IsZero():
		return errors.New("at is missing")
	case f.Calls != nil && (f.Queue == "" || f.Agent != ""):
		return errors.New("calls are of a queue, and of no agent")
	case f.Calls == nil && f.Agent == "":
		return errors.New("agent is missing")
	}
	kinds := 0
	for _, there := range []bool{f.Calls != nil, f.Counts != nil, f.Survey != nil, f.Form != nil, f.Training != nil} {
		if there {
			kinds++
		}
	}
	if kinds != 1 {
		return errors.New("it has not one of counts, survey, form, training and calls")
	}
	if f.Calls != nil {
		if _, err := f.Calls.rollup(); err != nil {
			return err
		}
	}
	for name, n := range f.Counts {
		if _, known := countOf(name); !known {
			return fmt.Errorf("count %q is not known", name)
		}
		if n > most || n < -most {
			return fmt.Errorf("%s %d is out of bounds", name, n)
		}
	}
	if s := f.Survey; s != nil {
		switch {
		case s.CSAT == nil && s.NPS == nil && s.Resolved == nil:
			return errors.New("the survey says nothing")
		case s.CSAT != nil && (*s.CSAT < 1 || *s.CSAT > 5):
			return fmt.Errorf("csat %d is not between 1 and 5", *s.CSAT)
		case s.NPS != nil && (*s.NPS < 0 || *s.NPS > 10):
			return fmt.Errorf("nps %d is not between 0 and 10", *s.NPS)
		}
	}
	if g := f.Form; g != nil {
		switch {
		case g.ID == "":
			return errors.New("the form has no id")
		case g.Of < 1 || g.Of > 1e6 || g.Points < 0 || g.Points > g.Of:
			return fmt.Errorf("points %d of %d are no result of a form", g.Points, g.Of)
		}
	}
	if f.Training != nil && f.Training.Course == "" {
		return errors.New("the training has no course")
	}
	return nil
}
