package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tallyd/cmd/tallyd/config"
	"tallyd/connectors/api"
)

type tokenOptions struct {
	config, data string
	role         string
	teams        []string
	agent        string
	expires      string
	json         bool
}

func tokenCommand(environ []string) *cobra.Command {
	var o tokenOptions
	c := &cobra.Command{
		Use: "token", Short: "make, list and revoke the tokens that let people and programs in",
		Long: "Whoever asks the daemon, over HTTP or NATS, shows a token. Its role says what it gets:\n\n" +
			"  admin       everything\n" +
			"  supervisor  queues, and the agents who are in --team now, or in a team that is part of one\n" +
			"  agent       what is about --agent alone\n" +
			"  wallboard   queues, and who is doing what now\n" +
			"  scoring     all figures and contacts\n" +
			"  ingest      feeds in facts, and reads nothing\n\n" +
			"Only a hash of a token is kept: it is shown once. The daemon need not be restarted; a token that is revoked ends within a second.",
		Example: "  tallyd token create hr --role scoring --expires 1y\n  tallyd token create ann --role supervisor --team billing\n  tallyd token list\n  tallyd token revoke hr",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	f := c.PersistentFlags()
	f.StringVar(&o.config, "config", "", "configuration file of the daemon")
	f.StringVar(&o.data, "data", "", "data folder of the daemon")
	f.BoolVar(&o.json, "json", false, "print one JSON document")

	create := &cobra.Command{
		Use: "create NAME", Short: "make a token and print it", Args: cobra.ExactArgs(1),
		Example: "  tallyd token create hr --role scoring --expires 1y",
		RunE: func(c *cobra.Command, args []string) error {
			return createToken(o, args[0], environ, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	g := create.Flags()
	g.StringVar(&o.role, "role", "", "admin, supervisor, agent, wallboard, scoring or ingest")
	g.StringSliceVar(&o.teams, "team", nil, "teams of a supervisor")
	g.StringVar(&o.agent, "agent", "", "who an agent is, by the roster's id or the switch's")
	g.StringVar(&o.expires, "expires", "", "how long it is good for, such as 90d or 1y; left out: until it is revoked")
	c.AddCommand(create, &cobra.Command{
		Use: "list", Short: "list the tokens, without themselves", Args: cobra.NoArgs, Example: "  tallyd token list --json",
		RunE: func(c *cobra.Command, _ []string) error { return listTokens(o, environ, c.OutOrStdout()) },
	}, &cobra.Command{
		Use: "revoke NAME", Short: "end a token", Args: cobra.ExactArgs(1), Example: "  tallyd token revoke hr",
		RunE: func(c *cobra.Command, args []string) error { return revokeToken(o, args[0], environ, c.ErrOrStderr()) },
	})
	return c
}

// tokensOf opens the book of tokens of the data folder.
func tokensOf(o tokenOptions, environ []string) (*api.Tokens, error) {
	cfg, err := config.Load(o.config, environ)
	if err != nil {
		return nil, &codeError{exitUsage, err}
	}
	dir := dataFolder(cfg, o.data)
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("there is no data folder: %w", err)
	}
	return api.OpenTokens(dir), nil
}

func createToken(o tokenOptions, name string, environ []string, out, errs io.Writer) error {
	var expires time.Time
	if o.expires != "" {
		var age config.Age
		if err := age.UnmarshalText([]byte(o.expires)); err != nil {
			return usage("token: --expires %q %v", o.expires, err)
		}
		now := time.Now()
		expires = now.AddDate(age.Years, age.Months, age.Days).Truncate(time.Second)
	}
	who := api.Asker{Name: name, Role: api.Role(o.role), Teams: o.teams, Agent: o.agent}
	if err := who.Valid(); err != nil {
		return usage("token: %v", err)
	}
	tokens, err := tokensOf(o, environ)
	if err != nil {
		return err
	}
	secret, err := tokens.Create(who, expires)
	if err != nil {
		return err
	}
	if o.json {
		return json.NewEncoder(out).Encode(struct {
			api.Asker
			Token   string    `json:"token"`
			Expires time.Time `json:"expires,omitzero"`
		}{who, secret, expires.UTC()})
	}
	fmt.Fprintf(errs, "This is the only time that the token is shown. HTTP: header \"Authorization: Bearer TOKEN\". NATS: user %s, the token as password, inbox prefix _INBOX_%s.\n", name, name)
	_, err = fmt.Fprintln(out, secret)
	return err
}

func listTokens(o tokenOptions, environ []string, out io.Writer) error {
	tokens, err := tokensOf(o, environ)
	if err != nil {
		return err
	}
	list, err := tokens.List()
	if err != nil {
		return err
	}
	if o.json {
		if list == nil {
			list = []api.Token{}
		}
		return json.NewEncoder(out).Encode(list)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tROLE\tFOR\tCREATED\tEXPIRES")
	for _, k := range list {
		expires := "never"
		switch {
		case k.Expires.IsZero():
		case time.Now().After(k.Expires):
			expires = "expired " + k.Expires.Local().Format(time.DateOnly)
		default:
			expires = k.Expires.Local().Format("2006-01-02 15:04")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", k.Name, k.Role, cmp.Or(strings.Join(k.Teams, ", "), k.Agent), k.Created.Local().Format("2006-01-02 15:04"), expires)
	}
	return w.Flush()
}

func revokeToken(o tokenOptions, name string, environ []string, errs io.Writer) error {
	tokens, err := tokensOf(o, environ)
	if err != nil {
		return err
	}
	if err := tokens.Revoke(name); errors.Is(err, api.ErrNoToken) {
		return notSo("%v", err)
	} else if err != nil {
		return err
	}
	_, err = fmt.Fprintf(errs, "%s is revoked: whoever is connected with it is cut off within a second\n", name)
	return err
}
