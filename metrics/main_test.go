package metrics

import (
	"flag"
	"os"
	"testing"
)

// TestMain makes ten times as many trials of each property as the library would.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("rapid.checks"); f != nil && f.Value.String() == f.DefValue {
		if err := f.Value.Set("1000"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
