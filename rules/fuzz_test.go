package rules

import (
	"bytes"
	"math"
	"testing"
)

// FuzzFactLines: whatever lines stand in a file, each is a fact that can be added up or
// is told.
func FuzzFactLines(f *testing.F) {
	scheme := readScheme(f, manyScheme)
	f.Add([]byte(`{"at":"2026-10-01T09:00:00Z","agent":"a1","role":"agent","queue":"q","counts":{"answered":-4,"offers":3,"talk_ms":-1,"handle_s2":-9,"logged_in_ms":1,"fcr_eligible":2,"fcr_repeat":5}}` + "\n" +
		`{"at":"2026-10-01T09:00:00Z","agent":"a2","role":"agent","counts":{"answered":999999999999,"talk_ms":999999999999,"logged_in_ms":1,"fcr_eligible":1,"fcr_repeat":-1}}`))
	f.Add([]byte(`{"at":"2026-10-01T09:00:00Z","agent":"a1","queue":"q","counts":{"offers":4}}` + "\n" + `{"at":"2026-10-01T09:00:00Z","agent":"a1","form":{"id":"qa","points":1,"of":2,"sections":[{"id":"a","na":true}]}}`))
	f.Add([]byte("\n{}\r\n{\"at\":null,\"survey\":{\"csat\":3}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var s Sums
		n := 0
		bad, err := ReadFacts(bytes.NewReader(text), func(x *Fact) error {
			if n++; x.Agent == "" || x.At.IsZero() {
				t.Fatalf("%+v", x)
			}
			s.Add(x)
			return nil
		})
		if err != nil || n+len(bad) > 1+bytes.Count(text, []byte("\n")) {
			t.Fatalf("%d facts, %d bad lines, %v", n, len(bad), err)
		}
		a := NewAppraisal(scheme, Date{2026, 10, 1}, Date{2026, 11, 1})
		if _, err := ReadFacts(bytes.NewReader(text), func(x *Fact) error { a.Add(x); return nil }); err != nil {
			t.Fatal(err)
		}
		scores, err := a.Scores() // JSON has no NaN
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range scores.Cards {
			if c.Score != nil && !(*c.Score >= 0 && *c.Score <= 120) {
				t.Fatalf("%+v", c)
			}
		}
		if s.Counts[CSATTop] > s.Counts[Surveys] || s.Counts[TrainingsPassed] > s.Counts[Trainings] {
			t.Fatalf("%+v", s)
		}
	})
}

// FuzzScheme: whatever stands in a file, reading it ends, and a scheme without a fault
// has weights that add up and curves that give points.
func FuzzScheme(f *testing.F) {
	f.Add([]byte(soundScheme))
	f.Add([]byte("roles: {a: {like: b, indicators: []}, b: {like: a}}"))
	f.Add([]byte("roles: {a: {indicators: [{id: x, kpi: form.qa, curve: steps, steps: [{points: 0}, {from: -5, points: 1}]}]}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, faults, _ := Read("s.yaml", text)
		if len(faults) > 0 {
			return
		}
		for i := range s.Roles {
			r := &s.Roles[i]
			days := []Date{{2026, 1, 1}}
			for _, x := range r.Seasons {
				days = append(days, x.From, x.To)
			}
			for _, day := range days {
				sum := Weight(0)
				for _, w := range r.WeightsOn(day) {
					sum += w
				}
				if sum != fullWeight {
					t.Fatalf("on %s the weights of %s add up to %s", day, r.Name, sum)
				}
			}
			for k := range r.Indicators {
				for _, v := range []float64{math.Inf(-1), -1e15, -1, 0, 0.5, 1, 100, 1e15, math.Inf(1)} {
					if p := r.Indicators[k].Curve.At(v); !(p >= s.Points.Floor && p <= s.Points.Stretch) {
						t.Fatalf("%s at %v: %v points", r.Indicators[k].ID, v, p)
					}
				}
			}
		}
	})
}
