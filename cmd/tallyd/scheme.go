package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"tallyd/rules"
	"tallyd/rules/document"
)

func schemeCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "scheme", Short: "look after the schemes that people are appraised by",
		Example: "  tallyd scheme check /etc/tallyd/schemes/*.yaml",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(&cobra.Command{
		Use: "check FILE...", Short: "say everything that is wrong with schemes, with its place",
		Long: "Reads schemes and says every fault at once, with file, line and column, and then what is unsound though it can be used.\n" +
			"Ends with 1 if there is any fault; warnings change nothing.",
		Example: "  tallyd scheme check /etc/tallyd/schemes/*.yaml",
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(c *cobra.Command, files []string) error { return checkSchemes(files, c.OutOrStdout()) },
	})
	return c
}

func checkSchemes(files []string, out io.Writer) error {
	wrong := 0
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return &codeError{exitUsage, err}
		}
		s, faults, warnings := rules.Read(file, b)
		for _, f := range faults {
			fmt.Fprintln(out, f.Error())
		}
		for _, f := range warnings {
			fmt.Fprintln(out, warned(f))
		}
		if wrong += len(faults); len(faults) == 0 {
			fmt.Fprintf(out, "%s: scheme %s, version %s, %d roles, sha256 %s\n", file, s.Name, s.Version, len(s.Roles), s.SHA256)
		}
	}
	if wrong > 0 {
		return notSo("scheme check: %d faults", wrong)
	}
	return nil
}

func warned(f document.Fault) string {
	f.What = "warning: " + f.What
	return f.Error()
}
