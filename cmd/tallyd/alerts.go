package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tallyd/cmd/tallyd/config"
	"tallyd/connectors/api"
	"tallyd/connectors/web/client"
	"tallyd/metrics"
)

func alertsCommand(environ []string) *cobra.Command {
	var o reach
	var document bool
	c := &cobra.Command{
		Use: "alerts", Short: "show what is raised, and what cleared of late",
		Long: "Asks the running daemon which alerts are raised, and which cleared of late, the latest hundred of these.\n" +
			"Rules are in the file that the configuration names under alerts; tallyd alerts check says what is wrong with one.",
		Example: "  tallyd alerts\n  tallyd alerts --json\n  tallyd alerts check /etc/tallyd/alerts.yaml",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return alerts(c.Context(), o, document, environ, c.OutOrStdout())
		},
	}
	o.flags(c)
	c.Flags().BoolVar(&document, "json", false, "print one JSON document")
	c.AddCommand(alertsCheckCommand(environ))
	return c
}

func alerts(ctx context.Context, o reach, document bool, environ []string, out io.Writer) error {
	cfg, err := config.Load(o.config, environ)
	if err != nil {
		return &codeError{exitUsage, err}
	}
	zone, err := time.LoadLocation(cfg.TimeZone)
	if err != nil {
		return &codeError{exitUsage, err}
	}
	daemon, done, err := o.dial(ctx, cfg)
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	a, err := daemon.Alerts(ctx)
	if err != nil {
		return asked(err)
	}
	if document {
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		return e.Encode(a)
	}
	return printAlerts(out, a, zone)
}

func printAlerts(out io.Writer, a *client.Alerts, zone *time.Location) error {
	clock := func(m api.Moment) string {
		if m == 0 {
			return ""
		}
		return metrics.Millis(m).Time().In(zone).Format("2006-01-02 15:04:05 MST")
	}
	fmt.Fprintf(out, "site %s, %s: %d alerts are raised\n", a.Site, clock(a.At), len(a.Active))
	list := slices.Concat(a.Active, a.Cleared)
	if len(list) == 0 {
		return nil
	}
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RAISED\tCLEARED\tSEVERITY\tRULE\tABOUT\tOWNER\tBECAUSE\tVALUES")
	for i := range list {
		m := &list[i]
		about := strings.TrimSpace(m.Of + " " + m.Subject)
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", clock(m.Raised), clock(m.Cleared), m.Severity, m.Rule, about, m.Owner, m.Because, alertValues(m.Values))
	}
	return w.Flush()
}

// alertValues writes what a rule's conditions asked for.
func alertValues(values map[string]any) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		cell := "–"
		switch v := values[name].(type) {
		case float64:
			cell = strconv.FormatFloat(v, 'f', -1, 64)
			if k, known := metrics.FindKPI(name); known {
				cell = printed(k.Unit, v)
			} else if name == "longest_wait" || name == "in_state" {
				cell = duration(int64(v))
			}
		case string:
			cell = strconv.Quote(v)
		}
		out = append(out, name+" "+cell)
	}
	return strings.Join(out, ", ")
}

func alertsCheckCommand(environ []string) *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: "check FILE...", Short: "say everything that is wrong with files of alerts", Args: cobra.MinimumNArgs(1),
		Long:    "Reads files of alerts and says every fault at once, with file, line and column. Ends with 1 if there is any.",
		Example: "  tallyd alerts check /etc/tallyd/alerts.yaml",
		RunE: func(c *cobra.Command, files []string) error {
			cfg, err := config.Load(file, environ)
			if err != nil {
				return &codeError{exitUsage, err}
			}
			zone, err := time.LoadLocation(cfg.TimeZone)
			if err != nil {
				return &codeError{exitUsage, err}
			}
			return checkAlertFiles(files, zone, c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&file, "config", "", "configuration file, for the time zone of a file that names none")
	return c
}

func checkAlertFiles(files []string, zone *time.Location, out io.Writer) error {
	var faults config.Faults
	for _, file := range files {
		set, err := config.LoadAlerts(file, zone)
		var wrong config.Faults
		switch {
		case errors.As(err, &wrong):
			faults = append(faults, wrong...)
		case err != nil:
			return &codeError{exitUsage, err}
		default:
			fmt.Fprintf(out, "%s is sound: %d alerts\n", file, set.Len())
		}
	}
	if len(faults) > 0 {
		return &codeError{exitNotSo, faults}
	}
	return nil
}
