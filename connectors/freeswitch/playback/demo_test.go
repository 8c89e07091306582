package playback

import (
	"bytes"
	"compress/gzip"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"tallyd/connectors/freeswitch/eventsocket"
)

var rewriteDemo = flag.Bool("rewrite", false, "write the demo anew from its recording")

func testdata(name string) string {
	return filepath.Join("..", "testdata", filepath.FromSlash(name)+".gz")
}

func open(t testing.TB, names ...string) *Recording {
	t.Helper()
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = testdata(name)
	}
	rec, err := Open(paths...)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func unzip(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(testdata(name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// demoNames are the events that a call centre's observer subscribes to.
var demoNames = []string{"CHANNEL_CREATE", "CHANNEL_ANSWER", "CHANNEL_BRIDGE", "CHANNEL_UNBRIDGE", "CHANNEL_HOLD", "CHANNEL_UNHOLD",
	"CHANNEL_HANGUP_COMPLETE", "HEARTBEAT", "MODULE_LOAD", "MODULE_UNLOAD", "SHUTDOWN"}

// demoHeaders are kept beside those that eventsocket has keys for.
var demoHeaders = []string{"Content-Length", "Channel-Call-UUID", "Caller-Callee-ID-Name", "Caller-Callee-ID-Number", "Caller-Network-Addr",
	"Caller-Dialplan", "CC-Agent-System", "CC-Agent-No-Answer-Count", "CC-Selection", "Max-Sessions", "Idle-CPU"}

// makeDemo cuts the demo from runA: the events and headers that matter, up to
// the reload of mod_callcenter, and only whole calls. It ends quietly, so it can
// start again.
func makeDemo(t *testing.T) *Recording {
	headers := slices.Clone(demoHeaders)
	for k := range eventsocket.KeyAPICommandArgument + 1 {
		headers = append(headers, k.String())
	}
	return open(t, "runA/plain.raw").
		Before(func(ev *Event) bool { return ev.Name == "MODULE_UNLOAD" }).
		Only(func(ev *Event) bool {
			return slices.Contains(demoNames, ev.Name) || ev.Subclass == "callcenter::info"
		}).
		WholeCalls().
		Headers(func(name string) bool { return slices.Contains(headers, name) })
}

// makeDemoSnapshot takes the three lists of the first of runA's snapshots.
func makeDemoSnapshot(t *testing.T) []byte {
	first, _, _ := strings.Cut(string(unzip(t, "runA/snapshots.txt"))[1:], "\n===")
	var b strings.Builder
	for part := range strings.SplitSeq(first, "\n--- ") {
		command, _, _ := strings.Cut(part, "\n")
		if slices.Contains([]string{"callcenter_config agent list", "callcenter_config tier list", "callcenter_config queue list"}, command) {
			b.WriteString("--- " + part + "\n")
		}
	}
	return []byte(b.String())
}

func TestDemoIsCurrent(t *testing.T) {
	var want bytes.Buffer
	if _, err := makeDemo(t).WriteTo(&want); err != nil {
		t.Fatal(err)
	}
	snapshot := makeDemoSnapshot(t)
	if *rewriteDemo {
		z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
		if err != nil {
			t.Fatal(err)
		}
		for name, b := range map[string][]byte{"demo.esl.zst": z.EncodeAll(want.Bytes(), nil), "demo.snapshot.txt": snapshot} {
			if err := os.WriteFile(filepath.Join("demo", name), b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		t.Log("demo written")
		return // the program holds the former one
	}
	rec, _, err := Demo()
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if _, err := rec.WriteTo(&got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want.Bytes()) || !bytes.Equal(demoSnapshot, snapshot) {
		t.Error("the demo is not what its recording gives: run go generate")
	}
	if len(demoEvents) > 300_000 {
		t.Errorf("the demo takes %d bytes, want less than 300,000", len(demoEvents))
	}
}
