package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tallyd/connectors/source/sourcetest"
)

// bigCentre is a FreeSWITCH of a thousand agents whose clock runs faster than
// ours, so that quarter hours end every few seconds.
type bigCentre struct {
	listener net.Listener
	fast     int           // its seconds in one of ours
	calls    int           // a second of ours, of eight events each
	begun    time.Time     // ours, and
	start    time.Time     // its own then
	ended    chan struct{} // closed when serving has ended
	cancel   context.CancelFunc
}

// startCentre begins a centre of so many calls a second, whose clock would reach ours
// after a while.
func startCentre(t *testing.T, calls int, after time.Duration) *bigCentre {
	t.Helper()
	const fast = 300
	c := &bigCentre{fast: fast, calls: calls, start: time.Now().Add(-fast * after)}
	c.begin(t)
	return c
}

// begin begins a centre, now unless it has a start.
func (c *bigCentre) begin(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.listener, c.cancel, c.begun, c.ended = l, cancel, time.Now(), make(chan struct{})
	if c.start.IsZero() {
		c.start = c.begun
	}
	go c.serve(ctx)
	t.Cleanup(c.stop)
}

// stop ends the centre, and its connection.
func (c *bigCentre) stop() { c.cancel(); <-c.ended }

const bigAgents, bigQueues = 1000, 50

func (c *bigCentre) now() time.Time { return c.start.Add(time.Since(c.begun) * time.Duration(c.fast)) }

func (c *bigCentre) serve(ctx context.Context) {
	defer close(c.ended)
	context.AfterFunc(ctx, func() { c.listener.Close() })
	for {
		conn, err := c.listener.Accept()
		if err != nil {
			return
		}
		c.session(ctx, conn)
		conn.Close()
	}
}

// session logs a client in, answers what it asks, and sends events until either
// side ends.
func (c *bigCentre) session(ctx context.Context, conn net.Conn) {
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	fmt.Fprint(conn, "Content-Type: auth/request\n\n")
	answers := make(chan string, 64)
	go func() {
		defer close(answers)
		for in := bufio.NewScanner(conn); in.Scan(); {
			line := in.Text()
			switch {
			case line == "":
			case strings.HasPrefix(line, "api "):
				body := "+OK\n"
				switch strings.TrimPrefix(line, "api ") {
				case "global_getvar core_uuid":
					body = "c0"
				case "strmicroepoch":
					body = fmt.Sprint(c.now().UnixMicro())
				case "module_exists mod_callcenter":
					body = "true"
				case "show channels as json":
					body = `{"row_count":0}`
				}
				answers <- fmt.Sprintf("Content-Type: api/response\nContent-Length: %d\n\n%s", len(body), body)
			default:
				answers <- "Content-Type: command/reply\nReply-Text: +OK\n\n"
			}
		}
	}()
	out := bufio.NewWriterSize(conn, 64<<10)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	calls, asked := 0, false
	began := time.Now()
	for out.Flush() == nil {
		select {
		case a, open := <-answers:
			if !open {
				return
			}
			out.WriteString(a)
			if strings.Contains(a, "row_count") {
				asked, began, calls = true, time.Now(), 0
				for a := range bigAgents {
					c.event(out, c.now(), "agent-status-change", a, 0, "CC-Agent-Status", "Available")
				}
			}
		case <-tick.C:
			for asked && float64(calls) < time.Since(began).Seconds()*float64(c.calls) {
				c.call(out, calls)
				calls++
			}
		}
	}
}

// call writes a call that ends now: its events are stamped as they would have
// come, but for those of calls beside it.
func (c *bigCentre) call(out *bufio.Writer, n int) {
	agent, at := n%bigAgents, c.now()
	id := fmt.Sprintf("%08x-0000-4000-8000-%012x", n, agent)
	queue := fmt.Sprintf("q%d@default", n%bigQueues)
	more := []string{"CC-Member-UUID", id, "CC-Member-Session-UUID", "s" + id, "CC-Queue", queue, "CC-Member-CID-Number", fmt.Sprintf("%%2B4930%07d", n%5_000_000), "CC-Agent-UUID", "a" + id}
	c.event(out, at, "member-queue-start", -1, n, more...)
	if n%9 == 0 {
		c.event(out, at, "member-queue-end", -1, n, append(more, "CC-Cause", "Cancel", "CC-Cancel-Reason", "BREAK_OUT", "Hangup-Cause", "ORIGINATOR_CANCEL")...)
		return
	}
	c.event(out, at, "agent-offering", agent, n, more...)
	c.event(out, at, "bridge-agent-start", agent, n, more...)
	c.event(out, at, "agent-state-change", agent, n, append(more, "CC-Agent-State", "In a queue call")...)
	c.event(out, at, "bridge-agent-end", agent, n, append(more, "CC-Agent-Bridged", "true", "Hangup-Cause", "NORMAL_CLEARING")...)
	c.event(out, at, "member-queue-end", agent, n, append(more, "CC-Cause", "Terminated", "Hangup-Cause", "NORMAL_CLEARING")...)
	fmt.Fprint(out, plain(fmt.Sprintf("Event-Name: CHANNEL_HANGUP_COMPLETE\nCore-UUID: c0\nEvent-Date-Timestamp: %d\nUnique-ID: a%s\n\n", at.UnixMicro(), id)))
	c.event(out, at, "agent-state-change", agent, n, "CC-Agent-State", "Waiting")
}

func plain(event string) string {
	return fmt.Sprintf("Content-Length: %d\nContent-Type: text/event-plain\n\n%s", len(event), event)
}

func (c *bigCentre) event(out *bufio.Writer, at time.Time, action string, agent, n int, more ...string) {
	var b strings.Builder
	fmt.Fprintf(&b, "Event-Name: CUSTOM\nEvent-Subclass: callcenter%%3A%%3Ainfo\nCore-UUID: c0\nEvent-Date-Timestamp: %d\nEvent-Sequence: %d\nCC-Action: %s\n", at.UnixMicro(), n, action)
	if agent >= 0 {
		fmt.Fprintf(&b, "CC-Agent: %d%%40default\n", 1000+agent)
	}
	for i := 0; i+1 < len(more); i += 2 {
		fmt.Fprintf(&b, "%s: %s\n", more[i], more[i+1])
	}
	b.WriteString("\n")
	fmt.Fprint(out, plain(b.String()))
}

// TestMemorySoak: at 2,000 events and some 1,000 rollups a second, which are also
// published and streamed, the daemon stays under 100 MB, and neither its files, its
// threads nor its journal grow. It lasts 25 s, or as long as TALLYD_SOAK says (30m).
func TestMemorySoak(t *testing.T) {
	if raceEnabled {
		return // measured in the run without the race detector
	}
	long, err := time.ParseDuration(cmp.Or(os.Getenv("TALLYD_SOAK"), "25s"))
	if err != nil {
		t.Fatal(err)
	}
	centre := startCentre(t, 2000/8, long)
	data := t.TempDir()
	config := keep(t, "tallyd.yaml", fmt.Appendf(nil, "switches:\n  - {name: fs1, kind: freeswitch, address: %q, password: ClueCon}\nnats: {listen: '127.0.0.1:0'}\nhttp: {listen: '127.0.0.1:0'}\n", centre.listener.Addr()))
	cmd := exec.Command(build(t), "serve", "--config", config, "--data", data)
	cmd.Env = slices.DeleteFunc(os.Environ(), forTests)
	var errs sourcetest.Log
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	since := centre.start.UTC().Format(time.RFC3339)
	eventually(t, errs.String, func() bool {
		_, err := os.Stat(filepath.Join(data, "nats.url"))
		return err == nil || errs.String() != "" && cmd.ProcessState == nil && time.Since(centre.begun) > 3*time.Second
	})
	var resident []int // kB
	var worst time.Duration
	own, ofFiles := 0, 0 // kB: the most of the daemon's own, and of files when most was resident
	files, journal := 0, int64(0)
	for begun := time.Now(); time.Since(begun) < long; time.Sleep(100 * time.Millisecond) {
		now := residentKB(t, cmd.Process.Pid)
		if len(resident) == 0 || now > slices.Max(resident) {
			worst, ofFiles = time.Since(begun), memoryKB(t, cmd.Process.Pid, "RssFile:")
		}
		resident = append(resident, now)
		own = max(own, memoryKB(t, cmd.Process.Pid, "RssAnon:"))
		open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", cmd.Process.Pid))
		if err != nil {
			t.Fatal(err, errs.String())
		}
		files = len(open)
		journal = max(journal, folderSize(filepath.Join(data, "journal")))
	}
	a := askKPI(t, data, "--config", config, "--from", since, "--to", centre.now().Add(time.Hour).UTC().Format(time.RFC3339))
	want := int64(long.Seconds()) * int64(centre.calls)
	if n := offered(a); n < want*8/10 {
		t.Errorf("%d callers were counted, some %d called", n, want)
	}
	slices.Sort(resident)
	part := func(of1000 int) int { return resident[(len(resident)-1)*of1000/1000] }
	t.Logf("%s: %d callers; resident %d kB in the median, %d in 99 of 100 moments, %d at most (after %s, %d of it of files), at most %d of the daemon's own; %d open files, journal %d kB, store %d MB",
		long, offered(a), part(500), part(990), part(1000), worst.Round(time.Second), ofFiles, own, files, journal>>10, folderSize(filepath.Join(data, "db"))>>20)
	if most := part(1000); most > 100_000 {
		t.Errorf("%d kB resident, at most 100,000 are allowed", most)
	}
	// A table is a file of 1 MB, or less where little was to be put together.
	if limit := 40 + int(folderSize(filepath.Join(data, "db"))>>20)*5/4; files > limit {
		t.Errorf("%d open files, at most %d are due to the store", files, limit)
	}
	if journal > 96<<20 {
		t.Errorf("the journal took %d MB", journal>>20)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("stopped by SIGTERM: %v: %s", err, errs.String())
	}
	code, out, said := command(t, "verify", "--config", config, "--data", data, "--from", since, "--to", centre.now().Add(time.Hour).UTC().Format(time.RFC3339))
	if code != exitDone {
		t.Errorf("exit %d: %.2000s%s", code, out, said)
	}
}

func folderSize(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(_ string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			if info, err := e.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil
	})
	return n
}
