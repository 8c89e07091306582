package alert

import (
	"testing"
	"time"
)

// TestRestore: what an earlier run raised stays raised, and clears as it would have. A
// subject that is not there yet has a minute to come.
func TestRestore(t *testing.T) {
	const text = `alerts: [{id: w, of: queue, when: "waiting >= 3", hold: 3s, clear: "waiting < 2", clear_hold: 2s, owner: o, because: b}]`
	at := func(s int) time.Time { return monday.Add(time.Duration(s) * time.Second) }
	set := rules(t, text)
	digest := set.Rules[0].Digest()
	if other := rules(t, text[:len(text)-3]+`"c"}]`).Rules[0].Digest(); other == digest || digest != rules(t, text).Rules[0].Digest() {
		t.Error("the digest does not stand for what the file says")
	}
	was := func(name string) Alert {
		return Alert{Subject: name, Since: at(-9), Raised: at(-6), Values: map[string]any{"waiting": 5.0}}
	}
	e := NewEngine(set, Bounds{Subjects: 10, Active: 3, Tracked: 10})
	for _, name := range []string{"a", "b", "c"} {
		if !e.Restore(at(0), digest, was(name)) {
			t.Fatal(name)
		}
	}
	if e.Restore(at(0), digest, was("d")) || e.Restore(at(0), digest, was("a")) || e.Restore(at(0), "x", was("e")) || e.Active() != 3 {
		t.Error("restored beyond the bounds, twice, or by no rule")
	}
	for i, x := range []struct {
		at       int
		subjects []Subject
		want     string
	}{
		{1, nil, ""},
		{2, []Subject{queue("a", 2), {Of: Queue, Name: "b", Unseen: true}}, ""}, // goes on, as between the two conditions
		{3, []Subject{queue("a", 0), queue("b", 9)}, ""},
		{5, []Subject{queue("a", 1), queue("b", 9)}, "cleared w a since -9 raised -6 cleared 5 map[waiting:1]; "},
		{59, []Subject{queue("a", 1)}, ""},
		{60, []Subject{queue("a", 1), queue("b", 9)}, "cleared w c since -9 raised -6 cleared 60 map[waiting:5]; "},
		{61, []Subject{queue("a", 1)}, "cleared w b since -9 raised -6 cleared 61 map[waiting:5]; "},
	} {
		if got := told(monday, e.Step(at(x.at), x.subjects)); got != x.want {
			t.Errorf("step %d: %s, want %s", i, got, x.want)
		}
	}
	if e.Active() != 0 {
		t.Error(e.Active())
	}
}
