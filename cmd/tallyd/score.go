package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"tallyd/rules"
)

type scoreOptions struct {
	reach
	scheme, facts      string
	from, to           string
	cycle, agent, role string
	seal, recompute    bool
	output             string
	json               bool
}

func scoreCommand(environ []string) *cobra.Command {
	var o scoreOptions
	c := &cobra.Command{
		Use: "score", Short: "form the cards of a period, or ask the running daemon for them",
		Long: "With --facts, appraises everybody whom the facts are about by the role of the scheme that they had: score, grade and tier, and what each indicator added.\n" +
			"Facts are lines as `tallyd export --facts` writes them; bad lines are named and left out, and the command ends with 1. Dates are midnights of the scheme's time\n" +
			"zone, --to is exclusive. The same scheme and facts give the same bytes on every machine; --json has all there is, and its sums.\n" +
			"Without --facts, asks the daemon how the scores of the period stand, by a scheme of its configuration (scheme_files), or for sealed ones (--cycle).\n" +
			"--seal makes the scores of a period that is over final.",
		Example: "  tallyd score --scheme inbound-service.yaml --facts october.jsonl --from 2026-10-01 --to 2026-11-01\n" +
			"  tallyd export --facts --from 2026-10-01 --to 2026-11-01 | tallyd score --scheme inbound-service.yaml --facts - --from 2026-10-01 --to 2026-11-01 --json\n" +
			"  tallyd score\n  tallyd score --seal --from 2026-10-01 --to 2026-11-01\n  tallyd score --cycle inbound-service-2026-10 --agent ann",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.facts == "" {
				return askScores(c.Context(), o, environ, c.OutOrStdout())
			}
			return score(o, c.InOrStdin(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	o.flags(c)
	f := c.Flags()
	f.StringVar(&o.scheme, "scheme", "", "the scheme's file; without --facts its name")
	f.StringVar(&o.facts, "facts", "", "the facts' file; - reads them from the standard input")
	f.StringVar(&o.cycle, "cycle", "", "scores that were sealed, such as inbound-service-2026-10")
	f.StringVar(&o.agent, "agent", "", "whose card; without it all")
	f.StringVar(&o.role, "role", "", "cards of this role; without it all")
	f.BoolVar(&o.recompute, "recompute", false, "with --cycle: form the scores again from what they were made of, and compare")
	f.BoolVar(&o.seal, "seal", false, "make the scores of a period that is over final")
	f.StringVar(&o.from, "from", "", "the first day, such as 2026-10-01")
	f.StringVar(&o.to, "to", "", "the day after the last one")
	f.StringVar(&o.output, "output", "", "write into this file")
	f.BoolVar(&o.json, "json", false, "print one JSON document")
	return c
}

func score(o scoreOptions, stdin io.Reader, stdout, stderr io.Writer) error {
	if o.seal || o.cycle != "" {
		return usage("score: --seal and --cycle are for the daemon, and go without --facts")
	}
	scheme, err := readScheme(o.scheme)
	if err != nil {
		return err
	}
	from, to, err := o.period()
	if err != nil {
		return err
	}
	a := rules.NewAppraisal(scheme, from, to)
	bad, err := addFacts(a, o.facts, stdin, stdout, stderr)
	if err != nil {
		return err
	}
	scores, err := a.Scores()
	if err != nil {
		return err
	}
	if o.agent != "" || o.role != "" { // the sum stays that of all
		scores.Cards = slices.DeleteFunc(scores.Cards, func(c rules.Card) bool {
			return o.agent != "" && c.Agent != o.agent || o.role != "" && c.Role != o.role
		})
	}
	if a.Outside > 0 {
		fmt.Fprintf(stderr, "score: %d facts are not from %s to %s and were left out\n", a.Outside, from, to)
	}
	err = writeTo(o.output, stdout, func(out io.Writer) error {
		if o.json {
			return writeJSON(out, scores)
		}
		fmt.Fprintf(out, "scheme %s, version %s, %s to %s\n", scores.Scheme.Name, scores.Scheme.Version, scores.Period.From, scores.Period.To)
		return cardTable(out, scores.Cards)
	})
	if err == nil && bad > 0 {
		err = notSo("score: %d lines of facts were bad, and left out", bad)
	}
	return err
}

// readScheme reads a scheme that can be used.
func readScheme(file string) (*rules.Scheme, error) {
	if file == "" {
		return nil, usage("score: which scheme? --scheme FILE")
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, &codeError{exitUsage, err}
	}
	s, faults, _ := rules.Read(file, b)
	if len(faults) > 0 {
		return nil, &codeError{exitUsage, faults}
	}
	return s, nil
}

func (o *scoreOptions) period() (from, to rules.Date, err error) {
	for _, x := range []struct {
		flag, text string
		to         *rules.Date
	}{{"--from", o.from, &from}, {"--to", o.to, &to}} {
		if x.text == "" {
			return from, to, usage("score: %s is missing, a date such as 2026-10-01", x.flag)
		}
		if err := x.to.UnmarshalText([]byte(x.text)); err != nil {
			return from, to, usage("score: %s %q %v", x.flag, x.text, err)
		}
	}
	if !from.Before(to) {
		return from, to, usage("score: the period from %s to %s is empty", from, to)
	}
	if d := to.Since(from); d > rules.MostDays {
		return from, to, usage("score: the period from %s to %s has %d days, %d are the most", from, to, d, rules.MostDays)
	}
	return from, to, nil
}

// addFacts adds a file's facts, and tells how many bad lines it has, which are named.
func addFacts(a *rules.Appraisal, file string, stdin io.Reader, stdout, stderr io.Writer) (bad int, err error) {
	in := stdin
	switch file {
	case "":
		return 0, usage("score: which facts? --facts FILE, or - for the standard input")
	case "-":
		file = "standard input"
	default:
		f, err := os.Open(file)
		if err != nil {
			return 0, &codeError{exitUsage, err}
		}
		defer f.Close()
		in = f
	}
	progress := newCounting(stderr, stdout, file, "facts")
	lines, err := rules.ReadFacts(in, func(f *rules.Fact) error {
		a.Add(f)
		progress.add(1)
		return nil
	})
	progress.done()
	for _, b := range lines {
		fmt.Fprintf(stderr, "%s:%d: %s\n", file, b.Line, b.What)
	}
	return len(lines), err
}

func cardTable(out io.Writer, cards []rules.Card) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	role := ""
	for i := range cards {
		c := &cards[i]
		if c.Role != role {
			role = c.Role
			fmt.Fprintf(w, "\n%s\tSCORE\t90 %%\tGRADE\tTIER\tDAYS", strings.ToUpper(role))
			for _, r := range c.Indicators {
				fmt.Fprintf(w, "\t%s", r.ID)
			}
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d", printable(c.Agent), points(c.Score), span(c.Interval), dash(c.Grade), tierOf(c), c.Days)
		for _, r := range c.Indicators {
			fmt.Fprintf(w, "\t%s", points(r.Points))
		}
		for _, g := range c.Gates {
			if g.Failed {
				fmt.Fprintf(w, "\tat most %v: %s", g.Cap, printable(g.Because))
			}
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

func points(v *float64) string {
	if v == nil {
		return "–"
	}
	return fmt.Sprintf("%.2f", *v)
}

func span(v *[2]float64) string {
	if v == nil {
		return "–"
	}
	return fmt.Sprintf("%.1f to %.1f", v[0], v[1])
}

func dash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func tierOf(c *rules.Card) string {
	if c.Tier == 0 {
		return "–"
	}
	return fmt.Sprint(c.Tier)
}
