package playback

import (
	"context"
	"time"
)

// Clock is the time that a Server plays by.
type Clock interface {
	Now() time.Time
	// Wait returns at t, or with ctx's error before.
	Wait(ctx context.Context, t time.Time) error
}

// systemClock is the machine's.
type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) Wait(ctx context.Context, t time.Time) error {
	d := time.Until(t)
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
