package lab

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

//go:embed install.sh
var installScript []byte

//go:embed etc
var etc embed.FS

// Versions that the lab can install.
var Versions = []string{"22", "16"}

// ErrNoRoot: only root can unpack and chroot.
var ErrNoRoot = errors.New("a real Asterisk needs root: it is unpacked into a folder and run in it")

// Folder is where Asterisks are kept between runs.
func Folder() string {
	if dir := os.Getenv("TALLYD_LAB"); dir != "" {
		return dir
	}
	return "/var/tmp/tallyd-asterisk"
}

// Install puts a version into its folder, unless it is there.
func Install(ctx context.Context, version string) (root string, err error) {
	if os.Geteuid() != 0 {
		return "", ErrNoRoot
	}
	root = filepath.Join(Folder(), version)
	if _, err := os.Stat(filepath.Join(root, "usr/sbin/asterisk")); err == nil {
		return root, nil
	}
	if err := os.MkdirAll(Folder(), 0o755); err != nil {
		return "", err
	}
	// One at a time: other test processes may want it too.
	lock, err := os.OpenFile(root+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(root, "usr/sbin/asterisk")); err == nil {
		return root, nil
	}
	cmd := exec.CommandContext(ctx, "bash", "-s", version, root)
	cmd.Stdin = bytes.NewReader(installScript)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("installing Asterisk %s: %w\n%s", version, err, out)
	}
	return root, nil
}

// Options vary how an Asterisk is set up. The zero value is what most have.
type Options struct {
	// SystemName goes before unique ids; "" for none.
	SystemName string
	// Zone is the time zone that it writes stamps in; "" for UTC.
	Zone string
	// NoSetVars leaves out setinterfacevar, setqueuevar and setqueueentryvar.
	NoSetVars bool
	// Sections are put at the end of configuration files, by their names.
	Sections map[string]string
}

// Asterisk is one that runs.
type Asterisk struct {
	Version                string
	HTTP, AMI, SIP, Phones int // ports on loopback; Phones is where the agents' phones are
	root, name             string
	rtpFirst               int
	opt                    Options
	cmd                    *exec.Cmd
	done                   chan struct{}
}

// Users of ARI and of the manager interface.
const (
	ARIUser, ARIPassword = "ari", "ari-secret"
	AMIUser, AMIPassword = "ami", "ami-secret"
)

// Start starts an Asterisk with folders of its own, and waits until it answers.
func Start(ctx context.Context, version string, opt Options) (*Asterisk, error) {
	root, err := Install(ctx, version)
	if err != nil {
		return nil, err
	}
	a := &Asterisk{Version: version, root: root, opt: opt}
	if err := os.MkdirAll(filepath.Join(root, "lab"), 0o755); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(filepath.Join(root, "lab"), "run")
	if err != nil {
		return nil, err
	}
	a.name = filepath.Base(dir)
	if err := a.ports(); err != nil {
		return nil, err
	}
	if err := a.configure(); err != nil {
		return nil, err
	}
	return a, a.run(ctx)
}

// ports finds free ones: two of TCP, two of UDP, and a range of RTP. They are
// below those that the system gives out by itself: nobody takes one meanwhile,
// nor while a killed Asterisk is down.
func (a *Asterisk) ports() error {
	const first, last = 30_200, 32_700
	try := func(p int, udp bool) (io.Closer, error) {
		at := fmt.Sprintf("127.0.0.1:%d", p)
		if udp {
			return net.ListenPacket("udp", at)
		}
		return net.Listen("tcp", at)
	}
	for i, p := range []*int{&a.HTTP, &a.AMI, &a.SIP, &a.Phones} {
		for tries := 0; ; tries++ {
			*p = first + rand.IntN(last-first)
			l, err := try(*p, i > 1)
			if err == nil {
				defer l.Close()
				break
			}
			if tries == 100 {
				return err
			}
		}
	}
	// Asterisk tries the next port where one is taken, so ranges may touch.
	a.rtpFirst = 10_000 + (a.HTTP%80)*250
	return nil
}

// Dir is a folder of this run as seen from outside: log, etc, …
func (a *Asterisk) Dir(of string) string { return filepath.Join(a.root, "lab", a.name, of) }

func (a *Asterisk) configure() error {
	for _, d := range []string{"etc", "log/cdr-csv", "log/cel-custom", "run", "db", "spool", "cache", "moh"} {
		if err := os.MkdirAll(a.Dir(d), 0o755); err != nil {
			return err
		}
	}
	if err := a.music(); err != nil {
		return err
	}
	const multiarch, plain = "/usr/lib/x86_64-linux-gnu/asterisk/modules", "/usr/lib/asterisk/modules"
	modules := multiarch
	if _, err := os.Stat(a.root + modules); err != nil {
		modules = plain
	}
	system, setvars := "", "yes"
	if a.opt.SystemName != "" {
		system = "systemname = " + a.opt.SystemName
	}
	if a.opt.NoSetVars {
		setvars = "no"
	}
	fill := strings.NewReplacer("@DIR@", "/lab/"+a.name, "@MODULES@", modules, "@SYSTEMNAME@", system, "@SETVARS@", setvars,
		"@HTTP@", fmt.Sprint(a.HTTP), "@AMI@", fmt.Sprint(a.AMI), "@SIP@", fmt.Sprint(a.SIP),
		"@RTPFIRST@", fmt.Sprint(a.rtpFirst), "@RTPLAST@", fmt.Sprint(a.rtpFirst+400))
	files, err := etc.ReadDir("etc")
	if err != nil {
		return err
	}
	for _, f := range files {
		b, err := etc.ReadFile("etc/" + f.Name())
		if err != nil {
			return err
		}
		name, text := f.Name(), fill.Replace(string(b))
		switch name {
		case "modules.txt":
			name, text = "modules.conf", a.modules(text, modules)
		case "pjsip.conf":
			text += a.phones()
		}
		text += "\n" + a.opt.Sections[name]
		if err := os.WriteFile(filepath.Join(a.Dir("etc"), name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	if a.opt.Zone != "" {
		// Asterisk reads the zone from /etc/localtime of its folder.
		zone := filepath.Join(a.root, "usr/share/zoneinfo", a.opt.Zone)
		if _, err := os.Stat(zone); err != nil {
			return fmt.Errorf("time zone %q: %w", a.opt.Zone, err)
		}
	}
	return nil
}

// music gives the waiting something to hear.
func (a *Asterisk) music() error {
	sounds, err := filepath.Glob(a.root + "/usr/share/asterisk/sounds/*/demo-congrats.gsm")
	if err != nil || len(sounds) == 0 {
		return fmt.Errorf("no sound for music on hold below %s (%v)", a.root, err)
	}
	b, err := os.ReadFile(sounds[0])
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(a.Dir("moh"), "demo.gsm"), b, 0o644)
}

// modules loads just those that a call centre needs and the packages have.
func (a *Asterisk) modules(list, dir string) string {
	b := strings.Builder{}
	b.WriteString("[modules]\nautoload = no\n")
	for _, m := range strings.Fields(list) {
		if _, err := os.Stat(filepath.Join(a.root, dir, m+".so")); err == nil {
			b.WriteString("load => " + m + ".so\n")
		}
	}
	return b.String()
}

// Numbers of the agents' phones: 1001 to 1011 and 1021 to 1029.
func Numbers() (out []string) {
	for n := 1001; n <= 1029; n++ {
		if n <= 1011 || n >= 1021 {
			out = append(out, fmt.Sprint(n))
		}
	}
	return out
}

// phones are endpoints whose phones are where the lab's are. 1005 registers.
func (a *Asterisk) phones() string {
	b := strings.Builder{}
	for _, n := range Numbers() {
		fmt.Fprintf(&b, "[%s](phone)\ncallerid = Agent %s <%s>\naors = %s\n[%s]\ntype = aor\nmax_contacts = 1\nremove_existing = yes\n", n, n, n, n, n)
		if n != "1005" {
			fmt.Fprintf(&b, "contact = sip:%s@127.0.0.1:%d\n", n, a.Phones)
		}
	}
	return b.String()
}

// run starts the process and waits until it answers.
func (a *Asterisk) run(ctx context.Context) error {
	out, err := os.OpenFile(a.Dir("log")+"/console", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	a.cmd = exec.Command("/usr/sbin/asterisk", "-f", "-C", "/lab/"+a.name+"/etc/asterisk.conf")
	a.cmd.Dir, a.cmd.Stdout, a.cmd.Stderr = "/", out, out
	a.cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"}
	if a.opt.Zone != "" {
		a.cmd.Env = append(a.cmd.Env, "TZ="+a.opt.Zone)
	}
	a.cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: a.root, Setsid: true}
	if err := a.cmd.Start(); err != nil {
		return err
	}
	a.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) { _ = cmd.Wait(); close(done) }(a.cmd, a.done)
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-a.done:
			return fmt.Errorf("Asterisk %s ended at once, see %s", a.Version, a.Dir("log"))
		case <-limit.C:
			a.Kill()
			return fmt.Errorf("Asterisk %s does not answer, see %s", a.Version, a.Dir("log"))
		case <-ctx.Done():
			a.Kill()
			return ctx.Err()
		case <-tick.C:
			if a.booted(ctx) {
				return nil
			}
		}
	}
}

func (a *Asterisk) booted(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, "GET", a.ARI()+"/asterisk/info", nil)
	if err != nil {
		return false
	}
	req.SetBasicAuth(ARIUser, ARIPassword)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return false
	}
	_, err = a.CLI(ctx, "core waitfullybooted")
	return err == nil
}

// ARI is the address of ARI's REST side.
func (a *Asterisk) ARI() string { return fmt.Sprintf("http://127.0.0.1:%d/ari", a.HTTP) }

// CLI runs a command of Asterisk's console.
func (a *Asterisk) CLI(ctx context.Context, command string) (string, error) {
	cmd := exec.CommandContext(ctx, "/usr/sbin/asterisk", "-C", "/lab/"+a.name+"/etc/asterisk.conf", "-rx", command)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: a.root}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Restart starts it again, after Kill, with the same ports and folders.
func (a *Asterisk) Restart(ctx context.Context) error { return a.run(ctx) }

// Kill ends it as a power cut would.
func (a *Asterisk) Kill() {
	_ = a.cmd.Process.Kill()
	<-a.done
}

// Pause stops and resumes its process, as an overloaded box might.
func (a *Asterisk) Pause(stop bool) error {
	if stop {
		return a.cmd.Process.Signal(syscall.SIGSTOP)
	}
	return a.cmd.Process.Signal(syscall.SIGCONT)
}

// Stop ends it in order and removes its folders.
func (a *Asterisk) Stop() error {
	_ = a.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-a.done:
	case <-time.After(10 * time.Second):
		a.Kill()
	}
	return os.RemoveAll(a.Dir("."))
}
