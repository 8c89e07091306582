package playback

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func TestLoad(t *testing.T) {
	raw := unzip(t, "runD-restart/plain.raw")
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	zipped, err := os.ReadFile(testdata("runD-restart/plain.raw"))
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"raw": raw, "gzip": zipped, "zstd": z.EncodeAll(raw, nil)} {
		rec, err := Load(bytes.NewReader(b))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if seg := rec.Segments[0]; len(seg.Events) != 608 || seg.Notice != "The system is being shut down.\n" {
			t.Errorf("%s: %d events, notice %q", name, len(seg.Events), seg.Notice)
		}
	}
	// A switch that was killed leaves half an event.
	rec, err := Load(bytes.NewReader(raw[:100_000]))
	if err != nil || len(rec.Segments[0].Events) == 0 {
		t.Errorf("a truncated recording: %v", err)
	}
	for name, bad := range map[string]string{
		"nothing":         "",
		"no events":       "Content-Type: auth/request\n\n",
		"noise":           "\x16\x03\x01\x02\n",
		"half a gzip":     string(zipped[:5000]),
		"an odd event":    "Content-Length: 4\nContent-Type: text/event-plain\n\nodd\n",
		"odd JSON":        "Content-Length: 4\nContent-Type: text/event-json\n\n{[]}",
		"a list of lists": "Content-Length: 11\nContent-Type: text/event-json\n\n{\"a\":[[1]]}",
	} {
		if _, err := Load(strings.NewReader(bad)); err == nil {
			t.Errorf("%s is loaded", name)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none")); !os.IsNotExist(err) {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := Open(); err == nil {
		t.Error("no file at all is a recording")
	}
}

// JSON recordings play like plain ones: the same events in the same order.
func TestOpenJSON(t *testing.T) {
	plain, json := open(t, "runD-restart/plain.raw"), open(t, "runD-restart/json.raw")
	for i, ev := range json.Segments[0].Events {
		want := plain.Segments[0].Events[i]
		if ev.At != want.At || ev.Name != want.Name || ev.Subclass != want.Subclass || !bytes.Equal(ev.Plain, want.Plain) {
			t.Fatalf("event %d is %s at %d, want %s at %d", i, ev.Name, ev.At, want.Name, want.At)
		}
	}
}

// Every recording loads, and the model follows it to an end without calls where
// the recording ends so.
func TestEveryRecordingPlays(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("..", "testdata", "*", "*.raw.gz"))
	if err != nil || len(paths) < 8 {
		t.Fatalf("%d recordings, %v", len(paths), err)
	}
	for _, path := range paths {
		rec, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		m := newModel(emptySnapshot())
		events := rec.WholeCalls().Segments[0].Events
		for i := range events {
			if err := m.apply(appendFrame(nil, "plain", events[i].Plain)); err != nil {
				t.Fatalf("%s: event %d: %v", path, i, err)
			}
		}
		if n := len(m.channels.rows); n != 0 {
			t.Errorf("%s: %d of its whole calls have channels left", path, n)
		}
	}
}
