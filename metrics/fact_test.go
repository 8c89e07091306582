package metrics

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// soundFacts is one fact of each kind, with all that it may have.
func soundFacts() []Fact {
	csat, nps, resolved := 5, 0, false
	head := Fact{ID: "m-1", At: 1795449167837, Agent: "1001@default", Contact: "6d2c4f0e-31", Switch: "fs1"}
	survey, disposition, training, form := head, head, head, head
	survey.Kind, survey.Survey = SurveyFact, &Survey{CSAT: &csat, NPS: &nps, Resolved: &resolved}
	disposition.Kind, disposition.Disposition = DispositionFact, &Disposition{Code: "退款", Case: "C-1", Due: 1795449199999, Done: 1795449167000}
	training.Kind, training.Training = TrainingFact, &Training{Course: "c1", Passed: true, Points: 8, Of: 10}
	form.Kind, form.Form = FormFact, &Form{ID: "qa", Rater: "s1", Points: 87, Of: 100, Critical: true,
		Sections: []Section{{ID: "greeting", Points: 7, Of: 10}, {ID: "sale", NA: true}}}
	return []Fact{survey, disposition, training, form}
}

// TestFactCheck: what is sound passes, and each fault is told with its field and
// value.
func TestFactCheck(t *testing.T) {
	for _, f := range soundFacts() {
		if err := f.Check(); err != nil {
			t.Errorf("%s: %v", f.Kind, err)
		}
		if f.Agent = ""; f.Check() != nil {
			t.Errorf("%s of whoever answered: %v", f.Kind, f.Check())
		}
	}
	long := strings.Repeat("x", 4096)
	n := func(i int) *int { return &i }
	for _, test := range []struct {
		kind  FactKind
		spoil func(*Fact)
		want  string
	}{
		{SurveyFact, func(f *Fact) { f.Kind = 0 }, "kind 0 is not known"},
		{SurveyFact, func(f *Fact) { f.Kind = 9 }, "kind 9 is not known"},
		{SurveyFact, func(f *Fact) { f.ID = "" }, "id is missing"},
		{SurveyFact, func(f *Fact) { f.ID = long }, "id has 4096 bytes, 128 are the most"},
		{SurveyFact, func(f *Fact) { f.ID = "a\nb" }, `id "a\nb" has the byte 0x0a, which is not printable`},
		{SurveyFact, func(f *Fact) { f.ID = "é" }, `id "é" has the byte 0xc3, which is not printable`},
		{SurveyFact, func(f *Fact) { f.At = 0 }, "at is missing"},
		{SurveyFact, func(f *Fact) { f.At = -1 }, "at 1969-12-31T23:59:59Z is before 1970"},
		{SurveyFact, func(f *Fact) { f.Agent, f.Contact, f.Switch = "", "", "" }, "agent is missing"},
		{SurveyFact, func(f *Fact) { f.Agent = long }, "agent has 4096 bytes, 256 are the most"},
		{SurveyFact, func(f *Fact) { f.Agent = "a\x00" }, `agent "a\x00" has the control character U+0000`},
		{SurveyFact, func(f *Fact) { f.Agent = "a\u0085" }, `agent "a\u0085" has the control character U+0085`},
		{SurveyFact, func(f *Fact) { f.Agent = "a\xff" }, `agent "a\xff" is not UTF-8`},
		{SurveyFact, func(f *Fact) { f.Agent = Overflow }, `agent "(other)" is nobody`},
		{SurveyFact, func(f *Fact) { f.Contact = "\x1b[2J" }, `contact "\x1b[2J" has the control character U+001B`},
		{SurveyFact, func(f *Fact) { f.Switch = long }, "switch has 4096 bytes, 256 are the most"},
		{SurveyFact, func(f *Fact) { f.Contact = "" }, `switch "fs1" is there without a contact`},
		{SurveyFact, func(f *Fact) { f.Survey = nil }, "survey is missing"},
		{SurveyFact, func(f *Fact) { f.Form = &Form{} }, "form is there, but the fact is a survey"},
		{SurveyFact, func(f *Fact) { f.Survey = &Survey{} }, "survey has none of csat, nps and resolved"},
		{SurveyFact, func(f *Fact) { f.Survey.CSAT = n(0) }, "csat 0 is not between 1 and 5"},
		{SurveyFact, func(f *Fact) { f.Survey.CSAT = n(6) }, "csat 6 is not between 1 and 5"},
		{SurveyFact, func(f *Fact) { f.Survey.NPS = n(-1) }, "nps -1 is not between 0 and 10"},
		{SurveyFact, func(f *Fact) { f.Survey.NPS = n(11) }, "nps 11 is not between 0 and 10"},
		{DispositionFact, func(f *Fact) { f.Disposition = nil }, "disposition is missing"},
		{DispositionFact, func(f *Fact) { f.Disposition.Code = "" }, "code is missing"},
		{DispositionFact, func(f *Fact) { f.Disposition.Case = "a\r" }, `case "a\r" has the control character U+000D`},
		{DispositionFact, func(f *Fact) { f.Disposition.Due = -1 }, "due 1969-12-31T23:59:59Z is before 1970"},
		{DispositionFact, func(f *Fact) { f.Disposition.Done = -1 }, "done 1969-12-31T23:59:59Z is before 1970"},
		{TrainingFact, func(f *Fact) { f.Training = nil }, "training is missing"},
		{TrainingFact, func(f *Fact) { f.Training.Course = long }, "course has 4096 bytes, 256 are the most"},
		{TrainingFact, func(f *Fact) { f.Training.Of = 0 }, "of 0 is not between 1 and 1000000000"},
		{TrainingFact, func(f *Fact) { f.Training.Points = 11 }, "points 11 is not between 0 and of, which is 10"},
		{FormFact, func(f *Fact) { f.Form = nil }, "form is missing"},
		{FormFact, func(f *Fact) { f.Form.ID = "" }, "form id is missing"},
		{FormFact, func(f *Fact) { f.Form.Rater = "" }, "rater is missing"},
		{FormFact, func(f *Fact) { f.Form.Points = -1 }, "points -1 is not between 0 and of, which is 100"},
		{FormFact, func(f *Fact) { f.Form.Of = maxPoints + 1 }, "of 1000000001 is not between 1 and 1000000000"},
		{FormFact, func(f *Fact) { f.Form.Sections = make([]Section, 51) }, "sections are 51, 50 are the most"},
		{FormFact, func(f *Fact) { f.Form.Sections[1].ID = "" }, "section 2: id is missing"},
		{FormFact, func(f *Fact) { f.Form.Sections[1].ID = long[:65] }, "section 2: id has 65 bytes, 64 are the most"},
		{FormFact, func(f *Fact) { f.Form.Sections[1].ID = "greeting" }, `section 2: id "greeting" is there already`},
		{FormFact, func(f *Fact) { f.Form.Sections[0].Of = 6 }, "section 1: points 7 is not between 0 and of, which is 6"},
		{FormFact, func(f *Fact) { f.Form.Sections[1].Of = 10 }, "section 2: points 0 of 10 are there, but it does not apply"},
	} {
		f := soundFacts()[test.kind-1]
		test.spoil(&f)
		if err := f.Check(); err == nil || err.Error() != test.want {
			t.Errorf("error is %v, want %s", err, test.want)
		}
	}
}

// drawFact draws a sound fact; texts and numbers are any that Check lets through.
func drawFact(t *rapid.T) Fact {
	text := func(label string) string {
		return rapid.StringOfN(rapid.RuneFrom([]rune("a01 @/.*>客é\u2028\ufffd")), 1, 60, maxSectionID).Draw(t, label)
	}
	moment := rapid.Map(rapid.Int64Range(0, 1<<60), func(n int64) Millis { return Millis(n) })
	maybe := func(label string, most int) *int {
		if n := rapid.IntRange(-1, most).Draw(t, label); n >= 0 {
			return &n
		}
		return nil
	}
	points := func() (points, of int64) {
		of = rapid.Int64Range(1, maxPoints).Draw(t, "of")
		return rapid.Int64Range(0, of).Draw(t, "points"), of
	}
	f := Fact{Kind: FactKind(rapid.IntRange(1, int(factKinds)-1).Draw(t, "kind")), ID: rapid.StringMatching(`[ -~]{1,128}`).Draw(t, "id"),
		At: 1 + moment.Draw(t, "at"), Agent: text("agent")}
	if rapid.Bool().Draw(t, "of a contact") {
		f.Contact, f.Switch = text("contact"), text("switch")
	}
	switch f.Kind {
	case SurveyFact:
		f.Survey = &Survey{CSAT: maybe("csat", 5), NPS: maybe("nps", 10)}
		if f.Survey.CSAT != nil {
			*f.Survey.CSAT = max(1, *f.Survey.CSAT)
		}
		if resolved := rapid.Bool().Draw(t, "resolved"); f.Survey.CSAT == nil && f.Survey.NPS == nil || rapid.Bool().Draw(t, "tells whether resolved") {
			f.Survey.Resolved = &resolved
		}
	case DispositionFact:
		f.Disposition = &Disposition{Code: text("code"), Due: moment.Draw(t, "due"), Done: moment.Draw(t, "done")}
		if rapid.Bool().Draw(t, "of a case") {
			f.Disposition.Case = text("case")
		}
	case TrainingFact:
		f.Training = &Training{Course: text("course"), Passed: rapid.Bool().Draw(t, "passed")}
		if rapid.Bool().Draw(t, "counted") {
			f.Training.Points, f.Training.Of = points()
		}
	case FormFact:
		f.Form = &Form{ID: text("form"), Rater: text("rater"), Critical: rapid.Bool().Draw(t, "critical")}
		f.Form.Points, f.Form.Of = points()
		for i := range rapid.IntRange(0, 5).Draw(t, "sections") {
			s := Section{ID: fmt.Sprint(i), NA: rapid.Bool().Draw(t, "does not apply")}
			if !s.NA {
				s.Points, s.Of = points()
			}
			f.Form.Sections = append(f.Form.Sections, s)
		}
	}
	return f
}

// TestFactBinary: every sound fact comes back as it was, and the same fact has the
// same bytes.
func TestFactBinary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFact(t)
		if err := f.Check(); err != nil {
			t.Fatalf("%+v: %v", f, err)
		}
		b, err := f.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		var back Fact
		if err := back.UnmarshalBinary(b); err != nil || !reflect.DeepEqual(back, f) {
			t.Fatalf("%+v came back as %+v, error %v", f, back, err)
		}
		if again, err := back.AppendBinary(nil); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("the same fact is written as %x and as %x, error %v", b, again, err)
		}
	})
}

// TestFactBinaryFaults: what is no fact's form is an error, and so is a fact without
// its part.
func TestFactBinaryFaults(t *testing.T) {
	if b, err := (&Fact{Kind: FormFact, ID: "m-1"}).AppendBinary(nil); err == nil {
		t.Errorf("a form that is not there is written as %x", b)
	}
	for _, f := range soundFacts() {
		b, err := f.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		for n := range b {
			if err := new(Fact).UnmarshalBinary(b[:n]); !errors.Is(err, ErrFormat) {
				t.Errorf("%s, cut at %d of %d: error is %v", f.Kind, n, len(b), err)
			}
		}
		if err := new(Fact).UnmarshalBinary(append(b, 0)); !errors.Is(err, ErrFormat) {
			t.Errorf("%s, a byte too long: error is %v", f.Kind, err)
		}
		b[0] = factVersion + 1
		if err := new(Fact).UnmarshalBinary(b); !errors.Is(err, ErrFormat) {
			t.Errorf("%s of a newer version: error is %v", f.Kind, err)
		}
	}
}

// FuzzFact is FuzzRollup for facts.
func FuzzFact(f *testing.F) {
	for _, fact := range soundFacts() {
		b, err := fact.AppendBinary(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var fact, again Fact
		if fact.UnmarshalBinary(b) != nil {
			return
		}
		_ = fact.Check() // whatever it says, it does not panic
		w, err := fact.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := again.UnmarshalBinary(w); err != nil || !reflect.DeepEqual(fact, again) {
			t.Fatalf("%x\nreads as    %+v\nwritten as %x\nreads as    %+v, %v", b, fact, w, again, err)
		}
	})
}
