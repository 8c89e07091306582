package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/spf13/cobra"

	"tallyd/cmd/tallyd/config"
	"tallyd/connectors/web/client"
)

type exportOptions struct {
	reach
	from, to string
	facts    bool
	calls    bool
	output   string
}

func exportCommand(environ []string) *cobra.Command {
	var o exportOptions
	c := &cobra.Command{
		Use: "export --facts", Short: "export what appraisals rest on, as JSON lines",
		Long: "Asks the running daemon for all that scores are formed from, a line for each: what each agent did in each hour of local time for each queue,\n" +
			"the agent's own hours (a line without a queue), and surveys, forms, trainings and cases that others told of. The lines of an agent add up to\n" +
			"the agent's figures; a count that is 0 is left out. First-call resolution is only of contacts that are old enough to tell: what is exported\n" +
			"later may have more of it, and facts that came in later.",
		Example: "  tallyd export --facts --from 2026-10-01 --to 2026-11-01 --output october.jsonl\n" +
			"  tallyd export --facts | head",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return export(c.Context(), o, environ, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	o.flags(c)
	f := c.Flags()
	f.BoolVar(&o.facts, "facts", false, "what scores are formed from")
	f.BoolVar(&o.calls, "calls", false, "with lines of what the callers of each queue came to: roles of teams may be appraised by it")
	f.StringVar(&o.from, "from", "", "from here on, local time (default: midnight)")
	f.StringVar(&o.to, "to", "", "what was before, local time (default: now)")
	f.StringVar(&o.output, "output", "", "write into this file")
	return c
}

func export(ctx context.Context, o exportOptions, environ []string, stdout, stderr io.Writer) error {
	cfg, err := config.Load(o.config, environ)
	if err != nil {
		return &codeError{exitUsage, err}
	}
	if !o.facts {
		return usage("export: say what: --facts")
	}
	from, to, err := spanOf("export", cfg, o.from, o.to)
	if err != nil {
		return err
	}
	daemon, done, err := o.dial(ctx, cfg)
	if err != nil {
		return err
	}
	defer done()
	return writeTo(o.output, stdout, func(out io.Writer) error {
		counting := newCounting(stderr, stdout, o.output, "lines")
		defer counting.done()
		buffered := bufio.NewWriter(out)
		lines := json.NewEncoder(buffered)
		lines.SetEscapeHTML(false)
		err := daemon.AllExport(ctx, askWithin, from, to, o.calls, func(part *client.Export) error {
			for i := range part.Lines {
				if err := lines.Encode(&part.Lines[i]); err != nil {
					return err
				}
			}
			counting.add(len(part.Lines))
			return buffered.Flush()
		})
		return asked(err)
	})
}

// spanOf is a span of local time that a command is asked for: from midnight to now
// where it is not said.
func spanOf(command string, cfg *config.Config, first, last string) (from, to time.Time, err error) {
	zone, err := time.LoadLocation(cfg.TimeZone)
	if err != nil {
		return from, to, &codeError{exitUsage, err}
	}
	if from, err = localTime(first, zone); err != nil {
		return from, to, usage("%s: --from %v", command, err)
	}
	if to, err = localTime(last, zone); err != nil {
		return from, to, usage("%s: --to %v", command, err)
	}
	if to.IsZero() {
		to = time.Now() // the same for every page
	}
	to = to.In(zone)
	if from.IsZero() {
		y, m, d := to.Date()
		from = time.Date(y, m, d, 0, 0, 0, 0, zone)
	}
	if !from.Before(to) {
		return from, to, usage("%s: the span from %s to %s is empty", command, from.In(zone).Format(time.RFC3339), to.Format(time.RFC3339))
	}
	return from, to, nil
}
