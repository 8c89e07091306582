package arievent

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"
)

// FuzzDecode: no input panics, reads beyond itself or changes its bytes, and
// whatever is read as an event is JSON, but for escapes in what is passed over.
func FuzzDecode(f *testing.F) {
	for _, version := range []string{"22", "16"} {
		seen := map[string]bool{}
		var e Event
		for _, b := range recorded(f, version) {
			_ = e.Decode(b)
			if k := string(e.TypeName) + string(e.DialStatus) + string(rune(e.Variable)); !seen[k] {
				seen[k] = true
				f.Add(b)
			}
		}
	}
	f.Add([]byte(`{"type":"Dial","dialstring":"\u00e9\ud83d\ude00","peer":{"id":"1","dialplan":{"priority":-1}}}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		b := bytes.Clone(in)
		var e Event
		err := e.Decode(b[:len(b):len(b)])
		if !bytes.Equal(b, in) {
			t.Fatal("the input was changed")
		}
		if err != nil || e.Type <= Unwanted || !utf8.Valid(in) {
			return
		}
		if !json.Valid(in) && !bytes.ContainsRune(in, '\\') {
			t.Fatalf("read as an event of type %q, but it is no JSON: %s", e.TypeName, in)
		}
		_, _, _ = Unwrap(in)
	})
}
