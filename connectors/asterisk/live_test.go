package asterisk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tallyd/connectors/asterisk/lab"
	"tallyd/connectors/asterisk/queuelog"
	"tallyd/metrics"
)

// attached is a connector on an Asterisk, with a tracker of its own.
type attached struct {
	*replayed
	connector *Connector
	stop      context.CancelFunc
	done      chan error
	settled   atomic.Bool // the switch is in sight, and the snapshot of it closed
}

// attach attaches to an Asterisk, by ARI alone or with the manager interface,
// and waits until the snapshot is taken.
func attach(t *testing.T, a *lab.Asterisk, withAMI bool, change ...func(*Config)) *attached {
	t.Helper()
	cfg := Config{Name: "ast1", ARI: a.ARI(), Username: lab.ARIUser, Password: lab.ARIPassword, RetryMin: 50 * time.Millisecond, RetryMax: time.Second}
	if withAMI {
		cfg.AMI = ManagerConfig{fmt.Sprintf("127.0.0.1:%d", a.AMI), lab.AMIUser, lab.AMIPassword}
	}
	cfg.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	for _, f := range change {
		f(&cfg)
	}
	l := &attached{replayed: newReplayed(), done: make(chan error, 1)}
	l.connector = New(cfg, l.names, l.tracker)
	l.translator = l.connector.recorder.translator
	l.translator.sink = func(e *metrics.Event) {
		l.facts = append(l.facts, *e)
		l.tracker.Apply(e)
		switch e.Kind {
		case metrics.SwitchLost, metrics.ClockSet, metrics.SnapshotBegin:
			l.settled.Store(false)
		case metrics.SnapshotEnd:
			l.settled.Store(true)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	l.stop = stop
	go func() { l.done <- l.connector.Run(ctx) }()
	t.Cleanup(func() { l.end(t) })
	l.await(t, "attached", func() bool {
		h := l.connector.Health()
		return h.Connected && h.LastEvent != 0
	})
	return l
}

// await waits for a condition.
func (l *attached) await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for limit := time.Now().Add(20 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("not %s: %+v\n%s", what, l.connector.Health(), l.present())
		}
	}
}

// present is what the tracker shows.
func (l *attached) present() string {
	var b strings.Builder
	for i := 1; i < l.names.Len(metrics.QueueName); i++ {
		q := l.tracker.Live.Queue(metrics.QueueID(i))
		fmt.Fprintf(&b, "%s: %d wait, %d talk; ", l.names.Name(metrics.QueueName, uint32(i)), q.Waiting, q.Talking)
	}
	for i := 1; i < l.names.Len(metrics.AgentName); i++ {
		fmt.Fprintf(&b, "%s %v, ", l.names.Name(metrics.AgentName, uint32(i)), l.tracker.Live.Agent(metrics.AgentID(i)).State)
	}
	return b.String()
}

// end stops it, and lets the tracker hand over everything.
func (l *attached) end(t *testing.T) {
	t.Helper()
	if l.done == nil {
		return
	}
	l.stop()
	select {
	case err := <-l.done:
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	case <-time.After(15 * time.Second):
		t.Fatal("the connector does not stop")
	}
	l.done = nil
	l.finish()
}

// compareLive holds what was counted live against queue_log, and against what
// the recording of the same time comes to.
func compareLive(t *testing.T, folder string, l *attached) {
	t.Helper()
	if n := l.connector.Health(); l.tracker.Live.Gaps() != 0 || n.Overflowed != 0 || n.Counts.Malformed != 0 || n.Connects != 1 {
		t.Errorf("the connection was not whole: %+v", n)
	}
	compareRecord(t, queuelog.Record(readQueueLog(t, folder), nil), l.replayed)
	conserved(t, l.replayed)
	recorded := replay(t, folder, true)
	if len(recorded.contacts) != len(l.contacts) {
		t.Fatalf("%d visits live, %d in the recording", len(l.contacts), len(recorded.contacts))
	}
	type visit struct {
		leg, queue string
		joined     metrics.Millis
	}
	live := map[visit]*metrics.Contact{}
	for i := range l.contacts {
		c := &l.contacts[i]
		live[visit{c.Leg, c.Queue, c.Joined}] = c
	}
	// Another client may see what happens on two channels in another order.
	near := func(a, b metrics.Millis) bool { return a-b < 50 && b-a < 50 }
	for i := range recorded.contacts {
		w := &recorded.contacts[i]
		c := live[visit{w.Leg, w.Queue, w.Joined}]
		switch {
		case c == nil:
			t.Errorf("not seen live: %+v", w)
		case c.Outcome != w.Outcome || c.Agent != w.Agent || c.EndedBy != w.EndedBy || c.Offers != w.Offers || c.Holds != w.Holds ||
			!near(c.Wait(), w.Wait()) || !near(c.Talk(), w.Talk()) || !near(c.Hold, w.Hold):
			t.Errorf("live\n%+v, recorded\n%+v", c, w)
		}
	}
}
