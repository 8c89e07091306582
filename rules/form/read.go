package form

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"tallyd/rules"
	"tallyd/rules/document"
)

// What forms look like as people write them.

type formsFile struct {
	Forms map[string]formFile `yaml:"forms"`
}

type formFile struct {
	Title    string        `yaml:"title"`
	Sections []sectionFile `yaml:"sections"`
}

type sectionFile struct {
	ID     string       `yaml:"id"`
	Title  string       `yaml:"title"`
	Weight rules.Weight `yaml:"weight"`
	Items  []itemFile   `yaml:"items"`
}

type itemFile struct {
	ID       string `yaml:"id"`
	Title    string `yaml:"title"`
	Of       int    `yaml:"of"`
	Critical bool   `yaml:"critical"`
}

// The bounds of what is read: a fact has no more sections, and its points are below
// what one may have.
const (
	maxFile     = 1 << 20
	maxSections = 50
	maxItems    = 200
	maxOf       = 1_000_000

	fullWeight rules.Weight = 100_00
)

// reader makes forms of what people wrote, and notes everything that is wrong.
type reader struct{ *document.Decoder }

// Read reads the forms of a file, in the order in which they stand there. Where there
// are faults, they are not to be used.
func Read(file string, text []byte) (Forms, document.Faults) {
	r := reader{document.NewDecoder(file)}
	if len(text) > maxFile {
		return nil, document.Faults{{File: file, What: fmt.Sprintf("the file has %d bytes, %d are the most", len(text), maxFile)}}
	}
	var f formsFile
	r.Decode(text, &f)
	if len(f.Forms) == 0 && len(r.Faults) == 0 {
		r.Fault("forms", "forms are missing")
	}
	ids := slices.Collect(maps.Keys(f.Forms))
	slices.SortFunc(ids, func(a, b string) int {
		x, y := r.Places["forms."+a], r.Places["forms."+b]
		return cmp.Or(cmp.Compare(x.Line, y.Line), cmp.Compare(x.Col, y.Col), cmp.Compare(a, b))
	})
	var out Forms
	for _, id := range ids {
		if !identifier(id) {
			r.FaultyKey("forms."+id, "form %q %s", id, noID)
		}
		x := f.Forms[id]
		out = append(out, Form{ID: id, Title: x.Title, Sections: r.sections("forms."+id, x.Sections)})
	}
	return out, r.Faults.InOrder()
}

func (r *reader) sections(at string, list []sectionFile) (out []Section) {
	sum, items, seen := rules.Weight(0), 0, map[string]bool{}
	path := at + ".sections"
	for i := range list {
		s := &list[i]
		in := path + "." + strconv.Itoa(i)
		r.id(in, s.ID, seen)
		if !r.Set(in + ".weight") {
			r.Fault(in, "weight is missing")
		}
		sum += s.Weight
		items += len(s.Items)
		out = append(out, Section{ID: s.ID, Title: s.Title, Weight: s.Weight, Items: r.items(in, s.Items)})
	}
	switch {
	case r.Faulty(path) || r.Faulty(at):
	case len(list) == 0:
		r.Fault(path, "sections are missing")
	case len(list) > maxSections:
		r.Fault(path, "sections are %d, %d are the most", len(list), maxSections)
	case items > maxItems:
		r.Fault(path, "items are %d, %d are the most", items, maxItems)
	case sum != fullWeight && r.weighed(path, len(list)):
		r.Fault(path, "the weights add up to %s, not 100%%", sum)
	}
	return out
}

// weighed tells whether every section has a weight that could be read.
func (r *reader) weighed(path string, n int) bool {
	for i := range n {
		if at := path + "." + strconv.Itoa(i) + ".weight"; !r.Set(at) || r.Faulty(at) {
			return false
		}
	}
	return true
}

func (r *reader) items(at string, list []itemFile) (out []Item) {
	path, seen := at+".items", map[string]bool{}
	if len(list) == 0 && !r.Faulty(path) && !r.Faulty(at) {
		r.Fault(path, "items are missing")
	}
	for i := range list {
		x := &list[i]
		in := path + "." + strconv.Itoa(i)
		r.id(in, x.ID, seen)
		switch of := in + ".of"; {
		case r.Faulty(of) || r.Faulty(in):
		case !r.Set(of):
			r.Fault(in, "of is missing: the points that can be had")
		case x.Of < 1 || x.Of > maxOf:
			r.Fault(of, "of %d is not between 1 and %d", x.Of, maxOf)
		}
		out = append(out, Item{ID: x.ID, Title: x.Title, Of: int64(x.Of), Critical: x.Critical})
	}
	return out
}

const noID = "is no id: a lower-case letter, then letters, digits and _"

// id looks at an id, which the others in the same list must not have.
func (r *reader) id(in, id string, seen map[string]bool) {
	at := in + ".id"
	switch {
	case r.Faulty(at) || r.Faulty(in):
	case id == "":
		r.Fault(at, "id is missing")
	case !identifier(id):
		r.Fault(at, "id %q %s", id, noID)
	case seen[id]:
		r.Fault(at, "id %q is there already", id)
	}
	seen[id] = true
}

// identifier tells whether a text can be an id: columns of tables and keys of schemes
// have it in their names.
func identifier(s string) bool {
	for i, c := range s {
		letter := c >= 'a' && c <= 'z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}
