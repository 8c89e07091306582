package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tallyd/cmd/tallyd/config"
	"tallyd/connectors/api"
	"tallyd/metrics"
)

type forgetOptions struct {
	config, data string
	list         bool
	json         bool
}

func forgetCommand(environ []string) *cobra.Command {
	var o forgetOptions
	c := &cobra.Command{
		Use: "forget caller NUMBER|- | agent NAME", Short: "forget a caller or an agent, and list what was forgotten",
		Long: "Takes a person out of what is stored, and leaves every sum as it is: contacts lose what tells the caller; of an agent,\n" +
			"contacts and rollups carry a name such as forgotten-1a2b3c instead. That it was done, when, by whom and of how many\n" +
			"records, is kept and listed; who was forgotten is not. NUMBER is compared as switches present it, whatever the spaces and\n" +
			"punctuation; one with + is also found with 00 or without. - reads it from the standard input, so that no shell keeps it.\n" +
			"The running daemon does it, or, if none runs on the data folder, this command. Backups made before still hold it.",
		Example: "  tallyd forget caller +4930123456\n  tallyd forget agent 1001@default\n  tallyd forget --list --json",
		Args:    cobra.MaximumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return forget(c.Context(), o, args, environ, c.InOrStdin(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVar(&o.config, "config", "", "configuration file of the daemon")
	f.StringVar(&o.data, "data", "", "data folder of the daemon")
	f.BoolVar(&o.list, "list", false, "list what was forgotten")
	f.BoolVar(&o.json, "json", false, "print one JSON document")
	return c
}

func forget(ctx context.Context, o forgetOptions, args, environ []string, in io.Reader, out, errs io.Writer) error {
	if o.list != (len(args) == 0) || len(args) == 1 || len(args) == 2 && args[0] != api.ForgetCaller && args[0] != api.ForgetAgent {
		return usage("forget: say caller NUMBER, agent NAME or --list")
	}
	cfg, err := config.Load(o.config, environ)
	if err != nil {
		return &codeError{exitUsage, err}
	}
	data := dataFolder(cfg, o.data)
	var r api.ForgetRequest
	if !o.list {
		if r, err = whom(args[0], args[1], data, numbersOf(cfg.Numbers), in); err != nil {
			return err
		}
	}
	k, err := openKeeper(ctx, cfg, data, slog.New(slog.NewTextHandler(errs, nil)))
	if err != nil {
		return err
	}
	if o.list {
		list, err := k.Forgotten(ctx)
		if err = errors.Join(err, k.close()); err != nil {
			return err
		}
		return printForgotten(out, list, o.json, cfg)
	}
	r.By = k.by
	done, err := k.Forget(ctx, r)
	if err == nil {
		err = k.compact(ctx)
	}
	if err2 := k.close(); err2 != nil {
		err = errors.Join(err, err2)
	}
	switch {
	case errors.Is(err, api.ErrUnknown):
		return notSo("forget: nothing is stored about this %s", r.Kind)
	case err != nil:
		return err
	case o.json:
		return json.NewEncoder(out).Encode(done)
	}
	fmt.Fprintf(out, "forgotten: %d contacts, %d rollups were changed, %d facts deleted or changed (number %d of the list)\n", done.Contacts, done.Rollups, done.Facts, done.Number)
	if done.Name != "" {
		fmt.Fprintf(out, "%s stands for the agent now\n", done.Name)
	}
	return nil
}

// whom is the request to forget somebody. A number is hashed here, and goes
// nowhere.
func whom(kind, name, data string, plan metrics.Numbers, in io.Reader) (r api.ForgetRequest, err error) {
	r.Kind = kind
	if kind == api.ForgetAgent {
		r.Agent = name
		return r, nil
	}
	if name == "-" {
		if name, err = bufio.NewReader(io.LimitReader(in, 1000)).ReadString('\n'); err != nil && err != io.EOF {
			return r, fmt.Errorf("the number cannot be read: %w", err)
		}
	}
	numbers := presentations(name)
	if len(numbers) == 0 {
		return r, usage("forget: that is no number")
	}
	key, err := os.ReadFile(filepath.Join(data, api.CallerKeyFile))
	if err != nil {
		return r, fmt.Errorf("the key of the callers: %w", err)
	}
	for _, n := range numbers {
		// As it is stored now, and as it was before numbers were normalised.
		for _, as := range []string{plan.Normalise(metrics.MakeCaller([]byte(n))).String(), n} {
			if h := callerHash(key, as); as != "" && !slices.Contains(r.Hashes, h) {
				r.Hashes = append(r.Hashes, h)
			}
		}
	}
	return r, nil
}

// internationalDigits is how many digits a number has at least that is not taken
// for an extension.
const internationalDigits = 8

// presentations are the ways in which switches present a number that people
// write with spaces and punctuation.
func presentations(number string) (list []string) {
	number = strings.TrimSpace(number)
	bare := strings.Map(func(c rune) rune {
		if strings.ContainsRune(" -./()\t\u00a0\u2011\u2013", c) {
			return -1
		}
		return c
	}, number)
	if bare == "" {
		return nil
	}
	rest, international := strings.CutPrefix(bare, "+")
	if !international {
		rest, international = strings.CutPrefix(bare, "00")
	}
	if international && len(rest) >= internationalDigits {
		list = append(list, "+"+rest, "00"+rest, rest)
	} else {
		list = append(list, bare)
	}
	if number != bare { // some switch may present it so
		list = append(list, number)
	}
	return list
}

// callerHash is the hash that trackers give a caller's normalised number.
func callerHash(key []byte, number string) [16]byte {
	return metrics.CallerHash(key, metrics.MakeCaller([]byte(number)))
}

func printForgotten(out io.Writer, list []api.Forgotten, asJSON bool, cfg *config.Config) error {
	if asJSON {
		if list == nil {
			list = []api.Forgotten{}
		}
		return json.NewEncoder(out).Encode(map[string]any{"forgotten": list})
	}
	zone, err := time.LoadLocation(cfg.TimeZone)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NUMBER\tWHEN\tKIND\tBY\tCONTACTS\tROLLUPS\tFACTS\tNOW CALLED")
	for _, f := range list {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%d\t%d\t%d\t%s\n", f.Number, metrics.Millis(f.At).Time().In(zone).Format("2006-01-02 15:04 MST"), f.Kind, f.By, f.Contacts, f.Rollups, f.Facts, f.Name)
	}
	return w.Flush()
}
