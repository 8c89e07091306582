package web

import (
	"flag"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

var rewriteTypes = flag.Bool("rewrite", false, "write the pages' types anew from the OpenAPI document")

// TestPageTypes: the pages' types are those of the OpenAPI document.
func TestPageTypes(t *testing.T) {
	if raceEnabled {
		return // the tool is another's program
	}
	const tool, types = "pages/node_modules/.bin/openapi-typescript", "pages/src/lib/openapi.d.ts"
	if _, err := os.Stat(tool); err != nil {
		if os.Getenv("TALLYD_REQUIRE") == "all" {
			t.Fatal("make pages: ", err)
		}
		t.Skip("left out: make pages installs what it needs: ", err)
	}
	l := newLab(t)
	code, _, body := l.get("", "/openapi.json")
	if code != http.StatusOK {
		t.Fatal(code)
	}
	dir := t.TempDir()
	document, made := filepath.Join(dir, "openapi.json"), filepath.Join(dir, "openapi.d.ts")
	if err := os.WriteFile(document, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(tool, document, "-o", made).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want, err := os.ReadFile(made)
	if err != nil {
		t.Fatal(err)
	}
	if *rewriteTypes {
		if err := os.WriteFile(types, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, _ := os.ReadFile(types); string(got) != string(want) {
		t.Errorf("%s is not what the OpenAPI document says: make generate", types)
	}
}
