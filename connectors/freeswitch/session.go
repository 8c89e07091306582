package freeswitch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"strings"
	"time"

	"tallyd/connectors/freeswitch/eventsocket"
	"tallyd/connectors/source"
	"tallyd/metrics"
)

// wakeUp is how often the reading goroutine looks up when nothing comes.
const wakeUp = 250 * time.Millisecond

// settle is how long events from before a snapshot may still be on their way
// after its last answer.
const settle = 2 * time.Second

// tickBehind is how far behind the switch's estimated clock a tick stays: an
// event can be late by up to a second.
const tickBehind metrics.Millis = 1500

// session is one connection.
type session struct {
	*Connector
	conn     net.Conn
	in       *eventsocket.Reader
	heard    time.Time // when bytes last came
	lastRead time.Time // when an event was last read, and
	stamp    metrics.Millis

	snap     *snapshot
	deadline time.Time // of the answer that is awaited
	settled  time.Time // when the snapshot may be closed
	again    bool      // another snapshot is wanted after this one
}

// Read sets a deadline before every read, so that the session looks up.
func (s *session) Read(p []byte) (int, error) {
	if err := s.conn.SetReadDeadline(time.Now().Add(wakeUp)); err != nil {
		return 0, err
	}
	n, err := s.conn.Read(p)
	if n > 0 {
		s.heard = time.Now()
	}
	return n, err
}

// session attaches once and reads until the connection ends.
func (c *Connector) session(ctx context.Context) error {
	d := net.Dialer{Timeout: c.cfg.DialTimeout}
	conn, err := d.DialContext(ctx, "tcp", c.cfg.Address)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	s := &session{Connector: c, conn: conn, heard: time.Now()}
	s.in = eventsocket.NewReader(s, eventsocket.DefaultLimits)
	if err := s.attach(); err != nil {
		return err
	}
	c.connects++
	c.cfg.Log.Info("attached to the switch", "address", c.cfg.Address)
	c.put(source.Health{Connected: true, Since: time.Now()})
	return s.read()
}

// attach authenticates and subscribes.
func (s *session) attach() error {
	f, err := s.await()
	switch {
	case errors.Is(err, io.EOF):
		return ErrDisconnected
	case errors.Is(err, os.ErrDeadlineExceeded), isFormat(err):
		return fmt.Errorf("%w at %s: %v", ErrNotFreeSWITCH, s.cfg.Address, err)
	case err != nil:
		return err
	case f.Kind == eventsocket.RudeRejection:
		return ErrAccess
	case f.Kind != eventsocket.AuthRequest:
		return fmt.Errorf("%w at %s: it begins with %q", ErrNotFreeSWITCH, s.cfg.Address, f.ContentType())
	}
	if reply, err := s.command("auth " + s.cfg.Password); err != nil {
		return err
	} else if !strings.HasPrefix(reply, "+OK") {
		return ErrPassword
	}
	return s.subscribe()
}

func isFormat(err error) bool {
	var f *eventsocket.FormatError
	return errors.As(err, &f)
}

// await reads one frame within the command timeout.
func (s *session) await() (*eventsocket.Frame, error) {
	limit := time.Now().Add(s.cfg.CommandTimeout)
	for {
		f, err := s.in.Next()
		if !errors.Is(err, os.ErrDeadlineExceeded) || time.Now().After(limit) {
			return f, err
		}
	}
}

// command sends a command before events flow, and returns its reply.
func (s *session) command(cmd string) (string, error) {
	if err := s.send(cmd); err != nil {
		return "", err
	}
	for {
		f, err := s.await()
		if err != nil {
			return "", err
		}
		switch f.Kind {
		case eventsocket.CommandReply:
			return string(f.ReplyText()), nil
		case eventsocket.RudeRejection:
			return "", ErrAccess
		case eventsocket.DisconnectNotice:
			return "", ErrDisconnected
		}
	}
}

// send writes one command; a line break in it would be another command.
func (s *session) send(cmd string) error {
	if strings.ContainsAny(cmd, "\r\n") {
		return fmt.Errorf("command %q has a line break", cmd)
	}
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.cfg.CommandTimeout)); err != nil {
		return err
	}
	_, err := io.WriteString(s.conn, cmd+"\n\n")
	return err
}

// read takes frames until the connection ends.
func (s *session) read() error {
	s.rename()
	if err := s.ask(); err != nil {
		return err
	}
	shown := time.Now()
	for n := 1; ; n++ {
		f, err := s.in.Next()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			n = 0
		} else if err != nil {
			return err
		} else if err := s.frame(f); err != nil {
			return err
		}
		if n&0xff != 0 {
			continue
		}
		now := time.Now()
		if err := s.look(now); err != nil {
			return err
		}
		if now.Sub(shown) > time.Second {
			shown = now
			s.translator.clock.Tell(s.cfg.Log)
			s.put(s.Health())
		}
	}
}

func (s *session) frame(f *eventsocket.Frame) error {
	switch f.Kind {
	case eventsocket.APIResponse:
		if s.snap == nil || s.snap.asked == "" {
			return nil
		}
		if err := s.snap.answer(string(f.Body())); err != nil {
			s.cfg.Log.Warn("part of the snapshot cannot be read", "err", err)
		}
		return s.askNext()
	case eventsocket.DisconnectNotice:
		return fmt.Errorf("%w: %s", ErrDisconnected, strings.TrimSpace(string(f.Body())))
	}
	s.translator.read = s.heard
	s.translator.Frame(f)
	if last := s.translator.Last(); last != s.stamp {
		s.stamp, s.lastRead = last, s.heard
	}
	if step := s.translator.step; step != 0 {
		s.translator.step = 0
		source.TellSet(s.cfg.Log, step)
		return s.ask()
	}
	if s.translator.QueuesLoaded {
		s.translator.QueuesLoaded = false
		return s.ask()
	}
	return nil
}

// look does what time alone makes necessary.
func (s *session) look(now time.Time) error {
	if now.Sub(s.heard) > s.cfg.Silence {
		return fmt.Errorf("%w for %s", ErrSilent, s.cfg.Silence)
	}
	if s.regain() {
		return s.ask()
	}
	if s.rename() {
		return s.ask() // the snapshot says anew who is there; who is not named is not
	}
	if s.snap != nil && s.snap.asked != "" && now.After(s.deadline) {
		return fmt.Errorf("%q was not answered within %s", s.snap.asked, s.cfg.CommandTimeout)
	}
	if !s.settled.IsZero() && now.After(s.settled) {
		s.settled = time.Time{}
		s.hand(&metrics.Event{Kind: metrics.SnapshotEnd, At: s.now(now)})
		s.snap = nil
	}
	if s.stamp != 0 {
		s.hand(&metrics.Event{Kind: metrics.ClockTick, At: s.now(now) - tickBehind})
	}
	return nil
}

// rename takes whom names of agents stand for, but for those who have a call: they
// keep it to its end under the old name.
func (c *Connector) rename() (changed bool) {
	wanted := c.renames.Load()
	if wanted == nil {
		return false
	}
	names, live := c.recorder.names, &c.recorder.tracker.Live
	now, next := names.Aliases(metrics.AgentName), maps.Clone(*wanted)
	busy := func(name string) bool {
		id, _ := names.Find(metrics.AgentName, name)
		switch live.Agent(metrics.AgentID(id)).State {
		case metrics.RingingState, metrics.Talking, metrics.Holding, metrics.OnOtherCall:
			return true
		}
		return false
	}
	put := false
	for name, of := range *wanted {
		if old, any := now[name]; of != old && busy(name) {
			put = true
			if delete(next, name); any {
				next[name] = old
			}
		}
	}
	for name, old := range now {
		if _, still := (*wanted)[name]; !still && busy(name) {
			put = true
			next[name] = old
		}
	}
	if !put {
		c.renames.CompareAndSwap(wanted, nil)
	}
	return names.SetAliases(metrics.AgentName, next)
}

// now estimates the switch's clock: its last stamp, and the time since.
func (s *session) now(at time.Time) metrics.Millis {
	if s.stamp == 0 {
		return 0
	}
	return s.stamp + metrics.Millis(at.Sub(s.lastRead).Milliseconds())
}

// ask begins a snapshot.
func (s *session) ask() error {
	if s.snap != nil && s.snap.asked != "" {
		s.again = true // an answer is on its way: after this one
		return nil
	}
	s.again = false
	s.snap, s.settled = newSnapshot(), time.Time{}
	s.hand(&metrics.Event{Kind: metrics.SnapshotBegin})
	return s.askNext()
}

func (s *session) askNext() error {
	if cmd := s.snap.next(); cmd != "" {
		s.deadline = time.Now().Add(s.cfg.CommandTimeout)
		return s.send("api " + cmd)
	}
	if s.snap.at == 0 {
		s.snap.at = metrics.MillisOf(time.Now())
	} else {
		s.snap.at = s.translator.clock.Asked(s.snap.at, s.heard)
	}
	h := s.Health()
	h.Error = ""
	if s.snap.absent {
		s.cfg.Log.Warn("there are no queues to see", "err", ErrNoCallcenter)
		h.Error = ErrNoCallcenter.Error()
	}
	s.put(h)
	s.translator.Seen([]byte(s.snap.core), s.snap.at)
	s.translator.Snapshot(s.snap)
	s.stamp, s.lastRead = max(s.stamp, s.snap.at), time.Now()
	s.settled = time.Now().Add(settle)
	if s.again {
		return s.ask()
	}
	return nil
}
