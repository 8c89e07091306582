package main

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestExamples runs the examples on a daemon until each has shown an agent. One whose
// tool is not there is left out, or the tool installed where nothing may be left out.
func TestExamples(t *testing.T) {
	data := t.TempDir()
	serveInBackground(t, "--demo", "--data", data)
	code, token, errs := command(t, "token", "create", "board", "--role", "wallboard", "--data", data)
	if code != exitDone {
		t.Fatalf("exit %d: %s", code, errs)
	}
	address := func(file string) string {
		b, err := os.ReadFile(filepath.Join(data, file))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(b))
	}
	const folder = "../../configs/examples/"
	board := filepath.Join(t.TempDir(), "board")
	if out, err := exec.Command("go", "build", "-o", board, folder+"board").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, args := range map[string][]string{
		"go":     {board, address("nats.url")},
		"python": {"python3", folder + "board.py", address("http.url")},
		"shell":  {folder + "board.sh", address("nats.url")},
	} {
		t.Run(name, func(t *testing.T) {
			needs := args[0]
			if name == "shell" {
				needs = "nats"
			}
			if _, err := exec.LookPath(needs); err != nil {
				if os.Getenv("TALLYD_REQUIRE") != "all" {
					t.Skip("left out: ", err)
				}
				install(t, needs)
			}
			ctx, stop := context.WithTimeout(t.Context(), 3*time.Minute)
			defer stop()
			cmd := exec.CommandContext(ctx, args[0], args[1:]...)
			cmd.Env = append(os.Environ(), "TALLY_TOKEN="+strings.TrimSpace(token))
			cmd.WaitDelay = time.Second
			var errs strings.Builder
			cmd.Stderr = &errs
			out, err := cmd.StdoutPipe()
			if err == nil {
				err = cmd.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			shown := false
			for lines := bufio.NewScanner(out); !shown && lines.Scan(); {
				shown = strings.Contains(lines.Text(), "@default") && strings.ContainsAny(lines.Text(), " :")
			}
			stop()
			_ = cmd.Wait() // it was ended
			if !shown {
				t.Errorf("nobody is shown: %s", errs.String())
			}
		})
	}
}

// natsTool is NATS's command-line tool, which Debian does not have.
const natsTool = "github.com/nats-io/natscli/nats@v0.5.1"

// install installs a program: Debian's, or nats.
func install(t *testing.T, name string) {
	t.Helper()
	run := func(env []string, program string, args ...string) {
		t.Helper()
		cmd := exec.Command(program, args...)
		cmd.Env = append(os.Environ(), env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s is needed, and %s %v fails: %v\n%s", name, program, args, err, out)
		}
	}
	if name != "nats" {
		run(nil, "apt-get", "update")
		run([]string{"DEBIAN_FRONTEND=noninteractive"}, "apt-get", "install", "-y", "--no-install-recommends", name)
		return
	}
	bin := t.TempDir()
	run([]string{"GOBIN=" + bin, "GOFLAGS="}, "go", "install", natsTool)
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
}
