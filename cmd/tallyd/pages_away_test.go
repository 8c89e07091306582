package main

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"tallyd/connectors/bus/bustest"
	"tallyd/connectors/freeswitch/playback"
)

// liveSwitch is a switch on which calls happen, as the configuration names it.
func liveSwitch(t *testing.T) (config string) {
	t.Helper()
	recording, snapshot, err := playback.Demo()
	if err != nil {
		t.Fatal(err)
	}
	l := listenAnywhere(t)
	playOn(t, l, &playback.Server{Recording: recording, Snapshot: snapshot, Speed: 1, Loop: true, ShiftTo: time.Now().Add(-50 * time.Second)})
	return fmt.Sprintf("switches:\n  - {name: fs1, kind: freeswitch, address: %q, password: ClueCon}\n", l.Addr())
}

// TestPagesInAbsence: with a wallboard on the screen the daemon is killed, the network is
// silent, and a NATS elsewhere is killed; each comes back after some seconds.
func TestPagesInAbsence(t *testing.T) {
	if raceEnabled {
		return // it runs without the race detector
	}
	browser(t)
	t.Run("embedded", func(t *testing.T) {
		s := newPagesSite(t, liveSwitch(t))
		s.start()
		line := newLine(t, "127.0.0.1:"+s.port)
		away(t, s, line.url(), "nats", map[string]func(){"daemon away": s.kill, "daemon back": s.start, "network away": line.silence, "network back": line.speak})
	})
	t.Run("elsewhere", func(t *testing.T) {
		folder, port := t.TempDir(), freePort(t)
		server := streams(t, folder, port)
		end := func() { _ = server.Process.Kill(); _ = server.Wait() }
		t.Cleanup(func() { end() })
		s := newPagesSiteOn(t, freePort(t), liveSwitch(t)+"nats: {url: 'nats://127.0.0.1:"+port+"'}\n", "")
		s.start()
		connected := func() bool { h := streamsHealth(t, s.data); return h != nil && h.Problem == "" }
		eventually(t, s.errs.String, connected)
		away(t, s, s.url, "events", map[string]func(){
			"bus away":    func() { end(); eventually(t, s.errs.String, func() bool { return !connected() }) },
			"bus back":    func() { server = streams(t, folder, port); eventually(t, s.errs.String, connected) },
			"daemon away": s.kill, "daemon back": s.start})
	})
}

// away has a browser look while something goes away and comes back.
func away(t *testing.T, s *pagesSite, url, link string, do map[string]func()) {
	t.Helper()
	_, silent := do["network away"]
	_, bus := do["bus away"]
	figures := drive(t, "away.mjs", map[string]any{"url": url, "pictures": pictures(t), "link": link, "silent": silent, "bus": bus,
		"tokens": map[string]string{"wall": s.token("wall", "--role", "wallboard")}}, func(what string) { do[what]() })
	t.Logf("live again after the daemon %s ms, the network %s ms", figures["daemon_ms"], figures["network_ms"])
}

// line is a line to a server that can fall silent without anybody hanging up. What was
// connected then stays silent, as where a firewall has forgotten of it.
type line struct {
	listener net.Listener
	to       string
	mu       sync.Mutex
	age      int // of the line: what was connected at another is silent
	silent   bool
	open     []net.Conn
}

func newLine(t *testing.T, to string) *line {
	t.Helper()
	l := &line{listener: listenAnywhere(t), to: to}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := l.listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { l.pass(client) })
		}
	})
	t.Cleanup(func() {
		l.listener.Close()
		l.mu.Lock()
		for _, c := range l.open {
			c.Close()
		}
		l.mu.Unlock()
		running.Wait()
	})
	return l
}

func (l *line) url() string { return "http://" + l.listener.Addr().String() }

func (l *line) silence() { l.set(true) }
func (l *line) speak()   { l.set(false) }

func (l *line) set(silent bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.age++
	l.silent = silent
}

// pass passes on what both ends say, as long as the line speaks.
func (l *line) pass(client net.Conn) {
	server, err := net.Dial("tcp", l.to)
	if err != nil {
		client.Close()
		return
	}
	l.mu.Lock()
	age := l.age
	l.open = append(l.open, client, server)
	l.mu.Unlock()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		both.Go(func() {
			part := make([]byte, 64<<10)
			for {
				n, err := way[0].Read(part)
				l.mu.Lock()
				heard := age == l.age && !l.silent
				l.mu.Unlock()
				if err != nil && !heard {
					return // nobody learns that it ended
				}
				if heard {
					_, _ = way[1].Write(part[:n]) // that it ended is read, too
				}
				if err != nil {
					way[1].Close()
					return
				}
			}
		})
	}
	both.Wait()
}

// TestPagesInTLS: the pages with a certificate, live over wss, with a cookie that goes
// nowhere else.
func TestPagesInTLS(t *testing.T) {
	if raceEnabled {
		return // it runs without the race detector
	}
	browser(t)
	certificate, key, trust := bustest.Certificate(t)
	who := fmt.Sprintf("roster_file: %s\nscheme_files: [%s]\n", keep(t, "roster.yaml", demoRoster), keep(t, "scheme.yaml", demoScheme))
	s := newPagesSiteOn(t, freePort(t), who+liveSwitch(t)+"nats: {listen: '127.0.0.1:"+freePort(t)+"'}\n", fmt.Sprintf(", tls: {certificate_file: %q, key_file: %q}", certificate, key))
	s.url = "https://127.0.0.1:" + s.port
	s.client = &http.Client{Transport: &http.Transport{TLSClientConfig: trust, DisableKeepAlives: true}}
	s.start()
	drive(t, "tls.mjs", map[string]any{"url": s.url, "trust": fingerprint(t, certificate), "pictures": pictures(t),
		"tokens": map[string]string{"wall": s.token("wall", "--role", "wallboard"), "boss": s.token("boss", "--role", "admin")}}, func(string) {})
}

// fingerprint is by what a Chromium is told to trust a certificate: the hash of its key.
func fingerprint(t *testing.T, file string) string {
	t.Helper()
	block, _ := pem.Decode(example(t, file))
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:])
}
