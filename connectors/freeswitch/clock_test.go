package freeswitch

import (
	"bufio"
	"bytes"
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

	"tallyd/connectors/freeswitch/eventsocket"
	"tallyd/connectors/freeswitch/playback"
	"tallyd/connectors/source"
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
	asked    bool // set it after an event, before the switch says what time it is
}

// micros is the answer to who asks what time it is.
var micros = regexp.MustCompile(`^\d{16}$`)

func setClockOf(t *testing.T, address string, step time.Duration, asked bool) *clockSetter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &clockSetter{listener: l, step: step, asked: asked}
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
	var held []byte
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
		isEvent := bytes.Contains(frame, []byte("text/event"))
		frame = append(frame, body...)
		switch {
		case c.asked && !c.set.Load() && micros.Match(bytes.TrimSpace(body)):
			held = c.shift(frame)
			continue
		case isEvent && held != nil:
			frame = append(frame, held...)
			held = nil
			c.set.Store(true)
		case c.set.Load():
			frame = c.shift(frame)
		}
		if _, err := to.Write(frame); err != nil {
			return
		}
	}
}

// shift is a frame by the clock that was set.
func (c *clockSetter) shift(frame []byte) []byte {
	return stamp.ReplaceAllFunc(frame, func(b []byte) []byte {
		n, _ := strconv.ParseInt(string(b), 10, 64)
		if len(b) == 10 {
			return fmt.Append(nil, n+int64(c.step.Seconds()))
		}
		return fmt.Append(nil, n+c.step.Microseconds())
	})
}

// TestClockSetLive: in the middle of a call centre somebody sets the switch's
// clock by an hour. It is said, and nothing lasts an hour that did not: calls of
// before and of after come out as they were, those that were up are unobserved.
func TestClockSetLive(t *testing.T) {
	recorded := replayFiles(t, "testdata/runA/plain.raw")
	for _, step := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(step.String(), func(t *testing.T) {
			t.Parallel()
			var short []string
			for range 3 { // a machine that has other things to do attaches late, at fifteen times the recording's pace
				if short = clockSetLive(t, recorded, step); len(short) == 0 {
					return
				}
			}
			t.Error(strings.Join(short, "\n"))
		})
	}
}

// clockSetLive plays it once. What it gives is what may be for want of time.
func clockSetLive(t *testing.T, recorded *replayed, step time.Duration) (short []string) {
	t.Helper()
	whole, lasted := recorded.contacts, recorded.sum()
	const pace = 15
	_, address := playRecording(t, openPlayback(t, "testdata/runA/plain.raw.gz"), func(s *playback.Server) { s.Speed = pace })
	setter := setClockOf(t, address, step, false)
	time.AfterFunc(7*time.Second, func() { setter.set.Store(true) })
	var log sourcetest.Log
	l := attachTo(t, Config{Address: setter.listener.Addr().String(), Password: "ClueCon", Pace: pace, Log: slog.New(slog.NewTextHandler(&log, nil))}, ended)
	conserved(t, l.replayed)
	way := map[bool]string{true: "forward", false: "back"}[step > 0]
	if said := log.String(); strings.Count(said, "clock was set "+way) != 1 || strings.Count(said, "clock was set") != 1 {
		t.Errorf("it said\n%s", said)
	}
	late := func(format string, args ...any) { short = append(short, fmt.Sprintf(format, args...)) }
	same, lost := 0, 0
	for _, c := range l.contacts {
		switch {
		case c.Partial || c.Unseen || c.Outcome == metrics.InProgress:
			lost++
		case !slices.ContainsFunc(whole, func(o metrics.Contact) bool {
			return c.Visit == o.Visit && c.Queue == o.Queue && c.Outcome == o.Outcome && c.Wait() == o.Wait() && c.Talk() == o.Talk() && c.Agent == o.Agent
		}):
			late("%v %s by %s wait %d talk %d: there was no such call", c.Outcome, c.Queue, c.Agent, c.Wait(), c.Talk())
			if c.Wait() > 30*60_000 || c.Talk() > 30*60_000 {
				t.Errorf("%s lasted an hour that nobody lived", c.Visit)
			}
		default:
			same++
		}
	}
	if same < len(whole)*8/10 || lost > len(whole)/5 {
		late("%d calls as they were, %d unobserved, of %d", same, lost, len(whole))
	}
	for k, x := range l.sum() {
		switch {
		case k.Kind == metrics.AgentRow && lasted[k] != nil:
			// To attach takes two seconds, which are thirty of the recording.
			n, was := x.Get(metrics.LoggedInTime), lasted[k].Get(metrics.LoggedInTime)
			if n > was+1000 || n < was*9/10 {
				late("%s was logged in for %d ms, in the recording for %d", k.Name, n, was)
			}
			if n > was+30*60_000 {
				t.Errorf("%s lived an hour that nobody did: %d ms, in the recording %d", k.Name, n, was)
			}
		case k.Kind == metrics.SiteRow:
			blind, least := x.Get(metrics.UnobservedTime), int64(max(0, step.Milliseconds()))
			if blind < least-1000 || blind > least+10_000 {
				late("%d ms are unobserved, %d were not lived", blind, least)
			}
		}
	}
	t.Logf("%d calls as they were, %d unobserved", same, lost)
	return short
}

// TestClockSetBeforeSnapshot: the clock is set after the first events were read, and
// before the switch says what is up. That hour is lived by nobody either.
func TestClockSetBeforeSnapshot(t *testing.T) {
	recorded := replayFiles(t, "testdata/lab-races/plain.raw.gz").sum()
	for _, step := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(step.String(), func(t *testing.T) {
			t.Parallel()
			const pace = 15
			_, address := playRecording(t, openPlayback(t, "testdata/lab-races/plain.raw.gz"), func(s *playback.Server) { s.Speed = pace })
			setter := setClockOf(t, address, step, true)
			l := attachTo(t, Config{Address: setter.listener.Addr().String(), Password: "ClueCon", Pace: pace}, ended)
			conserved(t, l.replayed)
			seen := 0
			for k, x := range l.sum() {
				if k.Kind != metrics.AgentRow || recorded[k] == nil {
					continue
				}
				seen++
				if n, was := x.Get(metrics.LoggedInTime), recorded[k].Get(metrics.LoggedInTime); n > was+30*60_000 {
					t.Errorf("%s lived an hour that nobody did: %d ms, in the recording %d", k.Name, n, was)
				}
			}
			if seen == 0 {
				t.Error("no agent was seen")
			}
		})
	}
}

// TestHangupWhenClockIsSet: right after the switch's clock was set, before that is sure, a
// channel is hung up. The hour between the two clocks is lived by nobody.
func TestHangupWhenClockIsSet(t *testing.T) {
	for _, step := range []metrics.Millis{3600_000, -3600_000} {
		var got []metrics.Event
		x := NewTranslator(metrics.NewNames(), func(e *metrics.Event) { got = append(got, *e) })
		x.clock = &source.Clock{}
		began := time.Now()
		feed := func(after metrics.Millis, event []byte) {
			t.Helper()
			x.read = began.Add(time.Duration(after) * time.Millisecond)
			f, err := eventsocket.NewReader(bytes.NewReader(event), eventsocket.DefaultLimits).Next()
			if err != nil {
				t.Fatal(err)
			}
			x.Frame(f)
		}
		feed(0, plainEvent(someDay, "Event-Name", "HEARTBEAT"))
		feed(5000, plainEvent(someDay+5000+step, "Event-Name", "CHANNEL_HANGUP_COMPLETE", "Unique-ID", "a1",
			"Caller-Channel-Hangup-Time", fmt.Sprint(int64(someDay+4990+step)*1000)))
		last := got[len(got)-1]
		if off := last.At - (someDay + 4990); last.Kind != metrics.LegEnded || off > 0 && step > 0 || off < -5000 || off > 10 {
			t.Errorf("set by %d s: %+v is %d ms off", step/1000, last, off)
		}
	}
}
