package main

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"

	"gopkg.in/yaml.v3"

	"tallyd/cmd/tallyd/config"
	"tallyd/connectors/api"
	"tallyd/connectors/source"
	"tallyd/metrics"
)

// setup is how the set-up pages try things.
func (d *daemon) setup() api.Setup {
	return api.Setup{Switch: d.trySwitch, Roster: d.tryRoster, WriteRoster: d.writeRoster}
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
