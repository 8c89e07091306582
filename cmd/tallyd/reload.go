package main

import (
	"context"
	"errors"
	"time"

	"tallyd/cmd/tallyd/config"
	"tallyd/metrics/roster"
	"tallyd/rules/alert"
)

// reloading reads the roster and the alerts anew whenever somebody hangs up (SIGHUP).
// The first question after that is answered by the new ones. Whose each login is is told to
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
		case <-d.written:
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

// reload reads anew what is read anew.
func (d *daemon) reload() {
	if d.cfg.RosterFile == "" && d.cfg.Alerts.File == "" && len(d.cfg.SchemeFiles) == 0 {
		d.log.Warn("there is nothing to read anew: the configuration names no roster_file, no scheme_files and no file of alerts")
	}
	d.reloadSchemes()
	if d.cfg.RosterFile != "" {
		d.reloadRoster()
	}
	if d.cfg.Alerts.File != "" {
		d.reloadAlerts()
	}
}

// loadRoster reads who is who; nil where there is nothing to read.
func (d *daemon) loadRoster(zone *time.Location) (r *config.Roster, err error) {
	switch {
	case d.cfg.RosterFile != "":
		r, err = config.LoadRoster(d.cfg.RosterFile, zone)
	case d.demo != nil:
		r, err = config.ReadRoster("the simulated centre's roster", demoRoster, zone)
	}
	if err != nil || r == nil {
		return nil, err
	}
	d.roster.Store(r)
	return r, nil
}

// reloadRoster reads the roster anew. One with faults is refused, every fault is
// logged, and the old one stays. Who has logins at several switches, and so one
// state at a time, is settled at the start.
func (d *daemon) reloadRoster() bool {
	zone, err := time.LoadLocation(d.cfg.TimeZone)
	var r *config.Roster
	if err == nil {
		r, err = config.LoadRoster(d.cfg.RosterFile, zone)
	}
	if err != nil {
		d.refuse("the roster is refused, the one before stays", err)
		return false
	}
	d.roster.Store(r)
	d.log.Info("the roster was read anew", "file", d.cfg.RosterFile, "agents", len(r.Agents()))
	return true
}

// reloadAlerts does so with the alerts. What is raised by rules that are the same stays
// raised.
func (d *daemon) reloadAlerts() {
	zone, err := time.LoadLocation(d.cfg.TimeZone)
	var set *alert.Set
	if err == nil {
		set, err = config.LoadAlerts(d.cfg.Alerts.File, zone)
	}
	if err != nil {
		d.refuse("the alerts are refused, those before stay", err)
		return
	}
	d.service.SetAlerts(set)
	d.log.Info("the alerts were read anew", "file", d.cfg.Alerts.File, "rules", set.Len())
}

// refuse says what is wrong with a file, fault by fault.
func (d *daemon) refuse(what string, err error) {
	var faults config.Faults
	if !errors.As(err, &faults) {
		d.log.Error(what, "err", err)
	}
	for _, f := range faults {
		d.log.Error(what, "err", f)
	}
}

// who is the roster of the moment; nil where there is none.
func (d *daemon) who() *roster.Roster {
	if r := d.roster.Load(); r != nil {
		return r.Roster
	}
	return nil
}
