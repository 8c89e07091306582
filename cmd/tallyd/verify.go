package main

import (
	"context"
	"encoding/json"
	"io"
	"math"
	"time"

	"github.com/spf13/cobra"

	"tallyd/cmd/tallyd/config"
	"tallyd/connectors/source/records"
	"tallyd/metrics"
)

type verifyOptions struct {
	files        recordFiles
	ami, sw      string
	config, data string
	from, to     string
	json         bool
}

func verifyCommand(environ []string) *cobra.Command {
	var o verifyOptions
	c := &cobra.Command{
		Use: "verify [--queue-log FILE|--cdr FILE|… [RECORDING...]]", Short: "prove what was counted: from the evidence kept, or against the switch's own records",
		Long: "Without a record of the switch, every figure that is stored for the span (default: today) is counted once more from the contacts and\n" +
			"the agents' states that are kept as its evidence, and compared to the last digit. The daemon may run or not.\n\n" +
			"With records: compares visit by visit what was counted with what the switch wrote down itself: outcome, queue, wait, agent and who ended the talk, as far\n" +
			"as a record tells them. Several records may be given at once. Without recordings the running daemon is asked for its contacts; with\n" +
			"recordings (as for replay) these are replayed. Differences that a record is known to have are told with their reason; any other one\n" +
			"makes the exit code 1.",
		Example: "  tallyd verify --from 2026-11-01 --to 2026-12-01\n" +
			"  tallyd verify --queue-log /var/log/asterisk/queue_log --cdr /var/log/asterisk/cdr-csv/Master.csv --from 2026-11-23 --to 2026-11-24\n" +
			"  tallyd verify --json-cdr /var/log/freeswitch/json_cdr --switch fs1\n" +
			"  tallyd verify --queue-log queue_log --cel cel.csv --ami ami-events.txt.gz ari-events.jsonl.gz",
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, files []string) error {
			return verify(c.Context(), o, files, environ, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVar(&o.files.queueLog, "queue-log", "", "Asterisk's queue_log")
	f.StringVar(&o.files.cdr, "cdr", "", "call detail records as CSV: of Asterisk (cdr_csv, cdr_custom) or of FreeSWITCH (mod_cdr_csv)")
	f.StringVar(&o.files.cel, "cel", "", "Asterisk's channel event log as CSV (cel_custom)")
	f.StringVar(&o.files.jsonCDR, "json-cdr", "", "FreeSWITCH's JSON call detail records (mod_json_cdr): a folder, a tar of it, or a file of one after another")
	f.StringVar(&o.files.callcenter, "callcenter", "", "what FreeSWITCH's callcenter_config agent list, tier list, queue list and queue list members print")
	f.StringVar(&o.sw, "switch", "", "which of the daemon's switches wrote them; beside recordings, asterisk or freeswitch")
	f.StringVar(&o.ami, "ami", "", "recording of the manager interface, beside recordings of ARI")
	f.StringVar(&o.config, "config", "", "configuration file of the daemon")
	f.StringVar(&o.data, "data", "", "data folder of the daemon")
	f.StringVar(&o.from, "from", "", "compare callers who joined from here on, local time (default: what both have)")
	f.StringVar(&o.to, "to", "", "compare callers who joined before, local time")
	f.BoolVar(&o.json, "json", false, "print one JSON document")
	return c
}

func verify(ctx context.Context, o verifyOptions, files, environ []string, stdout, stderr io.Writer) error {
	if o.ami != "" && len(files) == 0 {
		return usage("verify: --ami goes with a recording of ARI")
	}
	if len(files) == 0 && o.files == (recordFiles{}) {
		return verifyEvidence(ctx, o, environ, stdout, stderr)
	}
	kind, err := o.files.kind(o.sw, o.ami)
	if err != nil {
		return err
	}
	cfg, err := config.Load(o.config, environ)
	if err != nil {
		return &codeError{exitUsage, err}
	}
	zone, err := time.LoadLocation(cfg.TimeZone)
	if err != nil {
		return &codeError{exitUsage, err}
	}
	asked, err := verifySpan(o, zone)
	if err != nil {
		return err
	}
	name := kind
	if len(files) == 0 {
		if name, kind, err = switchOf(o.sw, kind, cfg); err != nil {
			return err
		}
	} else if kind == "" {
		return usage("verify: --cdr may be of either kind of switch: --switch asterisk or freeswitch")
	}
	list, err := o.files.read(kind, zone, stderr)
	if err != nil {
		return err
	}
	var c *records.Counted
	if len(files) > 0 {
		c, err = countedInRecordings(ctx, kind, o.ami, files, stderr)
	} else {
		c, err = countedByDaemon(ctx, name, kind, o.data, cfg, first(list))
	}
	if err != nil {
		return err
	}
	v := judge(name, list, c, asked)
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

// first is when the first of what records tell of was.
func first(list []*recordFile) metrics.Millis {
	from := metrics.Millis(math.MaxInt64)
	for _, f := range list {
		from = min(from, f.readings[0].Span.From)
	}
	return from
}

func verifySpan(o verifyOptions, zone *time.Location) (span records.Span, err error) {
	for _, x := range []struct {
		flag, text string
		at         *metrics.Millis
	}{{"--from", o.from, &span.From}, {"--to", o.to, &span.To}} {
		at, err := localTime(x.text, zone)
		if err != nil {
			return span, usage("verify: %s %v", x.flag, err)
		}
		if !at.IsZero() {
			*x.at = metrics.MillisOf(at)
		}
	}
	return span, nil
}
