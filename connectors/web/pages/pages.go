// Package pages holds the pages that `make pages` builds from the sources beside it.
// It knows nothing of who asks for them.
package pages

import (
	"embed"
	"io/fs"
)

// dist has a note alone until the pages are built, so that the program is built
// without Node too.
//
//go:embed all:dist
var dist embed.FS

// Files are the built pages; nil where they were not built.
func Files() fs.FS {
	files, err := fs.Sub(dist, "dist/app")
	if err != nil {
		return nil
	}
	if _, err := fs.Stat(files, "index.html"); err != nil {
		return nil
	}
	return files
}
