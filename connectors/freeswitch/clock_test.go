package freeswitch

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tallyd/connectors/freeswitch/playback"
	"tallyd/connectors/source/sourcetest"
	"tallyd/metrics"
)

// stamp is a moment of the recordings, in microseconds or in whole seconds.
var stamp = regexp.MustCompile(`\b17954\d{5}(\d{6})?\b`)

// clockSetter passes one switch's stream on, and sets its clock by a step once
// that is asked for.
type clockSetter struct {
	listener net.Listener
	step     time.Duration
	set      atomic.Bool
}

func setClockOf(t *testing.T, address string, step time.Duration) *clockSetter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &clockSetter{listener: l, step: step}
	var wg sync.WaitGroup
	t.Cleanup(func() { l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", address)
			if err != nil {
				in.Close()
				return
			}
			wg.Go(func() { _, _ = io.Copy(out, in); out.Close() })
			wg.Go(func() { c.pass(out, in); in.Close() })
		}
	})
	return c
}

// pass passes frames on, one by one.
func (c *clockSetter) pass(from io.Reader, to io.Writer) {
	in := bufio.NewReader(from)
	for {
		var frame []byte
		length := 0
		for { // its header
			line, err := in.ReadBytes('\n')
			if err != nil {
				return
			}
			frame = append(frame, line...)
			_, _ = fmt.Sscanf(string(line), "Content-Length: %d", &length)
			if len(line) == 1 && len(frame) > 1 {
				break
			}
		}
		body := make([]byte, length)
		if _, err := io.ReadFull(in, body); err != nil {
			return
		}
		if frame = append(frame, body...); c.set.Load() {
			frame = stamp.ReplaceAllFunc(frame, func(b []byte) []byte {
				n, _ := strconv.ParseInt(string(b), 10, 64)
				if len(b) == 10 {
					return fmt.Append(nil, n+int64(c.step.Seconds()))
				}
				return fmt.Append(nil, n+c.step.Microseconds())
			})
		}
		if _, err := to.Write(frame); err != nil {
			return
		}
	}
}

// TestClockSetLive: in the middle of a call centre somebody sets the switch's
// clock by an hour. It is said, and nothing lasts an hour that did not: calls of
// before and of after come out as they were, those that were up are unobserved.
func TestClockSetLive(t *testing.T) {
	recorded := replayFiles(t, "testdata/runA/plain.raw")
	whole, lasted := recorded.contacts, recorded.sum()
	const pace = 15
	for _, step := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(step.String(), func(t *testing.T) {
			t.Parallel()
			_, address := playRecording(t, openPlayback(t, "testdata/runA/plain.raw.gz"), func(s *playback.Server) { s.Speed = pace })
			setter := setClockOf(t, address, step)
			time.AfterFunc(7*time.Second, func() { setter.set.Store(true) })
			var log sourcetest.Log
			l := attachTo(t, Config{Address: setter.listener.Addr().String(), Password: "ClueCon", Pace: pace, Log: slog.New(slog.NewTextHandler(&log, nil))}, ended)
			conserved(t, l.replayed)
			way := map[bool]string{true: "forward", false: "back"}[step > 0]
			if said := log.String(); strings.Count(said, "clock was set "+way) != 1 || strings.Count(said, "clock was set") != 1 {
				t.Errorf("it said\n%s", said)
			}
			same, lost := 0, 0
			for _, c := range l.contacts {
				switch {
				case c.Partial || c.Unseen || c.Outcome == metrics.InProgress:
					lost++
				case !slices.ContainsFunc(whole, func(o metrics.Contact) bool {
					return c.Visit == o.Visit && c.Queue == o.Queue && c.Outcome == o.Outcome && c.Wait() == o.Wait() && c.Talk() == o.Talk() && c.Agent == o.Agent
				}):
					t.Errorf("%v %s by %s wait %d talk %d: there was no such call", c.Outcome, c.Queue, c.Agent, c.Wait(), c.Talk())
				default:
					same++
				}
			}
			if same < len(whole)*8/10 || lost > len(whole)/5 {
				t.Errorf("%d calls as they were, %d unobserved, of %d", same, lost, len(whole))
			}
			for k, x := range l.sum() {
				switch {
				case k.Kind == metrics.AgentRow && lasted[k] != nil:
					// To attach takes two seconds, which are thirty of the recording.
					n, was := x.Get(metrics.LoggedInTime), lasted[k].Get(metrics.LoggedInTime)
					if n > was+1000 || n < was*9/10 {
						t.Errorf("%s was logged in for %d ms, in the recording for %d", k.Name, n, was)
					}
				case k.Kind == metrics.SiteRow:
					blind, least := x.Get(metrics.UnobservedTime), int64(max(0, step.Milliseconds()))
					if blind < least-1000 || blind > least+10_000 {
						t.Errorf("%d ms are unobserved, %d were not lived", blind, least)
					}
				}
			}
			t.Logf("%d calls as they were, %d unobserved", same, lost)
		})
	}
}
