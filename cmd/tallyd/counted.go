package main

import (
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"time"

	"tallyd/cmd/tallyd/config"
	"tallyd/connectors/api"
	"tallyd/connectors/source/records"
	"tallyd/connectors/web/client"
	"tallyd/metrics"
)

// countedInRecordings replays recordings for what they come to.
func countedInRecordings(ctx context.Context, kind, ami string, files []string, stderr io.Writer) (*records.Counted, error) {
	r := newReplayed(nil, settingsOf(nil))
	if err := r.add(kind, ami, []recordingsOf{{kind, files}}); err != nil {
		return nil, err
	}
	p := r.parts[0]
	err := p.play(ctx, files, stderr)
	if fatal := new(fatalError); errors.As(err, &fatal) {
		return nil, fatal.err
	} else if err != nil {
		return nil, err // what a recording is not cannot be compared
	}
	r.finish()
	// Whoever joined in the second in which it begins or ends may be on either side.
	return &records.Counted{Contacts: r.visits, Name: r.name, Seen: records.Span{From: p.first, To: p.tracker.Now() + 1}}, nil
}

// countedByDaemon asks the running daemon for what it counted since then of a
// switch.
func countedByDaemon(ctx context.Context, name, kind, data string, cfg *config.Config, from metrics.Millis) (*records.Counted, error) {
	var roster *config.Roster
	if cfg.RosterFile != "" {
		zone, err := time.LoadLocation(cfg.TimeZone)
		if err != nil {
			return nil, &codeError{exitUsage, err}
		}
		if roster, err = config.LoadRoster(cfg.RosterFile, zone); err != nil {
			return nil, &codeError{exitUsage, err}
		}
	}
	daemon, done, err := (&reach{data: data}).dial(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer done()
	c := &records.Counted{Logins: loginsOf(roster, name, kind)}
	request := client.ContactQuery{Switch: name, From: max(from-1000, 0).Time(), To: time.Now(), Unseen: true, Limit: api.MaxContacts}
	err = daemon.AllContacts(ctx, askWithin, request, 0, func(page *client.Contacts) error {
		for i := range page.Contacts {
			c.Contacts = append(c.Contacts, contactFrom(&page.Contacts[i]))
		}
		c.Closed = metrics.Millis(page.Complete)
		for _, g := range page.Unseen {
			c.Unseen = append(c.Unseen, records.Span{From: g.From, To: g.To})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(c.Contacts) > 0 {
		c.Seen.From = math.MaxInt64
		for i := range c.Contacts {
			c.Seen.From = min(c.Seen.From, c.Contacts[i].Joined/1000*1000)
		}
	}
	return c, nil
}

// loginsOf gives the names by which a switch knows the agents of a roster.
func loginsOf(r *config.Roster, name, kind string) func(agent string) []string {
	logins := map[string][]string{}
	if r != nil {
		for _, a := range r.Agents() {
			for _, s := range a.Stays { // a record may be of any time
				logins[a.ID] = slices.Concat(logins[a.ID], s.Logins[name], s.Logins[kind])
			}
		}
	}
	return func(agent string) []string { return logins[agent] }
}

// switchOf is the name and the kind of the switch that is meant: by its name, by
// its kind, or the only one there is of that kind.
func switchOf(sw, kind string, cfg *config.Config) (string, string, error) {
	title := map[string]string{kindAsterisk: "Asterisk", kindFreeSWITCH: "FreeSWITCH", "": "switch"}[kind]
	var list []config.Switch
	var names []string
	for _, s := range cfg.Switches {
		if kind == "" || s.Kind == kind {
			list, names = append(list, s), append(names, s.Name)
		}
	}
	if i := slices.Index(names, sw); i >= 0 {
		return sw, list[i].Kind, nil
	}
	switch {
	case sw != "" && sw != kind:
		return "", "", usage("verify: the configuration has no %s named %q", title, sw)
	case len(list) > 1:
		return "", "", usage("verify: there are several of the kind %s: --switch %v", title, names)
	case len(list) == 0:
		return "", "", usage("verify: no %s is configured; --config names the daemon's configuration, or recordings the recordings to replay", title)
	}
	return names[0], list[0].Kind, nil
}

// contactFrom reads a contact as the daemon publishes it.
func contactFrom(x *api.Contact) metrics.Contact {
	c := metrics.Contact{Switch: x.Switch, Visit: x.ID, Leg: x.ID, Queue: x.Queue, Agent: x.Agent, Caller: x.Caller, Joined: x.Joined, Answered: x.Answered,
		Ended: x.Ended, Hold: x.Hold, Holds: x.Holds, Offers: x.Offers, Partial: x.Partial, Unseen: x.Unseen, AnswerUnseen: x.AnswerUnseen}
	c.Outcome = metrics.Outcome(slices.Index(metrics.OutcomeNames(), x.Outcome))
	c.EndedBy, _ = metrics.ParseEndedBy(x.EndedBy)
	return c
}
