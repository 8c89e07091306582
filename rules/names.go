package rules

import (
	"regexp"
	"slices"
	"strings"

	"tallyd/rules/expression"
)

// What expressions of schemes know: the measures and counts of a person, and of the
// person's teams where the role is of teams.

const teamPrefix = "team."

// variables are what an expression may name; of forms, those that stand in it.
func variables(team bool, text string) (out []expression.Variable) {
	all := append(slices.Clone(countNames[:]), "training.passed", "training.due", "days")
	for _, m := range Measures() {
		if m.ID != teamScore {
			all = append(all, m.ID)
		}
	}
	all = append(all, forms(text)...)
	for _, name := range all {
		out = append(out, expression.Variable{Name: name})
		if team {
			out = append(out, expression.Variable{Name: teamPrefix + name})
		}
	}
	if team {
		out = append(out, expression.Variable{Name: teamScore}, expression.Variable{Name: "team.members"})
	}
	return out
}

// formName finds names of forms: form.qa, form.qa.forms, form.qa.critical_failed.
var formName = regexp.MustCompile(`\bform\.[a-z_][a-z0-9_]*`)

// forms are the names in a text that are of forms.
func forms(text string) (out []string) {
	for _, name := range formName.FindAllString(text, -1) {
		if !slices.Contains(out, name) {
			out = append(out, name, name+".forms", name+".critical_failed")
		}
	}
	return out
}

// value is what a name comes to for a person; false where there is nothing to form it
// over.
func (p *person) value(name string) (any, bool) {
	switch name {
	case "days":
		return float64(len(p.days)), true
	case teamScore:
		if p.score == nil {
			return nil, false
		}
		return *p.score, true
	case "team.members":
		return float64(p.members), true
	}
	from := &p.own.sums
	own := strings.HasPrefix(name, formPrefix) || strings.HasPrefix(name, "training")
	if of, is := strings.CutPrefix(name, teamPrefix); is {
		name, own = of, false
	}
	if p.team != nil && !own {
		from = p.team
	}
	return from.value(name)
}

// value is what the name of a measure or a count comes to.
func (s *Sums) value(name string) (any, bool) {
	switch name {
	case "training.passed":
		return float64(s.Counts[TrainingsPassed]), true
	case "training.due":
		return float64(s.Counts[Trainings]), true
	}
	if of, is := strings.CutPrefix(name, formPrefix); is {
		if id, count, counts := strings.Cut(of, "."); counts {
			x := s.Forms[id]
			switch {
			case x == nil:
				return 0.0, true
			case count == "forms":
				return float64(x.Forms), true
			}
			return float64(x.Critical), true
		}
	}
	if i := slices.Index(countNames[:], name); i >= 0 {
		return float64(s.Counts[i]), true
	}
	m, known := FindMeasure(name)
	if !known {
		return nil, false
	}
	f, ok := m.Of(s)
	return f.Value, ok
}
