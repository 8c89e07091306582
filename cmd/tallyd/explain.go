package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tallyd/connectors/api"
	"tallyd/connectors/web/client"
	"tallyd/rules"
)

type explainOptions struct {
	reach
	scheme, from, to string
	values, weights  map[string]string
	json             bool
}

func explainCommand(environ []string) *cobra.Command {
	var o explainOptions
	c := &cobra.Command{
		Use: "explain [CYCLE/]AGENT[/ROLE]", Short: "say why a score is what it is",
		Long: "Asks the running daemon how an agent's card came about: each indicator with its figure, formula, counters and points, where the calls behind it can be\n" +
			"asked for, and what would raise the score most. Of a cycle that was sealed, or, without CYCLE, as the score stands. --if and --weight ask what the score\n" +
			"would be with other figures or weights; --scheme with --from and --to by another scheme.",
		Example: "  tallyd explain ann\n  tallyd explain inbound-service-2026-10/ann\n  tallyd explain inbound-service-2026-10/ann/senior_agent --json\n" +
			"  tallyd explain ann --if fcr=85% --if aht=240s\n  tallyd explain ann --weight volume=5% --weight fcr=35%",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return explain(c.Context(), o, args[0], environ, c.OutOrStdout())
		},
	}
	o.flags(c)
	f := c.Flags()
	f.StringVar(&o.scheme, "scheme", "", "name of another scheme of the daemon's")
	f.StringVar(&o.from, "from", "", "the first day of the period, such as 2026-10-01")
	f.StringVar(&o.to, "to", "", "the day after its last one")
	f.StringToStringVar(&o.values, "if", nil, "what if an indicator were this: fcr=85%")
	f.StringToStringVar(&o.weights, "weight", nil, "what if it had this weight: fcr=30%")
	f.BoolVar(&o.json, "json", false, "print one JSON document")
	return c
}

// cardOf takes the name of a card apart. An agent's id may have slashes: a cycle or role
// is one only where the daemon knows it.
func cardOf(name string, cycles []api.Cycle, roles func(cycle, role string) bool) (cycle, agent, role string) {
	agent = name
	for _, c := range cycles {
		if rest, is := strings.CutPrefix(name, c.Cycle+"/"); is {
			cycle, agent = c.Cycle, rest
		}
	}
	if i := strings.LastIndexByte(agent, '/'); i > 0 && roles(cycle, agent[i+1:]) {
		agent, role = agent[:i], agent[i+1:]
	}
	return cycle, agent, role
}

func explain(ctx context.Context, o explainOptions, card string, environ []string, out io.Writer) error {
	daemon, done, err := o.open(ctx, environ)
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	cycles, err := daemon.Cycles(ctx)
	if err != nil {
		return asked(err)
	}
	q := client.ScoreQuery{Scheme: o.scheme, From: o.from, To: o.to, Values: o.values, Weights: o.weights}
	q.Cycle, q.Agent, q.Role = cardOf(card, cycles.Cycles, func(cycle, role string) bool {
		list, err := daemon.Scores(ctx, client.ScoreQuery{Cycle: cycle, Scheme: o.scheme, From: o.from, To: o.to, Role: role})
		return err == nil && len(list.Cards) > 0
	})
	e, err := daemon.Explain(ctx, q)
	if err != nil {
		return asked(err)
	}
	if o.json {
		return writeJSON(out, e)
	}
	return explained(out, e)
}

// explained writes an explanation for people.
func explained(out io.Writer, e *client.Explanation) error {
	c := &e.Card
	fmt.Fprintf(out, "%s, %s: %s (%s), nine in ten %s, tier %s\n", printable(c.Agent), c.Role, points(c.Score), dash(c.Grade), span(c.Interval), tierOf(c))
	fmt.Fprintf(out, "%s, %s to %s, %d days, scheme %s version %s, %s\n", e.Cycle, e.Period.From, e.Period.To, c.Days, e.Scheme.Name, e.Scheme.Version, sealedAt(e.Sealed))
	if c.Unobserved > 0 {
		fmt.Fprintf(out, "left out, as the switch was not seen: %s\n", duration(c.Unobserved))
	}
	if c.BadMedia > 0 || c.BadMediaSurveys > 0 {
		fmt.Fprintf(out, "left out, as the audio was bad: %d calls, %d surveys\n", c.BadMedia, c.BadMediaSurveys)
	}
	if len(c.Teams) > 0 {
		fmt.Fprintf(out, "answers for: %s, %d members\n", printable(strings.Join(c.Teams, ", ")), c.Members)
	}
	if c.BeforeGates != nil {
		fmt.Fprintf(out, "without gates: %s\n", points(c.BeforeGates))
	}
	for _, g := range c.Gates {
		if g.Failed {
			fmt.Fprintf(out, "at most %v: %s (%s)\n", g.Cap, g.Because, g.When)
		}
	}
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "INDICATOR\tRAW\tCASES\tADJUSTED\tSHRUNK\t90 %\tPOINTS\tWEIGHT\tADDS")
	for i := range c.Indicators {
		r := &c.Indicators[i]
		u := e.Reasons[i].Unit
		interval := "–"
		if r.Interval != nil {
			interval = figureOf(u, &r.Interval[0]) + " to " + figureOf(u, &r.Interval[1])
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\t%s\t%.1f %%\t%s\n", r.ID, figureOf(u, r.Raw), r.N, figureOf(u, r.Adjusted), figureOf(u, r.Shrunk), interval, points(r.Points), 100*r.Weight, points(r.Contribution))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for i := range c.Indicators {
		because(out, &c.Indicators[i], &e.Reasons[i], evidenceFor(e, c.Indicators[i].ID))
	}
	if len(e.Raises) > 0 {
		fmt.Fprint(out, "\nwhat would raise it most:\n")
	}
	for _, r := range e.Raises {
		i := slices.IndexFunc(e.Reasons, func(x rules.Reason) bool { return x.ID == r.ID })
		fmt.Fprintf(out, "  %s at %s: %+.2f\n", r.ID, figureOf(e.Reasons[i].Unit, &r.To), r.Adds)
	}
	if x := e.WhatIf; x != nil {
		fmt.Fprintf(out, "\nwhat if: %s (%s)\n", points(x.Score), dash(x.Grade))
	}
	return nil
}

func evidenceFor(e *client.Explanation, id string) api.Evidence {
	i := slices.IndexFunc(e.Evidence, func(x api.Evidence) bool { return x.ID == id })
	if i < 0 {
		return api.Evidence{}
	}
	return e.Evidence[i]
}

// because says what an indicator is.
func because(out io.Writer, r *rules.Result, why *rules.Reason, behind api.Evidence) {
	of := ""
	if why.Queues {
		of = fmt.Sprintf(" of the team's queues, T = %v", time.Duration(why.Threshold)*time.Millisecond)
	}
	fmt.Fprintf(out, "\n%s (%s) = %s%s\n", r.ID, why.Dimension, why.Formula, of)
	if len(r.Counts) > 0 {
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(r.Counts)) {
			parts = append(parts, fmt.Sprintf("%s %d", name, r.Counts[name]))
		}
		fmt.Fprintf(out, "  %s\n", strings.Join(parts, ", "))
	}
	var marks []string
	for _, m := range why.Marks {
		marks = append(marks, fmt.Sprintf("%s: %v", figureOf(why.Unit, &m.Value), m.Points))
	}
	fmt.Fprintf(out, "  points, %s: %s\n", why.Curve, strings.Join(marks, ", "))
	if r.Why != "" {
		fmt.Fprintf(out, "  not rated: %s\n", r.Why)
	}
	for _, path := range []string{behind.KPI, behind.Contacts, behind.Facts} {
		if path != "" {
			fmt.Fprintf(out, "  %s\n", path)
		}
	}
}

// figureOf prints a figure in a unit of schemes.
func figureOf(unit string, v *float64) string {
	switch {
	case v == nil:
		return "–"
	case unit == "percent":
		return fmt.Sprintf("%.1f", *v)
	}
	return printed(unit, *v)
}
