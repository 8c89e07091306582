// Package alert says when people are to be told of something that is so now: rules
// with a condition that must hold for a while, and another that must hold for a while
// before it is over, and with hours at which nobody is disturbed. It knows no switch
// and no way of telling anybody, and it is pure: time comes in with each step.
package alert

import (
	"time"

	"tallyd/metrics/calendar"
	"tallyd/rules/expression"
)

// Kind is what a rule is about.
type Kind string

// The kinds.
const (
	Queue Kind = "queue"
	Agent Kind = "agent"
	Site  Kind = "site"
)

// The severities.
const (
	Info     = "info"
	Warning  = "warning"
	Critical = "critical"
)

// Set is what a file says. A nil one has no rules.
type Set struct {
	Rules []Rule // in the order of the file
}

// Rule says when an alert is raised about a subject, and when it is over.
type Rule struct {
	ID        string
	Of        Kind
	When      *expression.Expression
	Hold      time.Duration          // for which When must hold
	Clear     *expression.Expression // nil: that When does not hold
	ClearHold time.Duration
	Owner     string // who is to do something about it
	Severity  string
	Because   string // in words for people
	// Names are what the expressions ask for, in order.
	Names []string

	only  map[string]bool // subjects; none: all
	quiet []calendar.Shift
	zone  *time.Location
	text  string // all that the file says of it
}

// About tells whether a rule is about a queue or agent of its kind.
func (r *Rule) About(name string) bool { return len(r.only) == 0 || r.only[name] }

// Quiet tells whether a moment is in the rule's quiet hours.
func (r *Rule) Quiet(at time.Time) bool {
	day := calendar.DateOf(at.In(r.zone))
	for i := range r.quiet {
		// One that began yesterday may last until today; and where the clock was set
		// over midnight, a date has moments before the one before it ends.
		for d := day - 2; d <= day+1; d++ {
			if p, is := r.quiet[i].On(d, r.zone); is && !at.Before(p.From) && at.Before(p.To) {
				return true
			}
		}
	}
	return false
}

// Has tells whether there are rules of a kind.
func (s *Set) Has(of Kind) bool {
	for i := range s.rules() {
		if s.Rules[i].Of == of {
			return true
		}
	}
	return false
}

func (s *Set) rules() []Rule {
	if s == nil {
		return nil
	}
	return s.Rules
}

// Len is how many rules there are.
func (s *Set) Len() int { return len(s.rules()) }

// Figures are the ids of the catalogue's figures that rules of a kind ask for.
func (s *Set) Figures(of Kind) []string {
	var out []string
	seen := map[string]bool{}
	for i := range s.rules() {
		if s.Rules[i].Of != of {
			continue
		}
		for _, n := range s.Rules[i].Names {
			if isFigure(of, n) && !seen[n] {
				seen[n] = true
				out = append(out, n)
			}
		}
	}
	return out
}
