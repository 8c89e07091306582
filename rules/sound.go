package rules

import (
	"slices"
)

// sound warns of what a scheme should not be though it can be used.
func (r *reader) sound() {
	for i := range r.scheme.Roles {
		role := &r.scheme.Roles[i]
		at := "roles." + role.Name
		soft := func(x Indicator) bool { return x.Measure.Soft || x.Dimension == Soft }
		if !slices.ContainsFunc(role.Indicators, soft) {
			r.warn(at, "role %s has no soft indicator: nothing of it is judged by people", role.Name)
		}
		for k := range i {
			if other := &r.scheme.Roles[k]; sameList(role, other) {
				r.warn(at, "roles %s and %s have the same indicators with the same weights: they are not told apart", other.Name, role.Name)
			}
		}
		for k := range role.Indicators {
			x := &role.Indicators[k]
			if len(x.Minimum) == 0 && x.Expr == "" {
				r.warn(at, "indicator %s of role %s has no minimum: one %s can decide it", x.ID, role.Name, one(x.Measure.Over))
			}
			if x.Weight == 0 {
				r.warn(at, "indicator %s of role %s has no weight", x.ID, role.Name)
			}
		}
	}
}

func sameList(a, b *Role) bool {
	return a.Team == b.Team && slices.EqualFunc(a.Indicators, b.Indicators, func(x, y Indicator) bool {
		return x.ID == y.ID && x.Measure == y.Measure && x.Expr == y.Expr && x.Weight == y.Weight
	})
}

// one is one of what a count counts.
func one(count string) string {
	return map[string]string{"offers": "offer", "answered": "call", "fcr_eligible": "caller", "surveys": "survey", "nps_surveys": "survey", "forms": "form",
		"cases_due": "case", "trainings": "course", "members": "member", "offered": "caller"}[count]
}
