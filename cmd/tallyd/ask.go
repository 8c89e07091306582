package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tallyd/cmd/tallyd/config"
	"tallyd/connectors/admin"
	"tallyd/connectors/web/client"
)

// askWithin bounds a question to the daemon.
const askWithin = 65 * time.Second

// reach is where the daemon is that a command asks.
type reach struct {
	config, data   string
	url, tokenFile string
}

func (r *reach) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&r.config, "config", "", "configuration file of the daemon")
	f.StringVar(&r.data, "data", "", "data folder of the daemon, if it runs on this machine")
	f.StringVar(&r.url, "url", "", "address of the daemon, if it runs elsewhere, such as https://pbx.example.org:8470")
	f.StringVar(&r.tokenFile, "token-file", "", "file with the token to show at --url; - reads it from the standard input")
}

// dial reaches the daemon of the data folder, whose owner needs no token, or the
// one at an address.
func (r *reach) dial(ctx context.Context, cfg *config.Config) (*client.Client, func(), error) {
	if r.url == "" {
		if r.tokenFile != "" {
			return nil, nil, usage("--token-file goes with --url")
		}
		c, err := admin.Dial(ctx, dataFolder(cfg, r.data))
		if err != nil {
			return nil, nil, err
		}
		return c.API(), c.Close, nil
	}
	if u, err := url.Parse(r.url); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, nil, usage("--url %q is no address, such as https://pbx.example.org:8470", r.url)
	}
	if r.tokenFile == "" {
		return nil, nil, usage("--url needs a token: --token-file FILE")
	}
	name := r.tokenFile
	if name == "-" {
		name = "/dev/stdin"
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, nil, &codeError{exitUsage, fmt.Errorf("--token-file: %w", err)}
	}
	return client.New(r.url, strings.TrimSpace(string(b))), func() {}, nil
}

// open reads the configuration and reaches the daemon.
func (r *reach) open(ctx context.Context, environ []string) (*client.Client, func(), error) {
	cfg, err := config.Load(r.config, environ)
	if err != nil {
		return nil, nil, &codeError{exitUsage, err}
	}
	return r.dial(ctx, cfg)
}

// asked makes of an answer's error what the command ends with: a question that
// cannot be answered is an error of usage.
func asked(err error) error {
	var p *client.Problem
	if errors.As(err, &p) && p.Status == 422 {
		return &codeError{exitUsage, err}
	}
	return err
}
