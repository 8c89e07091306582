package api

import (
	"encoding/json"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"tallyd/metrics"
)

// line of what is appraised.
func TestFactMessages(t *testing.T) {
	l, visit, _ := feedLab(t, "fs1")
	for _, x := range []struct{ kind, sent, read, line string }{
		{"survey", `{"id":"1","at":"2026-10-01T08:59:00+08:00","contact":"` + visit + `","survey":{"csat":5,"nps":0,"resolved":false}}`,
			`{"id":"1","at":"2026-10-01T00:59:00.000Z","agent":"bob","contact":"` + visit + `","switch":"fs1","survey":{"csat":5,"nps":0,"resolved":false}}`,
			`{"at":"2026-10-01T00:59:00Z","agent":"bob","queue":"support","survey":{"csat":5,"nps":0,"resolved":false}}`},
		{"survey", `{"id":"2","at":"2026-10-01T00:59:00.0019Z","agent":"ann","contact":"","survey":{"nps":10,"csat":null}}`,
			`{"id":"2","at":"2026-10-01T00:59:00.001Z","agent":"ann","survey":{"nps":10}}`,
			`{"at":"2026-10-01T00:59:00.001Z","agent":"ann","survey":{"nps":10}}`},
		{"disposition", `{"id":"1","at":"2026-10-01T00:59:01Z","agent":"ann","disposition":{"code":"退款","case":"C-1","due":"2027-01-01T00:00:00Z","done":"2026-10-01T00:58:00Z"}}`,
			`{"id":"1","at":"2026-10-01T00:59:01.000Z","agent":"ann","disposition":{"code":"退款","case":"C-1","due":"2027-01-01T00:00:00.000Z","done":"2026-10-01T00:58:00.000Z"}}`,
			`{"at":"2026-10-01T00:59:01Z","agent":"ann","counts":{"cases_due":1,"cases_in_time":1}}`},
		{"disposition", `{"id":"2","at":"2026-10-01T00:59:02Z","agent":"ann","disposition":{"code":"refund","due":"2026-09-01T00:00:00Z","done":"2026-09-01T00:00:01Z"}}`,
			`{"id":"2","at":"2026-10-01T00:59:02.000Z","agent":"ann","disposition":{"code":"refund","due":"2026-09-01T00:00:00.000Z","done":"2026-09-01T00:00:01.000Z"}}`,
			`{"at":"2026-10-01T00:59:02Z","agent":"ann","counts":{"cases_due":1,"cases_in_time":0}}`},
		{"disposition", `{"id":"3","at":"2026-10-01T00:59:03Z","agent":"ann","disposition":{"code":"refund"}}`,
			`{"id":"3","at":"2026-10-01T00:59:03.000Z","agent":"ann","disposition":{"code":"refund"}}`, ``},
		{"training", `{"id":"1","at":"2026-10-01T00:59:04Z","agent":"ann","training":{"course":"c1","passed":false,"points":0,"of":10}}`,
			`{"id":"1","at":"2026-10-01T00:59:04.000Z","agent":"ann","training":{"course":"c1","passed":false,"points":0,"of":10}}`,
			`{"at":"2026-10-01T00:59:04Z","agent":"ann","training":{"course":"c1","passed":false,"points":0,"of":10}}`},
		{"training", `{"id":"2","at":"2026-10-01T00:59:05Z","agent":"ann","training":{"course":"c1","passed":true}}`,
			`{"id":"2","at":"2026-10-01T00:59:05.000Z","agent":"ann","training":{"course":"c1","passed":true}}`,
			`{"at":"2026-10-01T00:59:05Z","agent":"ann","training":{"course":"c1","passed":true}}`},
		{"form", `{"id":"1","at":"2026-10-01T00:59:06Z","agent":"ann","form":{"id":"qa","rater":"s1","points":0,"of":100,"critical":true,"sections":[{"id":"a","points":0,"of":10},{"id":"b","na":true}]}}`,
			`{"id":"1","at":"2026-10-01T00:59:06.000Z","agent":"ann","form":{"id":"qa","rater":"s1","points":0,"of":100,"critical":true,"sections":[{"id":"a","points":0,"of":10},{"id":"b","na":true}]}}`,
			`{"at":"2026-10-01T00:59:06Z","agent":"ann","form":{"id":"qa","rater":"s1","points":0,"of":100,"critical":true,"sections":[{"id":"a","points":0,"of":10},{"id":"b","na":true}]}}`},
	} {
		if l.took(x.kind, x.sent) || !l.took(x.kind, x.sent) || !l.took(x.kind, x.read) {
			t.Errorf("%s: told apart wrongly from what was told before", x.sent)
		}
		list, err := l.service.Facts(t.Context(), FactQuery{Kind: x.kind, From: labStart.Time()})
		if err != nil {
			t.Fatal(err)
		}
		f := list.Facts[len(list.Facts)-1]
		if got := asJSON(t, f); got != x.read {
			t.Errorf("read is\n%s, want\n%s", got, x.read)
		}
		if got := l.lineAt(f.At); got != x.line {
			t.Errorf("the line is\n%s, want\n%s", got, x.line)
		}
	}
	if n := len(l.facts()); n != 8 {
		t.Errorf("%d facts are stored", n)
	}
}

// lineAt is the line of what is appraised that has a moment, "" for none.
func (l *lab) lineAt(at string) string {
	l.t.Helper()
	list, err := l.service.Export(l.t.Context(), ExportQuery{From: labStart.Time()})
	if err != nil {
		l.t.Fatal(err)
	}
	for _, x := range list.Lines {
		if written(metrics.MillisOf(x.At)) == at {
			return asJSON(l.t, x)
		}
	}
	return ""
}

// drawnFact is a sound fact as it is published.
func drawnFact(t *rapid.T) *metrics.Fact {
	text := rapid.StringOfN(rapid.RuneFrom([]rune("a0 @/.*>\"\\<客\u2028\ufffd")), 1, 40, 64)
	moment := rapid.Int64Range(1, 4_000_000_000_000)
	of := rapid.Int64Range(1, 1000).Draw(t, "of")
	points := rapid.Int64Range(0, of).Draw(t, "points")
	f := &metrics.Fact{ID: rapid.StringMatching(`[ -~]{1,128}`).Draw(t, "id"), At: metrics.Millis(moment.Draw(t, "at")), Agent: text.Draw(t, "agent")}
	if rapid.Bool().Draw(t, "of a contact") {
		f.Contact, f.Switch = metrics.IDString(rapid.StringMatching(`[!-~]{1,60}`).Draw(t, "contact")).String(), text.Draw(t, "switch")
	}
	f.Kind = metrics.FactKind(rapid.IntRange(1, 4).Draw(t, "kind"))
	switch f.Kind {
	case metrics.SurveyFact:
		csat, nps, resolved := rapid.IntRange(1, 5).Draw(t, "csat"), rapid.IntRange(0, 10).Draw(t, "nps"), rapid.Bool().Draw(t, "resolved")
		f.Survey = rapid.SampledFrom([]*metrics.Survey{{CSAT: &csat}, {NPS: &nps}, {Resolved: &resolved}, {CSAT: &csat, NPS: &nps, Resolved: &resolved}}).Draw(t, "survey")
	case metrics.DispositionFact:
		f.Disposition = &metrics.Disposition{Code: text.Draw(t, "code"), Case: rapid.SampledFrom([]string{"", "C-1"}).Draw(t, "case"),
			Due: metrics.Millis(moment.Draw(t, "due")), Done: metrics.Millis(rapid.SampledFrom([]int64{0, points + 1}).Draw(t, "done"))}
	case metrics.TrainingFact:
		f.Training = &metrics.Training{Course: text.Draw(t, "course"), Passed: rapid.Bool().Draw(t, "passed")}
		if rapid.Bool().Draw(t, "counted") {
			f.Training.Points, f.Training.Of = points, of
		}
	case metrics.FormFact:
		f.Form = &metrics.Form{ID: text.Draw(t, "form"), Rater: text.Draw(t, "rater"), Points: points, Of: of, Critical: rapid.Bool().Draw(t, "critical")}
		if rapid.Bool().Draw(t, "in sections") {
			f.Form.Sections = []metrics.Section{{ID: "a", Points: points, Of: of}, {ID: "b", NA: true}}
		}
	}
	return f
}

// TestFactRoundTrip: what is published of a fact, sent in, is that fact.
func TestFactRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawnFact(t)
		b, err := json.Marshal(FactOf(f))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := readFact(f.Kind.String(), "", b); err != nil || !reflect.DeepEqual(got, f) {
			t.Fatalf("%s is read as\n%+v, want\n%+v, error %v", b, got, f, err)
		}
	})
}

// as a message that it reads as the same.
func FuzzFactMessage(f *testing.F) {
	for kind, part := range map[string]string{
		"survey":      `"survey":{"csat":5,"nps":0,"resolved":false}`,
		"disposition": `"disposition":{"code":"退款","case":"C-1","due":"2027-01-01T00:00:00Z","done":"2026-10-01T00:58:00+08:00"}`,
		"training":    `"training":{"course":"c1","passed":true,"points":8,"of":10}`,
		"form":        `"form":{"id":"qa","rater":"s1","points":0,"of":100,"critical":true,"sections":[{"id":"a","points":0,"of":10},{"id":"b","na":true}]}`,
	} {
		f.Add(kind, []byte(`{"id":"m-1","at":"2026-10-01T00:59:00Z","agent":"ann","contact":"7f-1","switch":"fs1",`+part+`}`))
	}
	f.Fuzz(func(t *testing.T, kind string, message []byte) {
		fact, err := readFact(kind, "", message)
		if err != nil {
			return
		}
		b, err := json.Marshal(FactOf(fact))
		if err != nil {
			t.Fatal(err)
		}
		if again, err := readFact(kind, "", b); err != nil || !reflect.DeepEqual(again, fact) {
			t.Fatalf("%q\nreads as    %+v\nwritten as %s\nreads as    %+v, %v", message, fact, b, again, err)
		}
		if _, err := fact.AppendBinary(nil); err != nil {
			t.Fatal(err)
		}
	})
}
