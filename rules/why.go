package rules

import (
	"fmt"

	"tallyd/rules/expression"
)

// Why something is not rated, or a gate could not be told. Cards say it as a text, which
// is part of what is sealed: these texts stay as they are for ever.
const (
	whyNothing  = "there is nothing to form it over"
	whyNoMember = "no member of the team has a score"
	whyNoCalls  = "nobody called the team's queues, or nothing tells of it"
	whyMinimum  = "%s: %d, at least %d are needed"
	whyMissing  = "there is nothing to form %s over"
)

// Why is such a text by a code, for who says it in another language.
type Why struct {
	// Code is minimum, nothing, no_member, no_calls, missing (a figure that an expression
	// names), no_number (it divides by 0), or other.
	Code string `json:"code"`
	// Of is the count that is too small, or the figure that is missing.
	Of    string `json:"of,omitempty"`
	N     int64  `json:"n,omitempty"`     // what the count is
	Least int64  `json:"least,omitempty"` // what it must be
}

// readWhy tells what a card's text says; nil for none.
func readWhy(text string) *Why {
	switch text {
	case "":
		return nil
	case whyNothing:
		return &Why{Code: "nothing"}
	case whyNoMember:
		return &Why{Code: "no_member"}
	case whyNoCalls:
		return &Why{Code: "no_calls"}
	case expression.ErrNoNumber.Error():
		return &Why{Code: "no_number"}
	}
	w := &Why{Code: "minimum"}
	var count string
	if n, _ := fmt.Sscanf(text, "%s %d, at least %d are needed", &count, &w.N, &w.Least); n == 3 && len(count) > 1 {
		if w.Of = count[:len(count)-1]; text == fmt.Sprintf(whyMinimum, w.Of, w.N, w.Least) {
			return w
		}
	}
	var name string
	if _, err := fmt.Sscanf(text, whyMissing, &name); err == nil {
		return &Why{Code: "missing", Of: name}
	}
	return &Why{Code: "other"}
}
