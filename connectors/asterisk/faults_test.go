package asterisk

import (
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"tallyd/connectors/asterisk/lab"
	"tallyd/metrics"
)

// each runs a test against both versions.
func each(t *testing.T, test func(t *testing.T, s *stage)) {
	for _, version := range lab.Versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			test(t, newStage(t, version))
		})
	}
}

// up puts two callers into talks with both agents of the queue linear, and lets
// two more wait.
func (s *stage) up() (a, b, c, d *lab.Call) {
	s.t.Helper()
	a = s.call("7000001", "6006")
	s.answered("7000001")
	b = s.call("7000002", "6006")
	s.answered("7000002")
	c = s.waits("7000003", "6006")
	d = s.waits("7000004", "6006")
	return
}

const lina, lars = "PJSIP/1024", "PJSIP/1025"

// TestSocketCut: the WebSocket breaks while calls are up. What went on is known
// again after the reconnection, what ended meanwhile is not guessed at.
func TestSocketCut(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		link := s.link(s.HTTP)
		l := attach(t, s.Asterisk, true, through(link))
		a, b, c, d := s.up()
		l.await(t, "two talk and two wait", func() bool {
			q := l.queue("linear")
			return q.Waiting == 2 && l.agent(lina) == metrics.Talking && l.agent(lars) == metrics.Talking
		})
		link.Cut(true)
		a.Hangup()
		s.answered("7000003") // by Lina, unseen
		e := s.waits("7000005", "6006")
		link.Cut(false)
		l.await(t, "the present is known again", func() bool {
			return l.connector.Health().Connected && !l.tracker.Live.Blind() && l.queue("linear").Waiting == 2 && l.agent(lina) == metrics.Talking
		})
		l.await(t, "the snapshot is closed", l.settled.Load)
		b.Hangup()
		s.answered("7000004")
		c.Hangup()
		s.answered("7000005")
		d.Hangup()
		e.Hangup()
		l.await(t, "all is over", func() bool { return l.agent(lina) == metrics.Available && l.agent(lars) == metrics.Available })
		log := s.log()
		l.end(t)
		l.adds(t)
		if l.tracker.Live.Gaps() != 1 || l.tracker.Unobserved() < 500 {
			t.Errorf("%d gaps, %d ms", l.tracker.Live.Gaps(), l.tracker.Unobserved())
		}
		for _, w := range []struct {
			number, agent   string
			end             metrics.EndedBy
			unseen, partial bool
		}{
			{"7000001", lina, metrics.EndUnknown, true, false}, {"7000002", lars, metrics.ByCaller, false, false},
			{"7000003", lina, metrics.ByCaller, false, false}, {"7000004", lars, metrics.ByCaller, false, false},
			{"7000005", lina, metrics.ByCaller, false, true},
		} {
			got, v := l.of(t, log, w.number)
			if got.Outcome != metrics.Answered || got.Agent != w.agent || got.EndedBy != w.end || got.Unseen != w.unseen || got.Partial != w.partial || v.Outcome != metrics.Answered {
				t.Errorf("%s: %+v, want %+v; queue_log %+v", w.number, got, w, v)
			}
			if off := int64(got.Wait())/1000 - v.Wait; off > 1 || off < -1 {
				t.Errorf("%s waited %d ms, queue_log %d s", w.number, got.Wait(), v.Wait)
			}
		}
	})
}

// TestKilled: Asterisk is killed and comes back. Nobody who was there before is
// counted as anything that nobody saw.
func TestKilled(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		l := attach(t, s.Asterisk, true)
		s.up()
		l.await(t, "two talk and two wait", func() bool { return l.queue("linear").Waiting == 2 && l.agent(lars) == metrics.Talking })
		killed := metrics.MillisOf(time.Now())
		s.Kill()
		l.await(t, "lost", func() bool { return !l.connector.Health().Connected && l.tracker.Live.Blind() })
		if err := s.Restart(s.ctx); err != nil {
			t.Fatal(err)
		}
		l.await(t, "back", func() bool { return l.connector.Health().Connected && !l.tracker.Live.Blind() })
		l.await(t, "empty", func() bool { return l.queue("linear").Waiting == 0 && l.queue("linear").Talking == 0 })
		f := s.call("7000006", "6006")
		s.answered("7000006")
		l.await(t, "talking", func() bool { return l.agent(lina) == metrics.Talking })
		f.Hangup()
		l.await(t, "over", func() bool { return l.agent(lina) == metrics.Available })
		log := s.log()
		l.end(t)
		l.adds(t)
		for number, outcome := range map[string]metrics.Outcome{"7000001": metrics.Answered, "7000002": metrics.Answered, "7000003": metrics.SwitchFailed, "7000004": metrics.SwitchFailed} {
			got, _ := l.of(t, log, number)
			if got.Outcome != outcome || outcome == metrics.Answered && got.EndedBy != metrics.BySwitch || got.Ended > killed {
				t.Errorf("%s: %+v", number, got)
			}
		}
		if got, _ := l.of(t, log, "7000006"); got.Outcome != metrics.Answered || got.Agent != lina || got.EndedBy != metrics.ByCaller || got.Unseen || got.Partial {
			t.Errorf("after the restart: %+v", got)
		}
		if h := l.connector.Health(); h.Connects != 2 || l.tracker.Live.Gaps() != 1 {
			t.Errorf("%+v, %d gaps", h, l.tracker.Live.Gaps())
		}
	})
}

// TestStopped: Asterisk is stopped in order while calls are up: then it is the
// switch that ended them, whatever queue_log makes of it.
func TestStopped(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		l := attach(t, s.Asterisk, false)
		s.up()
		l.await(t, "two talk and two wait", func() bool { return l.queue("linear").Waiting == 2 && l.agent(lars) == metrics.Talking })
		log := s.log()
		if out, err := s.CLI(s.ctx, "core stop now"); err != nil {
			t.Log(out, err) // it may be gone before it has answered
		}
		l.await(t, "lost", func() bool { return !l.connector.Health().Connected && l.tracker.Live.Blind() })
		l.end(t)
		l.adds(t)
		for number, outcome := range map[string]metrics.Outcome{"7000001": metrics.Answered, "7000002": metrics.Answered, "7000003": metrics.SwitchFailed, "7000004": metrics.SwitchFailed} {
			got, _ := l.of(t, log, number)
			if got.Outcome != outcome || outcome == metrics.Answered && got.EndedBy != metrics.BySwitch {
				t.Errorf("%s: %+v", number, got)
			}
		}
	})
}

// TestManagerCut: without the manager interface calls are counted as before,
// and what it tells is caught up on.
func TestManagerCut(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		link := s.link(s.AMI)
		l := attach(t, s.Asterisk, true, managerThrough(link))
		l.await(t, "known", func() bool { return l.agent(lina) == metrics.Available })
		a := s.call("7000001", "6006")
		s.answered("7000001")
		link.Cut(true)
		l.await(t, "told", func() bool {
			return strings.Contains(strings.Join(l.connector.Health().Missing, "\n"), "the manager interface is not connected")
		})
		if err := s.manager.Do("QueuePause", "Queue", "linear", "Interface", lars, "Paused", "true", "Reason", "lunch"); err != nil {
			t.Fatal(err)
		}
		l.await(t, "paused, as ARI shows it", func() bool { return l.agent(lars) == metrics.PausedState })
		a.Hangup()
		l.await(t, "over", func() bool { return l.agent(lina) == metrics.Available })
		link.Cut(false)
		l.await(t, "why is known", func() bool {
			now := l.tracker.Live.Agent(metrics.AgentID(l.find(metrics.AgentName, lars)))
			return now.State == metrics.PausedState && l.names.Name(metrics.ReasonName, uint32(now.Reason)) == "lunch"
		})
		log := s.log()
		l.end(t)
		conserved(t, l.replayed)
		if got, _ := l.of(t, log, "7000001"); got.Outcome != metrics.Answered || got.EndedBy != metrics.ByCaller || l.tracker.Live.Gaps() != 0 {
			t.Errorf("%+v, %d gaps", got, l.tracker.Live.Gaps())
		}
	})
}

// TestReplaced: somebody else opens a socket under the same application name,
// which silences ours without closing it. It comes back under another name.
func TestReplaced(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		l := attach(t, s.Asterisk, false)
		a := s.call("7000001", "6006")
		s.answered("7000001")
		l.await(t, "talking", func() bool { return l.agent(lina) == metrics.Talking })
		u, err := url.Parse(s.ARI())
		if err != nil {
			t.Fatal(err)
		}
		u.Scheme, u.Path = "ws", u.Path+"/events"
		u.RawQuery = url.Values{"app": {l.connector.app}, "subscribeAll": {"true"}, "api_key": {lab.ARIUser + ":" + lab.ARIPassword}}.Encode()
		other, _, err := websocket.DefaultDialer.DialContext(s.ctx, u.String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		l.await(t, "attached again", func() bool { return l.connector.Health().Connects == 2 && !l.tracker.Live.Blind() })
		l.await(t, "the snapshot is closed", l.settled.Load)
		if l.agent(lina) != metrics.Talking {
			t.Errorf("Lina is %v", l.agent(lina))
		}
		a.Hangup()
		l.await(t, "over", func() bool { return l.agent(lina) == metrics.Available })
		log := s.log()
		l.end(t)
		l.adds(t)
		if got, _ := l.of(t, log, "7000001"); got.Outcome != metrics.Answered || got.EndedBy != metrics.ByCaller || got.Agent != lina || got.Partial || got.Unseen {
			t.Errorf("%+v", got)
		}
	})
}

// TestStalled: what was held up for a while is not lost; a connection on which
// nothing comes at all is given up.
func TestStalled(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		link := s.link(s.HTTP)
		l := attach(t, s.Asterisk, true, through(link), func(c *Config) { c.Ping, c.Silence = 300*time.Millisecond, 2500*time.Millisecond })
		a := s.call("7000001", "6006")
		s.answered("7000001")
		link.Hold(true)
		b := s.call("7000002", "6006")
		s.answered("7000002")
		a.Hangup()
		time.Sleep(time.Second)
		link.Hold(false)
		l.await(t, "caught up", func() bool { return l.agent(lina) == metrics.Available && l.agent(lars) == metrics.Talking })
		if l.tracker.Live.Gaps() != 0 || l.connector.Health().Connects != 1 {
			t.Errorf("%d gaps", l.tracker.Live.Gaps())
		}
		link.Hold(true)
		l.await(t, "given up", func() bool { return strings.Contains(l.connector.Health().Error, ErrSilent.Error()) })
		link.Hold(false)
		l.await(t, "attached again", func() bool { return l.connector.Health().Connects == 2 && !l.tracker.Live.Blind() })
		time.Sleep(500 * time.Millisecond) // sooner, it might have begun before
		b.Hangup()
		l.await(t, "over", func() bool { return l.queue("linear").Talking == 0 })
		l.await(t, "the snapshot is closed", l.settled.Load)
		log := s.log()
		l.end(t)
		l.adds(t)
		for _, number := range []string{"7000001", "7000002"} {
			if got, _ := l.of(t, log, number); got.Outcome != metrics.Answered || got.EndedBy != metrics.ByCaller || got.Unseen {
				t.Errorf("%s: %+v", number, got)
			}
		}
	})
}

// TestBehind: counting falls behind, events are dropped, and a snapshot mends
// it. Nothing waits for counting: Asterisk cuts off who does not read.
func TestBehind(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		var block atomic.Bool
		l := attach(t, s.Asterisk, true, func(c *Config) {
			c.Buffer = 32
			c.Counted = func() {
				for block.Load() {
					time.Sleep(time.Millisecond)
				}
			}
		})
		a, b, _, _ := s.up()
		l.await(t, "two talk and two wait", func() bool { return l.queue("linear").Waiting == 2 && l.agent(lars) == metrics.Talking })
		block.Store(true)
		a.Hangup()
		s.answered("7000003")
		b.Hangup()
		s.answered("7000004")
		time.Sleep(300 * time.Millisecond)
		block.Store(false)
		l.await(t, "told", func() bool { return l.connector.Health().Overflowed > 0 })
		l.await(t, "mended", func() bool {
			q := l.queue("linear")
			return q.Waiting == 0 && q.Talking == 2 && l.agent(lina) == metrics.Talking && l.agent(lars) == metrics.Talking && !l.tracker.Live.Blind()
		})
		l.await(t, "the snapshot is closed", l.settled.Load)
		log := s.log()
		l.end(t)
		l.adds(t)
		if l.tracker.Live.Gaps() < 1 || l.connector.Health().Connects != 1 {
			t.Errorf("%d gaps, %+v", l.tracker.Live.Gaps(), l.connector.Health())
		}
		for _, number := range []string{"7000003", "7000004"} {
			if got, _ := l.of(t, log, number); got.Outcome != metrics.Answered || got.Ended != 0 {
				t.Errorf("%s: %+v", number, got)
			}
		}
	})
}
