package web

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"tallyd/metrics"
	"tallyd/rules"
)

// line is one of a dictionary: 'meaning.fcr': 'first-call …',
var line = regexp.MustCompile(`(?m)^  '([^']+)': '((?:[^'\\]|\\.)*)',$`)

// words are two or more letters that are no symbol of a formula: A, B, T and Σ are.
var words = regexp.MustCompile(`[a-z]{2,} [a-z]{2,}|[a-z]{2,}-[a-z]{2,}`)

// dictionary is what a language has of figures.
func dictionary(t *testing.T, language string) map[string]string {
	t.Helper()
	b, err := os.ReadFile("pages/src/lib/i18n/" + language + "-figures.ts")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, m := range line.FindAllStringSubmatch(string(b), -1) {
		out[m[1]] = strings.ReplaceAll(m[2], `\'`, `'`)
	}
	return out
}

// TestDictionaries: the pages know every figure and count that there is by its id, in each
// language, and in English say of a figure what the daemon says.
func TestDictionaries(t *testing.T) {
	en, zh := dictionary(t, "en"), dictionary(t, "zh")
	both := func(key string) {
		t.Helper()
		if en[key] == "" || zh[key] == "" {
			t.Errorf("%s is %q in English, %q in Chinese", key, en[key], zh[key])
		}
	}
	for _, k := range metrics.Catalogue() {
		both("kpi." + k.ID)
		both("meaning." + k.ID)
		if got := en["meaning."+k.ID]; got != k.Doc {
			t.Errorf("%s means %q, and the pages say %q", k.ID, k.Doc, got)
		}
		if said := en["formula."+k.ID]; said != k.Formula && (said != "" || words.MatchString(k.Formula)) {
			t.Errorf("%s is %q, and the pages say %q", k.ID, k.Formula, said)
		}
	}
	for _, m := range append(rules.Measures(), rules.Measure{ID: "service_level"}, rules.Measure{ID: "form"}) {
		both("kpi." + m.ID)
		both("meaning." + m.ID)
	}
	for _, c := range metrics.Counters() {
		both("count." + c.String())
	}
	for c := rules.Offers; c <= rules.BadMediaSurveys; c++ {
		both(fmt.Sprint("count.", c))
	}
	for key, text := range zh {
		if han := regexp.MustCompile(`\p{Han}`); !han.MatchString(text) {
			t.Errorf("%s is %q in Chinese", key, text)
		}
	}
}
