package config

import (
	"fmt"
	"slices"
	"strings"

	"tallyd/rules/document"
)

// decoder checks what it has read.
type decoder struct{ *document.Decoder }

func newDecoder(file string) *decoder { return &decoder{document.NewDecoder(file)} }

type place = document.Place

// environment sets what TALLYD_… variables name: the keys of a path in capitals,
// joined by underscores.
func (d *decoder) environment(environ []string, c *Config) {
	file := d.File
	defer func() { d.File = file }()
	for _, kv := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(kv, "=")
		rest, ok := strings.CutPrefix(name, "TALLYD_")
		if !ok || rest == "REQUIRE" || rest == "RECORDINGS" || rest == "CONFIG" {
			continue
		}
		d.File = "environment"
		if !d.Assign(rest, value, c) {
			d.Faults = append(d.Faults, Fault{File: "environment", What: fmt.Sprintf("variable %q names no key", name)})
		}
	}
}
