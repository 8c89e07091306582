package bus

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"tallyd/metrics"
)

// BenchmarkEventToSubscriber takes the time from an event to a subscriber over
// TCP, among 1,000 agents.
func BenchmarkEventToSubscriber(b *testing.B) {
	const agents = 1000
	l := newLab("main")
	for i := range agents {
		l.status(fmt.Sprintf("%04d", i), metrics.Ready, "")
	}
	r := l.run(b)
	got := make(chan *nats.Msg, 4*agents)
	nc := r.wallboard()
	if _, err := nc.ChanSubscribe(r.subjects.join(agentWord, "*", stateWord), got); err != nil {
		b.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		b.Fatal(err)
	}
	for begin := time.Now(); time.Since(begin) < 200*time.Millisecond; time.Sleep(time.Millisecond) {
		for len(got) > 0 {
			<-got
		}
	}
	var took []time.Duration
	n := 0
	for b.Loop() {
		status := metrics.Paused
		if n/agents%2 == 1 {
			status = metrics.Ready
		}
		begin := time.Now()
		l.status(fmt.Sprintf("%04d", n%agents), status, "")
		<-got
		took = append(took, time.Since(begin))
		n++
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}

// BenchmarkPublish changes 1,000 agents at once, again and again, and counts
// the messages that arrive: ten a second for each agent is the most there is.
func BenchmarkPublish(b *testing.B) {
	const agents = 1000
	l := newLab("main")
	r := l.run(b)
	var got atomic.Int64
	nc := r.wallboard()
	if _, err := nc.Subscribe(r.subjects.join(agentWord, "*", stateWord), func(*nats.Msg) { got.Add(1) }); err != nil {
		b.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		b.Fatal(err)
	}
	begin, n := time.Now(), 0
	for b.Loop() {
		n++
		for i := range agents {
			l.status(fmt.Sprintf("%04d", i), metrics.LoggedOut+metrics.Status(n%2), "")
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.ReportMetric(float64(got.Load())/time.Since(begin).Seconds(), "messages/s")
}
