package web

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

//go:generate go test -run TestPageTypes -rewrite .

// pagesPattern is what no other route answers.
const pagesPattern = "GET /"

// zipped is what the name of a file ends in that the build has compressed.
const zipped = ".gz"

// pageFiles serves the pages. They have addresses of their own (/wallboard), which
// are all one file: its script shows what belongs there.
type pageFiles struct {
	files   map[string]*pageFile // by the path from the root
	version string
}

// pageFile is a file as it is sent.
type pageFile struct {
	kind       string // its media type
	body       []byte
	compressed []byte // nil where that would be no smaller
	tag        string
	lasts      bool // its name changes when it does
}

const indexFile = "index.html"

// newPageFiles reads the built pages; nil are none. What is read lies in the program
// file, and takes no memory until it is asked for.
func newPageFiles(built fs.FS) *pageFiles {
	p := &pageFiles{files: map[string]*pageFile{}, version: "none"}
	if built == nil {
		return p
	}
	_ = fs.WalkDir(built, ".", func(at string, d fs.DirEntry, err error) error { // the program file is read
		if err != nil || d.IsDir() || strings.HasSuffix(at, zipped) {
			return err
		}
		body, err := fs.ReadFile(built, at)
		if err != nil {
			return err
		}
		compressed, _ := fs.ReadFile(built, at+zipped) // nil: it is not there
		sum := sha256.Sum256(body)
		p.files[at] = &pageFile{kind: kindOf(at), body: body, compressed: compressed, tag: fmt.Sprintf("%x", sum[:12]), lasts: strings.HasPrefix(at, "assets/")}
		return nil
	})
	if index := p.files[indexFile]; index != nil {
		p.version = index.tag
	}
	return p
}

// kindOf is a file's media type, whatever the machine has in its own table.
func kindOf(name string) string {
	switch ext := filepath.Ext(name); ext {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".html":
		return "text/html; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".woff2":
		return "font/woff2"
	default:
		return mime.TypeByExtension(ext)
	}
}

// built tells whether there are pages.
func (p *pageFiles) built() bool { return p.files[indexFile] != nil }

func (p *pageFiles) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := strings.TrimPrefix(r.URL.Path, "/")
	f := p.files[at]
	if f == nil && isPage(r) {
		if !p.built() {
			notBuilt(w)
			return
		}
		f = p.files[indexFile]
	}
	if f == nil {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Content-Security-Policy", pagesPolicy(r.Host))
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Vary", "Accept-Encoding")
	if f.lasts {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	body, tag := f.body, f.tag
	if f.compressed != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		body, tag = f.compressed, f.tag+"-gzip"
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// pageForm is an address that a page may have: of words, without a file's ending.
var pageForm = regexp.MustCompile(`^/[A-Za-z0-9@%~_/-]*$`)

// isPage tells whether a browser asks for a page, and not a program for something
// that is not there.
func isPage(r *http.Request) bool {
	return pageForm.MatchString(r.URL.EscapedPath()) && !strings.HasPrefix(r.URL.Path, "/api/") && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// hostForm is a host that can be named in a policy.
var hostForm = regexp.MustCompile(`^[A-Za-z0-9.-]+(:[0-9]+)?$|^\[[0-9a-fA-F:]+\](:[0-9]+)?$`)

// pagesPolicy is what pages may load: what this server has, and nothing in line.
// Not every browser takes a WebSocket of the same host for its own.
func pagesPolicy(host string) string {
	connect := "'self'"
	if hostForm.MatchString(host) {
		connect += " ws://" + host + " wss://" + host
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src " + connect +
		"; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}

// notBuilt says how to add the pages.
func notBuilt(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte(`<!doctype html><html lang="en"><meta charset="utf-8"><title>tallyd</title>
<h1>tallyd runs</h1>
<p>This program was built without its pages. <code>make pages build</code> adds them; that needs Node 20.19 or later.</p>
<p>Everything else is here: the interface is described at <a href="/openapi.yaml">/openapi.yaml</a>, and <code>tallyd top</code> shows the queues on a terminal.</p>
</html>
`)) // whoever asked may be gone
}
