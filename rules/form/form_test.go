package form

import (
	"fmt"
	"math/big"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tallyd/metrics"
	"tallyd/rules"
)

// qa is a form of three sections.
const qa = `forms:
  qa:
    sections:
      - {id: greeting, weight: 20%, items: [{id: name, of: 5}, {id: tone, of: 5}]}
      - {id: solution, weight: 30%, items: [{id: solved, of: 3}]}
      - {id: compliance, weight: 50%, items: [{id: consent, of: 1, critical: true}, {id: identity, of: 6}]}
`

func read(t testing.TB, text string) Forms {
	t.Helper()
	forms, faults := Read("forms.yaml", []byte(text))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return forms
}

// answersOf reads answers to the items in their order.
func answersOf(t testing.TB, f *Form, texts string) map[string]Answer {
	t.Helper()
	out, list := map[string]Answer{}, strings.Fields(texts)
	for i, name := range f.Items() {
		x, _ := f.Item(name)
		a, err := x.Read(list[i])
		if err != nil {
			t.Fatal(name, err)
		}
		out[name] = a
	}
	return out
}

// TestFill: what forms come to, computed by hand.
func TestFill(t *testing.T) {
	f, _ := read(t, qa).Find("qa")
	for _, x := range []struct {
		answers string // name tone, solved, consent identity
		want    string
	}{
		{"5 5 3 1 6", "10000 [10/10 3/3 7/7]"},
		{"0 0 0 0 0", "0 critical [0/10 0/3 0/7]"},
		// 0.2 × 7/10 + 0.3 × 2/3 + 0.5 × 4/7 = 0.14 + 0.2 + 0.285714…
		{"4 3 2 1 3", "6257 [7/10 2/3 4/7]"},
		// An item that does not apply: 0.2 × 3/5 + 0.3 × 2/3 + 0.5 × 4/7 = 0.12 + 0.2 + 0.285714…
		{"N/A 3 2 1 3", "6057 [3/5 2/3 4/7]"},
		// A section that does not: (0.3 × 2/3 + 0.5 × 4/7) / 0.8 = 0.607142…
		{"n/a NA 2 1 3", "6071 [- 2/3 4/7]"},
		// (0.2 × 7/10 + 0.3 × 2/3) / 0.5
		{"4 3 2 N/A N/A", "6800 [7/10 2/3 -]"},
		{"N/A N/A 1 N/A N/A", "3333 [- 1/3 -]"}, // 1/3
		{"N/A N/A 2 N/A N/A", "6667 [- 2/3 -]"}, // 2/3
		// 0 of a critical item, although the rest is perfect: 0.2 + 0.3 + 0.5 × 6/7
		{"5 5 3 0 6", "9286 critical [10/10 3/3 6/7]"},
		{"5 5 3 N/A 6", "10000 [10/10 3/3 6/6]"}, // one that does not apply has not failed
		{"5 5 3 1 0", "5714 [10/10 3/3 1/7]"},    // 0 of one that is not: 0.5 + 0.5 × 1/7
	} {
		got, err := f.Fill(answersOf(t, f, x.answers))
		if err != nil || described(got) != x.want {
			t.Errorf("%s: %s, %v, want %s", x.answers, described(got), err, x.want)
		}
	}
	// Half up: 50 % × 3/10000 is 1.5 of 10000, and counts as 2.
	half := read(t, "forms: {h: {sections: [{id: a, weight: 50%, items: [{id: x, of: 10000}]}, {id: b, weight: 50%, items: [{id: x, of: 1}]}]}}")
	if got, err := half[0].Fill(map[string]Answer{"a.x": {Points: 3}, "b.x": {}}); err != nil || got.Points != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

func described(f *metrics.Form) string {
	if f == nil {
		return ""
	}
	var sections []string
	for _, s := range f.Sections {
		if s.NA {
			sections = append(sections, "-")
			continue
		}
		sections = append(sections, fmt.Sprintf("%d/%d", s.Points, s.Of))
	}
	critical := ""
	if f.Critical {
		critical = " critical"
	}
	return fmt.Sprintf("%d%s %v", f.Points, critical, sections)
}

// TestFillRefused: what has no result says why.
func TestFillRefused(t *testing.T) {
	f, _ := read(t, qa).Find("qa")
	full := func() map[string]Answer { return answersOf(t, f, "5 5 3 1 6") }
	for want, spoil := range map[string]func(map[string]Answer){
		"compliance.identity is missing":                               func(a map[string]Answer) { delete(a, "compliance.identity") },
		"greeting.tone 6 is not between 0 and 5":                       func(a map[string]Answer) { a["greeting.tone"] = Answer{Points: 6} },
		"greeting.tone -1 is not between 0 and 5":                      func(a map[string]Answer) { a["greeting.tone"] = Answer{Points: -1} },
		"1 answers are to no item of the form":                         func(a map[string]Answer) { a["greeting.voice"] = Answer{} },
		"nothing applies that has a weight: there is no result":        func(a map[string]Answer) { clearAll(a) },
		"greeting.name 9223372036854775807 is not between 0 and 5":     func(a map[string]Answer) { a["greeting.name"] = Answer{Points: 1<<63 - 1} },
		"compliance.consent -9223372036854775808 is not between 0 and": func(a map[string]Answer) { a["compliance.consent"] = Answer{Points: -1 << 63} },
	} {
		a := full()
		spoil(a)
		if got, err := f.Fill(a); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v, %v, want %s", got, err, want)
		}
	}
	x, _ := f.Item("greeting.name")
	for text, want := range map[string]string{
		"":     "is empty: points are needed, or N/A where it does not apply",
		"6":    `"6" is neither a whole number between 0 and 5 nor N/A`,
		"-1":   `"-1" is neither a whole number between 0 and 5 nor N/A`,
		"4.5":  `"4.5" is neither a whole number between 0 and 5 nor N/A`,
		"none": `"none" is neither a whole number between 0 and 5 nor N/A`,
	} {
		if _, err := x.Read(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	if _, there := f.Item("greeting"); there {
		t.Error("a section is taken for an item")
	}
	if _, there := read(t, qa).Find("peer"); there {
		t.Error("a form is found that is not there")
	}
}

func clearAll(a map[string]Answer) {
	for k := range a {
		a[k] = Answer{NA: true}
	}
}

// drawnForm is any form, and answers to it.
func drawnForm(t *rapid.T) (*Form, map[string]Answer) {
	f, answers, left := &Form{ID: "f"}, map[string]Answer{}, rules.Weight(100_00)
	n := rapid.IntRange(1, maxSections).Draw(t, "sections")
	for i := range n {
		w := left
		if i < n-1 {
			w = rules.Weight(rapid.IntRange(0, int(left)).Draw(t, "weight"))
		}
		left -= w
		s := Section{ID: fmt.Sprintf("s%d", i), Weight: w}
		for k := range rapid.IntRange(1, 4).Draw(t, "items") {
			x := Item{ID: fmt.Sprintf("x%d", k), Of: rapid.Int64Range(1, maxOf).Draw(t, "of"), Critical: rapid.Bool().Draw(t, "critical")}
			s.Items = append(s.Items, x)
			a := Answer{NA: rapid.Bool().Draw(t, "na")}
			if !a.NA {
				a.Points = rapid.Int64Range(0, x.Of).Draw(t, "points")
			}
			answers[itemName(&s, &x)] = a
		}
		f.Sections = append(f.Sections, s)
	}
	return f, answers
}

// TestFillExact: the result is the weighted mean as exact fractions have it, to half
// a hundredth of a percent, and what was filled in can be stored.
func TestFillExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, answers := drawnForm(t)
		sum, weights, critical := new(big.Rat), new(big.Rat), false
		for _, s := range f.Sections {
			points, of := new(big.Rat), new(big.Rat)
			for _, x := range s.Items {
				a := answers[s.ID+"."+x.ID]
				if a.NA {
					continue
				}
				points.Add(points, new(big.Rat).SetInt64(a.Points))
				of.Add(of, new(big.Rat).SetInt64(x.Of))
				critical = critical || x.Critical && a.Points == 0
			}
			if of.Sign() == 0 {
				continue
			}
			w := big.NewRat(int64(s.Weight), 100_00)
			weights.Add(weights, w)
			sum.Add(sum, w.Mul(w, points.Quo(points, of)))
		}
		got, err := f.Fill(answers)
		if weights.Sign() == 0 {
			if err == nil {
				t.Fatalf("nothing applies, and the result is %+v", got)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		// The exact result is at least got − ½ and less than got + ½.
		exact := sum.Mul(sum.Quo(sum, weights), big.NewRat(Of, 1))
		low, high := big.NewRat(2*got.Points-1, 2), big.NewRat(2*got.Points+1, 2)
		if exact.Cmp(low) < 0 || exact.Cmp(high) >= 0 || got.Critical != critical {
			t.Fatalf("%s counts as %+v, critical %v", exact.FloatString(6), got, critical)
		}
		got.Rater = "s1"
		fact := metrics.Fact{Kind: metrics.FormFact, ID: "1", At: 1, Agent: "ann", Form: got}
		if err := fact.Check(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestForms: what stands in a file is read, and every fault is told with its place.
func TestForms(t *testing.T) {
	forms := read(t, qa)
	if len(forms) != 1 || fmt.Sprint(forms[0].Items()) != "[greeting.name greeting.tone solution.solved compliance.consent compliance.identity]" || !forms[0].Sections[2].Items[0].Critical {
		t.Errorf("%+v", forms)
	}
	for _, x := range []struct{ old, new, want string }{
		{qa, "", "forms.yaml: forms are missing"},
		{qa, "forms: {}", "forms.yaml:1:8: forms are missing"},
		{qa, "forms: [qa]", "forms.yaml:1:8: forms must be a list of name: value"},
		{qa, "forms: {qa: {}}", "forms.yaml:1:13: sections are missing"},
		{qa, "form: {}", `forms.yaml:1:1: key "form" is not known here (known: forms)`},
		{"  qa:", "  QA 1:", `forms.yaml:2:3: form "QA 1" is no id: a lower-case letter, then letters, digits and _`},
		{"weight: 20%", "weight: 21%", "forms.yaml:4:7: the weights add up to 101%, not 100%"},
		{"weight: 20%", "weight: 20", `forms.yaml:4:32: weight "20" is not a weight, such as 15% or 12.5%`},
		{"weight: 20%, ", "", "forms.yaml:4:9: weight is missing"},
		{"id: greeting", "id: compliance", `forms.yaml:6:14: id "compliance" is there already`},
		{"id: greeting", "id: a.b", `forms.yaml:4:14: id "a.b" is no id: a lower-case letter, then letters, digits and _`},
		{"id: greeting, ", "", "forms.yaml:4:9: id is missing"},
		{"id: tone", "id: name", `forms.yaml:4:69: id "name" is there already`},
		{"id: tone, of: 5", "id: tone", "forms.yaml:4:64: of is missing: the points that can be had"},
		{"id: tone, of: 5", "id: tone, of: 0", "forms.yaml:4:79: of 0 is not between 1 and 1000000"},
		{"id: tone, of: 5", "id: tone, of: x", `forms.yaml:4:79: of "x" is not a whole number`},
		{"[{id: solved, of: 3}]", "[]", "forms.yaml:5:44: items are missing"},
		{"critical: true", "critical: maybe", `forms.yaml:6:78: critical "maybe" is neither true nor false`},
		{"critical: true", "weight: 5%", `forms.yaml:6:68: key "weight" is not known here (known: id, title, of, critical)`},
	} {
		text := strings.Replace(qa, x.old, x.new, 1)
		if _, faults := Read("forms.yaml", []byte(text)); faults.Error() != x.want {
			t.Errorf("%s:\n%s\nwant\n%s", x.new, faults.Error(), x.want)
		}
	}
	many := "forms: {f: {sections: [" + strings.Repeat("{id: a, weight: 1%, items: [{id: x, of: 1}]},", maxSections+1) + "]}}"
	if _, faults := Read("forms.yaml", []byte(many)); !strings.Contains(faults.Error(), "sections are 51, 50 are the most") {
		t.Error(faults)
	}
	many = "forms: {f: {sections: [{id: a, weight: 100%, items: [" + strings.Repeat("{id: x, of: 1},", maxItems+1) + "]}]}}"
	if _, faults := Read("forms.yaml", []byte(many)); !strings.Contains(faults.Error(), "items are 201, 200 are the most") {
		t.Error(faults)
	}
	if _, faults := Read("forms.yaml", make([]byte, maxFile+1)); len(faults) != 1 {
		t.Error(faults)
	}
}

// TestFormsOfTheRepository: what people copy is sound, and in the order of the file.
func TestFormsOfTheRepository(t *testing.T) {
	const file = "../../configs/forms.yaml"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if forms := read(t, string(text)); fmt.Sprint(forms.IDs()) != "[qa peer sales coaching upward projects]" {
		t.Errorf("%+v", forms)
	}
}
