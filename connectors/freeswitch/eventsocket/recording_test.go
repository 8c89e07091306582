package eventsocket

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// recordings holds what was unpacked once: tens of megabytes, used by most tests.
var recordings sync.Map

// recording returns the bytes of a recorded connection.
func recording(tb testing.TB, name string) []byte {
	tb.Helper()
	if b, ok := recordings.Load(name); ok {
		return b.([]byte)
	}
	f, err := os.Open(filepath.Join("..", "testdata", filepath.FromSlash(name)+".gz"))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		tb.Fatal(err)
	}
	recordings.Store(name, b)
	return b
}

// eachFrame calls fn with every frame of a stream and returns what ended it.
func eachFrame(src io.Reader, l Limits, fn func(f *Frame)) error {
	r := NewReader(src, l)
	for {
		f, err := r.Next()
		if err != nil {
			return err
		}
		fn(f)
	}
}

// decodeAll decodes every event of a recording; any error but a clean end fails
// the test.
func decodeAll(tb testing.TB, b []byte, fn func(f *Frame, e *Event)) {
	tb.Helper()
	var e Event
	err := eachFrame(bytes.NewReader(b), DefaultLimits, func(f *Frame) {
		if f.Kind != PlainEvent && f.Kind != JSONEvent {
			return
		}
		if err := f.Decode(&e); err != nil {
			tb.Fatal(err)
		}
		fn(f, &e)
	})
	if err != io.EOF {
		tb.Fatalf("recording ends with %v, want io.EOF", err)
	}
}
