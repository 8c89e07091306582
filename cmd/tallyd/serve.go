package main

import "github.com/spf13/cobra"

func serveCommand(environ []string) *cobra.Command { return &cobra.Command{Use: "serve", Args: cobra.NoArgs} }
func kpiCommand(environ []string) *cobra.Command   { return &cobra.Command{Use: "kpi", Args: cobra.NoArgs} }
