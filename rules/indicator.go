package rules

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"tallyd/rules/document"
	"tallyd/rules/expression"
)

// indicator reads one.
func (r *reader) indicator(at string, f *indicatorFile) Indicator {
	out := Indicator{ID: f.ID, Expr: f.Expr, Dimension: f.Dimension, Weight: f.Weight}
	if r.needed(at+".id", f.ID) && !identifier(f.ID) {
		r.Fault(at+".id", "id %q is no id: a letter, then letters, digits and _", f.ID)
	}
	unit := r.figure(at, f, &out)
	if r.needed(at+".dimension", f.Dimension) && !slices.Contains(dimensions(), f.Dimension) {
		r.Fault(at+".dimension", "dimension %q is none of %s", f.Dimension, strings.Join(dimensions(), ", "))
	}
	if !r.Set(at + ".weight") {
		r.Fault(at, "weight is missing")
	}
	if f.KPI == "" || out.Measure.ID != "" { // else nobody knows how its values are written
		out.Kind, out.Curve = cmp.Or(f.Curve, linearCurve), r.curve(at, f, unit)
	}
	for _, name := range slices.Sorted(maps.Keys(f.Minimum)) {
		in := at + ".minimum." + name
		if !slices.Contains(volumes(), name) {
			r.FaultyKey(in, "minimum %q is none of %s", name, strings.Join(volumes(), ", "))
		} else if f.Minimum[name] < 1 && !r.Faulty(in) {
			r.Fault(in, "%s %d is below 1", name, f.Minimum[name])
		}
		out.Minimum = append(out.Minimum, Minimum{name, int64(f.Minimum[name])})
	}
	switch {
	case f.Adjust == "" || f.Adjust == "none":
	case f.Adjust != "mix":
		r.Fault(at+".adjust", "adjust %q is neither mix nor none", f.Adjust)
	case f.Expr != "":
		r.Fault(at+".adjust", "an expression cannot be adjusted for the mix of queues and hours")
	case r.team:
		r.Fault(at+".adjust", "a role that is of teams is not adjusted for the mix of queues and hours")
	case out.Measure.ID != "" && !out.Measure.ByQueue:
		// What has no queue has no mix; the format's own example asks for it.
		r.warn(at+".adjust", "%s is not told by queue: there is nothing to adjust", out.Measure.ID)
	default:
		out.Mix = true
	}
	return out
}

// figure reads what the indicator is of, and tells its unit.
func (r *reader) figure(at string, f *indicatorFile, out *Indicator) Unit {
	switch {
	case f.KPI != "" && f.Expr != "":
		r.Fault(at+".expr", "kpi and expr are both there")
	case f.KPI == "" && f.Expr == "":
		r.Fault(at, "an indicator needs a kpi or an expr")
	case f.KPI != "":
		m, known := FindMeasure(f.KPI)
		if !known {
			r.Fault(at+".kpi", "kpi %q is none of %s", f.KPI, measureIDs())
		}
		if f.Unit != "" {
			r.Fault(at+".unit", "unit is for expressions: %s has its own", f.KPI)
		}
		if (f.KPI == teamScore || m.Calls) && !r.team {
			r.Fault(at+".kpi", "kpi %q is of roles that are of teams: of: team", f.KPI)
		}
		out.Measure, out.Unit = m, m.Unit
		return m.Unit
	}
	units := map[string]Unit{"": Ratio, "ratio": Ratio, "number": Number, "ms": Millis, "percent": Percent}
	u, known := units[f.Unit]
	if !known {
		r.Fault(at+".unit", "unit %q is none of ratio, number, ms, percent", f.Unit)
	}
	out.Unit = u
	out.expr = r.expression(at+".expr", f.Expr, expression.Number)
	return u
}

// curve reads the curve, with the keys that it needs and no others.
func (r *reader) curve(at string, f *indicatorFile, u Unit) Curve {
	kind := cmp.Or(f.Curve, linearCurve)
	needs := map[string][]string{linearCurve: {"floor", "target"}, bandCurve: {"band", "falls_to_floor_in"}, stepsCurve: {"steps"}, zonesCurve: {"zones"}}
	if needs[kind] == nil {
		r.Fault(at+".curve", "curve %q is none of linear, band, steps, zones", kind)
		return nil
	}
	for _, key := range []string{"floor", "target", "stretch", "band", "falls_to_floor_in", "steps", "zones"} {
		there := r.Set(at + "." + key)
		switch mine := slices.Contains(needs[kind], key) || kind == linearCurve && key == "stretch"; {
		case there && !mine:
			r.Fault(at+"."+key, "a curve %s has no %s", kind, key)
		case !there && slices.Contains(needs[kind], key):
			r.Fault(at, "a curve %s needs %s", kind, key)
		}
	}
	switch kind {
	case bandCurve:
		return r.band(at, f, u)
	case stepsCurve:
		return r.steps(at, f.Steps, u)
	case zonesCurve:
		return r.zones(at, f.Zones, u)
	}
	return r.linear(at, f, u)
}

func (r *reader) linear(at string, f *indicatorFile, u Unit) Curve {
	var floor, target, stretch float64
	if f.Floor == "" || f.Target == "" {
		return nil // told
	}
	ok := r.number(at+".floor", f.Floor, u, &floor)
	ok = r.number(at+".target", f.Target, u, &target) && ok
	if stretch = target; f.Stretch != "" {
		ok = r.number(at+".stretch", f.Stretch, u, &stretch) && ok
	}
	switch {
	case !ok:
		return nil
	case floor == target:
		r.Fault(at+".floor", "floor %q and target %q are the same", f.Floor, f.Target)
		return nil
	case (stretch-target)*(target-floor) < 0:
		r.Fault(at+".stretch", "stretch %q is not beyond target %q as seen from floor %q", f.Stretch, f.Target, f.Floor)
		return nil
	}
	r.reachable(at, f, u, max(floor, target, stretch), min(floor, target, stretch))
	if m, known := FindMeasure(f.KPI); known && (m.Better == "higher" && floor > target || m.Better == "lower" && floor < target) {
		r.warn(at+".floor", "%s is better %s, and floor %q to target %q goes the other way", m.ID, m.Better, f.Floor, f.Target)
	}
	return threeMarks(floor, target, stretch, r.scheme.Points)
}

// reachable warns of marks that no figure can have.
func (r *reader) reachable(at string, f *indicatorFile, u Unit, most, least float64) {
	limit := map[Unit]float64{Ratio: 1, Percent: 100}[u]
	if limit != 0 && most > limit && f.Expr == "" || least < 0 && f.KPI != "nps" {
		r.warn(at, "%s cannot be beyond 0 to 100 %%: a mark out of reach", cmp.Or(f.KPI, f.ID))
	}
}

func (r *reader) band(at string, f *indicatorFile, u Unit) Curve {
	if len(f.Band) != 2 {
		if r.Set(at+".band") && !r.Faulty(at+".band") {
			r.Fault(at+".band", "band has %d values, not 2: [180s, 300s]", len(f.Band))
		}
		return nil
	}
	var low, high, falls float64
	ok := r.number(at+".band.0", f.Band[0], u, &low)
	ok = r.number(at+".band.1", f.Band[1], u, &high) && ok
	if f.FallsIn == "" || !r.number(at+".falls_to_floor_in", f.FallsIn, u, &falls) || !ok {
		return nil
	}
	if low >= high {
		r.Fault(at+".band", "band %q to %q goes down", f.Band[0], f.Band[1])
		return nil
	}
	if falls <= 0 {
		r.Fault(at+".falls_to_floor_in", "falls_to_floor_in %q is not above 0", f.FallsIn)
		return nil
	}
	return bandMarks(low, high, falls, r.scheme.Points)
}

// steps reads a table of ranges, from inclusive and to exclusive, that leaves nothing
// out and says nothing twice. What is below the first counts as the first; a range
// without an end goes on to the next, or for ever.
func (r *reader) steps(at string, f []stepFile, u Unit) Curve {
	var out Steps
	ends := make([]float64, len(f))
	for i := range f {
		in := fmt.Sprintf("%s.steps.%d", at, i)
		x := Step{From: math.Inf(-1)}
		if (i > 0 || f[i].From != "") && !r.number(in+".from", f[i].From, u, &x.From) || !r.number(in+".points", f[i].Points, Number, &x.Points) ||
			f[i].To != "" && !r.number(in+".to", f[i].To, u, &ends[i]) {
			return nil
		}
		r.worth(in+".points", x.Points)
		switch {
		case f[i].To != "" && ends[i] <= x.From:
			r.Fault(in+".to", "to %q is not above from %q", f[i].To, f[i].From)
		case f[i].To != "" && i == len(f)-1:
			r.Fault(in+".to", "what is %s or above has no points: the last range has no to", f[i].To)
		case i == 0:
		case x.From <= out[i-1].From:
			r.Fault(in+".from", "from %q is not above from %q", f[i].From, f[i-1].From)
		case f[i-1].To != "" && x.From > ends[i-1]:
			r.Fault(in+".from", "there is a hole from %s to %s", f[i-1].To, f[i].From)
		case f[i-1].To != "" && x.From < ends[i-1]:
			r.Fault(in+".from", "from %q overlaps the range before, which goes to %s", f[i].From, f[i-1].To)
		}
		out = append(out, x)
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func (r *reader) zones(at string, f []zoneFile, u Unit) Curve {
	var out Linear
	for i := range f {
		in := fmt.Sprintf("%s.zones.%d", at, i)
		var k Knot
		if !r.number(in+".at", f[i].At, u, &k.Value) || !r.number(in+".points", f[i].Points, Number, &k.Points) {
			return nil
		}
		r.worth(in+".points", k.Points)
		if n := len(out); n > 0 && k.Value <= out[n-1].Value {
			r.Fault(in+".at", "at %q is not above %q", f[i].At, f[i-1].At)
			return nil
		}
		out = append(out, k)
	}
	if len(out) == 1 {
		r.Fault(at+".zones", "zones has one point: two are the least")
	}
	if len(out) < 2 {
		return nil
	}
	return out
}

// worth holds points against the scheme's.
func (r *reader) worth(path string, points float64) {
	if p := r.scheme.Points; points < p.Floor || points > p.Stretch {
		r.Fault(path, "points %v are not between the %v of the floor and the %v of the stretch", points, p.Floor, p.Stretch)
	}
}

func (r *reader) gates(at string, f []gateFile) (out []Gate) {
	for i := range f {
		in := fmt.Sprintf("%s.gates.%d", at, i)
		g := Gate{When: f[i].When, Because: f[i].Because}
		if r.needed(in+".when", g.When) {
			g.when = r.expression(in+".when", g.When, expression.Condition)
		}
		r.needed(in+".because", g.Because)
		if r.number(in+".cap", f[i].Cap, Number, &g.Cap) {
			r.worth(in+".cap", g.Cap)
		}
		out = append(out, g)
	}
	return out
}

// expression compiles one; nil after a fault.
func (r *reader) expression(path, text string, compile func(string, []expression.Variable) (*expression.Expression, []error)) *expression.Expression {
	e, errs := compile(text, variables(r.team, text))
	for _, err := range errs {
		r.Fault(path, "%s %v", document.Label(path), err)
	}
	return e
}

// warn notes what is unsound.
func (r *reader) warn(path, format string, args ...any) {
	d := document.Decoder{File: r.File, Places: r.Places}
	d.Fault(path, format, args...)
	r.warnings = append(r.warnings, d.Faults...)
}
