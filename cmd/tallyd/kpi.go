package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tallyd/cmd/tallyd/config"
	"tallyd/connectors/api"
	"tallyd/connectors/web/client"
	"tallyd/metrics"
	"tallyd/metrics/calendar"
)

type kpiOptions struct {
	reach
	from, to  string
	step      string
	kpis      []string
	threshold time.Duration
	json      bool
}

func kpiCommand(environ []string) *cobra.Command {
	var o kpiOptions
	c := &cobra.Command{
		Use: "kpi [queues|agents|teams|roles|site] [NAME...]", Short: "ask the running daemon for figures",
		Long: "Asks the running daemon for figures of today, or of any span: every queue's by default.\n" +
			"Teams and roles are the roster's: the sums of their agents, each while they were in it, also of who changes in the middle of the span.\n" +
			"--step cuts the span into hours, days, weeks (from Monday) or months of local time, or lists the shifts that begin in it.\n" +
			"fcr and repeat_rate, first-call resolution, are formed from contacts when they are named: of callers whom an agent talked with, who came back to the same\n" +
			"queues within 7 days (queue_groups in the configuration). Contacts younger than that do not count yet: fcr_censored in --json says how many.",
		Example: "  tallyd kpi\n  tallyd kpi agents 1001@default --kpi answered,aht,occupancy\n  tallyd kpi queues --from 2026-11-23 --to 2026-11-24T12:00 --threshold 30s --json\n" +
			"  tallyd kpi teams --from 2026-10-01 --to 2026-11-01 --step week\n" +
			"  tallyd kpi agents --from 2026-09-01 --to 2026-11-01 --step month --kpi answered,fcr,repeat_rate",
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			return kpi(c.Context(), o, args, environ, c.OutOrStdout())
		},
	}
	o.flags(c)
	f := c.Flags()
	f.StringVar(&o.from, "from", "", "beginning of the span, local time (default: midnight)")
	f.StringVar(&o.to, "to", "", "end of the span, local time (default: now)")
	f.StringVar(&o.step, "step", "", "rows for each 15m (quarter of an hour), hour, shift, day, week or month of the span")
	f.StringSliceVar(&o.kpis, "kpi", nil, "ids of KPIs (tallyd metrics lists them)")
	f.DurationVar(&o.threshold, "threshold", 0, "service-level threshold instead of each queue's own")
	f.BoolVar(&o.json, "json", false, "print one JSON document")
	return c
}

var groupColumns = []string{"offers", "answered", "missed", "rejected", "aht", "occupancy", "logged_in", "scheduled", "utilisation", "conformance"}

// columns are shown where nobody says which.
var columns = map[string][]string{
	api.Queues: {"offered", "answered", "abandoned", "sl.offered", "asa", "abandon_rate", "max_wait", "att", "transfer_rate"},
	api.Agents: {"offers", "answered", "missed", "rejected", "aht", "occupancy", "answer_rate.agent_net", "available", "paused", "logged_in"},
	api.Teams:  groupColumns,
	api.Roles:  groupColumns,
	api.Site:   {"offered", "answered", "abandoned", "sl.offered", "asa", "abandon_rate", "occupancy", "logged_in"},
}

func kpi(ctx context.Context, o kpiOptions, args, environ []string, out io.Writer) error {
	cfg, err := config.Load(o.config, environ)
	if err != nil {
		return &codeError{exitUsage, err}
	}
	zone, err := time.LoadLocation(cfg.TimeZone)
	if err != nil {
		return &codeError{exitUsage, err}
	}
	if _, ok := calendar.ParseStep(o.step); !ok && o.step != "" && o.step != "shift" {
		return usage("kpi: --step %q is none of 15m, hour, shift, day, week, month", o.step)
	}
	r := client.KPIQuery{Kind: api.Queues, Step: o.step, KPIs: o.kpis, Threshold: o.threshold, Limit: api.MaxRows}
	if len(args) > 0 {
		kind, ok := map[string]string{"queues": api.Queues, "agents": api.Agents, "teams": api.Teams, "roles": api.Roles, "sites": api.Site}[strings.TrimSuffix(args[0], "s")+"s"]
		if !ok {
			return usage("kpi: %q is none of queues, agents, teams, roles, site", args[0])
		}
		r.Kind, r.Names = kind, args[1:]
	}
	if r.From, err = localTime(o.from, zone); err != nil {
		return usage("kpi: --from %v", err)
	}
	if r.To, err = localTime(o.to, zone); err != nil {
		return usage("kpi: --to %v", err)
	}
	if len(r.KPIs) == 0 && !o.json {
		r.KPIs = columns[r.Kind]
	}
	daemon, done, err := o.dial(ctx, cfg)
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	answer, err := daemon.AllKPI(ctx, r)
	if err != nil {
		return asked(err)
	}
	if o.json {
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		return e.Encode(answer)
	}
	return printKPIs(out, answer, r.KPIs, zone)
}

// dataFolder is where the daemon keeps its data: as said, as configured, or the
// demo's if that is the only one there is.
func dataFolder(cfg *config.Config, said string) string {
	if said != "" {
		return said
	}
	if _, err := os.Stat(cfg.Data); err != nil && cfg.Data == config.Default().Data {
		return demoFolder()
	}
	return cfg.Data
}

// demoFolder is the demo's data: the user's own, so that it needs no rights and
// is found again.
func demoFolder() string {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	return filepath.Join(cache, "tallyd-demo")
}

// localTime reads a date, a date and time, or a full RFC 3339 time; "" is zero.
func localTime(s string, zone *time.Location) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time, such as 2026-11-23 or 2026-11-23T15:00", s)
}

func printKPIs(out io.Writer, a *client.KPIs, ids []string, zone *time.Location) error {
	clock := func(m api.Moment) string { return metrics.Millis(m).Time().In(zone).Format("2006-01-02 15:04 MST") }
	fmt.Fprintf(out, "site %s, %s to %s\n", a.Site, clock(a.From), clock(a.To))
	for _, s := range a.Health {
		if !s.Connected {
			fmt.Fprintf(out, "! switch %s is not seen: %s\n", s.Name, s.Error)
		} else if s.Error != "" {
			fmt.Fprintf(out, "! switch %s: %s\n", s.Name, s.Error)
		}
		for _, m := range s.Missing {
			fmt.Fprintf(out, "! switch %s does not show %s\n", s.Name, m)
		}
		if s.Unobserved > 0 {
			fmt.Fprintf(out, "! switch %s was not seen for %s, in %d gaps, since it is counted\n", s.Name, duration(s.Unobserved), s.Gaps)
		}
	}
	for _, p := range a.Problems {
		fmt.Fprintf(out, "! the store: %s\n", p)
	}
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	if a.Step != "" {
		fmt.Fprintf(w, "FROM\tTO\t")
	}
	fmt.Fprintf(w, "%s\t%s\t\n", strings.ToUpper(a.Kind), strings.Join(ids, "\t"))
	local := zoneOf(a, zone)
	for _, row := range a.Rows {
		if a.Step != "" {
			fmt.Fprintf(w, "%s\t%s\t", strings.TrimLeft(row.Shift+" "+row.From.In(local).Format("Mon 2006-01-02 15:04 MST"), " "), row.To.In(local).Format("Mon 15:04 MST"))
		}
		fmt.Fprintf(w, "%s\t", rowTitle(row))
		for _, id := range ids {
			cell := "–"
			if v := row.KPIs[id]; v != nil {
				if k, ok := metrics.FindKPI(id); ok {
					cell = printed(k.Unit, *v)
				}
			}
			fmt.Fprintf(w, "%s\t", cell)
		}
		fmt.Fprintln(w)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, "\n– no data, which is neither 0 nor 100 %. tallyd metrics ID explains a figure.")
	return err
}

// zoneOf is the zone that an answer is cut up by.
func zoneOf(a *client.KPIs, otherwise *time.Location) *time.Location {
	if zone, err := time.LoadLocation(a.Zone); err == nil && a.Zone != "" {
		return zone
	}
	return otherwise
}

// rowTitle is a row's name, and what people call it.
func rowTitle(r api.KPIRow) string {
	switch {
	case r.Name == "":
		return "(none)" // agents who are in no team, or have no role
	case r.Label == "" || r.Label == r.Name:
		return r.Name
	}
	return r.Name + " (" + r.Label + ")"
}
