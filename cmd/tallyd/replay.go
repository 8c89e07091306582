package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
	"github.com/spf13/cobra"

	"tallyd/cmd/tallyd/config"
	"tallyd/connectors/freeswitch"
	"tallyd/connectors/freeswitch/eventsocket"
	"tallyd/metrics"
)

type replayOptions struct {
	kind, roster, config string
	visits, json         bool
}

func replayCommand() *cobra.Command {
	var o replayOptions
	c := &cobra.Command{
		Use: "replay --switch freeswitch FILE...", Short: "run recordings through the connector, tracker and counters that serve uses",
		Long: "Runs recordings of an event-socket connection (raw bytes, plain or JSON events; plain files, .gz or .zst) as fast as they go.\n" +
			"Several files are segments in order, with a gap between them.",
		Example: "  tallyd replay --switch freeswitch --json monday.raw.gz\n  tallyd replay --switch freeswitch before.raw after.raw",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, files []string) error {
			return replay(c.Context(), o, files, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVar(&o.kind, "switch", "", "kind of switch: freeswitch")
	f.StringVar(&o.roster, "roster", "", "roster file that maps the switch's agent names to agents")
	f.StringVar(&o.config, "config", "", "configuration file, for the queues' settings")
	f.BoolVar(&o.visits, "visits", false, "list every visit")
	f.BoolVar(&o.json, "json", false, "print one JSON document")
	return c
}

func replay(ctx context.Context, o replayOptions, files []string, stdout, stderr io.Writer) error {
	switch o.kind {
	case "freeswitch":
	case "":
		return usage("replay: --switch is needed: freeswitch")
	default:
		return usage("replay: switch %q is not supported by this version, only freeswitch is", o.kind)
	}
	settings, err := queueSettings(o.config)
	if err != nil {
		return err
	}
	r := newReplayed(o.kind, settings)
	if o.roster != "" {
		roster, err := config.LoadRoster(o.roster)
		if err != nil {
			return &codeError{exitUsage, err}
		}
		roster.Apply(r.names, o.kind)
		r.roster = roster
	}
	var broken error
	for i, name := range files {
		if i > 0 {
			r.translator.Lost()
		}
		err := replayFile(ctx, name, r, stderr)
		switch {
		case err == nil:
		case errors.Is(err, eventsocket.ErrTruncated):
			fmt.Fprintf(stderr, "%s: %v; what came before counts\n", name, err)
		case isFormatError(err):
			// What came before counts here too, but the file is not what it should be.
			r.malformed++
			broken = notSo("%s: %v; what came before counts", name, err)
		default:
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	r.finish()
	if o.json {
		err = r.writeJSON(stdout, o.visits)
	} else {
		err = r.writeTable(stdout, o.visits)
	}
	return errors.Join(err, broken)
}

func isFormatError(err error) bool {
	var f *eventsocket.FormatError
	return errors.As(err, &f)
}

// queueSettings are those of a configuration file, or the defaults.
func queueSettings(file string) (func(string) metrics.QueueSettings, error) {
	queues := map[string]config.Queue{}
	if file != "" {
		cfg, err := config.Load(file, nil)
		if err != nil {
			return nil, &codeError{exitUsage, err}
		}
		queues = cfg.Queues
	}
	return settingsOf(queues), nil
}

func settingsOf(queues map[string]config.Queue) func(string) metrics.QueueSettings {
	return func(name string) metrics.QueueSettings {
		q, ok := queues[name]
		if !ok {
			q = config.DefaultQueue()
		}
		return metrics.QueueSettings{ShortAbandon: metrics.Millis(q.ShortAbandon.Milliseconds()),
			ServiceLevel: metrics.Millis(q.ServiceLevel.Milliseconds()), WrapUp: metrics.Millis(q.WrapUp.Milliseconds())}
	}
}

func replayFile(ctx context.Context, name string, r *replayed, stderr io.Writer) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	bar := newProgress(name, f, stderr)
	defer bar.done()
	in, err := decompress(bar)
	if err != nil {
		return err
	}
	err = freeswitch.Replay(ctx, in, r.translator)
	if errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, eventsocket.ErrTruncated) {
		return fmt.Errorf("the compressed file is cut off: %w", eventsocket.ErrTruncated)
	}
	return err
}

// decompress tells plain, gzip and zstd by their first bytes.
func decompress(r io.Reader) (io.Reader, error) {
	b := bufio.NewReaderSize(r, 256<<10)
	head, _ := b.Peek(4)
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return gzip.NewReader(b)
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
	}
	return b, nil
}
