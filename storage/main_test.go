package storage

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// openDir names the folder that this program, run as somebody else, opens to say
// what is wrong with it.
const openDir = "TALLYD_TEST_OPEN"

// TestMain also serves the kill test, which runs this program as the process
// that it kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		os.Exit(victim(dir))
	}
	if dir := os.Getenv(sweepDir); dir != "" {
		os.Exit(sweep(dir))
	}
	if dir := os.Getenv(persistentDir); dir != "" {
		os.Exit(persistent(dir))
	}
	if dir := os.Getenv(forgetDir); dir != "" {
		os.Exit(forgetUntilKilled(dir))
	}
	if dir := os.Getenv(factDir); dir != "" {
		os.Exit(unacknowledged(dir))
	}
	if dir := os.Getenv(openDir); dir != "" {
		_, err := Open(context.Background(), Config{Dir: dir})
		fmt.Print(err)
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}
