package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"tallyd/cmd/tallyd/config"
)

type serveOptions struct {
	config, data string
	demo         bool
	verbose      bool
}

func serveCommand(environ []string) *cobra.Command {
	var o serveOptions
	c := &cobra.Command{
		Use: "serve", Short: "the daemon: attach to the switches, count, store, publish", Args: cobra.NoArgs,
		Long: "Attaches to the configured switches, keeps rollups and contacts in the data folder and publishes over NATS.\n" +
			"With --demo and no switch configured it attaches to a simulated one, which plays a recorded call centre.\n" +
			"On SIGHUP it reads the roster and the alerts anew; what has a fault in it is refused, and the one before stays.",
		Example: "  tallyd serve --config /etc/tallyd/tallyd.yaml\n  tallyd serve --demo",
		RunE: func(c *cobra.Command, _ []string) error {
			return serve(c.Context(), o, environ, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVar(&o.config, "config", "", "configuration file")
	f.StringVar(&o.data, "data", "", "data folder (default: the configuration's; with --demo one in the user's cache)")
	f.BoolVar(&o.demo, "demo", false, "attach to a simulated call centre if no switch is configured")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "log details")
	return c
}

func serve(ctx context.Context, o serveOptions, environ []string, stdout, stderr io.Writer) error {
	level := slog.LevelInfo
	if o.verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	cfg, err := config.Load(o.config, environ)
	if err != nil {
		return &codeError{exitUsage, err}
	}
	if len(cfg.Switches) == 0 && !o.demo {
		return usage("no switch is configured: name one in the configuration, or try tallyd serve --demo")
	}
	demo := o.demo && len(cfg.Switches) == 0
	if err := chooseData(cfg, &o, demo); err != nil {
		return err
	}
	lean()
	hangups := make(chan os.Signal, 1) // from here on none ends the process
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	d, err := newDaemon(ctx, cfg, demo, log)
	if err != nil {
		return err
	}
	d.hangups = hangups
	return d.run(ctx, stdout)
}

// chooseData settles the data folder and makes it.
func chooseData(cfg *config.Config, o *serveOptions, demo bool) error {
	switch {
	case o.data != "":
		cfg.Data = o.data
	case demo && cfg.Data == config.Default().Data:
		cfg.Data = demoFolder()
	}
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	return interruptedRestoring(cfg.Data)
}

// stopWithin is how long the parts of the daemon may take to stop.
const stopWithin = 20 * time.Second

var errStop = errors.New("the daemon is stopping")
