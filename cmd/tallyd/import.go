package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"tallyd/cmd/tallyd/config"
	"tallyd/cmd/tallyd/factcsv"
	"tallyd/rules/form"
)

type importOptions struct {
	reach
	kind   string
	file   string // - for the standard input
	forms  string
	dryRun bool
}

// importable is what each kind's help says.
var importable = []struct{ kind, short, columns, example string }{
	{"survey", "surveys: what callers said", "csat (1 to 5), nps (0 to 10), resolved (yes or no): one of them at least",
		"id,at,agent,csat,nps,resolved\n  s-1,2026-10-01 09:03,ann,5,9,yes"},
	{"disposition", "dispositions: what became of callers' concerns", "code (your own word), and of a case with a time limit: case (its number), due (the limit), done (when it was met)",
		"id,at,agent,code,case,due,done\n  d-1,2026-10-01 09:05,ann,refund,C-17,2026-10-03 09:00,2026-10-02 11:30"},
	{"training", "trainings: courses that were taken", "course, passed (yes or no), and where somebody counted: points, of",
		"id,at,agent,course,passed,points,of\n  t-1,2026-10-01,ann,product-basics,yes,18,20"},
	{"form", "quality forms, and other assessments", "form (which one), rater, and either points, of and critical (yes or no), or a column SECTION.ITEM for each item of the form,\n" +
		"with its points, or N/A where it does not apply. The forms are defined in --forms, or forms_file of the configuration",
		"id,at,agent,form,rater,teamwork.helps,teamwork.shares\n  q-1,2026-10-01 09:05,ann,peer,bob,5,N/A"},
}

func importCommand(environ []string) *cobra.Command {
	c := &cobra.Command{
		Use: "import", Short: "import what a switch does not know, from tables: surveys, dispositions, trainings, forms",
		Example: "  tallyd import survey october.csv\n  tallyd import form quality.csv --dry-run",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	for i := range importable {
		c.AddCommand(importKindCommand(environ, i))
	}
	return c
}

func importKindCommand(environ []string, i int) *cobra.Command {
	x := importable[i]
	o := importOptions{kind: x.kind}
	c := &cobra.Command{
		Use: x.kind + " FILE.csv", Short: "import a table of " + x.short, Args: cobra.ExactArgs(1),
		Long: "Reads a table, a row for each, and feeds it to the running daemon. Good rows go in, also where others are bad; of each bad one the error output\n" +
			"says where and why, as FILE:LINE:COLUMN. Ends with 1 if there is any. FILE - is the standard input.\n\n" +
			"The first line names the columns, in any order:\n\n  " + x.example + "\n\n" +
			"Of every kind: at (when it happened: RFC 3339, or a local time such as 2026-10-01 09:00 in the time_zone of --config, UTC without one); agent, or contact:\n" +
			"the id of the visit that it is about, with switch where the site has several; id, unique within the kind: a row that is imported again counts once, and one\n" +
			"with another content is refused. Without a column id the id is made of what the row says: two rows that say the same are one then.\n" +
			"Of this kind: " + x.columns + ".\n\n" +
			"The file is UTF-8; columns are separated by commas, semicolons or tabulators.",
		Example: "  tallyd import " + x.kind + " october.csv\n  tallyd import " + x.kind + " october.csv --dry-run --config /etc/tallyd/tallyd.yaml\n" +
			"  tallyd import " + x.kind + " - --url https://pbx.example.org:8470 --token-file ingest.token < october.csv",
		RunE: func(c *cobra.Command, args []string) error {
			o.file = args[0]
			return importFile(c.Context(), &o, environ, c.InOrStdin(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	o.flags(c)
	c.Flags().BoolVar(&o.dryRun, "dry-run", false, "say what is wrong with the table, as far as the table itself tells, and import nothing; no daemon is needed")
	if x.kind == "form" {
		c.Flags().StringVar(&o.forms, "forms", "", "file with the forms' definitions (default: forms_file of the configuration)")
	}
	return c
}

func importFile(ctx context.Context, o *importOptions, environ []string, stdin io.Reader, stdout, stderr io.Writer) error {
	cfg, err := config.Load(o.config, environ)
	if err != nil {
		return &codeError{exitUsage, err}
	}
	table, err := o.table(cfg, stdin)
	if err != nil {
		return err
	}
	in := &importing{table: table, stderr: stderr, counting: newCounting(stderr, stdout, o.file, "rows")}
	if !o.dryRun {
		daemon, done, err := o.dial(ctx, cfg)
		if err != nil {
			return err
		}
		defer done()
		in.daemon = daemon
	}
	if err := in.run(ctx); err != nil {
		return fmt.Errorf("import: %w (of %s, %d rows were stored before that, and %d known: to import it again counts none twice)", asked(err), o.name(), in.stored, in.known)
	}
	if in.daemon == nil {
		fmt.Fprintf(stdout, "%s: %d sound, %d bad; nothing is imported\n", o.name(), in.sound, in.bad)
	} else {
		fmt.Fprintf(stdout, "%s: %d stored, %d known already, %d bad\n", o.name(), in.stored, in.known, in.bad)
	}
	if in.bad > 0 {
		return notSo("import: %d rows are bad", in.bad)
	}
	return nil
}

// table opens the table to be imported.
func (o *importOptions) table(cfg *config.Config, stdin io.Reader) (*factcsv.Reader, error) {
	zone, err := time.LoadLocation(cfg.TimeZone)
	if err != nil {
		return nil, &codeError{exitUsage, err}
	}
	forms, err := o.definitions(cfg)
	if err != nil {
		return nil, err
	}
	if o.file == "-" && o.tokenFile == "-" {
		return nil, usage("import: the table and the token cannot both come from the standard input")
	}
	if o.file != "-" {
		f, err := os.Open(o.file)
		if err != nil {
			return nil, &codeError{exitUsage, err}
		}
		defer f.Close()
		stdin = f
	}
	content, err := io.ReadAll(io.LimitReader(stdin, factcsv.MaxFile+1))
	if err != nil {
		return nil, err
	}
	table, err := factcsv.New(o.name(), o.kind, content, zone, forms)
	if err != nil {
		return nil, &codeError{exitUsage, err}
	}
	return table, nil
}

// definitions are the forms that a table of forms may name.
func (o *importOptions) definitions(cfg *config.Config) (form.Forms, error) {
	file := o.forms
	if file == "" {
		file = cfg.FormsFile
	}
	if o.kind != "form" || file == "" {
		return nil, nil
	}
	forms, err := config.LoadForms(file)
	var faults config.Faults
	switch {
	case errors.As(err, &faults):
		return nil, err
	case err != nil:
		return nil, &codeError{exitUsage, err}
	}
	return forms, nil
}

// name is what the table is called in messages.
func (o *importOptions) name() string {
	if o.file == "-" {
		return "stdin"
	}
	return o.file
}
