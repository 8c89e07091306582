package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

// built are pages as the build makes them.
func built() fstest.MapFS {
	return fstest.MapFS{
		"index.html":           {Data: []byte("<!doctype html><title>pages</title>")},
		"index.html.gz":        {Data: []byte("compressed page")},
		"assets/main-1a2b.js":  {Data: []byte("let a = 1")},
		"assets/main-1a2b.css": {Data: []byte("a{}")},
		"favicon.svg":          {Data: []byte("<svg/>")},
	}
}

// ask asks a server, as a browser that goes to a page does.
func ask(h http.Handler, method, at string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://wall.example.org:8470"+at, nil)
	r.Header.Set("Accept", "text/html,*/*")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestPageFiles: pages have their addresses, a strict policy and tags; what has a hash
// in its name is kept for ever. The interface's answers are as they were.
func TestPageFiles(t *testing.T) {
	l := newLab(t)
	h := l.server.Handler()
	*l.server.pages = *newPageFiles(built())
	for _, at := range []string{"/", "/wallboard", "/wallboard?queues=a,b", "/agents/1001@default"} {
		w := ask(h, "GET", at)
		policy := w.Header().Get("Content-Security-Policy")
		if w.Code != 200 || !strings.Contains(w.Body.String(), "<title>pages</title>") || w.Header().Get("Content-Type") != "text/html; charset=utf-8" || w.Header().Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %d %v %s", at, w.Code, w.Header(), w.Body)
		}
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self' ws://wall.example.org:8470 wss://wall.example.org:8470", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"} {
			if !strings.Contains(policy+";", want+";") {
				t.Errorf("%s: the policy %q lacks %q", at, policy, want)
			}
		}
		if strings.Contains(policy, "unsafe") || w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Referrer-Policy") != "no-referrer" || w.Header().Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: %v", at, w.Header())
		}
		if again := ask(h, "GET", at, "If-None-Match", w.Header().Get("ETag")); again.Code != http.StatusNotModified || again.Body.Len() > 0 {
			t.Errorf("%s again: %d", at, again.Code)
		}
	}
	if w := ask(h, "GET", "/", "Accept-Encoding", "gzip, br"); w.Header().Get("Content-Encoding") != "gzip" || w.Body.String() != "compressed page" || w.Header().Get("Vary") != "Accept-Encoding" {
		t.Errorf("compressed: %v %s", w.Header(), w.Body)
	}
	for at, kind := range map[string]string{"/assets/main-1a2b.js": "text/javascript; charset=utf-8", "/assets/main-1a2b.css": "text/css; charset=utf-8"} {
		w := ask(h, "GET", at)
		if w.Code != 200 || w.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" || w.Header().Get("Content-Type") != kind {
			t.Errorf("%s: %d %v", at, w.Code, w.Header())
		}
	}
	for at, want := range map[string]int{"/favicon.svg": 200, "/assets/main-other.js": 404, "/assets/../index.html": 404, "/index.html.gz": 404, "/api/v1/nothing": 404, "/api/nothing": 404, "/README.txt": 404, "/.env": 404} {
		if w := ask(h, "GET", at); w.Code != want || want == 404 && strings.Contains(w.Body.String(), "<title>") {
			t.Errorf("%s: %d %s, want %d", at, w.Code, w.Body, want)
		}
	}
	for _, at := range []string{"/api/v1/site", "/healthz", "/openapi.json", "/session"} {
		if w := ask(h, "GET", at); w.Header().Get("Content-Security-Policy") != "default-src 'none'; frame-ancestors 'none'" {
			t.Errorf("%s: %v", at, w.Header())
		}
	}
	if w := ask(h, "GET", "/wallboard", "Accept", "application/json"); w.Code != http.StatusNotFound {
		t.Errorf("a program that asks for what is not there: %d", w.Code)
	}
	if w := ask(h, "POST", "/wallboard"); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
	for _, host := range []string{"evil.example.org; script-src *", "a b", "x'y"} {
		if p := pagesPolicy(host); strings.Contains(p, host) {
			t.Errorf("the policy has %q in it", host)
		}
	}
}

// TestWithoutPages: a program that was built without them says how to add them.
func TestWithoutPages(t *testing.T) {
	l := newLab(t)
	*l.server.pages = *newPageFiles(nil)
	w := ask(l.server.Handler(), "GET", "/")
	if w.Code != 200 || !strings.Contains(w.Body.String(), "make pages") || strings.Contains(w.Body.String(), "<script") || l.server.HasPages() {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if p := w.Header().Get("Content-Security-Policy"); p != "default-src 'none'; frame-ancestors 'none'" {
		t.Error(p)
	}
}
