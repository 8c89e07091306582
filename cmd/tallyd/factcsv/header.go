package factcsv

import (
	"fmt"
	"slices"
	"strings"

	"tallyd/rules/document"
	"tallyd/rules/form"
)

// ofEvery are the columns that every kind may have.
var ofEvery = []string{"id", "at", "agent", "contact", "switch"}

// ofKind are the other columns of each kind.
var ofKind = map[string][]string{
	"survey":      {"csat", "nps", "resolved"},
	"disposition": {"code", "case", "due", "done"},
	"training":    {"course", "passed", "points", "of"},
	"form":        {"form", "rater", "points", "of", "critical"},
}

// needed are the columns of each kind without which no row can be read: one of each list.
var needed = map[string][][]string{
	"survey":      {{"csat", "nps", "resolved"}},
	"disposition": {{"code"}},
	"training":    {{"course"}, {"passed"}},
	"form":        {{"form"}, {"rater"}},
}

// Columns lists the columns that a kind may have.
func Columns(kind string) []string { return slices.Concat(ofEvery, ofKind[kind]) }

// item tells whether a column is an item of a form.
func item(column string) bool { return strings.Contains(column, ".") }

// header reads the first line.
func (r *Reader) header(cells []cell) document.Faults {
	var faults document.Faults
	wrong := func(at int, format string, args ...any) {
		faults = append(faults, r.fault(r.n, cells[at].col, format, args...))
	}
	for i, c := range cells {
		name := strings.ToLower(c.text)
		switch {
		case name == "":
			wrong(i, "a column has no name")
		case slices.Contains(r.columns, name):
			wrong(i, "column %q is there twice", c.text)
		case r.kind == "form" && item(name):
			if what := r.unknownItem(name); what != "" {
				wrong(i, "column %q %s", c.text, what)
			}
			r.items = append(r.items, name)
		case !slices.Contains(Columns(r.kind), name):
			wrong(i, "column %q is not known (known: %s)", c.text, strings.Join(r.known(), ", "))
		}
		r.columns = append(r.columns, name)
	}
	slices.Sort(r.items)
	for _, one := range r.needs() {
		if !slices.ContainsFunc(one, r.has) {
			wrong(0, "there is no column %s: a %s needs it", strings.Join(one, " or "), r.kind)
		}
	}
	if len(r.items) == 0 {
		return faults
	}
	for _, computed := range []string{"points", "of", "critical"} {
		if i := slices.Index(r.columns, computed); i >= 0 {
			wrong(i, "column %q is there beside columns of items, which it is computed from", cells[i].text)
		}
	}
	if len(faults) == 0 {
		faults = r.complete(cells)
	}
	return faults
}

func (r *Reader) has(column string) bool { return slices.Contains(r.columns, column) }

func (r *Reader) known() []string {
	list := Columns(r.kind)
	if r.kind == "form" {
		list = append(list, "and SECTION.ITEM for those of a form")
	}
	return list
}

func (r *Reader) needs() [][]string {
	list := slices.Concat([][]string{{"at"}, {"agent", "contact"}}, needed[r.kind])
	if r.kind == "form" && len(r.items) == 0 {
		list = append(list, []string{"points"}, []string{"of"})
	}
	return list
}

// unknownItem says why a column is no item; "" where it is one.
func (r *Reader) unknownItem(name string) string {
	if len(r.forms) == 0 {
		return "is an item of a form, and nothing says which forms there are: --forms FILE, or forms_file in the configuration"
	}
	for i := range r.forms {
		if _, ok := r.forms[i].Item(name); ok {
			return ""
		}
	}
	return fmt.Sprintf("is no item of a form (there are %s)", strings.Join(r.forms.IDs(), ", "))
}

// complete tells which items of forms have no column, if no form has all.
func (r *Reader) complete(cells []cell) (faults document.Faults) {
	for i := range r.forms {
		f := &r.forms[i]
		lacks := r.lacks(f)
		if len(lacks) == 0 {
			return nil
		}
		if len(lacks) < len(f.Items()) {
			faults = append(faults, r.fault(r.n, cells[0].col, "form %q has no column %s", f.ID, strings.Join(lacks, ", ")))
		}
	}
	return faults
}

// lacks lists the items of a form that have no column.
func (r *Reader) lacks(f *form.Form) (out []string) {
	for _, name := range f.Items() {
		if !r.has(name) {
			out = append(out, name)
		}
	}
	return out
}
