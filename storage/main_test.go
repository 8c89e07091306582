package storage

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain also serves the kill test, which runs this program as the process
// that it kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		os.Exit(victim(dir))
	}
	goleak.VerifyTestMain(m)
}
