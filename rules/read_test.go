package rules

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestSchemesOfConfigs: the schemes that come along have no fault, and nothing
// unsound.
func TestSchemesOfConfigs(t *testing.T) {
	files, err := filepath.Glob("../configs/schemes/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, faults, warnings := Read(file, b); len(faults)+len(warnings) > 0 {
			t.Errorf("%v\n%v", faults, warnings)
		}
	}
}

// sound is a scheme with nothing wrong.
const soundScheme = `scheme: s
version: "1"
period: month
time_zone: Asia/Shanghai
grades: {A: 90, B: 0}
roles:
  agent:
    indicators:
      - {id: volume, kpi: answered_per_hour, dimension: output, floor: 3, target: 8, stretch: 11, weight: 40%, minimum: {answered: 40}}
      - {id: aht, kpi: aht, dimension: output, curve: band, band: [180s, 300s], falls_to_floor_in: 120s, weight: 20%, minimum: {answered: 40}, adjust: mix}
      - {id: csat, kpi: csat, dimension: soft, curve: steps, steps: [{to: 55%, points: 0}, {from: 55%, points: 60}, {from: 80%, points: 100}], weight: 30%, minimum: {surveys: 15}}
      - {id: hold, kpi: avg_hold, dimension: service, curve: zones, zones: [{at: 10s, points: 100}, {at: 60s, points: 0}], weight: 10%, minimum: {answered: 40}}
    gates:
      - {when: "form.qa.critical_failed > 0", cap: 60, because: "a critical item failed"}
    weights:
      - {from: 2026-11-01, to: 2026-11-15, because: "Double Eleven", set: {volume: 60%, aht: 0%}}
`

// quoted is the value that a message about one quotes.
var quoted = regexp.MustCompile(`^[a-z_]+ "([^"]*)"`)

// TestBadSchemes: each fault is told, with its place and what stands there.
func TestBadSchemes(t *testing.T) {
	if _, faults, warnings := Read("s.yaml", []byte(soundScheme)); len(faults)+len(warnings) > 0 {
		t.Fatal(faults, warnings)
	}
	for _, x := range []struct{ old, new, want string }{
		{soundScheme, "", `s.yaml: scheme is missing`},
		{soundScheme, "roles: [", `s.yaml:2: did not find expected node content`},
		{"scheme: s", "schema: s", `s.yaml:1: key "schema" is not known here`},
		{"period: month", "period: week", `s.yaml:3: period "week" is none of month, quarter, any`},
		{"Asia/Shanghai", "Shanghai", `s.yaml:4: time_zone "Shanghai" is not a time zone's name, such as Asia/Shanghai`},
		{"grades:", "service_level: {formula: sl.best}\ngrades:", `s.yaml:5: formula "sl.best" is none of sl.offered, sl.answered`},
		{"grades:", "service_level: {threshold: 2h}\ngrades:", `s.yaml:5: threshold 2h0m0s is not between 0 and 1h`},
		{"grades:", "points: {at_floor: 10, at_target: 10}\ngrades:", `s.yaml:5: points must go up from floor to target to stretch, from 0 to 1000: they are 10, 10, 120`},
		{"{A: 90, B: 0}", "{A: 90, B: 10}", `s.yaml:5: a score below 10 has no grade: the last one must begin at 0 or below`},
		{"{A: 90, B: 0}", "{A: 90, B: 90, C: 0}", `s.yaml:5: grades A and B begin at the same score`},
		{"{A: 90, B: 0}", "{A: many, B: 0}", `s.yaml:5: A "many" is not a number, such as 8`},
		{"  agent:", "  Team Lead:", `s.yaml:7: role "Team Lead" is no id: a letter, then letters, digits and _`},
		{"id: volume, ", "", `s.yaml:9: id is missing`},
		{"kpi: answered_per_hour, dimension: output, floor: 3, target: 8, stretch: 11", `expr: "answered / hours", unit: number, dimension: output, floor: 3, target: 8`,
			`s.yaml:9: expr "answered / hours", at character 12: undeclared reference to 'hours'`},
		{"kpi: answered_per_hour, dimension: output, floor: 3, target: 8, stretch: 11", `expr: "answered > 1", unit: number, dimension: output, floor: 3, target: 8`,
			`s.yaml:9: expr "answered > 1" comes to a bool, not to a double`},
		{"kpi: answered_per_hour, dimension: output, floor: 3, target: 8, stretch: 11", `expr: "answered +", unit: number, dimension: output, floor: 3, target: 8`,
			`s.yaml:9: expr "answered +", at character 11: Syntax error`},
		{"kpi: answered_per_hour", "kpi: team.score", `s.yaml:9: kpi "team.score" is of roles that are of teams: of: team`},
		{"kpi: answered_per_hour", "kpi: service_level", `s.yaml:9: kpi "service_level" is of roles that are of teams: of: team`},
		{"form.qa.critical_failed > 0", "form.qa.critical_failed", `s.yaml:14: when "form.qa.critical_failed" comes to a double, not to a bool`},
		{"form.qa.critical_failed > 0", "team.score > 3", `s.yaml:14: when "team.score > 3", at character 1: undeclared reference to 'team'`},
		{"  agent:\n", "  agent:\n    of: team\n", `s.yaml:11: a role that is of teams is not adjusted`},
		{"id: aht, kpi", "id: volume, kpi", `s.yaml:10: indicator "volume" is there twice`},
		{"kpi: answered_per_hour", "kpi: calls", `s.yaml:9: kpi "calls" is none of answered_per_hour, aht,`},
		{"kpi: answered_per_hour", "kpi: answered_per_hour, expr: '1.0'", `s.yaml:9: kpi and expr are both there`},
		{"kpi: answered_per_hour, ", "", `s.yaml:9: an indicator needs a kpi or an expr`},
		{"dimension: output, floor", "dimension: sales, floor", `s.yaml:9: dimension "sales" is none of output, service, soft, development, team, strategy`},
		{"floor: 3", "floor: 8", `s.yaml:9: floor "8" and target "8" are the same`},
		{"stretch: 11", "stretch: 7", `s.yaml:9: stretch "7" is not beyond target "8" as seen from floor "3"`},
		{"floor: 3", "floor: three", `s.yaml:9: floor "three" is not a number, such as 8`},
		{"floor: 3", "floor: 1e1", `s.yaml:9: floor "1e1" is not a number, such as 8`},
		{"floor: 3, ", "", `s.yaml:9: a curve linear needs floor`},
		{"floor: 3", "floor: 3, band: [1, 2]", `s.yaml:9: a curve linear has no band`},
		{"curve: band", "curve: bell", `s.yaml:10: curve "bell" is none of linear, band, steps, zones`},
		{"[180s, 300s]", "[300s, 180s]", `s.yaml:10: band "300s" to "180s" goes down`},
		{"[180s, 300s]", "[180s]", `s.yaml:10: band has 1 values, not 2: [180s, 300s]`},
		{"[180s, 300s]", "[180, 300s]", `s.yaml:10: 0 "180" is not a time, such as 180s`},
		{"in: 120s", "in: 0s", `s.yaml:10: falls_to_floor_in "0s" is not above 0`},
		{"{to: 55%, points: 0}", "{to: 50%, points: 0}", `s.yaml:11: there is a hole from 50% to 55%`},
		{"{to: 55%, points: 0}", "{to: 60%, points: 0}", `s.yaml:11: from "55%" overlaps the range before, which goes to 60%`},
		{"{from: 80%, points: 100}", "{from: 80%, to: 100%, points: 100}", `s.yaml:11: what is 100% or above has no points: the last range has no to`},
		{"{from: 80%, points: 100}", "{from: 50%, points: 100}", `s.yaml:11: from "50%" is not above from "55%"`},
		{"{from: 80%, points: 100}", "{from: 80%, points: 130}", `s.yaml:11: points 130 are not between the 0 of the floor and the 120 of the stretch`},
		{"{at: 60s, points: 0}", "{at: 10s, points: 0}", `s.yaml:12: at "10s" is not above "10s"`},
		{", {at: 60s, points: 0}", "", `s.yaml:12: zones has one point: two are the least`},
		{"weight: 40%", "weight: 41%", `s.yaml:9: the weights add up to 101%, not 100%`},
		{"weight: 40%", "weight: 40", `s.yaml:9: weight "40" is not a weight, such as 15% or 12.5%`},
		{"weight: 40%", "weight: 140%", `s.yaml:9: weight "140%" is more than 100%`},
		{", weight: 40%", "", `s.yaml:9: weight is missing`},
		{"{answered: 40}}\n      - {id: aht", "{calls: 40}}\n      - {id: aht", `s.yaml:9: minimum "calls" is none of offers, answered,`},
		{"{answered: 40}}\n      - {id: aht", "{answered: 0}}\n      - {id: aht", `s.yaml:9: answered 0 is below 1`},
		{"adjust: mix", "adjust: hours", `s.yaml:10: adjust "hours" is neither mix nor none`},
		{"cap: 60", "cap: 600", `s.yaml:14: points 600 are not between`},
		{`, because: "a critical item failed"`, "", `s.yaml:14: because is missing`},
		{"to: 2026-11-15", "to: 2026-10-15", `s.yaml:16: to "2026-10-15" is before from "2026-11-01"`},
		{"to: 2026-11-15", "to: 2026-11-31", `s.yaml:16: to "2026-11-31" is not a date, such as 2026-11-01`},
		{"{volume: 60%, aht: 0%}", "{volume: 60%}", `s.yaml:16: the weights add up to 120%, not 100%`},
		{"{volume: 60%, aht: 0%}", "{volume: 60%, aht: 0%, wit: 5%}", `s.yaml:16: "wit" is no indicator of the role`},
		{"{volume: 60%, aht: 0%}", "{volume: 60%, aht: 0%}}\n      - {from: 2026-11-15, to: 2026-12-01, because: x, set: {volume: 60%, aht: 0%}", `s.yaml:17: the weights from 2026-11-15 to 2026-12-01 overlap those from 2026-11-01 to 2026-11-15`},
		{"  agent:\n", "  agent:\n    like: agent\n", `s.yaml:8: role "agent" is like itself`},
		{"  agent:\n", "  agent:\n    like: chief\n", `s.yaml:8: like "chief" is no role of this scheme`},
		{"  agent:\n", "  agent:\n    without: [wit]\n", `s.yaml:8: without "wit": the role that this one is like has no such indicator`},
		{"  agent:\n", "  agent:\n    of: nobody\n", `s.yaml:8: of "nobody" is neither agent nor team`},
	} {
		text := strings.Replace(soundScheme, x.old, x.new, 1)
		if text == soundScheme {
			t.Fatalf("%q is not in the scheme", x.old)
		}
		_, faults, _ := Read("s.yaml", []byte(text))
		var got []string
		for _, f := range faults {
			where := fmt.Sprintf("s.yaml:%d", f.Line)
			if f.Line == 0 {
				where = "s.yaml"
			}
			got = append(got, where+": "+f.What)
			// What is quoted first stands there.
			if m := quoted.FindStringSubmatch(f.What); m != nil && f.Line > 0 {
				line := strings.Split(text, "\n")[f.Line-1]
				if at := strings.TrimPrefix(line[f.Col-1:], `"`); !strings.HasPrefix(at, m[1]) && !strings.HasPrefix(at, "[") {
					t.Errorf("%s stands at %q", f.Error(), at)
				}
			}
		}
		if !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, x.want) }) {
			t.Errorf("%s:\n%s\nwant\n%s", x.new, strings.Join(got, "\n"), x.want)
		}
	}
	// All at once.
	text := strings.NewReplacer("period: month", "period: week", "floor: 3", "floor: three", "cap: 60", "cap: 600").Replace(soundScheme)
	if _, faults, _ := Read("s.yaml", []byte(text)); len(faults) != 3 {
		t.Errorf("three faults are told as %v", faults)
	}
}

// TestUnsoundSchemes: what can be used and should not be is warned of.
func TestUnsoundSchemes(t *testing.T) {
	for _, x := range []struct{ old, new, want string }{
		{"kpi: csat, dimension: soft", "kpi: fcr, dimension: service", "role agent has no soft indicator"},
		{", minimum: {answered: 40}}\n      - {id: aht", "}\n      - {id: aht", "indicator volume of role agent has no minimum: one call can decide it"},
		{"weight: 40%, minimum: {answered: 40}", "weight: 40%, minimum: {answered: 40}, adjust: mix", "answered_per_hour is not told by queue: there is nothing to adjust"},
		{"kpi: avg_hold, dimension: service, curve: zones, zones: [{at: 10s, points: 100}, {at: 60s, points: 0}]", "kpi: avg_hold, dimension: service, floor: 10s, target: 60s", `avg_hold is better lower, and floor "10s" to target "60s" goes the other way`},
		{"kpi: avg_hold, dimension: service, curve: zones, zones: [{at: 10s, points: 100}, {at: 60s, points: 0}]", "kpi: fcr, dimension: service, floor: 50%, target: 120%", "fcr cannot be beyond 0 to 100 %: a mark out of reach"},
		{"  agent:\n", "  other:\n    like: agent\n    indicators:\n      - {id: volume, kpi: answered_per_hour, dimension: output, floor: 3, target: 8, weight: 30%, minimum: {answered: 40}}\n" +
			"      - {id: csat, kpi: csat, dimension: soft, floor: 3%, target: 8%, weight: 40%, minimum: {surveys: 40}}\n  agent:\n",
			"the weights from 2026-11-01 to 2026-11-15 that the role has of another add up to 110%, not 100%"},
		{"  agent:\n", "  other:\n    like: agent\n  agent:\n", "roles other and agent have the same indicators with the same weights"},
	} {
		text := strings.Replace(soundScheme, x.old, x.new, 1)
		if text == soundScheme {
			t.Fatalf("%q is not in the scheme", x.old)
		}
		_, faults, warnings := Read("s.yaml", []byte(text))
		if len(faults) > 0 || len(warnings) == 0 || !strings.Contains(fmt.Sprint(warnings), x.want) {
			t.Errorf("%s:\nfaults %v\nwarnings %v\nwant %s", x.new, faults, warnings, x.want)
		}
	}
}
