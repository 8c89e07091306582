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
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/spf13/cobra"

	"tallyd/cmd/tallyd/config"
	"tallyd/connectors/freeswitch/eventsocket"
	"tallyd/metrics"
)

type replayOptions struct {
	switches            []string
	ami, roster, config string
	visits, json        bool
}

func replayCommand() *cobra.Command {
	var o replayOptions
	c := &cobra.Command{
		Use: "replay --switch freeswitch|asterisk FILE...", Short: "run recordings through the connector, tracker and counters that serve uses",
		Long: "Runs recordings as fast as they go (plain files, .gz or .zst); several files are segments in order, with a gap between them.\n" +
			"freeswitch: the raw bytes of an event-socket connection, plain or JSON events. asterisk: ARI's events, one JSON object a line, bare or as\n" +
			"{\"rx\":epoch,\"ev\":{…}}; --ami adds a recording of the manager interface, which tells reasons of pauses, members and names.\n" +
			"Recordings of two switches of one centre: --switch asterisk=FILE --switch freeswitch=FILE, with a roster that says who is who.",
		Example: "  tallyd replay --switch freeswitch --json monday.raw.gz\n  tallyd replay --switch freeswitch before.raw after.raw\n" +
			"  tallyd replay --switch asterisk --ami ami-events.txt.gz --visits ari-events.jsonl.gz",
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, files []string) error {
			return replay(c.Context(), o, files, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringArrayVar(&o.switches, "switch", nil, "kind of switch: freeswitch or asterisk; or KIND=FILE[,FILE], once for each of several switches")
	f.StringVar(&o.ami, "ami", "", "recording of the manager interface (asterisk)")
	f.StringVar(&o.roster, "roster", "", "roster file that maps the switch's agent names to agents")
	f.StringVar(&o.config, "config", "", "configuration file, for the queues' settings and the time zone")
	f.BoolVar(&o.visits, "visits", false, "list every visit")
	f.BoolVar(&o.json, "json", false, "print one JSON document")
	return c
}

// recordingsOf is what --switch and the arguments name: a kind, and its files.
type recordingsOf struct {
	kind  string
	files []string
}

func (o *replayOptions) recordings(files []string) ([]recordingsOf, error) {
	if len(o.switches) == 0 {
		return nil, usage("replay: --switch is needed: freeswitch or asterisk")
	}
	var out []recordingsOf
	seen := map[string]bool{}
	for _, s := range o.switches {
		kind, list, named := strings.Cut(s, "=")
		r := recordingsOf{kind, files}
		switch {
		case named && len(files) > 0:
			return nil, usage("replay: files are given both after --switch %s= and as arguments", kind)
		case named:
			r.files = strings.Split(list, ",")
		case len(o.switches) > 1:
			return nil, usage("replay: of several switches each names its files: --switch %s=FILE", kind)
		}
		if len(r.files) == 0 || r.files[0] == "" {
			return nil, usage("replay: no recording is named")
		}
		if seen[kind] {
			return nil, usage("replay: --switch %s is given twice; several files are separated by commas", kind)
		}
		seen[kind] = true
		out = append(out, r)
	}
	return out, nil
}

func replay(ctx context.Context, o replayOptions, files []string, stdout, stderr io.Writer) error {
	list, err := o.recordings(files)
	if err != nil {
		return err
	}
	settings, zone, err := queueSettings(o.config)
	if err != nil {
		return err
	}
	var roster *config.Roster
	if o.roster != "" {
		if roster, err = config.LoadRoster(o.roster, zone); err != nil {
			return &codeError{exitUsage, err}
		}
	}
	r := newReplayed(roster, settings)
	for _, x := range list {
		ami := o.ami
		if x.kind != kindAsterisk && len(list) > 1 {
			ami = ""
		}
		if err := r.add(x.kind, ami, list); err != nil {
			return err
		}
	}
	var broken error
	for i, x := range list {
		broken = errors.Join(broken, r.parts[i].play(ctx, x.files, stderr))
		var fatal *fatalError
		if errors.As(broken, &fatal) {
			return fatal.err
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

// fatalError is one after which there is nothing to show.
type fatalError struct{ err error }

func (e *fatalError) Error() string { return e.err.Error() }

// play plays the recordings of one switch. The error is what is wrong with them,
// though what came before it counts.
func (p *part) play(ctx context.Context, files []string, stderr io.Writer) (broken error) {
	judge := func(name string, err error) error {
		switch {
		case err == nil:
		case errTruncated(err):
			fmt.Fprintf(stderr, "%s: %v; what came before counts\n", name, err)
		case errFormat(err):
			// What came before counts here too, but the file is not what it should be.
			p.malformed++
			return notSo("%s: %v; what came before counts", name, err)
		default:
			return &fatalError{fmt.Errorf("%s: %w", name, err)}
		}
		return nil
	}
	for i, name := range files {
		if i > 0 {
			p.player.lost()
		}
		broken = errors.Join(broken, judge(name, playFile(ctx, name, p.player, stderr)))
	}
	return errors.Join(broken, judge("--ami", p.player.end()))
}

// queueSettings are those of a configuration file, or the defaults, and with them
// its time zone.
func queueSettings(file string) (func(string) metrics.QueueSettings, *time.Location, error) {
	queues, zone := map[string]config.Queue{}, time.UTC
	if file != "" {
		cfg, err := config.Load(file, nil)
		if err != nil {
			return nil, nil, &codeError{exitUsage, err}
		}
		if zone, err = time.LoadLocation(cfg.TimeZone); err != nil {
			return nil, nil, &codeError{exitUsage, err}
		}
		queues = cfg.Queues
	}
	return settingsOf(queues), zone, nil
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

// targetsOf gives the service level that each queue is to reach.
func targetsOf(queues map[string]config.Queue) func(string) float64 {
	return func(name string) float64 {
		q, ok := queues[name]
		if !ok {
			q = config.DefaultQueue()
		}
		return float64(q.Target)
	}
}

// groupsOf finds a queue's group; a queue that is in none is one of its own.
func groupsOf(cfg *config.Config) func(queue string) metrics.QueueGroup {
	return func(queue string) metrics.QueueGroup {
		name, g, found := cfg.GroupOf(queue)
		if !found {
			return metrics.DefaultQueueGroup()
		}
		return metrics.QueueGroup{Name: name, Window: metrics.Millis(g.Window.Milliseconds())}
	}
}

// numbersOf says how callers' numbers are written.
func numbersOf(n config.Numbers) metrics.Numbers {
	return metrics.Numbers{Country: n.Country, Area: n.Area, International: n.InternationalPrefix, Trunk: n.TrunkPrefix, Digits: n.NationalDigits}
}

func playFile(ctx context.Context, name string, p player, stderr io.Writer) error {
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
	err = p.play(ctx, in)
	if errors.Is(err, io.ErrUnexpectedEOF) && !errTruncated(err) {
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
