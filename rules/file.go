package rules

import "time"

// What a scheme looks like as people write it. Values whose unit depends on the
// figure stay texts until that is known.

type schemeFile struct {
	Scheme       string              `yaml:"scheme"`
	Version      string              `yaml:"version"`
	Period       string              `yaml:"period"`
	TimeZone     string              `yaml:"time_zone"`
	ServiceLevel serviceLevelFile    `yaml:"service_level"`
	Points       pointsFile          `yaml:"points"`
	Grades       map[string]string   `yaml:"grades"`
	Roles        map[string]roleFile `yaml:"roles"`
}

type serviceLevelFile struct {
	Formula   string        `yaml:"formula"`
	Threshold time.Duration `yaml:"threshold"`
}

type pointsFile struct {
	AtFloor   string `yaml:"at_floor"`
	AtTarget  string `yaml:"at_target"`
	AtStretch string `yaml:"at_stretch"`
}

type roleFile struct {
	Of string `yaml:"of"`
	// Like names a role whose indicators, gates and weights this one has too, but for
	// those that are here again under the same id.
	Like       string          `yaml:"like"`
	Without    []string        `yaml:"without"`
	Indicators []indicatorFile `yaml:"indicators"`
	Gates      []gateFile      `yaml:"gates"`
	Weights    []seasonFile    `yaml:"weights"`
}

type indicatorFile struct {
	ID        string         `yaml:"id"`
	KPI       string         `yaml:"kpi"`
	Expr      string         `yaml:"expr"`
	Unit      string         `yaml:"unit"` // of an expression
	Dimension string         `yaml:"dimension"`
	Curve     string         `yaml:"curve"`
	Floor     string         `yaml:"floor"`
	Target    string         `yaml:"target"`
	Stretch   string         `yaml:"stretch"`
	Band      []string       `yaml:"band"`
	FallsIn   string         `yaml:"falls_to_floor_in"`
	Steps     []stepFile     `yaml:"steps"`
	Zones     []zoneFile     `yaml:"zones"`
	Weight    Weight         `yaml:"weight"`
	Minimum   map[string]int `yaml:"minimum"`
	Adjust    string         `yaml:"adjust"`
}

type stepFile struct {
	From   string `yaml:"from"`
	To     string `yaml:"to"`
	Points string `yaml:"points"`
}

type zoneFile struct {
	At     string `yaml:"at"`
	Points string `yaml:"points"`
}

type gateFile struct {
	When    string `yaml:"when"`
	Cap     string `yaml:"cap"`
	Because string `yaml:"because"`
}

type seasonFile struct {
	From    Date              `yaml:"from"`
	To      Date              `yaml:"to"`
	Because string            `yaml:"because"`
	Set     map[string]Weight `yaml:"set"`
}
