package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"tallyd/cmd/tallyd/config"
	"tallyd/metrics/roster"
)

func rosterCommand(environ []string) *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: "roster", Short: "say who is who: check, show and import rosters", Args: cobra.NoArgs,
		Long: "A roster says whom each switch's logins belong to, and which team, role and shift an agent has, from which date on.\n" +
			"A running daemon reads its roster anew on SIGHUP; one with a fault in it is refused, and the old one stays.",
		Example: "  tallyd roster check roster.yaml\n  tallyd roster show roster.yaml --at 2026-10-15\n  tallyd roster import people.csv --into roster.yaml",
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.PersistentFlags().StringVar(&file, "config", "", "configuration file, for the time zone of a roster that names none")
	zone := func() (*time.Location, error) {
		cfg, err := config.Load(file, environ)
		if err != nil {
			return nil, &codeError{exitUsage, err}
		}
		return time.LoadLocation(cfg.TimeZone)
	}
	c.AddCommand(rosterCheckCommand(zone), rosterShowCommand(zone), rosterImportCommand())
	return c
}

func rosterCheckCommand(zone func() (*time.Location, error)) *cobra.Command {
	return &cobra.Command{
		Use: "check FILE...", Short: "say everything that is wrong with rosters", Args: cobra.MinimumNArgs(1),
		Example: "  tallyd roster check /etc/tallyd/roster.yaml",
		RunE: func(c *cobra.Command, files []string) error {
			z, err := zone()
			if err != nil {
				return err
			}
			var faults config.Faults
			for _, file := range files {
				r, err := config.LoadRoster(file, z)
				var wrong config.Faults
				switch {
				case errors.As(err, &wrong):
					faults = append(faults, wrong...)
				case err != nil:
					return err
				default:
					fmt.Fprintf(c.OutOrStdout(), "%s is sound: %d agents, %d teams, %d roles, %d shifts\n", file,
						len(r.Agents()), len(r.Names(roster.ByTeam)), len(r.Names(roster.ByRole)), len(r.Shifts()))
				}
			}
			if len(faults) > 0 {
				return &codeError{exitNotSo, faults}
			}
			return nil
		},
	}
}

func rosterImportCommand() *cobra.Command {
	var into string
	c := &cobra.Command{
		Use: "import FILE.csv [--into roster.yaml]", Short: "make a roster of a table, or put its agents into another roster", Args: cobra.ExactArgs(1),
		Long: "Prints the YAML of a roster made of a table, or puts the table's agents into the roster --into: who is there takes the place of the\n" +
			"entry with the same id, and keeps what the table has no column for; everything else stays as it is, with its comments.\n\n" +
			"The first line names the columns: id (always there), name, team, role, shift, from, until, and login:SWITCH for each switch.\n" +
			"Dates are such as 2026-10-15, and mean the midnight at which that day begins: until is the first day on which somebody is gone.\n" +
			"Several rows of one id each say what holds from their from on; an empty cell leaves things as they were, and - is none.\n" +
			"Several logins in a cell are separated by ; or |. The file is UTF-8; columns are separated by commas, semicolons or tabulators.",
		Example: "  tallyd roster import people.csv > roster.yaml\n  tallyd roster import people.csv --into /etc/tallyd/roster.yaml",
		RunE: func(c *cobra.Command, args []string) error {
			return importRoster(args[0], into, c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&into, "into", "", "roster to put the agents into, instead of printing")
	return c
}

func importRoster(file, into string, out io.Writer) error {
	table, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var old []byte
	if into != "" {
		if into, err = filepath.EvalSymlinks(into); err != nil {
			return err
		}
		if old, err = os.ReadFile(into); err != nil {
			return err
		}
	}
	r, err := config.ImportRoster(file, table, into, old)
	if err != nil {
		return err
	}
	if into == "" {
		_, err = out.Write(r.YAML)
		return err
	}
	if err := replaceFile(into, into, r.YAML); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s: %d agents added, %d replaced\n", into, r.Added, r.Replaced)
	return err
}

// replaceFile puts content in a file's place at one moment: who reads it finds
// the old or the new one, never a part. It may be read by whom the file like may.
func replaceFile(like, file string, content []byte) error {
	old, err := os.Stat(like)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // of no effect once it has its new name
	_, err = f.Write(content)
	if err = errors.Join(err, f.Chmod(old.Mode().Perm()), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}
