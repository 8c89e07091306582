package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"tallyd/cmd/tallyd/config"
	"tallyd/connectors/api"
	"tallyd/connectors/asterisk"
	"tallyd/connectors/bus/bustest"
	"tallyd/connectors/freeswitch"
	"tallyd/metrics"
	"tallyd/storage"
	"tallyd/storage/journal"
)

// life is the environment variable that makes this program a daemon that plays a
// recording and is killed: kind, data folder, pause after some events, whether
// writes of the journal are torn, whether the switch is lost from sight now and
// then, a recording other than the usual one, and where to publish.
const life = "TALLYD_TEST_LIFE"

func TestMain(m *testing.M) {
	if how := os.Getenv(life); how != "" {
		if err := live(how); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if where := os.Getenv(streamServer); where != "" {
		serveStreams(where)
	}
	os.Exit(m.Run())
}

// lived is how a life is lived.
type lived struct {
	kind, data string
	pause      time.Duration
	torn, gaps bool
	recording  string
	url        string
}

func (l lived) String() string {
	return strings.Join([]string{l.kind, l.data, l.pause.String(), strconv.FormatBool(l.torn), strconv.FormatBool(l.gaps), l.recording, l.url}, "|")
}

// live plays the recording to its end, from where the life before had come, and
// stores all of it.
func live(how string) error {
	f := strings.Split(how, "|")
	pause, err := time.ParseDuration(f[2])
	if err != nil {
		return err
	}
	l := lived{f[0], f[1], pause, f[3] == "true", f[4] == "true", f[5], f[6]}
	journals.Checkpoint = 25 * time.Millisecond
	if l.torn {
		journals.Files = tearing{journal.OS}
	}
	ctx := context.Background()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	d := &daemon{cfg: &config.Config{Data: l.data}, log: log}
	if d.store, err = storage.Open(ctx, storage.Config{Dir: filepath.Join(l.data, "db")}); err != nil {
		return err
	}
	d.intake = api.NewIntake(d.store, log)
	a, err := d.attach(config.Switch{Name: "sw", Kind: l.kind}, nil, bytes.Repeat([]byte{1}, 32))
	if err != nil {
		return err
	}
	if l.url != "" {
		stop, err := publishTo(l.url, l.data, d.store, d.intake, log)
		if err != nil {
			return err
		}
		defer stop()
	}
	storing, stop := context.WithCancel(ctx)
	defer stop()
	stored := make(chan error, 1)
	go func() { stored <- d.intake.Run(storing) }()
	before := func(n int, lost func()) error {
		if l.gaps && n%1500 == 700 {
			lost()
		}
		if pause > 0 && n%8 == 0 {
			time.Sleep(pause)
		}
		return nil
	}
	if err := play(ctx, l, a, before); err != nil {
		return err
	}
	a.tracker.Close()
	if err := a.book.Close(); err != nil {
		return err
	}
	stop()
	if err := <-stored; err != nil {
		return err
	}
	return d.store.Close()
}

func play(ctx context.Context, l lived, a *attached, before func(int, func()) error) error {
	switch c := a.connector.(type) {
	case *freeswitch.Connector:
		in, err := gunzip(recordings + "runA/plain.raw.gz")
		if err != nil {
			return err
		}
		return c.Play(ctx, in, before)
	case *asterisk.Connector:
		if l.recording != "" {
			f, err := os.Open(l.recording)
			if err != nil {
				return err
			}
			return c.Play(ctx, f, nil, before)
		}
		events, err := gunzip("../../connectors/asterisk/testdata/lab22/ari-events.jsonl.gz")
		if err != nil {
			return err
		}
		manager, err := gunzip("../../connectors/asterisk/testdata/lab22/ami-events.txt.gz")
		if err != nil {
			return err
		}
		return c.Play(ctx, events, manager, before)
	}
	return fmt.Errorf("there is no switch of kind %q", l.kind)
}

func gunzip(file string) (io.Reader, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	return gzip.NewReader(f) // the process is short-lived
}

// tearing kills the process in the middle of a write, now and then.
type tearing struct{ journal.Files }

func (t tearing) Create(name string) (journal.File, error) {
	f, err := t.Files.Create(name)
	return tearingFile{f}, err
}

type tearingFile struct{ journal.File }

func (f tearingFile) Write(b []byte) (int, error) {
	if rand.IntN(60) == 0 {
		_, _ = f.File.Write(b[:rand.IntN(len(b))])
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	return f.File.Write(b)
}

// TestKill9: a daemon that is killed again and again while a recording plays ends
// with a store of the same bytes as one that was never killed.
func TestKill9(t *testing.T) {
	if raceEnabled {
		return // it runs without the race detector, which slows every life down
	}
	for _, x := range []lived{
		{kind: kindFreeSWITCH}, {kind: kindAsterisk},
		{kind: kindFreeSWITCH, torn: true, gaps: true}, {kind: kindAsterisk, torn: true, gaps: true},
		{kind: kindAsterisk, torn: true, recording: stretched(t)},
	} {
		name := x.kind
		if x.recording != "" {
			name += ", a day long"
		}
		if x.torn {
			name += ", torn writes and gaps"
		}
		t.Run(name, func(t *testing.T) {
			whole := x
			whole.torn, whole.data = false, t.TempDir()
			if out, err := begin(t, whole).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			want := everything(t, whole.data)
			streams := bustest.Server(t, t.TempDir(), server.RANDOM_PORT) // it outlives the daemons that publish to it
			defer bustest.Stop(streams)
			x.data, x.pause, x.url = t.TempDir(), time.Millisecond, streams.ClientURL()
			kills := 0
			for ended := false; !ended; {
				cmd := begin(t, x)
				var errs bytes.Buffer
				cmd.Stderr = &errs
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				if kills < 50 {
					victim := time.AfterFunc(time.Duration(20+rand.IntN(90))*time.Millisecond, func() { _ = cmd.Process.Kill() })
					defer victim.Stop()
				}
				err := cmd.Wait()
				if ended = err == nil; ended {
					break
				}
				if kills++; cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
					t.Fatalf("it ended by itself: %v: %s", err, errs.String())
				}
				if strings.Contains(errs.String(), "level=ERROR") {
					t.Fatalf("after %d kills: %s", kills, errs.String())
				}
			}
			if kills < 50 {
				t.Errorf("it was killed %d times only", kills)
			}
			got := everything(t, x.data)
			if got != want {
				t.Errorf("after %d kills the store holds something else:\n%s", kills, firstDifference(got, want))
			}
			proved(t, x.data)
			published(t, x.data, x.url)
			t.Logf("%d kills, %d bytes are the same", kills, len(want))
		})
	}
}

// stretched is a recording that takes a whole day: a quarter hour ends every few
// dozen events.
func stretched(t *testing.T) string {
	t.Helper()
	in, err := gunzip("../../connectors/asterisk/testdata/lab22/ari-events.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	const layout = "2006-01-02T15:04:05.000-0700"
	var first time.Time
	b = regexp.MustCompile(`"timestamp": ?"[^"]+"`).ReplaceAllFunc(b, func(m []byte) []byte {
		at, err := time.Parse(layout, strings.Trim(string(m[bytes.IndexByte(m, ':')+1:]), `" `))
		if err != nil {
			t.Fatal(err)
		}
		if first.IsZero() {
			first = at
		}
		return []byte(`"timestamp":"` + first.Add(500*at.Sub(first)).Format(layout) + `"`)
	})
	return keep(t, "day.jsonl", b)
}

// forTests tells variables that the tests are told something by: to the program
// they are no configuration.
func forTests(kv string) bool { return strings.HasPrefix(kv, "TALLYD_") }

func begin(t *testing.T, l lived) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(slices.DeleteFunc(os.Environ(), forTests), life+"="+l.String())
	return cmd
}

// everything is all that a store holds, as text: rollups, contacts, spans.
func everything(t *testing.T, data string) string {
	t.Helper()
	s, err := storage.Open(t.Context(), storage.Config{Dir: filepath.Join(data, "db")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	v, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	var b strings.Builder
	const from, to = -1 << 40, 1 << 40
	for r, err := range v.Rollups(t.Context(), storage.Query{From: from, To: to}) {
		if err != nil {
			t.Fatal(err)
		}
		bin, _ := r.AppendBinary(nil)
		fmt.Fprintf(&b, "%v %v %x\n", r.Interval, r.Key(), bin)
	}
	for _, kind := range []metrics.ContactKind{metrics.VisitContact, metrics.CallContact} {
		for c, err := range v.Contacts(t.Context(), storage.ContactQuery{Kind: kind}) {
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "%+v\n", c)
		}
	}
	for x, err := range v.Spans(t.Context(), from, to) {
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range x.Spans {
			fmt.Fprintf(&b, "%v %+v\n", x.Interval, s)
		}
	}
	if b.Len() < 1000 {
		t.Fatalf("the store holds next to nothing: %s", b.String())
	}
	return b.String()
}

// proved counts everything in a store once more from its evidence.
func proved(t *testing.T, data string) {
	t.Helper()
	s, err := storage.Open(t.Context(), storage.Config{Dir: filepath.Join(data, "db")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	v, err := api.Verify(t.Context(), s, 0, 1<<40, nil)
	if err != nil {
		t.Fatal(err)
	}
	if v.Different > 0 || v.Skipped > 0 || v.Rollups < 20 || v.Contacts < 100 {
		t.Errorf("counted once more: %+v", v)
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d of %d and %d:\n%s\n%s", i, len(g), len(w), g[i], w[i])
		}
	}
	return fmt.Sprintf("%d and %d lines", len(g), len(w))
}
