package arievent

import "testing"

// TestAllocs: decoding allocates nothing, whether the event is wanted or not.
func TestAllocs(t *testing.T) {
	var e Event
	for _, version := range []string{"22", "16"} {
		list := recorded(t, version)
		for _, b := range list { // the scratch space grows to what it needs
			if err := e.Decode(b); err != nil {
				t.Fatal(err)
			}
		}
		if n := testing.AllocsPerRun(3, func() {
			for _, b := range list {
				_ = e.Decode(b)
			}
		}); n != 0 {
			t.Errorf("Asterisk %s: %v allocations for %d events", version, n, len(list))
		}
	}
}
