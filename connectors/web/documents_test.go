package web

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tallyd/connectors/bus"
)

// validators is a folder with public tools that read our documents. They need Node;
// without it this part is left out.
func validators(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		if os.Getenv("TALLYD_REQUIRE") == "all" {
			t.Fatal("Node is needed: ", err)
		}
		t.Skip("left out: Node is needed: ", err)
	}
	const source = "testdata/validators"
	lock, err := os.ReadFile(filepath.Join(source, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(lock)
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	tools := filepath.Join(cache, "tallyd-tests", "validators-"+hex.EncodeToString(sum[:8]))
	if _, err := os.Stat(filepath.Join(tools, "node_modules")); errors.Is(err, fs.ErrNotExist) {
		install(t, source, tools)
	}
	dir := t.TempDir()
	if err := errors.Join(os.CopyFS(dir, os.DirFS(source)), os.Symlink(filepath.Join(tools, "node_modules"), filepath.Join(dir, "node_modules"))); err != nil {
		t.Fatal(err)
	}
	return dir
}

// install puts the tools into a folder, whole or not at all: two runs may do so at
// once.
func install(t *testing.T, source, tools string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(tools), 0o755); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(filepath.Dir(tools), "installing-*")
	if err == nil {
		err = os.CopyFS(dir, os.DirFS(source))
	}
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	tool(t, dir, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	if err := os.Rename(dir, tools); err != nil {
		if _, there := os.Stat(tools); there != nil {
			t.Fatal(err)
		}
	}
}

// tool runs a program in a folder, and gives what it says.
func tool(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestDocuments: public validators find nothing wrong with our descriptions, and a
// client that a public tool generates of one gets its answers.
func TestDocuments(t *testing.T) {
	if raceEnabled {
		return // the tools are others' programs
	}
	dir := validators(t)
	l := newLab(t)
	l.server.cfg.AsyncAPI = bus.AsyncAPI
	l.ready("ann")
	l.call("support", "ann")
	l.call("support", "")
	for _, name := range []string{"openapi", "asyncapi"} {
		code, _, body := l.get("", "/"+name+".json")
		if code != http.StatusOK {
			t.Fatal(name, code)
		}
		file := filepath.Join(dir, name+".json")
		if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		if wrong := tool(t, dir, "node", name+".js", file); wrong != "" {
			t.Errorf("%s: %s", name, wrong)
		}
		// They would find something.
		if err := os.WriteFile(file+".bad", []byte(strings.Replace(body, `"description"`, `"describes"`, 1)[:len(body)/2]), 0o600); err != nil {
			t.Fatal(err)
		}
		bad := exec.Command("node", name+".js", file+".bad")
		bad.Dir = dir
		if out, err := bad.CombinedOutput(); err == nil && len(out) == 0 {
			t.Errorf("nothing is wrong with half of %s", name)
		}
	}
	bin := filepath.Join("node_modules", ".bin")
	tool(t, dir, filepath.Join(bin, "openapi-typescript"), "openapi.json", "-o", "generated.d.ts")
	tool(t, dir, filepath.Join(bin, "tsc"), "-p", ".")
	got := tool(t, dir, "node", "client.js", l.http.URL, l.token(admin))
	const want = `{"offered":[2],"outcomes":["answered","abandoned"],"wrong":"kpi \"nonsense\" is not in the catalogue"}`
	if got != want {
		t.Errorf("the generated client got %s, want %s", got, want)
	}
}
