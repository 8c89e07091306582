package expression

import (
	"errors"
	"math"
	"strings"
	"testing"
)

var known = []Variable{{Name: "training"}, {Name: "training.passed"}, {Name: "training.due"}, {Name: "fcr"}, {Name: "state", Text: true}}

func values(name string) (any, bool) {
	v, known := map[string]any{"training": 0.5, "training.passed": 3.0, "training.due": 4.0, "state": "paused"}[name]
	return v, known
}

// TestNumbers: every number is a double, also a whole one that is written.
func TestNumbers(t *testing.T) {
	for text, want := range map[string]float64{
		"training.passed / training.due": 0.75,
		"3 / 4":                          0.75,
		"7 - 2 * 3":                      1,
		"training * 2":                   1,
		"training.passed > 2 ? 10 : 20":  10,
		"math.least(training.passed, 2)": 2,
		"-training.due":                  -4,
		"state == 'paused' && training.due == 4 ? 1 : 0": 1,
	} {
		e, errs := Number(text, known)
		if len(errs) > 0 {
			t.Errorf("%s: %v", text, errs)
			continue
		}
		if got, err := e.Number(values); err != nil || got != want {
			t.Errorf("%s is %v, error %v, want %v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"1 / 0":                       "divides by 0",
		"training.passed / (1 - 1)":   "divides by 0",
		"0.0 / 0":                     "divides by 0",
		"fcr":                         "nothing to form fcr over",
		"fcr > 0.5 ? 1 : 2":           "nothing to form fcr over",
		"training.passed * 1e300 * 1": "comes to no number",
	} {
		e, errs := Number(text, known)
		if len(errs) > 0 {
			t.Errorf("%s: %v", text, errs)
			continue
		}
		if got, err := e.Number(values); err == nil || !strings.Contains(err.Error(), want) || math.IsNaN(got) {
			t.Errorf("%s is %v, error %v, want %s", text, got, err, want)
		}
	}
}

// TestConditions: what is not there decides nothing, unless the rest decides without it.
func TestConditions(t *testing.T) {
	for text, want := range map[string]bool{
		"training.due >= 4":             true,
		"training.due != 4":             false,
		"fcr < 0.5 || training.due > 3": true,
		"fcr < 0.5 && training.due < 3": false,
		"state in ['paused', 'away']":   true,
	} {
		e, errs := Condition(text, known)
		if len(errs) > 0 {
			t.Errorf("%s: %v", text, errs)
			continue
		}
		if got, err := e.Holds(values); err != nil || got != want {
			t.Errorf("%s: %v, error %v", text, got, err)
		}
	}
	e, errs := Condition("fcr < 0.5", known)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	var missing *Missing
	if _, err := e.Holds(values); !errors.As(err, &missing) || missing.Name != "fcr" {
		t.Error(err)
	}
}

// TestBadExpressions: what is wrong is said, with its place.
func TestBadExpressions(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "Syntax error",
		"traning.passed":                "at character 8: undeclared reference to 'traning.passed'",
		"3 +":                           "at character 4",
		"'a' + 1":                       "found no matching overload",
		"training > 1":                  "comes to a bool, not to a double",
		"[1, 2].map(x, x)":              "undeclared reference",
		"training.due > 1 &&":           "at character",
		strings.Repeat("1+", 600) + "1": "1000 are the most",
		strings.Repeat("(", 200) + "1" + strings.Repeat(")", 200): "recursion",
	} {
		_, errs := Number(text, known)
		if len(errs) == 0 || !strings.Contains(errs[0].Error(), want) {
			t.Errorf("%.40s: %v, want %s", text, errs, want)
		}
	}
	if _, errs := Condition("training", known); len(errs) != 1 || !strings.Contains(errs[0].Error(), "comes to a double, not to a bool") {
		t.Error(errs)
	}
}
