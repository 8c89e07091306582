// Command tallyd counts what happens in a call centre: it attaches to the
// switches, keeps every agent's state and every call's legs, stores sums and
// evidence, and publishes both.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"tallyd/cmd/tallyd/config"
)

// Exit codes that scripts rely on.
const (
	exitDone    = 0
	exitNotSo   = 1 // the thing asked about is not so
	exitUsage   = 2 // usage or configuration
	exitCannot  = 3 // could not run
	description = "tallyd sits beside a call centre's switch and turns agents' states and calls into numbers that people trust."
)

// codeError is an error with the exit code that it ends in.
type codeError struct {
	code int
	err  error
}

func (e *codeError) Error() string { return e.err.Error() }
func (e *codeError) Unwrap() error { return e.err }

func notSo(format string, args ...any) error {
	return &codeError{exitNotSo, fmt.Errorf(format, args...)}
}
func usage(format string, args ...any) error {
	return &codeError{exitUsage, fmt.Errorf(format, args...)}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main without the process: tests call it.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	root := rootCommand(environ)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return ended(root.ExecuteContext(ctx), stderr)
}

// ended says what a command ended with, and with which code.
func ended(err error, stderr io.Writer) int {
	if err == nil {
		return exitDone
	}
	fmt.Fprintln(stderr, err)
	var code *codeError
	var faults config.Faults
	switch {
	case errors.As(err, &code):
		return code.code
	case errors.As(err, &faults):
		return exitUsage
	}
	return exitCannot
}

func rootCommand(environ []string) *cobra.Command {
	root := &cobra.Command{
		Use: "tallyd", Short: "call-centre metrics and appraisal", Long: description,
		SilenceUsage: true, SilenceErrors: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		Args:              cobra.NoArgs,
		RunE:              func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &codeError{exitUsage, err} })
	root.AddCommand(serveCommand(environ), replayCommand(), checkCommand(environ), kpiCommand(environ), contactsCommand(environ), exportCommand(environ), importCommand(environ), metricsCommand(), verifyCommand(environ), rosterCommand(environ),
		forgetCommand(environ), backupCommand(environ), restoreCommand(environ), tokenCommand(environ), topCommand(environ), schemeCommand(), scoreCommand(environ), explainCommand(environ), alertsCommand(environ))
	for _, c := range root.Commands() {
		sayUsage(c)
	}
	return root
}

// sayUsage makes wrong arguments of a command, and of those below it, errors of
// usage.
func sayUsage(c *cobra.Command) {
	args := c.Args
	c.Args = func(c *cobra.Command, list []string) error {
		if err := args(c, list); err != nil {
			return usage("%s: %v", c.CommandPath(), err)
		}
		return nil
	}
	for _, sub := range c.Commands() {
		sayUsage(sub)
	}
}
