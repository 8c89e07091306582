package main

import "github.com/spf13/cobra"

func kpiCommand(environ []string) *cobra.Command {
	return &cobra.Command{Use: "kpi", Args: cobra.NoArgs}
}
