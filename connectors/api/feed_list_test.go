package api

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestTakeFacts: of a list, what is good is stored, and of the rest it is said why not,
// each in its place.
func TestTakeFacts(t *testing.T) {
	l, visit, _ := feedLab(t, "fs1")
	var noted []AuditEntry
	l.service.cfg.Audit = func(e AuditEntry) { noted = append(noted, e) }
	const at = `"at":"2026-10-01T00:59:00Z"`
	list := func(items ...string) []json.RawMessage {
		t.Helper()
		m, err := ReadFacts([]byte(" \n[" + strings.Join(items, ",") + "]"))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	messages := list(
		`{"id":"1",`+at+`,"agent":"ann","survey":{"csat":5}}`,
		`{"id":"1",`+at+`,"agent":"ann","survey":{"csat":9}}`,
		`{"id":"1",`+at+`,"agent":"ann","disposition":{"code":"refund"}}`,
		`{"id":"1",`+at+`,"contact":"`+visit+`","training":{"course":"c1","passed":true}}`,
		`{"id":"1",`+at+`,"agent":"ann","survey":{"csat":5}}`,
		`{"id":"1",`+at+`,"agent":"ann","survey":{"csat":4}}`,
		`{"id":"2",`+at+`,"agent":"eve","form":{"id":"qa","rater":"s1","points":1,"of":2}}`,
		`{"id":"3",`+at+`,"agent":"ann"}`,
		`{"id":"4",`+at+`,"agent":"ann","survey":{"csat":5},"form":{"id":"qa","rater":"s1","points":1,"of":2}}`,
		`{"id":"5",`+at+`,"agent":"ann","survey":{"csat":5},"mood":"good"}`,
		`{"id":"6","at":"2026-10-01T01:00:06Z","contact":"nothing","survey":{"csat":5}}`,
		`7`, `null`, `[]`, `{"id":"客"}`, `{"id":"a","id":"b"}`,
	)
	view := l.service.As(Asker{Name: "survey", Role: IngestRole}, "http ::1")
	answers, err := view.TakeFacts(t.Context(), messages)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`{"id":"1","stored":true}`,
		`{"id":"1","stored":false,"error":"csat 9 is not between 1 and 5"}`,
		`{"id":"1","stored":true}`,
		`{"id":"1","stored":true}`,
		`{"id":"1","stored":true,"duplicate":true}`,
		`{"id":"1","stored":false,"error":"survey \"1\" is stored already, and differs"}`,
		`{"id":"2","stored":false,"error":"agent \"eve\" is not known: not in the roster, and on no switch"}`,
		`{"id":"3","stored":false,"error":"one of survey, disposition, training, form is missing"}`,
		`{"id":"4","stored":false,"error":"form is there, but the fact is a survey"}`,
		`{"id":"5","stored":false,"error":"field \"mood\" is not known"}`,
		`{"id":"6","stored":false,"error":"contact \"nothing\" of switch \"fs1\" is not known yet","retry":true}`,
		`{"stored":false,"error":"message is a JSON number, not an object"}`,
		`{"stored":false,"error":"one of survey, disposition, training, form is missing"}`,
		`{"stored":false,"error":"message is a JSON array, not an object"}`,
		`{"stored":false,"error":"one of survey, disposition, training, form is missing"}`,
		`{"id":"b","stored":false,"error":"field \"id\" is there twice"}`,
	}
	for i := range want {
		if got := asJSON(t, answers[i]); got != want[i] {
			t.Errorf("%s:\n%s, want\n%s", messages[i], got, want[i])
		}
	}
	if n := len(l.facts()); n != 3 || len(answers) != len(messages) {
		t.Errorf("%d facts are stored, %d answers", n, len(answers))
	}
	if got := fmt.Sprint(noted); len(noted) != 1 || noted[0].What != Feed || fmt.Sprint(noted[0].Names) != "[ann bob]" || noted[0].Who != "survey" || noted[0].Via != "http ::1" {
		t.Errorf("noted is %s", got)
	}
	// Who has no time left is told so, and nothing is stored.
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	answers, err = view.TakeFacts(ended, list(`{"id":"9",`+at+`,"agent":"ann","survey":{"csat":5}}`))
	if err != nil || len(answers) != 1 || answers[0] != (FactAnswer{ID: "9", Error: "the time was up before it was its turn", Retry: true}) {
		t.Errorf("%+v, %v", answers, err)
	}
	// What is published can be fed in: it is known.
	for _, f := range l.facts() {
		if answers, err := view.TakeFacts(t.Context(), list(f)); err != nil || !answers[0].Duplicate {
			t.Errorf("%s: %+v, %v", f, answers, err)
		}
	}
	// A store that fails is not the fact's fault.
	if err := l.store.Close(); err != nil {
		t.Fatal(err)
	}
	if answers, err = view.TakeFacts(t.Context(), list(`{"id":"9",`+at+`,"agent":"ann","survey":{"csat":5}}`)); err != nil || answers[0].Stored || !answers[0].Retry || answers[0].Error == "" {
		t.Errorf("%+v, %v", answers, err)
	}
	for _, role := range AllRoles() {
		_, err := l.service.As(Asker{Name: "x", Role: role}, "").TakeFacts(t.Context(), nil)
		if may := role == AdminRole || role == IngestRole; may != (err == nil) {
			t.Errorf("%s feeds: %v", role, err)
		}
	}
}

// TestReadFacts: what is no list of facts is refused as a whole.
func TestReadFacts(t *testing.T) {
	for body, want := range map[string]string{
		"":       "facts are a JSON list",
		"null":   "facts are a JSON list",
		"{}":     "facts are a JSON list",
		"[{}":    "the list is not JSON: unexpected end of JSON input",
		"[{}]x":  "the list is not JSON: invalid character 'x' after top-level value",
		"[{} 1]": "the list is not JSON: invalid character '1' after array element",
		"[" + strings.Repeat("{},", MaxFed) + "{}]": "the list has 1001 facts, 1000 are the most",
	} {
		if _, err := ReadFacts([]byte(body)); err == nil || err.Error() != want {
			t.Errorf("%.20s: %v, want %s", body, err, want)
		}
	}
	if list, err := ReadFacts([]byte("[]")); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
}
