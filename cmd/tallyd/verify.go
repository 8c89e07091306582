package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tallyd/cmd/tallyd/config"
	"tallyd/connectors/api"
	"tallyd/connectors/asterisk/queuelog"
	"tallyd/connectors/bus"
	"tallyd/metrics"
)

type verifyOptions struct {
	queueLog, ami, name string
	config, data        string
	from, to            string
	json                bool
}

func verifyCommand(environ []string) *cobra.Command {
	var o verifyOptions
	c := &cobra.Command{
		Use: "verify --queue-log FILE [RECORDING...]", Short: "hold what was counted against Asterisk's own queue_log, visit by visit",
		Long: "Compares visit by visit what was counted with what Asterisk wrote into its queue_log: outcome, queue, wait, agent and who ended the talk.\n" +
			"Without recordings the running daemon is asked for its contacts; with recordings of ARI (and --ami) these are replayed.\n" +
			"Differences that queue_log is known to have are told with their reason; any other one makes the exit code 1.",
		Example: "  tallyd verify --queue-log /var/log/asterisk/queue_log --from 2026-11-23 --to 2026-11-24\n" +
			"  tallyd verify --queue-log queue_log --ami ami-events.txt.gz ari-events.jsonl.gz",
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, files []string) error {
			return verify(c.Context(), o, files, environ, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVar(&o.queueLog, "queue-log", "", "Asterisk's queue_log (plain, .gz or .zst)")
	f.StringVar(&o.ami, "ami", "", "recording of the manager interface, beside recordings")
	f.StringVar(&o.name, "switch", "", "which of several switches of the daemon wrote it")
	f.StringVar(&o.config, "config", "", "configuration file of the daemon")
	f.StringVar(&o.data, "data", "", "data folder of the daemon")
	f.StringVar(&o.from, "from", "", "compare callers who joined from here on, local time (default: what both have)")
	f.StringVar(&o.to, "to", "", "compare callers who joined before, local time")
	f.BoolVar(&o.json, "json", false, "print one JSON document")
	return c
}

// counted is what the log is held against.
type counted struct {
	contacts []metrics.Contact
	name     func(agent string) string
	// complete is up to when all contacts that ended are there.
	complete metrics.Millis
	whole    bool // nothing was cut off it
}

func verify(ctx context.Context, o verifyOptions, files, environ []string, stdout, stderr io.Writer) error {
	if o.queueLog == "" {
		return usage("verify: --queue-log is needed")
	}
	if len(files) == 0 && o.ami != "" {
		return usage("verify: --ami goes with a recording of ARI")
	}
	cfg, err := config.Load(o.config, environ)
	if err != nil {
		return &codeError{exitUsage, err}
	}
	from, to, err := verifySpan(o, cfg)
	if err != nil {
		return err
	}
	entries, faults, err := readQueueLog(o.queueLog)
	if err != nil {
		return err
	}
	for _, f := range faults {
		fmt.Fprintf(stderr, "%s: %s\n", o.queueLog, f)
	}
	visits := queuelog.Visits(entries)
	var c *counted
	if len(files) > 0 {
		c, err = countedInRecordings(ctx, o.ami, files, stderr)
	} else {
		c, err = countedByDaemon(ctx, o, cfg, entries)
	}
	if err != nil {
		return err
	}
	v := &verdict{QueueLog: o.queueLog, Faults: faults}
	c.whole = c.whole && o.from == "" && o.to == ""
	v.judge(visits, c, v.common(visits, c, entries, from, to))
	if o.json {
		e := json.NewEncoder(stdout)
		e.SetEscapeHTML(false)
		err = e.Encode(v)
	} else {
		err = v.print(stdout)
	}
	if err == nil && v.Unexplained > 0 {
		err = notSo("%d differences that nothing explains", v.Unexplained)
	}
	return err
}

func verifySpan(o verifyOptions, cfg *config.Config) (from, to metrics.Millis, err error) {
	zone, err := time.LoadLocation(cfg.TimeZone)
	if err != nil {
		return 0, 0, &codeError{exitUsage, err}
	}
	to = math.MaxInt64
	for _, x := range []struct {
		flag, text string
		at         *metrics.Millis
	}{{"--from", o.from, &from}, {"--to", o.to, &to}} {
		at, err := localTime(x.text, zone)
		if err != nil {
			return 0, 0, usage("verify: %s %v", x.flag, err)
		}
		if !at.IsZero() {
			*x.at = metrics.MillisOf(at)
		}
	}
	return from, to, nil
}

func readQueueLog(file string) ([]queuelog.Entry, []string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	in, err := decompress(f)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	entries, faults, err := queuelog.Read(in)
	if errors.Is(err, queuelog.ErrNoQueueLog) {
		return nil, nil, notSo("%s: %w%s", file, err, strings.Join(append([]string{""}, faults...), "\n  "))
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	return entries, faults, nil
}

func countedInRecordings(ctx context.Context, ami string, files []string, stderr io.Writer) (*counted, error) {
	r := newReplayed(nil, settingsOf(nil))
	if err := r.add(kindAsterisk, ami, []recordingsOf{{kindAsterisk, files}}); err != nil {
		return nil, err
	}
	err := r.parts[0].play(ctx, files, stderr)
	if fatal := new(fatalError); errors.As(err, &fatal) {
		return nil, fatal.err
	} else if err != nil {
		return nil, err // what a recording is not cannot be compared
	}
	r.finish()
	return &counted{contacts: r.visits, name: r.name, complete: math.MaxInt64, whole: true}, nil
}

// countedByDaemon asks the running daemon for what it counted while the log was
// written.
func countedByDaemon(ctx context.Context, o verifyOptions, cfg *config.Config, entries []queuelog.Entry) (*counted, error) {
	name, err := asteriskOf(o.name, cfg)
	if err != nil {
		return nil, err
	}
	client, err := bus.Dial(dataFolder(cfg, o.data), cfg.Site, cfg.NATS.URL, cfg.NATS.CredentialsFile)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	c := &counted{}
	seen := map[api.Contact]bool{}
	request := bus.ContactsRequest{Switch: name, From: time.Unix(entries[0].At-1, 0), To: time.Now(), Limit: api.MaxContacts}
	for {
		within, cancel := context.WithTimeout(ctx, askWithin)
		answer, err := client.Contacts(within, request)
		cancel()
		if err != nil {
			return nil, err
		}
		before := len(c.contacts)
		for _, x := range answer.Contacts {
			if !seen[x] {
				seen[x] = true
				c.contacts = append(c.contacts, contactFrom(&x))
			}
		}
		c.complete = metrics.Millis(answer.Complete)
		if len(answer.Contacts) < request.Limit {
			return c, nil
		}
		if len(c.contacts) == before {
			return nil, fmt.Errorf("%d contacts ended in the millisecond %d: more than one answer holds", request.Limit, answer.Contacts[0].Ended)
		}
		request.From = answer.Contacts[len(answer.Contacts)-1].Ended.Time() // again, for who ended in that millisecond
	}
}

// asteriskOf is the name of the Asterisk that is meant.
func asteriskOf(name string, cfg *config.Config) (string, error) {
	var names []string
	for _, s := range cfg.Switches {
		if s.Kind == kindAsterisk {
			names = append(names, s.Name)
		}
	}
	switch {
	case name != "" && !slices.Contains(names, name):
		return "", usage("verify: the configuration has no Asterisk named %q", name)
	case name == "" && len(names) > 1:
		return "", usage("verify: there are several Asterisks: --switch %v", names)
	case name == "" && len(names) == 0:
		return "", usage("verify: no Asterisk is configured; --config names the daemon's configuration, or recordings the recordings to replay")
	case name == "":
		return names[0], nil
	}
	return name, nil
}

// contactFrom reads a contact as the daemon publishes it.
func contactFrom(x *api.Contact) metrics.Contact {
	c := metrics.Contact{Switch: x.Switch, Visit: x.ID, Leg: x.ID, Queue: x.Queue, Agent: x.Agent, Caller: x.Caller, Joined: x.Joined, Answered: x.Answered,
		Ended: x.Ended, Hold: x.Hold, Holds: x.Holds, Offers: x.Offers, Partial: x.Partial, Unseen: x.Unseen}
	c.Outcome = metrics.Outcome(slices.Index(metrics.OutcomeNames(), x.Outcome))
	c.EndedBy, _ = metrics.ParseEndedBy(x.EndedBy)
	return c
}
