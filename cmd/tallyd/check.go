package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"tallyd/cmd/tallyd/config"
	"tallyd/connectors/api"
	"tallyd/rules/form"
)

func checkCommand(environ []string) *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: "check", Short: "say everything that is wrong with a configuration", Args: cobra.NoArgs,
		Example: "  tallyd check --config /etc/tallyd/tallyd.yaml",
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := config.Load(file, environ)
			if err != nil {
				return &codeError{exitUsage, err}
			}
			schemes, err := config.LoadSchemes(cfg.SchemeFiles)
			if err != nil {
				return &codeError{exitUsage, err}
			}
			if err := checkRoster(cfg, schemes, c.OutOrStdout()); err != nil {
				return err
			}
			if err := checkForms(cfg, schemes, c.OutOrStdout()); err != nil {
				return err
			}
			if err := checkAlerts(cfg); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "the configuration is sound: site %q, %d switches, data in %s\n", cfg.Site, len(cfg.Switches), cfg.Data)
			return nil
		},
	}
	c.Flags().StringVar(&file, "config", "", "configuration file")
	return c
}

// checkRoster says what is wrong with the roster of a configuration, if it has one, and
// whom no scheme is for.
func checkRoster(cfg *config.Config, schemes []api.Scheme, out io.Writer) error {
	if cfg.RosterFile == "" {
		return nil
	}
	zone, err := time.LoadLocation(cfg.TimeZone)
	var roster *config.Roster
	if err == nil {
		roster, err = config.LoadRoster(cfg.RosterFile, zone)
	}
	if err != nil {
		return &codeError{exitUsage, err}
	}
	if len(schemes) > 0 {
		for _, role := range unappraised(roster, schemes) {
			fmt.Fprintf(out, "%s: warning: role %q is in no scheme: nobody who has it is appraised\n", cfg.RosterFile, role)
		}
	}
	return nil
}

// unappraised are the roles of a roster that no scheme has.
func unappraised(r *config.Roster, schemes []api.Scheme) []string {
	roles := map[string]bool{}
	for _, a := range r.Agents() {
		for _, stay := range a.Stays {
			if stay.Role != "" {
				roles[stay.Role] = true
			}
		}
	}
	for _, s := range schemes {
		for i := range s.Roles {
			delete(roles, s.Roles[i].Name)
		}
	}
	return slices.Sorted(maps.Keys(roles))
}

// checkForms says what is wrong with the forms of a configuration, if it has any, and
// which of those that schemes ask for are not among them.
func checkForms(cfg *config.Config, schemes []api.Scheme, out io.Writer) error {
	if cfg.FormsFile == "" {
		return nil // forms come in with their points alone
	}
	forms, err := config.LoadForms(cfg.FormsFile)
	if err != nil {
		return &codeError{exitUsage, err}
	}
	for _, s := range schemes {
		for _, id := range s.Forms() {
			if !slices.ContainsFunc(forms, func(f form.Form) bool { return f.ID == id }) {
				fmt.Fprintf(out, "%s: warning: scheme %q asks for form.%s, and there is no form %q here\n", cfg.FormsFile, s.Name, id, id)
			}
		}
	}
	return nil
}

// checkAlerts says what is wrong with the alerts of a configuration, if it has any.
func checkAlerts(cfg *config.Config) error {
	if cfg.Alerts.File == "" {
		return nil
	}
	zone, err := time.LoadLocation(cfg.TimeZone)
	if err == nil {
		_, err = config.LoadAlerts(cfg.Alerts.File, zone)
	}
	if err != nil {
		return &codeError{exitUsage, err}
	}
	return nil
}
