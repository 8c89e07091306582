package main

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"tallyd/cmd/tallyd/config"
	"tallyd/connectors/api"
	"tallyd/connectors/source"
	"tallyd/metrics"
	"tallyd/metrics/roster"
)

// setup is how the set-up pages try things.
func (d *daemon) setup() api.Setup {
	return api.Setup{Switch: d.trySwitch, Roster: d.tryRoster}
}

// trySwitch attaches to a switch for some seconds. What it sees is counted nowhere.
func (d *daemon) trySwitch(ctx context.Context, s api.SwitchSettings) (*api.SwitchTrial, error) {
	sw := config.Switch{Name: s.Name, Kind: s.Kind, Address: s.Address, Password: s.Password, ARI: s.ARI, Username: s.Username,
		AMI: config.AMI{Address: s.AMI.Address, Username: s.AMI.Username, Password: s.AMI.Password}}
	if err := config.CheckSwitch(sw); err != nil {
		out := &api.SwitchTrial{Queues: []api.TriedQueue{}, Agents: []api.TriedAgent{}}
		var faults config.Faults
		if !errors.As(err, &faults) {
			return nil, err
		}
		for _, f := range faults {
			out.Faults = append(out.Faults, f.What)
		}
		return out, nil
	}
	key := make([]byte, 32) // of hashes that nobody will see
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	names := metrics.NewNames()
	tracker := metrics.NewTracker(names, metrics.Options{Switch: sw.Name, Queue: settingsOf(d.cfg.Queues), CallerKey: key})
	connector := d.connector(sw, names, tracker, source.NoJournal{})
	out := api.Tried(ctx, tracker, connector.Run, func() api.Health { return healthOf(connector.Health(), tracker) })
	var err error
	out.Config, err = switchConfig(sw)
	return out, err
}

// switchConfig is what stands for a switch in the configuration. Passwords are named
// by a file: who looks at the configuration, or at the page, does not see them.
func switchConfig(sw config.Switch) (string, error) {
	type ami struct {
		Address      string `yaml:"address"`
		Username     string `yaml:"username"`
		PasswordFile string `yaml:"password_file"`
	}
	entry := struct {
		Name         string `yaml:"name"`
		Kind         string `yaml:"kind"`
		Address      string `yaml:"address,omitempty"`
		ARI          string `yaml:"ari,omitempty"`
		Username     string `yaml:"username,omitempty"`
		PasswordFile string `yaml:"password_file"`
		AMI          *ami   `yaml:"ami,omitempty"`
	}{sw.Name, sw.Kind, sw.Address, sw.ARI, sw.Username, "/etc/tallyd/" + fileName(sw.Name) + ".password", nil}
	if sw.AMI.Address != "" {
		entry.AMI = &ami{sw.AMI.Address, sw.AMI.Username, "/etc/tallyd/" + fileName(sw.Name) + "-ami.password"}
	}
	b, err := yaml.Marshal(map[string]any{"switches": []any{entry}})
	return string(b), err
}

// fileName is a name that is safe as a file's.
func fileName(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, s)
}

// tryRoster reads a roster.
func (d *daemon) tryRoster(text string) *api.RosterTrial {
	out := &api.RosterTrial{Faults: []api.RosterFault{}}
	r, made, err := readEither(text, d.cfg.TimeZone)
	out.Roster = made
	var faults config.Faults
	switch {
	case errors.As(err, &faults):
		for _, f := range faults {
			out.Faults = append(out.Faults, api.RosterFault{Line: f.Line, Column: f.Col, What: f.What})
		}
	case err != nil:
		out.Faults = append(out.Faults, api.RosterFault{What: err.Error()})
	default:
		out.Agents, out.Teams = len(r.Agents()), len(r.Names(roster.ByTeam))
	}
	return out
}

// readEither reads a roster, and makes YAML of CSV, whose first line has a column id.
func readEither(text, zone string) (r *config.Roster, made string, err error) {
	z, err := time.LoadLocation(zone)
	if err != nil {
		return nil, "", err
	}
	first, _, _ := strings.Cut(text, "\n")
	if !strings.ContainsAny(first, ",;\t") || strings.Contains(first, ":") && !strings.Contains(first, "login:") {
		r, err = config.ReadRoster("roster.yaml", []byte(text), z)
		return r, "", err
	}
	imported, err := config.ImportRoster("roster.csv", []byte(text), "", nil)
	if err != nil {
		return nil, "", err
	}
	r, err = config.ReadRoster("roster.csv", imported.YAML, z)
	return r, string(imported.YAML), err
}
