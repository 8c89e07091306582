package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tallyd/cmd/tallyd/config"
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
			if err := checkRoster(cfg); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "the configuration is sound: site %q, %d switches, data in %s\n", cfg.Site, len(cfg.Switches), cfg.Data)
			return nil
		},
	}
	c.Flags().StringVar(&file, "config", "", "configuration file")
	return c
}

// checkRoster says what is wrong with the roster of a configuration, if it has
// one.
func checkRoster(cfg *config.Config) error {
	if cfg.RosterFile == "" {
		return nil
	}
	zone, err := time.LoadLocation(cfg.TimeZone)
	if err == nil {
		_, err = config.LoadRoster(cfg.RosterFile, zone)
	}
	if err != nil {
		return &codeError{exitUsage, err}
	}
	return nil
}
