package asterisk

import (
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"tallyd/connectors/source/sourcetest"
	"tallyd/metrics"
)

var (
	ariStamp = regexp.MustCompile(`"timestamp":"[-0-9]{10}T[:0-9]{8}`)
	amiStamp = regexp.MustCompile(`Timestamp: \d{10}`)
)

// setClock makes stamps those of a clock that is a step ahead. None becomes
// longer; one that two pieces share stays, as a broken one would come.
func setClock(step time.Duration) func([]byte) []byte {
	const form = "2006-01-02T15:04:05"
	return func(b []byte) []byte {
		b = ariStamp.ReplaceAllFunc(b, func(s []byte) []byte {
			at, err := time.Parse(form, string(s[len(`"timestamp":"`):]))
			if err != nil {
				return s
			}
			return fmt.Append(nil, `"timestamp":"`, at.Add(step).Format(form))
		})
		return amiStamp.ReplaceAllFunc(b, func(s []byte) []byte {
			n, _ := strconv.ParseInt(string(s[len("Timestamp: "):]), 10, 64)
			return fmt.Append(nil, "Timestamp: ", n+int64(step.Seconds()))
		})
	}
}

// TestClockSet: the switch's clock is set by an hour while two callers talk and
// two wait. That is said; what they did before is unobserved and what they do now
// is counted, with no hour in it.
func TestClockSet(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		step := time.Hour
		if strings.Contains(t.Name(), "/16") {
			step = -step
		}
		ari, manager := s.link(s.HTTP), s.link(s.AMI)
		var said sourcetest.Log
		l := attach(t, s.Asterisk, true, through(ari), managerThrough(manager), func(c *Config) {
			c.Log = slog.New(slog.NewTextHandler(&said, nil))
		})
		a, b, c, d := s.up()
		up := func() bool {
			q := l.queue("linear")
			return q.Waiting == 2 && q.Talking == 2 && l.agent(lina) == metrics.Talking && l.agent(lars) == metrics.Talking
		}
		l.await(t, "two talk and two wait", up)
		ari.Rewrite(setClock(step))
		manager.Rewrite(setClock(step))
		_ = s.callers.Register(s.ctx, "1005", 300) // which tells of itself, and so of the clock
		e := s.waits("7000005", "6006")
		l.await(t, "the clock is taken to be set", func() bool { return strings.Count(said.String(), "clock was set") == 1 })
		l.await(t, "the present is known again", func() bool { q := l.queue("linear"); return q.Waiting == 3 && q.Talking == 2 })
		l.await(t, "the snapshot is closed", l.settled.Load)
		for i, call := range []interface{ Hangup() }{a, b, c, d, e} {
			call.Hangup()
			if i < 3 {
				s.answered(fmt.Sprintf("700000%d", i+3))
			}
		}
		l.await(t, "all is over", func() bool { return l.agent(lina) == metrics.Available && l.agent(lars) == metrics.Available })
		l.end(t)
		l.adds(t)
		unseen, whole := 0, 0
		for _, c := range l.contacts {
			if c.Wait() > 60_000 || c.Talk() > 60_000 || c.Ended < c.Joined {
				t.Errorf("%s: waited %d ms, talked %d", c.Visit, c.Wait(), c.Talk())
			}
			if c.Unseen {
				unseen++
			} else {
				whole++
			}
		}
		if unseen < 4 || whole != 5 {
			t.Errorf("%d unobserved and %d whole, want the four that were up, and five", unseen, whole)
		}
		for k, x := range l.sum {
			if n := x.Get(metrics.LoggedInTime); k.Kind == metrics.AgentRow && n > 60_000 {
				t.Errorf("%s was logged in for %d ms", k.Name, n)
			}
		}
		if n := strings.Count(said.String(), "clock was set"); n != 1 {
			t.Errorf("said %d times", n)
		}
		if off := l.connector.Health().ClockOff; off != step {
			t.Errorf("the clock is said to be %v ahead", off)
		}
	})
}
