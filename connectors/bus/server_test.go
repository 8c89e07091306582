package bus

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"tallyd/connectors/api"
	"tallyd/connectors/bus/bustest"
	"tallyd/metrics"
)

func TestCredentials(t *testing.T) {
	l := newLab("main")
	dir := t.TempDir()
	var first []byte
	t.Run("made", func(t *testing.T) {
		r := runBus(t, Config{Service: l.service, Listen: "127.0.0.1:0", Dir: dir})
		for _, file := range []string{WallboardFile, InternalFile} {
			info, err := os.Stat(filepath.Join(dir, file))
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %v, error %v", file, info.Mode(), err)
			}
		}
		for what, option := range map[string]nats.Option{
			"nothing":          nats.Name("nobody"),
			"a wrong password": nats.UserInfo(api.WallboardAsker().Name, "wrong"),
			"an unknown user":  nats.UserInfo("root", "root"),
		} {
			if nc, err := nats.Connect(r.url, option); !errors.Is(err, nats.ErrAuthorization) {
				t.Errorf("with %s: error is %v", what, err)
				if err == nil {
					nc.Close()
				}
			}
		}
		r.wallboard()
		first, _ = os.ReadFile(filepath.Join(dir, WallboardFile))
	})
	t.Run("kept", func(t *testing.T) {
		runBus(t, Config{Service: l.service, Listen: "127.0.0.1:0", Dir: dir}).wallboard()
		if again, _ := os.ReadFile(filepath.Join(dir, WallboardFile)); string(again) != string(first) {
			t.Error("the password changed with a restart")
		}
	})
}

// TestWallboardPermissions: a wallboard reads, and can publish nothing that
// others would take for the daemon's.
func TestWallboardPermissions(t *testing.T) {
	l := newLab("main")
	r := l.run(t)
	refused := make(chan error, 16)
	nc := r.wallboard(nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
	watch := r.subscribe(r.client(r.login(InternalFile)), r.subjects.AgentState("1001"))
	for _, subject := range []string{r.subjects.AgentState("1001"), r.subjects.Heartbeat(), "tally.v1.main.in.form", "other"} {
		if err := nc.Publish(subject, []byte(`{"state":"available"}`)); err != nil {
			t.Fatal(err)
		}
		wantRefused(t, refused, subject)
	}
	if m, err := watch.NextMsg(50 * time.Millisecond); err == nil {
		t.Errorf("a wallboard's message arrived: %s", m.Data)
	}
	for _, subject := range []string{">", "tally.v1.>", "tally.v1.other.agent.*.state", "tally.v1.main.in.>", "tally.v1.main.contact.*", "_INBOX_internal.>", "$SYS.>"} {
		if _, err := nc.SubscribeSync(subject); err != nil {
			t.Fatal(err)
		}
		wantRefused(t, refused, subject)
	}
}

// TestWallboardSeesNothingPrivate subscribes to the whole site: what is live
// comes, what is about single people does not.
func TestWallboardSeesNothingPrivate(t *testing.T) {
	l := newLab("main")
	r := l.run(t)
	sub := r.subscribe(r.wallboard(), r.subjects.All())
	nc := r.client(r.login(InternalFile))
	for _, subject := range wallboardHidden(r) {
		if err := nc.Publish(strings.Replace(subject, ">", "x", 1), []byte("private")); err != nil {
			t.Fatal(err)
		}
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	l.status("1001", metrics.Ready, "")
	for {
		m, err := sub.NextMsg(2 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if string(m.Data) == "private" {
			t.Errorf("%s arrived", m.Subject)
		}
		if m.Subject == r.subjects.AgentState("1001") {
			return // what was published before it would have come before
		}
	}
}

func wallboardHidden(r *running) []string {
	who := api.WallboardAsker()
	p := &rights{s: r.subjects, who: who, people: r.bus.cfg.Service.As(who, "test").People()}
	return p.hidden()
}

func wantRefused(t *testing.T, refused chan error, subject string) {
	t.Helper()
	select {
	case err := <-refused:
		if !errors.Is(err, nats.ErrPermissionViolation) {
			t.Errorf("%s: error is %v", subject, err)
		}
	case <-time.After(2 * time.Second):
		t.Errorf("%s was not refused", subject)
	}
}

func TestFaults(t *testing.T) {
	service := newLab("main").service
	for _, f := range []struct {
		c    Config
		want string
	}{
		{Config{}, `nats has neither an address to listen on nor a url`},
		{Config{Listen: "127.0.0.1:4222", URL: "nats://x"}, `nats has both an address to listen on "127.0.0.1:4222" and a url "nats://x"`},
		{Config{Listen: "4222"}, `nats listen address "4222" is not host:port`},
		{Config{Listen: "127.0.0.1:http"}, `nats listen address "127.0.0.1:http" has no valid port`},
		{Config{Listen: ":4222"}, `nats listen address ":4222" names no host: 127.0.0.1, or 0.0.0.0 for all`},
	} {
		f.c.Service = service
		if _, err := New(f.c); err == nil || err.Error() != f.want {
			t.Errorf("error is %v, want %s", err, f.want)
		}
	}
}

func TestPortInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	b, err := New(Config{Service: newLab("main").service, Listen: taken.Addr().String(), Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("nats cannot listen on %q: address already in use", taken.Addr())
	if err := b.Run(t.Context()); err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
}

func TestDamagedCredentials(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, WallboardFile)
	for text, want := range map[string]string{
		"secret\n":     "is not user:password",
		"internal:x\n": `is of user "internal", want "wallboard"`,
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := New(Config{Service: newLab("main").service, Listen: "127.0.0.1:0", Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Run(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error is %v, want … %s", text, err, want)
		}
	}
}

// TestTLS: with a certificate nobody is spoken to in the clear, and the daemon's
// own connection works as before.
func TestTLS(t *testing.T) {
	certificate, key, trust := bustest.Certificate(t)
	l := newLab("main")
	r := runBus(t, Config{Service: l.service, Listen: "127.0.0.1:0", Dir: t.TempDir(), Certificate: certificate, Key: key})
	l.nudge = r.bus.Nudge
	sub := r.subscribe(r.wallboard(nats.Secure(trust)), r.subjects.AgentState("1001"))
	l.status("1001", metrics.Ready, "")
	if m := next[api.AgentState](t, sub); m.State != "available" {
		t.Errorf("%+v", m)
	}
	if nc, err := nats.Connect(strings.Replace(r.url, "tls://", "nats://", 1), r.login(WallboardFile)); err == nil {
		nc.Close()
		t.Error("a certificate that nobody vouches for is trusted")
	}
}
