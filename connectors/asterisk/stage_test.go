package asterisk

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"tallyd/connectors/asterisk/lab"
	"tallyd/connectors/asterisk/queuelog"
	"tallyd/metrics"
)

// stage is a small centre whose calls a test directs one by one. Phones answer
// at once and talk until the other side hangs up.
type stage struct {
	*lab.Asterisk
	t       *testing.T
	ctx     context.Context
	agents  *lab.Exchange
	callers *lab.Exchange
	manager *lab.Manager
	mu      sync.Mutex
	talks   map[string]*lab.Call // at the agent's side, by who calls
}

func newStage(t *testing.T, version string) *stage {
	t.Helper()
	return newStageWith(t, version, variants[version])
}

func newStageWith(t *testing.T, version string, opt lab.Options) *stage {
	t.Helper()
	s := &stage{t: t, talks: map[string]*lab.Call{}}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(stop)
	s.ctx = ctx
	s.Asterisk = start(t, ctx, version, opt)
	var err error
	if s.agents, err = lab.NewExchange(ctx, s.Phones, s.SIP, s.ring); err != nil {
		t.Fatal(err)
	}
	if s.callers, err = lab.NewExchange(ctx, 0, s.SIP, func(c *lab.Call) { c.Decline() }); err != nil {
		t.Fatal(err)
	}
	if s.manager, err = s.Manager(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.manager.Close)
	return s
}

func (s *stage) ring(c *lab.Call) {
	if c.Wait(150*time.Millisecond) || c.Answer() != nil {
		return
	}
	s.mu.Lock()
	s.talks[c.From] = c
	s.mu.Unlock()
}

// call calls a queue; the queue's announcement answers at once.
func (s *stage) call(from, to string) *lab.Call {
	s.t.Helper()
	c, err := s.callers.Dial(s.ctx, from, "Cust "+from, to, true)
	if err != nil {
		s.t.Fatalf("%s calls %s: %v", from, to, err)
	}
	return c
}

// waits calls a queue and waits until the switch has put the caller in line.
func (s *stage) waits(from, to string) *lab.Call {
	s.t.Helper()
	c := s.call(from, to)
	for s.ctx.Err() == nil {
		log, err := os.ReadFile(s.Dir("log") + "/queue_log")
		if err == nil && strings.Contains(string(log), "|ENTERQUEUE||"+from+"|") {
			return c
		}
		time.Sleep(5 * time.Millisecond)
	}
	s.t.Fatalf("%s does not get in line", from)
	return nil
}

// answered waits until an agent has answered a caller.
func (s *stage) answered(from string) *lab.Call {
	s.t.Helper()
	for s.ctx.Err() == nil {
		s.mu.Lock()
		c := s.talks[from]
		s.mu.Unlock()
		if c != nil {
			return c
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.t.Fatalf("nobody answers %s", from)
	return nil
}

// link puts something that can be cut between the connector and a port.
func (s *stage) link(port int) *lab.Link {
	s.t.Helper()
	l, err := lab.NewLink(port)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(l.Close)
	return l
}

func through(l *lab.Link) func(*Config) {
	return func(c *Config) { c.ARI = fmt.Sprintf("http://127.0.0.1:%d/ari", l.Port) }
}

func managerThrough(l *lab.Link) func(*Config) {
	return func(c *Config) { c.AMI.Address = fmt.Sprintf("127.0.0.1:%d", l.Port) }
}

// find is a name's number, 0 where it was not seen: only counting makes names.
func (l *attached) find(k metrics.NameKind, name string) uint32 {
	for i := l.names.Len(k) - 1; i > 0; i-- {
		if l.names.Name(k, uint32(i)) == name {
			return uint32(i)
		}
	}
	return 0
}

// agent is what an agent is doing.
func (l *attached) agent(interf string) metrics.State {
	return l.tracker.Live.Agent(metrics.AgentID(l.find(metrics.AgentName, interf))).State
}

func (l *attached) queue(name string) metrics.QueueNow {
	return l.tracker.Live.Queue(metrics.QueueID(l.find(metrics.QueueName, name)))
}

// of is the contact of a caller, by what queue_log says of the number.
func (l *attached) of(t *testing.T, log []*queuelog.Visit, number string) (*metrics.Contact, *queuelog.Visit) {
	t.Helper()
	for _, v := range log {
		if v.Caller != number {
			continue
		}
		for i := range l.contacts {
			if c := &l.contacts[i]; c.Leg == v.ID {
				return c, v
			}
		}
		t.Fatalf("the visit of %s (%s) was not counted; there are %+v", number, v.ID, l.contacts)
	}
	t.Fatalf("queue_log has no visit of %s", number)
	return nil, nil
}

// log reads the switch's own log.
func (s *stage) log() []*queuelog.Visit {
	s.t.Helper()
	time.Sleep(200 * time.Millisecond)
	return queuelog.Visits(readQueueLog(s.t, s.Dir("log")))
}
