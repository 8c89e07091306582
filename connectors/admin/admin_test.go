package admin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"tallyd/connectors/api"
	"tallyd/metrics"
)

// askDir names the data folder whose daemon this program, run as somebody else,
// asks what was forgotten.
const askDir = "TALLYD_TEST_ASK"

func TestMain(m *testing.M) {
	if dir := os.Getenv(askDir); dir != "" {
		c, err := Dial(context.Background(), dir)
		if err == nil {
			_, err = c.Forgotten(context.Background())
		}
		fmt.Print(err)
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// actions are what a test lets happen.
type actions struct {
	asked  []api.ForgetRequest
	err    error
	backup func(context.Context, io.Writer) error
}

func (a *actions) Forget(_ context.Context, r api.ForgetRequest) (*api.Forgotten, error) {
	a.asked = append(a.asked, r)
	return &api.Forgotten{Number: 3, Kind: r.Kind, At: 1000, By: r.By, Contacts: 7}, a.err
}

func (a *actions) Forgotten(context.Context) ([]api.Forgotten, error) {
	return []api.Forgotten{{Number: 1, Kind: api.ForgetAgent, At: 1, Name: "forgotten-1a2b3c"}}, a.err
}

func (a *actions) Verify(_ context.Context, from, to metrics.Interval) (*api.Verification, error) {
	return &api.Verification{From: api.Moment(from.Start()), To: api.Moment(to.Start()), Rollups: 5}, a.err
}

func (a *actions) Backup(ctx context.Context, w io.Writer) error { return a.backup(ctx, w) }

// serve runs a server until the test ends, or stop is called.
func serve(t *testing.T, dir string, a Actions) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	s := NewServer(dir, a, nil, slog.New(slog.DiscardHandler))
	go func() { ended <- s.Run(ctx) }()
	stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		ended <- nil
	}
	t.Cleanup(stop)
	for {
		c, err := Dial(t.Context(), dir)
		if err == nil {
			c.Close()
			return stop
		}
		select {
		case err := <-ended:
			t.Fatal(err)
		default:
		}
	}
}

func dial(t *testing.T, dir string) *Client {
	t.Helper()
	c, err := Dial(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestAsk(t *testing.T) {
	for _, dir := range []string{t.TempDir(), filepath.Join(t.TempDir(), strings.Repeat("a long name ", 12))} {
		t.Run(fmt.Sprint(len(dir)), func(t *testing.T) {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			a := &actions{}
			serve(t, dir, a)
			c := dial(t, dir)
			r := api.ForgetRequest{Kind: api.ForgetCaller, Hashes: [][16]byte{{1, 2, 0xff}}, By: "somebody else"}
			f, err := c.Forget(t.Context(), r)
			me := UserName(os.Geteuid())
			if want := (api.Forgotten{Number: 3, Kind: api.ForgetCaller, At: 1000, By: me, Contacts: 7}); err != nil || *f != want {
				t.Errorf("answered %+v, error %v", f, err)
			}
			if len(a.asked) != 1 || a.asked[0].By != me || a.asked[0].Hashes[0] != r.Hashes[0] {
				t.Errorf("asked was %+v", a.asked)
			}
			list, err := c.Forgotten(t.Context())
			if err != nil || len(list) != 1 || list[0].Name != "forgotten-1a2b3c" {
				t.Errorf("listed are %+v, error %v", list, err)
			}
			v, err := c.Verify(t.Context(), 7, 9)
			if err != nil || v.From != api.Moment(metrics.Interval(7).Start()) || v.To != api.Moment(metrics.Interval(9).Start()) || v.Rollups != 5 {
				t.Errorf("verified: %+v, error %v", v, err)
			}
			a.err = api.ErrUnknown
			if _, err := c.Forget(t.Context(), r); !errors.Is(err, api.ErrUnknown) {
				t.Errorf("error is %v", err)
			}
			a.err = errors.New("the disk is full")
			if _, err := c.Forget(t.Context(), r); err == nil || err.Error() != "the disk is full" {
				t.Errorf("error is %v", err)
			}
			if _, err := c.send(t.Context(), "POST", forgetPath, map[string]int{"who": 1}); err == nil || !strings.Contains(err.Error(), "who") {
				t.Errorf("an unknown field: error is %v", err)
			}
			info, err := os.Stat(filepath.Join(dir, SocketFile))
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("the socket has mode %v, error %v", info.Mode(), err)
			}
		})
	}
}

func TestBackup(t *testing.T) {
	dir := t.TempDir()
	content := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	a := &actions{backup: func(_ context.Context, w io.Writer) error {
		_, err := w.Write(content)
		return err
	}}
	stop := serve(t, dir, a)
	c := dial(t, dir)
	var b bytes.Buffer
	if err := c.Backup(t.Context(), &b); err != nil || !bytes.Equal(b.Bytes(), content) {
		t.Errorf("%d bytes, error %v", b.Len(), err)
	}
	a.backup = func(_ context.Context, w io.Writer) error {
		_, _ = w.Write(content[:1000])
		return errors.New("a table file is damaged")
	}
	if err := c.Backup(t.Context(), io.Discard); err == nil || err.Error() != "a table file is damaged" {
		t.Errorf("error is %v", err)
	}
	// The daemon stops in the middle.
	begun := make(chan struct{})
	a.backup = func(ctx context.Context, w io.Writer) error {
		_, _ = w.Write(content)
		close(begun)
		<-ctx.Done()
		return ctx.Err()
	}
	go func() { <-begun; stop() }()
	if err := c.Backup(t.Context(), io.Discard); err == nil {
		t.Error("a backup that was cut off has no error")
	}
}

func TestNotRunning(t *testing.T) {
	dir := t.TempDir()
	want := fmt.Sprintf("no daemon is running on the data folder %q", dir)
	if _, err := Dial(t.Context(), dir); !errors.Is(err, ErrNotRunning) || err.Error() != want {
		t.Errorf("error is %v", err)
	}
	if _, err := Dial(t.Context(), filepath.Join(dir, "none", strings.Repeat("x", 120))); !errors.Is(err, ErrNotRunning) {
		t.Errorf("without the folder, error is %v", err)
	}
	// A daemon that was killed leaves its socket behind; the next one takes over.
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, SocketFile), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if _, err := Dial(t.Context(), dir); !errors.Is(err, ErrNotRunning) || err.Error() != want {
		t.Errorf("with a dead socket, error is %v", err)
	}
	serve(t, dir, &actions{})
	dial(t, dir)
}

// TestOthersMayNot: another user can neither open the socket nor, where its mode
// would let them, ask.
func TestOthersMayNot(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("TALLYD_REQUIRE") == "all" {
			t.Fatal("only root can be somebody else")
		}
		t.Skip("only root can be somebody else")
	}
	dir := t.TempDir()
	for d := dir; len(d) > len(os.TempDir()); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	serve(t, dir, &actions{})
	ask := func() string {
		const nobody = 65534
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), askDir+"="+dir)
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	if got, want := ask(), fmt.Sprintf("the daemon of the data folder %q cannot be asked: permission denied", dir); got != want {
		t.Errorf("said %q, want %q", got, want)
	}
	if err := os.Chmod(filepath.Join(dir, SocketFile), 0o777); err != nil {
		t.Fatal(err)
	}
	if got, want := ask(), "user "+UserName(65534)+" may not ask the daemon for this"; got != want {
		t.Errorf("said %q, want %q", got, want)
	}
}
