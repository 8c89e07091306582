package rules

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tallyd/metrics"
	"tallyd/rules/document"
)

// reader makes a scheme of what people wrote, and notes everything that is wrong
// with it, and what is unsound.
type reader struct {
	*document.Decoder
	warnings document.Faults
	scheme   *Scheme
	team     bool // what is read is of a role that is of teams
}

// maxScheme bounds a scheme's file.
const maxScheme = 1 << 20

// Read reads a scheme. faults are what is wrong: where there are any, the scheme is
// not to be used. warnings are what is unsound.
func Read(file string, text []byte) (s *Scheme, faults, warnings document.Faults) {
	sum := sha256.Sum256(text)
	r := &reader{Decoder: document.NewDecoder(file), scheme: &Scheme{SHA256: hex.EncodeToString(sum[:])}}
	if len(text) > maxScheme {
		return r.scheme, document.Faults{{File: file, What: fmt.Sprintf("the file has %d bytes, %d are the most", len(text), maxScheme)}}, nil
	}
	var f schemeFile
	r.Decode(text, &f)
	if len(r.Faults) == 0 || len(r.Places) > 0 {
		r.head(&f)
		r.roles(f.Roles)
		if len(r.Faults) == 0 {
			r.sound()
		}
	}
	return r.scheme, r.Faults.InOrder(), r.warnings.InOrder()
}

func (r *reader) head(f *schemeFile) {
	s := r.scheme
	s.Name, s.Version, s.Period = f.Scheme, f.Version, Period(f.Period)
	r.needed("scheme", f.Scheme)
	r.needed("version", f.Version)
	if r.needed("period", f.Period) && !slices.Contains([]Period{Month, Quarter, Any}, s.Period) {
		r.Fault("period", "period %q is none of month, quarter, any", f.Period)
	}
	if r.needed("time_zone", f.TimeZone) {
		zone, err := time.LoadLocation(f.TimeZone)
		if s.Zone = zone; err != nil || f.TimeZone == "Local" {
			r.Fault("time_zone", "time_zone %q is not a time zone's name, such as Asia/Shanghai", f.TimeZone)
		}
	}
	if s.Zone == nil {
		s.Zone = time.UTC
	}
	r.serviceLevel(&f.ServiceLevel)
	r.points(&f.Points)
	r.grades(f.Grades)
}

func (r *reader) needed(path, value string) bool {
	if value == "" && !r.Faulty(path) {
		r.Fault(path, "%s is missing", document.Label(path))
	}
	return value != ""
}

func (r *reader) serviceLevel(f *serviceLevelFile) {
	s := r.scheme
	s.ServiceLevel, s.Threshold = cmp.Or(f.Formula, "sl.offered"), f.Threshold
	if k, known := metrics.FindKPI(s.ServiceLevel); !known || !strings.HasPrefix(k.ID, "sl.") {
		var formulas []string
		for _, k := range metrics.Catalogue() {
			if strings.HasPrefix(k.ID, "sl.") {
				formulas = append(formulas, k.ID)
			}
		}
		r.Fault("service_level.formula", "formula %q is none of %s", s.ServiceLevel, strings.Join(formulas, ", "))
	}
	if !r.Set("service_level.threshold") {
		s.Threshold = 20 * time.Second
	}
	if (s.Threshold <= 0 || s.Threshold > time.Hour) && !r.Faulty("service_level.threshold") {
		r.Fault("service_level.threshold", "threshold %s is not between 0 and 1h", s.Threshold)
	}
}

func (r *reader) points(f *pointsFile) {
	p := &r.scheme.Points
	*p = Points{0, 100, 120}
	for _, x := range []struct {
		key, text string
		to        *float64
	}{{"at_floor", f.AtFloor, &p.Floor}, {"at_target", f.AtTarget, &p.Target}, {"at_stretch", f.AtStretch, &p.Stretch}} {
		if x.text != "" {
			r.number("points."+x.key, x.text, Number, x.to)
		}
	}
	if !(p.Floor < p.Target && p.Target <= p.Stretch) || p.Floor < 0 || p.Stretch > 1000 {
		r.Fault("points", "points must go up from floor to target to stretch, from 0 to 1000: they are %v, %v, %v", p.Floor, p.Target, p.Stretch)
	}
}

// number reads a value of a unit, and tells whether it could.
func (r *reader) number(path, text string, u Unit, to *float64) bool {
	if text == "" {
		if !r.Faulty(path) {
			r.Fault(path, "%s is missing", document.Label(path))
		}
		return false
	}
	v, err := u.Parse(text)
	if err != nil {
		r.Fault(path, "%s %q %v", document.Label(path), text, err)
		return false
	}
	*to = v
	return true
}

func (r *reader) grades(f map[string]string) {
	if len(f) == 0 {
		r.Fault("grades", "grades are missing, such as {A: 95, B: 80, C: 60, D: 0}")
		return
	}
	for _, name := range slices.Sorted(maps.Keys(f)) {
		g := Grade{Name: name}
		if !r.number("grades."+name, f[name], Number, &g.From) {
			return
		}
		r.scheme.Grades = append(r.scheme.Grades, g)
	}
	list := r.scheme.Grades
	slices.SortStableFunc(list, func(a, b Grade) int { return cmp.Compare(b.From, a.From) })
	for i := range list[1:] {
		if list[i].From == list[i+1].From {
			r.Fault("grades."+list[i+1].Name, "grades %s and %s begin at the same score", list[i].Name, list[i+1].Name)
		}
	}
	if last := list[len(list)-1]; last.From > r.scheme.Points.Floor {
		r.Fault("grades."+last.Name, "a score below %v has no grade: the last one must begin at %v or below", last.From, r.scheme.Points.Floor)
	}
}

func (r *reader) roles(f map[string]roleFile) {
	if len(f) == 0 {
		r.Fault("roles", "roles are missing")
		return
	}
	names := slices.Collect(maps.Keys(f))
	slices.SortFunc(names, func(a, b string) int { // as they stand in the file
		x, y := r.Places["roles."+a], r.Places["roles."+b]
		return cmp.Or(cmp.Compare(x.Line, y.Line), cmp.Compare(x.Col, y.Col), cmp.Compare(a, b))
	})
	for _, name := range names {
		if !identifier(name) {
			r.FaultyKey("roles."+name, "role %q is no id: a letter, then letters, digits and _", name)
		}
	}
	for _, name := range names {
		role := r.role(name, f, nil)
		r.scheme.Roles = append(r.scheme.Roles, role)
	}
}

// role reads a role with what it has of those that it is like.
func (r *reader) role(name string, f map[string]roleFile, above []string) Role {
	at, x := "roles."+name, f[name]
	out := Role{Name: name, Team: x.Of == "team"}
	if x.Of != "" && x.Of != "agent" && x.Of != "team" {
		r.Fault(at+".of", "of %q is neither agent nor team", x.Of)
	}
	if x.Like != "" {
		_, known := f[x.Like]
		switch {
		case !known:
			r.Fault(at+".like", "like %q is no role of this scheme", x.Like)
		case slices.Contains(above, x.Like) || x.Like == name:
			r.Fault(at+".like", "role %q is like itself", x.Like)
		default:
			quiet := &reader{Decoder: document.NewDecoder(r.File), scheme: r.scheme} // told where it stands
			quiet.Places = r.Places
			base := quiet.role(x.Like, f, append(above, name))
			out.Indicators, out.Gates, out.Seasons = base.Indicators, base.Gates, base.Seasons
			if x.Of == "" {
				out.Team = base.Team
			}
		}
	}
	r.team = out.Team
	for i, id := range x.Without {
		n := len(out.Indicators)
		if out.Indicators = slices.DeleteFunc(out.Indicators, func(o Indicator) bool { return o.ID == id }); len(out.Indicators) == n {
			r.Fault(fmt.Sprintf("%s.without.%d", at, i), "without %q: the role that this one is like has no such indicator", id)
		}
	}
	own := map[string]bool{}
	for i := range x.Indicators {
		in := fmt.Sprintf("%s.indicators.%d", at, i)
		ind := r.indicator(in, &x.Indicators[i])
		if own[ind.ID] && ind.ID != "" {
			r.Fault(in+".id", "indicator %q is there twice", ind.ID)
		}
		own[ind.ID] = true
		if k := slices.IndexFunc(out.Indicators, func(o Indicator) bool { return o.ID == ind.ID }); k >= 0 && x.Like != "" {
			out.Indicators[k] = ind
		} else {
			out.Indicators = append(out.Indicators, ind)
		}
	}
	if len(out.Indicators) == 0 {
		r.Fault(at, "role %q has no indicators", name)
	}
	out.Gates = append(out.Gates, r.gates(at, x.Gates)...)
	r.weights(at, &out, x.Weights)
	return out
}

// weights reads the seasons, and holds all weights together.
func (r *reader) weights(at string, role *Role, f []seasonFile) {
	r.full(at+".indicators", role, nil)
	// A season of the same dates replaces the one that the role has of another.
	role.Seasons = slices.DeleteFunc(role.Seasons, func(o Season) bool {
		return slices.ContainsFunc(f, func(x seasonFile) bool { return x.From == o.From && x.To == o.To })
	})
	for i := range role.Seasons {
		// No fault: schemes that were sealed by may be so, and shares of another sum are
		// shares all the same.
		if s := &role.Seasons[i]; role.sum(s) != fullWeight {
			r.warn(at+".like", "the weights from %s to %s that the role has of another add up to %s, not 100%%: say here what they are then", s.From, s.To, role.sum(s))
		}
	}
	for i := range f {
		in := fmt.Sprintf("%s.weights.%d", at, i)
		x := Season{From: f[i].From, To: f[i].To, Because: f[i].Because, Weights: f[i].Set}
		for _, key := range []string{"from", "to"} {
			if !r.Set(in + "." + key) {
				r.Fault(in, "%s is missing: weights hold from one date to another", key)
			}
		}
		r.needed(in+".because", x.Because)
		if x.To.Before(x.From) && !r.Faulty(in+".to") {
			r.Fault(in+".to", "to %q is before from %q", x.To, x.From)
		}
		for k := range role.Seasons {
			if o := &role.Seasons[k]; !x.To.Before(o.From) && !o.To.Before(x.From) {
				r.Fault(in, "the weights from %s to %s overlap those from %s to %s", x.From, x.To, o.From, o.To)
			}
		}
		if len(x.Weights) == 0 {
			r.Fault(in, "set is missing: the weights that are different then, such as {volume: 25%%, fcr: 15%%}")
		}
		for _, id := range slices.Sorted(maps.Keys(x.Weights)) {
			if !slices.ContainsFunc(role.Indicators, func(o Indicator) bool { return o.ID == id }) {
				r.FaultyKey(in+".set."+id, "%q is no indicator of the role", id)
			}
		}
		r.full(in, role, &x)
		role.Seasons = append(role.Seasons, x)
	}
}

// full holds weights against 100 %.
func (r *reader) full(at string, role *Role, s *Season) {
	sum := role.sum(s)
	if sum == fullWeight || len(role.Indicators) == 0 {
		return
	}
	for i := range role.Indicators { // one that could not be read is told already
		if r.Faulty(fmt.Sprintf("%s.%d.weight", at, i)) {
			return
		}
	}
	r.Fault(at, "the weights add up to %s, not 100%%", sum)
}
