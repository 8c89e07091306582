package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"tallyd/cmd/tallyd/config"
	"tallyd/connectors/api"
	"tallyd/connectors/web/client"
	"tallyd/metrics"
)

type contactsOptions struct {
	reach
	from, to         string
	kind             string
	queues, outcomes []string
	agent, rung, sw  string
	caller           string
	mosBelow         float64
	callBack         string
	newest           bool
	abandoned        bool
	limit            int
	details          bool
	format, output   string
	json             bool
}

func contactsCommand(environ []string) *cobra.Command {
	var o contactsOptions
	c := &cobra.Command{
		Use: "contacts", Short: "list visits and calls: the evidence behind the figures",
		Long: "Asks the running daemon for its contacts, in the order in which they ended, or --newest first: one for each caller's stay in a queue or, with --kind call, one for each\n" +
			"call of an agent's own that is not from a queue. Any number can be exported: they are asked for and written page by page.\n" +
			"Numbers of callers are masked. --caller finds those of one number all the same: it is compared by its keyed hash, normalised as callers' numbers are (numbers in the configuration).\n" +
			"CSV and XLSX have a row for each contact, and an apostrophe before what a spreadsheet would take for a formula; JSON has who was rung and each hold too.",
		Example: "  tallyd contacts --abandoned --queue support@default\n" +
			"  tallyd contacts --call-back due\n" +
			"  tallyd contacts --agent 1001@default --from 2026-11-23 --to 2026-11-24 --details\n" +
			"  tallyd contacts --caller 13912345678 --from 2026-11-01\n" +
			"  tallyd contacts --kind call --agent 1001@default\n" +
			"  tallyd contacts --from 2026-10-01 --to 2026-11-01 --output october.xlsx",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return contacts(c.Context(), o, environ, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	o.flags(c)
	f := c.Flags()
	f.StringVar(&o.from, "from", "", "contacts that ended from here on, local time (default: midnight)")
	f.StringVar(&o.to, "to", "", "contacts that ended before, local time (default: now)")
	f.StringVar(&o.kind, "kind", "visit", "visit: stays in queues; call: calls that are not from a queue")
	f.StringArrayVar(&o.queues, "queue", nil, "of this queue; several times for several queues")
	f.StringVar(&o.agent, "agent", "", "that this agent answered, or whose call it is")
	f.StringVar(&o.rung, "rung", "", "for which this agent was rung, whoever answered")
	f.StringSliceVar(&o.outcomes, "outcome", nil, "with these outcomes, such as abandoned,timed_out")
	f.BoolVar(&o.abandoned, "abandoned", false, "callers who hung up while waiting: --outcome abandoned")
	f.StringVar(&o.callBack, "call-back", "", "told: what came of callers who were lost; due: those alone whom nobody has talked to since")
	f.BoolVar(&o.newest, "newest", false, "the latest first")
	f.StringVar(&o.sw, "switch", "", "of this switch")
	f.StringVar(&o.caller, "caller", "", "of this number, as the switch writes it")
	f.Float64Var(&o.mosBelow, "mos-below", 0, "with audio that was measured, and had a mean opinion score below this, such as 3.1")
	f.IntVar(&o.limit, "limit", 0, "at most so many (default: all)")
	f.BoolVar(&o.details, "details", false, "in the table: who was rung, holds, the way from queue to queue, ids")
	f.StringVar(&o.format, "format", "", "table, csv, json or xlsx (default: as --output ends, or table)")
	f.StringVar(&o.output, "output", "", "write into this file")
	f.BoolVar(&o.json, "json", false, "print one JSON document: --format json")
	return c
}

// request is the question, and the zone that times are shown in.
func (o *contactsOptions) request(cfg *config.Config) (r client.ContactQuery, zone *time.Location, err error) {
	if zone, err = time.LoadLocation(cfg.TimeZone); err != nil {
		return r, nil, &codeError{exitUsage, err}
	}
	r = client.ContactQuery{Kind: o.kind, Switch: o.sw, Queues: o.queues, Agent: o.agent, Outcomes: o.outcomes, Caller: o.caller, MOSBelow: o.mosBelow}
	if r.From, r.To, err = spanOf("contacts", cfg, o.from, o.to); err != nil {
		return r, nil, err
	}
	if !slices.Contains(metrics.ContactKindNames(), o.kind) {
		return r, nil, usage("contacts: --kind %q is neither visit nor call", o.kind)
	}
	r.Rung, r.CallBack, r.Newest = o.rung, o.callBack, o.newest
	if o.abandoned {
		r.Outcomes = append(r.Outcomes, metrics.Abandoned.String())
	}
	if !slices.Contains([]string{"", api.CallBackTold, api.CallBackDue}, o.callBack) {
		return r, nil, usage("contacts: --call-back %q is neither %s nor %s", o.callBack, api.CallBackTold, api.CallBackDue)
	}
	for _, name := range r.Outcomes {
		if i := slices.Index(metrics.OutcomeNames(), name); i <= int(metrics.InProgress) {
			return r, nil, usage("contacts: --outcome %q is none of %s", name, strings.Join(metrics.OutcomeNames()[metrics.InProgress+1:], ", "))
		}
	}
	if o.kind != metrics.VisitContact.String() && (o.abandoned || len(o.queues) > 0 || o.rung != "" || o.callBack != "") {
		return r, nil, usage("contacts: --queue, --abandoned, --rung and --call-back are about visits, not about calls")
	}
	if !(o.mosBelow >= 0 && o.mosBelow <= 5) {
		return r, nil, usage("contacts: --mos-below %v is not between 0 and 5", o.mosBelow)
	}
	if o.limit < 0 {
		return r, nil, usage("contacts: --limit %d is below 0", o.limit)
	}
	return r, zone, nil
}

// settle decides the format.
func (o *contactsOptions) settle(stdout io.Writer) error {
	if o.json {
		if o.format != "" && o.format != "json" {
			return usage("contacts: --json and --format %s are two formats", o.format)
		}
		o.format = "json"
	}
	if o.format == "" {
		o.format = "table"
		if ext := strings.TrimPrefix(strings.ToLower(filepath.Ext(o.output)), "."); ext == "csv" || ext == "json" || ext == "xlsx" {
			o.format = ext
		}
	}
	if !slices.Contains([]string{"table", "csv", "json", "xlsx"}, o.format) {
		return usage("contacts: --format %q is none of table, csv, json, xlsx", o.format)
	}
	if o.format == "xlsx" && o.output == "" && isTerminal(stdout) {
		return usage("contacts: a workbook is not for a terminal: --output FILE.xlsx")
	}
	return nil
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// contactWriter writes contacts in one of the formats, as they come.
type contactWriter interface {
	write(c *api.Contact) error
	// end comes after the last one. All that ended before complete are there.
	end(complete api.Moment) error
}

func contacts(ctx context.Context, o contactsOptions, environ []string, stdout, stderr io.Writer) error {
	cfg, err := config.Load(o.config, environ)
	if err != nil {
		return &codeError{exitUsage, err}
	}
	r, zone, err := o.request(cfg)
	if err != nil {
		return err
	}
	if err := o.settle(stdout); err != nil {
		return err
	}
	daemon, done, err := o.dial(ctx, cfg)
	if err != nil {
		return err
	}
	defer done()
	return writeTo(o.output, stdout, func(out io.Writer) error {
		counting := newCounting(stderr, stdout, o.output, "contacts")
		defer counting.done()
		return copyContacts(ctx, daemon, r, o.limit, newContactWriter(o, out, r, cfg.Site, zone), counting)
	})
}

func newContactWriter(o contactsOptions, out io.Writer, r client.ContactQuery, site string, zone *time.Location) contactWriter {
	switch o.format {
	case "csv":
		return newContactsCSV(out, zone)
	case "json":
		return &contactsJSON{out: out, site: site, from: r.From, to: r.To}
	case "xlsx":
		return &contactsXLSX{out: out, zone: zone}
	}
	return &contactsTable{out: out, zone: zone, site: site, from: r.From, to: r.To, columns: columnsOf(o), calls: o.kind != metrics.VisitContact.String(), details: o.details, limit: cmp.Or(o.limit, -1)}
}

// copyContacts asks for page after page.
func copyContacts(ctx context.Context, daemon *client.Client, r client.ContactQuery, limit int, w contactWriter, counting *counting) error {
	var complete api.Moment
	err := daemon.AllContacts(ctx, askWithin, r, limit, func(page *client.Contacts) error {
		for i := range page.Contacts {
			if err := w.write(&page.Contacts[i]); err != nil {
				return err
			}
		}
		counting.add(len(page.Contacts))
		complete = page.Complete
		return nil
	})
	if err != nil {
		return asked(err)
	}
	return w.end(complete)
}

// writeTo gives f a file that appears under its name once it is whole, or stdout.
func writeTo(name string, stdout io.Writer, f func(io.Writer) error) error {
	if name == "" {
		return f(stdout)
	}
	file, err := os.CreateTemp(filepath.Dir(name), ".contacts-*")
	if err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	defer os.Remove(file.Name()) // where it was renamed there is nothing left
	err = f(file)
	if e := file.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(file.Name(), name)
	}
	return err
}
