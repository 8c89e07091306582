package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tallyd/connectors/freeswitch/playback"
	"tallyd/connectors/source/sourcetest"
	"tallyd/connectors/web/pages"
	"tallyd/metrics"
)

const pagesFolder = "../../connectors/web/pages"

// leaveOut leaves a test out for what is missing, or fails it where nothing may be left
// out.
func leaveOut(t *testing.T, missing string) {
	t.Helper()
	if os.Getenv("TALLYD_REQUIRE") == "all" {
		t.Fatal(missing)
	}
	t.Skip("left out: " + missing)
}

// builtPages are those that this program has.
func builtPages(t *testing.T) fs.FS {
	t.Helper()
	if pages.Files() == nil {
		leaveOut(t, "the pages are not built: make pages")
	}
	return pages.Files()
}

// fonts is where Debian has its fonts; test/fonts.conf says which are used.
const fonts = "/usr/share/fonts/truetype"

// browser is a Chromium with the fonts it needs, and what drives it. Only tests that run without the race
// detector may ask for it: those run one after another, and so does apt-get.
func browser(t *testing.T) (chromium string) {
	t.Helper()
	builtPages(t)
	if _, err := exec.LookPath("node"); err != nil {
		leaveOut(t, "node is not there")
	}
	if _, err := os.Stat(filepath.Join(pagesFolder, "node_modules", "playwright-core")); err != nil {
		leaveOut(t, "playwright-core is not installed: make pages")
	}
	if os.Getenv("TALLYD_REQUIRE") == "all" {
		for file, debian := range map[string]string{"/usr/bin/chromium": "chromium", fonts + "/dejavu/DejaVuSans.ttf": "fonts-dejavu-core", fonts + "/wqy/wqy-microhei.ttc": "fonts-wqy-microhei"} {
			if _, err := os.Stat(file); err != nil {
				install(t, debian)
			}
		}
	}
	if _, err := os.Stat(fonts + "/wqy/wqy-microhei.ttc"); err != nil {
		leaveOut(t, "fonts-wqy-microhei is not installed")
	}
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		leaveOut(t, "chromium is not installed")
	}
	return chromium
}

// pagesSite is a daemon that the test can stop, kill and start again.
type pagesSite struct {
	t            *testing.T
	program      string
	config, data string
	port, url    string
	client       *http.Client
	environ      []string
	cmd          *exec.Cmd
	errs         sourcetest.Log
}

func newPagesSite(t *testing.T, config string) *pagesSite {
	t.Helper()
	return newPagesSiteOn(t, freePort(t), config+"nats: {listen: '127.0.0.1:"+freePort(t)+"'}\n", "")
}

// newPagesSiteOn listens on a port of loopback, with what else of http is configured:
// a certificate, or nothing.
func newPagesSiteOn(t *testing.T, port, config, with string) *pagesSite {
	t.Helper()
	s := &pagesSite{t: t, program: build(t), data: t.TempDir(), port: port, url: "http://127.0.0.1:" + port, client: &http.Client{}}
	s.config = keep(t, "tallyd.yaml", []byte(config+"http: {listen: '127.0.0.1:"+port+"'"+with+"}\n"))
	t.Cleanup(s.stop)
	return s
}

func (s *pagesSite) start() {
	s.t.Helper()
	s.cmd = exec.Command(s.program, "serve", "--config", s.config, "--data", s.data)
	s.cmd.Env = append(slices.DeleteFunc(os.Environ(), forTests), s.environ...)
	s.cmd.Stderr = &s.errs
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	eventually(s.t, s.errs.String, func() bool {
		resp, err := s.client.Get(s.url + "/healthz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return answers(s.t, s.data)
	})
}

// kill ends the daemon without a chance to say goodbye.
func (s *pagesSite) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	s.cmd = nil
}

func (s *pagesSite) stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(os.Interrupt)
	_ = s.cmd.Wait()
	s.cmd = nil
}

func (s *pagesSite) token(name string, args ...string) string {
	s.t.Helper()
	code, out, errs := command(s.t, append([]string{"token", "create", name, "--data", s.data}, args...)...)
	if code != exitDone {
		s.t.Fatal(errs)
	}
	return strings.TrimSpace(out)
}

// drive runs a script in a browser, does what it asks for, and gives the figures that
// it tells.
func drive(t *testing.T, script string, told map[string]any, do func(what string)) map[string]json.RawMessage {
	t.Helper()
	told["chromium"] = browser(t)
	arg, err := json.Marshal(told)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", script, string(arg))
	cmd.Dir = filepath.Join(pagesFolder, "test")
	cmd.Env = append(os.Environ(), "FONTCONFIG_FILE="+filepath.Join(absolute(t, cmd.Dir), "fonts.conf"))
	var errs bytes.Buffer
	cmd.Stderr = &errs
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	figures := map[string]json.RawMessage{}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		line := map[string]json.RawMessage{}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Logf("%s: %s", script, lines.Text())
			continue
		}
		for name, value := range line {
			if name != "ask" {
				figures[name] = value
				continue
			}
			var what string
			if err := json.Unmarshal(value, &what); err != nil {
				t.Fatal(err)
			}
			do(what)
			if _, err := fmt.Fprintln(in, "done"); err != nil {
				t.Fatal(err, errs.String())
			}
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%s: %v\n%s", script, err, errs.String())
	}
	return figures
}

func absolute(t *testing.T, file string) string {
	t.Helper()
	at, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// pictures is where the browser's pictures go: a folder that is kept, where
// TALLYD_PICTURES names one.
func pictures(t *testing.T) string {
	if dir := os.Getenv("TALLYD_PICTURES"); dir != "" {
		return dir
	}
	return t.TempDir()
}

// TestPagesInBrowser: a centre of sixty agents and twelve queues, as a browser shows it.
func TestPagesInBrowser(t *testing.T) {
	if raceEnabled {
		return // it runs without the race detector
	}
	browser(t)
	centre := newPagesCentre(t)
	roster := keep(t, "roster.yaml", []byte(centre.roster))
	alerts := keep(t, "alerts.yaml", []byte("time_zone: UTC\nalerts:\n"+
		"  - {id: waits, of: queue, when: longest_wait > 6000, severity: critical, owner: floor, because: a caller waits for longer than six seconds}\n"+
		"  - {id: level, of: queue, when: sl.offered < 0.8 && offered >= 3, owner: floor, because: the service level is below 80 %}\n"))
	s := newPagesSite(t, "switches:\n"+centre.switches+"roster_file: "+roster+"\nalerts: {file: "+alerts+"}\nqueues:\n"+
		"  support@centre1: {service_level: 4s, target: 90%}\n  sales@centre2: {service_level: 3s}\n")
	s.start()
	plain := newPagesSite(t, "switches:\n"+strings.SplitAfter(centre.switches, "\n")[0]) // where no NATS is reached
	plain.environ = []string{"TALLYD_NATS_WEBSOCKET="}
	plain.start()
	told := map[string]any{"url": s.url, "plain": plain.url, "pictures": pictures(t), "queues": centre.queues,
		"tokens": map[string]string{"wall": s.token("wall", "--role", "wallboard"), "boss": s.token("boss", "--role", "supervisor", "--team", "north"),
			"agent": s.token("ann", "--role", "agent", "--agent", "1001@centre1"), "plain": plain.token("wall", "--role", "wallboard")},
		"agents": map[string]string{"me": "1001@centre1", "other": "1002@centre1"}}
	figures := drive(t, "wallboard.mjs", told, func(what string) {
		switch what {
		case "stop":
			s.stop()
		case "start":
			s.start()
		case "blind":
			centre.stop[centres-1]()
		}
	})
	for _, name := range []string{"sizes_px", "back_after_ms"} {
		t.Logf("%s: %s", name, figures[name])
	}
	var paint float64
	if err := json.Unmarshal(figures["first_paint_ms"], &paint); err != nil || paint > 1000 {
		t.Errorf("the first paint took %v ms, %v", paint, err)
	}
	t.Logf("first paint after %v ms", paint)
}

// TestPagesSizePerformance: all scripts and styles together, compressed.
func TestPagesSizePerformance(t *testing.T) {
	files := builtPages(t)
	total, scripts := 0, 0
	err := fs.WalkDir(files, ".", func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(files, at)
		switch {
		case strings.HasSuffix(at, ".js.gz"):
			scripts += len(body)
			total += len(body)
		case strings.HasSuffix(at, ".gz"):
			total += len(body)
		}
		if strings.HasSuffix(at, ".html") && (bytes.Contains(body, []byte("<style")) || bytes.Contains(body, []byte("style=")) || bytes.Contains(body, []byte("<script>"))) {
			t.Errorf("%s has something in line", at)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("scripts %.1f kB compressed, with styles %.1f kB", float64(scripts)/1000, float64(total)/1000)
	if scripts > 200_000 {
		t.Errorf("the scripts are %d bytes compressed, want 200,000 at most", scripts)
	}
}

// TestPagesLatencyPerformance plays the demo's recording at twenty times its speed, and
// measures how long it takes from an event at the socket to the changed text on the
// wallboard. What was held back because an agent has ten messages a second at most is
// left out.
func TestPagesLatencyPerformance(t *testing.T) {
	if raceEnabled {
		return // it runs without the race detector
	}
	browser(t)
	var slowest time.Duration
	for range 3 { // other programs may run beside it
		if slowest = pagesLatency(t); slowest <= 100*time.Millisecond {
			return
		}
	}
	t.Errorf("99 of 100 changes took %s at most, want 100ms", slowest)
}

// pagesLatency is how long 99 of 100 changes took at most.
func pagesLatency(t *testing.T) time.Duration {
	t.Helper()
	recording, snapshot, err := playback.Demo()
	if err != nil {
		t.Fatal(err)
	}
	const speed, lasts = 20, 15 * time.Second
	l := listenAnywhere(t)
	proxy := newNoting(t, l.Addr().String())
	defer playOn(t, l, &playback.Server{Recording: recording, Snapshot: snapshot, Speed: speed, Loop: true, ShiftTo: time.Now()})()
	s := newPagesSite(t, fmt.Sprintf("switches:\n  - {name: fs1, kind: freeswitch, address: %q, password: ClueCon}\n", proxy.listener.Addr()))
	s.start()
	figures := drive(t, "latency.mjs", map[string]any{"url": s.url, "lasts_ms": lasts.Milliseconds(),
		"tokens": map[string]string{"wall": s.token("wall", "--role", "wallboard")}}, func(string) {})
	var changes [][3]any // agent, since, when the text changed
	if err := json.Unmarshal(figures["changes"], &changes); err != nil {
		t.Fatal(err)
	}
	var took []time.Duration
	before, told, held := map[string]float64{}, map[string]float64{}, 0
	for _, c := range changes {
		agent, since, at := c[0].(string), c[1].(float64), c[2].(float64)
		latest := before[agent]
		before[agent] = at
		if told[agent] == since {
			continue // another thing of the same state
		}
		told[agent] = since
		passed, known := proxy.at(metrics.Millis(since))
		switch {
		case !known:
		case float64(passed.UnixMicro())/1000 < latest+100: // it happened sooner than the next message may come
			held++
		default:
			took = append(took, time.UnixMicro(int64(at*1000)).Sub(passed))
		}
	}
	s.stop()
	if len(took) < 40 {
		t.Fatalf("%d changes of %d were measured: %s", len(took), len(changes), s.errs.String())
	}
	slices.Sort(took)
	part := func(of100 int) time.Duration { return took[(len(took)-1)*of100/100].Round(100 * time.Microsecond) }
	t.Logf("the demo at %d times its speed: %d changes, from the socket to the text in the median %s, %s in 99 of 100, %s at most; %d more were held back", speed, len(took), part(50), part(99), part(100), held)
	t.Logf("the page's heap: %s", figures["heap"])
	return part(99)
}

// TestPagesMemory: a day's messages of a big centre come within seconds, and the page's
// memory does not grow.
func TestPagesMemory(t *testing.T) {
	if raceEnabled {
		return // it runs without the race detector
	}
	browser(t)
	centre := newPagesCentre(t)
	s := newPagesSite(t, "switches:\n"+centre.switches)
	s.start()
	figures := drive(t, "month.mjs", map[string]any{"url": s.url, "minutes": 24 * 60, "tokens": map[string]string{"wall": s.token("wall", "--role", "wallboard")}}, func(string) {})
	var m struct{ Subjects, Messages, MS, Before, After int }
	if err := json.Unmarshal(figures["month"], &m); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d messages of %d subjects in %.1f s: the heap was %.2f MB, and is %.2f MB", m.Messages, m.Subjects, float64(m.MS)/1000, float64(m.Before)/1e6, float64(m.After)/1e6)
	if m.Messages < 100_000 || m.After > m.Before+1_000_000 {
		t.Errorf("%+v", m)
	}
}

// TestPagesLink: the demo tells an address that signs a browser in, once.
func TestPagesLink(t *testing.T) {
	builtPages(t)
	d := serveInBackground(t, "--demo", "--data", t.TempDir())
	_, rest, found := strings.Cut(d.out.String(), "/#token=")
	if !found {
		t.Fatal(d.out.String())
	}
	code, _, _ := strings.Cut(rest, "\n")
	at := d.out.String()[strings.Index(d.out.String(), "http://"):]
	at, _, _ = strings.Cut(at, "/#")
	for i, want := range []int{http.StatusOK, http.StatusUnauthorized} {
		resp, err := http.Post(at+"/session", "application/json", strings.NewReader(fmt.Sprintf(`{"token":%q}`, code)))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("sign-in %d: %d %s", i, resp.StatusCode, body)
		}
	}
}
