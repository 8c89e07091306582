package arievent

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"os"
	"testing"
)

// recorded returns the events of a recording, one JSON text each.
func recorded(t testing.TB, version string) [][]byte {
	t.Helper()
	f, err := os.Open("../testdata/asterisk" + version + "/ari-events.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, MaxEvent)
	for lines.Scan() {
		ev, _, err := Unwrap(lines.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, bytes.Clone(ev))
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if len(out) < 1000 {
		t.Fatalf("the recording has %d events", len(out))
	}
	return out
}
