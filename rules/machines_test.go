package rules

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestOtherMachines: what is tested to the byte is the same where the compiler may round
// a product and a sum at once: on arm64, and on newer processors of amd64.
func TestOtherMachines(t *testing.T) {
	if raceEnabled {
		return // it builds programs of its own
	}
	for _, x := range []struct {
		name, setting string
		run           []string
	}{{"amd64 of today", "GOAMD64=v3", nil}, {"arm64", "GOARCH=arm64", []string{"qemu-aarch64"}}} {
		t.Run(x.name, func(t *testing.T) {
			run := x.run
			if b, err := os.ReadFile("/proc/cpuinfo"); run == nil && (err != nil || !strings.Contains(string(b), " fma ")) {
				run = []string{"qemu-x86_64", "-cpu", "max"} // an older processor
			}
			if run != nil {
				if _, err := exec.LookPath(run[0]); err != nil {
					installEmulator(t)
				}
			}
			binary := filepath.Join(t.TempDir(), "rules.test")
			build := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", binary, ".")
			build.Env = append(os.Environ(), x.setting, "CGO_ENABLED=0")
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			run = append(run, binary, "-test.v", "-test.run", "^(TestSameBytes|TestCardsByHand)$")
			out, err := exec.CommandContext(t.Context(), run[0], run[1:]...).CombinedOutput()
			if err != nil || !strings.Contains(string(out), "--- PASS: TestSameBytes") || !strings.Contains(string(out), "--- PASS: TestCardsByHand") {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// installEmulator installs what runs programs of other processors, where everything is
// required and root may.
func installEmulator(t *testing.T) {
	t.Helper()
	if os.Getenv("TALLYD_REQUIRE") != "all" {
		t.Skip("qemu-user is not installed")
	}
	for _, args := range [][]string{{"update"}, {"install", "-y", "--no-install-recommends", "qemu-user"}} {
		c := exec.CommandContext(t.Context(), "apt-get", args...)
		c.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		out, err := c.CombinedOutput()
		if exit := (*exec.ExitError)(nil); err != nil && (args[0] == "install" || !errors.As(err, &exit)) {
			t.Fatalf("apt-get %s: %v: %s", args[0], err, out)
		}
	}
}
