package playback

import (
	"context"
	"fmt"
	"time"
)

// play lets the recording happen.
func (s *Server) play(ctx context.Context) error {
	first, last := s.Recording.Span()
	segments := s.Recording.Segments
	// Whole seconds, as stamps of seconds and of microseconds must stay in step.
	period := (last - first + loopPause + 999_999) / 1_000_000 * 1_000_000
	base := s.rewrite.shift
	for pass := 0; ; pass++ {
		s.mu.Lock()
		s.rewrite.pass = pass
		s.passed = int64(pass) * period
		s.rewrite.shift = base + s.passed
		s.mu.Unlock()
		for i := range segments {
			if err := s.playSegment(ctx, &segments[i], s.passed-first); err != nil {
				return ignoreEnd(ctx, err)
			}
			if i+1 < len(segments) {
				s.hangUp(segments[i].Notice, segments[i+1].core() != segments[i].core())
			}
		}
		if s.CloseAtEnd && !s.Loop {
			s.hangUp(segments[len(segments)-1].Notice, true)
		}
		if !s.Loop {
			return nil
		}
		if err := s.backToStart(); err != nil {
			return err
		}
	}
}

// ignoreEnd drops the error with which a wait ends when all ends.
func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// playSegment sends the events of one recorded connection; offset makes their
// stamps the time since the start.
func (s *Server) playSegment(ctx context.Context, seg *Segment, offset int64) error {
	for i := range seg.Events {
		ev := &seg.Events[i]
		if err := s.await(ctx, time.Duration(ev.At+offset)*time.Microsecond); err != nil {
			return err
		}
		if err := s.publish(ev); err != nil {
			return err
		}
	}
	return nil
}

// await returns when an event is due: at its time, or when every client has
// taken what went before and has nothing to ask.
func (s *Server) await(ctx context.Context, since time.Duration) error {
	clock := s.clock()
	if s.Speed > 0 {
		return clock.Wait(ctx, s.start.Add(time.Duration(float64(since)/s.Speed)))
	}
	for {
		again := s.awaitHunger()
		if ctx.Err() != nil || !clock.Now().Before(again) {
			return ctx.Err()
		}
		if err := clock.Wait(ctx, again); err != nil {
			return err
		}
	}
}

// awaitHunger returns when the clients could take more, and from what time on
// they may have it.
func (s *Server) awaitHunger() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = false // else nobody could come in whom to wait for
	for !s.stopped && !s.hungry() {
		s.room.Wait()
	}
	return s.asked.Add(s.quiet)
}

// hungry reports that there are subscribers, and that none lags.
func (s *Server) hungry() bool {
	hungry := false
	for _, c := range s.clients {
		if c.gone || c.finishing || !c.subscribed() {
			continue
		}
		if len(c.out) >= min(s.Queue, batch) {
			return false
		}
		hungry = true
	}
	return hungry
}

// batch is how far a client may lag at Speed 0: enough to keep its writer busy,
// little enough not to hold a recording in memory.
const batch = 256

// publish lets one recorded event happen.
func (s *Server) publish(ev *Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = false
	plain := ev.Plain
	if !s.rewrite.idle() {
		plain = s.rewrite.event(append([]byte(nil), plain...))
	}
	if s.isDead(plain) {
		return nil
	}
	return s.happen(ev.Name, ev.Subclass, plain)
}

// happen shows an event to the model and to the clients that want it.
func (s *Server) happen(name, subclass string, plain []byte) error {
	var frames [2][]byte
	frame := func(f format) []byte {
		if frames[f] == nil {
			if f == jsonFormat {
				frames[f] = appendFrame(nil, "json", appendJSON(nil, plain))
			} else {
				frames[f] = appendFrame(nil, "plain", plain)
			}
		}
		return frames[f]
	}
	if follows(name, subclass) {
		if err := s.model.apply(frame(plainFormat)); err != nil {
			return fmt.Errorf("recorded event %s: %w", name, err)
		}
	}
	for _, c := range s.clients {
		if c.wants(name, subclass) {
			c.offer(frame(c.format))
		}
	}
	return nil
}

// isDead reports events of calls that a restart ended.
func (s *Server) isDead(plain []byte) bool {
	if len(s.dead) == 0 {
		return false
	}
	for _, name := range []string{"Unique-ID", "CC-Member-Session-UUID", "CC-Agent-UUID"} {
		if s.dead[header(plain, name)] {
			return true
		}
	}
	return false
}

// hangUp is the end of a recorded connection: the switch says why, or not. It is
// down until the next event, which may come from another life of it.
func (s *Server) hangUp(notice string, dies bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = true
	if dies {
		s.model.reset()
	}
	for _, c := range s.clients {
		if notice != "" {
			c.finish(disconnectNotice(notice))
		} else {
			c.finish("")
		}
	}
}

func disconnectNotice(text string) string {
	return fmt.Sprintf("Content-Type: text/disconnect-notice\nContent-Length: %d\n\n%s", len(text), text)
}

// backToStart sends agents back to where the recording finds them.
func (s *Server) backToStart() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.model
	m.now += loopPause
	for _, row := range m.start.agents.rows {
		name := m.start.agents.get(row, "name")
		now := m.agents.find("name", name)
		for _, change := range []struct{ column, action, header string }{
			{"status", "agent-status-change", "CC-Agent-Status"},
			{"state", "agent-state-change", "CC-Agent-State"},
		} {
			want := m.start.agents.get(row, change.column)
			if now == nil || m.agents.get(now, change.column) == want {
				continue
			}
			plain := m.newEvent("CUSTOM", "callcenter::info", "CC-Agent", name, "CC-Action", change.action, change.header, want)
			if err := s.happen("CUSTOM", "callcenter::info", plain); err != nil {
				return err
			}
		}
	}
	return nil
}

// newEvent makes an event that no recording holds, of names and values.
func (m *model) newEvent(name, subclass string, headers ...string) []byte {
	var b []byte
	add := func(name, value string) {
		b = append(append(b, name...), ": "...)
		b = append(appendEscaped(b, value), '\n')
	}
	if subclass != "" {
		add("Event-Subclass", subclass)
	}
	add("Event-Name", name)
	add("Core-UUID", m.core)
	add("FreeSWITCH-Hostname", m.hostname)
	add("Event-Date-Timestamp", fmt.Sprint(m.now))
	for i := 0; i+1 < len(headers); i += 2 {
		add(headers[i], headers[i+1])
	}
	return append(b, '\n')
}
