package api

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"tallyd/metrics"
	"tallyd/storage"
)

// TestHandover asks without pause while intervals go from windows through the
// intake to the store: at no moment is a call missing or there twice.
func TestHandover(t *testing.T) {
	l := newLab(t, "fs1")
	fs := l.switches[0]
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error)
	go func() { ran <- l.intake.Run(ctx) }()

	const calls = 400
	from, to := labStart.Time(), (labStart + 30*24*3600*1000).Time()
	done := make(chan struct{})
	var begun, ended atomic.Int64
	go func() {
		defer close(done)
		at := labStart
		for n := range calls {
			id := metrics.IDString(time.Duration(n).String())
			at += metrics.IntervalLength / 3
			begun.Add(1)
			fs.tracker.Apply(&metrics.Event{Kind: metrics.VisitJoined, At: at, Visit: id, Leg: id, Queue: fs.queue("support")})
			fs.tracker.Apply(&metrics.Event{Kind: metrics.VisitLeft, At: at + 1000, Visit: id, Outcome: metrics.Abandoned})
			ended.Add(1)
			time.Sleep(200 * time.Microsecond)
		}
	}()
	asked := 0
	for over := false; !over; asked++ {
		select {
		case <-done:
			over = true
		default:
		}
		least := float64(ended.Load())
		r := l.kpi(KPIQuery{Kind: Queues, Names: []string{"support"}, From: from, To: to, KPIs: []string{"offered", "abandoned"}})
		most := float64(begun.Load())
		offered, abandoned := 0.0, 0.0
		if v := r.Rows[0].KPIs["offered"]; v != nil {
			offered, abandoned = *v, *r.Rows[0].KPIs["abandoned"]
		}
		if offered < least || offered > most || abandoned < least || abandoned > most {
			t.Fatalf("offered is %v and abandoned %v, between %v and %v calls were made", offered, abandoned, least, most)
		}
	}
	if asked < 50 {
		t.Errorf("asked only %d times", asked)
	}
	cancel()
	if err := <-ran; err != nil {
		t.Error(err)
	}
	if n := l.intake.Pending(); n != 0 {
		t.Errorf("%d intervals are pending at the end", n)
	}
}

// TestIntakeKeeps: what the store refuses stays in memory and in every answer,
// and the error at the end says so.
func TestIntakeKeeps(t *testing.T) {
	l := newLab(t, "fs1")
	if err := l.store.Close(); err != nil {
		t.Fatal(err)
	}
	tried := make(chan struct{}, 16)
	in := NewIntake(l.store, slog.New(slog.NewTextHandler(signal(tried), nil)))
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error)
	go func() { ran <- in.Run(ctx) }()
	in.Take(&metrics.Sealed{Switch: "fs1", Interval: 7})
	<-tried // it said that it cannot store
	if in.Pending() != 1 {
		t.Errorf("%d are pending", in.Pending())
	}
	cancel()
	if err := <-ran; err == nil || err.Error() != `1 intervals are lost: `+storage.ErrClosed.Error() {
		t.Errorf("error is %v", err)
	}
}

// signal tells of every write.
type signal chan struct{}

func (s signal) Write(p []byte) (int, error) {
	s <- struct{}{}
	return len(p), nil
}
