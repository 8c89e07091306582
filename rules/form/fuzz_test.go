package form

import "testing"

// FuzzForms: whatever stands in a file, reading it ends, and a form without a fault can
// be filled in: with all points it is perfect, with none it is nothing.
func FuzzForms(f *testing.F) {
	f.Add([]byte(qa))
	f.Add([]byte("forms: {a: {sections: [{id: x, weight: 0%, items: [{id: y, of: 1}]}, {id: z, weight: 100%, items: [{id: y, of: 7, critical: true}]}]}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		forms, faults := Read("f.yaml", text)
		if len(faults) > 0 {
			return
		}
		for i := range forms {
			full, none := map[string]Answer{}, map[string]Answer{}
			for _, name := range forms[i].Items() {
				x, there := forms[i].Item(name)
				if !there {
					t.Fatalf("%s is no item", name)
				}
				full[name], none[name] = Answer{Points: x.Of}, Answer{}
			}
			a, err := forms[i].Fill(full)
			if err != nil || a.Points != Of || a.Critical {
				t.Fatalf("%+v, %v", a, err)
			}
			if a, err = forms[i].Fill(none); err != nil || a.Points != 0 {
				t.Fatalf("%+v, %v", a, err)
			}
		}
	})
}
