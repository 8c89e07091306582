package rules

import (
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func readAll(t testing.TB, text string) (facts []Fact, bad []BadLine) {
	t.Helper()
	bad, err := ReadFacts(strings.NewReader(text), func(f *Fact) error { facts = append(facts, *f); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return facts, bad
}

// TestReadFacts: good lines are taken, bad ones are told with their line and reason.
func TestReadFacts(t *testing.T) {
	good := []string{
		`{"at":"2026-10-01T09:00:00Z","agent":"a1","role":"agent","team":"t1","queue":"support","counts":{"offers":4,"answered":3,"talk_ms":540000}}`,
		`{"at":"2026-10-01T09:00:00Z","agent":"a1","survey":{"csat":5}}`,
		`{"at":"2026-10-01T09:00:00Z","agent":"a1","form":{"id":"qa","rater":"s1","points":87,"of":100}}`,
		`{"at":"2026-10-01T09:00:00Z","agent":"a1","training":{"course":"c1","passed":true}}`,
	}
	const head = `{"at":"2026-10-01T09:00:00Z","agent":"a1",`
	bad := map[string]string{
		`{`:                          "unexpected EOF",
		head + `"counts":{}} {}`:     "something follows the fact",
		head + `"mood":1}`:           `unknown field "mood"`,
		`{"agent":"a1","counts":{}}`: "at is missing",
		`{"at":"2026-10-01T09:00:00Z","calls":{"counts":{"offered":1}}}`:                                        `calls are of a queue, and of no agent`,
		`{"at":"2026-10-01T09:00:00Z","agent":"a1","queue":"q","calls":{"counts":{"offered":1}}}`:               `calls are of a queue, and of no agent`,
		`{"at":"2026-10-01T09:00:00Z","queue":"q","calls":{"counts":{"offers to":1}}}`:                          `count "offers to" is not known`,
		`{"at":"2026-10-01T09:00:00Z","queue":"q","calls":{"counts":{"offered":-1}}}`:                           `offered -1 is out of bounds`,
		`{"at":"2026-10-01T09:00:00Z","queue":"q","calls":{"counts":{},"waits":{"waits":{}}}}`:                  `waits "waits" are none of`,
		`{"at":"2026-10-01T09:00:00Z","queue":"q","calls":{"counts":{},"waits":{"answered_waits":{"9999":1}}}}`: `answered_waits: 1 in bin 9999 are out of bounds`,
		`{"at":"yesterday","agent":"a1","counts":{}}`:                                                           `at yesterday is not a moment such as`,
		`{"at":"2026-10-01T09:00:00Z","counts":{}}`:                                                             "agent is missing",
		head + `"role":"x"}`:                                                 "it has not one of counts, survey, form, training and calls",
		head + `"counts":{},"survey":{"csat":5}}`:                            "it has not one of",
		head + `"counts":{"smiles":1}}`:                                      `count "smiles" is not known`,
		head + `"counts":{"surveys":1}}`:                                     `count "surveys" is not known`,
		head + `"counts":{"talk_ms":1000000000001}}`:                         "talk_ms 1000000000001 is out of bounds",
		head + `"counts":{"answered":1.5}}`:                                  "cannot unmarshal number 1.5",
		head + `"survey":{}}`:                                                "the survey says nothing",
		head + `"survey":{"csat":6}}`:                                        "csat 6 is not between 1 and 5",
		head + `"survey":{"nps":-1}}`:                                        "nps -1 is not between 0 and 10",
		head + `"form":{"id":"qa","points":11,"of":10}}`:                     "points 11 of 10 are no result of a form",
		head + `"form":{"points":1,"of":10}}`:                                "the form has no id",
		head + `"training":{"passed":true}}`:                                 "the training has no course",
		head + `"queue":"` + strings.Repeat("x", maxLine) + `","counts":{}}`: "it has more than 262144 bytes",
	}
	for text, want := range bad {
		facts, lines := readAll(t, good[0]+"\n\n"+text+"\n"+strings.Join(good[1:], "\r\n"))
		if len(facts) != len(good) || len(lines) != 1 || lines[0].Line != 3 || !strings.Contains(lines[0].What, want) {
			t.Errorf("%.80s: %d facts, bad are %v, want %s", text, len(facts), lines, want)
		}
	}
	stop := errors.New("enough")
	if _, err := ReadFacts(strings.NewReader(good[0]), func(*Fact) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
	if _, err := ReadFacts(io.MultiReader(strings.NewReader(good[0]), failing{}), func(*Fact) error { return nil }); err == nil {
		t.Error("a reader that fails is not told")
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the disk is gone") }

// TestSums: what lines come to, by hand.
func TestSums(t *testing.T) {
	const at = `{"at":"2026-10-01T09:00:00Z","agent":"a1",`
	facts, bad := readAll(t, strings.Join([]string{
		at + `"queue":"q","counts":{"answered":3,"talk_ms":540000}}`, at + `"queue":"r","counts":{"answered":2,"cases_due":1,"cases_in_time":1}}`,
		at + `"survey":{"csat":5,"nps":9}}`, at + `"survey":{"csat":3,"nps":6}}`, at + `"survey":{"nps":7}}`, at + `"survey":{"resolved":true}}`,
		at + `"form":{"id":"qa","points":2,"of":3}}`, at + `"form":{"id":"qa","points":1,"of":2,"critical":true}}`, at + `"form":{"id":"peer","points":4,"of":5}}`,
		at + `"training":{"course":"c1","passed":true}}`, at + `"training":{"course":"c2","passed":false}}`,
	}, "\n"))
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	var got Sums
	for i := range facts {
		got.Add(&facts[i])
	}
	want := Sums{Forms: map[string]*FormSums{"qa": {2, 6667 + 5000, 6667*6667 + 5000*5000, 1}, "peer": {1, 8000, 8000 * 8000, 0}}}
	for c, n := range map[Count]int64{Answered: 5, TalkMillis: 540_000, CasesDue: 1, CasesInTime: 1, Surveys: 2, CSATTop: 1, NPSSurveys: 3, NPSPromoters: 1, NPSDetractors: 1, Trainings: 2, TrainingsPassed: 1} {
		want.Counts[c] = n
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestSumsMerge: however facts are put together, they come to the same.
func TestSumsMerge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all, a, b Sums
		for range rapid.IntRange(0, 20).Draw(t, "facts") {
			f := &Fact{}
			switch rapid.IntRange(0, 2).Draw(t, "kind") {
			case 0:
				f.Counts = map[string]int64{rapid.SampledFrom(countNames[:CasesInTime+1]).Draw(t, "count"): rapid.Int64Range(-1000, 1000).Draw(t, "n")}
			case 1:
				of := rapid.Int64Range(1, 100).Draw(t, "of")
				f.Form = &Form{ID: rapid.SampledFrom([]string{"qa", "peer"}).Draw(t, "form"), Points: rapid.Int64Range(0, of).Draw(t, "points"), Of: of}
			default:
				f.Training = &Training{Course: "c", Passed: rapid.Bool().Draw(t, "passed")}
			}
			all.Add(f)
			part := &a
			if rapid.Bool().Draw(t, "other") {
				part = &b
			}
			part.Add(f)
		}
		b.Merge(&a)
		if !reflect.DeepEqual(all, b) {
			t.Fatalf("%+v, want %+v", b, all)
		}
	})
}
