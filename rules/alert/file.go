package alert

import "time"

// What a file of alerts looks like as people write it.

type file struct {
	TimeZone string     `yaml:"time_zone"`
	Alerts   []ruleFile `yaml:"alerts"`
}

type ruleFile struct {
	ID        string        `yaml:"id"`
	Of        string        `yaml:"of"`
	When      string        `yaml:"when"`
	Hold      time.Duration `yaml:"hold"`
	Clear     string        `yaml:"clear"`
	ClearHold time.Duration `yaml:"clear_hold"`
	Owner     string        `yaml:"owner"`
	Severity  string        `yaml:"severity"`
	Because   string        `yaml:"because"`
	Quiet     []quietFile   `yaml:"quiet"`
	Only      []string      `yaml:"only"`
}

// quietFile is days, a time of day, or a time of some days: those on which it begins.
type quietFile struct {
	Days []string `yaml:"days"`
	From string   `yaml:"from"`
	To   string   `yaml:"to"`
}
