// Package form knows the forms by which people assess others' work: sections with
// weights, items with points, items that no points make up for. It says what a form
// that was filled in comes to, in whole numbers. As pure as rules.
package form

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"tallyd/metrics"
	"tallyd/rules"
)

// Of is what a form's points are of, whatever its items are: hundredths of a percent.
const Of = 100_00

// Forms are those of a site.
type Forms []Form

// Form is one form.
type Form struct {
	ID, Title string
	Sections  []Section
}

// Section is a part of a form. The weights of a form's sections add up to 100 %.
type Section struct {
	ID, Title string
	Weight    rules.Weight
	Items     []Item
}

// Item is one question: 0 to Of points. Where it is critical, 0 fails the whole form.
type Item struct {
	ID, Title string
	Of        int64
	Critical  bool
}

// Answer is what a rater said to an item.
type Answer struct {
	Points int64
	NA     bool // it does not apply
}

// notApplicable is how people write that an item does not apply.
const notApplicable = "N/A"

// Find returns the form with an id.
func (f Forms) Find(id string) (*Form, bool) {
	i := slices.IndexFunc(f, func(x Form) bool { return x.ID == id })
	if i < 0 {
		return nil, false
	}
	return &f[i], true
}

// IDs lists the forms.
func (f Forms) IDs() (out []string) {
	for i := range f {
		out = append(out, f[i].ID)
	}
	return out
}

// Items lists the items as section.item.
func (f *Form) Items() (out []string) {
	for i := range f.Sections {
		for k := range f.Sections[i].Items {
			out = append(out, itemName(&f.Sections[i], &f.Sections[i].Items[k]))
		}
	}
	return out
}

func itemName(s *Section, x *Item) string { return s.ID + "." + x.ID }

// Item returns the item that a name of Items means.
func (f *Form) Item(name string) (*Item, bool) {
	section, item, _ := strings.Cut(name, ".")
	for i := range f.Sections {
		for k := range f.Sections[i].Items {
			if x := &f.Sections[i].Items[k]; f.Sections[i].ID == section && x.ID == item {
				return x, true
			}
		}
	}
	return nil, false
}

// Read reads an answer as people write it: points, or N/A. Nothing at all is no
// answer: whether the item did not apply or was overlooked must be said.
func (x *Item) Read(text string) (Answer, error) {
	switch strings.ToUpper(text) {
	case "":
		return Answer{}, fmt.Errorf("is empty: points are needed, or %s where it does not apply", notApplicable)
	case notApplicable, "NA":
		return Answer{NA: true}, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > x.Of {
		return Answer{}, fmt.Errorf("%q is neither a whole number between 0 and %d nor %s", text, x.Of, notApplicable)
	}
	return Answer{Points: n}, nil
}

// Fill says what answers, by the names of Items, come to. A section counts with its
// points' share of those that could be had for the items that apply; the whole with the
// mean of the sections that apply by their weights, in hundredths of a percent, half up.
// It has no rater.
func (f *Form) Fill(answers map[string]Answer) (*metrics.Form, error) {
	out := &metrics.Form{ID: f.ID, Of: Of}
	known := 0
	var total mean
	for i := range f.Sections {
		s := &f.Sections[i]
		section := metrics.Section{ID: s.ID}
		for k := range s.Items {
			x := &s.Items[k]
			a, there := answers[itemName(s, x)]
			switch {
			case !there:
				return nil, fmt.Errorf("%s is missing", itemName(s, x))
			case !a.NA && (a.Points < 0 || a.Points > x.Of):
				return nil, fmt.Errorf("%s %d is not between 0 and %d", itemName(s, x), a.Points, x.Of)
			}
			if known++; a.NA {
				continue
			}
			section.Points += a.Points
			section.Of += x.Of
			out.Critical = out.Critical || x.Critical && a.Points == 0
		}
		section.NA = section.Of == 0
		out.Sections = append(out.Sections, section)
		if !section.NA {
			total.add(int64(s.Weight), section.Points, section.Of)
		}
	}
	if known < len(answers) {
		return nil, fmt.Errorf("%d answers are to no item of the form", len(answers)-known)
	}
	if total.weight == 0 {
		return nil, errors.New("nothing applies that has a weight: there is no result")
	}
	out.Points = total.of(Of)
	return out, nil
}

// mean is a mean of shares by weights, exactly: the sum of weight × points/of is
// numerator/denominator.
type mean struct {
	weight                 int64
	numerator, denominator *big.Int
}

func (m *mean) add(weight, points, of int64) {
	if m.numerator == nil {
		m.numerator, m.denominator = big.NewInt(0), big.NewInt(1)
	}
	m.weight += weight
	o := big.NewInt(of)
	mine := new(big.Int).Mul(big.NewInt(weight*points), m.denominator)
	m.numerator.Mul(m.numerator, o).Add(m.numerator, mine)
	m.denominator.Mul(m.denominator, o)
}

// of is the mean as a whole number of so many, half up.
func (m *mean) of(whole int64) int64 {
	below := new(big.Int).Mul(m.denominator, big.NewInt(2*m.weight))
	above := new(big.Int).Mul(m.numerator, big.NewInt(2*whole))
	above.Add(above, new(big.Int).Mul(m.denominator, big.NewInt(m.weight)))
	return above.Div(above, below).Int64()
}
