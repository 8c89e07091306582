package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"tallyd/connectors/asterisk"
	"tallyd/connectors/freeswitch"
	"tallyd/connectors/freeswitch/eventsocket"
	"tallyd/connectors/source"
	"tallyd/metrics"
)

// kinds of switches that recordings can be of.
const (
	kindFreeSWITCH = "freeswitch"
	kindAsterisk   = "asterisk"
)

// player plays recordings of one kind of switch through its translator.
type player interface {
	// play reads one recording to its end. What came before an error counts.
	play(ctx context.Context, in io.Reader) error
	// lost says that a gap follows.
	lost()
	// end is called once, after the last recording.
	end() error
	counts() source.Counts
	// name is the name of an agent, where the switch tells one.
	name(agent string) string
}

// newPlayer returns the player of a kind. sink receives the facts.
func newPlayer(kind string, names *metrics.Names, ami string, sink func(*metrics.Event)) (player, error) {
	switch kind {
	case kindFreeSWITCH:
		if ami != "" {
			return nil, usage("replay: --ami goes with --switch asterisk")
		}
		return &freeswitchPlayer{freeswitch.NewTranslator(names, sink)}, nil
	case kindAsterisk:
		return newAsteriskPlayer(asterisk.NewTranslator(names, sink), ami)
	case "":
		return nil, usage("replay: --switch is needed: freeswitch or asterisk")
	}
	return nil, usage("replay: switch %q is neither freeswitch nor asterisk", kind)
}

// errTruncated: a recording ends in the middle of an event.
func errTruncated(err error) bool {
	return errors.Is(err, eventsocket.ErrTruncated) || errors.Is(err, asterisk.ErrTruncated)
}

// errFormat: a recording is not what it should be.
func errFormat(err error) bool {
	var f *eventsocket.FormatError
	return errors.As(err, &f) || errors.Is(err, asterisk.ErrNoEvents) || errors.Is(err, asterisk.ErrNoMessages)
}

type freeswitchPlayer struct{ t *freeswitch.Translator }

func (p *freeswitchPlayer) play(ctx context.Context, in io.Reader) error {
	return freeswitch.Replay(ctx, in, p.t)
}
func (p *freeswitchPlayer) lost()                 { p.t.Lost() }
func (p *freeswitchPlayer) end() error            { return nil }
func (p *freeswitchPlayer) counts() source.Counts { return p.t.Counts }
func (p *freeswitchPlayer) name(string) string    { return "" }

// asteriskPlayer plays ARI's events, and beside them those of the manager
// interface.
type asteriskPlayer struct {
	t       *asterisk.Translator
	file    *os.File
	manager *asterisk.Manager
}

func newAsteriskPlayer(t *asterisk.Translator, ami string) (*asteriskPlayer, error) {
	p := &asteriskPlayer{t: t}
	if ami == "" {
		return p, nil
	}
	var err error
	if p.file, err = os.Open(ami); err != nil {
		return nil, err
	}
	in, err := decompress(p.file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ami, err)
	}
	p.manager = asterisk.NewManager(in)
	return p, nil
}

func (p *asteriskPlayer) play(ctx context.Context, in io.Reader) error {
	return asterisk.Replay(ctx, in, p.manager, p.t)
}

func (p *asteriskPlayer) end() error {
	if p.manager == nil {
		return nil
	}
	defer p.file.Close()
	if err := p.manager.Rest(p.t); err != nil {
		return fmt.Errorf("%s: %w", p.file.Name(), err)
	}
	return nil
}

func (p *asteriskPlayer) lost()                    { p.t.Lost() }
func (p *asteriskPlayer) counts() source.Counts    { return p.t.Counts.Counts }
func (p *asteriskPlayer) name(agent string) string { return p.t.Name(agent) }
