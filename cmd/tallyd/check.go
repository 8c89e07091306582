package main

import (
	"fmt"

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
			fmt.Fprintf(c.OutOrStdout(), "the configuration is sound: site %q, %d switches, data in %s\n", cfg.Site, len(cfg.Switches), cfg.Data)
			return nil
		},
	}
	c.Flags().StringVar(&file, "config", "", "configuration file")
	return c
}
