package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"tallyd/cmd/tallyd/config"
	"tallyd/connectors/api"
	"tallyd/metrics"
)

// aDay is how many intervals are counted once more at a time.
const aDay metrics.Interval = 96

// verifyEvidence counts a span once more from its evidence, a day at a time.
func verifyEvidence(ctx context.Context, o verifyOptions, environ []string, stdout, stderr io.Writer) (err error) {
	cfg, err := config.Load(o.config, environ)
	if err != nil {
		return &codeError{exitUsage, err}
	}
	zone, err := time.LoadLocation(cfg.TimeZone)
	if err != nil {
		return &codeError{exitUsage, err}
	}
	from, to, err := evidenceSpan(o, zone)
	if err != nil {
		return err
	}
	k, err := openKeeper(ctx, cfg, dataFolder(cfg, o.data), slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.close()) }()
	all := &api.Verification{From: api.Moment(from.Start()), To: api.Moment(to.Start()), Differences: []api.Discrepancy{}}
	days := 0
	for i := from; i < to; i += aDay {
		v, err := k.Verify(ctx, i, min(i+aDay, to))
		if err != nil {
			return err
		}
		all.Add(v)
		if days++; days%30 == 0 {
			fmt.Fprintf(stderr, "verify: %s, %d figures so far\n", min(i+aDay, to).Start().Time().In(zone).Format(time.DateOnly), all.Rollups)
		}
	}
	if o.json {
		e := json.NewEncoder(stdout)
		e.SetEscapeHTML(false)
		err = e.Encode(all)
	} else {
		err = printVerification(stdout, all, zone)
	}
	if err == nil && all.Different > 0 {
		err = notSo("%d figures do not come out of their evidence", all.Different)
	}
	return err
}

// evidenceSpan is today, unless it is said otherwise.
func evidenceSpan(o verifyOptions, zone *time.Location) (from, to metrics.Interval, err error) {
	span, err := verifySpan(o, zone)
	if err != nil {
		return 0, 0, err
	}
	now := time.Now().In(zone)
	if span.To == 0 {
		span.To = metrics.MillisOf(now)
	}
	if span.From == 0 {
		y, m, d := span.To.Time().In(zone).Date()
		span.From = metrics.MillisOf(time.Date(y, m, d, 0, 0, 0, 0, zone))
	}
	if from, to = metrics.IntervalOf(span.From), metrics.IntervalOf(span.To-1)+1; from >= to {
		return 0, 0, usage("verify: the span ends before it begins")
	}
	return from, to, nil
}

func printVerification(w io.Writer, v *api.Verification, zone *time.Location) error {
	local := func(m api.Moment) string { return metrics.Millis(m).Time().In(zone).Format("2006-01-02 15:04 MST") }
	fmt.Fprintf(w, "%s to %s: %d quarter hours of switches counted once more from %d contacts and %d stretches of states: %d rollups compared\n",
		local(v.From), local(v.To), v.Intervals, v.Contacts, v.Spans, v.Rollups)
	if v.Skipped > 0 {
		fmt.Fprintf(w, "%d quarter hours could not be: their evidence is not kept\n", v.Skipped)
	}
	for _, d := range v.Differences {
		fmt.Fprintf(w, "! %s\n", d)
	}
	_, err := fmt.Fprintf(w, "%d differences\n", v.Different)
	return err
}
