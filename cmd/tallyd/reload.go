package main

import (
	"context"
	"errors"
	"time"

	"tallyd/cmd/tallyd/config"
	"tallyd/metrics/roster"
)

// reloading reads the roster anew whenever somebody hangs up (SIGHUP). The first
// question after that is answered by the new one. Whose each login is is told to
// the switches then, and whenever the roster says that it changes.
func (d *daemon) reloading(ctx context.Context) {
	change := time.NewTimer(0)
	defer change.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.hangups:
			d.reload()
		case <-change.C:
		}
		now := time.Now()
		d.relogin(now)
		wait := longestWait
		if next, ok := d.who().NextLogins(now); ok {
			wait = min(wait, time.Until(next))
		}
		change.Reset(max(wait, time.Second))
	}
}

// longestWait bounds how long a clock that was set goes unnoticed.
const longestWait = time.Minute

// relogin tells every switch whose each login is at a moment.
func (d *daemon) relogin(at time.Time) {
	for i, sw := range d.cfg.Switches {
		if r := d.roster.Load(); r != nil {
			d.switches[i].connector.Rename(r.Logins(at, sw.Name, sw.Kind))
		}
	}
}

// reload reads the roster anew. One with faults is refused, every fault is
// logged, and the old one stays. Who has logins at several switches, and so one
// state at a time, is settled at the start.
func (d *daemon) reload() {
	if d.cfg.RosterFile == "" {
		d.log.Warn("there is no roster to read anew: the configuration names no roster_file")
		return
	}
	zone, err := time.LoadLocation(d.cfg.TimeZone)
	var r *config.Roster
	if err == nil {
		r, err = config.LoadRoster(d.cfg.RosterFile, zone)
	}
	var faults config.Faults
	switch {
	case errors.As(err, &faults):
		for _, f := range faults {
			d.log.Error("the roster is refused, the one before stays", "err", f)
		}
	case err != nil:
		d.log.Error("the roster is refused, the one before stays", "err", err)
	default:
		d.roster.Store(r)
		d.log.Info("the roster was read anew", "file", d.cfg.RosterFile, "agents", len(r.Agents()))
	}
}

// who is the roster of the moment; nil where there is none.
func (d *daemon) who() *roster.Roster {
	if r := d.roster.Load(); r != nil {
		return r.Roster
	}
	return nil
}
